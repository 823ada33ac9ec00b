//! What stands around a comment: its conversation, its campaign, its author's history.

use moderato_domain::{AuthorKey, CommentId, CommentName, SiteId, Timestamp};
use moderato_store::{AuthorHistory, Campaigns, Conversation, PARENTS_SHOWN, SIBLINGS_SHOWN, StoredComment};
use sqlx::{PgPool, Row};

use super::{cases, queue, sanctions};
use crate::changes::column;
use crate::rows;

const TEXT: &str = "
    SELECT comment_id, fingerprint, probe_a, probe_b, shingles FROM comments
    WHERE site_id = $1 AND comment_id = $2";

/// Upwards, nearest first. A platform may have made a circle: the depth ends it.
const PARENTS: &str = "
    WITH RECURSIVE up AS (
        SELECT parent_id, 1 AS depth FROM comments WHERE site_id = $1 AND comment_id = $2
        UNION ALL
        SELECT c.parent_id, depth + 1 FROM up
        JOIN comments c ON c.site_id = $1 AND c.comment_id = up.parent_id
        WHERE depth < $3
    )
    SELECT parent_id FROM up WHERE parent_id IS NOT NULL ORDER BY depth";

/// By `comments_by_parent`.
const REPLIES: &str = "
    SELECT comment_id FROM comments WHERE site_id = $1 AND parent_id = $2
    ORDER BY create_time_ms, comment_id LIMIT $3";

/// Half of them before and half after, by `comments_by_parent`.
const SIBLINGS: &str = "
    SELECT comment_id FROM (
        (SELECT comment_id, create_time_ms FROM comments
         WHERE site_id = $1 AND parent_id = $2 AND create_time_ms < $4 AND comment_id <> $3
         ORDER BY create_time_ms DESC LIMIT $5)
        UNION ALL
        (SELECT comment_id, create_time_ms FROM comments
         WHERE site_id = $1 AND parent_id = $2 AND create_time_ms >= $4 AND comment_id <> $3
         ORDER BY create_time_ms LIMIT $5)
    ) AS around ORDER BY create_time_ms, comment_id";

/// Top-level comments of the page: those that readers see by `comments_published`, and the others
/// among what arrived at about the same time, since no index leads to them.
const TOP_LEVEL: &str = "
    SELECT comment_id FROM (
        SELECT comment_id, min(create_time_ms) AS create_time_ms,
               row_number() OVER (PARTITION BY min(create_time_ms) < $4
                                  ORDER BY abs(min(create_time_ms) - $4)) AS nearness
        FROM (
            (SELECT comment_id, create_time_ms FROM comments
             WHERE site_id = $1 AND thread_id = $2 AND state = 'published' AND parent_id IS NULL
               AND create_time_ms < $4 AND comment_id <> $3
             ORDER BY create_time_ms DESC LIMIT $5)
            UNION ALL
            (SELECT comment_id, create_time_ms FROM comments
             WHERE site_id = $1 AND thread_id = $2 AND state = 'published' AND parent_id IS NULL
               AND create_time_ms >= $4 AND comment_id <> $3
             ORDER BY create_time_ms LIMIT $5)
            UNION ALL
            (SELECT comment_id, create_time_ms FROM (
                (SELECT * FROM comments WHERE site_id = $1 AND accept_time_ms < $6
                 ORDER BY accept_time_ms DESC LIMIT $7)
                UNION ALL
                (SELECT * FROM comments WHERE site_id = $1 AND accept_time_ms >= $6
                 ORDER BY accept_time_ms LIMIT $7)
             ) AS near
             WHERE thread_id = $2 AND parent_id IS NULL AND state <> 'published' AND comment_id <> $3)
        ) AS found GROUP BY comment_id
    ) AS ranked WHERE nearness <= $5 ORDER BY create_time_ms, comment_id";

/// Comments looked through on either side of a top-level comment for neighbours that nobody sees.
const ARRIVED_NEAR: i64 = 500;

const AUTHOR: &str = "
    SELECT comments, published, rejected, first_seen_ms FROM authors
    WHERE site_id = $1 AND author_key = $2";

/// By `comments_by_author`.
const BY_AUTHOR: &str = "
    SELECT comment_id FROM comments WHERE site_id = $1 AND author_key = $2
    ORDER BY accept_time_ms DESC LIMIT $3";

