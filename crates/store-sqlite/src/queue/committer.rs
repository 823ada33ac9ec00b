//! The queue's one writer: what arrives while a commit is under way leaves together in the next.

use std::collections::HashMap;
use std::sync::Arc;

use moderato_queue::{Envelope, PublishError, QueueError, Route};
use sqlx::SqliteConnection;
use tokio::sync::{mpsc, oneshot, watch};

use super::held::Held;
use super::messages;
use crate::database::Database;
use crate::error::{nothing_committed, queue_error};
use crate::file::QueueLimits;
use crate::rows;

/// Requests that wait for the next commit; whoever comes after waits to be let in.
const WAITING: usize = 128;

/// Most requests and most bytes of bodies in one commit: bounds memory, and how long the store waits
/// for the write lock (4 MiB take about 40 ms).
const GROUP_REQUESTS: usize = 128;
const GROUP_BYTES: usize = 4 * 1024 * 1024;

/// The way in.
#[derive(Debug)]
pub(super) struct Committer {
    requests: mpsc::Sender<Request>,
}

enum Request {
    Publish(Publish),
    Acknowledge(Acknowledge),
    Count(Count),
}

struct Publish {
    route: Route,
    message: Envelope,
    reply: oneshot::Sender<Result<(), PublishError>>,
}

/// Carries the hold, so that a message whose acknowledgement is under way is not handed out again,
/// even if nobody waits for the answer any more.
struct Acknowledge {
    held: Held,
    reply: oneshot::Sender<Result<(), QueueError>>,
}

struct Count {
    sequences: Vec<i64>,
    reply: oneshot::Sender<Result<HashMap<i64, u32>, QueueError>>,
}

impl Committer {
    /// Starts the task that commits. It ends when the committer is dropped.
    pub(super) fn start(database: Arc<Database>, limits: QueueLimits, arrivals: watch::Sender<()>) -> Self {
        let (requests, waiting) = mpsc::channel(WAITING);
        tokio::spawn(commit_all(database, limits, arrivals, waiting));
        Self { requests }
    }

    /// Stores a message.
    pub(super) async fn publish(&self, route: Route, message: Envelope) -> Result<(), PublishError> {
        let (reply, answer) = oneshot::channel();
        let request = Request::Publish(Publish { route, message, reply });
        self.requests.send(request).await.map_err(|_| PublishError::Unavailable)?;
        answer.await.unwrap_or(Err(PublishError::Ambiguous))
    }

    /// Removes a message.
    pub(super) async fn acknowledge(&self, held: Held) -> Result<(), QueueError> {
        let (reply, answer) = oneshot::channel();
        let request = Request::Acknowledge(Acknowledge { held, reply });
        self.requests.send(request).await.map_err(|_| stopped())?;
        answer.await.unwrap_or_else(|_| Err(stopped()))
    }

    /// Counts a delivery of each message. Returns how often each was delivered, this time included.
    pub(super) async fn count_deliveries(
        &self,
        sequences: Vec<i64>,
    ) -> Result<HashMap<i64, u32>, QueueError> {
        let (reply, answer) = oneshot::channel();
        let request = Request::Count(Count { sequences, reply });
        self.requests.send(request).await.map_err(|_| stopped())?;
        answer.await.unwrap_or_else(|_| Err(stopped()))
    }
}

fn stopped() -> QueueError {
    QueueError::Unavailable("the queue was closed".to_owned())
}

async fn commit_all(
    database: Arc<Database>,
    limits: QueueLimits,
    arrivals: watch::Sender<()>,
    mut waiting: mpsc::Receiver<Request>,
) {
    while let Some(first) = waiting.recv().await {
        let mut group = Group::default();
        group.add(first);
        while !group.is_full() {
            let Ok(next) = waiting.try_recv() else { break };
            group.add(next);
        }
        match group.commit(&database, limits).await {
            Ok(written) => group.answer(&written, &arrivals),
            Err(failure) => group.fail(failure),
        }
    }
}

/// What one transaction does.
#[derive(Default)]
struct Group {
    publishes: Vec<Publish>,
    acknowledged: Vec<Acknowledge>,
    counts: Vec<Count>,
    bytes: usize,
}

/// What a committed group needs to answer.
struct Written {
    /// For each publish, whether there was room.
    admitted: Vec<bool>,
    deliveries: HashMap<i64, u32>,
}

/// Why a group was not committed.
struct Failure {
    error: sqlx::Error,
    /// It is certain that nothing was stored.
    nothing_stored: bool,
}

impl Group {
    fn add(&mut self, request: Request) {
        match request {
            Request::Publish(publish) => {
                self.bytes += publish.message.body.len();
                self.publishes.push(publish);
            }
            Request::Acknowledge(acknowledge) => self.acknowledged.push(acknowledge),
            Request::Count(count) => self.counts.push(count),
        }
    }

    fn is_full(&self) -> bool {
        let requests = self.publishes.len() + self.acknowledged.len() + self.counts.len();
        requests >= GROUP_REQUESTS || self.bytes >= GROUP_BYTES
    }

