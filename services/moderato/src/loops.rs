//! What a process does beside serving: keeps sites, keys and rules fresh, and watches queue and
//! store. Each loop survives the store and the queue being away, and ends with its task.

use std::sync::Arc;
use std::time::Duration;

use moderato_domain::{Clock as _, SystemClock};
use moderato_engine::ActiveRules;
use moderato_queue::Queue;
use moderato_runtime::health::Readiness;
use moderato_runtime::metrics::{Metrics, PlaceLabel};
use moderato_store::{Directory, REFRESH_EVERY, Store};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::follow_rules::follow_rules;

/// How old readiness and the queue's gauges may be.
const WATCH_EVERY: Duration = Duration::from_secs(2);

/// A part that does not answer for this long does not work.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// Ended sessions open nothing; they only take space.
const FORGET_EVERY: Duration = Duration::from_hours(1);

/// What the loops look after.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    pub store: Arc<dyn Store>,
    /// None if no role of this process needs it.
    pub queue: Option<Arc<dyn Queue>>,
    pub directory: Arc<Directory>,
    pub rules: Arc<ActiveRules>,
    pub metrics: Arc<Metrics>,
    pub readiness: Arc<Readiness>,
    /// Whether this process cannot work without the store.
    pub needs_store: bool,
    /// Whether people sign in at this process.
    pub signs_people_in: bool,
}

/// Starts every loop; dropping the set ends them.
pub(crate) fn start(kept: &Kept) -> JoinSet<()> {
    let mut loops = JoinSet::new();
    loops.spawn(refresh_directory(kept.clone()));
    loops.spawn(follow_rules(Arc::clone(&kept.store), Arc::clone(&kept.rules)));
    if let Some(queue) = &kept.queue {
        loops.spawn(watch_queue(kept.clone(), Arc::clone(queue)));
    }
    if kept.signs_people_in {
        loops.spawn(forget_ended(Arc::clone(&kept.store)));
    }
    if kept.needs_store {
        loops.spawn(watch_store(kept.clone()));
    }
    loops
}

/// Sites and keys; while the store is away the old ones stay.
async fn refresh_directory(kept: Kept) {
    let mut ticks = every(REFRESH_EVERY);
    let mut fresh = true;
    loop {
        ticks.tick().await;
        let refreshed = kept.directory.refresh(&*kept.store).await;
        if let Err(error) = &refreshed
            && fresh
        {
            tracing::warn!(%error, "sites and keys cannot be refreshed; the ones in memory stay in force");
        }
        fresh = refreshed.is_ok();
    }
}

/// What is measured of the queue, and whether it takes messages.
async fn watch_queue(kept: Kept, queue: Arc<dyn Queue>) {
    let mut ticks = every(WATCH_EVERY);
    loop {
        let ready = timeout(ANSWER_WITHIN, queue.ready()).await;
        kept.readiness.report("queue", flatten(ready));
        let rebuilds = &kept.metrics.session_rebuilds;
        rebuilds.inc_by(queue.session_rebuilds().saturating_sub(rebuilds.get()));
        if let Ok(Ok(depth)) = timeout(ANSWER_WITHIN, queue.depth()).await {
            for (place, count) in [("ready", depth.ready), ("retrying", depth.retrying), ("dead", depth.dead)]
            {
                kept.metrics.queue_messages.get_or_create(&PlaceLabel { place }).set(count as i64);
            }
            match depth.oldest_age {
                // A broker does not tell. Nothing is better than an old number.
                None if depth.ready > 0 => kept.metrics.forget_oldest_age("ready"),
                age => kept.metrics.set_oldest_age("ready", age.unwrap_or_default()),
            }
            kept.metrics.queue_consumers.set(depth.consumers.unwrap_or_default() as i64);
        }
        ticks.tick().await;
    }
}

/// Sessions, links and attempts to sign in that are over.
async fn forget_ended(store: Arc<dyn Store>) {
    let mut ticks = every(FORGET_EVERY);
    loop {
        ticks.tick().await;
        if let Err(error) = store.forget_ended(SystemClock.now()).await {
            tracing::warn!(%error, "ended sessions are still stored");
        }
    }
}

/// Whether the store answers.
async fn watch_store(kept: Kept) {
    let mut ticks = every(WATCH_EVERY);
    loop {
        let ready = timeout(ANSWER_WITHIN, kept.store.ready()).await;
        kept.readiness.report("store", flatten(ready));
        ticks.tick().await;
    }
}

fn flatten<E: std::fmt::Display>(
    answered: Result<Result<(), E>, tokio::time::error::Elapsed>,
) -> Result<(), String> {
    match answered {
        Ok(result) => result.map_err(|error| error.to_string()),
        Err(_) => Err(format!("did not answer within {} s", ANSWER_WITHIN.as_secs())),
    }
}

/// Ticks from one period on; a process that was stopped does not catch up.
pub(crate) fn every(period: Duration) -> tokio::time::Interval {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.reset();
    ticks
}
