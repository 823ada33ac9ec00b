//! What the engine rejected, until its authors are told.

use moderato_domain::{CommentName, Revision, Timestamp};
use moderato_store::{DueRejection, EventCursor, RejectionOutcome, StatedRejection};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, PgPool, Row};

use super::statements::attempts;
use super::{mails, statements};
use crate::rows;

/// What the engine rejected since that was last stated, by `events_rejected`. Only what no earlier event
/// can still be committed before: see `events`.
const LOGGED: &str = "
    SELECT e.xact_id, e.sequence, site_id, comment_id, revision
    FROM events e, redress_progress p
    WHERE kind = 'verdict.recorded' AND state = 'rejected'
      AND (e.xact_id, e.sequence) > (p.xact_id, p.sequence)
      AND e.xact_id < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
    ORDER BY e.xact_id, e.sequence LIMIT $1";

pub(crate) async fn logged(pool: &PgPool, limit: u32) -> sqlx::Result<Vec<(EventCursor, DueRejection)>> {
    let found = sqlx::query(LOGGED).bind(i64::from(limit)).fetch_all(pool).await?;
    let logged = found.iter().map(|row| {
        let cursor = EventCursor { epoch: row.try_get("xact_id")?, sequence: row.try_get("sequence")? };
        Ok((cursor, rejection(row, 0)?))
    });
    logged.collect()
}

/// By `rejections_set_aside_due`.
const SET_ASIDE: &str = "
    SELECT site_id, comment_id, revision, attempts FROM rejections_set_aside
    WHERE next_attempt_ms <= $1 ORDER BY next_attempt_ms LIMIT $2";

pub(crate) async fn set_aside(pool: &PgPool, now: Timestamp, limit: u32) -> sqlx::Result<Vec<DueRejection>> {
    let found = sqlx::query(SET_ASIDE).bind(now.as_millis()).bind(i64::from(limit)).fetch_all(pool).await?;
    found.iter().map(|row| rejection(row, attempts(row, "attempts")?)).collect()
}

fn rejection(row: &PgRow, attempts: u32) -> sqlx::Result<DueRejection> {
    Ok(DueRejection { comment: rows::name(row)?, revision: rows::revision(row)?, attempts })
}

/// Never back: another process may have come further.
const PROGRESS: &str = "
    UPDATE redress_progress SET xact_id = $1, sequence = $2 WHERE (xact_id, sequence) < ($1, $2)";

pub(crate) async fn state(
    pool: &PgPool,
    until: Option<EventCursor>,
    stated: &[StatedRejection],
) -> sqlx::Result<()> {
    let (mut told, mut posted) = (Vec::new(), Vec::new());
    let mut transaction = pool.begin().await?;
    for StatedRejection { comment, revision, outcome } in stated {
        match outcome {
            RejectionOutcome::Told { statement, mail } => {
                told.extend(statement.as_deref());
                posted.extend(mail);
                forget(&mut transaction, comment, *revision).await?;
            }
            RejectionOutcome::SetAside { next } => {
                keep(&mut transaction, comment, *revision, *next).await?;
            }
        }
    }
    statements::insert(&mut transaction, &told).await?;
    mails::insert(&mut transaction, &posted).await?;
    if let Some(until) = until {
        sqlx::query(PROGRESS).bind(until.epoch).bind(until.sequence).execute(&mut *transaction).await?;
    }
    transaction.commit().await
}

const FORGET: &str =
    "DELETE FROM rejections_set_aside WHERE site_id = $1 AND comment_id = $2 AND revision = $3";

async fn forget(connection: &mut PgConnection, name: &CommentName, revision: Revision) -> sqlx::Result<()> {
    sqlx::query(FORGET)
        .bind(name.site.as_str())
        .bind(name.comment.as_str())
        .bind(revision.get())
        .execute(connection)
        .await?;
    Ok(())
}

const KEEP: &str = "
    INSERT INTO rejections_set_aside AS known (site_id, comment_id, revision, attempts, next_attempt_ms)
    VALUES ($1, $2, $3, 1, $4)
    ON CONFLICT (site_id, comment_id, revision) DO UPDATE SET
        attempts = known.attempts + 1, next_attempt_ms = excluded.next_attempt_ms";

async fn keep(
    connection: &mut PgConnection,
    name: &CommentName,
    revision: Revision,
    next: Timestamp,
) -> sqlx::Result<()> {
    sqlx::query(KEEP)
        .bind(name.site.as_str())
        .bind(name.comment.as_str())
        .bind(revision.get())
        .bind(next.as_millis())
        .execute(connection)
        .await?;
    Ok(())
}
