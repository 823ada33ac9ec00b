//! What pages are made of, without a store.

use crate::web::act::Confirm;
use crate::web::queue::{Question, sample_page};
use crate::web::tests::sample;
use crate::web::view::{Card, target};

/// Everything between tags, with tags and their attributes left out: what a reader sees.
fn elements(html: &str) -> Vec<&str> {
    html.split('<').skip(1).map(|rest| rest.split('>').next().unwrap_or_default()).collect()
}

#[test]
fn nothing_that_somebody_typed_becomes_markup() {
    let html = sample_page(&Question::default());
    let ours = elements(&html);
    for (_, _, typed) in sample::TYPED {
        assert!(!html.contains(&format!("<{typed}")));
    }
    for element in &ours {
        let name = element.trim_start_matches('/').split([' ', '\n']).next().unwrap_or_default();
        assert!(!["script src=x", "svg", "b", "iframe", "object", "style"].contains(&name), "{element}");
        assert!(!element.contains("onerror") || element.contains("&#"), "{element}");
        assert!(!element.contains(" style="), "inline style: {element}");
        assert!(!element.contains("href=\"javascript:"), "{element}");
    }
    assert_eq!(ours.iter().filter(|element| element.starts_with("script")).count(), 1, "ours");
    assert!(!html.contains('\u{202E}') && !html.contains('\u{200B}'), "what cannot be seen is a token");
    assert!(html.contains("RLO") && html.contains("ZWSP"));
    assert!(html.contains("{{ 7*7 }}") || html.contains("{{ 7*7 }}".replace('{', "&#123;").as_str()));
    if let Some(folder) = std::env::var_os("MODERATO_PAGES") {
        std::fs::write(std::path::Path::new(&folder).join("queue.html"), &html).unwrap();
    }
}

#[test]
fn a_severe_text_is_veiled_unless_the_person_does_not_want_that() {
    let mut frame = sample::frame();
    let threat = sample::item(&sample::comment(2));
    let veiled = Card::of(&threat, &frame);
    assert!(!veiled.veil.is_empty(), "{:?}", threat.verdict.evaluation.reasons);
    frame.preferences.wellness.unblurred =
        crate::web::view::SEVERE.iter().map(|category| (*category).to_owned()).collect();
    assert_eq!(Card::of(&threat, &frame).veil, "");
    frame.preferences.wellness.unblurred.clear();
    frame.preferences.wellness.blur = false;
    assert_eq!(Card::of(&threat, &frame).veil, "");
}

#[test]
fn a_card_says_what_a_moderator_needs() {
    let frame = sample::frame();
    let card = Card::of(&sample::item(&sample::comment(1)), &frame);
    assert!(
        card.body.runs.iter().any(|run| run.matched.contains("(spam)")),
        "matches are marked: {:?}",
        card.body
    );
    assert!(card.reasons.iter().any(|why| why.section == "Advertising"), "{:?}", card.reasons);
    assert_eq!(card.target, "c1:1:1");
    let link = card.website.unwrap();
    assert_eq!(link.href.as_deref(), Some("https://best-followers.example/buy"));
    let hostile = Card::of(&sample::item(&sample::comment(4)), &frame);
    assert_eq!(hostile.website.unwrap().href, None);
}

#[test]
fn cards_sort_as_the_queue_does() {
    let frame = sample::frame();
    let orders: Vec<String> = sample::items().iter().map(|item| Card::of(item, &frame).order).collect();
    let mut sorted = orders.clone();
    sorted.sort();
    assert_eq!(orders, sorted);
}

#[test]
fn a_bulk_decision_says_how_many_before_it_is_made() {
    let frame = sample::frame();
    let comments = sample::items();
    let targets = comments.iter().map(|item| target(&item.comment)).collect();
    let confirm = Confirm::of(moderato_domain::DecisionKind::Spam, targets, &comments[..2], 0, &frame);
    assert_eq!(confirm.title, format!("Mark {} comments as spam?", comments.len()));
    assert_eq!(confirm.targets.len(), comments.len());
    assert_eq!((confirm.sample.len(), confirm.rest), (2, comments.len() - 2));
    assert!(!confirm.rejects);
}
