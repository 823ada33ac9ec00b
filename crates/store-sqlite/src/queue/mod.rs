//! The durable queue: a table in the same file.
//!
//! - Publishes, acknowledgements and delivery counts go to one [`committer`], which writes whatever
//!   has arrived in one transaction: concurrent calls share a sync of the disk.
//! - Which messages are in a worker's hands is known in memory only ([`held`]). It need not be
//!   durable: when the process is gone, so are the hands.
//! - The [`consumer`] looks for work that is not held, counts the delivery, and hands it out.
//! - [`dead`] letters are rows in another place.

mod committer;
mod consumer;
mod dead;
mod held;
mod messages;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use moderato_domain::Timestamp;
use moderato_queue::{
    ConsumeOptions, Consumer, DeadLetter, DeadSelection, Depth, Envelope, PublishError, Queue, QueueError,
    Route,
};
use sqlx::Row;
use tokio::sync::{Mutex, watch};

use crate::database::Database;
use crate::error::queue_error;
use crate::file::QueueLimits;
use crate::rows;
use committer::Committer;
use consumer::SqliteConsumer;
use held::HeldMessages;

/// Largest body. The group publisher stays far below it; this is RabbitMQ 4's default limit, so that
/// what one backend takes, the other takes too.
const MAX_BODY_BYTES: usize = 16 * 1024 * 1024;

/// The queue in an open file. Cheap to clone.
#[derive(Debug, Clone)]
pub struct SqliteQueue {
    shared: Arc<Shared>,
}

/// What the queue, its consumers and the deliveries in workers' hands have in common.
#[derive(Debug)]
struct Shared {
    database: Arc<Database>,
    committer: Committer,
    held: HeldMessages,
    /// Changes when there may be work that was not there before.
    arrivals: watch::Sender<()>,
    /// One consumer at a time looks for work and holds what it found.
    looking: Mutex<()>,
    consumers: AtomicU64,
}

impl SqliteQueue {
    pub(crate) fn new(database: Arc<Database>, limits: QueueLimits) -> Self {
        let arrivals = watch::Sender::new(());
        let committer = Committer::start(Arc::clone(&database), limits, arrivals.clone());
        Self {
            shared: Arc::new(Shared {
                database,
                committer,
                held: HeldMessages::default(),
                arrivals,
                looking: Mutex::new(()),
                consumers: AtomicU64::new(0),
            }),
        }
    }
}

#[async_trait]
impl Queue for SqliteQueue {
    async fn publish(&self, route: Route, message: Envelope) -> Result<(), PublishError> {
        if message.body.len() > MAX_BODY_BYTES {
            return Err(PublishError::TooLarge);
        }
        self.shared.committer.publish(route, message).await
    }

    async fn consume(&self, options: ConsumeOptions) -> Result<Box<dyn Consumer>, QueueError> {
        self.ready().await?;
        Ok(Box::new(SqliteConsumer::attach(Arc::clone(&self.shared), options)))
    }

    async fn depth(&self) -> Result<Depth, QueueError> {
        self.shared.depth().await.map_err(queue_error)
    }

    async fn ready(&self) -> Result<(), QueueError> {
        self.shared.database.check_writable().await.map_err(queue_error)
    }

    async fn dead_letters(&self, limit: usize) -> Result<Vec<DeadLetter>, QueueError> {
        dead::list(&self.shared.database, limit).await.map_err(queue_error)
    }

    async fn redrive(&self, selection: &DeadSelection) -> Result<u64, QueueError> {
        let moved = dead::redrive(&self.shared.database, selection).await.map_err(queue_error)?;
        self.shared.arrivals.send_replace(());
        Ok(moved)
    }

    async fn drop_dead(&self, selection: &DeadSelection) -> Result<u64, QueueError> {
        dead::delete(&self.shared.database, selection).await.map_err(queue_error)
    }
}

impl Shared {
    async fn depth(&self) -> sqlx::Result<Depth> {
        let now = self.database.now();
        let held = self.held.now();
        let row = sqlx::query(
            "WITH waiting AS NOT MATERIALIZED (
                 SELECT message_seq, available_at_ms, enqueue_time_ms FROM queue_messages
                 WHERE place = 'work' AND message_seq NOT IN (SELECT value FROM json_each(?2))
             ), oldest AS (
                 SELECT * FROM (SELECT enqueue_time_ms AS since FROM waiting
                                WHERE available_at_ms = 0 ORDER BY message_seq LIMIT 1)
                 UNION ALL
                 SELECT * FROM (SELECT available_at_ms FROM waiting
                                WHERE available_at_ms BETWEEN 1 AND ?1 ORDER BY available_at_ms LIMIT 1)
             )
             SELECT (SELECT messages FROM queue_totals WHERE place = 'work') AS work,
                    (SELECT messages FROM queue_totals WHERE place = 'dead') AS dead,
                    (SELECT count(*) FROM queue_messages
                     WHERE place = 'work' AND available_at_ms > ?1) AS retrying,
                    (SELECT min(since) FROM oldest) AS oldest_ms",
        )
        .bind(now.as_millis())
        .bind(rows::to_json(&held)?)
        .fetch_one(self.database.readers())
        .await?;
        let work: u64 = rows::count(&row, "work")?;
        let retrying: u64 = rows::count(&row, "retrying")?;
        let oldest: Option<i64> = row.try_get("oldest_ms")?;
        let consumers = self.consumers.load(Ordering::Relaxed);
        Ok(Depth {
            ready: work.saturating_sub(retrying).saturating_sub(held.len() as u64),
            retrying,
            dead: rows::count(&row, "dead")?,
            // None here may be one in another process.
            consumers: (consumers > 0).then_some(consumers),
            oldest_age: oldest.map(|since| now.since(Timestamp::from_millis(since))),
        })
    }
}
