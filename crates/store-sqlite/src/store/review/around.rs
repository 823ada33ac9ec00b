//! What stands around a comment: its conversation, its campaign, its author's history.

use moderato_domain::{AuthorKey, CommentId, CommentName, SiteId, Timestamp};
use moderato_store::{AuthorHistory, Campaigns, Conversation, PARENTS_SHOWN, SIBLINGS_SHOWN, StoredComment};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::{queue, sanctions};
use crate::database::Database;
use crate::rows;
use crate::store::comments;

/// Comments looked through on either side of a top-level comment for neighbours that nobody sees.
const ARRIVED_NEAR: i64 = 500;

pub(super) async fn campaign(
    database: &Database,
    name: &CommentName,
    limit: u32,
) -> sqlx::Result<Vec<StoredComment>> {
    let row = sqlx::query(
        "SELECT comment_id, fingerprint, probe_a, probe_b, shingles FROM comments
         WHERE site_id = ?1 AND comment_id = ?2",
    )
    .bind(name.site.as_str())
    .bind(name.comment.as_str())
    .fetch_optional(database.readers())
    .await?;
    let Some(row) = row else { return Ok(Vec::new()) };
    let texts = [queue::waiting_text(&row)?];
    let mut campaigns = Campaigns::of(&texts, limit);
    queue::look_up(database, &name.site, &mut campaigns).await?;
    let mut ids: Vec<CommentId> = campaigns.others(&texts[0]).into_iter().cloned().collect();
    ids.push(name.comment.clone());
    let mut found = stored(database, &name.site, &ids).await?;
    found.sort_by(|a, b| (a.accept_time, &a.name).cmp(&(b.accept_time, &b.name)));
    found.truncate(limit as usize);
    Ok(found)
}

pub(super) async fn conversation(database: &Database, name: &CommentName) -> sqlx::Result<Conversation> {
    let site = &name.site;
    let Some(comment) = stored(database, site, std::slice::from_ref(&name.comment)).await?.pop() else {
        return Ok(Conversation::default());
    };
    let parents = parents(database, name).await?;
    let siblings = match &comment.parent {
        Some(parent) => siblings(database, &comment, parent).await?,
        None => top_level(database, &comment).await?,
    };
    // By comments_by_parent.
    let replies = sqlx::query(
        "SELECT comment_id FROM comments WHERE site_id = ?1 AND parent_id = ?2
         ORDER BY create_time_ms, comment_id LIMIT ?3",
    )
    .bind(site.as_str())
    .bind(name.comment.as_str())
    .bind(SIBLINGS_SHOWN as i64)
    .fetch_all(database.readers())
    .await?;
    Ok(Conversation {
        parents: stored(database, site, &parents).await?,
        siblings: stored(database, site, &siblings).await?,
        replies: stored(database, site, &ids(&replies)?).await?,
    })
}

/// Topmost first. A platform may have made a circle: the depth ends it.
async fn parents(database: &Database, name: &CommentName) -> sqlx::Result<Vec<CommentId>> {
    let found = sqlx::query(
        "WITH RECURSIVE up (parent_id, depth) AS (
             SELECT parent_id, 1 FROM comments WHERE site_id = ?1 AND comment_id = ?2
             UNION ALL
             SELECT c.parent_id, depth + 1 FROM up
             CROSS JOIN comments AS c ON c.site_id = ?1 AND c.comment_id = up.parent_id
             WHERE depth < ?3
         )
         SELECT parent_id AS comment_id FROM up WHERE parent_id IS NOT NULL ORDER BY depth",
    )
    .bind(name.site.as_str())
    .bind(name.comment.as_str())
    .bind(PARENTS_SHOWN as i64)
    .fetch_all(database.readers())
    .await?;
    let mut parents: Vec<CommentId> = Vec::new();
    for parent in ids(&found)? {
        if parent == name.comment || parents.contains(&parent) {
            break;
        }
        parents.push(parent);
    }
    parents.reverse();
    Ok(parents)
}

/// Half of them before and half after, by `comments_by_parent`.
async fn siblings(
    database: &Database,
    comment: &StoredComment,
    parent: &CommentId,
) -> sqlx::Result<Vec<CommentId>> {
    let found = sqlx::query(
        "SELECT comment_id FROM (
             SELECT * FROM (
                 SELECT comment_id, create_time_ms FROM comments
                 WHERE site_id = ?1 AND parent_id = ?2 AND create_time_ms < ?4 AND comment_id <> ?3
                 ORDER BY create_time_ms DESC LIMIT ?5)
             UNION ALL
             SELECT * FROM (
                 SELECT comment_id, create_time_ms FROM comments
                 WHERE site_id = ?1 AND parent_id = ?2 AND create_time_ms >= ?4 AND comment_id <> ?3
                 ORDER BY create_time_ms LIMIT ?5))
         ORDER BY create_time_ms, comment_id",
    )
    .bind(comment.name.site.as_str())
    .bind(parent.as_str())
    .bind(comment.name.comment.as_str())
    .bind(comment.create_time.as_millis())
    .bind((SIBLINGS_SHOWN / 2) as i64)
    .fetch_all(database.readers())
    .await?;
    ids(&found)
}

