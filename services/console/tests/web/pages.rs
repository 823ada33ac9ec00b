//! What moderators do, as plain links and forms: without the script.

use std::time::Duration;

use moderato_domain::{
    Author, AuthorKey, Circumstances, Client, Comment, CommentId, CommentName, Facts, ModerationMode,
    Revision, Role, State, TextFingerprint, ThreadId, Timestamp,
};
use moderato_engine::{CompiledRuleSet, Guidelines, STARTER_GUIDELINES, STARTER_RULES, evaluate};
use moderato_store::{
    FILTERS_KEPT, NewRecord, Pipeline as _, Reading as _, RuleSetDocument, RuleSets as _, Slot, Traces,
};
use reqwest::{Method, StatusCode};

use crate::house::{Answer, Browser, House, eventually, site};

/// A house where the built-in rules are in force.
async fn open() -> House {
    let house = House::open().await;
    let rules = compiled();
    let document = RuleSetDocument {
        version: rules.version().clone(),
        document: STARTER_RULES.to_owned(),
        guidelines: STARTER_GUIDELINES.to_owned(),
        create_time: Timestamp::from_millis(1),
    };
    house.store.put_rule_set(&document).await.unwrap();
    house.store.activate_rule_set(Slot::Active, rules.version(), Timestamp::from_millis(1)).await.unwrap();
    house
}

fn compiled() -> CompiledRuleSet {
    let guidelines = Guidelines::parse(STARTER_GUIDELINES).unwrap();
    CompiledRuleSet::compile(STARTER_RULES, &guidelines).unwrap()
}

/// Comments as they arrive, each a minute after the one before.
async fn receive(house: &House, comments: &[(&str, &str, &str)]) {
    let rules = compiled();
    let record = |(number, (id, name, body)): (usize, &(&str, &str, &str))| {
        let time = Timestamp::from_millis(1_799_999_000_000 + number as i64 * 60_000);
        let comment = Comment {
            site: site("blog"),
            id: CommentId::parse(id).unwrap(),
            revision: Revision::FIRST,
            thread: ThreadId::parse("post-1").unwrap(),
            parent: None,
            author: Author { display_name: (*name).to_owned(), ..Author::default() },
            body: (*body).to_owned(),
            language: None,
            permalink: None,
            client: Client::default(),
            guidelines_version: None,
            circumstances: Circumstances::default(),
            request_id: None,
            create_time: time,
            accept_time: time,
        };
        let evaluation = evaluate(&rules, &comment, &Facts::none(time));
        NewRecord {
            content_hash: comment.content_hash(),
            submission_uid: comment.submission_uid(),
            author: Some(AuthorKey::from_bytes([9; 16])),
            mail_hash: None,
            ip_hash: None,
            ip_prefix: None,
            contact: None,
            fingerprint: TextFingerprint::of(&comment.body),
            traces: Traces::default(),
            state: State::after(ModerationMode::Pre, &evaluation),
            facts: Facts::none(time),
            evaluate_time: time,
            evaluation,
            comment,
        }
    };
    let batch: Vec<NewRecord> = comments.iter().enumerate().map(record).collect();
    house.store.record(&batch).await.unwrap();
}

async fn state(house: &House, id: &str) -> State {
    let name = CommentName { site: site("blog"), comment: CommentId::parse(id).unwrap() };
    house.store.comment(&name).await.unwrap().unwrap().state
}

/// The value of a field in the part of a page after some text.
fn field(page: &str, after: &str, name: &str) -> String {
    let (_, rest) = page.split_once(after).unwrap_or_else(|| panic!("no {after} in {page}"));
    let (_, rest) = rest.split_once(&format!("name=\"{name}\" value=\"")).unwrap();
    rest.split('"').next().unwrap().to_owned()
}

/// Presses a button of a comment's form on a page.
async fn press(browser: &mut Browser, page: &Answer, id: &str, act: &str, more: &[(&str, &str)]) -> Answer {
    let form = format!("id=\"c-{id}\"");
    let acts = page.body.split_once(&form).unwrap().1;
    let decision = field(acts, "class=\"acts\"", "decision");
    let target = field(acts, "class=\"acts\"", "target");
    let fields = [
        &[
            ("do", act),
            ("decision", decision.as_str()),
            ("target", target.as_str()),
            ("back", "/sites/blog/queue"),
        ],
        more,
    ]
    .concat();
    browser.submit("/sites/blog/decide", &fields).await
}

