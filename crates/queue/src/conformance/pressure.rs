//! Many publishers, many messages, no room.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;

use super::{ack_all, batch, consumer, delivered, message, publish, take, until};
use crate::{PublishError, Queue, Route};

pub(super) async fn depth_counts_what_is_where(queue: Arc<dyn Queue>) {
    queue.ready().await.expect("the queue is ready");
    publish(&queue, 0..3).await;
    let long = Route::Retry(Duration::from_mins(5));
    for number in 3..5 {
        queue.publish(long, message(number).for_retry("later")).await.expect("the retry is stored");
    }
    queue.publish(Route::Dead, message(5).for_dead_letter("no")).await.expect("the dead letter is stored");
    until("depth counts 3, 2 and 1", async || {
        queue.depth().await.is_ok_and(|depth| (depth.ready, depth.retrying, depth.dead) == (3, 2, 1))
    })
    .await;
}

pub(super) async fn concurrent_publishers_lose_and_double_nothing(queue: Arc<dyn Queue>) {
    const PUBLISHERS: u32 = 8;
    const EACH: u32 = 50;
    let publishers =
        (0..PUBLISHERS).map(|publisher| publish(&queue, publisher * EACH..(publisher + 1) * EACH));
    let consume = async {
        let mut consumers = [consumer(&queue, 20).await, consumer(&queue, 20).await];
        let mut seen = BTreeSet::new();
        while seen.len() < (PUBLISHERS * EACH) as usize {
            let [one, two] = &mut consumers;
            let deliveries = tokio::select! {
                deliveries = batch(one, 10) => deliveries,
                deliveries = batch(two, 10) => deliveries,
            };
            for id in delivered(&deliveries) {
                assert!(seen.insert(id), "message {id} was acknowledged and came again");
            }
            ack_all(deliveries).await;
        }
        assert_eq!(seen, (0..u128::from(PUBLISHERS * EACH)).collect());
    };
    tokio::join!(join_all(publishers), consume);
    until("nothing is left", async || queue.depth().await.is_ok_and(|depth| depth.ready == 0)).await;
}

pub(super) async fn a_full_queue_refuses_stores_nothing_and_recovers(queue: Arc<dyn Queue>) {
    // A backend may notice late that it is full, but it must notice.
    let mut accepted = BTreeSet::new();
    let mut refused = 0;
    for number in 0..2000 {
        match queue.publish(Route::Work, message(number)).await {
            Ok(()) => _ = accepted.insert(u128::from(number)),
            Err(PublishError::Full) => refused += 1,
            Err(error) => panic!("a full queue answers that it is full, not: {error}"),
        }
        if refused == 3 {
            break;
        }
    }
    assert_eq!(refused, 3, "the limit of 10 messages was not noticed");
    assert!(accepted.len() >= 10, "refused after {} of 10 messages", accepted.len());

    let mut consumer = consumer(&queue, 50).await;
    let deliveries = take(&mut consumer, accepted.len()).await;
    assert_eq!(delivered(&deliveries), accepted, "exactly what was accepted");
    ack_all(deliveries).await;
    until("there is room again", async || queue.publish(Route::Work, message(5000)).await.is_ok()).await;
    let last = take(&mut consumer, 1).await;
    assert_eq!(delivered(&last), [5000].into(), "nothing that was refused");
    ack_all(last).await;
}
