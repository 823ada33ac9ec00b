//! Rule sets and which ones are in use.

use async_trait::async_trait;
use moderato_domain::{RuleSetVersion, Timestamp};
use moderato_store::{Activation, RuleSetDocument, RuleSetEntry, RuleSets, RulesInForce, Slot, StoreError};
use sqlx::Row;

use crate::PostgresStore;
use crate::error::in_time;
use crate::rows;

const PUT: &str = "
    INSERT INTO rule_sets (version, document, guidelines, create_time_ms) VALUES ($1, $2, $3, $4)
    ON CONFLICT (version) DO NOTHING";

const IN_FORCE: &str = "
    SELECT (SELECT version FROM rule_set_activations ORDER BY activation_id DESC LIMIT 1) AS active,
           (SELECT version FROM rule_set_shadows ORDER BY shadow_id DESC LIMIT 1) AS shadow";

/// Nothing happens if it is in force already: every process that starts may ask for it.
const ACTIVATE: &str = "
    INSERT INTO rule_set_activations (version, activate_time_ms)
    SELECT $1, $2
    WHERE $1 IS DISTINCT FROM
          (SELECT version FROM rule_set_activations ORDER BY activation_id DESC LIMIT 1)";

/// A new shadow makes the differences of earlier ones old news.
const BEGIN_SHADOW: &str = "
    WITH begun AS (
        INSERT INTO rule_set_shadows (version, begin_time_ms)
        SELECT $1, $2
        WHERE $1 IS DISTINCT FROM (SELECT version FROM rule_set_shadows ORDER BY shadow_id DESC LIMIT 1)
        RETURNING version
    )
    DELETE FROM shadow_differences d USING begun b WHERE d.version <> b.version";

const END_SHADOW: &str = "
    INSERT INTO rule_set_shadows (version, begin_time_ms)
    SELECT NULL, $1
    WHERE (SELECT version FROM rule_set_shadows ORDER BY shadow_id DESC LIMIT 1) IS NOT NULL";

const ACTIVATIONS: &str = "
    SELECT version, activate_time_ms AS time_ms FROM rule_set_activations ORDER BY activation_id DESC LIMIT $1";

const SHADOWS: &str = "
    SELECT version, begin_time_ms AS time_ms FROM rule_set_shadows ORDER BY shadow_id DESC LIMIT $1";

const BY_VERSION: &str = "SELECT document, guidelines, create_time_ms FROM rule_sets WHERE version = $1";

const NEWEST_FIRST: &str = "
    SELECT version, create_time_ms FROM rule_sets
    WHERE $1::bigint IS NULL OR (create_time_ms, version) < ($1, $2)
    ORDER BY create_time_ms DESC, version DESC LIMIT $3";

#[async_trait]
impl RuleSets for PostgresStore {
    async fn put_rule_set(&self, rule_set: &RuleSetDocument) -> Result<(), StoreError> {
        let put = sqlx::query(PUT)
            .bind(rule_set.version.as_str())
            .bind(&rule_set.document)
            .bind(&rule_set.guidelines)
            .bind(rule_set.create_time.as_millis())
            .execute(&self.pool);
        in_time(put).await?;
        Ok(())
    }

    async fn rule_set(&self, version: &RuleSetVersion) -> Result<Option<RuleSetDocument>, StoreError> {
        in_time(async {
            let row = sqlx::query(BY_VERSION).bind(version.as_str()).fetch_optional(&self.pool).await?;
            let Some(row) = row else { return Ok(None) };
            Ok(Some(RuleSetDocument {
                version: version.clone(),
                document: row.try_get("document")?,
                guidelines: row.try_get("guidelines")?,
                create_time: rows::time(&row, "create_time_ms")?,
            }))
        })
        .await
    }

    async fn rule_sets(
        &self,
        after: Option<&RuleSetEntry>,
        limit: u32,
    ) -> Result<Vec<RuleSetEntry>, StoreError> {
        in_time(async {
            let rows = sqlx::query(NEWEST_FIRST)
                .bind(after.map(|entry| entry.create_time.as_millis()))
                .bind(after.map(|entry| entry.version.as_str()))
                .bind(i64::from(limit))
                .fetch_all(&self.pool)
                .await?;
            let entry = |row| {
                Ok(RuleSetEntry {
                    version: rows::rule_set_version(Row::try_get(row, "version")?)?,
                    create_time: rows::time(row, "create_time_ms")?,
                })
            };
            rows.iter().map(entry).collect()
        })
        .await
    }

    async fn activate_rule_set(
        &self,
        slot: Slot,
        version: &RuleSetVersion,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let statement = match slot {
            Slot::Active => ACTIVATE,
            Slot::Shadow => BEGIN_SHADOW,
        };
        let activate =
            sqlx::query(statement).bind(version.as_str()).bind(now.as_millis()).execute(&self.pool);
        in_time(activate).await?;
        Ok(())
    }

    async fn end_shadow(&self, now: Timestamp) -> Result<(), StoreError> {
        in_time(sqlx::query(END_SHADOW).bind(now.as_millis()).execute(&self.pool)).await?;
        Ok(())
    }

    async fn rules_in_force(&self) -> Result<RulesInForce, StoreError> {
        in_time(async {
            let row = sqlx::query(IN_FORCE).fetch_one(&self.pool).await?;
            Ok(RulesInForce {
                active: rows::optional_rule_set(&row, "active")?,
                shadow: rows::optional_rule_set(&row, "shadow")?,
            })
        })
        .await
    }

    async fn activations(&self, slot: Slot, limit: u32) -> Result<Vec<Activation>, StoreError> {
        let select = match slot {
            Slot::Active => ACTIVATIONS,
            Slot::Shadow => SHADOWS,
        };
        in_time(async {
            let rows = sqlx::query(select).bind(i64::from(limit)).fetch_all(&self.pool).await?;
            let activation = |row| {
                Ok(Activation {
                    version: rows::optional_rule_set(row, "version")?,
                    time: rows::time(row, "time_ms")?,
                })
            };
            rows.iter().map(activation).collect()
        })
        .await
    }
}
