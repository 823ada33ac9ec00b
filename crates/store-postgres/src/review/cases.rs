//! Comments as cases: locked, changed, and put where they wait.

use std::collections::HashMap;

use moderato_domain::{
    AuthorKey, CommentId, CommentName, ReviewQueue, Revision, SiteId, ThreadId, Timestamp,
};
use moderato_store::{EventKind, KeptStanding, ReviewCase, StoredComment};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, PgPool, Row};

use crate::changes::{Change, Counted, column};
use crate::reading::COMMENTS;
use crate::rows;

/// The comments alone: while this waits for a lock the comment may move to another revision, and a
/// join with its revision would then find no row at all. Rows are locked as they leave the sort.
const LOCK: &str = "
    SELECT site_id, comment_id, thread_id, revision, version, author_key, state, action, priority, decided,
           escalated, reported, appealed, wait_since_ms
    FROM comments WHERE site_id = $1 AND comment_id = ANY ($2)
    ORDER BY comment_id
    FOR UPDATE";

const PUT: &str = "
    UPDATE comments c SET
        state = n.state, decided = n.decided, escalated = n.escalated, reported = n.reported,
        appealed = n.appealed, priority = n.priority, wait_since_ms = n.wait_since_ms, queue = n.queue,
        update_time_ms = $3, version = c.version + 1
    FROM unnest($2::text[], $4::text[], $5::boolean[], $6::boolean[], $7::integer[], $8::boolean[],
                $9::bigint[], $10::text[], $11::smallint[])
        AS n (comment_id, state, decided, escalated, reported, appealed, wait_since_ms, queue, priority)
    WHERE c.site_id = $1 AND c.comment_id = n.comment_id";

/// A comment that nobody else can change until the transaction ends.
pub(crate) struct Locked {
    pub(crate) name: CommentName,
    pub(crate) thread: ThreadId,
    pub(crate) revision: Revision,
    pub(crate) version: i64,
    pub(crate) author: Option<AuthorKey>,
    pub(crate) case: ReviewCase,
}

impl Locked {
    /// That the comment stands as in `after` since.
    pub(crate) fn change(&self, kind: EventKind, after: &ReviewCase, time: Timestamp) -> Change {
        Change {
            kind,
            comment: self.name.clone(),
            thread: self.thread.clone(),
            revision: self.revision,
            action: self.case.action,
            time,
            before: Some(Counted { author: self.author, state: self.case.state }),
            after: Counted { author: self.author, state: after.state },
            wrote: None,
        }
    }
}

/// Locks comments of a site, in key order; unknown ones are left out.
pub(crate) async fn lock<'c>(
    transaction: &mut PgConnection,
    site: &SiteId,
    comments: impl IntoIterator<Item = &'c CommentId>,
) -> sqlx::Result<HashMap<CommentId, Locked>> {
    let rows = sqlx::query(LOCK)
        .bind(site.as_str())
        .bind(column(comments, CommentId::as_str))
        .fetch_all(transaction)
        .await?;
    let locked = |row| {
        let name = rows::name(row)?;
        let locked = Locked {
            name: name.clone(),
            thread: rows::thread(row)?,
            revision: rows::revision(row)?,
            version: row.try_get("version")?,
            author: rows::author(row)?,
            case: rows::review_case(row)?,
        };
        Ok((name.comment, locked))
    };
    rows.iter().map(locked).collect()
}

/// Writes what became of locked comments, and where they wait.
pub(crate) async fn put(
    transaction: &mut PgConnection,
    site: &SiteId,
    changed: &[(&Locked, ReviewCase)],
    now: Timestamp,
) -> sqlx::Result<()> {
    if changed.is_empty() {
        return Ok(());
    }
    sqlx::query(PUT)
        .bind(site.as_str())
        .bind(column(changed, |(locked, _)| locked.name.comment.as_str()))
        .bind(now.as_millis())
        .bind(column(changed, |(_, case)| case.state.as_str()))
        .bind(column(changed, |(_, case)| case.decided))
        .bind(column(changed, |(_, case)| case.escalated))
        .bind(column(changed, |(_, case)| i32::try_from(case.reports).unwrap_or(i32::MAX)))
        .bind(column(changed, |(_, case)| case.appealed))
        .bind(column(changed, |(_, case)| case.wait_since.as_millis()))
        .bind(column(changed, |(_, case)| case.queue().map(ReviewQueue::as_str)))
        .bind(column(changed, |(_, case)| case.priority.as_i16()))
        .execute(transaction)
        .await?;
    Ok(())
}

/// Comments of a site at their newest revision, by id.
pub(crate) async fn stored<'c>(
    connection: &mut PgConnection,
    site: &SiteId,
    comments: impl IntoIterator<Item = &'c CommentId>,
) -> sqlx::Result<HashMap<CommentId, StoredComment>> {
    let rows = sqlx::query(COMMENTS)
        .bind(site.as_str())
        .bind(column(comments, CommentId::as_str))
        .fetch_all(connection)
        .await?;
    let by_id = |row| {
        let comment = rows::stored_comment(row)?;
        Ok((comment.name.comment.clone(), comment))
    };
    rows.iter().map(by_id).collect()
}

/// In the order of the primary key.
const STANDINGS: &str = "
    SELECT site_id, comment_id, state, action, priority, decided, escalated, reported, appealed,
           wait_since_ms, queue,
           (SELECT count(*) FROM reports r WHERE r.site_id = c.site_id AND r.comment_id = c.comment_id
              AND r.status = 'open') AS open_reports,
           EXISTS (SELECT FROM appeals a WHERE a.site_id = c.site_id AND a.comment_id = c.comment_id
              AND a.status = 'open') AS open_appeal
    FROM comments c WHERE (site_id, comment_id) > ($1, $2) ORDER BY site_id, comment_id LIMIT $3";

pub(super) async fn standings(
    pool: &PgPool,
    after: Option<&CommentName>,
    limit: u32,
) -> sqlx::Result<Vec<KeptStanding>> {
    let found = sqlx::query(STANDINGS)
        .bind(after.map_or("", |name| name.site.as_str()))
        .bind(after.map_or("", |name| name.comment.as_str()))
        .bind(i64::from(limit))
        .fetch_all(pool)
        .await?;
    let standing = |row: &PgRow| {
        let open_reports: i64 = row.try_get("open_reports")?;
        Ok(KeptStanding {
            comment: rows::name(row)?,
            case: rows::review_case(row)?,
            queue: rows::queue(row)?,
            open_reports: u32::try_from(open_reports).unwrap_or(u32::MAX),
            open_appeal: row.try_get("open_appeal")?,
        })
    };
    found.iter().map(standing).collect()
}
