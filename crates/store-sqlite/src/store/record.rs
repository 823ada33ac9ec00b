//! Recording evaluated revisions: one transaction, one statement per table.
//!
//! The write lock is taken first, so what is read stays true: every record is judged in memory, in
//! the order of the batch, and only the result is written.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use moderato_domain::{
    AuthorKey, CommentId, ContentHash, ReviewQueue, Revision, SiteId, TextSketch, Timestamp,
};
use moderato_store::{EventKind, NewRecord, Recorded, ReviewCase};
use sqlx::{Row, SqliteConnection};

use super::authors::AuthorChanges;
use super::events::{self, NewEvent};
use super::{recent, verdicts};
use crate::database::Database;
use crate::many::{Many, ROWS_AT_ONCE};
use crate::rows;

pub(super) async fn record(database: &Database, batch: &[NewRecord]) -> sqlx::Result<Vec<Recorded>> {
    if batch.is_empty() {
        return Ok(Vec::new());
    }
    let mut transaction = database.write_together().await?;
    let mut plan = Plan::from_stored(&mut transaction, batch).await?;
    let outcome = batch.iter().map(|record| plan.judge(record)).collect();
    if !plan.kept.is_empty() {
        for records in plan.kept.chunks(ROWS_AT_ONCE) {
            insert_revisions(&mut transaction, records).await?;
            verdicts::insert(&mut transaction, records).await?;
        }
        let mut changed: Vec<_> = plan.current.values().filter_map(|now| Some((now, now.newest?))).collect();
        changed.sort_unstable_by_key(|(now, _)| now.comment_seq);
        let (edited, new) = changed.split_at(changed.partition_point(|(now, _)| now.stored));
        for comments in edited.chunks(ROWS_AT_ONCE) {
            write_comments(&mut transaction, comments, IF_STORED).await?;
        }
        for comments in new.chunks(ROWS_AT_ONCE) {
            write_comments(&mut transaction, comments, "").await?;
        }
        recent::remember(&mut transaction, &plan.applied).await?;
        events::append(&mut transaction, &plan.events).await?;
        plan.authors.write(&mut transaction).await?;
    }
    // Also if nothing is new: others may have written in this transaction.
    transaction.commit().await?;
    database.tell_of_events();
    Ok(outcome)
}

type Key<'a> = (&'a SiteId, &'a CommentId);

/// A revision to be stored, with the number of its comment.
pub(super) type Kept<'a> = (i64, &'a NewRecord);

/// What is stored, and what this batch makes of it.
struct Plan<'a> {
    /// The newest comment's number.
    last_seq: i64,
    current: HashMap<Key<'a>, Current<'a>>,
    hashes: HashMap<(Key<'a>, Revision), ContentHash>,
    /// Revisions to be stored, stale ones included.
    kept: Vec<Kept<'a>>,
    /// Those of them that became their comment's newest.
    applied: Vec<Kept<'a>>,
    events: Vec<NewEvent<'a>>,
    authors: AuthorChanges<'a>,
}

/// A comment as readers see it.
struct Current<'a> {
    comment_seq: i64,
    /// Before this batch.
    stored: bool,
    revision: Revision,
    case: ReviewCase,
    author: Option<AuthorKey>,
    create_time: Timestamp,
    version: i64,
    /// The record of this batch that is its newest revision now.
    newest: Option<&'a NewRecord>,
}

