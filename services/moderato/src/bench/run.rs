//! One run: comments on a schedule, a ledger of what became of them, a subscriber, and a meter.

use std::sync::Arc;
use std::time::Duration;

use moderato_domain::Stopwatch;
use moderato_runtime::shutdown::Shutdown;

use super::comments::Comments;
use super::ledger::{Ledger, Totals};
use super::report::RunReport;
use super::schedule::{Amount, Pace, Schedule};
use super::soak;
use super::usage::{Meter, Sources};
use super::watch::Watcher;
use super::{Mode, streaming, unary};
use crate::client::Client;

/// A run ends without the verdicts that are missing when none has arrived for this long.
const PATIENCE: Duration = Duration::from_secs(20);
/// The same, after Ctrl-C.
const PATIENCE_STOPPED: Duration = Duration::from_secs(3);
/// How often progress is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Pause of a caller that was refused: what a client would do, and it keeps a closed loop from
/// spinning on a service that sheds load.
const BACK_OFF: Duration = Duration::from_millis(20);

/// What one run does.
#[derive(Debug, Clone)]
pub(super) struct Load {
    /// What the report calls it.
    pub(super) name: String,
    pub(super) mode: Mode,
    pub(super) pace: Pace,
    pub(super) amount: Amount,
    /// Unary: callers at once. Streaming: comments in flight.
    pub(super) width: usize,
    /// Unary: every so many comments the caller waits for the verdict.
    pub(super) await_every: Option<u64>,
    /// Print memory once a minute.
    pub(super) minutely: bool,
}

/// What all runs use.
#[derive(Debug)]
pub(super) struct Stage {
    /// Connections to ingest.
    pub(super) clients: Vec<Client>,
    /// Connection to query.
    pub(super) query: Client,
    pub(super) sources: Sources,
    pub(super) stop: Shutdown,
}

/// What senders share.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) comments: Comments,
    pub(super) schedule: Arc<Schedule>,
    pub(super) ledger: Arc<Ledger>,
}

impl Run {
    /// Waits for the next comment that is due and notes that it is being sent.
    pub(super) async fn next_comment(&self) -> Option<u64> {
        let turn = self.schedule.next().await?;
        self.ledger.sent(turn.number, self.schedule.elapsed().saturating_sub(turn.due));
        Some(turn.number)
    }

    /// Waits after a refusal.
    pub(super) async fn back_off(&self) {
        tokio::time::sleep(BACK_OFF).await;
    }
}

impl Stage {
    /// Runs a load to its end: until every accepted comment has its verdict, or patience ends.
    pub(super) async fn run(&self, load: &Load, comments: Comments) -> anyhow::Result<RunReport> {
        let meter = Meter::start(self.sources.clone()).await;
        let ledger = Arc::new(Ledger::new()?);
        let watcher = Watcher::start(&self.query, comments.clone(), Arc::clone(&ledger)).await?;
        let ready = ledger.elapsed();
        let schedule = Schedule::start(load.pace, load.amount, self.stop.clone())?;
        let minutes = load.minutely.then(|| soak::print_minutes(self.sources.clone(), Arc::clone(&ledger)));

        let run = Arc::new(Run { comments, schedule, ledger: Arc::clone(&ledger) });
        match load.mode {
            Mode::Streaming => streaming::submit(&run, &self.clients, load.width).await,
            Mode::Unary => unary::submit(&run, &self.clients, load.width, load.await_every).await,
        }
        self.wait_for_verdicts(&ledger).await;

        drop(watcher);
        drop(minutes);
        let totals = ledger.totals();
        let usage = meter.finish(totals.accepted).await;
        Ok(report(load, ready, totals, usage))
    }

    async fn wait_for_verdicts(&self, ledger: &Ledger) {
        let mut served = ledger.served_so_far();
        let mut quiet = Stopwatch::start();
        while ledger.open() > 0 {
            tokio::time::sleep(LOOK_EVERY).await;
            let now = ledger.served_so_far();
            if now != served {
                served = now;
                quiet = Stopwatch::start();
            }
            let patience = if self.stop.is_requested() { PATIENCE_STOPPED } else { PATIENCE };
            if quiet.elapsed() >= patience {
                return;
            }
        }
    }
}

/// `ready` is when sending began, on the ledger's clock.
fn report(load: &Load, ready: Duration, totals: Totals, usage: Vec<super::report::Usage>) -> RunReport {
    let per_second = |count: u64, seconds: f64| {
        let seconds = seconds - ready.as_secs_f64();
        if seconds > 0.0 { count as f64 / seconds } else { 0.0 }
    };
    RunReport {
        name: load.name.clone(),
        mode: load.mode.as_str(),
        rate: match load.pace {
            Pace::Answered => None,
            Pace::Rate(rate) => Some(rate),
        },
        sent: totals.sent,
        accepted: totals.accepted,
        refused: totals.refused,
        served: totals.served,
        missing: totals.missing,
        repeated: totals.repeated,
        watch_reconnects: totals.reconnects,
        accepted_per_second: per_second(totals.accepted, totals.accept_seconds),
        verdicts_per_second: per_second(totals.served, totals.serve_seconds),
        acknowledged: totals.acknowledge,
        served_after: totals.serve,
        awaited_after: totals.wait,
        usage,
    }
}
