//! What a lead reads: the numbers, filled by two moderators.

use moderato_tests::browser::soon;
use moderato_tests::deployment::{Deployment, SITE};
use serde_json::json;

use crate::office::{Desk, Office};

/// Six comments that two moderators decided about, and a second look that disagrees; the lead.
pub(crate) async fn a_day_of_two_moderators(office: &Office) -> Desk {
    let site = SITE.trim_start_matches("sites/");
    office.deployment.cli_ok(&["sites", "set", site, "--second-look-percent", "100"]).await;
    office.receive((0..6).map(Office::harmless)).await;
    let ada = office.admin().await;
    let ben = office.moderator("ben").await;
    ada.open_queue("pending").await;
    ada.focus_first().await;
    for keys in ["a", "a", "r1"] {
        ada.decide(keys).await;
    }
    // What she looked at is free again once she leaves.
    ada.goto("/account").await;
    ben.browser
        .wait("nobody looks at anything", async || {
            ben.open_queue("pending").await;
            (ben.browser.count("[data-held] .held").await == 0).then_some(())
        })
        .await;
    ben.focus_first().await;
    for keys in ["a", "s", "a"] {
        ben.decide(keys).await;
    }

    // Ben, who does not know what Ada decided, would have taken her first approval for spam.
    ben.browser
        .wait("a decision waits for a second look", async || {
            ben.goto(&format!("/{SITE}/second-look")).await;
            (ben.browser.count(".second-look .choices").await == 1).then_some(())
        })
        .await;
    ben.browser.assert_accessible("a second look").await;
    ben.browser.click(".second-look button[value=spam]").await;
    ben.browser.until_text("[role=status]", "the first decision was another").await;
    ben.browser.finish().await;
    ada
}

const ROWS: &str = "return [...document.querySelectorAll(`[aria-labelledby=${arguments[0]}] tbody tr`)]
    .map((row) => [...row.cells].slice(0, 2).map((cell) => cell.textContent.trim()))";

#[tokio::test(flavor = "multi_thread")]
async fn the_numbers_say_who_decided_what_and_can_be_taken_along() {
    let office = Office::of(Deployment::embedded_with(&[("MODERATO_CONSOLE_UNDO_S", "1")]).await);
    let ada = a_day_of_two_moderators(&office).await;
    ada.goto(&format!("/{SITE}/numbers?days=1")).await;
    let rows = async |table: &str| ada.browser.script_with(ROWS, &[json!(table)]).await;
    assert_eq!(rows("work").await, json!([["ada", "3"], ["ben", "3"]]));
    assert_eq!(rows("waits").await[0][1], "6");
    assert_eq!(ada.browser.text(".figures div:first-child dd").await, "6");
    assert_eq!(ada.browser.text(".figures div:last-child dd").await, "0 of 1 (0 %)");
    assert!(ada.browser.count("figure.plot rect[x]").await >= 2, "a bar for each");
    ada.browser.assert_accessible("the numbers").await;
    ada.assert_fits("the numbers").await;

    let folder = tempfile::tempdir().unwrap();
    let downloads = json!({ "behavior": "allow", "downloadPath": folder.path() });
    ada.browser.devtools("Browser.setDownloadBehavior", downloads).await;
    ada.browser.click("a[href*='moderators.csv']").await;
    let file = folder.path().join(format!("{}-moderators.csv", SITE.trim_start_matches("sites/")));
    let table = soon("the table is downloaded", async || std::fs::read_to_string(&file).ok()).await;
    let mut lines = table.lines();
    assert!(
        lines.next().is_some_and(|head| head.starts_with("moderator_id,moderator,decisions,")),
        "{table}"
    );
    let told: Vec<_> = lines.map(|line| line.split(',').skip(1).take(2).collect::<Vec<_>>()).collect();
    assert_eq!(told, [["ada", "3"], ["ben", "3"]], "{table}");
    ada.browser.finish().await;
}
