//! Sites and their keys.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use moderato_domain::{AuthorKey, PrivacyKey, Role, Site, SiteId, Timestamp, UserId};
use moderato_store::{ApiKey, ApiKeyId, DirectorySnapshot, StoreError, Tenants};
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use sqlx::{PgConnection, PgPool, Row};

use crate::PostgresStore;
use crate::error::{in_time, unreadable};
use crate::rows;

const VERSION: &str = "SELECT version FROM directory_version";

/// Serialises those who change the directory: a version that is seen has no earlier one in flight.
const RAISE_VERSION: &str = "UPDATE directory_version SET version = version + 1";

const SITES: &str = "SELECT site_id, display_name, settings, privacy_key FROM sites";

const SANCTIONS: &str = "SELECT site_id, author_key, until_ms FROM sanctions";

/// The privacy key stays: with another one, every stored hash would be a stranger's. A row that was
/// inserted has never been deleted or locked by anybody: its `xmax` is 0.
const PUT_SITE: &str = "
    INSERT INTO sites (site_id, display_name, settings, privacy_key, create_time_ms, update_time_ms)
    VALUES ($1, $2, $3, $4, $5, $5)
    ON CONFLICT (site_id) DO UPDATE SET
        display_name = excluded.display_name,
        settings = excluded.settings,
        update_time_ms = excluded.update_time_ms
    RETURNING xmax = 0 AS created";

macro_rules! select_keys {
    ($which:literal) => {
        concat!(
            "SELECT key_id, site_id, label, secret_sha256, roles, create_time_ms, expire_time_ms, revoke_time_ms,
                    user_id
             FROM api_keys ",
            $which
        )
    };
}

/// A person's key lives while they are something on its site, an admin's while they are admin.
const LIVE_KEYS: &str = select_keys!(
    "WHERE revoke_time_ms IS NULL AND (user_id IS NULL OR EXISTS (
         SELECT FROM users u WHERE u.user_id = api_keys.user_id AND u.disable_time_ms IS NULL
           AND (u.operator OR EXISTS (SELECT FROM memberships m
                                      WHERE m.user_id = u.user_id AND m.site_id = api_keys.site_id
                                        AND (m.role = 'admin' OR 'admin' <> ALL (api_keys.roles))))))"
);
const ALL_KEYS: &str = select_keys!("ORDER BY site_id, key_id");
const KEYS_OF_SITE: &str = select_keys!("WHERE site_id = $1 ORDER BY site_id, key_id");

const ADD_KEY: &str = "
    INSERT INTO api_keys (key_id, site_id, label, secret_sha256, roles, create_time_ms, expire_time_ms,
                          revoke_time_ms, user_id)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";

const REVOKE_KEY: &str =
    "UPDATE api_keys SET revoke_time_ms = $2 WHERE key_id = $1 AND revoke_time_ms IS NULL";

#[async_trait]
impl Tenants for PostgresStore {
    async fn directory(&self, known: Option<i64>) -> Result<Option<DirectorySnapshot>, StoreError> {
        in_time(async {
            if known.is_some() {
                let version: i64 = sqlx::query_scalar(VERSION).fetch_one(&self.pool).await?;
                if known == Some(version) {
                    return Ok(None);
                }
            }
            directory(&self.pool).await.map(Some)
        })
        .await
    }

    async fn put_site(&self, site: &Site) -> Result<bool, StoreError> {
        in_time(async {
            let mut transaction = self.pool.begin().await?;
            raise_version(&mut transaction).await?;
            let created = sqlx::query_scalar(PUT_SITE)
                .bind(site.id.as_str())
                .bind(&site.display_name)
                .bind(Json(&site.settings))
                .bind(site.privacy_key.expose().as_slice())
                .bind(self.clock.now().as_millis())
                .fetch_one(&mut *transaction)
                .await?;
            transaction.commit().await?;
            Ok(created)
        })
        .await
    }

