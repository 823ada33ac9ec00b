//! What a lead asks of a site's moderation.

use std::time::Duration;

use moderato_domain::second_look::is_sampled;
use moderato_domain::{Actor, CommentName, DecisionId, DecisionKind, SiteId};
use moderato_store::{
    ActorRecord, Agreement, HourOfWork, Period, RuleAppeals, SAMPLED_FROM, SampleScope, SampledDecision,
    SecondLook, SecondLooked, WaitingTimes, Waits, second_look_entry,
};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use crate::database::Database;
use crate::rows;
use crate::store::audit;

/// A decision that counts, of a site and period, found by `decisions_by_site`.
macro_rules! counted {
    () => {
        "d.site_id = ?1 AND d.decide_time_ms >= ?2 AND d.decide_time_ms < ?3
         AND d.kind IN ('approve', 'reject', 'spam') AND d.undone_time_ms IS NULL"
    };
}

/// Of how many, and the value that half (nine of ten) do not exceed, of rows with their `place` among
/// `all` in order of `waited_ms`.
macro_rules! waits {
    () => {
        "count(*) AS decisions, max(waited_ms) FILTER (WHERE place = (amount + 1) / 2) AS p50_ms,
         max(waited_ms) FILTER (WHERE place = (amount * 9 + 9) / 10) AS p90_ms"
    };
}

pub(super) async fn work(
    database: &Database,
    site: &SiteId,
    period: Period,
) -> sqlx::Result<Vec<HourOfWork>> {
    const WORK: &str = concat!(
        "SELECT actor_id, max(coalesce(actor_name, moderator)) AS actor_name,
                decide_time_ms / 3600000 * 3600000 AS hour_ms, count(*) AS decisions
         FROM decisions AS d WHERE ",
        counted!(),
        " GROUP BY actor_id, hour_ms ORDER BY hour_ms, actor_id"
    );
    let rows = of_period(database, WORK, site, period).await?;
    let hour = |row: &SqliteRow| {
        Ok(HourOfWork {
            hour: rows::time(row, "hour_ms")?,
            actor: actor(row)?,
            decisions: rows::count(row, "decisions")?,
        })
    };
    rows.iter().map(hour).collect()
}

