//! When the next comment is sent.
//!
//! - **As fast as answered**: a closed loop, for finding the highest rate. Whoever is free sends.
//! - **At a fixed rate**: an open loop, for latencies. Comments fall due every millisecond whether
//!   earlier ones were answered or not, and latency counts from the moment a comment was due: a
//!   service that stalls is charged for everything that had to wait behind the stall.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use moderato_domain::Stopwatch;
use moderato_runtime::shutdown::Shutdown;
use tokio::sync::Semaphore;

/// Comments fall due in steps of this.
const TICK: Duration = Duration::from_millis(1);

/// More permits than there will ever be comments: wakes everybody who waits for one more.
const EVERYBODY: usize = 1 << 40;

/// How fast.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Pace {
    /// As fast as answered.
    Answered,
    /// So many comments a second.
    Rate(f64),
}

/// When to end: whichever comes first.
#[derive(Debug, Clone, Copy)]
pub(super) struct Amount {
    pub(super) comments: u64,
    pub(super) time: Duration,
}

/// The right to send one comment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Turn {
    /// Which one.
    pub(super) number: u64,
    /// When it was due, since the start of the schedule.
    pub(super) due: Duration,
}

/// Hands out turns to any number of senders.
#[derive(Debug)]
pub(super) struct Schedule {
    amount: Amount,
    rate: Option<Rate>,
    clock: Stopwatch,
    next: AtomicU64,
    /// Open loop: turns that are due. Closed loop: unused.
    due: Semaphore,
    /// Open loop: turns there will be in all, once that is known.
    last: AtomicU64,
    stop: Shutdown,
}

impl Schedule {
    /// Starts the clock. Returns at once.
    pub(super) fn start(pace: Pace, amount: Amount, stop: Shutdown) -> anyhow::Result<Arc<Self>> {
        let rate = match pace {
            Pace::Answered => None,
            Pace::Rate(per_second) => Some(Rate::new(per_second)?),
        };
        let schedule = Arc::new(Self {
            amount,
            rate,
            clock: Stopwatch::start(),
            next: AtomicU64::new(0),
            due: Semaphore::new(0),
            last: AtomicU64::new(amount.comments),
            stop,
        });
        if let Some(rate) = rate {
            let pacer = Arc::clone(&schedule);
            // A thread of its own: tokio's timers are a millisecond coarse, a sleeping thread is not.
            thread::Builder::new().name("pacer".to_owned()).spawn(move || pacer.release(rate))?;
        }
        Ok(schedule)
    }

    /// Time since the start.
    pub(super) fn elapsed(&self) -> Duration {
        self.clock.elapsed()
    }

    /// Whether nothing more will be sent.
    pub(super) fn is_over(&self) -> bool {
        let ended = self.rate.is_none() && self.elapsed() >= self.amount.time;
        ended
            || self.stop.is_requested()
            || self.next.load(Ordering::Relaxed) >= self.last.load(Ordering::Acquire)
    }

    /// Waits for a turn; `None` when there are no more.
    pub(super) async fn next(&self) -> Option<Turn> {
        let Some(rate) = self.rate else {
            if self.is_over() {
                return None;
            }
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            return (number < self.amount.comments).then(|| Turn { number, due: self.elapsed() });
        };
        self.due.acquire().await.ok()?.forget();
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        (number < self.last.load(Ordering::Acquire)).then(|| Turn { number, due: rate.due(number) })
    }

    fn release(&self, rate: Rate) {
        let mut released = 0;
        let mut tick: u32 = 0;
        while released < self.amount.comments
            && self.elapsed() < self.amount.time
            && !self.stop.is_requested()
        {
            tick += 1;
            thread::sleep((TICK * tick).saturating_sub(self.elapsed()));
            let due = rate.due_by(u64::from(tick)).min(self.amount.comments);
            self.due.add_permits((due - released) as usize);
            released = due;
        }
        self.last.store(released, Ordering::Release);
        self.due.add_permits(EVERYBODY);
    }
}

/// A rate in whole numbers, so that "how many are due by tick t" and "at which tick is number n due"
/// agree exactly.
#[derive(Debug, Clone, Copy)]
struct Rate {
    /// Comments per million ticks.
    per_million: u64,
}

impl Rate {
    fn new(per_second: f64) -> anyhow::Result<Self> {
        // Ten a minute to a million a second.
        anyhow::ensure!(
            (0.1..=1e6).contains(&per_second),
            "a rate is between 0.1 and 1,000,000 comments a second"
        );
        Ok(Self { per_million: (per_second * 1000.0).round() as u64 })
    }

    const fn due_by(self, tick: u64) -> u64 {
        tick.saturating_mul(self.per_million) / 1_000_000
    }

    fn due(self, number: u64) -> Duration {
        let tick = (number + 1).saturating_mul(1_000_000).div_ceil(self.per_million);
        Duration::from_millis(tick)
    }
}

#[cfg(test)]
mod tests {
    use moderato_runtime::shutdown;

    use super::*;

    #[test]
    fn a_comment_is_due_at_the_tick_that_releases_it() {
        for per_second in [0.5, 3.0, 333.3, 1000.0, 12_345.6] {
            let rate = Rate::new(per_second).unwrap();
            for number in 0..5_000 {
                let tick = rate.due(number).as_millis() as u64;
                assert!(
                    rate.due_by(tick) > number && rate.due_by(tick - 1) <= number,
                    "{per_second} {number}"
                );
            }
        }
        assert!(Rate::new(0.0).is_err() && Rate::new(f64::NAN).is_err());
    }

    #[tokio::test]
    async fn turns_come_at_the_rate_and_end_with_the_time() {
        let (_trigger, stop) = shutdown::channel();
        let amount = Amount { comments: u64::MAX, time: Duration::from_millis(200) };
        let schedule = Schedule::start(Pace::Rate(1000.0), amount, stop).unwrap();
        let mut turns = Vec::new();
        while let Some(turn) = schedule.next().await {
            assert!(turn.due <= schedule.elapsed());
            turns.push(turn.number);
        }
        assert!((195..=205).contains(&turns.len()), "{}", turns.len());
        assert_eq!(turns, (0..turns.len() as u64).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn a_closed_loop_ends_with_the_count_or_the_signal() {
        let (trigger, stop) = shutdown::channel();
        let amount = Amount { comments: 3, time: Duration::from_mins(1) };
        let schedule = Schedule::start(Pace::Answered, amount, stop.clone()).unwrap();
        for _ in 0..3 {
            assert!(schedule.next().await.is_some());
        }
        assert!(schedule.next().await.is_none() && schedule.is_over());
        let schedule = Schedule::start(Pace::Answered, amount, stop).unwrap();
        trigger.fire();
        assert!(schedule.next().await.is_none());
    }
}
