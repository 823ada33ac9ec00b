//! Dead letters.

use std::sync::Arc;

use super::{ack_all, consumer, delivered, ids, message, publish, take, until};
use crate::{DeadLetter, DeadSelection, Queue, Route};

async fn dead(queue: &Arc<dyn Queue>, limit: usize) -> Vec<DeadLetter> {
    queue.dead_letters(limit).await.expect("dead letters can be read")
}

fn dead_ids(letters: &[DeadLetter]) -> std::collections::BTreeSet<u128> {
    ids(letters.iter().map(|letter| &letter.envelope))
}

/// Publishes these and gives them up.
async fn bury(queue: &Arc<dyn Queue>, numbers: std::ops::Range<u32>) {
    let count = numbers.len();
    publish(queue, numbers).await;
    let mut consumer = consumer(queue, 50).await;
    for delivery in take(&mut consumer, count).await {
        delivery.dead_letter(queue, "cannot be read").await.expect("the dead letter is stored");
    }
    consumer.stop().await;
}

pub(super) async fn a_dead_letter_keeps_its_reason_and_stays(queue: Arc<dyn Queue>) {
    bury(&queue, 1..2).await;
    for _ in 0..3 {
        let letters = dead(&queue, 10).await;
        assert_eq!(letters.len(), 1);
        assert_eq!(letters[0].envelope, message(1).for_dead_letter("cannot be read"));
    }
    until("depth shows it", async || {
        queue.depth().await.is_ok_and(|depth| depth.dead == 1 && depth.ready == 0)
    })
    .await;
}

pub(super) async fn redriven_messages_are_work_again_and_fresh(queue: Arc<dyn Queue>) {
    bury(&queue, 0..5).await;
    let tried = crate::Envelope { attempt: 4, ..message(5).for_dead_letter("tried") };
    queue.publish(Route::Dead, tried).await.expect("the queue accepts a dead letter");

    let two = DeadSelection::Ids(vec![message(1).message_id, message(3).message_id]);
    assert_eq!(queue.redrive(&two).await.expect("redrive works"), 2);
    assert_eq!(dead_ids(&dead(&queue, 10).await), [0, 2, 4, 5].into());
    let unknown = DeadSelection::Ids(vec![message(99).message_id]);
    assert_eq!(queue.redrive(&unknown).await.expect("redrive works"), 0);
    assert_eq!(queue.redrive(&DeadSelection::All).await.expect("redrive works"), 4);
    assert!(dead(&queue, 10).await.is_empty());

    let mut consumer = consumer(&queue, 50).await;
    let deliveries = take(&mut consumer, 6).await;
    assert_eq!(delivered(&deliveries), (0..6).collect());
    for delivery in &deliveries {
        assert_eq!((delivery.envelope.attempt, &delivery.envelope.last_error), (0, &None));
    }
    ack_all(deliveries).await;
}

pub(super) async fn dropped_dead_letters_are_gone(queue: Arc<dyn Queue>) {
    bury(&queue, 0..5).await;
    let one = DeadSelection::Ids(vec![message(2).message_id]);
    assert_eq!(queue.drop_dead(&one).await.expect("dropping works"), 1);
    assert_eq!(queue.drop_dead(&one).await.expect("dropping works"), 0);
    assert_eq!(dead_ids(&dead(&queue, 10).await), [0, 1, 3, 4].into());
    assert_eq!(queue.drop_dead(&DeadSelection::All).await.expect("dropping works"), 4);
    assert!(dead(&queue, 10).await.is_empty());
    until("nothing is left", async || {
        queue.depth().await.is_ok_and(|depth| depth.dead == 0 && depth.ready == 0)
    })
    .await;
}

pub(super) async fn looking_at_dead_letters_respects_the_limit(queue: Arc<dyn Queue>) {
    bury(&queue, 0..5).await;
    assert_eq!(dead_ids(&dead(&queue, 2).await), [0, 1].into(), "oldest first");
    assert_eq!(dead(&queue, 0).await.len(), 0);
    assert_eq!(dead_ids(&dead(&queue, 100).await), (0..5).collect());
}
