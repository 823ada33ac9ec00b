//! The log of what happened. One writer at a time, so numbers are committed in order and no reader
//! can see a gap in them.

use std::sync::Arc;
use std::time::Duration;

use moderato_domain::{Action, CommentId, Revision, SiteId, State, ThreadId, Timestamp};
use moderato_store::{Event, EventCursor, EventKind};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use crate::database::Database;
use crate::many::{Many, ROWS_AT_ONCE};
use crate::rows;

/// How often the log is looked at for what another process wrote, such as a decision made on the
/// command line.
const LOOK_EVERY: Duration = Duration::from_millis(200);

macro_rules! select_events {
    ($which:literal) => {
        concat!(
            "SELECT sequence, site_id, kind, comment_id, thread_id, revision, action, state, time_ms
             FROM events ",
            $which
        )
    };
}

/// An event about to be written.
pub(super) struct NewEvent<'a> {
    pub(super) kind: EventKind,
    pub(super) site: &'a SiteId,
    pub(super) comment: &'a CommentId,
    pub(super) thread: &'a ThreadId,
    pub(super) revision: Revision,
    pub(super) action: Action,
    pub(super) state: State,
    pub(super) time: Timestamp,
}

/// Appends events in the transaction of the change they tell about.
pub(super) async fn append(connection: &mut SqliteConnection, events: &[NewEvent<'_>]) -> sqlx::Result<()> {
    const INTO: &str = "
        INSERT OR ROLLBACK INTO events (site_id, kind, comment_id, thread_id, revision, action, state, time_ms)";
    for events in events.chunks(ROWS_AT_ONCE) {
        let insert = Many::insert(
            INTO,
            events,
            |event, row| {
                row.bind(event.site.as_str())
                    .bind(event.kind.as_str())
                    .bind(event.comment.as_str())
                    .bind(event.thread.as_str())
                    .bind(event.revision.get())
                    .bind(event.action.as_str())
                    .bind(event.state.as_str())
                    .bind(event.time.as_millis());
            },
            "",
        )?;
        insert.execute(&mut *connection).await?;
    }
    Ok(())
}

pub(super) async fn after(
    database: &Database,
    cursor: EventCursor,
    site: Option<&SiteId>,
    limit: u32,
) -> sqlx::Result<Vec<Event>> {
    let query = match site {
        None => sqlx::query(select_events!("WHERE sequence > ?1 ORDER BY sequence LIMIT ?2"))
            .bind(cursor.sequence)
            .bind(limit),
        Some(site) => {
            sqlx::query(select_events!("WHERE site_id = ?3 AND sequence > ?1 ORDER BY sequence LIMIT ?2"))
                .bind(cursor.sequence)
                .bind(limit)
                .bind(site.as_str())
        }
    };
    query.fetch_all(database.readers()).await?.iter().map(stored_event).collect()
}

/// The last number given out, also if its event was deleted since.
pub(super) async fn head(database: &Database) -> sqlx::Result<EventCursor> {
    let sequence: Option<i64> = sqlx::query_scalar("SELECT seq FROM sqlite_sequence WHERE name = 'events'")
        .fetch_optional(database.readers())
        .await?;
    Ok(EventCursor { epoch: 0, sequence: sequence.unwrap_or(0) })
}

/// Wakes the readers of the log when another process wrote to it. Ends with the last user of the
/// database; looks only while somebody listens.
pub(super) fn watch_other_processes(database: &Arc<Database>) {
    let watched = Arc::downgrade(database);
    tokio::spawn(async move {
        let mut seen = None;
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let Some(database) = watched.upgrade() else { return };
            if database.events.receiver_count() == 0 {
                continue;
            }
            // A failure is reported to whoever reads the log; a hint is only a hint.
            let Ok(head) = head(&database).await else { continue };
            if seen.replace(head) != Some(head) {
                database.tell_of_events();
            }
        }
    });
}

fn stored_event(row: &SqliteRow) -> sqlx::Result<Event> {
    Ok(Event {
        cursor: EventCursor { epoch: 0, sequence: row.try_get("sequence")? },
        kind: rows::word(row, "kind", EventKind::parse)?,
        comment: rows::comment_name(row)?,
        thread: rows::thread(row)?,
        revision: rows::revision(row)?,
        action: rows::action(row)?,
        state: rows::state(row)?,
        time: rows::time(row, "time_ms")?,
    })
}
