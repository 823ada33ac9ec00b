//! Follows what happens on a site: every event once and in order, across reconnects.
//!
//! Each watcher reads the log itself, from its own cursor, only when its client has taken the message
//! before: nothing piles up in this process, and a slow client slows only itself. The
//! [tail](crate::tail) wakes it when its site has news.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::Stream;
use moderato_access::{Caller, Guard};
use moderato_api::pb::query as pb;
use moderato_api::status::Refusal;
use moderato_domain::{ErrorCode, SiteId};
use moderato_runtime::metrics::Metrics;
use moderato_runtime::shutdown::Shutdown;
use moderato_store::{Event, EventCursor, Store};
use tonic::Status;

use crate::await_verdict::shutting_down;
use crate::bells::{Bells, Listener};
use crate::outage::Outage;
use crate::page::Scope;
use crate::present;
use crate::request::{Start, Watched};

/// Events per message: about 100 KiB.
const BATCH: u32 = 256;
/// How often a watcher looks without being woken.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Pause after a message, so that a busy site's events travel together: at most a hundred reads a
/// second and watcher, and an event after a silence is still sent at once.
const BREATH: Duration = Duration::from_millis(10);

/// The stream of `WatchEvents`.
pub(crate) type EventStream = Pin<Box<dyn Stream<Item = Result<pb::WatchEventsResponse, Status>> + Send>>;

/// Opens streams.
#[derive(Debug)]
pub(crate) struct Watching {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) outage: Arc<Outage>,
    pub(crate) guard: Guard,
    pub(crate) watchers: Arc<Bells<SiteId>>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) shutdown: Shutdown,
}

impl Watching {
    /// A stream from where the caller wants to go on, as long as the caller's key is good.
    pub(crate) async fn open(&self, caller: Caller, asked: Watched) -> Result<EventStream, Refusal> {
        let Watched { site, start, scope } = asked;
        let listener = self.watchers.listen(site.clone()).ok_or_else(overloaded)?;
        let cursor = match start {
            Start::After(cursor) => cursor,
            Start::Head => self.outage.check(self.store.event_head().await)?,
        };
        let watcher = Watcher {
            store: Arc::clone(&self.store),
            outage: Arc::clone(&self.outage),
            guard: self.guard.clone(),
            caller,
            site,
            scope,
            cursor,
            last: Last::None,
            listener,
            shutdown: self.shutdown.clone(),
            _counted: Counted::new(Arc::clone(&self.metrics)),
        };
        Ok(Box::pin(futures_util::stream::unfold(Some(watcher), |watcher| async {
            let mut watcher = watcher?;
            Some(match watcher.next().await {
                Ok(message) => (Ok(message), Some(watcher)),
                Err(refusal) => (Err(refusal.into()), None),
            })
        })))
    }
}

/// One stream.
struct Watcher {
    store: Arc<dyn Store>,
    outage: Arc<Outage>,
    guard: Guard,
    caller: Caller,
    site: SiteId,
    scope: Scope,
    cursor: EventCursor,
    last: Last,
    listener: Listener<SiteId>,
    shutdown: Shutdown,
    _counted: Counted,
}

/// The message before.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    /// There was none: the next one is sent even if it is empty, for its resume token.
    None,
    /// It held everything there was.
    Whole,
    /// It was full: there is more.
    Full,
}

impl Watcher {
    async fn next(&mut self) -> Result<pb::WatchEventsResponse, Refusal> {
        let shutdown = self.shutdown.clone();
        tokio::select! {
            biased;
            () = shutdown.requested() => Err(shutting_down()),
            message = self.message() => message,
        }
    }

    async fn message(&mut self) -> Result<pb::WatchEventsResponse, Refusal> {
        if self.last == Last::Whole {
            tokio::time::sleep(BREATH).await;
        }
        loop {
            self.guard.renew(&mut self.caller)?;
            // Taken before the look, so that a commit right after the look is heard.
            let rung = self.listener.rung();
            let read = self.store.events_after(self.cursor, Some(&self.site), BATCH).await;
            let news = self.outage.check(read)?;
            let told = news.iter().any(|event| !event.kind.is_internal());
            if told || self.last == Last::None {
                return Ok(self.tell(&news));
            }
            // What only moderators are told is passed over; there may be more behind it.
            if let Some(event) = news.last() {
                self.cursor = event.cursor;
                continue;
            }
            // An elapsed wait is as good a reason to look as a bell.
            let _ = tokio::time::timeout(LOOK_EVERY, rung).await;
        }
    }

    fn tell(&mut self, news: &[Event]) -> pb::WatchEventsResponse {
        self.last = if news.len() == BATCH as usize { Last::Full } else { Last::Whole };
        self.cursor = news.last().map_or(self.cursor, |event| event.cursor);
        let public = news.iter().filter(|event| !event.kind.is_internal());
        let events = public.map(|event| present::event(event, self.scope.seal(&event.cursor))).collect();
        pb::WatchEventsResponse { events, resume_token: self.scope.seal(&self.cursor) }
    }
}

/// Counts an open stream in the metrics.
struct Counted(Arc<Metrics>);

impl Counted {
    fn new(metrics: Arc<Metrics>) -> Self {
        metrics.watchers.inc();
        Self(metrics)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.watchers.dec();
    }
}

fn overloaded() -> Refusal {
    Refusal::Error(ErrorCode::Overloaded, "too many event streams are open; try again shortly".to_owned())
}