impl<'a> Plan<'a> {
    /// Reads what is stored about the comments of the batch and about these very revisions.
    async fn from_stored(connection: &mut SqliteConnection, batch: &'a [NewRecord]) -> sqlx::Result<Self> {
        let keys: Vec<_> = batch
            .iter()
            .map(|NewRecord { comment, .. }| {
                (comment.site.as_str(), comment.id.as_str(), comment.revision.get())
            })
            .collect();
        let found = sqlx::query(
            "SELECT wanted.key AS place, c.comment_seq, c.revision, c.author_key, c.create_time_ms, c.version,
                    c.state, c.action, c.priority, c.decided, c.escalated, c.reported, c.appealed,
                    c.wait_since_ms, r.content_hash
             FROM json_each(?1) AS wanted
             CROSS JOIN comments AS c
                 ON c.site_id = wanted.value ->> 0 AND c.comment_id = wanted.value ->> 1
             LEFT JOIN comment_revisions AS r
                 ON r.comment_seq = c.comment_seq AND r.revision = wanted.value ->> 2",
        )
        .bind(rows::to_json(&keys)?)
        .fetch_all(&mut *connection)
        .await?;
        let last_seq: Option<i64> =
            sqlx::query_scalar("SELECT max(comment_seq) FROM comments").fetch_one(connection).await?;

        let mut plan = Self {
            last_seq: last_seq.unwrap_or(0),
            current: HashMap::with_capacity(batch.len()),
            hashes: HashMap::with_capacity(batch.len()),
            kept: Vec::with_capacity(batch.len()),
            applied: Vec::with_capacity(batch.len()),
            events: Vec::with_capacity(batch.len()),
            authors: AuthorChanges::default(),
        };
        for row in &found {
            let comment = &batch[rows::count::<usize>(row, "place")?].comment;
            let key = (&comment.site, &comment.id);
            plan.current.insert(
                key,
                Current {
                    comment_seq: row.try_get("comment_seq")?,
                    stored: true,
                    revision: rows::revision(row)?,
                    case: rows::review_case(row)?,
                    author: rows::author_key(row)?,
                    create_time: rows::time(row, "create_time_ms")?,
                    version: row.try_get("version")?,
                    newest: None,
                },
            );
            if row.try_get::<Option<&[u8]>, _>("content_hash")?.is_some() {
                plan.hashes.insert((key, comment.revision), rows::content_hash(row)?);
            }
        }
        Ok(plan)
    }

    /// Says what a record is, and plans what follows from it.
    fn judge(&mut self, record: &'a NewRecord) -> Recorded {
        let comment = &record.comment;
        let key = (&comment.site, &comment.id);
        match self.hashes.entry((key, comment.revision)) {
            Entry::Occupied(stored) if *stored.get() == record.content_hash => return Recorded::Duplicate,
            Entry::Occupied(_) => return Recorded::Conflict,
            Entry::Vacant(free) => free.insert(record.content_hash),
        };
        match self.current.get(&key) {
            Some(current) if current.revision > comment.revision => {
                self.kept.push((current.comment_seq, record));
                Recorded::Stale
            }
            _ => {
                self.apply(key, record);
                Recorded::Applied
            }
        }
    }

    /// Makes the record its comment's newest revision.
    fn apply(&mut self, key: Key<'a>, record: &'a NewRecord) {
        let comment = &record.comment;
        let before = self.current.get(&key);
        let case = ReviewCase::judged(record, before.map(|before| &before.case));
        let state = case.state;
        let author_before = before.and_then(|before| Some((before.author?, before.case.state)));
        match (author_before, record.author) {
            (Some((old, was)), Some(new)) if old == new => self.authors.moved(key.0, new, was, state),
            (old, new) => {
                if let Some((old, was)) = old {
                    self.authors.lost(key.0, old, was);
                }
                if let Some(new) = new {
                    self.authors.gained(key.0, new, state);
                }
            }
        }
        if let Some(author) = record.author {
            self.authors.seen(key.0, author, comment.accept_time, record.fingerprint);
        }
        let comment_seq = before.map_or(self.last_seq + 1, |before| before.comment_seq);
        let next = Current {
            comment_seq,
            stored: before.is_some_and(|before| before.stored),
            revision: comment.revision,
            case,
            author: record.author,
            create_time: before.map_or(comment.create_time, |before| before.create_time),
            version: before.map_or(1, |before| before.version + 1),
            newest: Some(record),
        };
        self.last_seq = self.last_seq.max(comment_seq);
        self.current.insert(key, next);
        self.kept.push((comment_seq, record));
        self.applied.push((comment_seq, record));
        self.events.push(NewEvent {
            kind: EventKind::VerdictRecorded,
            site: &comment.site,
            comment: &comment.id,
            thread: &comment.thread,
            revision: comment.revision,
            action: record.evaluation.action,
            state,
            time: record.evaluate_time,
        });
    }
}

