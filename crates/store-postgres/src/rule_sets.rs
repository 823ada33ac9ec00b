//! Rule sets and which one is in force.

use async_trait::async_trait;
use moderato_domain::{RuleSetVersion, Timestamp};
use moderato_store::{RuleSetDocument, RuleSets, StoreError};
use sqlx::Row;

use crate::PostgresStore;
use crate::error::in_time;
use crate::rows;

const PUT: &str = "
    INSERT INTO rule_sets (version, document, guidelines, create_time_ms) VALUES ($1, $2, $3, $4)
    ON CONFLICT (version) DO NOTHING";

const ACTIVE: &str = "SELECT version FROM rule_set_activations ORDER BY activation_id DESC LIMIT 1";

/// Nothing happens if it is in force already: every process that starts may ask for it.
const ACTIVATE: &str = "
    INSERT INTO rule_set_activations (version, activate_time_ms)
    SELECT $1, $2
    WHERE $1 IS DISTINCT FROM
          (SELECT version FROM rule_set_activations ORDER BY activation_id DESC LIMIT 1)";

const BY_VERSION: &str = "SELECT document, guidelines, create_time_ms FROM rule_sets WHERE version = $1";

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

    async fn activate_rule_set(&self, version: &RuleSetVersion, now: Timestamp) -> Result<(), StoreError> {
        let activate = sqlx::query(ACTIVATE).bind(version.as_str()).bind(now.as_millis()).execute(&self.pool);
        in_time(activate).await?;
        Ok(())
    }

    async fn active_rule_set(&self) -> Result<Option<RuleSetVersion>, StoreError> {
        in_time(async {
            let version: Option<String> = sqlx::query_scalar(ACTIVE).fetch_optional(&self.pool).await?;
            version.as_deref().map(rows::rule_set_version).transpose()
        })
        .await
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
}
