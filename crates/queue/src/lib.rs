//! The durable queue between ingest and worker: its contract, group publish, and the RabbitMQ
//! backend. The SQLite backend lives with the SQLite store, in the same file.
//!
//! The contract, which [`conformance`] checks on every backend:
//!
//! - [`Queue::publish`] returns `Ok` only when the message is durable.
//! - A delivery that is neither acknowledged nor settled otherwise is delivered again, with
//!   [`Delivery::delivery_count`] raised, also after `kill -9`.
//! - Settling consumes the [`Delivery`], so nothing is acknowledged twice.
//! - [`Route::Retry`] holds a message back for at least the delay, then queues it as work.
//! - Dead letters stay until somebody redrives or drops them.
//!
//! To add a backend: implement [`Queue`], call `conformance::run` from its tests, construct it in
//! the binary.

pub mod conformance;
pub mod rabbitmq;

mod derived_id;
mod envelope;
mod group;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use uuid::Uuid;

pub use envelope::{Envelope, KIND_SUBMISSIONS, SCHEMA};
pub use group::{GroupItem, GroupLimits, GroupPublisher, Pending};

/// Where a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// To the workers.
    Work,
    /// To the workers, after at least this long. Backends may round up to the next of
    /// [`RETRY_DELAYS`].
    Retry(Duration),
    /// To the dead letters, with the envelope's `last_error` as the reason.
    Dead,
}

/// The delays that a backend must be able to tell apart.
pub const RETRY_DELAYS: [Duration; 4] =
    [Duration::from_secs(5), Duration::from_secs(30), Duration::from_mins(5), Duration::from_mins(30)];

/// Deliveries of one message after which the backend itself gives it up as a dead letter: a message
/// that kills every worker which takes it must not do so for ever.
pub const DELIVERY_LIMIT: u32 = 20;

/// Why a message was not accepted. The caller acts on the variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// The queue is at its length limit; nothing was stored. Shed load.
    #[error("the queue is full")]
    Full,
    /// No connection, or the topology is not there; nothing was stored. Retry later.
    #[error("the queue is unavailable")]
    Unavailable,
    /// The connection broke before the answer: stored or not, nobody knows. Retry with the same id.
    #[error("the queue did not answer; the message may or may not be stored")]
    Ambiguous,
    /// The message can never be stored. Do not retry.
    #[error("the message is larger than the queue accepts")]
    TooLarge,
}

/// Why the queue could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// No connection. Retry later.
    #[error("the queue is unavailable: {0}")]
    Unavailable(String),
    /// What is there is not what this release expects; the text says what to do.
    #[error("the queue's topology does not fit: {0}")]
    Topology(String),
}

/// How much is where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Depth {
    /// Messages waiting for a worker.
    pub ready: u64,
    /// Messages held back for a retry.
    pub retrying: u64,
    /// Dead letters.
    pub dead: u64,
    /// Consumers attached, where the backend knows.
    pub consumers: Option<u64>,
    /// Age of the oldest message that waits, where the backend can tell without taking it.
    pub oldest_age: Option<Duration>,
}

/// How to consume.
#[derive(Debug, Clone, Copy)]
pub struct ConsumeOptions {
    /// Most messages held without acknowledgement. The bound on a worker's memory.
    pub prefetch: u16,
}

/// A message that could not be processed.
#[derive(Debug, Clone)]
pub struct DeadLetter {
    /// The message, with the reason as `last_error`.
    pub envelope: Envelope,
}

/// Which dead letters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeadSelection {
    /// All of them.
    All,
    /// Those with these message ids.
    Ids(Vec<Uuid>),
}

/// A durable queue of [`Envelope`]s with retry and dead letters.
#[async_trait]
pub trait Queue: Send + Sync + fmt::Debug {
    /// Stores a message. `Ok` means durable.
    async fn publish(&self, route: Route, message: Envelope) -> Result<(), PublishError>;

    /// Attaches a consumer. It survives the loss of a connection: it reattaches by itself.
    async fn consume(&self, options: ConsumeOptions) -> Result<Box<dyn Consumer>, QueueError>;

    /// Counts messages.
    async fn depth(&self) -> Result<Depth, QueueError>;

