//! One batch, from delivery to acknowledgement.
//!
//! ```text
//! deliveries ─unpack─▶ submissions ─collect facts─▶ ─judge─▶ records ─commit─▶ outcomes ─settle─▶ acks
//!      └ no work: dead letter      one round trip    pure     one transaction      └ refused alone: dead letter
//! ```
//!
//! Nothing is acknowledged before it is recorded, so a worker that dies anywhere in here only causes
//! a redelivery, which the store recognises as a duplicate.

use moderato_api::internal::Submission;
use moderato_domain::Timestamp;
use moderato_queue::{Delivery, Envelope, Route};

use crate::Worker;
use crate::commit::Fate;
use crate::suspects;
use crate::unpack::{Parcel, Unpacked};

impl Worker {
    /// Works through one batch; what may kill the worker one by one. Never fails: what cannot be finished
    /// is left unacknowledged and is delivered again.
    pub(crate) async fn evaluate(&self, batch: Vec<Delivery>) {
        let Some(oldest) = batch.iter().map(|delivery| delivery.envelope.first_accept).min() else { return };
        let _held = self.in_hand.hold(oldest);
        for piece in suspects::part(batch) {
            if self.evaluate_piece(piece).await.is_none() {
                return;
            }
        }
    }

    /// `None`: shutting down while the store is away.
    async fn evaluate_piece(&self, batch: Vec<Delivery>) -> Option<()> {
        let Unpacked { parcels, mut comments, withdrawals } = self.unpack(batch).await;
        let rules = self.rules_in_use();
        self.find_authors(&mut comments, &rules).await;
        let facts = self.collect_facts(&comments, rules).await?;
        let (records, origins) = self.judge(comments, facts).await;
        let recorded = self.record(&records).await?;
        // After the comments: a comment and its withdrawal may share a batch.
        let withdrawn = self.withdraw(&withdrawals).await?;

        let fates = origins.into_iter().zip(recorded).chain(withdrawn).collect();
        self.settle(parcels, fates).await;
        Some(())
    }

    /// Publishes what needs another place, then acknowledges each delivery whose submissions are all
    /// accounted for.
    async fn settle(&self, parcels: Vec<Parcel>, fates: Vec<(Origin, Fate)>) {
        let mut parcels: Vec<Option<Parcel>> = parcels.into_iter().map(Some).collect();
        for (origin, fate) in fates {
            let slot = &mut parcels[origin.parcel];
            let Some(parcel) = slot else { continue };
            let moved = match fate {
                Fate::Done => true,
                Fate::Retry(why) => self.send_to_retry(&parcel.delivery.envelope, &origin, &why).await,
                Fate::Dead(why) => self.send_to_dead(&parcel.delivery.envelope, &origin, &why).await,
            };
            if !moved {
                // Its place could not be stored: give the whole message back rather than lose one item.
                if let Some(parcel) = slot.take() {
                    log_unsettled(parcel.delivery.requeue().await);
                }
            }
        }
        let acks = parcels.into_iter().flatten().map(|parcel| parcel.delivery.ack());
        for result in futures_util::future::join_all(acks).await {
            log_unsettled(result);
        }
    }

    /// Sends one submission to wait, alone; after the last attempt, to the dead letters.
    async fn send_to_retry(&self, parent: &Envelope, origin: &Origin, why: &str) -> bool {
        let delays = moderato_queue::RETRY_DELAYS;
        let Some(delay) = delays.get(parent.attempt as usize) else {
            return self
                .send_to_dead(parent, origin, &format!("{why}; gave up after {} retries", parent.attempt))
                .await;
        };
        self.deps.metrics.retried.inc();
        self.publish(Route::Retry(*delay), origin.alone(parent).for_retry(why)).await
    }

    /// Sends one submission to the dead letters, alone.
    pub(crate) async fn send_to_dead(&self, parent: &Envelope, origin: &Origin, why: &str) -> bool {
        let dead = origin.alone(parent).for_dead_letter(why);
        tracing::warn!(message.id = %dead.message_id, why, "dead letter");
        self.deps.metrics.dead_lettered.inc();
        self.publish(Route::Dead, dead).await
    }

    async fn publish(&self, route: Route, message: Envelope) -> bool {
        let published = self.deps.queue.publish(route, message).await;
        if let Err(error) = published {
            tracing::warn!(%error, ?route, "cannot move a message; it stays where it is");
        }
        published.is_ok()
    }
}

/// Where a submission came from.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    /// Which delivery of the batch.
    pub(crate) parcel: usize,
    /// Its own bytes within that delivery.
    pub(crate) body: bytes::Bytes,
    /// Its message id when it travels alone.
    pub(crate) message_id: uuid::Uuid,
    /// When it was accepted.
    pub(crate) accept_time: Timestamp,
}

impl Origin {
    /// The submission as a message of its own, with the history of the message it came in.
    pub(crate) fn alone(&self, parent: &Envelope) -> Envelope {
        Envelope {
            message_id: self.message_id,
            items: 1,
            first_accept: self.accept_time,
            body: self.body.clone(),
            ..parent.clone()
        }
    }
}

/// A comment on its way through the batch.
#[derive(Debug)]
pub(crate) struct Item<T> {
    pub(crate) origin: Origin,
    pub(crate) work: T,
}

/// An acknowledgement that did not arrive is no loss: the message comes again, as a duplicate.
pub(crate) fn log_unsettled(result: Result<(), moderato_queue::SettleError>) {
    if let Err(error) = result {
        tracing::debug!(%error, "not settled; it will be delivered again");
    }
}

/// The accept time of a submission.
pub(crate) fn accept_time(submission: &Submission) -> Timestamp {
    match submission {
        Submission::Comment(comment) => comment.accept_time,
        Submission::Withdrawal(withdrawal) => withdrawal.accept_time,
    }
}
