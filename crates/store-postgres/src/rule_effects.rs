//! What rule sets did: matches, overturns, and where a shadow differs.

use std::collections::BTreeMap;

use async_trait::async_trait;
use moderato_domain::{CommentName, Revision, RuleSetVersion, SiteId, Timestamp};
use moderato_store::{
    CommentPosition, Comparisons, DIFFERENCES_KEPT, JudgedComment, RuleEffects, RuleStatistics, RuleTally,
    ShadowDifference, StatisticsScope, StoreError,
};
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use sqlx::{PgPool, Row};

use crate::PostgresStore;
use crate::changes::column;
use crate::error::in_time;
use crate::{judged, rows};

/// Rows come in key order, the order in which every process locks them.
const ADD_HITS: &str = "
    INSERT INTO rule_hits AS h (site_id, rule_id, version, slot, hits, last_hit_ms)
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[])
    ON CONFLICT (site_id, rule_id, version, slot) DO UPDATE SET
        hits = h.hits + excluded.hits, last_hit_ms = greatest(h.last_hit_ms, excluded.last_hit_ms)";

const ADD_COMPARISONS: &str = "
    INSERT INTO shadow_comparisons AS s (version, site_id, compared, differing)
    SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[])
    ON CONFLICT (version, site_id) DO UPDATE SET
        compared = s.compared + excluded.compared, differing = s.differing + excluded.differing";

/// A revision that is delivered again differs in the same way again.
const ADD_DIFFERENCES: &str = "
    INSERT INTO shadow_differences (version, site_id, comment_id, revision, active_version, active_action,
                                    shadow_action, rules, compare_time_ms)
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::text[],
                         $7::text[], $8::json[], $9::bigint[])
    ON CONFLICT (version, site_id, comment_id, revision) DO NOTHING";

const TRIM_DIFFERENCES: &str = "
    DELETE FROM shadow_differences
    WHERE version = $1 AND site_id = $2 AND difference_id <= (
        SELECT difference_id FROM shadow_differences WHERE version = $1 AND site_id = $2
        ORDER BY difference_id DESC LIMIT 1 OFFSET $3)";

const MATCHED: &str = "
    SELECT rule_id, sum(hits)::bigint AS hits, max(last_hit_ms) AS last_hit_ms FROM rule_hits
    WHERE slot = $1 AND ($2::text IS NULL OR site_id = $2) AND ($3::text IS NULL OR version = $3)
    GROUP BY rule_id";

/// The newest decision that settled each revision on which the rule had matched.
const DECIDED: &str = "
    WITH matched AS (
        SELECT reason ->> 'rule' AS rule_id, d.kind = 'approve' AS approved,
               CASE reason ->> 'action' WHEN 'allow' THEN -1 WHEN 'review' THEN 1 WHEN 'reject' THEN 1
                    ELSE sign((reason ->> 'score')::float8) END AS weight
        FROM decisions d
        JOIN verdicts v USING (site_id, comment_id, revision)
        CROSS JOIN LATERAL json_array_elements(v.reasons) AS reason
        WHERE d.decide_time_ms >= $1
          AND d.undone_time_ms IS NULL AND d.kind IN ('approve', 'reject', 'spam')
          AND ($2::text IS NULL OR d.site_id = $2) AND ($3::text IS NULL OR v.rule_set_version = $3)
          AND NOT EXISTS (SELECT FROM decisions later
                          WHERE later.site_id = d.site_id AND later.comment_id = d.comment_id
                            AND later.revision = d.revision AND later.decision_id > d.decision_id
                            AND later.undone_time_ms IS NULL
                            AND later.kind IN ('approve', 'reject', 'spam'))
    )
    SELECT rule_id, count(*) AS decided, count(*) FILTER (WHERE approved = (weight > 0)) AS overturned
    FROM matched WHERE weight <> 0 GROUP BY rule_id";

const COMPARISONS: &str = "
    SELECT site_id, compared, differing FROM shadow_comparisons
    WHERE version = $1 AND ($2::text IS NULL OR site_id = $2) ORDER BY site_id";

const DIFFERENCES: &str = "
    SELECT version, site_id, comment_id, revision, active_version, active_action, shadow_action, rules,
           compare_time_ms
    FROM shadow_differences WHERE version = $1 AND ($2::text IS NULL OR site_id = $2)
    ORDER BY difference_id DESC LIMIT $3";

#[async_trait]
impl RuleEffects for PostgresStore {
    async fn add_tally(&self, tally: &RuleTally) -> Result<(), StoreError> {
        if tally.is_empty() {
            return Ok(());
        }
        in_time(add(&self.pool, tally)).await
    }

    async fn rule_statistics(&self, scope: &StatisticsScope) -> Result<Vec<RuleStatistics>, StoreError> {
        in_time(statistics(&self.pool, scope)).await
    }

    async fn comparisons(
        &self,
        site: Option<&SiteId>,
        shadow: &RuleSetVersion,
    ) -> Result<Vec<Comparisons>, StoreError> {
        in_time(async {
            let rows = sqlx::query(COMPARISONS)
                .bind(shadow.as_str())
                .bind(site.map(SiteId::as_str))
                .fetch_all(&self.pool)
                .await?;
            let counts = |row: &PgRow| {
                Ok(Comparisons {
                    site: rows::site(row)?,
                    version: shadow.clone(),
                    compared: row.try_get("compared")?,
                    differing: row.try_get("differing")?,
                })
            };
            rows.iter().map(counts).collect()
        })
        .await
    }

