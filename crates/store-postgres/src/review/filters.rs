//! Filters under names.

use moderato_domain::{Actor, AuditEntry, SiteId};
use moderato_store::{FILTERS_KEPT, FilterKept, SavedFilter};
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use sqlx::{PgPool, Row};

use crate::audit;

/// Few write filters: one after the other, so that nobody keeps more than they may.
const ALONE: &str = "LOCK TABLE saved_filters IN SHARE ROW EXCLUSIVE MODE";

const OTHERS: &str = "
    SELECT count(*) FROM saved_filters
    WHERE site_id = $1 AND owner IS NOT DISTINCT FROM $2 AND filter_id <> $3";

const PUT: &str = "
    INSERT INTO saved_filters AS f (site_id, filter_id, name, owner, filter, maker_id, maker_name)
    VALUES ($1, $2, $3, $4, $5, $6, $7)
    ON CONFLICT (site_id, filter_id) DO UPDATE SET
        name = excluded.name, owner = excluded.owner, filter = excluded.filter
    WHERE f.owner IS NULL OR f.owner = excluded.owner";

const DROP: &str = "
    DELETE FROM saved_filters
    WHERE site_id = $1 AND filter_id = $2 AND (owner IS NULL OR owner = $3)
    RETURNING owner";

const FOR: &str = "
    SELECT filter_id, name, owner, filter, maker_id, maker_name FROM saved_filters
    WHERE site_id = $1 AND (owner IS NULL OR owner = $2) ORDER BY name, filter_id";

pub(super) async fn put(
    pool: &PgPool,
    site: &SiteId,
    filter: &SavedFilter,
    entry: &AuditEntry,
) -> sqlx::Result<FilterKept> {
    let mut transaction = pool.begin().await?;
    sqlx::query(ALONE).execute(&mut *transaction).await?;
    let others: i64 = sqlx::query_scalar(OTHERS)
        .bind(site.as_str())
        .bind(&filter.owner)
        .bind(&filter.id)
        .fetch_one(&mut *transaction)
        .await?;
    if others >= i64::from(FILTERS_KEPT) {
        return Ok(FilterKept::TooMany);
    }
    let put = sqlx::query(PUT)
        .bind(site.as_str())
        .bind(&filter.id)
        .bind(&filter.name)
        .bind(&filter.owner)
        .bind(Json(&filter.filter))
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
    pool: &PgPool,
    site: &SiteId,
    id: &str,
    owner: &str,
    entry: &AuditEntry,
) -> sqlx::Result<bool> {
    let mut transaction = pool.begin().await?;
    let dropped: Option<Option<String>> = sqlx::query_scalar(DROP)
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

pub(super) async fn of(pool: &PgPool, site: &SiteId, owner: &str) -> sqlx::Result<Vec<SavedFilter>> {
    let found = sqlx::query(FOR).bind(site.as_str()).bind(owner).fetch_all(pool).await?;
    let filter = |row: &PgRow| {
        let Json(filter) = row.try_get("filter")?;
        Ok(SavedFilter {
            id: row.try_get("filter_id")?,
            name: row.try_get("name")?,
            owner: row.try_get("owner")?,
            maker: maker(row)?,
            filter,
        })
    };
    found.iter().map(filter).collect()
}

fn maker(row: &PgRow) -> sqlx::Result<Option<Actor>> {
    let (id, name): (Option<String>, Option<String>) = (row.try_get("maker_id")?, row.try_get("maker_name")?);
    Ok(id.zip(name).map(|(id, name)| Actor { id, name }))
}
