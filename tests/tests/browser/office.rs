//! A site with comments that wait, and moderators at their browsers.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fantoccini::key::Key;
use moderato_api::pb::ingest::{CommentDraft, SubmitCommentRequest};
use moderato_api::pb::query::CountPublishedCommentsRequest;
use moderato_tests::browser::{Browser, Person, soon};
use moderato_tests::deployment::{Deployment, SITE};
use moderato_tests::sample;
use serde_json::json;
use tonic::Status;

/// Where the comments of these tests are.
pub(crate) const THREAD: &str = "post-1";

/// Everybody's here.
const PASSWORD: &str = "correct horse battery staple";

fn mail(name: &str) -> String {
    format!("{name}@office.example")
}

/// Words that say what they stand for in every text: no two texts look like a campaign.
const WORDS: [&str; 30] = [
    "anchor", "basket", "candle", "desert", "engine", "forest", "garden", "harbour", "island", "jungle",
    "kettle", "ladder", "meadow", "needle", "orchard", "pepper", "quarry", "ribbon", "saddle", "temple",
    "umbrella", "valley", "window", "yellow", "zebra", "blanket", "cottage", "diamond", "emerald", "feather",
];

/// An installation, and how its pages are reached.
pub(crate) struct Office {
    pub(crate) deployment: Deployment,
    pub(crate) url: String,
    begun: AtomicBool,
}

impl Office {
    pub(crate) fn of(deployment: Deployment) -> Self {
        Self { url: deployment.console_url(), deployment, begun: AtomicBool::new(false) }
    }

    /// The same, reached through something that stands before it.
    pub(crate) fn through(self, url: String) -> Self {
        Self { url, ..self }
    }

    /// A harmless comment: on this site somebody has to approve it.
    pub(crate) fn harmless(number: usize) -> CommentDraft {
        let (word, other) = (WORDS[number % WORDS.len()], WORDS[(number * 7 + 3) % WORDS.len()]);
        let body = format!("The {word} of chapter {number} reminded me of the {other} at my aunt's house.");
        let mut draft = sample::draft(THREAD, &body);
        if let Some(author) = &mut draft.author {
            author.display_name = format!("Reader {number}");
            author.email = format!("reader-{number}@mail.example");
        }
        draft
    }

    /// Submits comments and waits until they were judged; their names.
    pub(crate) async fn receive(&self, drafts: impl IntoIterator<Item = CommentDraft>) -> Vec<String> {
        let mut names = Vec::new();
        for comment in drafts {
            names.push(self.receive_one(comment).await);
        }
        self.deployment.until_drained(Duration::from_mins(1)).await;
        names
    }

    /// Comments that readers of the page see.
    pub(crate) async fn published(&self) -> i64 {
        let request =
            CountPublishedCommentsRequest { parent: SITE.to_owned(), threads: vec![THREAD.to_owned()] };
        self.deployment.query().count_published_comments(request).await.unwrap().into_inner().counts[0]
            .published
    }

    pub(crate) async fn until_published(&self, count: i64) {
        soon(&format!("{count} comments are published"), async || {
            (self.published().await == count).then_some(())
        })
        .await;
    }

    /// A comment that rules speak against.
    pub(crate) fn spam() -> CommentDraft {
        let body = "Hello! Buy cheap v\u{200B}iagra at https://bit.ly/x1 and https://bit.ly/x2 and https://bit.ly/x3";
        sample::draft(THREAD, body)
    }

    async fn submit(&self, comment: CommentDraft) -> Result<String, Status> {
        let request = SubmitCommentRequest {
            parent: SITE.to_owned(),
            comment: Some(comment),
            ..SubmitCommentRequest::default()
        };
        Ok(self.deployment.ingest().submit_comment(request).await?.into_inner().name)
    }

    /// Submits a comment; none if the door refuses it.
    pub(crate) async fn try_to_receive(&self, comment: CommentDraft) -> Option<String> {
        self.submit(comment).await.ok()
    }

    /// Submits a comment; its name. Does not wait until it was judged.
    pub(crate) async fn receive_one(&self, comment: CommentDraft) -> String {
        self.submit(comment).await.unwrap()
    }

    /// How the door refuses a comment.
    pub(crate) async fn refusal(&self, comment: CommentDraft) -> Status {
        self.submit(comment).await.unwrap_err()
    }

    /// Waits until everything that was submitted was judged.
    pub(crate) async fn settle(&self) {
        self.deployment.until_drained(Duration::from_mins(1)).await;
    }

    /// The one-time link that the first start told the operator.
    fn first_link(&self) -> String {
        self.link_in(&self.deployment.log_text(self.deployment.process_of("query")))
    }

    fn link_in(&self, text: &str) -> String {
        let (_, rest) = text.split_once("/link/").expect("there is a link");
        let in_token = |ch: &char| ch.is_ascii_alphanumeric() || "-_".contains(*ch);
        format!("{}/link/{}", self.url, rest.chars().take_while(in_token).collect::<String>())
    }

    /// Somebody else at a browser, invited by the operator, who may decide on the site.
    pub(crate) async fn moderator(&self, name: &str) -> Desk {
        let site = SITE.trim_start_matches("sites/");
        let mail = mail(name);
        let arguments = ["users", "add", &mail, "--name", name, "--site", site, "--role", "moderator"];
        let told = self.deployment.cli_ok(&arguments).await;
        let desk = Desk { browser: Browser::start().await, url: self.url.clone() };
        desk.begin(&self.link_in(&told), None).await;
        desk
    }

    /// Somebody at a browser who is signed in as the first admin.
    pub(crate) async fn admin(&self) -> Desk {
        self.admin_as(Person::AT_A_DESK).await
    }

