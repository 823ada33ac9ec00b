//! The next batch: one that is small grows while others are in hand.
//!
//! A transaction costs the store much the same whether it holds ten comments or a hundred. On a machine
//! that is busy, a worker that takes every message at once spends its time on small transactions, and
//! verdicts come later, not earlier. So beside batches in hand a small one waits: until it is worth a
//! batch, or until the others are done. A worker that has nothing in hand never waits.

use moderato_queue::{Consumer, Delivery};
use tokio::task::JoinSet;

use crate::WorkerOptions;

/// So many submissions do not wait for batches in hand to be done.
const WORTH: usize = 64;

/// Waits for the next batch. `None` when the consumer has ended. Whoever stops waiting loses nothing:
/// what was gathered goes back to the queue.
pub(crate) async fn next_batch(
    consumer: &mut dyn Consumer,
    in_hand: &mut JoinSet<()>,
    options: &WorkerOptions,
) -> Option<Vec<Delivery>> {
    // A batch that waits for the store stays in hand: a broken store pauses the worker here.
    while in_hand.len() >= options.batches_in_flight.max(1) {
        in_hand.join_next().await;
    }
    let worth = WORTH.min(options.batch_items);
    let mut batch = Vec::new();
    let mut items = 0;
    while items == 0 || (items < worth && !in_hand.is_empty()) {
        tokio::select! {
            biased;
            Some(_) = in_hand.join_next() => {}
            more = consumer.next_batch(options.batch_items - items) => {
                let more = more?;
                items += more.iter().map(|delivery| delivery.envelope.items as usize).sum::<usize>();
                batch.extend(more);
            }
        }
    }
    Some(batch)
}

#[cfg(test)]
mod tests {
    use std::task::Poll;

    use async_trait::async_trait;
    use bytes::Bytes;
    use moderato_domain::Timestamp;
    use moderato_queue::{Envelope, QueueError, Settle};
    use tokio::sync::{mpsc, oneshot};
    use uuid::Uuid;

    use super::*;

    /// Hands out one message at a time.
    struct Messages(mpsc::UnboundedReceiver<u32>);

    #[async_trait]
    impl Consumer for Messages {
        async fn next_batch(&mut self, _: usize) -> Option<Vec<Delivery>> {
            let items = self.0.recv().await?;
            let envelope = Envelope::submissions(Uuid::nil(), items, Timestamp::from_millis(0), Bytes::new());
            Some(vec![Delivery::new(envelope, 0, Box::new(Nowhere))])
        }
        async fn stop(&mut self) {}
    }

    struct Nowhere;

    #[async_trait]
    impl Settle for Nowhere {
        async fn ack(self: Box<Self>) -> Result<(), QueueError> {
            Ok(())
        }
        async fn requeue(self: Box<Self>) -> Result<(), QueueError> {
            Ok(())
        }
    }

    /// Messages of so many comments that wait in the queue; a sender of more.
    fn queue(waiting: &[u32]) -> (mpsc::UnboundedSender<u32>, Messages) {
        let (sender, receiver) = mpsc::unbounded_channel();
        for items in waiting {
            sender.send(*items).unwrap();
        }
        (sender, Messages(receiver))
    }

    /// Batches in hand, each until its sender is dropped.
    fn in_hand(batches: usize) -> (Vec<oneshot::Sender<()>>, JoinSet<()>) {
        let mut hands = JoinSet::new();
        let start = || {
            let (done, until) = oneshot::channel::<()>();
            hands.spawn(async move {
                let _ = until.await;
            });
            done
        };
        (std::iter::repeat_with(start).take(batches).collect(), hands)
    }

    fn options() -> WorkerOptions {
        WorkerOptions { batch_items: 100, batches_in_flight: 2, prefetch: 10 }
    }

    fn items(batch: Option<Vec<Delivery>>) -> Vec<u32> {
        batch.into_iter().flatten().map(|delivery| delivery.envelope.items).collect()
    }

    #[tokio::test]
    async fn with_nothing_in_hand_a_single_comment_does_not_wait() {
        let (_more, mut messages) = queue(&[1]);
        let (_, mut hands) = in_hand(0);
        assert_eq!(items(next_batch(&mut messages, &mut hands, &options()).await), [1]);
    }

    #[tokio::test]
    async fn beside_a_batch_in_hand_a_small_one_grows_until_it_is_worth_one() {
        let (more, mut messages) = queue(&[1]);
        let (_running, mut hands) = in_hand(1);
        let options = options();
        let mut next = Box::pin(next_batch(&mut messages, &mut hands, &options));
        assert!(matches!(futures_util::poll!(&mut next), Poll::Pending), "one waits");
        more.send(63).unwrap();
        assert_eq!(items(next.await), [1, 63]);
    }

    #[tokio::test]
    async fn a_small_batch_leaves_when_those_in_hand_are_done() {
        let (_more, mut messages) = queue(&[1, 2]);
        let (running, mut hands) = in_hand(1);
        let options = options();
        let mut next = Box::pin(next_batch(&mut messages, &mut hands, &options));
        assert!(matches!(futures_util::poll!(&mut next), Poll::Pending), "three wait");
        drop(running);
        assert_eq!(items(next.await), [1, 2]);
    }

    #[tokio::test]
    async fn no_more_batches_than_allowed_are_in_hand() {
        let (_more, mut messages) = queue(&[90]);
        let (mut running, mut hands) = in_hand(2);
        let options = options();
        let mut next = Box::pin(next_batch(&mut messages, &mut hands, &options));
        assert!(matches!(futures_util::poll!(&mut next), Poll::Pending), "a full one waits, too");
        running.pop();
        assert_eq!(items(next.await), [90]);
    }

    #[tokio::test]
    async fn there_is_no_batch_after_the_consumer_has_ended() {
        let (more, mut messages) = queue(&[]);
        drop(more);
        let (_, mut hands) = in_hand(0);
        assert!(next_batch(&mut messages, &mut hands, &options()).await.is_none());
    }
}
