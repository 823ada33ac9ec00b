//! What rule sets did: matches, overturns, and where a shadow differs.

use std::collections::BTreeMap;

use moderato_domain::{Action, RuleSetVersion, SiteId};
use moderato_store::{
    Comparisons, DIFFERENCES_KEPT, RuleHits, RuleStatistics, RuleTally, ShadowDifference, StatisticsScope,
};
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row, Sqlite, SqliteConnection};

use crate::database::Database;
use crate::many::ROWS_AT_ONCE;
use crate::rows;

pub(super) async fn add(database: &Database, tally: &RuleTally) -> sqlx::Result<()> {
    if tally.is_empty() {
        return Ok(());
    }
    let mut transaction = database.write().await?;
    for hits in tally.hits.chunks(ROWS_AT_ONCE) {
        add_hits(&mut transaction, hits).await?;
    }
    for comparisons in tally.comparisons.chunks(ROWS_AT_ONCE) {
        add_comparisons(&mut transaction, comparisons).await?;
    }
    for differences in tally.differences.chunks(ROWS_AT_ONCE) {
        insert_differences(&mut transaction, differences).await?;
    }
    if !tally.differences.is_empty() {
        for comparisons in &tally.comparisons {
            trim_differences(&mut transaction, comparisons).await?;
        }
    }
    transaction.commit().await
}

async fn add_hits(connection: &mut SqliteConnection, hits: &[RuleHits]) -> sqlx::Result<()> {
    let mut upsert = QueryBuilder::<Sqlite>::new(
        "INSERT INTO rule_hits (site_id, rule_id, version, slot, hits, last_hit_ms) ",
    );
    upsert.push_values(hits, |mut row, hits| {
        row.push_bind(hits.site.as_str())
            .push_bind(&hits.rule)
            .push_bind(hits.version.as_str())
            .push_bind(hits.slot.as_str())
            .push_bind(hits.hits)
            .push_bind(hits.last_hit.as_millis());
    });
    upsert.push(
        " ON CONFLICT (site_id, rule_id, version, slot) DO UPDATE SET
              hits = hits + excluded.hits, last_hit_ms = max(last_hit_ms, excluded.last_hit_ms)",
    );
    upsert.build().execute(connection).await?;
    Ok(())
}

async fn add_comparisons(connection: &mut SqliteConnection, counts: &[Comparisons]) -> sqlx::Result<()> {
    let mut upsert = QueryBuilder::<Sqlite>::new(
        "INSERT INTO shadow_comparisons (version, site_id, compared, differing) ",
    );
    upsert.push_values(counts, |mut row, counts| {
        row.push_bind(counts.version.as_str())
            .push_bind(counts.site.as_str())
            .push_bind(counts.compared)
            .push_bind(counts.differing);
    });
    upsert.push(
        " ON CONFLICT (version, site_id) DO UPDATE SET
              compared = compared + excluded.compared, differing = differing + excluded.differing",
    );
    upsert.build().execute(connection).await?;
    Ok(())
}

/// A revision that is delivered again differs in the same way again.
async fn insert_differences(
    connection: &mut SqliteConnection,
    differences: &[ShadowDifference],
) -> sqlx::Result<()> {
    let rules = differences
        .iter()
        .map(|difference| rows::to_json(&difference.rules))
        .collect::<sqlx::Result<Vec<_>>>()?;
    let mut insert = QueryBuilder::<Sqlite>::new(
        "INSERT INTO shadow_differences (version, site_id, comment_id, revision, active_version,
                                         active_action, shadow_action, rules, compare_time_ms) ",
    );
    insert.push_values(differences.iter().zip(rules), |mut row, (difference, rules)| {
        row.push_bind(difference.version.as_str())
            .push_bind(difference.comment.site.as_str())
            .push_bind(difference.comment.comment.as_str())
            .push_bind(difference.revision.get())
            .push_bind(difference.active_version.as_str())
            .push_bind(difference.active.as_str())
            .push_bind(difference.shadow.as_str())
            .push_bind(rules)
            .push_bind(difference.time.as_millis());
    });
    insert.push(" ON CONFLICT (version, site_id, comment_id, revision) DO NOTHING");
    insert.build().execute(connection).await?;
    Ok(())
}

async fn trim_differences(connection: &mut SqliteConnection, of: &Comparisons) -> sqlx::Result<()> {
    sqlx::query(
        "DELETE FROM shadow_differences
         WHERE version = ?1 AND site_id = ?2 AND difference_id <= (
             SELECT difference_id FROM shadow_differences WHERE version = ?1 AND site_id = ?2
             ORDER BY difference_id DESC LIMIT 1 OFFSET ?3)",
    )
    .bind(of.version.as_str())
    .bind(of.site.as_str())
    .bind(DIFFERENCES_KEPT)
    .execute(connection)
    .await?;
    Ok(())
}