    async fn shadow_differences(
        &self,
        site: Option<&SiteId>,
        shadow: &RuleSetVersion,
        limit: u32,
    ) -> Result<Vec<ShadowDifference>, StoreError> {
        in_time(async {
            let rows = sqlx::query(DIFFERENCES)
                .bind(shadow.as_str())
                .bind(site.map(SiteId::as_str))
                .bind(i64::from(limit))
                .fetch_all(&self.pool)
                .await?;
            rows.iter().map(difference).collect()
        })
        .await
    }

    async fn judged_comment(
        &self,
        name: &CommentName,
        revision: Option<Revision>,
    ) -> Result<Option<JudgedComment>, StoreError> {
        in_time(judged::one(&self.pool, name, revision)).await
    }

    async fn judged_comments(
        &self,
        site: &SiteId,
        since: Timestamp,
        after: Option<&CommentPosition>,
        limit: u32,
    ) -> Result<Vec<JudgedComment>, StoreError> {
        in_time(judged::newest_first(&self.pool, site, since, after, limit)).await
    }

    async fn count_judged(&self, site: &SiteId, since: Timestamp) -> Result<i64, StoreError> {
        in_time(judged::count(&self.pool, site, since)).await
    }
}

async fn add(pool: &PgPool, tally: &RuleTally) -> sqlx::Result<()> {
    let mut hits: Vec<_> = tally.hits.iter().collect();
    hits.sort_unstable_by_key(|hits| (&hits.site, &hits.rule, &hits.version, hits.slot));
    let mut comparisons: Vec<_> = tally.comparisons.iter().collect();
    comparisons.sort_unstable_by_key(|counts| (&counts.version, &counts.site));
    let differences = &tally.differences;

    let mut transaction = pool.begin().await?;
    sqlx::query(ADD_HITS)
        .bind(column(&hits, |hits| hits.site.as_str()))
        .bind(column(&hits, |hits| hits.rule.as_str()))
        .bind(column(&hits, |hits| hits.version.as_str()))
        .bind(column(&hits, |hits| hits.slot.as_str()))
        .bind(column(&hits, |hits| hits.hits))
        .bind(column(&hits, |hits| hits.last_hit.as_millis()))
        .execute(&mut *transaction)
        .await?;
    // This row lock also keeps two processes from trimming the same differences at once.
    sqlx::query(ADD_COMPARISONS)
        .bind(column(&comparisons, |counts| counts.version.as_str()))
        .bind(column(&comparisons, |counts| counts.site.as_str()))
        .bind(column(&comparisons, |counts| counts.compared))
        .bind(column(&comparisons, |counts| counts.differing))
        .execute(&mut *transaction)
        .await?;
    if !differences.is_empty() {
        sqlx::query(ADD_DIFFERENCES)
            .bind(column(differences, |difference| difference.version.as_str()))
            .bind(column(differences, |difference| difference.comment.site.as_str()))
            .bind(column(differences, |difference| difference.comment.comment.as_str()))
            .bind(column(differences, |difference| difference.revision.get()))
            .bind(column(differences, |difference| difference.active_version.as_str()))
            .bind(column(differences, |difference| difference.active.as_str()))
            .bind(column(differences, |difference| difference.shadow.as_str()))
            .bind(column(differences, |difference| Json(&difference.rules)))
            .bind(column(differences, |difference| difference.time.as_millis()))
            .execute(&mut *transaction)
            .await?;
        for counts in comparisons {
            sqlx::query(TRIM_DIFFERENCES)
                .bind(counts.version.as_str())
                .bind(counts.site.as_str())
                .bind(i64::from(DIFFERENCES_KEPT))
                .execute(&mut *transaction)
                .await?;
        }
    }
    transaction.commit().await
}

async fn statistics(pool: &PgPool, scope: &StatisticsScope) -> sqlx::Result<Vec<RuleStatistics>> {
    let site = scope.site.as_ref().map(SiteId::as_str);
    let version = scope.version.as_ref().map(RuleSetVersion::as_str);
    let matched =
        sqlx::query(MATCHED).bind(scope.slot.as_str()).bind(site).bind(version).fetch_all(pool).await?;
    let decided = sqlx::query(DECIDED)
        .bind(scope.decided_since.as_millis())
        .bind(site)
        .bind(version)
        .fetch_all(pool)
        .await?;
    let mut by_rule: BTreeMap<String, RuleStatistics> = BTreeMap::new();
    for row in &matched {
        let rule = of_rule(&mut by_rule, row)?;
        rule.hits = row.try_get("hits")?;
        rule.last_hit = Some(rows::time(row, "last_hit_ms")?);
    }
    for row in &decided {
        let rule = of_rule(&mut by_rule, row)?;
        rule.decided = row.try_get("decided")?;
        rule.overturned = row.try_get("overturned")?;
    }
    Ok(by_rule.into_values().collect())
}

fn of_rule<'m>(
    by_rule: &'m mut BTreeMap<String, RuleStatistics>,
    row: &PgRow,
) -> sqlx::Result<&'m mut RuleStatistics> {
    let rule: String = row.try_get("rule_id")?;
    let empty = RuleStatistics { rule: rule.clone(), hits: 0, last_hit: None, decided: 0, overturned: 0 };
    Ok(by_rule.entry(rule).or_insert(empty))
}

fn difference(row: &PgRow) -> sqlx::Result<ShadowDifference> {
    let Json(rules) = row.try_get("rules")?;
    Ok(ShadowDifference {
        comment: rows::name(row)?,
        revision: rows::revision(row)?,
        version: rows::rule_set_version(row.try_get("version")?)?,
        active_version: rows::rule_set_version(row.try_get("active_version")?)?,
        active: rows::action_in(row, "active_action")?,
        shadow: rows::action_in(row, "shadow_action")?,
        rules,
        time: rows::time(row, "compare_time_ms")?,
    })
}
