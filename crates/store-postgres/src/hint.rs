//! Tells readers of the log that it grew.
//!
//! A transaction that writes events notifies `moderato_events` when it commits, but for the workers', which
//! ring a [`Bell`] after it: notifying transactions commit one after the other, each with its wait for the
//! disk. At that moment the events may still be held back, because an older transaction runs on; nobody is
//! notified when that one ends. So after each notification the log is asked whether the newest committed
//! event can be seen yet, and while it cannot, readers are told again after growing pauses, a few times.
//! Whoever runs longer than that is noticed by the readers' own look once a second, as is a notification
//! that was lost with its worker.

use std::sync::Arc;
use std::time::Duration;

use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

const CHANNEL: &str = "moderato_events";

/// Notifies all listeners, when the transaction commits.
pub(crate) const NOTIFY: &str = "SELECT pg_notify('moderato_events', '')";

/// Pauses between looks while events are held back. A batch takes milliseconds; together they cover
/// most of the second after which readers look anyway.
const LOOK_AGAIN: [Duration; 5] = [
    Duration::from_millis(20),
    Duration::from_millis(40),
    Duration::from_millis(80),
    Duration::from_millis(160),
    Duration::from_millis(320),
];

/// Pauses before the next attempt to connect: doubled from the first to the last.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LAST_PAUSE: Duration = Duration::from_secs(5);

const HELD_BACK: &str = "
    SELECT coalesce(
        (SELECT xact_id FROM events ORDER BY xact_id DESC, sequence DESC LIMIT 1)
            >= pg_snapshot_xmin(pg_current_snapshot())::text::bigint,
        false)";

/// A task that notifies for transactions that did not do so themselves. While it notifies for some, others
/// share the next turn.
#[derive(Debug)]
pub(crate) struct Bell {
    rung: Arc<Notify>,
    task: JoinHandle<()>,
}

impl Bell {
    pub(crate) fn hang_up(pool: PgPool) -> Self {
        let rung = Arc::new(Notify::new());
        let heard = Arc::clone(&rung);
        let task = tokio::spawn(async move {
            loop {
                heard.notified().await;
                if let Err(error) = sqlx::query(NOTIFY).execute(&pool).await {
                    tracing::debug!(%error, "readers of the log were not notified; they look by themselves");
                }
            }
        });
        Self { rung, task }
    }

    /// Says that events were committed.
    pub(crate) fn ring(&self) {
        self.rung.notify_one();
    }
}

impl Drop for Bell {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A task that listens, on a connection of its own, for as long as the store lives.
#[derive(Debug)]
pub(crate) struct EventHint {
    ticks: watch::Receiver<u64>,
    task: JoinHandle<()>,
}

impl EventHint {
    /// Starts listening. A server that is away is tried again and again.
    pub(crate) fn listen_to(server: PgConnectOptions) -> Self {
        let (sender, ticks) = watch::channel(0);
        Self { ticks, task: tokio::spawn(listen(server, sender)) }
    }

    /// A receiver that has seen everything up to now.
    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        self.ticks.clone()
    }
}

impl Drop for EventHint {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn listen(server: PgConnectOptions, ticks: watch::Sender<u64>) {
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .max_lifetime(None)
        .idle_timeout(None)
        .connect_lazy_with(server);
    let mut pause = FIRST_PAUSE;
    loop {
        match PgListener::connect_with(&pool).await {
            Ok(mut listener) => {
                pause = FIRST_PAUSE;
                if let Err(error) = relay(&mut listener, &ticks).await {
                    tracing::warn!(%error, "stopped listening for events");
                }
            }
            Err(error) => tracing::warn!(%error, "cannot listen for events"),
        }
        tokio::time::sleep(pause).await;
        pause = LAST_PAUSE.min(pause * 2);
    }
}

/// Ticks with every notification, until the connection fails.
async fn relay(listener: &mut PgListener, ticks: &watch::Sender<u64>) -> sqlx::Result<()> {
    listener.listen(CHANNEL).await?;
    // Whatever was committed while nobody listened.
    tick(ticks);
    loop {
        // No notification means that the connection was lost and made anew: look as well.
        listener.try_recv().await?;
        for pause in LOOK_AGAIN {
            // One look answers all notifications that are here by now.
            while listener.next_buffered().is_some() {}
            // Tick after looking: what the look found settled, a reader finds too.
            let held_back: bool = sqlx::query_scalar(HELD_BACK).fetch_one(&mut *listener).await?;
            tick(ticks);
            if !held_back {
                break;
            }
            tokio::time::sleep(pause).await;
        }
    }
}

fn tick(ticks: &watch::Sender<u64>) {
    ticks.send_modify(|count| *count = count.wrapping_add(1));
}