/// Matches, and the newest decision that settled each revision on which the rule had matched.
pub(super) async fn statistics(
    database: &Database,
    scope: &StatisticsScope,
) -> sqlx::Result<Vec<RuleStatistics>> {
    let site = scope.site.as_ref().map(SiteId::as_str);
    let version = scope.version.as_ref().map(RuleSetVersion::as_str);
    let matched = sqlx::query(
        "SELECT rule_id, sum(hits) AS hits, max(last_hit_ms) AS last_hit_ms FROM rule_hits
         WHERE slot = ?1 AND (?2 IS NULL OR site_id = ?2) AND (?3 IS NULL OR version = ?3)
         GROUP BY rule_id",
    )
    .bind(scope.slot.as_str())
    .bind(site)
    .bind(version)
    .fetch_all(database.readers())
    .await?;
    let decided = sqlx::query(
        "WITH matched AS (
             SELECT reason.value ->> '$.rule' AS rule_id, d.kind = 'approve' AS approved,
                    CASE reason.value ->> '$.action'
                        WHEN 'allow' THEN -1 WHEN 'review' THEN 1 WHEN 'reject' THEN 1
                        ELSE sign(reason.value ->> '$.score') END AS weight
             FROM decisions AS d
             CROSS JOIN comments AS c ON c.site_id = d.site_id AND c.comment_id = d.comment_id
             CROSS JOIN verdicts AS v ON v.comment_seq = c.comment_seq AND v.revision = d.revision
             CROSS JOIN json_each(v.reasons) AS reason
             WHERE d.decide_time_ms >= ?1
               AND d.undone_time_ms IS NULL AND d.kind IN ('approve', 'reject', 'spam')
               AND (?2 IS NULL OR d.site_id = ?2) AND (?3 IS NULL OR v.rule_set_version = ?3)
               AND NOT EXISTS (SELECT 1 FROM decisions AS later
                               WHERE later.site_id = d.site_id AND later.comment_id = d.comment_id
                                 AND later.revision = d.revision AND later.decision_id > d.decision_id
                                 AND later.undone_time_ms IS NULL
                                 AND later.kind IN ('approve', 'reject', 'spam')))
         SELECT rule_id, count(*) AS decided, sum(approved = (weight > 0)) AS overturned
         FROM matched WHERE weight <> 0 GROUP BY rule_id",
    )
    .bind(scope.decided_since.as_millis())
    .bind(site)
    .bind(version)
    .fetch_all(database.readers())
    .await?;

    let mut by_rule: BTreeMap<String, RuleStatistics> = BTreeMap::new();
    for row in &matched {
        let rule = of_rule(&mut by_rule, row)?;
        rule.hits = row.try_get("hits")?;
        rule.last_hit = rows::optional_time(row, "last_hit_ms")?;
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
    row: &SqliteRow,
) -> sqlx::Result<&'m mut RuleStatistics> {
    let rule: String = row.try_get("rule_id")?;
    let empty = RuleStatistics { rule: rule.clone(), hits: 0, last_hit: None, decided: 0, overturned: 0 };
    Ok(by_rule.entry(rule).or_insert(empty))
}

pub(super) async fn comparisons(
    database: &Database,
    site: Option<&SiteId>,
    shadow: &RuleSetVersion,
) -> sqlx::Result<Vec<Comparisons>> {
    let rows = sqlx::query(
        "SELECT site_id, compared, differing FROM shadow_comparisons
         WHERE version = ?1 AND (?2 IS NULL OR site_id = ?2) ORDER BY site_id",
    )
    .bind(shadow.as_str())
    .bind(site.map(SiteId::as_str))
    .fetch_all(database.readers())
    .await?;
    rows.iter()
        .map(|row| {
            Ok(Comparisons {
                site: rows::site(row)?,
                version: shadow.clone(),
                compared: row.try_get("compared")?,
                differing: row.try_get("differing")?,
            })
        })
        .collect()
}

pub(super) async fn differences(
    database: &Database,
    site: Option<&SiteId>,
    shadow: &RuleSetVersion,
    limit: u32,
) -> sqlx::Result<Vec<ShadowDifference>> {
    let rows = sqlx::query(
        "SELECT version, site_id, comment_id, revision, active_version, active_action, shadow_action, rules,
                compare_time_ms
         FROM shadow_differences WHERE version = ?1 AND (?2 IS NULL OR site_id = ?2)
         ORDER BY difference_id DESC LIMIT ?3",
    )
    .bind(shadow.as_str())
    .bind(site.map(SiteId::as_str))
    .bind(limit)
    .fetch_all(database.readers())
    .await?;
    rows.iter().map(difference).collect()
}

fn difference(row: &SqliteRow) -> sqlx::Result<ShadowDifference> {
    Ok(ShadowDifference {
        comment: rows::comment_name(row)?,
        revision: rows::revision(row)?,
        version: rows::parsed(row, "version", RuleSetVersion::parse)?,
        active_version: rows::parsed(row, "active_version", RuleSetVersion::parse)?,
        active: rows::word(row, "active_action", Action::parse)?,
        shadow: rows::word(row, "shadow_action", Action::parse)?,
        rules: rows::json(row, "rules")?,
        time: rows::time(row, "compare_time_ms")?,
    })
}
