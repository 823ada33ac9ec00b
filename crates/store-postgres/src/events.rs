//! The log of what happened.
//!
//! It is ordered by transaction id, which a transaction draws with its first write, and not by
//! commit. Of two batches that overlap and change the same comment, the one that drew first may
//! change it last. So whoever folds events into a state goes by what they say, not by their place
//! alone: an event of an older revision than the one known changes nothing, and withdrawn is final.
//! A verdict always stands before the decisions on it: they are made about what has been committed.

use async_trait::async_trait;
use moderato_domain::SiteId;
use moderato_store::{Event, EventCursor, EventLog, StoreError};
use tokio::sync::watch;

use crate::PostgresStore;
use crate::error::in_time;
use crate::rows;

/// Events of transactions older than the oldest one still running. Whatever commits later has a
/// higher transaction id, so it comes after everything handed out so far. The snapshot is the one
/// that the statement itself reads with.
macro_rules! events_after {
    ($site:literal) => {
        concat!(
            "SELECT xact_id, sequence, kind, site_id, comment_id, thread_id, revision, action, state, time_ms
             FROM events
             WHERE (xact_id, sequence) > ($1, $2)
               AND xact_id < pg_snapshot_xmin(pg_current_snapshot())::text::bigint ",
            $site,
            "ORDER BY xact_id, sequence LIMIT $3"
        )
    };
}

const EVENTS: &str = events_after!("");
const EVENTS_OF_SITE: &str = events_after!("AND site_id = $4 ");

/// The newest transaction whose events can have been handed out.
const NEWEST_SETTLED: &str = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint - 1";

#[async_trait]
impl EventLog for PostgresStore {
    async fn events_after(
        &self,
        cursor: EventCursor,
        site: Option<&SiteId>,
        limit: u32,
    ) -> Result<Vec<Event>, StoreError> {
        let query = match site {
            None => sqlx::query(EVENTS).bind(cursor.epoch).bind(cursor.sequence).bind(i64::from(limit)),
            Some(site) => sqlx::query(EVENTS_OF_SITE)
                .bind(cursor.epoch)
                .bind(cursor.sequence)
                .bind(i64::from(limit))
                .bind(site.as_str()),
        };
        in_time(async {
            let rows = query.fetch_all(&self.pool).await?;
            rows.iter().map(rows::event).collect()
        })
        .await
    }

    async fn event_head(&self) -> Result<EventCursor, StoreError> {
        let epoch = in_time(sqlx::query_scalar(NEWEST_SETTLED).fetch_one(&self.pool)).await?;
        Ok(EventCursor { epoch, sequence: i64::MAX })
    }

    fn event_hint(&self) -> watch::Receiver<u64> {
        self.hint.subscribe()
    }
}
