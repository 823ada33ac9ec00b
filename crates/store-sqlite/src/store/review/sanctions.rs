//! Bans and suspensions of authors. Processes learn them with the directory.

use moderato_domain::{Actor, AuthorKey, SiteId, Timestamp};
use moderato_store::{Sanction, SanctionPosition, ban_entry, lift_entry};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use crate::database::Database;
use crate::rows;
use crate::store::{audit, tenants};

macro_rules! sanctions_where {
    ($which:literal) => {
        concat!(
            "SELECT site_id, author_key, display_name, until_ms, reason, actor_id, actor_name, time_ms
             FROM sanctions WHERE ",
            $which
        )
    };
}

pub(super) async fn put(database: &Database, site: &SiteId, sanction: &Sanction) -> sqlx::Result<()> {
    let mut transaction = database.write().await?;
    tenants::raise_version(&mut transaction).await?;
    sqlx::query(
        "INSERT INTO sanctions
             (site_id, author_key, display_name, until_ms, reason, actor_id, actor_name, time_ms)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (site_id, author_key) DO UPDATE SET
             display_name = excluded.display_name, until_ms = excluded.until_ms, reason = excluded.reason,
             actor_id = excluded.actor_id, actor_name = excluded.actor_name, time_ms = excluded.time_ms",
    )
    .bind(site.as_str())
    .bind(sanction.author.as_bytes().as_slice())
    .bind(&sanction.display_name)
    .bind(sanction.until.map(Timestamp::as_millis))
    .bind(&sanction.reason)
    .bind(&sanction.actor.id)
    .bind(&sanction.actor.name)
    .bind(sanction.time.as_millis())
    .execute(&mut *transaction)
    .await?;
    audit::append(&mut transaction, &ban_entry(site, sanction)).await?;
    transaction.commit().await
}

pub(super) async fn lift(
    database: &Database,
    site: &SiteId,
    author: &AuthorKey,
    actor: &Actor,
    now: Timestamp,
) -> sqlx::Result<bool> {
    let mut transaction = database.write().await?;
    tenants::raise_version(&mut transaction).await?;
    let lifted =
        sqlx::query("DELETE FROM sanctions WHERE site_id = ?1 AND author_key = ?2 RETURNING until_ms")
            .bind(site.as_str())
            .bind(author.as_bytes().as_slice())
            .fetch_optional(&mut *transaction)
            .await?;
    let Some(lifted) = lifted else { return Ok(false) };
    let until = rows::optional_time(&lifted, "until_ms")?;
    if until.is_some_and(|until| until <= now) {
        return Ok(false);
    }
    audit::append(&mut transaction, &lift_entry(site, author, actor, now)).await?;
    transaction.commit().await?;
    Ok(true)
}

pub(super) async fn in_force(
    database: &Database,
    site: &SiteId,
    now: Timestamp,
    after: Option<&SanctionPosition>,
    limit: u32,
) -> sqlx::Result<Vec<Sanction>> {
    let found = sqlx::query(sanctions_where!(
        "site_id = ?1 AND (until_ms IS NULL OR until_ms > ?2) AND (time_ms, author_key) < (?3, ?4)
         ORDER BY time_ms DESC, author_key DESC LIMIT ?5"
    ))
    .bind(site.as_str())
    .bind(now.as_millis())
    .bind(after.map_or(i64::MAX, |after| after.time.as_millis()))
    .bind(after.map_or(&[][..], |after| after.author.as_bytes().as_slice()))
    .bind(limit)
    .fetch_all(database.readers())
    .await?;
    found.iter().map(sanction).collect()
}

pub(super) async fn one(
    database: &Database,
    site: &SiteId,
    author: &AuthorKey,
    now: Timestamp,
) -> sqlx::Result<Option<Sanction>> {
    let found = sqlx::query(sanctions_where!(
        "site_id = ?1 AND (until_ms IS NULL OR until_ms > ?2) AND author_key = ?3"
    ))
    .bind(site.as_str())
    .bind(now.as_millis())
    .bind(author.as_bytes().as_slice())
    .fetch_optional(database.readers())
    .await?;
    found.as_ref().map(sanction).transpose()
}

fn sanction(row: &SqliteRow) -> sqlx::Result<Sanction> {
    Ok(Sanction {
        author: AuthorKey::from_bytes(rows::bytes(row, "author_key")?),
        display_name: row.try_get("display_name")?,
        until: rows::optional_time(row, "until_ms")?,
        reason: row.try_get("reason")?,
        actor: rows::actor(row)?,
        time: rows::time(row, "time_ms")?,
    })
}