const HARMLESS: [(&str, &str, &str); 3] = [
    ("c1", "Mia", "Thank you for this, it helped a lot with the second chapter."),
    ("c2", "Tom", "The second figure is mislabelled, is it not?"),
    ("c3", "Lea", "I built it with a larger bottle and it flew twice as far."),
];

#[tokio::test]
async fn a_decision_leads_back_to_the_list_and_can_be_taken_back() {
    let house = open().await;
    receive(&house, &HARMLESS).await;
    let mut ann = house.operator().await;
    let page = ann.get("/sites/blog/queue?queue=pending").await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    assert!(page.body.contains("3 waiting") && page.body.contains("second figure is mislabelled"));

    let decided = press(&mut ann, &page, "c1", "approve", &[]).await;
    assert_eq!(decided.status, StatusCode::SEE_OTHER, "{}", decided.body);
    assert_eq!(state(&house, "c1").await, State::Published);
    let list = ann.get(decided.location()).await;
    assert!(
        list.body.contains("You approved 1 comment.") && !list.body.contains("id=\"c-c1\""),
        "{}",
        list.body
    );

    let decision = field(&list.body, "data-undo", "decision");
    let undone = ann.submit("/sites/blog/undo", &[("decision", &decision)]).await;
    assert_eq!(undone.status, StatusCode::SEE_OTHER, "{}", undone.body);
    assert_eq!(state(&house, "c1").await, State::Pending);
    let again = ann.submit("/sites/blog/undo", &[("decision", &decision)]).await;
    assert_eq!((again.status, again.problem()), (StatusCode::CONFLICT, "conflict"));

    house.clock.advance(Duration::from_mins(5));
    let page = ann.get("/sites/blog/queue").await;
    let decided = press(&mut ann, &page, "c2", "spam", &[]).await;
    let (_, decision) = decided.location().split_once("done=").unwrap();
    let decision = decision.to_owned();
    house.clock.advance(Duration::from_mins(5));
    let late = ann.submit("/sites/blog/undo", &[("decision", &decision)]).await;
    assert!(late.status == StatusCode::CONFLICT && late.body.contains("has passed"), "{}", late.body);
    assert_eq!(state(&house, "c2").await, State::Spam);
}

#[tokio::test]
async fn a_form_that_was_used_for_another_decision_is_refused_in_words() {
    let house = open().await;
    receive(&house, &HARMLESS).await;
    let mut ann = house.operator().await;
    let page = ann.get("/sites/blog/queue").await;
    assert_eq!(press(&mut ann, &page, "c1", "approve", &[]).await.status, StatusCode::SEE_OTHER);
    let other = press(&mut ann, &page, "c1", "spam", &[]).await;
    assert_eq!((other.status, other.problem()), (StatusCode::CONFLICT, "conflict"));
    assert!(other.body.contains("was used for another decision before"), "{}", other.body);
    assert_eq!(state(&house, "c1").await, State::Published);
}

#[tokio::test]
async fn a_rejection_has_a_section_and_sending_it_twice_is_harmless() {
    let house = open().await;
    receive(&house, &HARMLESS).await;
    let mut ann = house.operator().await;
    let page = ann.get("/sites/blog/queue").await;
    assert!(page.body.contains("value=\"reject:be-kind\""), "sections of the guidelines are reasons");
    for _ in 0..2 {
        let decided = press(&mut ann, &page, "c1", "reject:relevance", &[("note", "off topic")]).await;
        assert_eq!(decided.status, StatusCode::SEE_OTHER, "{}", decided.body);
    }
    assert_eq!(state(&house, "c1").await, State::Rejected);
    let history = ann.get("/sites/blog/history").await;
    assert_eq!(history.body.matches("rejected the comment c1: Stay on the subject").count(), 1);
    assert!(ann.get("/sites/blog/comments/c1").await.body.contains("off topic"));

    let unknown = press(&mut ann, &page, "c2", "reject:nonsense", &[]).await;
    assert_eq!(unknown.status, StatusCode::CONFLICT);
    for broken in ["", "c2", "c2:1", "c2:x:1", "c2:1:1:1", "a b:1:1"] {
        let fields =
            [("do", "spam"), ("decision", "00000000-0000-0000-0000-000000000001"), ("target", broken)];
        let answer = ann.submit("/sites/blog/decide", &fields).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{broken}");
    }
    assert_eq!(state(&house, "c2").await, State::Pending);
}