async fn insert_revisions(connection: &mut SqliteConnection, records: &[Kept<'_>]) -> sqlx::Result<()> {
    const INTO: &str = "
        INSERT OR ROLLBACK INTO comment_revisions
            (comment_seq, site_id, comment_id, revision, submission_uid, content_hash, display_name, user_id,
             author_url, mail_hash, ip_hash, ip_prefix, email, ip, body, language, permalink, user_agent, referrer,
             guidelines_version, request_id, fingerprint, create_time_ms, accept_time_ms, circumstances)";
    let circumstances = records
        .iter()
        .map(|(_, record)| record.kept_circumstances().map(rows::to_json).transpose())
        .collect::<sqlx::Result<Vec<_>>>()?;
    let records: Vec<_> = records.iter().zip(&circumstances).collect();
    let insert = Many::insert(
        INTO,
        &records,
        |((comment_seq, record), circumstances), row| {
            let comment = &record.comment;
            let contact = record.contact.as_ref();
            row.bind(comment_seq)
                .bind(comment.site.as_str())
                .bind(comment.id.as_str())
                .bind(comment.revision.get())
                .bind(record.submission_uid.as_uuid())
                .bind(record.content_hash.as_bytes().as_slice())
                .bind(&comment.author.display_name)
                .bind(&comment.author.user_id)
                .bind(&comment.author.url)
                .bind(record.mail_hash.as_ref().map(<[u8; 16]>::as_slice))
                .bind(record.ip_hash.as_ref().map(<[u8; 16]>::as_slice))
                .bind(&record.ip_prefix)
                .bind(contact.and_then(|contact| contact.email.as_deref()))
                .bind(contact.and_then(|contact| contact.ip.as_deref()))
                .bind(&comment.body)
                .bind(&comment.language)
                .bind(&comment.permalink)
                .bind(&comment.client.user_agent)
                .bind(&comment.client.referrer)
                .bind(&comment.guidelines_version)
                .bind(comment.request_id.as_ref().map(moderato_domain::RequestId::as_str))
                .bind(record.fingerprint.as_i64())
                .bind(comment.create_time.as_millis())
                .bind(comment.accept_time.as_millis())
                .bind(circumstances.as_deref());
        },
        "",
    )?;
    insert.execute(connection).await
}

/// What becomes of a comment that is stored already.
const IF_STORED: &str = "
    ON CONFLICT (comment_seq) DO UPDATE SET
        thread_id = excluded.thread_id, parent_id = excluded.parent_id, revision = excluded.revision,
        author_key = excluded.author_key, state = excluded.state, action = excluded.action,
        score = excluded.score, decided = excluded.decided, create_time_ms = excluded.create_time_ms,
        accept_time_ms = excluded.accept_time_ms, update_time_ms = excluded.update_time_ms,
        version = excluded.version, queue = excluded.queue, priority = excluded.priority,
        wait_since_ms = excluded.wait_since_ms, category = excluded.category,
        fingerprint = excluded.fingerprint, probe_a = excluded.probe_a, probe_b = excluded.probe_b,
        shingles = excluded.shingles";

async fn write_comments(
    connection: &mut SqliteConnection,
    changed: &[(&Current<'_>, &NewRecord)],
    if_stored: &str,
) -> sqlx::Result<()> {
    const INTO: &str = "
        INSERT OR ROLLBACK INTO comments
            (comment_seq, site_id, comment_id, thread_id, parent_id, revision, author_key, state, action, score,
             decided, create_time_ms, accept_time_ms, update_time_ms, version, queue, priority, wait_since_ms,
             category, fingerprint, probe_a, probe_b, shingles)";
    let write = Many::insert(
        INTO,
        changed,
        |(now, record), row| {
            let comment = &record.comment;
            let queue = now.case.queue();
            let text = record.waiting_text(queue.is_some());
            row.bind(now.comment_seq)
                .bind(comment.site.as_str())
                .bind(comment.id.as_str())
                .bind(comment.thread.as_str())
                .bind(comment.parent.as_ref().map(CommentId::as_str))
                .bind(comment.revision.get())
                .bind(record.author.as_ref().map(|author| author.as_bytes().as_slice()))
                .bind(now.case.state.as_str())
                .bind(record.evaluation.action.as_str())
                .bind(record.evaluation.score.get())
                .bind(false)
                .bind(now.create_time.as_millis())
                .bind(comment.accept_time.as_millis())
                .bind(record.evaluate_time.as_millis())
                .bind(now.version)
                .bind(queue.map(ReviewQueue::as_str))
                .bind(now.case.priority.as_i16())
                .bind(now.case.wait_since.as_millis())
                .bind(record.category())
                .bind(record.fingerprint.as_i64())
                .bind(text.map(|text| text.probes()[0]))
                .bind(text.map(|text| text.probes()[1]))
                .bind(text.map(TextSketch::shingles));
        },
        if_stored,
    )?;
    write.execute(connection).await
}
