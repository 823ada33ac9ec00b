//! A moderator's morning without the mouse.

use fantoccini::key::Key;
use moderato_tests::deployment::{Deployment, SITE};

use crate::office::Office;

const WAITING: usize = 30;

/// Thirty comments, three kinds of decisions, no mouse; then the last ones are taken back.
pub(crate) async fn a_queue_of_thirty_is_cleared_by_keyboard_alone(deployment: Deployment) {
    let office = Office::of(deployment);
    office.receive((0..WAITING).map(Office::harmless)).await;
    let desk = office.admin().await;
    desk.open_queue("pending").await;
    desk.until_waiting(WAITING).await;

    desk.focus_first().await;
    for number in 0..WAITING {
        desk.decide(["a", "s", "r1"][number % 3]).await;
        desk.until_waiting(WAITING - 1 - number).await;
    }
    assert_eq!(desk.browser.count("#cards [data-open]").await, 0);
    // What was decided is still there, and the focus has not fallen off the page.
    assert!(!desk.focused().await.is_empty());
    office.until_published(10).await;

    // What was decided can be taken back while its effects wait: the rejection, then the one before.
    desk.browser.press('z').await;
    desk.until_waiting(1).await;
    assert_eq!(office.published().await, 10);
    desk.browser.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_one_process() {
    a_queue_of_thirty_is_cleared_by_keyboard_alone(Deployment::embedded().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_process_per_role_on_postgresql() {
    a_queue_of_thirty_is_cleared_by_keyboard_alone(Deployment::distributed_on_shared_servers().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_is_undone_and_readers_see_neither() {
    let office = Office::of(Deployment::embedded().await);
    office.receive((0..3).map(Office::harmless)).await;
    let desk = office.admin().await;
    desk.open_queue("pending").await;
    let first = desk.focus_first().await;
    desk.decide("a").await;
    office.until_published(1).await;
    desk.until_waiting(2).await;

    desk.browser.press('z').await;
    desk.until_waiting(3).await;
    office.until_published(0).await;
    desk.browser
        .until("the comment waits again", &format!("'open' in document.getElementById('c-{first}').dataset"))
        .await;
    desk.browser.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn decisions_are_taken_back_newest_first() {
    let office = Office::of(Deployment::embedded().await);
    office.receive((0..4).map(Office::harmless)).await;
    let desk = office.admin().await;
    desk.open_queue("pending").await;
    desk.until_waiting(4).await;
    let mut decided = vec![desk.focus_first().await];
    for keys in ["a", "r1", "s"] {
        desk.decide(keys).await;
        decided.push(desk.focused().await);
    }
    decided.pop();
    for (taken_back, id) in decided.iter().rev().enumerate() {
        desk.browser.press('z').await;
        desk.until_waiting(2 + taken_back).await;
        let waits = format!("'open' in document.getElementById('c-{id}').dataset");
        desk.browser.until("the newest waits again", &waits).await;
    }
    desk.browser.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_all_that_is_loaded_was_decided_together_the_next_waits_under_the_cursor() {
    let office = Office::of(Deployment::embedded().await);
    office.receive((0..35).map(Office::harmless)).await;
    let desk = office.admin().await;
    desk.open_queue("pending").await;
    desk.until_waiting(35).await;
    desk.focus_first().await;
    desk.shift('X').await;
    desk.browser
        .until("a page is selected", "document.querySelectorAll('[name=target]:checked').length === 30")
        .await;
    desk.shift('A').await;
    desk.browser.until_text("#dialog", "30").await;
    desk.browser.press(Key::Enter).await;
    desk.until_waiting(5).await;
    let on_the_next = "'open' in (document.activeElement?.closest('[data-comment]')?.dataset ?? {})";
    desk.browser.until("the focus is on one that waits", on_the_next).await;
    desk.decide("a").await;
    desk.until_waiting(4).await;
    desk.browser.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_selected_is_decided_together_and_undone_together() {
    let office = Office::of(Deployment::embedded().await);
    office.receive((0..6).map(Office::harmless)).await;
    let desk = office.admin().await;
    desk.open_queue("pending").await;
    desk.until_waiting(6).await;
    desk.focus_first().await;
    desk.browser.type_keys("xjxjx").await;
    desk.browser
        .until("three are selected", "document.querySelectorAll('[name=target]:checked').length === 3")
        .await;

    // The count is shown before anything happens.
    desk.shift('A').await;
    desk.browser.until_text("#dialog", "3").await;
    desk.until_waiting(6).await;
    desk.browser.press(Key::Enter).await;
    desk.until_waiting(3).await;
    office.until_published(3).await;

    desk.shift('Z').await;
    desk.until_waiting(6).await;
    office.until_published(0).await;
    desk.browser.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_do_nothing_while_somebody_types_or_composes() {
    let office = Office::of(Deployment::embedded().await);
    let names = office.receive((0..2).map(Office::harmless)).await;
    let desk = office.admin().await;
    let comment = names[0].rsplit('/').next().unwrap();
    desk.goto(&format!("/{SITE}/comments/{comment}")).await;
    desk.browser.click("#note-text").await;
    desk.browser.type_keys("a sad zebra").await;
    desk.browser.compose("すし").await;
    desk.browser.press_while_composing('a').await;
    desk.browser.press_while_composing('s').await;
    let typed = "return document.getElementById('note-text').value";
    assert_eq!(desk.browser.script(typed).await, "a sad zebraすし");
    // Nor with Ctrl, Alt or Meta, wherever the focus is.
    desk.open_queue("pending").await;
    desk.focus_first().await;
    for held in [Key::Control, Key::Alt, Key::Meta] {
        desk.browser.press_with(&[held], 's').await;
        desk.browser.press_with(&[held], 'd').await;
    }
    // A key that does something comes after all of these: had one of them decided, it would be seen.
    desk.browser.press('?').await;
    desk.browser.find("#help[open]").await;
    // Nor while a dialog is open.
    desk.browser.type_keys("as").await;
    desk.browser.press(Key::Escape).await;
    desk.browser.until_gone("#help").await;
    desk.until_waiting(2).await;
    assert_eq!(office.published().await, 0);
    desk.browser.finish().await;
}
