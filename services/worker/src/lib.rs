//! The worker role: takes batches, collects facts, evaluates, records, acknowledges.
//!
//! Read `evaluate` first: it is one batch, from delivery to acknowledgement. Around it:
//!
//! | module | what it does |
//! |---|---|
//! | `evaluate` | the steps of one batch, in order |
//! | `gather` | the next batch; a small one grows while others are in hand |
//! | `suspects` | what came back more than once is worked on alone |
//! | `unpack` | deliveries into submissions; what is no work becomes a dead letter |
//! | `judge` | facts in, evaluation out; a panic becomes REVIEW |
//! | `commit` | one transaction; waits while the store is away |
//! | `in_hand` | which messages are being worked on, for the age metric |
//! | `tally` | what rules did; the shadow rule set beside the one in force |

mod commit;
mod evaluate;
mod gather;
mod in_hand;
mod judge;
#[cfg(test)]
mod sample;
mod suspects;
mod tally;
mod unpack;

use std::sync::Arc;
use std::time::Duration;

use moderato_domain::facts::RECENT_WINDOW;
use moderato_domain::{Clock, Timestamp};
use moderato_engine::ActiveRules;
use moderato_facts::Collector;
use moderato_queue::{ConsumeOptions, Consumer, Queue};
use moderato_runtime::health::Readiness;
use moderato_runtime::metrics::Metrics;
use moderato_runtime::shutdown::{DRAIN_LIMIT, Shutdown};
use moderato_store::{Directory, Store};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::in_hand::InHand;
use crate::tally::{LAST_FLUSH, Tally};

/// What a worker needs.
#[derive(Debug, Clone)]
pub struct WorkerDeps {
    /// Where work comes from.
    pub queue: Arc<dyn Queue>,
    /// Where verdicts go.
    pub store: Arc<dyn Store>,
    /// What is known before judging.
    pub facts: Arc<Collector>,
    /// Sites and their settings.
    pub directory: Arc<Directory>,
    /// The rules in force.
    pub rules: Arc<ActiveRules>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// Where trouble is reported.
    pub readiness: Arc<Readiness>,
    /// When to stop.
    pub shutdown: Shutdown,
    /// Bounds.
    pub options: WorkerOptions,
}

/// Bounds of a worker.
#[derive(Debug, Clone, Copy)]
pub struct WorkerOptions {
    /// Submissions per transaction, about. More per transaction takes memory, fewer costs CPU: the
    /// store's cost per row is nearly flat from about 200 on, that of a transaction is not.
    pub batch_items: usize,
    /// Batches between delivery and acknowledgement at once: while one is judged and one waits for the
    /// disk, others keep the store busy. Each holds memory. (Measured: three of 1,000, four of 640 and
    /// four of 512 comments do the same per second; the embedded process takes 125 to 140 MiB with 640
    /// and 116 with 512.)
    pub batches_in_flight: usize,
    /// Messages held without acknowledgement.
    pub prefetch: u16,
}

impl Default for WorkerOptions {
    fn default() -> Self {
        Self { batch_items: 512, batches_in_flight: 4, prefetch: 128 }
    }
}

/// A running worker: what every batch shares.
#[derive(Debug)]
struct Worker {
    deps: WorkerDeps,
    in_hand: InHand,
    tally: Arc<Tally>,
}

/// Works until shutdown is requested and everything in hand is acknowledged.
pub async fn run(deps: WorkerDeps) {
    let options = deps.options;
    let Some(mut consumer) = attach(&deps).await else { return };
    let worker = Arc::new(Worker { in_hand: InHand::default(), tally: Arc::default(), deps });
    let ages = tokio::spawn(Arc::clone(&worker).report_ages());
    let (counting, ended) = oneshot::channel();
    let tallies = tokio::spawn(Arc::clone(&worker).report_tally(ended));
    let forgetting = tokio::spawn(forget_old(Arc::clone(&worker.deps.store), Arc::clone(&worker.deps.clock)));
    let mut batches = JoinSet::new();

    while let Some(batch) =
        gather::next_batch(consumer.as_mut(), &mut batches, &options, &worker.deps.shutdown).await
    {
        let worker = Arc::clone(&worker);
        batches.spawn(async move { worker.evaluate(batch).await });
    }

    let drained = async {
        consumer.stop().await;
        while let Some(done) = batches.join_next().await {
            gather::report(done);
        }
    };
    if tokio::time::timeout(DRAIN_LIMIT, drained).await.is_err() {
        tracing::warn!("work in hand was not finished in time; it will be delivered again");
    }
    ages.abort();
    forgetting.abort();
    drop(counting);
    if tokio::time::timeout(LAST_FLUSH, tallies).await.is_err() {
        tracing::warn!("the last rule statistics were not stored in time");
    }
}

/// Keeps the log of recent comments as long as its window. While the store is away nothing is lost: it
/// is tried again.
async fn forget_old(store: Arc<dyn Store>, clock: Arc<dyn Clock>) {
    /// At 200 comments a second, about one statement's worth.
    const EVERY: Duration = Duration::from_mins(1);
    /// Rows of one statement: some tens of milliseconds.
    const AT_ONCE: u32 = 10_000;
    let window = i64::try_from(RECENT_WINDOW.as_millis()).unwrap_or(i64::MAX);
    let mut ticks = tokio::time::interval(EVERY);
    loop {
        ticks.tick().await;
        let before = Timestamp::from_millis(clock.now().as_millis().saturating_sub(window));
        loop {
            match store.forget_recent(before, AT_ONCE).await {
                Ok(forgotten) if forgotten >= u64::from(AT_ONCE) => {}
                Ok(_) => break,
                Err(error) => {
                    tracing::warn!(%error, "old entries of the log of recent comments are not deleted yet");
                    break;
                }
            }
        }
    }
}

async fn attach(deps: &WorkerDeps) -> Option<Box<dyn Consumer>> {
    const RETRY_EVERY: Duration = Duration::from_secs(1);
    loop {
        match deps.queue.consume(ConsumeOptions { prefetch: deps.options.prefetch }).await {
            Ok(consumer) => return Some(consumer),
            Err(error) => tracing::warn!(%error, "cannot consume yet"),
        }
        tokio::select! {
            () = deps.shutdown.requested() => return None,
            () = tokio::time::sleep(RETRY_EVERY) => {}
        }
    }
}
