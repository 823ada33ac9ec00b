//! What became of every comment of a run, and how long it took.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;
use moderato_domain::Stopwatch;

use super::report::Latency;

/// Comments whose times lie in one block, allocated when the first of them is sent.
const BLOCK: usize = 1 << 16;

/// Most blocks: 67 million comments, half a gigabyte of times.
const BLOCKS: usize = 1 << 10;

/// Latencies above this count as this, in microseconds.
const LATENCY_MAX: u64 = 120_000_000;

/// Bits of a comment's entry below its due time.
const FLAGS: u32 = 2;
const ACCEPTED: u64 = 1;
const SERVED: u64 = 2;

/// One entry per comment: when it was due, whether it was accepted, whether its verdict arrived.
/// Shared by senders and the watcher; an entry is one atomic number, everything else is short locks.
#[derive(Debug)]
pub(super) struct Ledger {
    clock: Stopwatch,
    blocks: Box<[OnceLock<Box<[AtomicU64]>>]>,
    /// Accepted and not served; below zero while a verdict overtakes its acknowledgement.
    open: AtomicI64,
    sent: AtomicU64,
    accepted: AtomicU64,
    served: AtomicU64,
    repeated: AtomicU64,
    reconnects: AtomicU64,
    last_accepted_us: AtomicU64,
    last_served_us: AtomicU64,
    refused: Mutex<BTreeMap<String, u64>>,
    acknowledge: Mutex<Histogram<u64>>,
    serve: Mutex<Histogram<u64>>,
    wait: Mutex<Histogram<u64>>,
}

impl Ledger {
    /// An empty ledger; its clock starts.
    pub(super) fn new() -> anyhow::Result<Self> {
        // Three digits: a percentile is exact to one part in a thousand.
        let histogram = || Histogram::new_with_bounds(1, LATENCY_MAX, 3).map(Mutex::new);
        Ok(Self {
            clock: Stopwatch::start(),
            blocks: (0..BLOCKS).map(|_| OnceLock::new()).collect(),
            open: AtomicI64::new(0),
            sent: AtomicU64::new(0),
            accepted: AtomicU64::new(0),
            served: AtomicU64::new(0),
            repeated: AtomicU64::new(0),
            reconnects: AtomicU64::new(0),
            last_accepted_us: AtomicU64::new(0),
            last_served_us: AtomicU64::new(0),
            refused: Mutex::default(),
            acknowledge: histogram()?,
            serve: histogram()?,
            wait: histogram()?,
        })
    }

    /// Time on its clock.
    pub(super) fn elapsed(&self) -> Duration {
        self.clock.elapsed()
    }

    /// A comment is being sent. `late` is how long ago it was due.
    pub(super) fn sent(&self, number: u64, late: Duration) {
        let due = self.now_us().saturating_sub(micros(late)).max(1);
        if let Some(entry) = self.entry(number) {
            entry.store(due << FLAGS, Ordering::Relaxed);
        }
        self.sent.fetch_add(1, Ordering::Relaxed);
    }

