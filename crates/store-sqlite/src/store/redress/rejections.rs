//! What the engine rejected, until its authors are told.

use moderato_domain::{CommentName, Revision, Timestamp};
use moderato_store::{DueRejection, EventCursor, RejectionOutcome, StatedRejection};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use super::{mails, statements};
use crate::database::Database;
use crate::rows;

/// What the engine rejected since that was last stated, by `events_rejected`.
pub(crate) async fn logged(
    database: &Database,
    limit: u32,
) -> sqlx::Result<Vec<(EventCursor, DueRejection)>> {
    let found = sqlx::query(
        "SELECT sequence, site_id, comment_id, revision FROM events
         WHERE kind = 'verdict.recorded' AND state = 'rejected'
           AND sequence > (SELECT sequence FROM redress_progress)
         ORDER BY sequence LIMIT ?1",
    )
    .bind(limit)
    .fetch_all(database.readers())
    .await?;
    let logged = found
        .iter()
        .map(|row| Ok((EventCursor { epoch: 0, sequence: row.try_get("sequence")? }, rejection(row, 0)?)));
    logged.collect()
}

/// By `rejections_set_aside_due`.
pub(crate) async fn set_aside(
    database: &Database,
    now: Timestamp,
    limit: u32,
) -> sqlx::Result<Vec<DueRejection>> {
    let found = sqlx::query(
        "SELECT site_id, comment_id, revision, attempts FROM rejections_set_aside
         WHERE next_attempt_ms <= ?1 ORDER BY next_attempt_ms LIMIT ?2",
    )
    .bind(now.as_millis())
    .bind(limit)
    .fetch_all(database.readers())
    .await?;
    found.iter().map(|row| rejection(row, rows::count(row, "attempts")?)).collect()
}

fn rejection(row: &SqliteRow, attempts: u32) -> sqlx::Result<DueRejection> {
    Ok(DueRejection { comment: rows::comment_name(row)?, revision: rows::revision(row)?, attempts })
}

pub(crate) async fn state(
    database: &Database,
    until: Option<EventCursor>,
    stated: &[StatedRejection],
) -> sqlx::Result<()> {
    let (mut told, mut posted) = (Vec::new(), Vec::new());
    let mut transaction = database.write().await?;
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
        // Never back: another process may have come further.
        sqlx::query("UPDATE redress_progress SET sequence = max(sequence, ?1)")
            .bind(until.sequence)
            .execute(&mut *transaction)
            .await?;
    }
    transaction.commit().await
}

async fn forget(
    connection: &mut SqliteConnection,
    name: &CommentName,
    revision: Revision,
) -> sqlx::Result<()> {
    sqlx::query("DELETE FROM rejections_set_aside WHERE site_id = ?1 AND comment_id = ?2 AND revision = ?3")
        .bind(name.site.as_str())
        .bind(name.comment.as_str())
        .bind(revision.get())
        .execute(connection)
        .await?;
    Ok(())
}

async fn keep(
    connection: &mut SqliteConnection,
    name: &CommentName,
    revision: Revision,
    next: Timestamp,
) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO rejections_set_aside (site_id, comment_id, revision, attempts, next_attempt_ms)
         VALUES (?1, ?2, ?3, 1, ?4)
         ON CONFLICT (site_id, comment_id, revision) DO UPDATE SET
             attempts = attempts + 1, next_attempt_ms = excluded.next_attempt_ms",
    )
    .bind(name.site.as_str())
    .bind(name.comment.as_str())
    .bind(revision.get())
    .bind(next.as_millis())
    .execute(connection)
    .await?;
    Ok(())
}
