//! The log of recent comments: appended to with every batch, forgotten from the front.

use moderato_domain::{LogKey, TextSketch, Timestamp};
use sqlx::SqliteConnection;

use super::record::Kept;
use crate::database::Database;
use crate::many::{Many, ROWS_AT_ONCE};

/// Keeps what later comments are compared with. Nothing if no rule asks for any of it.
pub(super) async fn remember(connection: &mut SqliteConnection, applied: &[Kept<'_>]) -> sqlx::Result<()> {
    const INTO: &str = "
        INSERT OR ROLLBACK INTO recent_comments (time_ms, comment_seq, author_log, network_log, thread_log,
                                                 writer, text_whole, probe_a, probe_b, shingles)";
    let kept: Vec<&Kept<'_>> = applied.iter().filter(|(_, record)| !record.traces.is_empty()).collect();
    for records in kept.chunks(ROWS_AT_ONCE) {
        let insert = Many::insert(
            INTO,
            records,
            |(comment_seq, record), row| {
                let traces = &record.traces;
                let text = traces.text.as_ref();
                row.bind(record.comment.accept_time.as_millis()).bind(comment_seq);
                for counted in traces.counted {
                    row.bind(counted.map(LogKey::as_i64));
                }
                row.bind(traces.writer.map(LogKey::as_i64))
                    .bind(text.map(TextSketch::whole))
                    .bind(text.map(|text| text.probes()[0]))
                    .bind(text.map(|text| text.probes()[1]))
                    .bind(text.map(TextSketch::shingles));
            },
            "",
        )?;
        insert.execute(&mut *connection).await?;
    }
    Ok(())
}

/// Deletes the oldest rows of before that time, `limit` at most; how many there were. Rows stand
/// about in the order of their time, so those at the front are looked at, and no index is kept.
pub(super) async fn forget(database: &Database, before: Timestamp, limit: u32) -> sqlx::Result<u64> {
    let mut transaction = database.write().await?;
    let done = sqlx::query(
        "DELETE FROM recent_comments WHERE recent_seq IN (
             SELECT recent_seq FROM (
                 SELECT recent_seq, time_ms FROM recent_comments ORDER BY recent_seq LIMIT ?2)
             WHERE time_ms < ?1)",
    )
    .bind(before.as_millis())
    .bind(limit)
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(done.rows_affected())
}
