//! Filters under names.

use moderato_domain::{Actor, AuditEntry, SiteId};
use moderato_store::{FILTERS_KEPT, FilterKept, SavedFilter};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use crate::database::Database;
use crate::rows;
use crate::store::audit;

pub(super) async fn put(
    database: &Database,
    site: &SiteId,
    filter: &SavedFilter,
    entry: &AuditEntry,
) -> sqlx::Result<FilterKept> {
    let mut transaction = database.write().await?;
    let others: u32 = sqlx::query_scalar(
        "SELECT count(*) FROM saved_filters WHERE site_id = ?1 AND owner IS ?2 AND filter_id <> ?3",
    )
    .bind(site.as_str())
    .bind(&filter.owner)
    .bind(&filter.id)
    .fetch_one(&mut *transaction)
    .await?;
    if others >= FILTERS_KEPT {
        return Ok(FilterKept::TooMany);
    }
    let put = sqlx::query(
        "INSERT INTO saved_filters (site_id, filter_id, name, owner, filter, maker_id, maker_name)
         VALUES (?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (site_id, filter_id) DO UPDATE SET
             name = excluded.name, owner = excluded.owner, filter = excluded.filter
         WHERE owner IS NULL OR owner = excluded.owner",
    )
    .bind(site.as_str())
    .bind(&filter.id)
    .bind(&filter.name)
    .bind(&filter.owner)
    .bind(rows::to_json(&filter.filter)?)
    .bind(filter.maker.as_ref().map(|maker| maker.id.as_str()))
    .bind(filter.maker.as_ref().map(|maker| maker.name.as_str()))
    .execute(&mut *transaction)
    .await?;
    if put.rows_affected() == 0 {
        return Ok(FilterKept::SomebodyElses);
    }
    if filter.owner.is_none() {
        audit::append(&mut transaction, entry).await?;
    }
    transaction.commit().await?;
    Ok(FilterKept::Kept)
}

pub(super) async fn drop(
    database: &Database,
    site: &SiteId,
    id: &str,
    owner: &str,
    entry: &AuditEntry,
) -> sqlx::Result<bool> {
    let mut transaction = database.write().await?;
    let dropped: Option<Option<String>> = sqlx::query_scalar(
        "DELETE FROM saved_filters WHERE site_id = ? AND filter_id = ? AND (owner IS NULL OR owner = ?)
         RETURNING owner",
    )
    .bind(site.as_str())
    .bind(id)
    .bind(owner)
    .fetch_optional(&mut *transaction)
    .await?;
    if dropped == Some(None) {
        audit::append(&mut transaction, entry).await?;
    }
    transaction.commit().await?;
    Ok(dropped.is_some())
}

pub(super) async fn of(database: &Database, site: &SiteId, owner: &str) -> sqlx::Result<Vec<SavedFilter>> {
    let found = sqlx::query(
        "SELECT filter_id, name, owner, filter, maker_id, maker_name FROM saved_filters
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
            maker: maker(row)?,
            filter: rows::json(row, "filter")?,
        })
    };
    found.iter().map(filter).collect()
}

fn maker(row: &SqliteRow) -> sqlx::Result<Option<Actor>> {
    let (id, name): (Option<String>, Option<String>) = (row.try_get("maker_id")?, row.try_get("maker_name")?);
    Ok(id.zip(name).map(|(id, name)| Actor { id, name }))
}
