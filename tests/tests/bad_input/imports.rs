//! Files with broken rows, through `moderato import`.

use std::collections::BTreeMap;

use moderato_api::pb::query::ListCommentsRequest;
use moderato_tests::deployment::{Deployment, SITE};

use crate::support::undisturbed;

/// Imports a file; what it printed, and field and reason of every refused line.
async fn import(
    deployment: &Deployment,
    name: &str,
    bytes: &[u8],
) -> (String, BTreeMap<u64, (String, String)>) {
    let folder = deployment.data_dir();
    let (file, refusals) = (folder.join(name), folder.join(format!("{name}.refused.csv")));
    std::fs::write(&file, bytes).expect("written");
    let (file, refusals) = (file.display().to_string(), refusals.display().to_string());
    let printed = deployment.cli_ok(&["import", &file, "--refusals", &refusals]).await;
    let table = std::fs::read_to_string(&refusals).expect("refusals");
    let refused = |row: &str| {
        let mut cells = row.splitn(4, ',').map(str::to_owned);
        Some((cells.next()?.parse().ok()?, (cells.next()?, cells.next()?)))
    };
    (printed, table.lines().skip(1).filter_map(refused).collect())
}

fn refusals(expected: &[(u64, &str, &str)]) -> BTreeMap<u64, (String, String)> {
    expected
        .iter()
        .map(|(line, field, reason)| (*line, ((*field).to_owned(), (*reason).to_owned())))
        .collect()
}

async fn bodies(deployment: &Deployment) -> Vec<String> {
    let request = ListCommentsRequest { parent: SITE.into(), ..ListCommentsRequest::default() };
    let page = deployment.query().list_comments(request).await.expect("a page").into_inner();
    let mut bodies: Vec<String> = page.comments.into_iter().map(|comment| comment.body).collect();
    bodies.sort();
    bodies
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_lines_of_a_json_file_are_told_one_by_one_and_the_others_go_through() {
    let deployment = Deployment::embedded().await;
    let lines: [&[u8]; 9] = [
        br#"{"body": "first, thank you"}"#,
        br#"{"body": "half \ud83d a face"}"#,
        br#"{"body": "\udc00 the other half"}"#,
        b"{\"body\": \"caf\xe9\"}",
        br#"{"body": "not closed"#,
        br#"{"body": ["not", "text"]}"#,
        br#"{"text": "   "}"#,
        br#"{"body": "a whole face \ud83d\ude00, thank you", "email": "nobody"}"#,
        br#"{"body": "last, thank you \ud83d\ude00"}"#,
    ];
    let (printed, refused) = import(&deployment, "rows.jsonl", &lines.join(&b'\n')).await;
    let expected = refusals(&[
        (2, "row", "LONE_SURROGATE"),
        (3, "row", "LONE_SURROGATE"),
        (4, "row", "INVALID_UTF8"),
        (5, "row", "MALFORMED_JSON"),
        (6, "comment.body", "WRONG_TYPE"),
        (7, "comment.body", "REQUIRED"),
        (8, "comment.author.email", "MALFORMED"),
    ]);
    assert_eq!(refused, expected);
    assert!(printed.contains("accepted 2, refused 7"), "{printed}");
    assert_eq!(bodies(&deployment).await, ["first, thank you", "last, thank you 😀"]);
    undisturbed(&deployment, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_rows_of_a_csv_file_are_told_one_by_one_and_the_others_go_through() {
    let deployment = Deployment::embedded().await;
    let csv = b"author,body\nAnn,\"two\nlines, thank you\"\nBen,caf\xe9\nCem\nDee,too,many\nEve,\xed\xa0\xbd\nFay,\nGus,\"last, thank you\"\n";
    let (printed, refused) = import(&deployment, "rows.csv", csv).await;
    let expected = refusals(&[
        (4, "comment.body", "INVALID_UTF8"),
        (5, "row", "RAGGED_ROW"),
        (6, "row", "RAGGED_ROW"),
        // A surrogate in the bytes themselves.
        (7, "comment.body", "INVALID_UTF8"),
        (8, "comment.body", "REQUIRED"),
    ]);
    assert_eq!(refused, expected);
    assert!(printed.contains("accepted 2, refused 5"), "{printed}");
    assert_eq!(bodies(&deployment).await, ["last, thank you", "two\nlines, thank you"]);
    undisturbed(&deployment, 0).await;
}
