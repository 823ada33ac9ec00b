//! The event tail: one reader of the log per process, which wakes those who wait for a comment or
//! watch a site.
//!
//! States: *asleep* (nobody listens, nothing is read) → *following* (reads what comes after its
//! cursor, rings) → *asleep* when the last listener has gone. Waking up, it jumps to the head of the
//! log and rings every bell once: what committed between a listener's look and the jump is found by
//! that second look. While the store fails it waits and goes on from the same cursor.

use std::sync::Arc;
use std::time::Duration;

use moderato_api::status::Refusal;
use moderato_domain::{CommentName, SiteId};
use moderato_runtime::shutdown::Shutdown;
use moderato_store::{EventCursor, Store};
use tokio::sync::{Notify, watch};

use crate::bells::Bells;
use crate::outage::Outage;

/// Events per read: a few milliseconds of decoding.
const BATCH: u32 = 1000;
/// First look after a hint that brought nothing new. The log hands out an event only when no earlier
/// transaction can still commit, so it can lag its hint by as long as that takes.
const LOOK_FIRST: Duration = Duration::from_millis(5);
/// Each further look waits this many times longer …
const LOOK_SLOWER: u32 = 4;
/// … up to this: a hint that was lost costs no more.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Wait after a failed read.
const BACK_OFF: Duration = Duration::from_secs(1);

/// Reads the log and rings.
#[derive(Debug)]
pub(crate) struct Tail {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) outage: Arc<Outage>,
    /// By comment: `AwaitVerdict`.
    pub(crate) waiters: Arc<Bells<CommentName>>,
    /// By site: `WatchEvents`.
    pub(crate) watchers: Arc<Bells<SiteId>>,
    /// Notified by both when their first listener comes.
    pub(crate) first: Arc<Notify>,
}

impl Tail {
    /// Runs until shutdown.
    pub(crate) async fn run(self, shutdown: Shutdown) {
        tokio::select! {
            () = self.cycle() => {}
            () = shutdown.requested() => {}
        }
    }

    async fn cycle(&self) {
        loop {
            while !self.anybody() {
                self.first.notified().await;
            }
            // Subscribed before the head is asked for, so that no hint falls between.
            let hint = self.store.event_hint();
            match self.outage.check(self.store.event_head().await) {
                Ok(head) => {
                    self.waiters.ring_all();
                    self.watchers.ring_all();
                    self.follow(head, hint).await;
                }
                Err(_logged) => tokio::time::sleep(BACK_OFF).await,
            }
        }
    }

    /// Rings for every event after the cursor, until nobody listens.
    async fn follow(&self, mut cursor: EventCursor, mut hint: watch::Receiver<u64>) {
        let mut pause = LOOK_FIRST;
        while self.anybody() {
            if let Err(_logged) = self.catch_up(&mut cursor).await {
                tokio::time::sleep(BACK_OFF).await;
                continue;
            }
            tokio::select! {
                () = hinted(&mut hint) => pause = LOOK_FIRST,
                () = tokio::time::sleep(pause) => pause = (pause * LOOK_SLOWER).min(LOOK_EVERY),
            }
        }
    }

    async fn catch_up(&self, cursor: &mut EventCursor) -> Result<(), Refusal> {
        loop {
            let events = self.outage.check(self.store.events_after(*cursor, None, BATCH).await)?;
            self.waiters.ring(events.iter().map(|event| &event.comment));
            self.watchers.ring(events.iter().map(|event| &event.comment.site));
            if let Some(last) = events.last() {
                *cursor = last.cursor;
            }
            if events.len() < BATCH as usize {
                return Ok(());
            }
        }
    }

    fn anybody(&self) -> bool {
        self.waiters.anybody() || self.watchers.anybody()
    }
}

/// Waits for a hint; for ever if the store gives none any more.
async fn hinted(hint: &mut watch::Receiver<u64>) {
    if hint.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}