#[tokio::test]
async fn who_comes_second_is_told_who_was_first_and_keeps_the_words() {
    let house = open().await;
    receive(&house, &HARMLESS).await;
    let mut ann = house.operator().await;
    let (_, mut ben) = house.person("Ben", &[("blog", Role::Moderator)]).await;
    let seen = ann.get("/sites/blog/queue").await;
    let first = ben.get("/sites/blog/queue").await;
    assert_eq!(press(&mut ben, &first, "c1", "approve", &[]).await.status, StatusCode::SEE_OTHER);

    let second = press(&mut ann, &seen, "c1", "spam", &[("note", "I have <seen> this before")]).await;
    assert_eq!(second.status, StatusCode::CONFLICT);
    assert!(second.body.contains("Ben approved it just now"), "{}", second.body);
    assert!(second.body.contains("I have &#60;seen&#62; this before</textarea>"), "{}", second.body);
    assert_eq!(state(&house, "c1").await, State::Published);

    // Having seen that, it can be decided anew.
    assert_eq!(press(&mut ann, &second, "c1", "spam", &[]).await.status, StatusCode::SEE_OTHER);
    assert_eq!(state(&house, "c1").await, State::Spam);
}

#[tokio::test]
async fn what_somebody_holds_is_decided_by_others_on_purpose_only() {
    let house = open().await;
    receive(&house, &HARMLESS).await;
    let mut ann = house.operator().await;
    let (_, mut ben) = house.person("Ben", &[("blog", Role::Moderator)]).await;
    let held = ben.submit("/sites/blog/claims", &[("do", "claim"), ("comment", "c1")]).await;
    assert_eq!(held.status, StatusCode::SEE_OTHER, "{}", held.body);
    let page = ann.get("/sites/blog/queue").await;
    assert!(page.body.contains("Ben is looking"));

    let refused = press(&mut ann, &page, "c1", "approve", &[]).await;
    assert!(
        refused.status == StatusCode::CONFLICT && refused.body.contains("Decide all the same"),
        "{}",
        refused.body
    );
    assert_eq!(state(&house, "c1").await, State::Pending);
    let fields = [
        ("do", "approve"),
        ("over_claim", "1"),
        ("decision", &*field(&refused.body, "data-refused", "decision")),
        ("target", &*field(&refused.body, "data-refused", "target")),
    ];
    assert_eq!(ann.submit("/sites/blog/decide", &fields).await.status, StatusCode::SEE_OTHER);
    assert_eq!(state(&house, "c1").await, State::Published);
}

#[tokio::test]
async fn a_bulk_decision_is_counted_before_and_undone_as_one() {
    let house = open().await;
    receive(&house, &HARMLESS).await;
    let mut ann = house.operator().await;
    let page = ann.get("/sites/blog/queue").await;
    let targets: Vec<String> = ["c1", "c3"]
        .map(|id| {
            field(page.body.split_once(&format!("id=\"c-{id}\"")).unwrap().1, "class=\"acts\"", "target")
        })
        .to_vec();
    let chosen = [
        ("do", "approve"),
        ("target", &*targets[0]),
        ("target", &*targets[1]),
        ("back", "/sites/blog/queue"),
    ];
    let preview = ann.submit("/sites/blog/decide/preview", &chosen).await;
    assert!(preview.body.contains("Approve 2 comments?"), "{}", preview.body);
    assert_eq!(state(&house, "c1").await, State::Pending, "nothing has happened yet");

    let decision = field(&preview.body, "data-bulk", "decision");
    let decided =
        ann.submit("/sites/blog/decide", &[&chosen[..], &[("decision", &*decision)]].concat()).await;
    let list = ann.get(decided.location()).await;
    assert!(list.body.contains("You approved 2 comments."), "{}", list.body);
    assert_eq!((state(&house, "c1").await, state(&house, "c3").await), (State::Published, State::Published));
    ann.submit("/sites/blog/undo", &[("decision", &decision)]).await;
    assert_eq!((state(&house, "c1").await, state(&house, "c3").await), (State::Pending, State::Pending));

    let nothing = ann.submit("/sites/blog/decide/preview", &[("do", "spam")]).await;
    assert!(nothing.body.contains("Nothing is selected"));
}

