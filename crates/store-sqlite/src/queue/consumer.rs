//! A worker's end of the queue.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use moderato_queue::{ConsumeOptions, Consumer, DELIVERY_LIMIT, Delivery, Envelope, QueueError};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinHandle;

use super::Shared;
use super::held::Held;
use super::messages::{envelope, select_messages};
use crate::error::queue_error;
use crate::rows;

/// How often to look without having been woken: for retries whose time has come, and for what another
/// process put back to work.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Bodies of one batch, in bytes: what a prefetch of large messages may take of a worker's memory.
const BATCH_BYTES: u64 = 8 * 1024 * 1024;

/// An attached consumer.
pub(super) struct SqliteConsumer {
    shared: Arc<Shared>,
    arrivals: watch::Receiver<()>,
    /// What is left of the prefetch.
    slots: Arc<Semaphore>,
    /// A batch on its way. It is kept here so that a caller who stops waiting, as `select!` does, gets
    /// it with the next call: its deliveries are counted already.
    taking: Option<JoinHandle<Result<Vec<Delivery>, QueueError>>>,
    failing: bool,
    stopped: bool,
}

impl SqliteConsumer {
    pub(super) fn attach(shared: Arc<Shared>, options: ConsumeOptions) -> Self {
        shared.consumers.fetch_add(1, Ordering::Relaxed);
        Self {
            arrivals: shared.arrivals.subscribe(),
            slots: Arc::new(Semaphore::new(usize::from(options.prefetch.max(1)))),
            taking: None,
            failing: false,
            stopped: false,
            shared,
        }
    }

    /// Takes what is there now, possibly nothing.
    async fn take(&mut self, max_items: usize) -> Result<Vec<Delivery>, QueueError> {
        if self.taking.is_none() {
            // Waits until a worker finishes one, if all are out. Never closed, so never an error.
            let Ok(slot) = Arc::clone(&self.slots).acquire_owned().await else { return Ok(Vec::new()) };
            // Before looking: what arrives during the look makes the next wait end at once.
            self.arrivals.mark_unchanged();
            let take = take(Arc::clone(&self.shared), Arc::clone(&self.slots), slot, max_items);
            self.taking = Some(tokio::spawn(take));
        }
        let Some(taking) = &mut self.taking else { return Ok(Vec::new()) };
        let taken = taking.await;
        self.taking = None;
        taken.unwrap_or_else(|error| Err(QueueError::Unavailable(error.to_string())))
    }
}

#[async_trait]
impl Consumer for SqliteConsumer {
    async fn next_batch(&mut self, max_items: usize) -> Option<Vec<Delivery>> {
        while !self.stopped {
            match self.take(max_items).await {
                Ok(batch) if !batch.is_empty() => {
                    self.failing = false;
                    return Some(batch);
                }
                Ok(_) => self.failing = false,
                Err(error) => {
                    if !self.failing {
                        tracing::warn!(%error, "no work can be taken from the queue; trying on");
                    }
                    self.failing = true;
                    tokio::time::sleep(LOOK_EVERY).await;
                }
            }
            // Woken or not, look again.
            let _ = tokio::time::timeout(LOOK_EVERY, self.arrivals.changed()).await;
        }
        None
    }

    async fn stop(&mut self) {
        self.stopped = true;
        if let Some(taking) = self.taking.take() {
            // Nobody will see this batch: dropped, it goes back.
            let _ = taking.await;
        }
    }
}

