//! Humans' decisions, one comment or many at once.

use std::collections::{HashMap, HashSet};

use moderato_domain::{CommentId, CommentName, Decision, DecisionId, SiteId, Timestamp};
use moderato_store::{
    DecideRefusal, Decided, DecisionRecord, EventKind, Met, ReviewCase, StoreError, decision_entry, refusal,
};
use sqlx::types::Json;
use sqlx::{PgConnection, PgPool, Row};

use super::cases::{self, Locked};
use super::claims;
use super::records::decisions_where;
use crate::changes::{column, publish};
use crate::redress::{appeals, reports};
use crate::{audit, rows};

const SAME_ID: &str = decisions_where!("decision = $1");

/// The newest decision of each comment that settled it and stands.
const SETTLED: &str = decisions_where!(
    "decision_id IN (
        SELECT max(decision_id) FROM decisions
        WHERE site_id = $1 AND comment_id = ANY ($2) AND undone_time_ms IS NULL
          AND kind IN ('approve', 'reject', 'spam')
        GROUP BY comment_id)"
);

const KEEP: &str = "
    WITH ended AS (DELETE FROM claims WHERE site_id = $1 AND comment_id = ANY ($2))
    INSERT INTO decisions (
        site_id, comment_id, revision, waited_ms, before, version, decision, kind, moderator, actor_id,
        actor_name, guideline, message, note, decide_time_ms, undo_until_ms)
    SELECT $1, comment_id, revision, waited_ms, before, version, $7, $8, $10, $9, $10, $11, $12, $13, $14, $15
    FROM unnest($2::text[], $3::bigint[], $4::bigint[], $5::json[], $6::bigint[])
        AS n (comment_id, revision, waited_ms, before, version)";

/// Applies a decision to each of its targets, all in one transaction, or says why not.
pub(super) async fn decide(
    pool: &PgPool,
    decision: &Decision,
) -> sqlx::Result<Result<Vec<Decided>, StoreError>> {
    let site = &decision.site;
    let ids: Vec<&CommentId> = decision.targets.iter().map(|target| &target.comment).collect();
    let mut transaction = pool.begin().await?;
    let locked = cases::lock(&mut transaction, site, ids.iter().copied()).await?;

    // After the locks: the same request, sent twice at once, has committed by now or waits for us.
    let made = same_id(&mut transaction, decision.id).await?;
    if made.iter().any(|made| !made.is_of(decision)) {
        return Ok(Err(StoreError::Rejected("the id was used for another decision".to_owned())));
    }
    let made: HashSet<CommentId> = made.into_iter().map(|made| made.comment.comment).collect();
    let repeated = !made.is_empty();
    let settled = settled(&mut transaction, site, &ids).await?;
    let claims = claims::live(&mut transaction, site, &ids, decision.decide_time).await?;
    let appealed =
        column(locked.values().filter(|locked| locked.case.appealed), |locked| &locked.name.comment);
    let own_appeals = appeals::against(&mut transaction, site, &appealed, &decision.actor.id).await?;

    let mut applied: HashMap<&CommentId, &Locked> = HashMap::new();
    let mut refused: HashMap<&CommentId, DecideRefusal> = HashMap::new();
    for target in &decision.targets {
        let id = &target.comment;
        if made.contains(id) || applied.contains_key(id) {
            continue;
        }
        let Some(locked) = locked.get(id) else {
            refused.insert(id, DecideRefusal::Unknown);
            continue;
        };
        let met = Met {
            revision: locked.revision,
            version: locked.version,
            state: locked.case.state,
            settled: settled.get(id).map(|(by, version)| (by, *version)),
            claim: claims.get(id),
            own_appeal: own_appeals.contains(id),
        };
        match refusal(decision, target, &met) {
            Some(refusal) => _ = refused.insert(id, refusal),
            // What the first request could not do, its repetition does not do either.
            None if repeated => _ = refused.insert(id, DecideRefusal::Changed),
            None => _ = applied.insert(id, locked),
        }
    }

    if !applied.is_empty() {
        let time = decision.decide_time;
        let mut changed: Vec<(&Locked, ReviewCase)> =
            applied.values().map(|locked| (*locked, locked.case.decided(decision.kind, time))).collect();
        changed.sort_unstable_by_key(|(locked, _)| &locked.name.comment);
        cases::put(&mut transaction, site, &changed, time).await?;
        keep(&mut transaction, decision, &changed).await?;
        if decision.kind.settles() {
            let asked = |case: &ReviewCase| (case.reports > 0, case.appealed);
            let of = |which: fn((bool, bool)) -> bool| {
                let concerned = changed.iter().filter(|(locked, _)| which(asked(&locked.case)));
                column(concerned, |(locked, _)| &locked.name.comment)
            };
            reports::answer(&mut transaction, decision, &of(|(reported, _)| reported)).await?;
            appeals::answer(&mut transaction, decision, &of(|(_, appealed)| appealed)).await?;
        }
        let changes = column(&changed, |(locked, after)| locked.change(EventKind::DecisionMade, after, time));
        publish(&mut transaction, &changes).await?;
        let decided = changed.iter().map(|(locked, _)| (&locked.name.comment, locked.revision));
        audit::append(&mut transaction, &decision_entry(decision, decided)).await?;
    }
    let mut stored = cases::stored(&mut transaction, site, ids.iter().copied()).await?;
    transaction.commit().await?;

    let mut told = Vec::with_capacity(ids.len());
    for id in ids {
        told.push(match (refused.get(id), stored.get_mut(id)) {
            (Some(refusal), _) => Decided::Refused(refusal.clone()),
            (None, Some(comment)) => Decided::Applied(comment.clone()),
            (None, None) => Decided::Refused(DecideRefusal::Unknown),
        });
    }
    Ok(Ok(told))
}

