//! What should not wait, and who was told of it.

use moderato_domain::{ReviewQueue, SiteId, Timestamp, UserId};
use moderato_store::{Mail, UrgentItem};
use sqlx::postgres::PgRow;
use sqlx::{PgPool, Row};

use super::mails;
use crate::changes::column;
use crate::rows;

/// By `comments_waiting`; what was told by the primary key.
const ITEMS: &str = "
    SELECT comment_id, wait_since_ms, priority FROM comments c
    WHERE site_id = $1 AND queue = $2
      AND NOT EXISTS (
          SELECT FROM urgent_told t
          WHERE t.user_id = $3 AND t.site_id = c.site_id AND t.comment_id = c.comment_id
            AND t.wait_since_ms = c.wait_since_ms)
    ORDER BY priority DESC, wait_since_ms, comment_id LIMIT $4";

pub(crate) async fn items(
    pool: &PgPool,
    site: &SiteId,
    untold: Option<UserId>,
    limit: u32,
) -> sqlx::Result<Vec<UrgentItem>> {
    let found = sqlx::query(ITEMS)
        .bind(site.as_str())
        .bind(ReviewQueue::Escalated.as_str())
        .bind(untold.map(UserId::as_uuid))
        .bind(i64::from(limit))
        .fetch_all(pool)
        .await?;
    found.iter().map(item).collect()
}

fn item(row: &PgRow) -> sqlx::Result<UrgentItem> {
    Ok(UrgentItem {
        comment: rows::comment_id(row.try_get("comment_id")?)?,
        wait_since: rows::time(row, "wait_since_ms")?,
        priority: rows::priority(row)?,
    })
}

const MAILS: &str = "SELECT count(DISTINCT mail_id) FROM urgent_told WHERE user_id = $1 AND time_ms >= $2";

pub(crate) async fn mails(pool: &PgPool, user: UserId, since: Timestamp) -> sqlx::Result<u32> {
    let count: i64 =
        sqlx::query_scalar(MAILS).bind(user.as_uuid()).bind(since.as_millis()).fetch_one(pool).await?;
    Ok(u32::try_from(count).unwrap_or(u32::MAX))
}

/// In one order, so that two who tell the same person do not wait for each other.
const TELL: &str = "
    INSERT INTO urgent_told (user_id, site_id, comment_id, wait_since_ms, mail_id, time_ms)
    SELECT $1, $2, comment_id, wait_since_ms, $5, $6
    FROM unnest($3::text[], $4::bigint[]) AS told (comment_id, wait_since_ms) ORDER BY comment_id
    ON CONFLICT DO NOTHING";

pub(crate) async fn tell(
    pool: &PgPool,
    user: UserId,
    site: &SiteId,
    items: &[UrgentItem],
    mail: &Mail,
) -> sqlx::Result<bool> {
    let mut transaction = pool.begin().await?;
    let told = sqlx::query(TELL)
        .bind(user.as_uuid())
        .bind(site.as_str())
        .bind(column(items, |item| item.comment.as_str()))
        .bind(column(items, |item| item.wait_since.as_millis()))
        .bind(mail.id)
        .bind(mail.due.as_millis())
        .execute(&mut *transaction)
        .await?;
    if told.rows_affected() < items.len() as u64 {
        return Ok(false);
    }
    mails::insert(&mut transaction, &[mail]).await?;
    transaction.commit().await?;
    Ok(true)
}
