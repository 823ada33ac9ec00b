//! Comments at their newest revision: pages of them, and one.

use std::collections::HashMap;

use moderato_domain::{CommentId, CommentName, SiteId, ThreadId};
use moderato_store::{CommentFilter, CommentPosition, StoredComment};
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row, Sqlite, SqliteExecutor};

use crate::database::Database;
use crate::rows;

// CROSS JOIN keeps the order of the tables: find the comments by their index, then their texts.
macro_rules! select_comments {
    ($which:literal) => {
        concat!(
            "SELECT c.site_id, c.comment_id, c.thread_id, c.parent_id, c.revision, c.state, c.action, c.score,
                    c.decided, c.create_time_ms, c.accept_time_ms, c.update_time_ms, c.version,
                    r.content_hash, r.display_name, r.author_url, r.user_id IS NULL AS guest, r.body,
                    r.language, r.permalink
             FROM comments AS c
             CROSS JOIN comment_revisions AS r
                 ON r.comment_seq = c.comment_seq AND r.revision = c.revision ",
            $which
        )
    };
}

/// One comment.
pub(super) async fn one(database: &Database, name: &CommentName) -> sqlx::Result<Option<StoredComment>> {
    sqlx::query(select_comments!("WHERE c.site_id = ?1 AND c.comment_id = ?2"))
        .bind(name.site.as_str())
        .bind(name.comment.as_str())
        .fetch_optional(database.readers())
        .await?
        .as_ref()
        .map(stored_comment)
        .transpose()
}

/// Comments of a site by id, from a reader or within a transaction.
pub(super) async fn by_id(
    executor: impl SqliteExecutor<'_>,
    site: &SiteId,
    comments: impl IntoIterator<Item = &CommentId>,
) -> sqlx::Result<HashMap<CommentId, StoredComment>> {
    let ids: Vec<&str> = comments.into_iter().map(CommentId::as_str).collect();
    let rows = sqlx::query(select_comments!(
        "WHERE c.site_id = ?1 AND c.comment_id IN (SELECT value FROM json_each(?2))"
    ))
    .bind(site.as_str())
    .bind(rows::to_json(&ids)?)
    .fetch_all(executor)
    .await?;
    let by_id = |row| {
        let comment = stored_comment(row)?;
        Ok((comment.name.comment.clone(), comment))
    };
    rows.iter().map(by_id).collect()
}

/// A page of a site, newest accepted first.
pub(super) async fn newest_first(
    database: &Database,
    site: &SiteId,
    filter: &CommentFilter,
    after: Option<&CommentPosition>,
    limit: u32,
) -> sqlx::Result<Vec<StoredComment>> {
    let mut page = QueryBuilder::<Sqlite>::new(select_comments!("WHERE c.site_id = "));
    page.push_bind(site.as_str());
    if let Some(state) = filter.state {
        // As text, not as a parameter: only then can SQLite use the index of pending comments.
        page.push(" AND c.state = '").push(state.as_str()).push("'");
    }
    if let Some(action) = filter.action {
        page.push(" AND c.action = ").push_bind(action.as_str());
    }
    if let Some(thread) = &filter.thread {
        page.push(" AND c.thread_id = ").push_bind(thread.as_str());
    }
    if let Some(position) = after {
        page.push(" AND (c.accept_time_ms, c.comment_id) < (")
            .push_bind(position.time.as_millis())
            .push(", ")
            .push_bind(position.comment.as_str())
            .push(")");
    }
    page.push(" ORDER BY c.accept_time_ms DESC, c.comment_id DESC LIMIT ").push_bind(limit);
    page.build().fetch_all(database.readers()).await?.iter().map(stored_comment).collect()
}

/// A page of what readers of a thread see, oldest first.
pub(super) async fn published(
    database: &Database,
    site: &SiteId,
    thread: &ThreadId,
    after: Option<&CommentPosition>,
    limit: u32,
) -> sqlx::Result<Vec<StoredComment>> {
    let query = match after {
        None => sqlx::query(select_comments!(
            "WHERE c.site_id = ?1 AND c.thread_id = ?2 AND c.state = 'published'
             ORDER BY c.create_time_ms, c.comment_id LIMIT ?3"
        ))
        .bind(site.as_str())
        .bind(thread.as_str())
        .bind(limit),
        Some(position) => sqlx::query(select_comments!(
            "WHERE c.site_id = ?1 AND c.thread_id = ?2 AND c.state = 'published'
               AND (c.create_time_ms, c.comment_id) > (?4, ?5)
             ORDER BY c.create_time_ms, c.comment_id LIMIT ?3"
        ))
        .bind(site.as_str())
        .bind(thread.as_str())
        .bind(limit)
        .bind(position.time.as_millis())
        .bind(position.comment.as_str()),
    };
    query.fetch_all(database.readers()).await?.iter().map(stored_comment).collect()
}

/// Published comments of each thread, in the same order.
pub(super) async fn count_published(
    database: &Database,
    site: &SiteId,
    threads: &[ThreadId],
) -> sqlx::Result<Vec<i64>> {
    let ids: Vec<&str> = threads.iter().map(ThreadId::as_str).collect();
    sqlx::query_scalar(
        "SELECT (SELECT count(*) FROM comments
                 WHERE site_id = ?1 AND thread_id = thread.value AND state = 'published')
         FROM json_each(?2) AS thread
         ORDER BY thread.key",
    )
    .bind(site.as_str())
    .bind(rows::to_json(&ids)?)
    .fetch_all(database.readers())
    .await
}

pub(super) fn stored_comment(row: &SqliteRow) -> sqlx::Result<StoredComment> {
    Ok(StoredComment {
        name: rows::comment_name(row)?,
        thread: rows::thread(row)?,
        parent: rows::parent(row)?,
        revision: rows::revision(row)?,
        content_hash: rows::content_hash(row)?,
        display_name: row.try_get("display_name")?,
        author_url: row.try_get("author_url")?,
        guest: row.try_get("guest")?,
        body: row.try_get("body")?,
        language: row.try_get("language")?,
        permalink: row.try_get("permalink")?,
        state: rows::state(row)?,
        action: rows::action(row)?,
        score: rows::score(row)?,
        decided: row.try_get("decided")?,
        create_time: rows::time(row, "create_time_ms")?,
        accept_time: rows::time(row, "accept_time_ms")?,
        update_time: rows::time(row, "update_time_ms")?,
        version: row.try_get("version")?,
    })
}
