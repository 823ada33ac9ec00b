//! Batches, prefetch, stopping.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::{ack_all, batch, consumer, delivered, message, publish, take, take_one};
use crate::{Envelope, Queue, Route};

/// How long a batch that must not come is waited for.
const NOTHING: Duration = Duration::from_millis(300);

pub(super) async fn a_batch_takes_what_is_there_and_does_not_wait_for_more(queue: Arc<dyn Queue>) {
    let mut consumer = consumer(&queue, 100).await;
    publish(&queue, 0..1).await;
    let alone = batch(&mut consumer, 50).await;
    assert_eq!(delivered(&alone), [0].into());

    publish(&queue, 1..21).await;
    let mut rest = Vec::new();
    while rest.len() < 20 {
        rest.extend(batch(&mut consumer, 50).await);
    }
    assert_eq!(delivered(&rest), (1..21).collect());
    ack_all(alone).await;
    ack_all(rest).await;
}

pub(super) async fn a_batch_holds_about_max_items_submissions(queue: Arc<dyn Queue>) {
    for number in 0..6 {
        let group = Envelope { items: 3, ..message(number) };
        queue.publish(Route::Work, group).await.expect("the queue accepts a message");
    }
    let mut consumer = consumer(&queue, 100).await;
    let mut deliveries = Vec::new();
    while deliveries.len() < 6 {
        let batch = batch(&mut consumer, 7).await;
        // About: one message that is larger than the rest of the room may be in or out.
        assert!(batch.len() <= 3, "{} messages of 3 submissions in a batch of 7", batch.len());
        deliveries.extend(batch);
    }
    assert_eq!(delivered(&deliveries), (0..6).collect());
    ack_all(deliveries).await;
    publish(&queue, 6..7).await;
    // A message that is larger than the batch comes alone, not never.
    let one = batch(&mut consumer, 0).await;
    assert_eq!(one.len(), 1);
    ack_all(one).await;
}

pub(super) async fn no_more_than_the_prefetch_is_held(queue: Arc<dyn Queue>) {
    publish(&queue, 0..10).await;
    let mut consumer = consumer(&queue, 3).await;
    let mut held = take(&mut consumer, 3).await;
    assert!(timeout(NOTHING, consumer.next_batch(100)).await.is_err(), "a fourth message came");

    held.remove(0).ack().await.expect("the acknowledgement arrives");
    let next = batch(&mut consumer, 100).await;
    assert_eq!(next.len(), 1);
    held.extend(next);
    while !held.is_empty() {
        ack_all(std::mem::take(&mut held)).await;
        if let Ok(Some(next)) = timeout(NOTHING, consumer.next_batch(100)).await {
            assert!(next.len() <= 3, "{} messages at once", next.len());
            held = next;
        }
    }
}

pub(super) async fn a_stopped_consumer_gives_back_what_it_has_not_handed_out(queue: Arc<dyn Queue>) {
    publish(&queue, 0..5).await;
    let mut stopping = consumer(&queue, 5).await;
    let in_hand = take_one(&mut stopping).await;
    stopping.stop().await;
    assert!(stopping.next_batch(10).await.is_none(), "nothing comes after a stop");

    let mut other = consumer(&queue, 5).await;
    let rest = take(&mut other, 4).await;
    let mut all = delivered(&rest);
    assert!(all.insert(in_hand.envelope.message_id.as_u128() - 1), "{in_hand:?} is in one hand only");
    assert_eq!(all, (0..5).collect());
    in_hand.ack().await.expect("the acknowledgement arrives");
    ack_all(rest).await;
}
