//! What strangers write is shown as text and does nothing.

use moderato_api::pb::ingest::CommentDraft;
use moderato_tests::browser::Person;
use moderato_tests::deployment::{Deployment, SITE};
use moderato_tests::sample;
use serde_json::json;

use crate::office::{Office, THREAD};

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

/// The words that a page shows are the words that were written, whatever they were meant to do.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "opens every hostile comment in two browsers, which takes minutes: run with --ignored"]
async fn strangers_words_are_text_and_run_nothing() {
    let office = Office::of(Deployment::embedded().await);
    let mut names = Vec::new();
    for (number, hostile) in HOSTILE.iter().enumerate() {
        let (as_body, as_name) =
            (draft(number, "Mallory", hostile), draft(number, hostile, "An ordinary text."));
        for draft in [as_body, as_name] {
            names.extend(office.try_to_receive(draft).await);
        }
    }
    // One word as long as the door lets through.
    let longest = "w".repeat(9_990);
    names.extend(office.try_to_receive(draft(90, "Mallory", &longest)).await);
    assert!(
        office.try_to_receive(draft(91, "Mallory", &"w".repeat(1_000_000))).await.is_none(),
        "1 MB is refused"
    );
    assert!(names.len() > HOSTILE.len(), "the doors let most of it through: {}", names.len());
    office.settle().await;

    for person in [Person::AT_A_DESK, Person::ON_A_PHONE] {
        let desk = office.admin_as(person).await;
        for name in &names {
            let comment = name.rsplit('/').next().unwrap();
            desk.goto(&format!("/{SITE}/comments/{comment}")).await;
            desk.browser.find(".card").await;
            desk.assert_inert(comment).await;
            desk.assert_fits(comment).await;
        }
        for queue in ["pending", "flagged", "spam"] {
            desk.open_queue(queue).await;
            desk.assert_inert(queue).await;
            desk.assert_fits(queue).await;
        }
        desk.browser.finish().await;
    }
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