/// Top-level comments of the page: those that readers see by `comments_published`, and the others
/// among what arrived at about the same time, since no index leads to them.
async fn top_level(database: &Database, comment: &StoredComment) -> sqlx::Result<Vec<CommentId>> {
    let found = sqlx::query(
        "SELECT comment_id FROM (
             SELECT comment_id, create_time_ms,
                    row_number() OVER (PARTITION BY create_time_ms < ?4
                                       ORDER BY abs(create_time_ms - ?4)) AS nearness
             FROM (
                 SELECT * FROM (
                     SELECT comment_id, create_time_ms FROM comments
                     WHERE site_id = ?1 AND thread_id = ?2 AND state = 'published' AND parent_id IS NULL
                       AND create_time_ms < ?4 AND comment_id <> ?3
                     ORDER BY create_time_ms DESC LIMIT ?5)
                 UNION
                 SELECT * FROM (
                     SELECT comment_id, create_time_ms FROM comments
                     WHERE site_id = ?1 AND thread_id = ?2 AND state = 'published' AND parent_id IS NULL
                       AND create_time_ms >= ?4 AND comment_id <> ?3
                     ORDER BY create_time_ms LIMIT ?5)
                 UNION
                 SELECT comment_id, create_time_ms FROM (
                     SELECT * FROM (SELECT * FROM comments WHERE site_id = ?1 AND accept_time_ms < ?6
                                    ORDER BY accept_time_ms DESC LIMIT ?7)
                     UNION ALL
                     SELECT * FROM (SELECT * FROM comments WHERE site_id = ?1 AND accept_time_ms >= ?6
                                    ORDER BY accept_time_ms LIMIT ?7))
                 WHERE thread_id = ?2 AND parent_id IS NULL AND state <> 'published' AND comment_id <> ?3))
         WHERE nearness <= ?5 ORDER BY create_time_ms, comment_id",
    )
    .bind(comment.name.site.as_str())
    .bind(comment.thread.as_str())
    .bind(comment.name.comment.as_str())
    .bind(comment.create_time.as_millis())
    .bind((SIBLINGS_SHOWN / 2) as i64)
    .bind(comment.accept_time.as_millis())
    .bind(ARRIVED_NEAR)
    .fetch_all(database.readers())
    .await?;
    ids(&found)
}

pub(super) async fn author_history(
    database: &Database,
    site: &SiteId,
    author: &AuthorKey,
    limit: u32,
    now: Timestamp,
) -> sqlx::Result<AuthorHistory> {
    let key = author.as_bytes().as_slice();
    let known = sqlx::query(
        "SELECT comments, published, rejected, first_seen_ms FROM authors WHERE site_id = ?1 AND author_key = ?2",
    )
    .bind(site.as_str())
    .bind(key)
    .fetch_optional(database.readers())
    .await?;
    // By comments_by_author.
    let newest = sqlx::query(
        "SELECT comment_id FROM comments WHERE site_id = ?1 AND author_key = ?2
         ORDER BY accept_time_ms DESC LIMIT ?3",
    )
    .bind(site.as_str())
    .bind(key)
    .bind(limit)
    .fetch_all(database.readers())
    .await?;
    let count = |column| known.as_ref().map_or(Ok(0), |row| row.try_get(column));
    Ok(AuthorHistory {
        comments: count("comments")?,
        published: count("published")?,
        rejected: count("rejected")?,
        first_seen: known.as_ref().map(|row| rows::time(row, "first_seen_ms")).transpose()?,
        recent: stored(database, site, &ids(&newest)?).await?,
        sanction: sanctions::one(database, site, author, now).await?,
    })
}

fn ids(found: &[SqliteRow]) -> sqlx::Result<Vec<CommentId>> {
    found.iter().map(rows::comment_id).collect()
}

/// In the order of `ids`; unknown ones are left out.
async fn stored(database: &Database, site: &SiteId, ids: &[CommentId]) -> sqlx::Result<Vec<StoredComment>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut found = comments::by_id(database.readers(), site, ids).await?;
    Ok(ids.iter().filter_map(|id| found.remove(id)).collect())
}
