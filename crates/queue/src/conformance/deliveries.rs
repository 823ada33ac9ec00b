//! Delivery, acknowledgement, redelivery.

use std::sync::Arc;

use super::{ack_all, batch, consumer, message, publish, take, take_one, until};
use crate::{DELIVERY_LIMIT, Queue, Route};

pub(super) async fn what_was_published_is_delivered_intact(queue: Arc<dyn Queue>) {
    let mut sent = message(1);
    sent.attempt = 2;
    sent.items = 3;
    sent.last_error = Some("the store was away".to_owned());
    queue.publish(Route::Work, sent.clone()).await.expect("the queue accepts a message");
    let bare =
        crate::Envelope { correlation_id: None, traceparent: None, body: bytes::Bytes::new(), ..message(2) };
    queue.publish(Route::Work, bare.clone()).await.expect("the queue accepts a message");

    let mut consumer = consumer(&queue, 10).await;
    let mut deliveries = take(&mut consumer, 2).await;
    deliveries.sort_by_key(|delivery| delivery.envelope.message_id);
    assert_eq!(deliveries[0].envelope, sent);
    assert_eq!(deliveries[1].envelope, bare);
    assert_eq!(deliveries[0].delivery_count, 0);
    ack_all(deliveries).await;
}

pub(super) async fn an_acknowledged_message_is_gone(queue: Arc<dyn Queue>) {
    publish(&queue, 1..2).await;
    let mut first = consumer(&queue, 10).await;
    take_one(&mut first).await.ack().await.expect("the acknowledgement arrives");
    first.stop().await;
    drop(first);

    publish(&queue, 2..3).await;
    let mut second = consumer(&queue, 10).await;
    let delivery = take_one(&mut second).await;
    assert_eq!(delivery.envelope, message(2));
    delivery.ack().await.expect("the acknowledgement arrives");
}

pub(super) async fn an_unsettled_message_comes_back_when_its_consumer_ends(queue: Arc<dyn Queue>) {
    publish(&queue, 1..2).await;
    for deliveries_before in 0..3 {
        let mut consumer = consumer(&queue, 10).await;
        let delivery = take_one(&mut consumer).await;
        assert_eq!(delivery.envelope, message(1));
        assert!(delivery.delivery_count >= deliveries_before, "{delivery:?}: the count rises");
    }
    let mut last = consumer(&queue, 10).await;
    take_one(&mut last).await.ack().await.expect("the acknowledgement arrives");
}

pub(super) async fn a_requeued_message_comes_back_at_once(queue: Arc<dyn Queue>) {
    publish(&queue, 1..2).await;
    let mut consumer = consumer(&queue, 10).await;
    take_one(&mut consumer).await.requeue().await.expect("the message goes back");
    let again = take_one(&mut consumer).await;
    assert_eq!(again.envelope, message(1));
    again.ack().await.expect("the acknowledgement arrives");
}

pub(super) async fn a_message_that_is_never_settled_becomes_a_dead_letter(queue: Arc<dyn Queue>) {
    publish(&queue, 1..2).await;
    let mut consumer = consumer(&queue, 10).await;
    let mut count = 0;
    let work = async {
        loop {
            for delivery in batch(&mut consumer, 10).await {
                count += 1;
                delivery.requeue().await.expect("the message goes back");
            }
        }
    };
    let is_dead = until("the backend gives the message up", async || {
        !queue.dead_letters(10).await.expect("dead letters can be read").is_empty()
    });
    tokio::select! {
        () = work => {}
        () = is_dead => {}
    }
    assert!((DELIVERY_LIMIT..=DELIVERY_LIMIT + 1).contains(&count), "given up after {count} deliveries");
    let dead = queue.dead_letters(10).await.expect("dead letters can be read");
    assert_eq!(dead[0].envelope.message_id, message(1).message_id);
    assert!(dead[0].envelope.last_error.is_some(), "it says why");
}

pub(super) async fn a_delivery_can_be_settled_after_its_consumer_stopped(queue: Arc<dyn Queue>) {
    publish(&queue, 1..2).await;
    let mut first = consumer(&queue, 10).await;
    let delivery = take_one(&mut first).await;
    first.stop().await;
    drop(first);
    delivery.ack().await.expect("the acknowledgement arrives");

    publish(&queue, 2..3).await;
    let mut second = consumer(&queue, 10).await;
    let delivery = take_one(&mut second).await;
    assert_eq!(delivery.envelope, message(2));
    delivery.ack().await.expect("the acknowledgement arrives");
}