/// By `decisions_due`. What was undone has no effects.
const DUE: &str = decisions_where!(
    "effects_time_ms IS NULL AND undo_until_ms < $1 AND undone_time_ms IS NULL
     ORDER BY undo_until_ms, decision_id LIMIT $2"
);

/// Decisions whose time to be undone has passed and that nothing has followed from yet.
pub(crate) async fn due(pool: &PgPool, now: Timestamp, limit: u32) -> sqlx::Result<Vec<DecisionRecord>> {
    let rows = sqlx::query(DUE).bind(now.as_millis()).bind(i64::from(limit)).fetch_all(pool).await?;
    rows.iter().map(rows::decision).collect()
}

/// By `decisions_once`.
const ABOUT: &str = decisions_where!("decision = $1 AND site_id = $2 AND comment_id = $3");

/// A decision about one of its comments.
pub(crate) async fn decision_about(
    connection: &mut PgConnection,
    decision: DecisionId,
    name: &CommentName,
) -> sqlx::Result<Option<DecisionRecord>> {
    let row = sqlx::query(ABOUT)
        .bind(decision.0)
        .bind(name.site.as_str())
        .bind(name.comment.as_str())
        .fetch_optional(connection)
        .await?;
    row.as_ref().map(rows::decision).transpose()
}

async fn same_id(transaction: &mut PgConnection, id: DecisionId) -> sqlx::Result<Vec<DecisionRecord>> {
    let rows = sqlx::query(SAME_ID).bind(id.0).fetch_all(transaction).await?;
    rows.iter().map(rows::decision).collect()
}

async fn settled(
    transaction: &mut PgConnection,
    site: &SiteId,
    ids: &[&CommentId],
) -> sqlx::Result<HashMap<CommentId, (DecisionRecord, i64)>> {
    let rows = sqlx::query(SETTLED)
        .bind(site.as_str())
        .bind(column(ids, |id| id.as_str()))
        .fetch_all(transaction)
        .await?;
    let by_id = |row| {
        let record = rows::decision(row)?;
        Ok((record.comment.comment.clone(), (record, row.try_get("version")?)))
    };
    rows.iter().map(by_id).collect()
}

/// Keeps the decision about each comment, and ends claims.
async fn keep(
    transaction: &mut PgConnection,
    decision: &Decision,
    changed: &[(&Locked, ReviewCase)],
) -> sqlx::Result<()> {
    let waited = |case: &ReviewCase| {
        let waited = case.queue().map(|_| decision.decide_time.since(case.wait_since));
        waited.map_or(0, |waited| i64::try_from(waited.as_millis()).unwrap_or(i64::MAX))
    };
    sqlx::query(KEEP)
        .bind(decision.site.as_str())
        .bind(column(changed, |(locked, _)| locked.name.comment.as_str()))
        .bind(column(changed, |(locked, _)| locked.revision.get()))
        .bind(column(changed, |(locked, _)| waited(&locked.case)))
        .bind(column(changed, |(locked, _)| Json(locked.case)))
        .bind(column(changed, |(locked, _)| locked.version + 1))
        .bind(decision.id.0)
        .bind(decision.kind.as_str())
        .bind(&decision.actor.id)
        .bind(&decision.actor.name)
        .bind(&decision.guideline)
        .bind(&decision.message)
        .bind(&decision.note)
        .bind(decision.decide_time.as_millis())
        .bind(decision.undo_until.as_millis())
        .execute(transaction)
        .await?;
    Ok(())
}
