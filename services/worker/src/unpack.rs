//! Deliveries into submissions. What is no work becomes a dead letter with the reason, alone.

use moderato_api::internal::{self, Submission};
use moderato_domain::{AuthorKey, Comment, ContentHash, SubmissionUid, TextSketch, Withdrawal};
use moderato_queue::{Delivery, Envelope, KIND_SUBMISSIONS, Route, SCHEMA};
use uuid::Uuid;

use crate::Worker;
use crate::evaluate::{Item, Origin, accept_time, log_unsettled};
use crate::suspects::is_suspect;

/// A delivery whose submissions are being worked on.
#[derive(Debug)]
pub(crate) struct Parcel {
    pub(crate) delivery: Delivery,
}

/// A comment with what is derived from it once.
#[derive(Debug)]
pub(crate) struct NewComment {
    pub(crate) comment: Comment,
    pub(crate) content_hash: ContentHash,
    pub(crate) submission_uid: SubmissionUid,
    /// Filled in once the comment's site is known.
    pub(crate) author: Option<AuthorKey>,
    /// Filled in if rules ask for repeats.
    pub(crate) text: Option<TextSketch>,
}

/// The work of a batch.
#[derive(Debug, Default)]
pub(crate) struct Unpacked {
    pub(crate) parcels: Vec<Parcel>,
    pub(crate) comments: Vec<Item<NewComment>>,
    pub(crate) withdrawals: Vec<Item<Withdrawal>>,
}

impl Worker {
    pub(crate) async fn unpack(&self, batch: Vec<Delivery>) -> Unpacked {
        let mut unpacked = Unpacked::default();
        for delivery in batch {
            let items = match readable(&delivery)
                .and_then(|()| internal::decode(&delivery.envelope.body).map_err(|error| error.to_string()))
            {
                Ok(items) if !items.is_empty() => items,
                Ok(_) => {
                    self.give_up(delivery, "the body holds no submission").await;
                    continue;
                }
                Err(why) => {
                    self.give_up(delivery, &why).await;
                    continue;
                }
            };
            if is_suspect(&delivery) && items.len() > 1 {
                self.split(delivery, items).await;
                continue;
            }
            self.sort_out(delivery, items, &mut unpacked).await;
        }
        unpacked
    }

    /// Takes the submissions of one delivery as work.
    async fn sort_out(&self, delivery: Delivery, items: Vec<internal::Item>, unpacked: &mut Unpacked) {
        let parcel = unpacked.parcels.len();
        for (index, item) in items.into_iter().enumerate() {
            let mut origin = Origin {
                parcel,
                body: item.body,
                message_id: part_id(&delivery.envelope, index),
                accept_time: delivery.envelope.first_accept,
            };
            match item.submission {
                Ok(Submission::Comment(comment)) => {
                    let content_hash = comment.content_hash();
                    let submission_uid = uid(&comment, &content_hash);
                    origin.message_id = submission_uid.as_uuid();
                    origin.accept_time = comment.accept_time;
                    let work = NewComment {
                        comment: *comment,
                        content_hash,
                        submission_uid,
                        author: None,
                        text: None,
                    };
                    unpacked.comments.push(Item { origin, work });
                }
                Ok(Submission::Withdrawal(withdrawal)) => {
                    origin.accept_time = withdrawal.accept_time;
                    unpacked.withdrawals.push(Item { origin, work: withdrawal });
                }
                Err(error) => {
                    if !self.send_to_dead(&delivery.envelope, &origin, &error.to_string()).await {
                        // The reason could not be stored: nothing of this delivery is taken.
                        unpacked.comments.retain(|item| item.origin.parcel != parcel);
                        unpacked.withdrawals.retain(|item| item.origin.parcel != parcel);
                        log_unsettled(delivery.requeue().await);
                        return;
                    }
                }
            }
        }
        unpacked.parcels.push(Parcel { delivery });
    }

    /// Sends the submissions of a group on as messages of their own, then acknowledges the group: whichever
    /// of them kills workers must not take its neighbours to the dead letters.
    async fn split(&self, delivery: Delivery, items: Vec<internal::Item>) {
        tracing::warn!(
            message.id = %delivery.envelope.message_id,
            deliveries = delivery.delivery_count,
            "a group came back; its submissions go on one by one"
        );
        for (index, item) in items.into_iter().enumerate() {
            let origin = Origin {
                parcel: 0,
                body: item.body,
                message_id: match &item.submission {
                    Ok(Submission::Comment(comment)) => uid(comment, &comment.content_hash()).as_uuid(),
                    _ => part_id(&delivery.envelope, index),
                },
                accept_time: item.submission.as_ref().map_or(delivery.envelope.first_accept, accept_time),
            };
            let alone = origin.alone(&delivery.envelope);
            if let Err(error) = self.deps.queue.publish(Route::Work, alone).await {
                tracing::warn!(%error, "cannot split a group; it stays whole");
                log_unsettled(delivery.requeue().await);
                return;
            }
        }
        log_unsettled(delivery.ack().await);
    }

    async fn give_up(&self, delivery: Delivery, why: &str) {
        tracing::warn!(message.id = %delivery.envelope.message_id, why, "dead letter");
        self.deps.metrics.dead_lettered.inc();
        log_unsettled(delivery.dead_letter(&self.deps.queue, why).await);
    }
}

/// Whether this release can read the message at all.
fn readable(delivery: &Delivery) -> Result<(), String> {
    let envelope = &delivery.envelope;
    if envelope.kind != KIND_SUBMISSIONS {
        return Err(format!(
            "unknown message type {:?}; this release reads {KIND_SUBMISSIONS:?}",
            envelope.kind
        ));
    }
    if envelope.schema == 0 || envelope.schema > SCHEMA {
        return Err(format!(
            "schema {} is not readable by this release, which reads 1 to {SCHEMA}",
            envelope.schema
        ));
    }
    Ok(())
}

fn uid(comment: &Comment, content: &ContentHash) -> SubmissionUid {
    SubmissionUid::derive(&comment.site, &comment.id, comment.revision, content)
}

/// The id, as a message, of a submission that has none of its own: stable across redeliveries, and another
/// one than its group's.
fn part_id(message: &Envelope, index: usize) -> Uuid {
    if message.items == 1 {
        return message.message_id;
    }
    Uuid::from_u128(message.message_id.as_u128().wrapping_add(index as u128 + 1))
}