impl Drop for SqliteConsumer {
    fn drop(&mut self) {
        self.shared.consumers.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A message that could be taken.
struct Candidate {
    sequence: i64,
    items: usize,
    body_bytes: u64,
    deliveries: u32,
}

/// Takes a batch: look, hold, count, read.
async fn take(
    shared: Arc<Shared>,
    slots: Arc<Semaphore>,
    slot: OwnedSemaphorePermit,
    max_items: usize,
) -> Result<Vec<Delivery>, QueueError> {
    let held = hold(&shared, slots, slot, max_items).await.map_err(queue_error)?;
    if held.is_empty() {
        return Ok(Vec::new());
    }
    let sequences: Vec<i64> = held.iter().map(|held| held.sequence).collect();
    // Read before counting: what cannot be read is not a delivery.
    let messages = shared.read(&sequences).await.map_err(queue_error)?;
    let deliveries = shared.committer.count_deliveries(sequences).await?;
    let mut batch = Vec::with_capacity(held.len());
    let mut messages = messages.into_iter().peekable();
    for held in held {
        // Both in the order of numbers. One that is missing was removed by another process.
        match messages.next_if(|(sequence, _)| *sequence == held.sequence) {
            Some((sequence, message)) => {
                let before = deliveries.get(&sequence).map_or(0, |count| count.saturating_sub(1));
                batch.push(Delivery::new(message, before, Box::new(held)));
            }
            None => held.removed(),
        }
    }
    Ok(batch)
}

/// Chooses messages and holds them, so that no other consumer of this process takes them. In the
/// order of their numbers.
async fn hold(
    shared: &Arc<Shared>,
    slots: Arc<Semaphore>,
    slot: OwnedSemaphorePermit,
    max_items: usize,
) -> sqlx::Result<Vec<Held>> {
    let _turn = shared.looking.lock().await;
    let room = (1 + slots.available_permits()).min(max_items.max(1));
    let mut candidates = shared.look(room).await?;
    let worn_out: Vec<i64> = candidates
        .extract_if(.., |found| found.deliveries >= DELIVERY_LIMIT)
        .map(|found| found.sequence)
        .collect();
    if !worn_out.is_empty() {
        shared.give_up(&worn_out).await?;
        // There may be more behind them.
        shared.arrivals.send_replace(());
    }

    let (mut items, mut bytes) = (0, 0);
    let fitting = candidates.iter().take_while(|found| {
        let first = items == 0;
        items += found.items.max(1);
        bytes += found.body_bytes;
        first || (items <= max_items && bytes <= BATCH_BYTES)
    });
    let mut free =
        std::iter::once(slot).chain(std::iter::from_fn(|| Arc::clone(&slots).try_acquire_owned().ok()));
    let mut held: Vec<Held> =
        fitting.map_while(|found| Some(Held::new(shared, found.sequence, free.next()?))).collect();
    held.sort_unstable_by_key(|held| held.sequence);
    Ok(held)
}

impl Shared {
    /// Work that nobody holds: first retries whose time has come, which have waited longest, then the
    /// rest in the order of arrival.
    ///
    /// NOT MATERIALIZED, or SQLite would first copy the whole backlog, since `free` is used twice.
    async fn look(&self, limit: usize) -> sqlx::Result<Vec<Candidate>> {
        sqlx::query(
            "WITH free AS NOT MATERIALIZED (
                 SELECT message_seq, available_at_ms, items, body_bytes FROM queue_messages
                 WHERE place = 'work' AND message_seq NOT IN (SELECT value FROM json_each(?1))
             ), next AS (
                 SELECT * FROM (SELECT 0 AS turn, * FROM free WHERE available_at_ms BETWEEN 1 AND ?2
                                ORDER BY available_at_ms, message_seq LIMIT ?3)
                 UNION ALL
                 SELECT * FROM (SELECT 1 AS turn, * FROM free WHERE available_at_ms = 0
                                ORDER BY message_seq LIMIT ?3)
             )
             SELECT message_seq, items, body_bytes, coalesce(count, 0) AS deliveries
             FROM next LEFT JOIN queue_deliveries USING (message_seq)
             ORDER BY turn, available_at_ms, message_seq LIMIT ?3",
        )
        .bind(rows::to_json(&self.held.now())?)
        .bind(self.database.now().as_millis())
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(self.database.readers())
        .await?
        .iter()
        .map(candidate)
        .collect()
    }

    /// Reads messages, in the order of their numbers.
    async fn read(&self, sequences: &[i64]) -> sqlx::Result<Vec<(i64, Envelope)>> {
        sqlx::query(select_messages!(
            "WHERE message_seq IN (SELECT value FROM json_each(?)) AND place = 'work' ORDER BY message_seq"
        ))
        .bind(rows::to_json(sequences)?)
        .fetch_all(self.database.readers())
        .await?
        .iter()
        .map(|row| Ok((row.try_get("message_seq")?, envelope(row)?)))
        .collect()
    }

    /// Makes dead letters of messages that were delivered too often.
    async fn give_up(&self, sequences: &[i64]) -> sqlx::Result<()> {
        let mut transaction = self.database.write().await?;
        sqlx::query(
            "UPDATE queue_messages SET place = 'dead', last_error = 'delivery limit reached'
             WHERE message_seq IN (SELECT value FROM json_each(?)) AND place = 'work'",
        )
        .bind(rows::to_json(sequences)?)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        tracing::warn!(messages = sequences.len(), "delivery limit reached: moved to the dead letters");
        Ok(())
    }
}

fn candidate(row: &SqliteRow) -> sqlx::Result<Candidate> {
    Ok(Candidate {
        sequence: row.try_get("message_seq")?,
        items: rows::count(row, "items")?,
        body_bytes: rows::count(row, "body_bytes")?,
        deliveries: rows::count(row, "deliveries")?,
    })
}
