//! Everybody can use the pages: with axe-core, on a phone, without scripts.

use moderato_tests::browser::Person;
use moderato_tests::deployment::{Deployment, SITE};

use crate::office::{Desk, Office};

/// The main pages of a site on which something waits.
async fn pages(office: &Office) -> Vec<String> {
    let names = office.receive((0..4).map(Office::harmless)).await;
    office.receive([Office::spam()]).await;
    let comment = names[0].rsplit('/').next().unwrap();
    let of_site = [
        "queue".to_owned(),
        "queue?queue=pending".to_owned(),
        "queue?queue=escalated".to_owned(),
        format!("comments/{comment}"),
        format!("comments/{comment}/why"),
        format!("comments/{comment}/ban"),
        "history".to_owned(),
        "people".to_owned(),
        "numbers".to_owned(),
        "second-look".to_owned(),
    ];
    let mut pages: Vec<String> = of_site.iter().map(|page| format!("/{SITE}/{page}")).collect();
    pages.extend(["/", "/account", "/settings", "/audit", "/no-such-page"].map(str::to_owned));
    pages
}

async fn check(desk: &Desk, pages: &[String]) {
    for page in pages {
        desk.goto(page).await;
        desk.browser.find("main").await;
        let is_there = desk.browser.count("[data-problem]").await == 0;
        assert_eq!(is_there, page != "/no-such-page", "{page}");
        desk.browser.assert_accessible(page).await;
        desk.assert_fits(page).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_passes_axe_core_in_light_and_dark_and_on_a_phone() {
    let office = Office::of(Deployment::embedded().await);
    let pages = pages(&office).await;
    for person in [Person::AT_A_DESK, Person::AT_A_DESK.dark(), Person::ON_A_PHONE, Person::ON_A_PHONE.dark()]
    {
        let desk = office.admin_as(person).await;
        check(&desk, &pages).await;
        desk.browser.complaints().await;
        desk.browser.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moderator_with_a_phone_approves_and_takes_back() {
    let office = Office::of(Deployment::embedded().await);
    office.receive((0..2).map(Office::harmless)).await;
    let desk = office.admin_as(Person::ON_A_PHONE).await;
    desk.open_queue("pending").await;
    desk.browser.click("#cards .card[data-open] button.approve").await;
    desk.until_waiting(1).await;
    office.until_published(1).await;
    desk.browser.click("[data-undo] button").await;
    desk.until_waiting(2).await;
    office.until_published(0).await;
    desk.browser.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_works_without_scripts() {
    let office = Office::of(Deployment::embedded().await);
    office.receive((0..4).map(Office::harmless)).await;
    let desk = office.admin_as(Person::AT_A_DESK.without_scripts()).await;
    desk.open_queue("pending").await;
    desk.until_waiting(4).await;
    desk.browser.click("#cards .card[data-open] button.approve").await;
    desk.until_waiting(3).await;
    office.until_published(1).await;

    // Rejecting takes two: the reasons open, one is picked.
    desk.browser.click("#cards .card[data-open] [data-picker] summary").await;
    desk.browser.click("#cards .card[data-open] [data-picker] [data-digit='1']").await;
    desk.until_waiting(2).await;
    desk.browser.click("#last [data-undo] button").await;
    desk.until_waiting(3).await;

    // Many at once, with the count shown before.
    for card in [1, 2] {
        desk.browser.click(&format!("#cards .card:nth-of-type({card}) .pick input")).await;
    }
    desk.browser.click("#bulk button[value=spam]").await;
    desk.browser.until_text("main", "2").await;
    desk.browser.click("form.asked button.primary, form button[data-default]").await;
    desk.open_queue("pending").await;
    desk.until_waiting(1).await;
    desk.browser.finish().await;
}
