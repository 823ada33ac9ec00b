//! The usual case: comments that nobody has seen before, all of a batch at once.

use moderato_domain::{CommentId, RequestId, ReviewQueue, TextSketch};
use moderato_store::{NewRecord, ReviewCase};
use serde::Serialize;
use sqlx::PgConnection;

use super::comment_key;
use crate::changes::{Change, column};
use crate::copy::CopyRows;

const REVISIONS: &str = "
    COPY comment_revisions (
        site_id, comment_id, revision, submission_uid, content_hash, display_name, user_id, author_url,
        mail_hash, ip_hash, ip_prefix, email, ip, body, language, permalink, user_agent, referrer,
        guidelines_version, request_id, fingerprint, create_time_ms, accept_time_ms, circumstances)
    FROM STDIN (FORMAT binary)";
const VERDICTS: &str = "
    COPY verdicts (
        site_id, comment_id, revision, rule_set_version, action, score, approved_by_rule,
        reasons, signals, degraded, evaluate_time_ms, facts)
    FROM STDIN (FORMAT binary)";
const COMMENTS: &str = "
    COPY comments (
        site_id, comment_id, thread_id, parent_id, revision, author_key, state, action, score,
        decided, create_time_ms, accept_time_ms, update_time_ms, version, queue, priority, wait_since_ms,
        category, fingerprint, probe_a, probe_b, shingles)
    FROM STDIN (FORMAT binary)";

/// Bytes of a usual row, to make room for: a wrong guess only costs a copy.
const REVISION_BYTES: usize = 1_300;
const VERDICT_BYTES: usize = 1_000;
const COMMENT_BYTES: usize = 420;

/// Writes comments with their first revisions and verdicts.
///
/// # Errors
/// A key that is taken is an error; the transaction is of no use then.
pub(super) async fn create(
    transaction: &mut PgConnection,
    records: &[(usize, &NewRecord)],
) -> sqlx::Result<Vec<(usize, Change)>> {
    if records.is_empty() {
        return Ok(Vec::new());
    }
    // In key order, as every transaction takes its locks.
    let mut ordered = records.to_vec();
    ordered.sort_unstable_by_key(|(_, record)| comment_key(record));
    let ordered = column(ordered, |(_, record)| record);

    let mut revisions = CopyRows::new(REVISIONS, 24, ordered.len(), REVISION_BYTES);
    let mut verdicts = CopyRows::new(VERDICTS, 12, ordered.len(), VERDICT_BYTES);
    let mut comments = CopyRows::new(COMMENTS, 22, ordered.len(), COMMENT_BYTES);
    let mut json = Vec::new();
    for record in ordered {
        write_revision(&mut revisions, &mut json, record)?;
        write_verdict(&mut verdicts, &mut json, record)?;
        write_comment(&mut comments, record);
    }
    revisions.send(transaction).await?;
    verdicts.send(transaction).await?;
    comments.send(transaction).await?;
    Ok(column(records, |(index, record)| (*index, super::comments::change(record, record.state, None))))
}

fn write_revision(rows: &mut CopyRows, json: &mut Vec<u8>, record: &NewRecord) -> sqlx::Result<()> {
    let comment = &record.comment;
    let contact = record.contact.as_ref();
    rows.row()
        .text(comment.site.as_str())
        .text(comment.id.as_str())
        .bigint(comment.revision.get())
        .bytes(record.submission_uid.as_uuid().as_bytes())
        .bytes(record.content_hash.as_bytes())
        .text(&comment.author.display_name)
        .optional(comment.author.user_id.as_deref())
        .optional(comment.author.url.as_deref())
        .optional(record.mail_hash.as_ref())
        .optional(record.ip_hash.as_ref())
        .optional(record.ip_prefix.as_deref())
        .optional(contact.and_then(|contact| contact.email.as_deref()))
        .optional(contact.and_then(|contact| contact.ip.as_deref()))
        .text(&comment.body)
        .optional(comment.language.as_deref())
        .optional(comment.permalink.as_deref())
        .optional(comment.client.user_agent.as_deref())
        .optional(comment.client.referrer.as_deref())
        .optional(comment.guidelines_version.as_deref())
        .optional(comment.request_id.as_ref().map(RequestId::as_str))
        .bigint(record.fingerprint.as_i64())
        .bigint(comment.create_time.as_millis())
        .bigint(comment.accept_time.as_millis())
        .optional(record.kept_circumstances().map(|told| document(json, told)).transpose()?);
    Ok(())
}

fn write_verdict(rows: &mut CopyRows, json: &mut Vec<u8>, record: &NewRecord) -> sqlx::Result<()> {
    let comment = &record.comment;
    let evaluation = &record.evaluation;
    rows.row()
        .text(comment.site.as_str())
        .text(comment.id.as_str())
        .bigint(comment.revision.get())
        .text(evaluation.rule_set.as_str())
        .text(evaluation.action.as_str())
        .float8(evaluation.score.get())
        .boolean(evaluation.approved_by_rule)
        .bytes(document(json, &evaluation.reasons)?)
        .bytes(document(json, &evaluation.signals)?)
        .bytes(document(json, &evaluation.degraded)?)
        .bigint(record.evaluate_time.as_millis())
        .optional(record.kept_facts().map(|facts| document(json, facts)).transpose()?);
    Ok(())
}

fn write_comment(rows: &mut CopyRows, record: &NewRecord) {
    let comment = &record.comment;
    let case = ReviewCase::judged(record, None);
    let queue = case.queue();
    let text = record.waiting_text(queue.is_some());
    rows.row()
        .text(comment.site.as_str())
        .text(comment.id.as_str())
        .text(comment.thread.as_str())
        .optional(comment.parent.as_ref().map(CommentId::as_str))
        .bigint(comment.revision.get())
        .optional(record.author.as_ref().map(moderato_domain::AuthorKey::as_bytes))
        .text(record.state.as_str())
        .text(record.evaluation.action.as_str())
        .float8(record.evaluation.score.get())
        .boolean(false)
        .bigint(comment.create_time.as_millis())
        .bigint(comment.accept_time.as_millis())
        .bigint(record.evaluate_time.as_millis())
        .bigint(1)
        .optional(queue.map(ReviewQueue::as_str))
        .smallint(case.priority.as_i16())
        .bigint(case.wait_since.as_millis())
        .optional(record.category())
        .bigint(record.fingerprint.as_i64())
        .optional(text.map(|text| text.probes()[0].to_be_bytes()))
        .optional(text.map(|text| text.probes()[1].to_be_bytes()))
        .optional(text.map(TextSketch::shingles));
}

/// The value as a JSON document, in the buffer.
fn document<'b>(buffer: &'b mut Vec<u8>, value: &impl Serialize) -> sqlx::Result<&'b [u8]> {
    buffer.clear();
    serde_json::to_writer(&mut *buffer, value).map_err(|error| sqlx::Error::Encode(error.into()))?;
    Ok(buffer)
}
