//! Humans' decisions, one comment or many at once.

use std::collections::HashMap;

use moderato_domain::{CommentId, CommentName, Decision, DecisionId, SiteId};
use moderato_store::{
    DecideError, Decided, DecisionRecord, EventKind, Met, ReviewCase, Ruling, decision_entry,
};
use sqlx::types::Json;
use sqlx::{PgConnection, PgPool, Row};

use super::cases::{self, Locked};
use super::claims;
use super::records::{self, decisions_where};
use crate::changes::{column, publish};
use crate::redress::{appeals, reports};
use crate::{audit, rows};

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

/// Decisions of one id follow each other, also if they are about different comments and lock none in
/// common.
const ALONE: &str = "SELECT pg_advisory_xact_lock($1)";

/// Applies a decision to each of its targets, all in one transaction, or says why not.
pub(super) async fn decide(
    pool: &PgPool,
    decision: &Decision,
) -> sqlx::Result<Result<Vec<Decided>, DecideError>> {
    let site = &decision.site;
    let mut transaction = pool.begin().await?;
    let (_, id) = decision.id.0.as_u64_pair();
    sqlx::query(ALONE).bind(id.cast_signed()).execute(&mut *transaction).await?;
    let (locked, ruling) = match meet(&mut transaction, decision).await? {
        Ok(met) => met,
        Err(error) => return Ok(Err(error)),
    };
    if !ruling.applied.is_empty() {
        let time = decision.decide_time;
        let mut changed: Vec<(&Locked, ReviewCase)> = Vec::with_capacity(ruling.applied.len());
        for locked in ruling.applied.keys().filter_map(|id| locked.get(id)) {
            changed.push((locked, locked.case.decided(decision.kind, time)));
        }
        cases::put(&mut transaction, site, &changed, time).await?;
        keep(&mut transaction, decision, &ruling, &changed).await?;
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
    let stored = cases::stored(&mut transaction, site, ids(decision)).await?;
    transaction.commit().await?;
    Ok(Ok(ruling.told(decision, &stored)))
}

/// What [`decide`] would answer. Its locks are taken, too, so that who decides at the moment has decided.
pub(super) async fn foresee(
    pool: &PgPool,
    decision: &Decision,
) -> sqlx::Result<Result<Vec<Decided>, DecideError>> {
    let mut transaction = pool.begin().await?;
    let (_, ruling) = match meet(&mut transaction, decision).await? {
        Ok(met) => met,
        Err(error) => return Ok(Err(error)),
    };
    let stored = cases::stored(&mut transaction, &decision.site, ids(decision)).await?;
    transaction.rollback().await?;
    Ok(Ok(ruling.told(decision, &stored)))
}

/// Locks the comments of a decision, and says what it comes to.
async fn meet(
    transaction: &mut PgConnection,
    decision: &Decision,
) -> sqlx::Result<Result<(HashMap<CommentId, Locked>, Ruling), DecideError>> {
    let site = &decision.site;
    let ids: Vec<&CommentId> = ids(decision).collect();
    let locked = cases::lock(&mut *transaction, site, ids.iter().copied()).await?;
    // After the locks: the same request, sent twice at once, has committed by now or waits for us.
    let made = records::of_id(&mut *transaction, decision.id).await?;
    let mut settled = settled(&mut *transaction, site, &ids).await?;
    let mut claims = claims::live(&mut *transaction, site, &ids, decision.decide_time).await?;
    let appealed =
        column(locked.values().filter(|locked| locked.case.appealed), |locked| &locked.name.comment);
    let own_appeals = appeals::against(&mut *transaction, site, &appealed, &decision.actor.id).await?;
    let met = |(id, locked): (&CommentId, &Locked)| {
        let met = Met {
            revision: locked.revision,
            version: locked.version,
            case: locked.case,
            settled: settled.remove(id),
            claim: claims.remove(id),
            own_appeal: own_appeals.contains(id),
        };
        (id.clone(), met)
    };
    let met = locked.iter().map(met).collect();
    Ok(Ruling::of(decision, met, made).map(|ruling| (locked, ruling)))
}

fn ids(decision: &Decision) -> impl Iterator<Item = &CommentId> {
    decision.targets.iter().map(|target| &target.comment)
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
    ruling: &Ruling,
    changed: &[(&Locked, ReviewCase)],
) -> sqlx::Result<()> {
    let waited = |record: &DecisionRecord| i64::try_from(record.waited.as_millis()).unwrap_or(i64::MAX);
    sqlx::query(KEEP)
        .bind(decision.site.as_str())
        .bind(column(changed, |(locked, _)| locked.name.comment.as_str()))
        .bind(column(changed, |(locked, _)| locked.revision.get()))
        .bind(column(ruling.applied.values(), waited))
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