    /// Whether a publish would reach the queue now. For readiness.
    async fn ready(&self) -> Result<(), QueueError>;

    /// Times the connection was rebuilt since the start, of a queue that has one.
    fn session_rebuilds(&self) -> u64 {
        0
    }

    /// Looks at dead letters, oldest first, without taking them.
    async fn dead_letters(&self, limit: usize) -> Result<Vec<DeadLetter>, QueueError>;

    /// Puts dead letters back to work with their attempts reset; each is stored as work before it
    /// leaves the dead letters. Returns how many.
    async fn redrive(&self, selection: &DeadSelection) -> Result<u64, QueueError>;

    /// Deletes dead letters for good. Returns how many.
    async fn drop_dead(&self, selection: &DeadSelection) -> Result<u64, QueueError>;
}

/// One worker's end of the queue.
#[async_trait]
pub trait Consumer: Send {
    /// Waits for work, then takes what is there without waiting further: between 1 message and as
    /// many as hold about `max_items` submissions (see [`Envelope::items`]). `None` after
    /// [`stop`](Self::stop), when everything taken has been handed out.
    ///
    /// Cancel safe: whoever stops waiting gets the same messages from a later call.
    async fn next_batch(&mut self, max_items: usize) -> Option<Vec<Delivery>>;

    /// Takes no more from the queue; what was prefetched but not handed out goes back.
    async fn stop(&mut self);
}

/// One message in a worker's hands. Dropping it without settling returns it to the queue at the
/// latest when the consumer or its connection ends.
pub struct Delivery {
    /// The message.
    pub envelope: Envelope,
    /// How often it was delivered before this time. 2 or more is a sign that it kills workers.
    pub delivery_count: u32,
    settle: Box<dyn Settle>,
}

/// A backend's way to finish a delivery.
#[async_trait]
pub trait Settle: Send {
    /// Removes the message.
    async fn ack(self: Box<Self>) -> Result<(), QueueError>;
    /// Gives the message back for immediate redelivery.
    async fn requeue(self: Box<Self>) -> Result<(), QueueError>;
}

/// A delivery could not be settled: it will be delivered again, which the store absorbs.
#[derive(Debug, thiserror::Error)]
pub enum SettleError {
    /// The message could not be moved to its next place. It was given back.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// The acknowledgement did not reach the queue.
    #[error(transparent)]
    Queue(#[from] QueueError),
}

impl Delivery {
    /// For backends.
    pub fn new(envelope: Envelope, delivery_count: u32, settle: Box<dyn Settle>) -> Self {
        Self { envelope, delivery_count, settle }
    }

    /// The work is done and durable elsewhere.
    pub async fn ack(self) -> Result<(), SettleError> {
        Ok(self.settle.ack().await?)
    }

    /// Back to the queue as it was, to be delivered again at once.
    pub async fn requeue(self) -> Result<(), SettleError> {
        Ok(self.settle.requeue().await?)
    }

    /// Try again after `delay`. Published first, acknowledged second: a crash between leaves a
    /// duplicate, never a loss.
    pub async fn retry_after(
        self,
        queue: &Arc<dyn Queue>,
        delay: Duration,
        why: &str,
    ) -> Result<(), SettleError> {
        let next = self.envelope.for_retry(why);
        self.move_to(queue, Route::Retry(delay), next).await
    }

    /// Give up, with the reason. Published first, acknowledged second.
    pub async fn dead_letter(self, queue: &Arc<dyn Queue>, why: &str) -> Result<(), SettleError> {
        let dead = self.envelope.for_dead_letter(why);
        self.move_to(queue, Route::Dead, dead).await
    }

    async fn move_to(self, queue: &Arc<dyn Queue>, route: Route, next: Envelope) -> Result<(), SettleError> {
        match queue.publish(route, next).await {
            Ok(()) => Ok(self.settle.ack().await?),
            Err(error) => {
                // Not moved: it must come back, not wait for the connection to end.
                self.settle.requeue().await?;
                Err(error.into())
            }
        }
    }
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("message_id", &self.envelope.message_id)
            .field("delivery_count", &self.delivery_count)
            .finish_non_exhaustive()
    }
}