#[tokio::test]
async fn what_a_stranger_typed_is_text_on_every_page() {
    let house = open().await;
    let hostile = "<script>alert(1)</script> {{ 7*7 }} \u{202E}gnp\u{200B}.\u{202C} https://bit.ly/x1 <img src=x onerror=alert(2)>";
    receive(&house, &[("bad", "<svg onload=alert(3)>", hostile), ("c2", "Tom", "Fine.")]).await;
    let mut ann = house.operator().await;
    ann.submit("/sites/blog/comments/bad/notes", &[("text", "<script>alert(4)</script>")]).await;
    for path in [
        "/sites/blog/queue",
        "/sites/blog/comments/bad",
        "/sites/blog/comments/bad/why",
        "/sites/blog/comments/bad/ban",
        "/sites/blog/comments/c2",
        "/sites/blog/history",
        "/sites/blog/queue/changes?id=bad",
    ] {
        for fragment in [false, true] {
            let request = ann.request(Method::GET, path);
            let request = if fragment { request.header("x-fragment", "1") } else { request };
            let page = ann.send(request).await;
            assert_eq!(page.status, StatusCode::OK, "{path}: {}", page.body);
            for markup in ["<script>", "<img src=x", "<svg", "\u{202E}", "\u{200B}", " style=\"", "onclick="]
            {
                assert!(!page.body.contains(markup), "{markup} on {path}: {}", page.body);
            }
            assert!(page.header("content-security-policy").contains("script-src 'self'"), "{path}");
        }
    }
    let item = ann.get("/sites/blog/comments/bad").await;
    assert!(item.body.contains("{{ 7*7 }}") || item.body.contains("&#123;"), "{}", item.body);
    assert!(item.body.contains("2 changes of direction") && item.body.contains("RLO"));
}