    /// A comment was acknowledged.
    pub(super) fn accepted(&self, number: u64) {
        let now = self.now_us();
        let before = self.mark(number, ACCEPTED);
        record(&self.acknowledge, now.saturating_sub(before >> FLAGS));
        self.accepted.fetch_add(1, Ordering::Relaxed);
        self.last_accepted_us.fetch_max(now, Ordering::Relaxed);
        if before & SERVED == 0 {
            self.open.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A comment was refused, or its answer was lost.
    pub(super) fn refused(&self, reason: &str, comments: u64) {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        match refused.get_mut(reason) {
            Some(count) => *count += comments,
            None => drop(refused.insert(reason.to_owned(), comments)),
        }
    }

    /// A comment's verdict arrived at the subscriber.
    pub(super) fn served(&self, number: u64) {
        let now = self.now_us();
        let before = self.mark(number, SERVED);
        if before & SERVED != 0 {
            self.repeated.fetch_add(1, Ordering::Relaxed);
            return;
        }
        record(&self.serve, now.saturating_sub(before >> FLAGS));
        self.served.fetch_add(1, Ordering::Relaxed);
        self.last_served_us.fetch_max(now, Ordering::Relaxed);
        if before & ACCEPTED != 0 {
            self.open.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// A caller who waited for a comment's verdict has it.
    pub(super) fn waited(&self, number: u64) {
        let due = self.entry(number).map_or(0, |entry| entry.load(Ordering::Relaxed) >> FLAGS);
        record(&self.wait, self.now_us().saturating_sub(due));
    }

    /// The event stream broke and was resumed.
    pub(super) fn reconnected(&self) {
        self.reconnects.fetch_add(1, Ordering::Relaxed);
    }

    /// Comments that were acknowledged and whose verdict has not arrived.
    pub(super) fn open(&self) -> u64 {
        self.open.load(Ordering::Relaxed).max(0).unsigned_abs()
    }

    /// Verdicts that arrived.
    pub(super) fn served_so_far(&self) -> u64 {
        self.served.load(Ordering::Relaxed)
    }

    /// Adds up.
    pub(super) fn totals(&self) -> Totals {
        let seconds = |micros: &AtomicU64| micros.load(Ordering::Relaxed) as f64 / 1e6;
        Totals {
            sent: self.sent.load(Ordering::Relaxed),
            accepted: self.accepted.load(Ordering::Relaxed),
            refused: self.refused.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            served: self.served_so_far(),
            missing: self.open(),
            repeated: self.repeated.load(Ordering::Relaxed),
            reconnects: self.reconnects.load(Ordering::Relaxed),
            accept_seconds: seconds(&self.last_accepted_us),
            serve_seconds: seconds(&self.last_served_us),
            acknowledge: latency(&self.acknowledge),
            serve: latency(&self.serve),
            wait: latency(&self.wait),
        }
    }

    fn now_us(&self) -> u64 {
        micros(self.clock.elapsed())
    }

    /// Sets a flag and returns the entry as it was.
    fn mark(&self, number: u64, flag: u64) -> u64 {
        self.entry(number).map_or(0, |entry| entry.fetch_or(flag, Ordering::Relaxed))
    }

    fn entry(&self, number: u64) -> Option<&AtomicU64> {
        let at = usize::try_from(number).ok()?;
        let block = self.blocks.get(at / BLOCK)?;
        let block = block.get_or_init(|| (0..BLOCK).map(|_| AtomicU64::new(0)).collect());
        block.get(at % BLOCK)
    }
}

/// The sums of a [`Ledger`].
#[derive(Debug, Clone)]
pub(super) struct Totals {
    pub(super) sent: u64,
    pub(super) accepted: u64,
    pub(super) refused: BTreeMap<String, u64>,
    pub(super) served: u64,
    /// Acknowledged, and the verdict did not arrive.
    pub(super) missing: u64,
    /// Verdicts that arrived more than once.
    pub(super) repeated: u64,
    pub(super) reconnects: u64,
    /// From the start to the last acknowledgement.
    pub(super) accept_seconds: f64,
    /// From the start to the last verdict.
    pub(super) serve_seconds: f64,
    pub(super) acknowledge: Option<Latency>,
    pub(super) serve: Option<Latency>,
    pub(super) wait: Option<Latency>,
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

fn record(histogram: &Mutex<Histogram<u64>>, micros: u64) {
    histogram.lock().unwrap_or_else(PoisonError::into_inner).saturating_record(micros);
}

fn latency(histogram: &Mutex<Histogram<u64>>) -> Option<Latency> {
    let histogram = histogram.lock().unwrap_or_else(PoisonError::into_inner);
    let ms = |micros: u64| micros as f64 / 1e3;
    (!histogram.is_empty()).then(|| Latency {
        count: histogram.len(),
        p50_ms: ms(histogram.value_at_quantile(0.5)),
        p99_ms: ms(histogram.value_at_quantile(0.99)),
        max_ms: ms(histogram.max()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_accepted_comment_is_open_until_its_verdict_arrives_once() {
        let ledger = Ledger::new().unwrap();
        for number in [0, 1, 70_000] {
            ledger.sent(number, Duration::ZERO);
            ledger.accepted(number);
        }
        assert_eq!(ledger.open(), 3);
        ledger.served(0);
        ledger.served(0);
        ledger.served(70_000);
        // A verdict may overtake the acknowledgement.
        ledger.sent(2, Duration::ZERO);
        ledger.served(2);
        ledger.accepted(2);
        let totals = ledger.totals();
        assert_eq!((totals.sent, totals.accepted, totals.served), (4, 4, 3));
        assert_eq!((totals.missing, totals.repeated), (1, 1));
    }

    #[test]
    fn latency_counts_from_when_a_comment_was_due() {
        let ledger = Ledger::new().unwrap();
        std::thread::sleep(Duration::from_millis(12));
        ledger.sent(0, Duration::from_millis(10));
        ledger.accepted(0);
        assert!(ledger.totals().acknowledge.unwrap().p50_ms >= 10.0);
    }
}
