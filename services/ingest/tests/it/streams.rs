//! Many comments over one call.

use std::collections::BTreeMap;
use std::time::Duration;

use moderato_api::pb::ingest::submit_result::Result as Answer;
use moderato_api::pb::ingest::{SubmitCommentRequest, SubmitCommentsRequest, SubmitCommentsResponse};
use moderato_ingest::IngestOptions;
use moderato_queue::PublishError;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status, Streaming};

use crate::support::{IngestClient, reason, start, start_with, submission};

fn item(submission: SubmitCommentRequest) -> SubmitCommentsRequest {
    SubmitCommentsRequest { submission: Some(submission) }
}

async fn open(
    client: &mut IngestClient,
) -> (mpsc::Sender<SubmitCommentsRequest>, Streaming<SubmitCommentsResponse>) {
    let (sender, receiver) = mpsc::channel(16);
    let answers = client.submit_comments(ReceiverStream::new(receiver)).await.unwrap().into_inner();
    (sender, answers)
}

/// Every answer by sequence (accepted, or the reason), and the status after them.
async fn all(mut answers: Streaming<SubmitCommentsResponse>) -> (BTreeMap<u64, String>, Result<(), Status>) {
    let mut told = BTreeMap::new();
    loop {
        match timeout(Duration::from_secs(10), answers.message()).await.expect("the stream goes on") {
            Ok(Some(response)) => {
                for result in response.results {
                    let what = match result.result.unwrap() {
                        Answer::Accepted(_) => "accepted".to_owned(),
                        Answer::Refused(refusal) => refusal.reason,
                    };
                    assert_eq!(told.insert(result.sequence, what), None, "answered once");
                }
            }
            Ok(None) => return (told, Ok(())),
            Err(status) => return (told, Err(status)),
        }
    }
}

#[tokio::test]
async fn every_item_is_answered_for_itself() {
    let role = start().await;
    let items = vec![
        item(submission("r-0", "zero")),
        item(submission("r-1", " ")),
        item(SubmitCommentRequest { parent: "sites/shop".to_owned(), ..submission("r-2", "two") }),
        SubmitCommentsRequest::default(),
        item(submission("r-4", "four")),
    ];
    let answers = role.client().submit_comments(tokio_stream::iter(items)).await.unwrap().into_inner();
    let (told, end) = all(answers).await;
    end.unwrap();
    let expected = ["accepted", "INVALID_FIELDS", "PERMISSION_DENIED", "INVALID_FIELDS", "accepted"];
    assert_eq!(told.into_values().collect::<Vec<_>>(), expected);
    assert_eq!(role.taken().await.len(), 2);
}

#[tokio::test]
async fn a_long_stream_is_answered_completely_through_a_narrow_door() {
    let role = start_with(IngestOptions { stream_in_flight: 16, ..IngestOptions::default() }).await;
    let items = (0..2000).map(|n| item(submission(&format!("r-{n}"), "hello")));
    let answers = role.client().submit_comments(tokio_stream::iter(items)).await.unwrap().into_inner();
    let (told, end) = all(answers).await;
    end.unwrap();
    assert_eq!(told.len(), 2000);
    assert!(told.values().all(|what| what == "accepted"));
    assert_eq!(role.taken().await.len(), 2000);
    assert!(role.metrics.encode().contains("moderato_accepted_total 2000"));
}

#[tokio::test]
async fn an_item_that_cannot_be_read_ends_the_stream_after_the_answers_of_the_others() {
    let role = start().await;
    let items = vec![
        item(submission("r-0", "zero")),
        item(submission("r-1", "one")),
        item(submission("r-2", &"x".repeat(1_000_000))),
        item(submission("r-3", "three")),
    ];
    let answers = role.client().submit_comments(tokio_stream::iter(items)).await.unwrap().into_inner();
    let (told, end) = all(answers).await;
    assert_eq!(told.into_values().collect::<Vec<_>>(), ["accepted", "accepted"]);
    assert_eq!(end.as_ref().unwrap_err().code(), Code::ResourceExhausted);
    assert_eq!(reason(end), "MESSAGE_TOO_LARGE");
}

