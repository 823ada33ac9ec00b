//! Comments as cases: read under the write lock, changed, and put where they wait.

use std::collections::HashMap;

use moderato_domain::{
    AuthorKey, CommentId, CommentName, ReviewQueue, Revision, SiteId, ThreadId, Timestamp,
};
use moderato_store::{EventKind, KeptStanding, ReviewCase};
use sqlx::{Row, SqliteConnection};

use crate::database::Database;
use crate::rows;
use crate::store::authors::AuthorChanges;
use crate::store::events::NewEvent;

/// A comment before a change.
pub(crate) struct Held {
    pub(crate) id: CommentId,
    pub(crate) thread: ThreadId,
    pub(crate) revision: Revision,
    pub(crate) version: i64,
    pub(crate) author: Option<AuthorKey>,
    pub(crate) case: ReviewCase,
}

impl Held {
    /// That the comment stands as in `after` since.
    pub(crate) fn event<'h>(
        &'h self,
        kind: EventKind,
        site: &'h SiteId,
        after: &ReviewCase,
        time: Timestamp,
    ) -> NewEvent<'h> {
        NewEvent {
            kind,
            site,
            comment: &self.id,
            thread: &self.thread,
            revision: self.revision,
            action: self.case.action,
            state: after.state,
            time,
        }
    }
}

/// Comments of a site by id; unknown ones are left out.
pub(crate) async fn read(
    connection: &mut SqliteConnection,
    site: &SiteId,
    comments: &[&CommentId],
) -> sqlx::Result<HashMap<CommentId, Held>> {
    let ids: Vec<&str> = comments.iter().map(|id| id.as_str()).collect();
    let found = sqlx::query(
        "SELECT comment_id, thread_id, revision, version, author_key, state, action, priority, decided,
                escalated, reported, appealed, wait_since_ms
         FROM comments WHERE site_id = ?1 AND comment_id IN (SELECT value FROM json_each(?2))",
    )
    .bind(site.as_str())
    .bind(rows::to_json(&ids)?)
    .fetch_all(connection)
    .await?;
    let held = |row| {
        let held = Held {
            id: rows::comment_id(row)?,
            thread: rows::thread(row)?,
            revision: rows::revision(row)?,
            version: row.try_get("version")?,
            author: rows::author_key(row)?,
            case: rows::review_case(row)?,
        };
        Ok((held.id.clone(), held))
    };
    found.iter().map(held).collect()
}

/// Writes what became of comments, where they wait, and what that means for their authors.
pub(crate) async fn put(
    connection: &mut SqliteConnection,
    site: &SiteId,
    changed: &[(&Held, ReviewCase)],
    now: Timestamp,
) -> sqlx::Result<()> {
    let changes: Vec<_> = changed
        .iter()
        .map(|(held, case)| {
            let flags = (case.decided, case.escalated, case.appealed);
            let waits = (case.wait_since.as_millis(), case.queue().map(ReviewQueue::as_str));
            (held.id.as_str(), case.state.as_str(), flags, case.reports, waits, case.priority.as_i16())
        })
        .collect();
    sqlx::query(
        "UPDATE comments SET
             state = change.value ->> 1, decided = change.value ->> '$[2][0]',
             escalated = change.value ->> '$[2][1]', appealed = change.value ->> '$[2][2]',
             reported = change.value ->> 3, wait_since_ms = change.value ->> '$[4][0]',
             queue = change.value ->> '$[4][1]', priority = change.value ->> 5, update_time_ms = ?3, version = version + 1
         FROM json_each(?2) AS change
         WHERE site_id = ?1 AND comment_id = change.value ->> 0",
    )
    .bind(site.as_str())
    .bind(rows::to_json(&changes)?)
    .bind(now.as_millis())
    .execute(&mut *connection)
    .await?;
    let mut authors = AuthorChanges::default();
    for (held, case) in changed {
        if let Some(author) = held.author {
            authors.moved(site, author, held.case.state, case.state);
        }
    }
    authors.write(connection).await
}

/// In the order of the index of names.
pub(super) async fn standings(
    database: &Database,
    after: Option<&CommentName>,
    limit: u32,
) -> sqlx::Result<Vec<KeptStanding>> {
    let found = sqlx::query(
        "SELECT site_id, comment_id, state, action, priority, decided, escalated, reported, appealed,
                wait_since_ms, queue,
                (SELECT count(*) FROM reports AS r WHERE r.site_id = c.site_id AND r.comment_id = c.comment_id
                   AND r.status = 'open') AS open_reports,
                EXISTS (SELECT 1 FROM appeals AS a WHERE a.site_id = c.site_id AND a.comment_id = c.comment_id
                   AND a.status = 'open') AS open_appeal
         FROM comments AS c WHERE (site_id, comment_id) > (?1, ?2) ORDER BY site_id, comment_id LIMIT ?3",
    )
    .bind(after.map_or("", |name| name.site.as_str()))
    .bind(after.map_or("", |name| name.comment.as_str()))
    .bind(limit)
    .fetch_all(database.readers())
    .await?;
    let standing = |row| {
        Ok(KeptStanding {
            comment: rows::comment_name(row)?,
            case: rows::review_case(row)?,
            queue: rows::queue(row)?,
            open_reports: rows::count(row, "open_reports")?,
            open_appeal: row.try_get("open_appeal")?,
        })
    };
    found.iter().map(standing).collect()
}
