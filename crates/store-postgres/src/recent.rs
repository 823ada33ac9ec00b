//! The log of recent comments: appended to with every batch, forgotten by age.

use moderato_domain::{LogKey, TextSketch, Timestamp};
use moderato_store::NewRecord;
use sqlx::{PgConnection, PgPool};

use crate::copy::CopyRows;

const REMEMBER: &str = "
    COPY recent_comments (
        time_ms, site_id, comment_id, author_log, network_log, thread_log, writer, text_whole, probe_a,
        probe_b, shingles)
    FROM STDIN (FORMAT binary)";

/// Bytes of a usual row, to make room for.
const ROW_BYTES: usize = 220;

/// Several processes may forget at once: each takes other rows.
const FORGET: &str = "
    DELETE FROM recent_comments WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM recent_comments WHERE time_ms < $1 ORDER BY time_ms LIMIT $2 FOR UPDATE SKIP LOCKED))";

/// Keeps what later comments are compared with. Nothing is sent if no rule asks for any of it.
pub(crate) async fn remember<'a>(
    transaction: &mut PgConnection,
    applied: impl Iterator<Item = &'a NewRecord>,
) -> sqlx::Result<()> {
    let kept: Vec<&NewRecord> = applied.filter(|record| !record.traces.is_empty()).collect();
    if kept.is_empty() {
        return Ok(());
    }
    let mut rows = CopyRows::new(REMEMBER, 11, kept.len(), ROW_BYTES);
    for record in kept {
        let number = |number: Option<i64>| number.map(i64::to_be_bytes);
        let key = |key: Option<LogKey>| number(key.map(LogKey::as_i64));
        let traces = &record.traces;
        let text = traces.text.as_ref();
        let [author, network, thread] = traces.counted;
        rows.row()
            .bigint(record.comment.accept_time.as_millis())
            .text(record.comment.site.as_str())
            .text(record.comment.id.as_str())
            .optional(key(author))
            .optional(key(network))
            .optional(key(thread))
            .optional(key(traces.writer))
            .optional(number(text.map(TextSketch::whole)))
            .optional(number(text.map(|text| text.probes()[0])))
            .optional(number(text.map(|text| text.probes()[1])))
            .optional(text.map(TextSketch::shingles));
    }
    rows.send(transaction).await
}

/// Deletes the rows of before that time, `limit` at most; how many there were.
pub(crate) async fn forget(pool: &PgPool, before: Timestamp, limit: u32) -> sqlx::Result<u64> {
    let done = sqlx::query(FORGET).bind(before.as_millis()).bind(i64::from(limit)).execute(pool).await?;
    Ok(done.rows_affected())
}
