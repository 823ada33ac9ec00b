//! A steady load for many minutes: does memory grow, do latencies, does anything get lost?

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;

use super::ledger::Ledger;
use super::usage::Sources;

const MINUTE: Duration = Duration::from_mins(1);
const MEBIBYTE: f64 = 1024.0 * 1024.0;

/// Prints until it is dropped.
#[derive(Debug)]
pub(super) struct Minutes(JoinHandle<()>);

impl Drop for Minutes {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Prints, once a minute, what was done so far and the memory of everybody.
pub(super) fn print_minutes(sources: Sources, ledger: Arc<Ledger>) -> Minutes {
    Minutes(tokio::spawn(async move {
        let mut ticks = tokio::time::interval(MINUTE);
        let mut minute = 0;
        loop {
            ticks.tick().await;
            println!("{}", line(minute, &sources, &ledger).await);
            minute += 1;
        }
    }))
}

async fn line(minute: u32, sources: &Sources, ledger: &Ledger) -> String {
    let totals = ledger.totals();
    let worst = totals.serve.map_or(0.0, |latency| latency.max_ms);
    let mut line = format!(
        "minute {minute:>3}: {:>9} accepted, {:>6} waiting for a verdict, slowest verdict {worst:>6.0} ms; resident MiB:",
        totals.accepted, totals.missing,
    );
    for (name, reading) in sources.read().await {
        let rss = reading.map_or(0.0, |reading| reading.rss as f64 / MEBIBYTE);
        // Writing into a String cannot fail.
        let _ = write!(line, " {name} {rss:.0}");
    }
    line
}
