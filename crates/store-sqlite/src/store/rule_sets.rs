//! Rule sets: immutable versions, and an append-only list of which one was put in force when.

use moderato_domain::{RuleSetVersion, Timestamp};
use moderato_store::RuleSetDocument;
use sqlx::Row;

use crate::database::Database;
use crate::rows;

pub(super) async fn put(database: &Database, rule_set: &RuleSetDocument) -> sqlx::Result<()> {
    let mut transaction = database.write().await?;
    sqlx::query(
        "INSERT INTO rule_sets (version, document, guidelines, create_time_ms) VALUES (?, ?, ?, ?)
         ON CONFLICT (version) DO NOTHING",
    )
    .bind(rule_set.version.as_str())
    .bind(&rule_set.document)
    .bind(&rule_set.guidelines)
    .bind(rule_set.create_time.as_millis())
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await
}

/// An unknown version violates the foreign key: the data is refused.
pub(super) async fn activate(
    database: &Database,
    version: &RuleSetVersion,
    now: Timestamp,
) -> sqlx::Result<()> {
    let mut transaction = database.write().await?;
    sqlx::query("INSERT INTO rule_set_activations (version, activate_time_ms) VALUES (?, ?)")
        .bind(version.as_str())
        .bind(now.as_millis())
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await
}

pub(super) async fn active(database: &Database) -> sqlx::Result<Option<RuleSetVersion>> {
    sqlx::query("SELECT version FROM rule_set_activations ORDER BY activation_id DESC LIMIT 1")
        .fetch_optional(database.readers())
        .await?
        .map(|row| rows::parsed(&row, "version", RuleSetVersion::parse))
        .transpose()
}

pub(super) async fn one(
    database: &Database,
    version: &RuleSetVersion,
) -> sqlx::Result<Option<RuleSetDocument>> {
    let row = sqlx::query("SELECT document, guidelines, create_time_ms FROM rule_sets WHERE version = ?")
        .bind(version.as_str())
        .fetch_optional(database.readers())
        .await?;
    row.map(|row| {
        Ok(RuleSetDocument {
            version: version.clone(),
            document: row.try_get("document")?,
            guidelines: row.try_get("guidelines")?,
            create_time: rows::time(&row, "create_time_ms")?,
        })
    })
    .transpose()
}
