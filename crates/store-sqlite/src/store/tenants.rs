//! Sites and their keys. Every change raises the directory's version in the same transaction.

use std::collections::HashMap;
use std::sync::Arc;

use moderato_domain::{AuthorKey, PrivacyKey, Role, Site, SiteId, Timestamp, UserId};
use moderato_store::{ApiKey, ApiKeyId, DirectorySnapshot};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, Sqlite, SqliteConnection, Transaction};

use crate::database::Database;
use crate::rows;

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

pub(super) async fn directory(
    database: &Database,
    known: Option<i64>,
) -> sqlx::Result<Option<DirectorySnapshot>> {
    let newest = "SELECT version FROM directory_version";
    let version: i64 = sqlx::query_scalar(newest).fetch_one(database.readers()).await?;
    if known == Some(version) {
        return Ok(None);
    }
    // Changed: read again in one snapshot, so that version, sites and keys belong together.
    let mut snapshot = database.readers().begin().await?;
    let version = sqlx::query_scalar(newest).fetch_one(&mut *snapshot).await?;
    let sites = sqlx::query("SELECT site_id, display_name, settings, privacy_key FROM sites")
        .fetch_all(&mut *snapshot)
        .await?
        .iter()
        .map(|row| stored_site(row).map(|site| (site.id.clone(), Arc::new(site))))
        .collect::<sqlx::Result<HashMap<_, _>>>()?;
    // A person's key lives while they are something on its site, an admin's while they are admin.
    let keys = sqlx::query(select_keys!(
        "WHERE revoke_time_ms IS NULL AND (user_id IS NULL OR EXISTS (
         SELECT 1 FROM users u WHERE u.user_id = api_keys.user_id AND u.disable_time_ms IS NULL
           AND (u.operator OR EXISTS (SELECT 1 FROM memberships m
                                      WHERE m.user_id = u.user_id AND m.site_id = api_keys.site_id
                                        AND (m.role = 'admin'
                                             OR 'admin' NOT IN (SELECT value FROM json_each(api_keys.roles)))))))"
    ))
    .fetch_all(&mut *snapshot)
    .await?
    .iter()
    .map(|row| stored_key(row).map(|key| (key.id.clone(), Arc::new(key))))
    .collect::<sqlx::Result<HashMap<_, _>>>()?;
    let mut sanctions: HashMap<SiteId, HashMap<AuthorKey, Option<Timestamp>>> = HashMap::new();
    let found = sqlx::query("SELECT site_id, author_key, until_ms FROM sanctions");
    for row in found.fetch_all(&mut *snapshot).await? {
        let author = AuthorKey::from_bytes(rows::bytes(&row, "author_key")?);
        let until = rows::optional_time(&row, "until_ms")?;
        sanctions.entry(rows::site(&row)?).or_default().insert(author, until);
    }
    snapshot.rollback().await?;
    Ok(Some(DirectorySnapshot { version, sites, keys, sanctions }))
}

pub(super) async fn put_site(database: &Database, site: &Site) -> sqlx::Result<bool> {
    let settings = rows::to_json(&site.settings)?;
    let now = database.now().as_millis();
    let mut transaction = database.write().await?;
    let replaced = sqlx::query(
        "UPDATE sites SET display_name = ?2, settings = ?3, update_time_ms = ?4 WHERE site_id = ?1",
    )
    .bind(site.id.as_str())
    .bind(&site.display_name)
    .bind(&settings)
    .bind(now)
    .execute(&mut *transaction)
    .await?
    .rows_affected()
        > 0;
    if !replaced {
        sqlx::query(
            "INSERT INTO sites (site_id, display_name, settings, privacy_key, create_time_ms, update_time_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?5)",
        )
        .bind(site.id.as_str())
        .bind(&site.display_name)
        .bind(&settings)
        .bind(site.privacy_key.expose().as_slice())
        .bind(now)
        .execute(&mut *transaction)
        .await?;
    }
    commit_change(transaction).await?;
    Ok(!replaced)
}

pub(super) async fn add_key(database: &Database, key: &ApiKey) -> sqlx::Result<()> {
    let roles: Vec<&str> = key.roles.iter().map(|role| role.as_str()).collect();
    let roles = rows::to_json(&roles)?;
    let mut transaction = database.write().await?;
    sqlx::query(
        "INSERT INTO api_keys
             (key_id, site_id, label, secret_sha256, roles, create_time_ms, expire_time_ms, revoke_time_ms,
              user_id)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
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
    commit_change(transaction).await
}

pub(super) async fn revoke_key(database: &Database, id: &ApiKeyId, now: Timestamp) -> sqlx::Result<bool> {
    let mut transaction = database.write().await?;
    let revoked =
        sqlx::query("UPDATE api_keys SET revoke_time_ms = ?2 WHERE key_id = ?1 AND revoke_time_ms IS NULL")
            .bind(&id.0)
            .bind(now.as_millis())
            .execute(&mut *transaction)
            .await?
            .rows_affected()
            > 0;
    if revoked {
        commit_change(transaction).await?;
    }
    Ok(revoked)
}

pub(super) async fn keys(database: &Database, site: Option<&SiteId>) -> sqlx::Result<Vec<ApiKey>> {
    sqlx::query(select_keys!("WHERE ?1 IS NULL OR site_id = ?1 ORDER BY site_id, create_time_ms, key_id"))
        .bind(site.map(SiteId::as_str))
        .fetch_all(database.readers())
        .await?
        .iter()
        .map(stored_key)
        .collect()
}

async fn commit_change(mut transaction: Transaction<'static, Sqlite>) -> sqlx::Result<()> {
    raise_version(&mut transaction).await?;
    transaction.commit().await
}

/// Part of every transaction that changes the directory.
pub(super) async fn raise_version(connection: &mut SqliteConnection) -> sqlx::Result<()> {
    sqlx::query("UPDATE directory_version SET version = version + 1").execute(connection).await?;
    Ok(())
}

fn stored_site(row: &SqliteRow) -> sqlx::Result<Site> {
    Ok(Site {
        id: rows::site(row)?,
        display_name: row.try_get("display_name")?,
        settings: rows::json(row, "settings")?,
        privacy_key: PrivacyKey::new(rows::bytes(row, "privacy_key")?),
    })
}

fn stored_key(row: &SqliteRow) -> sqlx::Result<ApiKey> {
    let roles: Vec<Role> = rows::json(row, "roles")?;
    Ok(ApiKey {
        id: ApiKeyId(row.try_get("key_id")?),
        site: rows::site(row)?,
        label: row.try_get("label")?,
        owner: row.try_get::<Option<_>, _>("user_id")?.map(UserId::from_uuid),
        secret_sha256: rows::bytes(row, "secret_sha256")?,
        roles,
        create_time: rows::time(row, "create_time_ms")?,
        expire_time: rows::optional_time(row, "expire_time_ms")?,
        revoke_time: rows::optional_time(row, "revoke_time_ms")?,
    })
}
