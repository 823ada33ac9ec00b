//! Filters under names.

use moderato_domain::SiteId;
use moderato_store::SavedFilter;
use sqlx::types::Json;
use sqlx::{PgPool, Row};

const PUT: &str = "
    INSERT INTO saved_filters AS f (site_id, filter_id, name, owner, filter) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (site_id, filter_id) DO UPDATE SET
        name = excluded.name, owner = excluded.owner, filter = excluded.filter
    WHERE f.owner IS NULL OR f.owner = excluded.owner";

const DROP: &str = "
    DELETE FROM saved_filters
    WHERE site_id = $1 AND filter_id = $2 AND (owner IS NULL OR owner = $3)";

const FOR: &str = "
    SELECT filter_id, name, owner, filter FROM saved_filters
    WHERE site_id = $1 AND (owner IS NULL OR owner = $2) ORDER BY name, filter_id";

pub(super) async fn put(pool: &PgPool, site: &SiteId, filter: &SavedFilter) -> sqlx::Result<()> {
    sqlx::query(PUT)
        .bind(site.as_str())
        .bind(&filter.id)
        .bind(&filter.name)
        .bind(&filter.owner)
        .bind(Json(&filter.filter))
        .execute(pool)
        .await?;
    Ok(())
}

pub(super) async fn drop(pool: &PgPool, site: &SiteId, id: &str, owner: &str) -> sqlx::Result<bool> {
    let done = sqlx::query(DROP).bind(site.as_str()).bind(id).bind(owner).execute(pool).await?;
    Ok(done.rows_affected() > 0)
}

pub(super) async fn of(pool: &PgPool, site: &SiteId, owner: &str) -> sqlx::Result<Vec<SavedFilter>> {
    let found = sqlx::query(FOR).bind(site.as_str()).bind(owner).fetch_all(pool).await?;
    let filter = |row: &sqlx::postgres::PgRow| {
        let Json(filter) = row.try_get("filter")?;
        Ok(SavedFilter {
            id: row.try_get("filter_id")?,
            name: row.try_get("name")?,
            owner: row.try_get("owner")?,
            filter,
        })
    };
    found.iter().map(filter).collect()
}
