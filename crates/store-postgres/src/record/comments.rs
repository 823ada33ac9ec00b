//! Comments: created by their first revision, moved forward by newer ones.

use moderato_domain::{AuthorKey, CommentId, ReviewQueue, Revision, State, TextSketch};
use moderato_store::{EventKind, NewRecord, ReviewCase};
use sqlx::PgConnection;

use super::comment_key;
use crate::changes::{Change, Counted, column};
use crate::rows;

const CREATE_COMMENTS: &str = "
    WITH incoming AS (
        SELECT * FROM unnest(
            $1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bytea[], $7::text[], $8::text[],
            $9::float8[], $10::bigint[], $11::bigint[], $12::bigint[], $13::text[], $14::smallint[],
            $15::bigint[], $16::text[], $17::bigint[], $18::bigint[], $19::bigint[], $20::bytea[]
        ) WITH ORDINALITY AS i (
            site_id, comment_id, thread_id, parent_id, revision, author_key, state, action,
            score, create_time_ms, accept_time_ms, update_time_ms, queue, priority, wait_since_ms, category,
            fingerprint, probe_a, probe_b, shingles, place)
    ), created AS (
        INSERT INTO comments (
            site_id, comment_id, thread_id, parent_id, revision, author_key, state, action, score,
            decided, create_time_ms, accept_time_ms, update_time_ms, version, queue, priority, wait_since_ms,
            category, fingerprint, probe_a, probe_b, shingles)
        SELECT
            site_id, comment_id, thread_id, parent_id, revision, author_key, state, action, score,
            false, create_time_ms, accept_time_ms, update_time_ms, 1, queue, priority, wait_since_ms,
            category, fingerprint, probe_a, probe_b, shingles
        FROM incoming ORDER BY place
        ON CONFLICT (site_id, comment_id) DO NOTHING
        RETURNING site_id, comment_id
    )
    SELECT place FROM incoming JOIN created USING (site_id, comment_id)";

/// Comments that were there already, as they are now that nobody else can change them.
const LOCK_COMMENTS: &str = "
    SELECT k.place, c.revision, c.author_key, c.state, c.action, c.priority, c.decided, c.escalated,
           c.reported, c.appealed, c.wait_since_ms
    FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS k (site_id, comment_id, place)
    JOIN comments c USING (site_id, comment_id)
    ORDER BY c.site_id, c.comment_id
    FOR UPDATE OF c";

/// A new revision has not been decided about. The time a comment was written stays that of the
/// revision that came first, so that an edit does not move it within its thread.
const ADVANCE_COMMENTS: &str = "
    UPDATE comments c SET
        thread_id = n.thread_id, parent_id = n.parent_id, revision = n.revision, author_key = n.author_key,
        state = n.state, action = n.action, score = n.score, decided = false,
        accept_time_ms = n.accept_time_ms, update_time_ms = n.update_time_ms, version = c.version + 1,
        queue = n.queue, priority = n.priority, wait_since_ms = n.wait_since_ms, category = n.category,
        fingerprint = n.fingerprint, probe_a = n.probe_a, probe_b = n.probe_b, shingles = n.shingles
    FROM unnest(
        $1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bytea[], $7::text[], $8::text[],
        $9::float8[], $10::bigint[], $11::bigint[], $12::text[], $13::smallint[], $14::bigint[], $15::text[],
        $16::bigint[], $17::bigint[], $18::bigint[], $19::bytea[]
    ) AS n (
        site_id, comment_id, thread_id, parent_id, revision, author_key, state, action,
        score, accept_time_ms, update_time_ms, queue, priority, wait_since_ms, category, fingerprint, probe_a,
        probe_b, shingles)
    WHERE c.site_id = n.site_id AND c.comment_id = n.comment_id";

/// A record with its index in the batch.
pub(super) type Numbered<'a> = (usize, &'a NewRecord);

/// A comment as it was when it was locked.
struct Locked {
    revision: Revision,
    author: Option<AuthorKey>,
    case: ReviewCase,
}

/// Creates or moves forward the comments of one wave. Returns what changed; what is missing there
/// is older than what the comment shows.
///
/// First the new ones are created, then the others locked and compared. One upsert would be one
/// statement less, but cannot tell what a comment was before, which counters must know.
pub(super) async fn advance(
    transaction: &mut PgConnection,
    mut wave: Vec<Numbered<'_>>,
) -> sqlx::Result<Vec<(usize, Change)>> {
    wave.sort_unstable_by_key(|(_, record)| comment_key(record));
    let mut is_new = vec![false; wave.len()];
    for place in create(transaction, &wave).await? {
        is_new[place] = true;
    }
    let (new, known): (Vec<_>, Vec<_>) = wave.into_iter().zip(is_new).partition(|(_, is_new)| *is_new);
    let mut changes: Vec<(usize, Change)> =
        column(new, |((index, record), _)| (index, change(record, record.state, None)));

    let known: Vec<Numbered<'_>> = column(known, |(numbered, _)| numbered);
    let mut newer = Vec::with_capacity(known.len());
    for (place, locked) in lock(transaction, &known).await? {
        let (index, record) = known[place];
        if locked.revision < record.comment.revision {
            let case = ReviewCase::judged(record, Some(&locked.case));
            let counted = Counted { author: locked.author, state: locked.case.state };
            newer.push((record, case));
            changes.push((index, change(record, case.state, Some(counted))));
        }
    }
    update(transaction, &newer).await?;
    Ok(changes)
}

