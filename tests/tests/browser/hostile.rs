//! What strangers write is shown as text and does nothing.

use std::collections::BTreeMap;

use fantoccini::key::Key;
use moderato_api::pb::ingest::CommentDraft;
use moderato_tests::browser::Person;
use moderato_tests::deployment::{Deployment, SITE};
use moderato_tests::sample;
use serde_json::json;
use tonic::Code;

use crate::office::{Desk, Office, THREAD};

const HOSTILE: &[&str] = &[
    "<script>alert(1)</script>",
    "</textarea></title></style><script>alert(2)</script>",
    "<img src=x onerror=alert(3)>",
    "<svg onload=alert(4)><animate onbegin=alert(5) attributeName=x dur=1s>",
    "<a href=\"javascript:alert(6)\">click</a> javascript:alert(7)",
    "<style>body{display:none}</style><link rel=stylesheet href=//evil.example/x.css>",
    "\"><iframe srcdoc=\"<script>parent.alert(8)</script>\"></iframe>",
    "' autofocus onfocus=alert(9) x='",
    "{{7*7}} {% include \"/etc/passwd\" %} ${alert(10)} <%= 7*7 %> #{7*7}",
    "<form action=//evil.example><button>Sign in again</button></form><base href=//evil.example>",
    "<meta http-equiv=refresh content=\"0;url=//evil.example\">",
    "<!-- --><![CDATA[<script>alert(11)</script>]]><plaintext>",
    "&lt;script&gt;alert(12)&lt;/script&gt; &#60;script&#62;",
    "\u{202e}txet sdrawkcab\u{202c} \u{2066}isolated\u{2069} \u{200f}rtl",
    "Z\u{0351}\u{0352}\u{0353}\u{0354}\u{0355}\u{0356}a\u{0300}\u{0301}\u{0302}\u{0303}\u{0304}lgo \u{feff}\u{200b}\u{200d}",
    "\u{fffd}\u{fffe} \u{e000} \u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467} \u{10fffd}",
    "data:text/html,<script>alert(13)</script> vbscript:msgbox(1) https://evil.example/\"onmouseover=alert(14)",
];

/// What those have that are opened on their own page.
const OPENED: &[&str] = &["<svg onload", "javascript:alert(7)", "txet sdrawkcab"];

fn draft(number: usize, name: &str, body: &str) -> CommentDraft {
    let mut draft = sample::draft(THREAD, body);
    if let Some(author) = &mut draft.author {
        name.clone_into(&mut author.display_name);
        author.email = format!("stranger-{number}@mail.example");
        "https://evil.example/%22onmouseover=alert(15)//".clone_into(&mut author.url);
    }
    "https://blog.example/?<script>alert(16)</script>".clone_into(&mut draft.permalink);
    draft
}

/// The longest word that a site takes unless told otherwise.
const LONGEST: usize = 10_000;

/// What the cards of a page show, letter for letter: by comment, the text and the name. What stands for
/// a character that cannot be seen is read as that character.
const SHOWN: &str = "const typed = (part) => {
        const copy = part.cloneNode(true);
        for (const token of copy.querySelectorAll('.token'))
            token.textContent = String.fromCodePoint(parseInt(token.title.match(/U\\+([0-9A-F]+)/)[1], 16));
        return copy.textContent;
    };
    return Object.fromEntries([...document.querySelectorAll('.card')].map((card) => [card.dataset.comment,
        [typed(card.querySelector('.body')), typed(card.querySelector('h2 bdi'))]]));";

/// A text without what the pages leave out: more than three marks on a letter.
fn without_stacks(text: &str) -> String {
    let mut marks = 0;
    let shown = text.chars().filter(|ch| {
        marks = if ('\u{300}'..='\u{36f}').contains(ch) { marks + 1 } else { 0 };
        marks <= 3
    });
    shown.collect()
}

