//! The same submission, again.

use moderato_api::internal::Submission;
use moderato_api::pb::ingest::{CheckCommentRequest, SubmitCommentRequest};
use moderato_ingest::IngestOptions;
use moderato_queue::PublishError;
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::support::{draft, reason, start, start_with, submission};

#[tokio::test]
async fn a_retry_is_the_same_submission_and_other_content_a_conflict() {
    let role = start().await;
    let mut client = role.client();
    let first = client.submit_comment(submission("r-1", "hello")).await.unwrap().into_inner();
    let again = client.submit_comment(submission("r-1", "hello")).await.unwrap().into_inner();
    assert_eq!(first, again);
    assert_eq!(first.revision, 1);
    assert_eq!(reason(client.submit_comment(submission("r-1", "bye")).await), "CONTENT_CONFLICT");
    let by_id = SubmitCommentRequest { comment_id: "c-1".to_owned(), ..submission("", "hello") };
    assert_eq!(
        client.submit_comment(by_id.clone()).await.unwrap().into_inner().name,
        "sites/blog/comments/c-1"
    );
    let other = SubmitCommentRequest { comment: Some(draft("bye")), ..by_id };
    assert_eq!(reason(client.submit_comment(other).await), "CONTENT_CONFLICT");
    let taken = role.taken().await;
    assert_eq!(taken.len(), 2);
    assert!(matches!(&taken[0], Submission::Comment(comment) if comment.body == "hello"));
}

#[tokio::test]
async fn what_was_not_confirmed_is_published_by_the_retry() {
    let role = start().await;
    let mut client = role.client();
    for (error, expected, code) in [
        (PublishError::Full, "QUEUE_FULL", Code::ResourceExhausted),
        (PublishError::Unavailable, "QUEUE_UNAVAILABLE", Code::Unavailable),
        (PublishError::Ambiguous, "QUEUE_UNAVAILABLE", Code::Unavailable),
        (PublishError::TooLarge, "MESSAGE_TOO_LARGE", Code::ResourceExhausted),
    ] {
        role.queue.fail(Some(error));
        let status = client.submit_comment(submission("r-1", "hello")).await.unwrap_err();
        assert_eq!(status.code(), code);
        assert_eq!(status.get_details_retry_info().is_some(), error != PublishError::TooLarge);
        assert_eq!(reason(Err::<(), _>(status)), expected);
    }
    role.queue.fail(None);
    client.submit_comment(submission("r-1", "hello")).await.unwrap();
    assert_eq!(role.taken().await.len(), 1);
}

#[tokio::test]
async fn more_calls_than_may_be_in_flight_are_refused_at_once() {
    let role = start_with(IngestOptions { max_in_flight: 1, ..IngestOptions::default() }).await;
    role.queue.set_open(false);
    let mut first = role.client();
    let waiting = tokio::spawn(async move { first.submit_comment(submission("r-1", "hello")).await });
    role.queue.reached(1).await;
    let mut client = role.client();
    assert_eq!(reason(client.submit_comment(submission("r-2", "hello")).await), "OVERLOADED");
    role.queue.set_open(true);
    waiting.await.unwrap().unwrap();
    client.submit_comment(submission("r-3", "hello")).await.unwrap();
}

#[tokio::test]
async fn a_check_judges_and_stores_nothing_even_while_the_store_is_away() {
    let role = start().await;
    let mut client = role.client();
    let spam = CheckCommentRequest {
        parent: "sites/blog".to_owned(),
        comment: Some(draft(
            "Buy cheap pills at http://pills.example http://pills.example/2 http://pills.example/3",
        )),
    };
    let verdict = client.check_comment(spam.clone()).await.unwrap().into_inner().verdict.unwrap();
    assert!(verdict.provisional && verdict.degraded.is_empty() && verdict.comment.is_empty());
    assert!(!verdict.signals.is_empty());
    role.lose_store().await;
    let degraded = client.check_comment(spam).await.unwrap().into_inner().verdict.unwrap();
    assert_eq!(degraded.degraded, ["facts.author skipped: unavailable"]);
    assert!(role.taken().await.is_empty());
}

#[tokio::test]
async fn validate_only_publishes_nothing() {
    let role = start().await;
    let only = SubmitCommentRequest { validate_only: true, ..submission("r-1", "hello") };
    let told = role.client().submit_comment(only).await.unwrap().into_inner();
    assert!(told.accept_time.is_none());
    let real = role.client().submit_comment(submission("r-1", "hello")).await.unwrap().into_inner();
    assert_eq!((told.name, told.submission_uid), (real.name, real.submission_uid));
    assert_eq!(role.taken().await.len(), 1);
}