    async fn commit(&self, database: &Database, limits: QueueLimits) -> Result<Written, Failure> {
        let before = |error| Failure { error, nothing_stored: true };
        let mut transaction = database.write_together().await.map_err(before)?;
        let written = self.write(&mut transaction, database, limits).await.map_err(before)?;
        transaction
            .commit()
            .await
            .map_err(|error| Failure { nothing_stored: nothing_committed(&error), error })?;
        Ok(written)
    }

    /// Acknowledgements first: they make room.
    async fn write(
        &self,
        connection: &mut SqliteConnection,
        database: &Database,
        limits: QueueLimits,
    ) -> sqlx::Result<Written> {
        remove(connection, &self.acknowledged).await?;
        let admitted = self.admit(connection, limits).await?;
        let messages: Vec<_> = self
            .publishes
            .iter()
            .zip(&admitted)
            .filter(|(_, admitted)| **admitted)
            .map(|(publish, _)| (publish.route, &publish.message))
            .collect();
        messages::insert(connection, &messages, database.now()).await?;
        let deliveries = count(connection, &self.counts).await?;
        Ok(Written { admitted, deliveries })
    }

    /// Decides for each publish whether there is room. Only new work can be refused: retries and dead
    /// letters take the place of a message that is here already.
    async fn admit(&self, connection: &mut SqliteConnection, limits: QueueLimits) -> sqlx::Result<Vec<bool>> {
        let is_new_work = |publish: &Publish| publish.route == Route::Work;
        if !self.publishes.iter().any(is_new_work) {
            return Ok(vec![true; self.publishes.len()]);
        }
        let totals = sqlx::query("SELECT messages, bytes FROM queue_totals WHERE place = 'work'")
            .fetch_one(connection)
            .await?;
        let mut messages: u64 = rows::count(&totals, "messages")?;
        let mut bytes: u64 = rows::count(&totals, "bytes")?;
        let admit = |publish: &Publish| {
            if !is_new_work(publish) {
                return true;
            }
            let size = publish.message.body.len() as u64;
            let fits = messages < limits.max_messages && bytes + size <= limits.max_bytes;
            if fits {
                messages += 1;
                bytes += size;
            }
            fits
        };
        Ok(self.publishes.iter().map(admit).collect())
    }

    fn answer(self, written: &Written, arrivals: &watch::Sender<()>) {
        for acknowledge in self.acknowledged {
            acknowledge.held.removed();
            let _ = acknowledge.reply.send(Ok(()));
        }
        if !self.publishes.is_empty() {
            arrivals.send_replace(());
        }
        for (publish, admitted) in self.publishes.into_iter().zip(&written.admitted) {
            let _ = publish.reply.send(if *admitted { Ok(()) } else { Err(PublishError::Full) });
        }
        for count in self.counts {
            let deliveries = count
                .sequences
                .iter()
                .filter_map(|sequence| Some((*sequence, *written.deliveries.get(sequence)?)))
                .collect();
            let _ = count.reply.send(Ok(deliveries));
        }
    }

    fn fail(self, failure: Failure) {
        // Callers that publish learn only what they can act on, so the reason is told here.
        tracing::warn!(error = %failure.error, "the queue could not be written");
        let publish_error =
            if failure.nothing_stored { PublishError::Unavailable } else { PublishError::Ambiguous };
        let why = queue_error(failure.error).to_string();
        for publish in self.publishes {
            let _ = publish.reply.send(Err(publish_error));
        }
        for acknowledge in self.acknowledged {
            // Given back before the answer, so that it is delivered again.
            drop(acknowledge.held);
            let _ = acknowledge.reply.send(Err(QueueError::Unavailable(why.clone())));
        }
        for count in self.counts {
            let _ = count.reply.send(Err(QueueError::Unavailable(why.clone())));
        }
    }
}

async fn remove(connection: &mut SqliteConnection, acknowledged: &[Acknowledge]) -> sqlx::Result<()> {
    if acknowledged.is_empty() {
        return Ok(());
    }
    let sequences: Vec<i64> = acknowledged.iter().map(|acknowledge| acknowledge.held.sequence).collect();
    sqlx::query("DELETE FROM queue_messages WHERE message_seq IN (SELECT value FROM json_each(?))")
        .bind(rows::to_json(&sequences)?)
        .execute(connection)
        .await?;
    Ok(())
}

async fn count(connection: &mut SqliteConnection, counts: &[Count]) -> sqlx::Result<HashMap<i64, u32>> {
    if counts.is_empty() {
        return Ok(HashMap::new());
    }
    let sequences: Vec<i64> = counts.iter().flat_map(|count| &count.sequences).copied().collect();
    // `WHERE true` tells the parser that ON CONFLICT is not a join condition.
    sqlx::query_as(
        "INSERT INTO queue_deliveries (message_seq, count)
         SELECT value, 1 FROM json_each(?) WHERE true
         ON CONFLICT (message_seq) DO UPDATE SET count = count + 1
         RETURNING message_seq, count",
    )
    .bind(rows::to_json(&sequences)?)
    .fetch_all(connection)
    .await
    .map(|counted: Vec<(i64, u32)>| counted.into_iter().collect())
}
