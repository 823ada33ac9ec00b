//! Filters under names.

use moderato_domain::SiteId;
use moderato_store::SavedFilter;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use crate::database::Database;
use crate::rows;

pub(super) async fn put(database: &Database, site: &SiteId, filter: &SavedFilter) -> sqlx::Result<()> {
    let mut transaction = database.write().await?;
    sqlx::query(
        "INSERT INTO saved_filters (site_id, filter_id, name, owner, filter) VALUES (?, ?, ?, ?, ?)
         ON CONFLICT (site_id, filter_id) DO UPDATE SET
             name = excluded.name, owner = excluded.owner, filter = excluded.filter
         WHERE owner IS NULL OR owner = excluded.owner",
    )
    .bind(site.as_str())
    .bind(&filter.id)
    .bind(&filter.name)
    .bind(&filter.owner)
    .bind(rows::to_json(&filter.filter)?)
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await
}

pub(super) async fn drop(database: &Database, site: &SiteId, id: &str, owner: &str) -> sqlx::Result<bool> {
    let mut transaction = database.write().await?;
    let done = sqlx::query(
        "DELETE FROM saved_filters WHERE site_id = ? AND filter_id = ? AND (owner IS NULL OR owner = ?)",
    )
    .bind(site.as_str())
    .bind(id)
    .bind(owner)
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(done.rows_affected() > 0)
}

pub(super) async fn of(database: &Database, site: &SiteId, owner: &str) -> sqlx::Result<Vec<SavedFilter>> {
    let found = sqlx::query(
        "SELECT filter_id, name, owner, filter FROM saved_filters
         WHERE site_id = ?1 AND (owner IS NULL OR owner = ?2) ORDER BY name, filter_id",
    )
    .bind(site.as_str())
    .bind(owner)
    .fetch_all(database.readers())
    .await?;
    let filter = |row: &SqliteRow| {
        Ok(SavedFilter {
            id: row.try_get("filter_id")?,
            name: row.try_get("name")?,
            owner: row.try_get("owner")?,
            filter: rows::json(row, "filter")?,
        })
    };
    found.iter().map(filter).collect()
}