#[tokio::test]
async fn another_sites_moderators_find_nothing_and_change_nothing() {
    let house = open().await;
    receive(&house, &HARMLESS).await;
    let mut ann = house.operator().await;
    let page = ann.get("/sites/blog/queue").await;
    let (_, mut eve) = house.person("Eve", &[("news", Role::Moderator)]).await;
    for path in [
        "/sites/blog/queue",
        "/sites/blog/comments/c1",
        "/sites/blog/comments/c1/why",
        "/sites/blog/comments/c1/ban",
        "/sites/blog/comments/c1/campaign?do=spam",
        "/sites/blog/history",
        "/sites/blog/events?after=00",
        "/sites/blog/queue/changes?id=c1",
        "/sites/news/comments/c1",
    ] {
        assert_eq!(eve.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(press(&mut eve, &page, "c1", "approve", &[]).await.status, StatusCode::NOT_FOUND);
    for path in [
        "undo",
        "claims",
        "filters",
        "filters/drop",
        "decide/preview",
        "comments/c1/notes",
        "comments/c1/ban",
    ] {
        let answer = eve
            .submit(&format!("/sites/blog/{path}"), &[("text", "x"), ("days", "1"), ("reason", "x")])
            .await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(state(&house, "c1").await, State::Pending);
    // Nor does a form without the session's token.
    let forged = ann.post("/sites/blog/decide", &[("do", "approve"), ("target", "c1:1:1")]).await;
    assert_eq!((forged.status, forged.problem()), (StatusCode::FORBIDDEN, "forged"));
}

#[tokio::test]
async fn an_author_is_banned_after_a_question_and_for_a_time() {
    let house = open().await;
    receive(&house, &HARMLESS).await;
    let mut ann = house.operator().await;
    let question = ann.get("/sites/blog/comments/c1/ban").await;
    assert!(question.body.contains("3 comments of this author wait"), "{}", question.body);
    let without = ann.submit("/sites/blog/comments/c1/ban", &[("days", "7")]).await;
    assert_eq!(without.status, StatusCode::UNPROCESSABLE_ENTITY, "a ban has a reason");
    let banned =
        ann.submit("/sites/blog/comments/c1/ban", &[("days", "7"), ("reason", "Again and again")]).await;
    assert_eq!(banned.status, StatusCode::SEE_OTHER, "{}", banned.body);
    let item = ann.get("/sites/blog/comments/c1").await;
    assert!(item.body.contains("suspended until") && item.body.contains("Again and again"), "{}", item.body);
    ann.submit("/sites/blog/comments/c1/ban/lift", &[]).await;
    assert!(!ann.get("/sites/blog/comments/c1").await.body.contains("suspended until"));
}

#[tokio::test]
async fn long_lists_have_pages_and_filters_have_names() {
    let house = open().await;
    let ids: Vec<String> = (0..70).map(|number| format!("n{number:02}")).collect();
    let texts: Vec<String> =
        (0..70).map(|number| format!("My attempt number {number} went rather well.")).collect();
    let comments: Vec<(&str, &str, &str)> =
        ids.iter().zip(&texts).map(|(id, text)| (id.as_str(), "Lea", text.as_str())).collect();
    receive(&house, &comments).await;
    let mut ann = house.operator().await;
    let (mut path, mut met) = ("/sites/blog/queue?queue=pending".to_owned(), Vec::new());
    loop {
        let page = ann.get(&path).await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.body);
        met.extend(
            page.body.split("data-comment=\"").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()),
        );
        let Some((_, rest)) = page.body.split_once("id=\"more\"><a class=\"button\" href=\"") else { break };
        path = rest.split('"').next().unwrap().replace("&#38;", "&").replace("&amp;", "&");
    }
    assert_eq!(met, ids);
    let elsewhere = path.replace("queue=pending", "queue=spam");
    assert_eq!(ann.get(&elsewhere).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(ann.get("/sites/blog/queue?queue=nonsense").await.status, StatusCode::UNPROCESSABLE_ENTITY);

    let saved = ann
        .submit("/sites/blog/filters", &[("name", "Post one"), ("filter", "queue=pending&page=post-1")])
        .await;
    assert_eq!(saved.location(), "/sites/blog/queue?queue=pending&page=post-1", "{}", saved.body);
    let page = ann.get(saved.location()).await;
    assert!(page.body.contains("<h1 id=\"list-title\" tabindex=\"-1\">Post one</h1>"), "{}", page.body);
    let id = field(&page.body, "filters/drop", "filter");
    let (_, mut ben) = house.person("Ben", &[("blog", Role::Moderator)]).await;
    assert!(!ben.get("/sites/blog/queue").await.body.contains("Post one"), "it is Ann's");
    assert_eq!(ben.submit("/sites/blog/filters/drop", &[("filter", &id)]).await.status, StatusCode::CONFLICT);
    assert_eq!(
        ann.submit("/sites/blog/filters/drop", &[("filter", &id)]).await.status,
        StatusCode::SEE_OTHER
    );
    assert!(!ann.get("/sites/blog/queue").await.body.contains("Post one"));

    let shared = [("name", "For all"), ("filter", "queue=pending&page=post-1"), ("shared", "on")];
    let page = ann.submit("/sites/blog/filters", &shared).await.location().to_owned();
    let (_, mut cay) = house.person("Cay", &[("blog", Role::Admin)]).await;
    let id = field(&cay.get(&page).await.body, "filters/drop", "filter");
    assert_eq!(
        ben.submit("/sites/blog/filters/drop", &[("filter", &id)]).await.status,
        StatusCode::FORBIDDEN
    );
    assert_eq!(
        cay.submit("/sites/blog/filters/drop", &[("filter", &id)]).await.status,
        StatusCode::SEE_OTHER
    );
}

#[tokio::test]
async fn settings_are_kept_and_keys_that_collide_are_not() {
    let house = open().await;
    let mut ann = house.operator().await;
    let saved = ann
        .submit(
            "/settings",
            &[
                ("theme", "dark"),
                ("blur", "1"),
                ("unblurred", "threat"),
                ("break_after", "7"),
                ("key.approve", "y"),
            ],
        )
        .await;
    assert_eq!(saved.location(), "/settings?saved=1", "{}", saved.body);
    let page = ann.get("/settings").await;
    assert!(page.body.contains("data-theme=\"dark\"") && page.body.contains("value=\"7\""), "{}", page.body);
    assert!(page.body.contains("name=\"key.approve\" value=\"y\""));
    let wrong = ann.submit("/settings", &[("key.approve", "s")]).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.body.contains("is both"), "{}", wrong.body);
    assert!(ann.get("/settings").await.body.contains("name=\"key.approve\" value=\"y\""));
}

#[tokio::test]
async fn what_happens_is_told_live_until_the_session_ends() {
    let house = open().await;
    receive(&house, &HARMLESS).await;
    let mut ann = house.operator().await;
    let (_, mut ben) = house.person("Ben", &[("blog", Role::Moderator)]).await;
    let page = ben.get("/sites/blog/queue").await;
    let (_, rest) = page.body.split_once("data-events=\"").unwrap();
    let path = rest.split('"').next().unwrap().to_owned();
    let mut stream = ben.request(Method::GET, &path).send().await.unwrap();
    assert_eq!(stream.headers()["content-type"], "text/event-stream");

    let list = ann.get("/sites/blog/queue").await;
    press(&mut ann, &list, "c2", "approve", &[]).await;
    let mut told = String::new();
    while !told.contains("data: c2") {
        let chunk = tokio::time::timeout(Duration::from_secs(20), stream.chunk()).await.unwrap().unwrap();
        told.push_str(std::str::from_utf8(&chunk.expect("it goes on")).unwrap());
    }
    assert!(told.contains("event: changed") && !told.contains("mislabelled"), "no text of comments: {told}");
    let changes =
        ben.send(ben.request(Method::GET, "/sites/blog/queue/changes?id=c2").header("x-fragment", "1")).await;
    assert!(changes.body.contains("Ann approved it"), "{}", changes.body);

    ben.clone().submit("/sign-out", &[]).await;
    while !told.contains("event: ended") {
        let chunk = tokio::time::timeout(Duration::from_secs(20), stream.chunk()).await.unwrap().unwrap();
        told.push_str(std::str::from_utf8(&chunk.expect("it ends with a word")).unwrap());
    }
    assert!(stream.chunk().await.unwrap().is_none());
    assert_eq!(ann.get("/sites/blog/events?after=nonsense").await.status, StatusCode::UNPROCESSABLE_ENTITY);
}

/// The live updates of a page, as far as they were told.
struct Told {
    stream: reqwest::Response,
    text: String,
}

impl Told {
    /// From where a page that was loaded before begins.
    async fn after(browser: &Browser, page: &Answer) -> Self {
        let stream = browser.request(Method::GET, live(page)).send().await.unwrap();
        assert_eq!(stream.status(), StatusCode::OK);
        Self { stream, text: String::new() }
    }

    async fn until(&mut self, told: &str) {
        while !self.text.contains(told) {
            let chunk = tokio::time::timeout(Duration::from_secs(20), self.stream.chunk()).await.unwrap();
            self.text.push_str(std::str::from_utf8(&chunk.unwrap().expect("it goes on")).unwrap());
        }
    }
}

fn live(page: &Answer) -> &str {
    page.body.split_once("data-events=\"").unwrap().1.split('"').next().unwrap()
}

#[tokio::test]
async fn live_pages_begin_where_they_were_loaded_and_go_on_together() {
    let house = open().await;
    receive(&house, &HARMLESS).await;
    let mut ann = house.operator().await;
    let before = ann.get("/sites/blog/queue").await;
    press(&mut ann, &before, "c1", "approve", &[]).await;
    let mut early = Told::after(&ann, &before).await;
    early.until("data: c1").await;
    let after = ann.get("/sites/blog/queue").await;
    let mut late = Told::after(&ann, &after).await;
    press(&mut ann, &after, "c2", "approve", &[]).await;
    early.until("data: c2").await;
    late.until("data: c2").await;
    assert!(!late.text.contains("data: c1"), "{}", late.text);
    assert_eq!(early.text.matches("data: c1").count(), 1, "{}", early.text);
}

#[tokio::test]
async fn nobody_takes_the_room_of_others_with_live_pages() {
    let house = open().await;
    let mut ann = house.operator().await;
    let (_, mut ben) = house.person("Ben", &[("blog", Role::Moderator)]).await;
    let (page, of_ben) = (ann.get("/sites/blog/queue").await, ben.get("/sites/blog/queue").await);
    let mut streams = Vec::new();
    for _ in 0..12 {
        streams.push(Told::after(&ann, &page).await);
    }
    let refused = ann.get(live(&page)).await;
    assert_eq!((refused.status, refused.header("retry-after")), (StatusCode::TOO_MANY_REQUESTS, "15"));
    assert!(refused.body.contains("12 live pages"), "{}", refused.body);
    Told::after(&ben, &of_ben).await;
    drop(streams.pop());
    eventually(async || {
        ann.request(Method::GET, live(&page)).send().await.unwrap().status() == StatusCode::OK
    })
    .await;
}

#[tokio::test]
async fn two_pages_of_settings_do_not_undo_each_other() {
    let house = open().await;
    let mut ann = house.operator().await;
    let page = ann.get("/settings").await;
    let (_, rest) = page.body.split_once("name=\"shown\" value=\"").expect("what was shown");
    let shown = rest.split('"').next().unwrap().replace("&#34;", "\"").replace("&quot;", "\"");
    // Both were loaded before either was saved.
    let as_shown = [("shown", shown.as_str()), ("blur", "1"), ("theme", "system"), ("digest", "never")];
    let mut dark = as_shown;
    dark[2] = ("theme", "dark");
    let mut daily = as_shown;
    daily[3] = ("digest", "daily");
    for form in [dark, daily] {
        assert_eq!(ann.submit("/settings", &form).await.location(), "/settings?saved=1");
    }
    let profile = [("name", "Ann"), ("theme", "system"), ("shown_theme", "system")];
    assert_eq!(ann.submit("/account/profile", &profile).await.location(), "/account");
    let stored = ann.get("/settings").await.body;
    for chosen in ["name=\"theme\" value=\"dark\" checked", "name=\"digest\" value=\"daily\" checked"] {
        assert!(stored.contains(chosen), "{chosen}: {stored}");
    }
}

#[tokio::test]
async fn shared_filters_are_bounded_say_who_made_them_and_stand_in_the_log() {
    let house = open().await;
    let mut ann = house.operator().await;
    let keep = [("name", "Loud ones"), ("shared", "1"), ("filter", "queue=flagged")];
    assert!(ann.submit("/sites/blog/filters", &keep).await.status.is_redirection());
    let (_, mut ben) = house.person("Ben", &[("blog", Role::Moderator)]).await;
    let page = ben.get("/sites/blog/queue").await;
    assert!(page.body.contains("Loud ones") && page.body.contains("for all, by Ann"), "{}", page.body);
    for _ in 1..FILTERS_KEPT {
        ben.submit("/sites/blog/filters", &keep).await;
    }
    let full = ben.submit("/sites/blog/filters", &keep).await;
    assert_eq!((full.status, full.problem()), (StatusCode::CONFLICT, "conflict"));
    assert!(full.body.contains("This site shares 50 filters"), "{}", full.body);
    assert_eq!(house.audited("filter.shared").await, FILTERS_KEPT as usize);
    let id =
        page.body.split("name=\"filter\" value=\"").nth(1).map_or("", |rest| rest.split('"').next().unwrap());
    assert_eq!(id, "", "a moderator cannot forget what others work with");
    let page = ann.get("/sites/blog/queue").await;
    let (_, side) = page.body.split_once("/filters/drop").unwrap();
    let (_, rest) = side.split_once("name=\"filter\" value=\"").unwrap();
    let id = rest.split('"').next().unwrap().to_owned();
    assert!(ann.submit("/sites/blog/filters/drop", &[("filter", &id)]).await.status.is_redirection());
    assert_eq!(house.audited("filter.dropped").await, 1);
}
