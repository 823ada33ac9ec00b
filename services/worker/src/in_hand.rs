//! Which messages are being worked on: the oldest of them is the age of the queue's head, which the
//! broker cannot tell without taking the message.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use moderato_domain::Timestamp;

use crate::Worker;

/// Accept times of the batches in hand, counted.
#[derive(Debug, Default)]
pub(crate) struct InHand(Mutex<BTreeMap<Timestamp, usize>>);

/// A batch is in hand as long as this lives.
pub(crate) struct Held<'a> {
    in_hand: &'a InHand,
    oldest: Timestamp,
}

impl InHand {
    pub(crate) fn hold(&self, oldest: Timestamp) -> Held<'_> {
        *self.lock().entry(oldest).or_insert(0) += 1;
        Held { in_hand: self, oldest }
    }

    fn oldest(&self) -> Option<Timestamp> {
        self.lock().keys().next().copied()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<Timestamp, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let mut batches = self.in_hand.lock();
        if let Some(count) = batches.get_mut(&self.oldest) {
            *count -= 1;
            if *count == 0 {
                batches.remove(&self.oldest);
            }
        }
    }
}

impl Worker {
    /// Keeps the age metric true, also while a batch waits for the store.
    pub(crate) async fn report_ages(self: Arc<Self>) {
        let mut ticks = tokio::time::interval(Duration::from_secs(1));
        loop {
            ticks.tick().await;
            let now = self.deps.clock.now();
            let age = self.in_hand.oldest().map_or(Duration::ZERO, |oldest| now.since(oldest));
            self.deps.metrics.set_oldest_age("in_hand", age);
        }
    }
}
