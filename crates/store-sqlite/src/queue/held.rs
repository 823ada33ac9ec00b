//! Which messages are in workers' hands.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use moderato_queue::{QueueError, Settle};
use tokio::sync::OwnedSemaphorePermit;

use super::Shared;

/// The numbers of the messages that are handed out. As many as the consumers prefetch, at most.
#[derive(Debug, Default)]
pub(super) struct HeldMessages {
    // Locked for an insert, a removal or one walk over a few hundred numbers, never across an await.
    sequences: Mutex<BTreeSet<i64>>,
}

impl HeldMessages {
    pub(super) fn now(&self) -> Vec<i64> {
        self.lock().iter().copied().collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<i64>> {
        self.sequences.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One message in somebody's hands. Dropping it gives the message back, unless it is gone.
pub(super) struct Held {
    pub(super) sequence: i64,
    shared: Arc<Shared>,
    removed: bool,
    /// Counts against the consumer's prefetch.
    _slot: OwnedSemaphorePermit,
}

impl Held {
    pub(super) fn new(shared: &Arc<Shared>, sequence: i64, slot: OwnedSemaphorePermit) -> Self {
        shared.held.lock().insert(sequence);
        Self { sequence, shared: Arc::clone(shared), removed: false, _slot: slot }
    }

    /// The message is not in the queue any more: nobody needs to look for it.
    pub(super) fn removed(mut self) {
        self.removed = true;
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.shared.held.lock().remove(&self.sequence);
        if !self.removed {
            self.shared.arrivals.send_replace(());
        }
    }
}

#[async_trait]
impl Settle for Held {
    async fn ack(self: Box<Self>) -> Result<(), QueueError> {
        let shared = Arc::clone(&self.shared);
        shared.committer.acknowledge(*self).await
    }

    async fn requeue(self: Box<Self>) -> Result<(), QueueError> {
        Ok(())
    }
}
