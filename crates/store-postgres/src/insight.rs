//! What a lead asks of a site's moderation.

use std::time::Duration;

use async_trait::async_trait;
use moderato_domain::second_look::is_sampled;
use moderato_domain::{Actor, CommentName, DecisionId, DecisionKind, SiteId};
use moderato_store::{
    ActorRecord, Agreement, HourOfWork, Insight, Period, RuleAppeals, SAMPLED_FROM, SampleScope,
    SampledDecision, SecondLook, SecondLooked, StoreError, WaitingTimes, Waits, second_look_entry,
};
use sqlx::postgres::PgRow;
use sqlx::{PgPool, Row};

use crate::PostgresStore;
use crate::error::{in_time, unreadable};
use crate::{audit, rows};

/// A decision that counts, of a site and period, found by `decisions_by_site`.
macro_rules! counted {
    () => {
        "d.site_id = $1 AND d.decide_time_ms >= $2 AND d.decide_time_ms < $3
         AND d.kind IN ('approve', 'reject', 'spam') AND d.undone_time_ms IS NULL"
    };
}

const WORK: &str = concat!(
    "SELECT actor_id, max(coalesce(actor_name, moderator)) AS actor_name,
            decide_time_ms / 3600000 * 3600000 AS hour_ms, count(*) AS decisions
     FROM decisions d WHERE ",
    counted!(),
    " GROUP BY actor_id, hour_ms ORDER BY hour_ms, actor_id"
);

