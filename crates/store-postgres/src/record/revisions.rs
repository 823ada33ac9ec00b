//! Revisions and their verdicts.

use std::collections::{BTreeMap, HashSet};

use moderato_domain::{ContentHash, RequestId, Revision};
use moderato_store::{NewRecord, Recorded};
use serde::Serialize;
use sqlx::{PgConnection, Row};

use super::{CommentKey, comment_key};
use crate::changes::column;
use crate::rows;

/// A revision and its verdict are only ever written together, by this statement.
const KEEP_REVISIONS: &str = "
    WITH incoming AS (
        SELECT * FROM unnest(
            $1::text[], $2::text[], $3::bigint[], $4::uuid[], $5::bytea[], $6::text[], $7::text[], $8::text[],
            $9::bytea[], $10::bytea[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[],
            $16::text[], $17::text[], $18::text[], $19::text[], $20::text[], $21::bigint[], $22::bigint[],
            $23::bigint[], $24::text[], $25::text[], $26::float8[], $27::boolean[], $28::text[], $29::text[],
            $30::text[], $31::bigint[], $32::text[], $33::text[]
        ) WITH ORDINALITY AS i (
            site_id, comment_id, revision, submission_uid, content_hash, display_name, user_id, author_url,
            mail_hash, ip_hash, ip_prefix, email, ip, body, language,
            permalink, user_agent, referrer, guidelines_version, request_id, fingerprint, create_time_ms,
            accept_time_ms, rule_set_version, action, score, approved_by_rule, reasons, signals,
            degraded, evaluate_time_ms, circumstances, facts, place)
    ), kept AS (
        INSERT INTO comment_revisions (
            site_id, comment_id, revision, submission_uid, content_hash, display_name, user_id, author_url,
            mail_hash, ip_hash, ip_prefix, email, ip, body, language, permalink, user_agent, referrer,
            guidelines_version, request_id, fingerprint, create_time_ms, accept_time_ms, circumstances)
        SELECT
            site_id, comment_id, revision, submission_uid, content_hash, display_name, user_id, author_url,
            mail_hash, ip_hash, ip_prefix, email, ip, body, language, permalink, user_agent, referrer,
            guidelines_version, request_id, fingerprint, create_time_ms, accept_time_ms,
            circumstances::json
        FROM incoming ORDER BY place
        ON CONFLICT (site_id, comment_id, revision) DO NOTHING
        RETURNING site_id, comment_id, revision
    ), judged AS (
        INSERT INTO verdicts (
            site_id, comment_id, revision, rule_set_version, action, score, approved_by_rule,
            reasons, signals, degraded, evaluate_time_ms, facts)
        SELECT
            site_id, comment_id, revision, rule_set_version, action, score, approved_by_rule,
            reasons::json, signals::json, degraded::json, evaluate_time_ms, facts::json
        FROM incoming JOIN kept USING (site_id, comment_id, revision)
    )
    SELECT place FROM incoming JOIN kept USING (site_id, comment_id, revision)";

/// A statement of its own: a revision that a concurrent transaction inserted just now is not in the
/// snapshot of the statement that ran into it.
const STORED_HASHES: &str = "
    SELECT k.place, r.content_hash
    FROM unnest($1::text[], $2::text[], $3::bigint[]) WITH ORDINALITY AS k (site_id, comment_id, revision, place)
    JOIN comment_revisions r USING (site_id, comment_id, revision)";

/// What became of the revisions of a batch.
pub(super) struct Kept {
    /// Indexes of those that are stored now and were not before.
    pub(super) fresh: Vec<usize>,
    /// For every index that is not fresh: a duplicate or a conflict.
    pub(super) outcomes: Vec<Recorded>,
}

/// Stores the revisions whose key is free, each with its verdict.
pub(super) async fn keep(transaction: &mut PgConnection, batch: &[&NewRecord]) -> sqlx::Result<Kept> {
    // The first of each key, in key order: every transaction inserts in the same order.
    let mut first: BTreeMap<(CommentKey<'_>, Revision), usize> = BTreeMap::new();
    for (index, record) in batch.iter().enumerate() {
        first.entry((comment_key(record), record.comment.revision)).or_insert(index);
    }
    let indexes: Vec<usize> = first.values().copied().collect();
    let inserted = insert(transaction, &column(&indexes, |index| batch[*index])).await?;
    let fresh: HashSet<usize> = inserted.into_iter().map(|place| indexes[place]).collect();

    let taken: Vec<usize> = indexes.into_iter().filter(|index| !fresh.contains(index)).collect();
    let hashes = stored_hashes(transaction, &column(&taken, |index| batch[*index])).await?;
    let stored: BTreeMap<usize, ContentHash> = taken.into_iter().zip(hashes).collect();

    let outcome = |record: &NewRecord| {
        let first = first[&(comment_key(record), record.comment.revision)];
        let hash = stored.get(&first).copied().unwrap_or(batch[first].content_hash);
        if hash == record.content_hash { Recorded::Duplicate } else { Recorded::Conflict }
    };
    let outcomes = batch.iter().map(|record| outcome(record)).collect();
    let fresh = (0..batch.len()).filter(|index| fresh.contains(index)).collect();
    Ok(Kept { fresh, outcomes })
}

/// Returns the places of the records that were inserted.
async fn insert(transaction: &mut PgConnection, records: &[&NewRecord]) -> sqlx::Result<Vec<usize>> {
    let records = || records.iter().copied();
    let comments = || records().map(|record| &record.comment);
    let evaluations = || records().map(|record| &record.evaluation);
    let contacts = || records().map(|record| record.contact.as_ref());
    let rows = sqlx::query(KEEP_REVISIONS)
        .bind(column(comments(), |comment| comment.site.as_str()))
        .bind(column(comments(), |comment| comment.id.as_str()))
        .bind(column(comments(), |comment| comment.revision.get()))
        .bind(column(records(), |record| record.submission_uid.as_uuid()))
        .bind(column(records(), |record| record.content_hash.as_bytes().as_slice()))
        .bind(column(comments(), |comment| comment.author.display_name.as_str()))
        .bind(column(comments(), |comment| comment.author.user_id.as_deref()))
        .bind(column(comments(), |comment| comment.author.url.as_deref()))
        .bind(column(records(), |record| record.mail_hash.as_ref().map(<[u8; 16]>::as_slice)))
        .bind(column(records(), |record| record.ip_hash.as_ref().map(<[u8; 16]>::as_slice)))
        .bind(column(records(), |record| record.ip_prefix.as_deref()))
        .bind(column(contacts(), |contact| contact.and_then(|contact| contact.email.as_deref())))
        .bind(column(contacts(), |contact| contact.and_then(|contact| contact.ip.as_deref())))
        .bind(column(comments(), |comment| comment.body.as_str()))
        .bind(column(comments(), |comment| comment.language.as_deref()))
        .bind(column(comments(), |comment| comment.permalink.as_deref()))
        .bind(column(comments(), |comment| comment.client.user_agent.as_deref()))
        .bind(column(comments(), |comment| comment.client.referrer.as_deref()))
        .bind(column(comments(), |comment| comment.guidelines_version.as_deref()))
        .bind(column(comments(), |comment| comment.request_id.as_ref().map(RequestId::as_str)))
        .bind(column(records(), |record| record.fingerprint.as_i64()))
        .bind(column(comments(), |comment| comment.create_time.as_millis()))
        .bind(column(comments(), |comment| comment.accept_time.as_millis()))
        .bind(column(evaluations(), |evaluation| evaluation.rule_set.as_str()))
        .bind(column(evaluations(), |evaluation| evaluation.action.as_str()))
        .bind(column(evaluations(), |evaluation| evaluation.score.get()))
        .bind(column(evaluations(), |evaluation| evaluation.approved_by_rule))
        .bind(documents(evaluations().map(|evaluation| &evaluation.reasons))?)
        .bind(documents(evaluations().map(|evaluation| &evaluation.signals))?)
        .bind(documents(evaluations().map(|evaluation| &evaluation.degraded))?)
        .bind(column(records(), |record| record.evaluate_time.as_millis()))
        .bind(optional_documents(records().map(NewRecord::kept_circumstances))?)
        .bind(optional_documents(records().map(NewRecord::kept_facts))?)
        .fetch_all(transaction)
        .await?;
    rows.iter().map(rows::place).collect()
}

/// Each value as a JSON document.
fn documents<'a, T: Serialize + 'a>(values: impl Iterator<Item = &'a T>) -> sqlx::Result<Vec<String>> {
    values
        .map(|value| serde_json::to_string(value).map_err(|error| sqlx::Error::Encode(error.into())))
        .collect()
}

/// Each value that is there as a JSON document.
fn optional_documents<'a, T: Serialize + 'a>(
    values: impl Iterator<Item = Option<&'a T>>,
) -> sqlx::Result<Vec<Option<String>>> {
    let document =
        |value: &T| serde_json::to_string(value).map_err(|error| sqlx::Error::Encode(error.into()));
    values.map(|value| value.map(document).transpose()).collect()
}

/// The content hashes that are stored for these records' revisions, which exist.
async fn stored_hashes(
    transaction: &mut PgConnection,
    records: &[&NewRecord],
) -> sqlx::Result<Vec<ContentHash>> {
    let mut hashes = column(records, |record| record.content_hash);
    if records.is_empty() {
        return Ok(hashes);
    }
    let rows = sqlx::query(STORED_HASHES)
        .bind(column(records, |record| record.comment.site.as_str()))
        .bind(column(records, |record| record.comment.id.as_str()))
        .bind(column(records, |record| record.comment.revision.get()))
        .fetch_all(transaction)
        .await?;
    for row in &rows {
        hashes[rows::place(row)?] = ContentHash::from_bytes(row.try_get("content_hash")?);
    }
    Ok(hashes)
}