pub(super) fn change(record: &NewRecord, state: State, before: Option<Counted>) -> Change {
    Change {
        kind: EventKind::VerdictRecorded,
        comment: record.comment.name(),
        thread: record.comment.thread.clone(),
        revision: record.comment.revision,
        action: record.evaluation.action,
        time: record.evaluate_time,
        before,
        after: Counted { author: record.author, state },
        wrote: Some((record.comment.accept_time, record.fingerprint)),
    }
}

/// Returns the places of the comments that are new.
async fn create(transaction: &mut PgConnection, wave: &[Numbered<'_>]) -> sqlx::Result<Vec<usize>> {
    let records = || wave.iter().map(|(_, record)| *record);
    let comments = || records().map(|record| &record.comment);
    let waiting = column(records(), |record| (record, ReviewCase::judged(record, None)));
    let rows = sqlx::query(CREATE_COMMENTS)
        .bind(column(comments(), |comment| comment.site.as_str()))
        .bind(column(comments(), |comment| comment.id.as_str()))
        .bind(column(comments(), |comment| comment.thread.as_str()))
        .bind(column(comments(), |comment| comment.parent.as_ref().map(CommentId::as_str)))
        .bind(column(comments(), |comment| comment.revision.get()))
        .bind(column(records(), |record| record.author.as_ref().map(|author| author.as_bytes().as_slice())))
        .bind(column(records(), |record| record.state.as_str()))
        .bind(column(records(), |record| record.evaluation.action.as_str()))
        .bind(column(records(), |record| record.evaluation.score.get()))
        .bind(column(comments(), |comment| comment.create_time.as_millis()))
        .bind(column(comments(), |comment| comment.accept_time.as_millis()))
        .bind(column(records(), |record| record.evaluate_time.as_millis()))
        .bind(column(&waiting, |(_, case)| case.queue().map(ReviewQueue::as_str)))
        .bind(column(&waiting, |(_, case)| case.priority.as_i16()))
        .bind(column(&waiting, |(_, case)| case.wait_since.as_millis()))
        .bind(column(records(), NewRecord::category))
        .bind(column(records(), |record| record.fingerprint.as_i64()))
        .bind(column(&waiting, |waiting| text(waiting).map(|text| text.probes()[0])))
        .bind(column(&waiting, |waiting| text(waiting).map(|text| text.probes()[1])))
        .bind(column(&waiting, |waiting| text(waiting).map(TextSketch::shingles)))
        .fetch_all(transaction)
        .await?;
    rows.iter().map(rows::place).collect()
}

/// Locks comments that exist. Returns each with its place.
async fn lock(transaction: &mut PgConnection, wave: &[Numbered<'_>]) -> sqlx::Result<Vec<(usize, Locked)>> {
    if wave.is_empty() {
        return Ok(Vec::new());
    }
    let rows = sqlx::query(LOCK_COMMENTS)
        .bind(column(wave, |(_, record)| record.comment.site.as_str()))
        .bind(column(wave, |(_, record)| record.comment.id.as_str()))
        .fetch_all(transaction)
        .await?;
    let locked = |row| {
        let (revision, author) = (rows::revision(row)?, rows::author(row)?);
        Ok((rows::place(row)?, Locked { revision, author, case: rows::review_case(row)? }))
    };
    rows.iter().map(locked).collect()
}

/// Moves locked comments forward to these revisions.
async fn update(transaction: &mut PgConnection, newer: &[(&NewRecord, ReviewCase)]) -> sqlx::Result<()> {
    if newer.is_empty() {
        return Ok(());
    }
    let records = || newer.iter().map(|(record, _)| *record);
    let comments = || records().map(|record| &record.comment);
    sqlx::query(ADVANCE_COMMENTS)
        .bind(column(comments(), |comment| comment.site.as_str()))
        .bind(column(comments(), |comment| comment.id.as_str()))
        .bind(column(comments(), |comment| comment.thread.as_str()))
        .bind(column(comments(), |comment| comment.parent.as_ref().map(CommentId::as_str)))
        .bind(column(comments(), |comment| comment.revision.get()))
        .bind(column(records(), |record| record.author.as_ref().map(|author| author.as_bytes().as_slice())))
        .bind(column(newer, |(_, case)| case.state.as_str()))
        .bind(column(records(), |record| record.evaluation.action.as_str()))
        .bind(column(records(), |record| record.evaluation.score.get()))
        .bind(column(comments(), |comment| comment.accept_time.as_millis()))
        .bind(column(records(), |record| record.evaluate_time.as_millis()))
        .bind(column(newer, |(_, case)| case.queue().map(ReviewQueue::as_str)))
        .bind(column(newer, |(_, case)| case.priority.as_i16()))
        .bind(column(newer, |(_, case)| case.wait_since.as_millis()))
        .bind(column(records(), NewRecord::category))
        .bind(column(records(), |record| record.fingerprint.as_i64()))
        .bind(column(newer, |newer| text(newer).map(|text| text.probes()[0])))
        .bind(column(newer, |newer| text(newer).map(|text| text.probes()[1])))
        .bind(column(newer, |newer| text(newer).map(TextSketch::shingles)))
        .execute(transaction)
        .await?;
    Ok(())
}

/// The sketch that is kept of a comment: only of one that waits.
fn text<'r>((record, case): &(&'r NewRecord, ReviewCase)) -> Option<&'r TextSketch> {
    record.waiting_text(case.queue().is_some())
}
