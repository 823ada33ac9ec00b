//! Several moderators at once, and the network between.

use std::time::Duration;

use fantoccini::key::Key;
use moderato_domain::Stopwatch;
use moderato_tests::deployment::{Deployment, SITE};
use moderato_tests::proxy::ChaosProxy;

use crate::office::Office;

#[tokio::test(flavor = "multi_thread")]
async fn who_looks_at_an_item_is_seen_by_others_and_not_overruled_by_accident() {
    let office = Office::of(Deployment::embedded().await);
    office.receive((0..3).map(Office::harmless)).await;
    let ada = office.admin().await;
    let ben = office.moderator("ben").await;
    ada.open_queue("pending").await;
    ben.open_queue("pending").await;
    let first = ada.focus_first().await;
    assert_eq!(ben.focus_first().await, first);

    // Ada opens the item; Ben sees that, without a reload.
    ada.browser.press(Key::Enter).await;
    ben.browser.until_text(&format!("#held-{first}"), "is looking").await;

    // Ben rejects it all the same, with words: he is told, and what he typed is still there.
    ben.browser.press('r').await;
    let words = format!("#c-{first} textarea[name=note]");
    ben.browser.fill(&words, "seen this before").await;
    ben.browser.click(&format!("#c-{first} button[name=do][value=reject]")).await;
    ben.browser.until_text(&format!("#c-{first} [data-refused]"), "looking").await;
    assert_eq!(office.published().await, 0);
    let kept = format!("return document.querySelector('{words}').value");
    assert_eq!(ben.browser.script(&kept).await, "seen this before");

    // Ada decides; Ben's list follows.
    ada.browser.press('a').await;
    office.until_published(1).await;
    ben.browser
        .until(
            "the item is settled for Ben",
            &format!("!('open' in (document.getElementById('c-{first}')?.dataset ?? {{}}))"),
        )
        .await;
    // The refusal is an answer that the browser's console tells, too; nothing else is.
    let complaints = ben.browser.complaints().await;
    assert!(complaints.iter().all(|complaint| complaint.contains("409")), "{complaints:#?}");
    ada.browser.finish().await;
    ben.browser.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_connection_is_told_and_what_happened_meanwhile_appears() {
    let deployment = Deployment::embedded().await;
    let port = deployment.console_url().rsplit(':').next().unwrap().parse().unwrap();
    let proxy = ChaosProxy::start(port).await;
    let office = Office::of(deployment).through(format!("http://{}", proxy.address()));
    office.receive((0..2).map(Office::harmless)).await;
    let desk = office.admin().await;
    desk.open_queue("pending").await;
    desk.until_waiting(2).await;

    // What arrives appears by itself.
    office.receive([Office::harmless(2)]).await;
    desk.until_waiting(3).await;

    proxy.refuse();
    proxy.cut();
    desk.browser.find("#link-lost").await;
    office.receive([Office::harmless(3), Office::harmless(4)]).await;
    proxy.accept();
    desk.browser.until_gone("#link-lost").await;
    desk.until_waiting(5).await;

    // The list works on as before.
    desk.focus_first().await;
    desk.decide("a").await;
    office.until_published(1).await;
    let complaints = desk.browser.complaints().await;
    let of_the_network = |complaint: &&String| complaint.contains("net::ERR_");
    let others: Vec<_> = complaints.iter().filter(|complaint| !of_the_network(complaint)).collect();
    assert!(others.is_empty(), "{others:#?}");
    desk.browser.finish().await;
}

/// Pages that one may come back to let go of their connection, of which a browser has six to a server;
/// back on one, it is live again.
#[tokio::test(flavor = "multi_thread")]
async fn many_pages_one_after_the_other_do_not_wait_for_each_other() {
    let office = Office::of(Deployment::embedded().await);
    let names = office.receive((0..9).map(Office::harmless)).await;
    let desk = office.admin().await;
    desk.open_queue("pending").await;
    let stopwatch = Stopwatch::start();
    for name in &names {
        let (_, comment) = name.rsplit_once('/').unwrap();
        desk.goto(&format!("/{SITE}/comments/{comment}")).await;
        desk.browser.until("the page is live", "document.documentElement.dataset.live === 'on'").await;
    }
    assert!(stopwatch.elapsed() < Duration::from_secs(40), "{:?}", stopwatch.elapsed());
    desk.browser.script("history.go(-9)").await;
    desk.browser.until_at("queue=pending").await;
    desk.until_waiting(9).await;
    office.receive([Office::harmless(9)]).await;
    desk.until_waiting(10).await;
    desk.browser.finish().await;
}