pub(super) async fn campaign(
    pool: &PgPool,
    name: &CommentName,
    limit: u32,
) -> sqlx::Result<Vec<StoredComment>> {
    let row =
        sqlx::query(TEXT).bind(name.site.as_str()).bind(name.comment.as_str()).fetch_optional(pool).await?;
    let Some(row) = row else { return Ok(Vec::new()) };
    let texts = [queue::waiting_text(&row)?];
    let mut campaigns = Campaigns::of(&texts, limit);
    queue::look_up(pool, &name.site, &mut campaigns).await?;
    let mut ids: Vec<CommentId> = campaigns.others(&texts[0]).into_iter().cloned().collect();
    ids.push(name.comment.clone());
    let mut found = stored(pool, &name.site, &ids).await?;
    found.sort_by(|a, b| (a.accept_time, &a.name).cmp(&(b.accept_time, &b.name)));
    found.truncate(limit as usize);
    Ok(found)
}

pub(super) async fn conversation(pool: &PgPool, name: &CommentName) -> sqlx::Result<Conversation> {
    let (site, id) = (name.site.as_str(), name.comment.as_str());
    let Some(comment) = stored(pool, &name.site, std::slice::from_ref(&name.comment)).await?.pop() else {
        return Ok(Conversation::default());
    };
    let parents: Vec<String> = sqlx::query_scalar(PARENTS)
        .bind(site)
        .bind(id)
        .bind(i32::try_from(PARENTS_SHOWN).unwrap_or(i32::MAX))
        .fetch_all(pool)
        .await?;
    let mut parents = parse(&parents)?;
    let circle = (0..parents.len())
        .find(|place| parents[..*place].contains(&parents[*place]) || parents[*place] == name.comment);
    parents.truncate(circle.unwrap_or(PARENTS_SHOWN));
    parents.reverse();

    let half = (SIBLINGS_SHOWN / 2) as i64;
    let siblings = match &comment.parent {
        Some(parent) => sqlx::query_scalar(SIBLINGS)
            .bind(site)
            .bind(parent.as_str())
            .bind(id)
            .bind(comment.create_time.as_millis())
            .bind(half),
        None => sqlx::query_scalar(TOP_LEVEL)
            .bind(site)
            .bind(comment.thread.as_str())
            .bind(id)
            .bind(comment.create_time.as_millis())
            .bind(half)
            .bind(comment.accept_time.as_millis())
            .bind(ARRIVED_NEAR),
    };
    let siblings: Vec<String> = siblings.fetch_all(pool).await?;
    let replies: Vec<String> =
        sqlx::query_scalar(REPLIES).bind(site).bind(id).bind(SIBLINGS_SHOWN as i64).fetch_all(pool).await?;
    Ok(Conversation {
        parents: stored(pool, &name.site, &parents).await?,
        siblings: stored(pool, &name.site, &parse(&siblings)?).await?,
        replies: stored(pool, &name.site, &parse(&replies)?).await?,
    })
}

pub(super) async fn author_history(
    pool: &PgPool,
    site: &SiteId,
    author: &AuthorKey,
    limit: u32,
    now: Timestamp,
) -> sqlx::Result<AuthorHistory> {
    let key = author.as_bytes().as_slice();
    let known = sqlx::query(AUTHOR).bind(site.as_str()).bind(key).fetch_optional(pool).await?;
    let newest: Vec<String> = sqlx::query_scalar(BY_AUTHOR)
        .bind(site.as_str())
        .bind(key)
        .bind(i64::from(limit))
        .fetch_all(pool)
        .await?;
    let count = |column| known.as_ref().map_or(Ok(0), |row| row.try_get(column));
    Ok(AuthorHistory {
        comments: count("comments")?,
        published: count("published")?,
        rejected: count("rejected")?,
        first_seen: known.as_ref().map(|row| rows::time(row, "first_seen_ms")).transpose()?,
        recent: stored(pool, site, &parse(&newest)?).await?,
        sanction: sanctions::one(pool, site, author, now).await?,
    })
}

fn parse(ids: &[String]) -> sqlx::Result<Vec<CommentId>> {
    ids.iter().map(|id| rows::comment_id(id)).collect()
}

/// In the order of `ids`; unknown ones are left out.
async fn stored(pool: &PgPool, site: &SiteId, ids: &[CommentId]) -> sqlx::Result<Vec<StoredComment>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut found = cases::stored(&mut *pool.acquire().await?, site, ids).await?;
    Ok(column(ids, |id| found.remove(id)).into_iter().flatten().collect())
}