/// The row without a day is about all of them.
const WAITS: &str = concat!(
    "SELECT day_ms, count(*) AS decisions,
            percentile_disc(0.5) WITHIN GROUP (ORDER BY waited_ms) AS p50_ms,
            percentile_disc(0.9) WITHIN GROUP (ORDER BY waited_ms) AS p90_ms
     FROM (SELECT decide_time_ms / 86400000 * 86400000 AS day_ms, waited_ms FROM decisions d WHERE ",
    counted!(),
    ") AS of_day GROUP BY GROUPING SETS ((), (day_ms)) ORDER BY day_ms NULLS FIRST"
);

/// Only comments that were decided more than once can have been overturned: found by
/// `decisions_by_comment`.
const RECORDS: &str = concat!(
    "SELECT actor_id, max(coalesce(actor_name, moderator)) AS actor_name, count(*) AS decisions,
            percentile_disc(0.5) WITHIN GROUP (ORDER BY waited_ms) AS p50_ms,
            percentile_disc(0.9) WITHIN GROUP (ORDER BY waited_ms) AS p90_ms,
            count(*) FILTER (WHERE EXISTS (
                SELECT FROM decisions later
                WHERE later.site_id = d.site_id AND later.comment_id = d.comment_id
                  AND later.revision = d.revision AND later.decision_id > d.decision_id
                  AND later.actor_id <> d.actor_id AND later.undone_time_ms IS NULL
                  AND later.kind IN ('approve', 'reject', 'spam')
                  AND (later.kind = 'approve') <> (d.kind = 'approve'))) AS overturned
     FROM decisions d WHERE ",
    counted!(),
    " GROUP BY actor_id ORDER BY actor_id"
);

/// Appeals are few: those of a site are read by the prefix of `appeals_by_comment`.
const APPEALS: &str = "
    SELECT decided_by AS actor_id, count(*) AS appeals,
           count(*) FILTER (WHERE status = 'upheld') AS upheld
    FROM appeals
    WHERE site_id = $1 AND resolve_time_ms >= $2 AND resolve_time_ms < $3 AND decided_by IS NOT NULL
    GROUP BY decided_by";

const RULE_APPEALS: &str = "
    SELECT rule_id, count(*) AS appeals, count(*) FILTER (WHERE status = 'upheld') AS upheld
    FROM (
        SELECT DISTINCT a.puid, a.status, reason ->> 'rule' AS rule_id
        FROM appeals a
        JOIN verdicts v USING (site_id, comment_id, revision)
        CROSS JOIN LATERAL json_array_elements(v.reasons) AS reason
        WHERE a.site_id = $1 AND a.resolve_time_ms >= $2 AND a.resolve_time_ms < $3
          AND (reason ->> 'action' IN ('review', 'reject')
               OR reason ->> 'action' IS NULL AND (reason ->> 'score')::float8 > 0)
    ) AS against
    GROUP BY rule_id ORDER BY rule_id";

const AGREEMENT: &str = "
    SELECT category, first_kind, kind, count(*) AS looks FROM second_looks
    WHERE site_id = $1 AND time_ms >= $2 AND time_ms < $3
    GROUP BY category, first_kind, kind ORDER BY category NULLS FIRST, first_kind, kind";

/// Read in the order of `decisions_by_site`.
const CANDIDATES: &str = concat!(
    "SELECT d.decision, d.site_id, d.comment_id, d.revision, d.decide_time_ms FROM decisions d
     JOIN comments c ON c.site_id = d.site_id AND c.comment_id = d.comment_id AND c.state <> 'withdrawn'
     WHERE ",
    counted!(),
    " AND d.undo_until_ms <= $4 AND d.actor_id <> $5
      AND NOT EXISTS (SELECT FROM second_looks l WHERE l.decision = d.decision
                      AND l.site_id = d.site_id AND l.comment_id = d.comment_id)
      ORDER BY d.decide_time_ms, d.decision, d.comment_id LIMIT $6"
);

const LOOK: &str = "
    INSERT INTO second_looks
        (decision, site_id, comment_id, actor_id, actor_name, category, first_kind, kind, time_ms)
    SELECT d.decision, d.site_id, d.comment_id, $4, $5, v.reasons -> 0 ->> 'category', d.kind, $6, $7
    FROM decisions d
    LEFT JOIN verdicts v USING (site_id, comment_id, revision)
    WHERE d.decision = $1 AND d.site_id = $2 AND d.comment_id = $3 AND d.actor_id <> $4
      AND d.kind IN ('approve', 'reject', 'spam') AND d.undone_time_ms IS NULL
    ON CONFLICT (decision, site_id, comment_id) DO NOTHING";

const LOOKED: &str = "
    SELECT actor_id, first_kind FROM second_looks
    WHERE decision = $1 AND site_id = $2 AND comment_id = $3";

#[async_trait]
impl Insight for PostgresStore {
    async fn work(&self, site: &SiteId, period: Period) -> Result<Vec<HourOfWork>, StoreError> {
        in_time(async {
            let rows = of_period(&self.pool, WORK, site, period).await?;
            let hour = |row: &PgRow| {
                Ok(HourOfWork {
                    hour: rows::time(row, "hour_ms")?,
                    actor: actor(row)?,
                    decisions: count(row, "decisions")?,
                })
            };
            rows.iter().map(hour).collect()
        })
        .await
    }

    async fn waiting_times(&self, site: &SiteId, period: Period) -> Result<WaitingTimes, StoreError> {
        in_time(async {
            let mut times = WaitingTimes::default();
            for row in &of_period(&self.pool, WAITS, site, period).await? {
                match row.try_get::<Option<i64>, _>("day_ms")? {
                    None => times.all = waits(row)?,
                    Some(_) => times.days.push((rows::time(row, "day_ms")?, waits(row)?)),
                }
            }
            Ok(times)
        })
        .await
    }

    async fn actor_records(&self, site: &SiteId, period: Period) -> Result<Vec<ActorRecord>, StoreError> {
        in_time(async {
            let mut records = of_period(&self.pool, RECORDS, site, period)
                .await?
                .iter()
                .map(|row| {
                    let overturned = count(row, "overturned")?;
                    Ok(ActorRecord {
                        actor: actor(row)?,
                        waits: waits(row)?,
                        overturned,
                        appeals: 0,
                        upheld: 0,
                    })
                })
                .collect::<sqlx::Result<Vec<_>>>()?;
            for row in &of_period(&self.pool, APPEALS, site, period).await? {
                let id: &str = row.try_get("actor_id")?;
                let (appeals, upheld) = (count(row, "appeals")?, count(row, "upheld")?);
                ActorRecord::of(&mut records, id).add_appeals(appeals, upheld);
            }
            Ok(records)
        })
        .await
    }

    async fn rule_appeals(&self, site: &SiteId, period: Period) -> Result<Vec<RuleAppeals>, StoreError> {
        in_time(async {
            let rows = of_period(&self.pool, RULE_APPEALS, site, period).await?;
            let appeals = |row: &PgRow| {
                Ok(RuleAppeals {
                    rule: row.try_get("rule_id")?,
                    appeals: count(row, "appeals")?,
                    upheld: count(row, "upheld")?,
                })
            };
            rows.iter().map(appeals).collect()
        })
        .await
    }

    async fn agreement(&self, site: &SiteId, period: Period) -> Result<Vec<Agreement>, StoreError> {
        in_time(async {
            let rows = of_period(&self.pool, AGREEMENT, site, period).await?;
            let looks = |row: &PgRow| {
                Ok(Agreement {
                    category: row.try_get("category")?,
                    first: kind(row, "first_kind")?,
                    second: kind(row, "kind")?,
                    looks: count(row, "looks")?,
                })
            };
            rows.iter().map(looks).collect()
        })
        .await
    }

    async fn sampled_decisions(
        &self,
        site: &SiteId,
        scope: &SampleScope,
        limit: u32,
    ) -> Result<Vec<SampledDecision>, StoreError> {
        in_time(async {
            let rows = sqlx::query(CANDIDATES)
                .bind(site.as_str())
                .bind(scope.period.since.as_millis())
                .bind(scope.period.until.as_millis())
                .bind(scope.now.as_millis())
                .bind(&scope.looker.id)
                .bind(i64::from(SAMPLED_FROM))
                .fetch_all(&self.pool)
                .await?;
            let mut sampled = Vec::new();
            for row in &rows {
                let candidate = SampledDecision {
                    decision: DecisionId(row.try_get("decision")?),
                    comment: rows::name(row)?,
                    revision: rows::revision(row)?,
                    decide_time: rows::time(row, "decide_time_ms")?,
                };
                if is_sampled(candidate.decision, &candidate.comment.comment, scope.percent) {
                    sampled.push(candidate);
                }
                if sampled.len() >= limit as usize {
                    break;
                }
            }
            Ok(sampled)
        })
        .await
    }

    async fn look_again(&self, look: &SecondLook) -> Result<SecondLooked, StoreError> {
        in_time(look_again(&self.pool, look)).await
    }
}

async fn look_again(pool: &PgPool, look: &SecondLook) -> sqlx::Result<SecondLooked> {
    let CommentName { site, comment } = &look.comment;
    let mut transaction = pool.begin().await?;
    let looked = sqlx::query(LOOK)
        .bind(look.decision.0)
        .bind(site.as_str())
        .bind(comment.as_str())
        .bind(&look.actor.id)
        .bind(&look.actor.name)
        .bind(look.kind.as_str())
        .bind(look.time.as_millis())
        .execute(&mut *transaction)
        .await?;
    if looked.rows_affected() > 0 {
        audit::append(&mut transaction, &second_look_entry(look)).await?;
    }
    let kept = sqlx::query(LOOKED)
        .bind(look.decision.0)
        .bind(site.as_str())
        .bind(comment.as_str())
        .fetch_optional(&mut *transaction)
        .await?;
    transaction.commit().await?;
    let Some(kept) = kept else { return Ok(SecondLooked::Unknown) };
    let own = kept.try_get::<&str, _>("actor_id")? == look.actor.id;
    Ok(if own { SecondLooked::Counted(kind(&kept, "first_kind")?) } else { SecondLooked::Taken })
}

async fn of_period(
    pool: &PgPool,
    query: &'static str,
    site: &SiteId,
    period: Period,
) -> sqlx::Result<Vec<PgRow>> {
    sqlx::query(query)
        .bind(site.as_str())
        .bind(period.since.as_millis())
        .bind(period.until.as_millis())
        .fetch_all(pool)
        .await
}

fn actor(row: &PgRow) -> sqlx::Result<Actor> {
    Ok(Actor { id: row.try_get("actor_id")?, name: row.try_get("actor_name")? })
}

/// Of no decisions at all there are no percentiles.
fn waits(row: &PgRow) -> sqlx::Result<Waits> {
    let duration = |column| {
        let millis: Option<i64> = row.try_get(column)?;
        Ok::<_, sqlx::Error>(Duration::from_millis(millis.unwrap_or(0).max(0).unsigned_abs()))
    };
    Ok(Waits { decisions: count(row, "decisions")?, p50: duration("p50_ms")?, p90: duration("p90_ms")? })
}

fn kind(row: &PgRow, column: &str) -> sqlx::Result<DecisionKind> {
    DecisionKind::parse(row.try_get(column)?).ok_or_else(|| unreadable("kind of a decision"))
}

fn count(row: &PgRow, column: &str) -> sqlx::Result<u64> {
    let count: i64 = row.try_get(column)?;
    Ok(count.unsigned_abs())
}
