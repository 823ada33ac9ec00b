//! Pictures of the main pages for the documentation: taken when `MODERATO_SCREENSHOTS` names a folder.

use std::path::{Path, PathBuf};

use moderato_api::pb::query::GetCommentRequest;
use moderato_tests::browser::{Person, soon};
use moderato_tests::deployment::{Deployment, SITE};

use crate::numbers::a_day_of_two_moderators;
use crate::office::{Desk, Office};

/// What a busy morning looks like.
const COMMENTS: &[(&str, &str)] = &[
    (
        "Jonas",
        "We tried this in our allotment last spring and the beans came up twice as tall. The trick with the copper tape is new to me, thank you!",
    ),
    (
        "Mirela",
        "I disagree with the second paragraph: the study was about twelve people, and half of them were the author's students.",
    ),
    (
        "crypto_king_77",
        "Make $5000 a week from home!!! Guaranteed returns, message me on https://bit.ly/x1 or https://bit.ly/x2 now",
    ),
    ("Sam", "You are a complete idiot and everybody here knows it. People like you should be beaten up."),
    ("Ana-Lucia", "Could you say which soil you used? Ours is heavy clay and nothing survives the winter."),
    (
        "Best Pills",
        "Buy cheap v\u{200B}iagra and c1al1s without prescription https://pills.example/a https://pills.example/b https://pills.example/c",
    ),
    ("Tove", "My grandmother made it exactly like this, only with cardamom instead of cinnamon."),
    (
        "Piotr",
        "Call me on 0171 555 0134, I live at 12 Mill Lane and have spare seedlings for anybody who wants some.",
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn pictures_of_the_main_pages() {
    let Some(folder) = std::env::var_os("MODERATO_SCREENSHOTS").map(PathBuf::from) else { return };
    std::fs::create_dir_all(&folder).unwrap();
    let office = Office::of(Deployment::embedded_with(&[("MODERATO_CONSOLE_UNDO_S", "1")]).await);
    let drafts = COMMENTS.iter().enumerate().map(|(number, (name, body))| {
        let mut draft = Office::harmless(number);
        (*body).clone_into(&mut draft.body);
        if let Some(author) = &mut draft.author {
            (*name).clone_into(&mut author.display_name);
        }
        draft
    });
    let names = office.receive(drafts).await;
    let desk = office.admin().await;
    desk.open_queue("pending").await;
    desk.focus_first().await;
    desk.decide("a").await;
    shoot(&desk, &folder, "queue").await;
    desk.browser.press('?').await;
    desk.browser.find("#help[open]").await;
    shoot(&desk, &folder, "keys").await;
    desk.open_queue("flagged").await;
    desk.focus_first().await;
    desk.browser.press('h').await;
    desk.browser.find("#panel #why").await;
    shoot(&desk, &folder, "why").await;
    desk.browser.press('r').await;
    shoot(&desk, &folder, "reject").await;
    for page in ["people", "second-look"] {
        desk.goto(&format!("/{SITE}/{page}")).await;
        shoot(&desk, &folder, page).await;
    }
    for (person, name) in [(Person::AT_A_DESK.dark(), "queue-dark"), (Person::ON_A_PHONE, "queue-phone")] {
        let other = office.admin_as(person).await;
        other.open_queue("flagged").await;
        shoot(&other, &folder, name).await;
        other.browser.finish().await;
    }
    desk.goto(&format!("/{}", names[2])).await;
    shoot(&desk, &folder, "item").await;

    // What the author of a rejected comment is shown.
    desk.browser.click("#cards [data-picker] summary").await;
    desk.browser.click("#cards [data-picker] [data-digit='1']").await;
    desk.browser.find("#cards [data-outcome]").await;
    let request = GetCommentRequest { name: names[2].clone() };
    let link = office.deployment.query().get_comment(request).await.unwrap().into_inner().author_status_uri;
    soon("the reasons are stated", async || {
        desk.browser.goto(&link).await;
        (desk.browser.count("#object").await == 1).then_some(())
    })
    .await;
    desk.browser.assert_accessible("the author's page").await;
    desk.assert_fits("the author's page").await;
    shoot(&desk, &folder, "author").await;
    desk.browser.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_of_the_numbers() {
    let Some(folder) = std::env::var_os("MODERATO_SCREENSHOTS").map(PathBuf::from) else { return };
    std::fs::create_dir_all(&folder).unwrap();
    let office = Office::of(Deployment::embedded_with(&[("MODERATO_CONSOLE_UNDO_S", "1")]).await);
    let desk = a_day_of_two_moderators(&office).await;
    desk.goto(&format!("/{SITE}/numbers")).await;
    shoot(&desk, &folder, "numbers").await;
    desk.browser.script("scrollBy(0, 800)").await;
    shoot(&desk, &folder, "numbers-below").await;
    desk.browser.finish().await;
}

async fn shoot(desk: &Desk, folder: &Path, name: &str) {
    desk.browser.until("the fonts are there", "document.fonts.status === 'loaded'").await;
    desk.browser.screenshot(&folder.join(format!("{name}.png"))).await;
}
