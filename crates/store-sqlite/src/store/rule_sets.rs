//! Rule sets: immutable versions, and append-only lists of which one each slot held since when.

use moderato_domain::{RuleSetVersion, Timestamp};
use moderato_store::{Activation, RuleSetDocument, RuleSetEntry, RulesInForce, Slot};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use crate::database::Database;
use crate::rows;

const NEWEST: &str = "
    SELECT (SELECT version FROM rule_set_activations ORDER BY activation_id DESC LIMIT 1) AS active,
           (SELECT version FROM rule_set_shadows ORDER BY shadow_id DESC LIMIT 1) AS shadow";

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
    slot: Slot,
    version: &RuleSetVersion,
    now: Timestamp,
) -> sqlx::Result<()> {
    let mut transaction = database.write().await?;
    let before = in_force(&sqlx::query(NEWEST).fetch_one(&mut *transaction).await?)?;
    let held = match slot {
        Slot::Active => before.active,
        Slot::Shadow => before.shadow,
    };
    if held.as_ref() == Some(version) {
        return Ok(());
    }
    let insert = match slot {
        Slot::Active => "INSERT INTO rule_set_activations (version, activate_time_ms) VALUES (?, ?)",
        Slot::Shadow => "INSERT INTO rule_set_shadows (version, begin_time_ms) VALUES (?, ?)",
    };
    sqlx::query(insert).bind(version.as_str()).bind(now.as_millis()).execute(&mut *transaction).await?;
    if slot == Slot::Shadow {
        forget_other_differences(&mut transaction, version).await?;
    }
    transaction.commit().await
}

async fn forget_other_differences(
    connection: &mut SqliteConnection,
    version: &RuleSetVersion,
) -> sqlx::Result<()> {
    sqlx::query("DELETE FROM shadow_differences WHERE version <> ?")
        .bind(version.as_str())
        .execute(connection)
        .await?;
    Ok(())
}

pub(super) async fn end_shadow(database: &Database, now: Timestamp) -> sqlx::Result<()> {
    let mut transaction = database.write().await?;
    let before = in_force(&sqlx::query(NEWEST).fetch_one(&mut *transaction).await?)?;
    if before.shadow.is_none() {
        return Ok(());
    }
    sqlx::query("INSERT INTO rule_set_shadows (version, begin_time_ms) VALUES (NULL, ?)")
        .bind(now.as_millis())
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await
}

pub(super) async fn newest(database: &Database) -> sqlx::Result<RulesInForce> {
    in_force(&sqlx::query(NEWEST).fetch_one(database.readers()).await?)
}

fn in_force(row: &SqliteRow) -> sqlx::Result<RulesInForce> {
    Ok(RulesInForce { active: rows::rule_set(row, "active")?, shadow: rows::rule_set(row, "shadow")? })
}

pub(super) async fn history(database: &Database, slot: Slot, limit: u32) -> sqlx::Result<Vec<Activation>> {
    let select = match slot {
        Slot::Active => {
            "SELECT version, activate_time_ms AS time_ms FROM rule_set_activations
             ORDER BY activation_id DESC LIMIT ?"
        }
        Slot::Shadow => {
            "SELECT version, begin_time_ms AS time_ms FROM rule_set_shadows ORDER BY shadow_id DESC LIMIT ?"
        }
    };
    let rows = sqlx::query(select).bind(limit).fetch_all(database.readers()).await?;
    rows.iter()
        .map(|row| {
            Ok(Activation { version: rows::rule_set(row, "version")?, time: rows::time(row, "time_ms")? })
        })
        .collect()
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

pub(super) async fn newest_first(
    database: &Database,
    after: Option<&RuleSetEntry>,
    limit: u32,
) -> sqlx::Result<Vec<RuleSetEntry>> {
    let rows = sqlx::query(
        "SELECT version, create_time_ms FROM rule_sets
         WHERE ?1 IS NULL OR (create_time_ms, version) < (?1, ?2)
         ORDER BY create_time_ms DESC, version DESC LIMIT ?3",
    )
    .bind(after.map(|entry| entry.create_time.as_millis()))
    .bind(after.map(|entry| entry.version.as_str()))
    .bind(limit)
    .fetch_all(database.readers())
    .await?;
    rows.iter()
        .map(|row| {
            Ok(RuleSetEntry {
                version: rows::parsed(row, "version", RuleSetVersion::parse)?,
                create_time: rows::time(row, "create_time_ms")?,
            })
        })
        .collect()
}
