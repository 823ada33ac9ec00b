//! Edits and withdrawals.

use std::time::Duration;

use moderato_api::internal::Submission;
use moderato_api::pb::ingest::WithdrawCommentRequest;
use moderato_ingest::IngestOptions;

use crate::support::{edit, reason, start, start_with, submission};

fn withdrawal(name: &str) -> WithdrawCommentRequest {
    WithdrawCommentRequest { name: name.to_owned(), ..WithdrawCommentRequest::default() }
}

#[tokio::test]
async fn edits_are_ordered_by_revision() {
    let role = start().await;
    let mut client = role.client();
    let name = client.submit_comment(submission("r-1", "one")).await.unwrap().into_inner().name;
    role.record_all().await;
    let accepted = client.edit_comment(edit(&name, 5, "five")).await.unwrap().into_inner();
    assert_eq!((accepted.name.as_str(), accepted.revision), (name.as_str(), 5));
    role.record_all().await;

    let again = client.edit_comment(edit(&name, 5, "five")).await.unwrap().into_inner();
    assert_eq!(again, accepted);
    assert_eq!(reason(client.edit_comment(edit(&name, 4, "four")).await), "REVISION_STALE");
    assert_eq!(reason(client.edit_comment(edit(&name, 5, "another five")).await), "CONTENT_CONFLICT");
    for not_above_the_first in [i64::MIN, 0, 1] {
        assert_eq!(
            reason(client.edit_comment(edit(&name, not_above_the_first, "x")).await),
            "INVALID_FIELDS"
        );
    }
    assert!(role.taken().await.is_empty());
}

#[tokio::test]
async fn a_withdrawal_is_final() {
    let role = start().await;
    let mut client = role.client();
    let name = client.submit_comment(submission("r-1", "one")).await.unwrap().into_inner().name;
    role.record_all().await;
    client.withdraw_comment(withdrawal(&name)).await.unwrap();
    role.record_all().await;
    client.withdraw_comment(withdrawal(&name)).await.unwrap();
    assert!(role.taken().await.is_empty(), "the second one changes nothing");
    assert_eq!(reason(client.edit_comment(edit(&name, 2, "two")).await), "ALREADY_SETTLED");
}

#[tokio::test]
async fn a_comment_that_nobody_knows_cannot_be_amended() {
    let role =
        start_with(IngestOptions { appear_within: Duration::from_millis(100), ..Default::default() }).await;
    let mut client = role.client();
    let unknown = "sites/blog/comments/nobody";
    assert_eq!(reason(client.edit_comment(edit(unknown, 2, "two")).await), "COMMENT_NOT_FOUND");
    assert_eq!(reason(client.withdraw_comment(withdrawal(unknown)).await), "COMMENT_NOT_FOUND");
    assert_eq!(reason(client.withdraw_comment(withdrawal("sites/blog")).await), "INVALID_FIELDS");
    assert_eq!(
        reason(client.withdraw_comment(withdrawal("sites/shop/comments/c")).await),
        "PERMISSION_DENIED"
    );
    assert!(role.taken().await.is_empty());
}

#[tokio::test]
async fn a_comment_accepted_a_moment_ago_can_be_amended() {
    let role = start().await;
    let mut client = role.client();
    let name = client.submit_comment(submission("r-1", "one")).await.unwrap().into_inner().name;
    assert!(!role.is_recorded(&name).await);
    client.edit_comment(edit(&name, 2, "two")).await.unwrap();
    client.withdraw_comment(withdrawal(&name)).await.unwrap();
    assert_eq!(role.taken().await.len(), 3);

    // Accepted by another instance: it appears in the store while the edit waits.
    let other = start().await;
    let mut client = other.client();
    let request = submission("r-1", "one");
    role.client().submit_comment(request).await.unwrap();
    let waiting = tokio::spawn(async move { client.edit_comment(edit(&name, 2, "two")).await });
    tokio::time::sleep(Duration::from_millis(50)).await;
    other.client().submit_comment(submission("r-1", "one")).await.unwrap();
    other.record_all().await;
    waiting.await.unwrap().unwrap();
}

#[tokio::test]
async fn while_the_store_is_away_amendments_are_accepted_unseen() {
    let role = start().await;
    let mut client = role.client();
    role.lose_store().await;
    let name = "sites/blog/comments/c-1";
    client.edit_comment(edit(name, 2, "two")).await.unwrap();
    client.withdraw_comment(withdrawal(name)).await.unwrap();
    let taken = role.taken().await;
    assert!(matches!(taken[..], [Submission::Comment(_), Submission::Withdrawal(_)]), "{taken:?}");
}
