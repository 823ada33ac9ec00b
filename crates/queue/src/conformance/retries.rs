//! Delayed retries.

use std::sync::Arc;
use std::time::Duration;

use moderato_domain::Stopwatch;

use super::{consumer, message, publish, take_one, until};
use crate::{Envelope, Queue, RETRY_DELAYS};

pub(super) async fn a_retry_is_held_back_and_then_delivered_as_the_next_attempt(queue: Arc<dyn Queue>) {
    let delay = Duration::from_secs(1);
    publish(&queue, 1..2).await;
    let mut consumer = consumer(&queue, 10).await;
    let stopwatch = Stopwatch::start();
    let delivery = take_one(&mut consumer).await;
    delivery.retry_after(&queue, delay, "the store was away").await.expect("the retry is stored");
    until("depth shows the retry", async || queue.depth().await.is_ok_and(|depth| depth.retrying == 1)).await;

    let again = take_one(&mut consumer).await;
    let held_back = stopwatch.elapsed();
    assert!(held_back >= delay, "held back only {held_back:?}");
    assert!(held_back < RETRY_DELAYS[0] + Duration::from_secs(10), "held back {held_back:?}");
    let expected = Envelope { attempt: 1, last_error: Some("the store was away".to_owned()), ..message(1) };
    assert_eq!(again.envelope, expected);
    assert_eq!(again.delivery_count, 0, "a retry is a new message");
    again.ack().await.expect("the acknowledgement arrives");
    until("nothing is left", async || {
        queue.depth().await.is_ok_and(|depth| depth.retrying == 0 && depth.ready == 0)
    })
    .await;
}

pub(super) async fn a_message_is_still_there_when_the_retry_cannot_be_acknowledged_yet(
    queue: Arc<dyn Queue>,
) {
    publish(&queue, 1..2).await;
    let mut first = consumer(&queue, 10).await;
    let delivery = take_one(&mut first).await;
    // What a crash between publishing the retry and acknowledging the original leaves behind.
    let retry = delivery.envelope.for_retry("crashed");
    queue.publish(crate::Route::Retry(Duration::from_secs(1)), retry).await.expect("the retry is stored");
    drop(delivery);
    drop(first);

    let mut second = consumer(&queue, 10).await;
    let mut attempts = Vec::new();
    for _ in 0..2 {
        let delivery = take_one(&mut second).await;
        attempts.push(delivery.envelope.attempt);
        delivery.ack().await.expect("the acknowledgement arrives");
    }
    attempts.sort_unstable();
    assert_eq!(attempts, [0, 1], "the original and its retry");
}