    async fn add_key(&self, key: &ApiKey) -> Result<(), StoreError> {
        let roles: Vec<&str> = key.roles.iter().map(|role| role.as_str()).collect();
        in_time(async {
            let mut transaction = self.pool.begin().await?;
            raise_version(&mut transaction).await?;
            sqlx::query(ADD_KEY)
                .bind(&key.id.0)
                .bind(key.site.as_str())
                .bind(&key.label)
                .bind(key.secret_sha256.as_slice())
                .bind(roles)
                .bind(key.create_time.as_millis())
                .bind(key.expire_time.map(Timestamp::as_millis))
                .bind(key.revoke_time.map(Timestamp::as_millis))
                .bind(key.owner.map(UserId::as_uuid))
                .execute(&mut *transaction)
                .await?;
            transaction.commit().await
        })
        .await
    }

    async fn revoke_key(&self, id: &ApiKeyId, now: Timestamp) -> Result<bool, StoreError> {
        in_time(async {
            let mut transaction = self.pool.begin().await?;
            raise_version(&mut transaction).await?;
            let revoked =
                sqlx::query(REVOKE_KEY).bind(&id.0).bind(now.as_millis()).execute(&mut *transaction).await?;
            if revoked.rows_affected() == 0 {
                return Ok(false);
            }
            transaction.commit().await?;
            Ok(true)
        })
        .await
    }

    async fn keys(&self, site: Option<&SiteId>) -> Result<Vec<ApiKey>, StoreError> {
        let query = match site {
            None => sqlx::query(ALL_KEYS),
            Some(site) => sqlx::query(KEYS_OF_SITE).bind(site.as_str()),
        };
        in_time(async {
            let rows = query.fetch_all(&self.pool).await?;
            rows.iter().map(api_key).collect()
        })
        .await
    }
}

/// First of all in every transaction that changes the directory.
pub(crate) async fn raise_version(transaction: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::query(RAISE_VERSION).execute(transaction).await?;
    Ok(())
}

/// Version, sites and keys as of one moment.
async fn directory(pool: &PgPool) -> sqlx::Result<DirectorySnapshot> {
    let mut moment = pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
    let version = sqlx::query_scalar(VERSION).fetch_one(&mut *moment).await?;
    let mut sites = HashMap::new();
    for row in sqlx::query(SITES).fetch_all(&mut *moment).await? {
        let site = site(&row)?;
        sites.insert(site.id.clone(), Arc::new(site));
    }
    let mut keys = HashMap::new();
    for row in sqlx::query(LIVE_KEYS).fetch_all(&mut *moment).await? {
        let key = api_key(&row)?;
        keys.insert(key.id.clone(), Arc::new(key));
    }
    let mut sanctions: HashMap<SiteId, HashMap<AuthorKey, Option<Timestamp>>> = HashMap::new();
    for row in sqlx::query(SANCTIONS).fetch_all(&mut *moment).await? {
        let author = rows::author(&row)?.ok_or_else(|| unreadable("author key"))?;
        let until = rows::optional_time(&row, "until_ms")?;
        sanctions.entry(rows::site(&row)?).or_default().insert(author, until);
    }
    moment.commit().await?;
    Ok(DirectorySnapshot { version, sites, keys, sanctions })
}

fn site(row: &PgRow) -> sqlx::Result<Site> {
    let Json(settings) = row.try_get("settings")?;
    Ok(Site {
        id: rows::site(row)?,
        display_name: row.try_get("display_name")?,
        settings,
        privacy_key: PrivacyKey::new(row.try_get("privacy_key")?),
    })
}

fn api_key(row: &PgRow) -> sqlx::Result<ApiKey> {
    let roles: Vec<String> = row.try_get("roles")?;
    let roles = roles.iter().map(|role| Role::parse(role).ok_or_else(|| unreadable("role")));
    let expire: Option<i64> = row.try_get("expire_time_ms")?;
    let revoke: Option<i64> = row.try_get("revoke_time_ms")?;
    Ok(ApiKey {
        id: ApiKeyId(row.try_get("key_id")?),
        site: rows::site(row)?,
        label: row.try_get("label")?,
        owner: row.try_get::<Option<_>, _>("user_id")?.map(UserId::from_uuid),
        secret_sha256: row.try_get("secret_sha256")?,
        roles: roles.collect::<sqlx::Result<_>>()?,
        create_time: rows::time(row, "create_time_ms")?,
        expire_time: expire.map(Timestamp::from_millis),
        revoke_time: revoke.map(Timestamp::from_millis),
    })
}