pub(super) async fn waiting_times(
    database: &Database,
    site: &SiteId,
    period: Period,
) -> sqlx::Result<WaitingTimes> {
    const ALL: &str = concat!(
        "SELECT ",
        waits!(),
        " FROM (SELECT waited_ms, row_number() OVER (ORDER BY waited_ms) AS place, count(*) OVER () AS amount
                FROM decisions AS d WHERE ",
        counted!(),
        ")"
    );
    const BY_DAY: &str = concat!(
        "SELECT day_ms, ",
        waits!(),
        " FROM (SELECT day_ms, waited_ms, count(*) OVER (PARTITION BY day_ms) AS amount,
                       row_number() OVER (PARTITION BY day_ms ORDER BY waited_ms) AS place
                FROM (SELECT decide_time_ms / 86400000 * 86400000 AS day_ms, waited_ms
                      FROM decisions AS d WHERE ",
        counted!(),
        ")) GROUP BY day_ms ORDER BY day_ms"
    );
    let all = of_period(database, ALL, site, period).await?;
    let days = of_period(database, BY_DAY, site, period).await?;
    let day = |row: &SqliteRow| Ok((rows::time(row, "day_ms")?, waits(row)?));
    Ok(WaitingTimes {
        all: all.first().map(waits).transpose()?.unwrap_or_default(),
        days: days.iter().map(day).collect::<sqlx::Result<_>>()?,
    })
}

pub(super) async fn actor_records(
    database: &Database,
    site: &SiteId,
    period: Period,
) -> sqlx::Result<Vec<ActorRecord>> {
    // Only comments that were decided more than once can have been overturned: found by
    // `decisions_by_comment`.
    const RECORDS: &str = concat!(
        "SELECT actor_id, max(name) AS actor_name, sum(overturned) AS overturned, ",
        waits!(),
        " FROM (SELECT actor_id, coalesce(actor_name, moderator) AS name, waited_ms,
                       count(*) OVER (PARTITION BY actor_id) AS amount,
                       row_number() OVER (PARTITION BY actor_id ORDER BY waited_ms) AS place,
                       EXISTS (SELECT 1 FROM decisions AS later
                               WHERE later.site_id = d.site_id AND later.comment_id = d.comment_id
                                 AND later.revision = d.revision AND later.decision_id > d.decision_id
                                 AND later.actor_id <> d.actor_id AND later.undone_time_ms IS NULL
                                 AND later.kind IN ('approve', 'reject', 'spam')
                                 AND (later.kind = 'approve') <> (d.kind = 'approve')) AS overturned
                FROM decisions AS d WHERE ",
        counted!(),
        ") GROUP BY actor_id ORDER BY actor_id"
    );
    // Appeals are few: those of a site are read by the prefix of `appeals_by_comment`.
    const APPEALS: &str = "
        SELECT decided_by AS actor_id, count(*) AS appeals, sum(status = 'upheld') AS upheld FROM appeals
        WHERE site_id = ?1 AND resolve_time_ms >= ?2 AND resolve_time_ms < ?3 AND decided_by IS NOT NULL
        GROUP BY decided_by";
    let record = |row: &SqliteRow| {
        let overturned = rows::count(row, "overturned")?;
        Ok(ActorRecord { actor: actor(row)?, waits: waits(row)?, overturned, appeals: 0, upheld: 0 })
    };
    let rows = of_period(database, RECORDS, site, period).await?;
    let mut records = rows.iter().map(record).collect::<sqlx::Result<Vec<_>>>()?;
    for row in &of_period(database, APPEALS, site, period).await? {
        let id: &str = row.try_get("actor_id")?;
        let (appeals, upheld) = (rows::count(row, "appeals")?, rows::count(row, "upheld")?);
        ActorRecord::of(&mut records, id).add_appeals(appeals, upheld);
    }
    Ok(records)
}

pub(super) async fn rule_appeals(
    database: &Database,
    site: &SiteId,
    period: Period,
) -> sqlx::Result<Vec<RuleAppeals>> {
    const RULE_APPEALS: &str = "
        SELECT rule_id, count(*) AS appeals, sum(status = 'upheld') AS upheld
        FROM (
            SELECT DISTINCT a.puid, a.status, reason.value ->> '$.rule' AS rule_id
            FROM appeals AS a
            CROSS JOIN comments AS c ON c.site_id = a.site_id AND c.comment_id = a.comment_id
            CROSS JOIN verdicts AS v ON v.comment_seq = c.comment_seq AND v.revision = a.revision
            CROSS JOIN json_each(v.reasons) AS reason
            WHERE a.site_id = ?1 AND a.resolve_time_ms >= ?2 AND a.resolve_time_ms < ?3
              AND (reason.value ->> '$.action' IN ('review', 'reject')
                   OR reason.value ->> '$.action' IS NULL AND reason.value ->> '$.score' > 0)
        )
        GROUP BY rule_id ORDER BY rule_id";
    let rows = of_period(database, RULE_APPEALS, site, period).await?;
    let appeals = |row: &SqliteRow| {
        Ok(RuleAppeals {
            rule: row.try_get("rule_id")?,
            appeals: rows::count(row, "appeals")?,
            upheld: rows::count(row, "upheld")?,
        })
    };
    rows.iter().map(appeals).collect()
}

pub(super) async fn agreement(
    database: &Database,
    site: &SiteId,
    period: Period,
) -> sqlx::Result<Vec<Agreement>> {
    const AGREEMENT: &str = "
        SELECT category, first_kind, kind, count(*) AS looks FROM second_looks
        WHERE site_id = ?1 AND time_ms >= ?2 AND time_ms < ?3
        GROUP BY category, first_kind, kind ORDER BY category, first_kind, kind";
    let rows = of_period(database, AGREEMENT, site, period).await?;
    let looks = |row: &SqliteRow| {
        Ok(Agreement {
            category: row.try_get("category")?,
            first: rows::word(row, "first_kind", DecisionKind::parse)?,
            second: rows::word(row, "kind", DecisionKind::parse)?,
            looks: rows::count(row, "looks")?,
        })
    };
    rows.iter().map(looks).collect()
}

pub(super) async fn sampled_decisions(
    database: &Database,
    site: &SiteId,
    scope: &SampleScope,
    limit: u32,
) -> sqlx::Result<Vec<SampledDecision>> {
    // Read in the order of `decisions_by_site`.
    const CANDIDATES: &str = concat!(
        "SELECT d.decision, d.site_id, d.comment_id, d.revision, d.decide_time_ms FROM decisions AS d
         CROSS JOIN comments AS c
             ON c.site_id = d.site_id AND c.comment_id = d.comment_id AND c.state <> 'withdrawn'
         WHERE ",
        counted!(),
        " AND d.undo_until_ms <= ?4 AND d.actor_id <> ?5
          AND NOT EXISTS (SELECT 1 FROM second_looks AS l WHERE l.decision = d.decision
                          AND l.site_id = d.site_id AND l.comment_id = d.comment_id)
          ORDER BY d.decide_time_ms, d.decision, d.comment_id LIMIT ?6"
    );
    let rows = sqlx::query(CANDIDATES)
        .bind(site.as_str())
        .bind(scope.period.since.as_millis())
        .bind(scope.period.until.as_millis())
        .bind(scope.now.as_millis())
        .bind(&scope.looker.id)
        .bind(SAMPLED_FROM)
        .fetch_all(database.readers())
        .await?;
    let mut sampled = Vec::new();
    for row in &rows {
        let candidate = SampledDecision {
            decision: DecisionId(row.try_get("decision")?),
            comment: rows::comment_name(row)?,
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
}

pub(super) async fn look_again(database: &Database, look: &SecondLook) -> sqlx::Result<SecondLooked> {
    const LOOK: &str = "
        INSERT INTO second_looks
            (decision, site_id, comment_id, actor_id, actor_name, category, first_kind, kind, time_ms)
        SELECT d.decision, d.site_id, d.comment_id, ?4, ?5, v.reasons ->> '$[0].category', d.kind, ?6, ?7
        FROM decisions AS d
        LEFT JOIN comments AS c ON c.site_id = d.site_id AND c.comment_id = d.comment_id
        LEFT JOIN verdicts AS v ON v.comment_seq = c.comment_seq AND v.revision = d.revision
        WHERE d.decision = ?1 AND d.site_id = ?2 AND d.comment_id = ?3 AND d.actor_id <> ?4
          AND d.kind IN ('approve', 'reject', 'spam') AND d.undone_time_ms IS NULL
        ON CONFLICT (decision, site_id, comment_id) DO NOTHING";
    const LOOKED: &str = "
        SELECT actor_id, first_kind FROM second_looks
        WHERE decision = ?1 AND site_id = ?2 AND comment_id = ?3";
    let CommentName { site, comment } = &look.comment;
    let mut transaction = database.write().await?;
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
    let first = rows::word(&kept, "first_kind", DecisionKind::parse)?;
    Ok(if own { SecondLooked::Counted(first) } else { SecondLooked::Taken })
}

async fn of_period(
    database: &Database,
    query: &'static str,
    site: &SiteId,
    period: Period,
) -> sqlx::Result<Vec<SqliteRow>> {
    sqlx::query(query)
        .bind(site.as_str())
        .bind(period.since.as_millis())
        .bind(period.until.as_millis())
        .fetch_all(database.readers())
        .await
}

fn actor(row: &SqliteRow) -> sqlx::Result<Actor> {
    Ok(Actor { id: row.try_get("actor_id")?, name: row.try_get("actor_name")? })
}

/// Of no decisions at all there are no percentiles.
fn waits(row: &SqliteRow) -> sqlx::Result<Waits> {
    let duration = |column| {
        let millis: Option<i64> = row.try_get(column)?;
        Ok::<_, sqlx::Error>(Duration::from_millis(millis.unwrap_or(0).max(0).unsigned_abs()))
    };
    Ok(Waits {
        decisions: rows::count(row, "decisions")?,
        p50: duration("p50_ms")?,
        p90: duration("p90_ms")?,
    })
}