/// The words that a page shows are the words that were written, whatever they were meant to do: on the
/// pages of the queues and of single comments, narrow with the script and wide without.
#[tokio::test(flavor = "multi_thread")]
async fn strangers_words_are_text_and_run_nothing() {
    let office = Office::of(Deployment::embedded().await);
    // Each as a text; as a name, too, where the door takes it.
    let mut written = BTreeMap::new();
    let mut odd_names = 0;
    for (number, hostile) in HOSTILE.iter().enumerate() {
        let (name, author) = match office.try_to_receive(draft(number, hostile, hostile)).await {
            Some(name) => (name, *hostile),
            None => (office.receive_one(draft(number, "Mallory", hostile)).await, "Mallory"),
        };
        odd_names += usize::from(author == *hostile);
        let (_, id) = name.rsplit_once('/').unwrap();
        written.insert(id.to_owned(), (without_stacks(hostile), without_stacks(author)));
    }
    assert!(odd_names >= HOSTILE.len() - 3, "the door takes most of it as names: {odd_names}");
    let long = office.receive_one(draft(90, "Mallory", &"w".repeat(LONGEST))).await;
    let (_, long) = long.rsplit_once('/').unwrap();
    for (length, code) in [(LONGEST + 1, Code::InvalidArgument), (1_000_000, Code::ResourceExhausted)] {
        let refused = office.refusal(draft(91, "Mallory", &"w".repeat(length))).await;
        assert_eq!(refused.code(), code, "{length} letters: {refused}");
    }
    office.settle().await;

    for person in [Person::ON_A_PHONE, Person::AT_A_DESK.without_scripts()] {
        let desk = office.admin_as(person).await;
        let mut shown = BTreeMap::new();
        for queue in ["pending", "flagged", "spam", "escalated"] {
            desk.open_queue(queue).await;
            shown.extend(look(&desk, queue).await);
        }
        let start = shown.remove(long).expect("the long word waits").0;
        assert!(start.len() > 100 && start.bytes().all(|letter| letter == b'w'), "{start}");
        assert_eq!(shown, written, "everything waits, as it was typed");

        // On its own page the word is whole; others have what a queue does not show.
        desk.goto(&format!("/{SITE}/comments/{long}")).await;
        assert_eq!(look(&desk, long).await[long].0, "w".repeat(LONGEST));
        for (id, words) in
            written.iter().filter(|(_, (body, _))| OPENED.iter().any(|part| body.contains(part)))
        {
            desk.goto(&format!("/{SITE}/comments/{id}")).await;
            assert_eq!(look(&desk, id).await[id], *words);
        }
        desk.browser.finish().await;
    }
}

/// What an author wrote before is told in a line each, on the page and in the panel.
#[tokio::test(flavor = "multi_thread")]
async fn long_comments_in_a_history_stretch_no_page() {
    let office = Office::of(Deployment::embedded().await);
    let drafts = (0..3).map(|number| {
        let mut draft = Office::harmless(0);
        draft.body = format!("{number}: {}", "this goes on for a while and says nothing new, ".repeat(15));
        draft
    });
    let names = office.receive(drafts).await;
    for person in [Person::ON_A_PHONE, Person::AT_A_DESK] {
        let desk = office.admin_as(person).await;
        desk.goto(&format!("/{}", names[0])).await;
        desk.browser.until_text(".history", "this goes on").await;
        desk.assert_fits("an item with a history").await;
        desk.open_queue("pending").await;
        desk.focus_first().await;
        desk.browser.press(Key::Enter).await;
        desk.browser.until_text("#panel .history", "this goes on").await;
        let fits =
            "const panel = document.getElementById('panel'); return panel.scrollWidth <= panel.clientWidth";
        assert_eq!(desk.browser.script(fits).await, true, "the panel scrolls to the side");
        desk.browser.finish().await;
    }
}

/// A page that does nothing it should not; the texts and names on it.
async fn look(desk: &Desk, what: &str) -> BTreeMap<String, (String, String)> {
    desk.browser.find("main").await;
    desk.assert_inert(what).await;
    desk.assert_fits(what).await;
    serde_json::from_value(desk.browser.script(SHOWN).await).expect("texts and names")
}

/// What was written can be read: the page's words hold it, letter for letter.
#[tokio::test(flavor = "multi_thread")]
async fn markup_is_shown_as_it_was_typed() {
    let office = Office::of(Deployment::embedded().await);
    let typed = "<b>bold</b> & <script>alert('x')</script> {{ 7 * 7 }} \"quoted\"";
    let names = office.receive([draft(1, "<i>Mallory</i>", typed)]).await;
    let desk = office.admin().await;
    desk.goto(&format!("/{SITE}/comments/{}", names[0].rsplit('/').next().unwrap())).await;
    let shown = "return [document.querySelector('.card .body').textContent, document.querySelector('.card h2').textContent.trim()]";
    assert_eq!(desk.browser.script(shown).await, json!([typed, "<i>Mallory</i>"]));
    desk.browser.finish().await;
}