#[tokio::test]
async fn a_failing_queue_refuses_items_and_the_stream_goes_on() {
    let role = start().await;
    let (sender, mut answers) = open(&mut role.client()).await;
    role.queue.fail(Some(PublishError::Full));
    sender.send(item(submission("r-0", "zero"))).await.unwrap();
    let first = answers.message().await.unwrap().unwrap();
    assert!(
        matches!(&first.results[0].result, Some(Answer::Refused(refusal)) if refusal.reason == "QUEUE_FULL"
        && refusal.retry_delay.is_some() && refusal.code == Code::ResourceExhausted as i32)
    );
    role.queue.fail(None);
    sender.send(item(submission("r-0", "zero"))).await.unwrap();
    drop(sender);
    let (told, end) = all(answers).await;
    end.unwrap();
    assert_eq!(told[&1], "accepted");
}

#[tokio::test]
async fn a_client_that_vanishes_loses_nothing_that_was_accepted_and_leaves_nothing_open() {
    let role = start_with(IngestOptions { max_streams: 1, ..IngestOptions::default() }).await;
    let mut client = role.client();
    let (sender, mut answers) = open(&mut client).await;
    sender.send(item(submission("r-0", "zero"))).await.unwrap();
    answers.message().await.unwrap().unwrap();
    role.queue.set_open(false);
    sender.send(item(submission("r-1", "one"))).await.unwrap();
    role.queue.reached(2).await;
    drop((sender, answers));
    role.queue.set_open(true);

    // The only place for a stream becomes free again.
    let again = loop {
        let items = vec![item(submission("r-2", "two"))];
        match client.submit_comments(tokio_stream::iter(items)).await {
            Ok(answers) => break answers.into_inner(),
            Err(status) => assert_eq!(reason(Err::<(), _>(status)), "OVERLOADED"),
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    assert_eq!(all(again).await.0[&0], "accepted");
    let taken = role.taken().await;
    assert!((2..=3).contains(&taken.len()), "the one in between was on its way or was not: {taken:?}");
}

#[tokio::test]
async fn a_revoked_key_stops_its_stream() {
    let role = start().await;
    let (sender, mut answers) = open(&mut role.client()).await;
    sender.send(item(submission("r-0", "zero"))).await.unwrap();
    answers.message().await.unwrap().unwrap();
    role.revoke(&role.key).await;
    sender.send(item(submission("r-1", "one"))).await.unwrap();
    let (told, end) = all(answers).await;
    assert!(told.is_empty());
    assert_eq!(reason(end), "KEY_REJECTED");
    assert_eq!(role.taken().await.len(), 1);
}

#[tokio::test]
async fn a_shutdown_answers_what_is_in_flight_and_ends_the_stream() {
    let role = start().await;
    let (sender, answers) = open(&mut role.client()).await;
    role.queue.set_open(false);
    for n in 0..3 {
        sender.send(item(submission(&format!("r-{n}"), "hello"))).await.unwrap();
    }
    role.queue.reached(1).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    role.trigger.fire();
    tokio::time::sleep(Duration::from_millis(20)).await;
    role.queue.set_open(true);
    let (told, end) = all(answers).await;
    assert_eq!(told.into_values().collect::<Vec<_>>(), ["accepted"; 3]);
    assert_eq!(end.as_ref().unwrap_err().code(), Code::Unavailable);
    assert_eq!(reason(end), "SHUTTING_DOWN");
    drop(sender);
}

/// Prints the CPU time of client and server together:
/// `cargo test --release -p moderato-ingest -- --ignored --nocapture what_an_item_costs`.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn what_an_item_costs() {
    const ITEMS: u32 = 200_000;
    let role = start().await;
    role.queue.swallow();
    let body = "Thank you for this article, it answers what I have been asking myself. ".repeat(6);
    let items = (0..ITEMS).map(move |n| item(submission(&format!("r-{n}"), &body)));
    let (before, _) = moderato_runtime::metrics::process_usage().unwrap();
    let answers = role.client().submit_comments(tokio_stream::iter(items)).await.unwrap().into_inner();
    let mut answers = answers;
    let mut messages = 0_u32;
    while answers.message().await.unwrap().is_some() {
        messages += 1;
    }
    let (after, _) = moderato_runtime::metrics::process_usage().unwrap();
    let micros = (after - before) * 1e6 / f64::from(ITEMS);
    println!("{micros:.2} µs of CPU per item, client included; {messages} response messages");
    assert!(role.metrics.encode().contains(&format!("moderato_accepted_total {ITEMS}")));
}
