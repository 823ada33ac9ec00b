//! What should not wait, and who was told of it.

use moderato_domain::{ReviewQueue, SiteId, Timestamp, UserId};
use moderato_store::{Mail, UrgentItem};
use sqlx::sqlite::SqliteRow;

use super::mails;
use crate::database::Database;
use crate::rows;

pub(crate) async fn items(
    database: &Database,
    site: &SiteId,
    untold: Option<UserId>,
    limit: u32,
) -> sqlx::Result<Vec<UrgentItem>> {
    // By comments_waiting; what was told by the primary key.
    let found = sqlx::query(
        "SELECT comment_id, wait_since_ms, priority FROM comments c
         WHERE site_id = ?1 AND queue = ?2
           AND NOT EXISTS (
               SELECT 1 FROM urgent_told t
               WHERE t.user_id = ?3 AND t.site_id = c.site_id AND t.comment_id = c.comment_id
                 AND t.wait_since_ms = c.wait_since_ms)
         ORDER BY priority DESC, wait_since_ms, comment_id LIMIT ?4",
    )
    .bind(site.as_str())
    .bind(ReviewQueue::Escalated.as_str())
    .bind(untold.map(UserId::as_uuid))
    .bind(limit)
    .fetch_all(database.readers())
    .await?;
    found.iter().map(item).collect()
}

fn item(row: &SqliteRow) -> sqlx::Result<UrgentItem> {
    Ok(UrgentItem {
        comment: rows::comment_id(row)?,
        wait_since: rows::time(row, "wait_since_ms")?,
        priority: rows::priority(row)?,
    })
}

pub(crate) async fn mails(database: &Database, user: UserId, since: Timestamp) -> sqlx::Result<u32> {
    sqlx::query_scalar("SELECT count(DISTINCT mail_id) FROM urgent_told WHERE user_id = ?1 AND time_ms >= ?2")
        .bind(user.as_uuid())
        .bind(since.as_millis())
        .fetch_one(database.readers())
        .await
}

pub(crate) async fn tell(
    database: &Database,
    user: UserId,
    site: &SiteId,
    items: &[UrgentItem],
    mail: &Mail,
) -> sqlx::Result<bool> {
    let told: Vec<_> =
        items.iter().map(|item| (item.comment.as_str(), item.wait_since.as_millis())).collect();
    let mut transaction = database.write().await?;
    let told = sqlx::query(
        "INSERT INTO urgent_told (user_id, site_id, comment_id, wait_since_ms, mail_id, time_ms)
         SELECT ?1, ?2, told.value ->> 0, told.value ->> 1, ?4, ?5 FROM json_each(?3) AS told WHERE true
         ON CONFLICT DO NOTHING",
    )
    .bind(user.as_uuid())
    .bind(site.as_str())
    .bind(rows::to_json(&told)?)
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