    /// The same, at this kind of browser. The first time, the one-time link is used.
    pub(crate) async fn admin_as(&self, person: Person) -> Desk {
        let desk = Desk { browser: Browser::start_for(person).await, url: self.url.clone() };
        if self.begun.swap(true, Ordering::Relaxed) {
            desk.sign_in("ada").await;
        } else {
            desk.begin(&self.first_link(), Some("ada")).await;
        }
        desk
    }
}

/// A moderator at a browser.
pub(crate) struct Desk {
    pub(crate) browser: Browser,
    pub(crate) url: String,
}

impl Desk {
    pub(crate) async fn goto(&self, path: &str) {
        self.browser.goto(&format!("{}{path}", self.url)).await;
    }

    /// Follows a one-time link and chooses a password; a first person also says who they are.
    async fn begin(&self, link: &str, first: Option<&str>) {
        self.browser.goto(link).await;
        if let Some(name) = first {
            self.browser.fill("#mail", &mail(name)).await;
            self.browser.fill("#name", name).await;
        }
        self.browser.fill("#password", PASSWORD).await;
        self.browser.fill("#again", PASSWORD).await;
        self.browser.click("main form button").await;
        self.browser.until_gone("#again").await;
        self.browser.find("nav.person").await;
    }

    /// Signs in.
    async fn sign_in(&self, name: &str) {
        self.goto("/sign-in").await;
        self.browser.fill("#mail", &mail(name)).await;
        self.browser.fill("#password", PASSWORD).await;
        self.browser.click("main form button").await;
        self.browser.until_gone("#password").await;
        self.browser.find("nav.person").await;
    }

    /// Opens a queue of the site, and waits until its script runs.
    pub(crate) async fn open_queue(&self, queue: &str) {
        self.goto(&format!("/{SITE}/queue?queue={queue}")).await;
        self.browser.find("#list-title").await;
    }

    /// Waits until the list says that so many wait.
    pub(crate) async fn until_waiting(&self, count: usize) {
        self.browser.until_text("#waiting", &format!("{count} waiting")).await;
    }

    /// The comment that has the focus; empty if none has.
    pub(crate) async fn focused(&self) -> String {
        let script = "return document.activeElement?.closest('[data-comment]')?.dataset.comment ?? ''";
        self.browser.script(script).await.as_str().unwrap_or_default().to_owned()
    }

    /// Presses `j` until an open comment has the focus.
    pub(crate) async fn focus_first(&self) -> String {
        self.browser
            .wait("a comment gets the focus", async || {
                self.browser.press('j').await;
                Some(self.focused().await).filter(|id| !id.is_empty())
            })
            .await
    }

    /// Types keys that decide about the focused comment, and waits until another open one, or the note
    /// that nothing waits, is there.
    pub(crate) async fn decide(&self, keys: &str) {
        let decided = self.focused().await;
        assert!(!decided.is_empty(), "no comment has the focus");
        self.browser.type_keys(keys).await;
        let script = "const card = document.getElementById('c-' + arguments[0]);
            const next = document.activeElement?.closest('[data-comment]');
            const done = !card || !('open' in card.dataset);
            const empty = document.getElementById('empty');
            return done && ((next && next !== card && 'open' in next.dataset)
                || !document.querySelector('#cards [data-open]') || (empty && !empty.hidden))";
        self.browser
            .wait(&format!("{keys} decides about {decided}"), async || {
                (self.browser.script_with(script, &[json!(decided)]).await == true).then_some(())
            })
            .await;
    }

    /// Shift and a key.
    pub(crate) async fn shift(&self, key: char) {
        self.browser.press_with(&[Key::Shift], key).await;
    }

    /// Nothing sticks out to the side.
    pub(crate) async fn assert_fits(&self, what: &str) {
        let script = "return [document.documentElement.scrollWidth, innerWidth,
            [...document.querySelectorAll('body *')]
                .filter((e) => e.checkVisibility() && e.getBoundingClientRect().right > innerWidth + 1)
                .slice(0, 5).map((e) => e.outerHTML.slice(0, 120))]";
        let answer = self.browser.script(script).await;
        let (wide, window) = (answer[0].as_i64().unwrap(), answer[1].as_i64().unwrap());
        assert!(wide <= window, "{what} is {wide} wide in a window of {window}: {:#?}", answer[2]);
    }

    /// Nothing that strangers wrote has become an element of the page that acts.
    pub(crate) async fn assert_inert(&self, what: &str) {
        let script = "const words = '.card .body, .card h2, .meta, .talk, .sample, .history, .reasons, .panel-parts';
            const allowed = ['MARK', 'SPAN', 'A', 'BDI', 'P', 'LI', 'UL', 'TIME', 'SUMMARY', 'DIV', 'FORM', 'INPUT',
                'BUTTON', 'KBD', 'STRONG', 'H2', 'SECTION', 'DL', 'DT', 'DD', 'TEXTAREA', 'LABEL', 'CODE'];
            const bad = [...document.querySelectorAll(words)].flatMap((part) => [...part.querySelectorAll('*')])
                .filter((e) => !allowed.includes(e.tagName)
                    || [...e.attributes].some((a) => a.name.startsWith('on') || a.name === 'style')
                    || (e.matches('a, form') && !/^https?:$/.test(new URL(e.href || e.action, location.href).protocol)));
            const acting = 'iframe, object, embed, base, style, meta[http-equiv], .card :is(script, svg, img, link, [href^=\"javascript\" i])';
            return [document.scripts.length, document.querySelectorAll(acting).length,
                bad.map((e) => e.outerHTML.slice(0, 200))]";
        let answer = self.browser.script(script).await;
        assert_eq!(answer, json!([1, 0, []]), "{what}");
    }
}
