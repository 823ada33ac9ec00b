//! Humans' decisions, one comment or many at once.

use std::collections::HashMap;

use moderato_domain::{CommentId, CommentName, Decision, DecisionId, SiteId};
use moderato_store::{
    DecideError, Decided, DecisionRecord, EventKind, Met, ReviewCase, Ruling, decision_entry,
};
use sqlx::{QueryBuilder, Row, Sqlite, SqliteConnection};

use super::cases::{self, Held};
use super::claims;
use super::records::{self, decisions_where};
use crate::database::Database;
use crate::many::ROWS_AT_ONCE;
use crate::rows;
use crate::store::redress::{appeals, reports};
use crate::store::{audit, comments, events};

/// Applies a decision to each of its targets, all in one transaction, or says why not.
pub(super) async fn decide(
    database: &Database,
    decision: &Decision,
) -> sqlx::Result<Result<Vec<Decided>, DecideError>> {
    let site = &decision.site;
    let mut transaction = database.write().await?;
    let (held, ruling) = match meet(&mut transaction, decision).await? {
        Ok(met) => met,
        Err(error) => return Ok(Err(error)),
    };
    if ruling.applied.is_empty() {
        let stored = comments::by_id(&mut *transaction, site, ids(decision)).await?;
        return Ok(Ok(ruling.told(decision, &stored)));
    }
    let time = decision.decide_time;
    let mut changed: Vec<(&Held, ReviewCase)> = Vec::with_capacity(ruling.applied.len());
    for held in ruling.applied.keys().filter_map(|id| held.get(id)) {
        changed.push((held, held.case.decided(decision.kind, time)));
    }
    cases::put(&mut transaction, site, &changed, time).await?;
    keep(&mut transaction, decision, &ruling, &changed).await?;
    if decision.kind.settles() {
        let asked = |case: &ReviewCase| (case.reports > 0, case.appealed);
        let of = |which: fn((bool, bool)) -> bool| -> Vec<&CommentId> {
            let concerned = changed.iter().filter(|(held, _)| which(asked(&held.case)));
            concerned.map(|(held, _)| &held.id).collect()
        };
        reports::answer(&mut transaction, decision, &of(|(reported, _)| reported)).await?;
        appeals::answer(&mut transaction, decision, &of(|(_, appealed)| appealed)).await?;
    }
    end_claims(&mut transaction, site, &changed).await?;
    let told: Vec<_> =
        changed.iter().map(|(held, after)| held.event(EventKind::DecisionMade, site, after, time)).collect();
    events::append(&mut transaction, &told).await?;
    let decided = changed.iter().map(|(held, _)| (&held.id, held.revision));
    audit::append(&mut transaction, &decision_entry(decision, decided)).await?;
    let stored = comments::by_id(&mut *transaction, site, ids(decision)).await?;
    database.commit_events(transaction).await?;
    Ok(Ok(ruling.told(decision, &stored)))
}

/// What [`decide`] would answer.
pub(super) async fn foresee(
    database: &Database,
    decision: &Decision,
) -> sqlx::Result<Result<Vec<Decided>, DecideError>> {
    let mut transaction = database.readers().begin().await?;
    let (_, ruling) = match meet(&mut transaction, decision).await? {
        Ok(met) => met,
        Err(error) => return Ok(Err(error)),
    };
    let stored = comments::by_id(&mut *transaction, &decision.site, ids(decision)).await?;
    Ok(Ok(ruling.told(decision, &stored)))
}

/// Reads the comments of a decision, and says what it comes to.
async fn meet(
    connection: &mut SqliteConnection,
    decision: &Decision,
) -> sqlx::Result<Result<(HashMap<CommentId, Held>, Ruling), DecideError>> {
    let site = &decision.site;
    let ids: Vec<&CommentId> = ids(decision).collect();
    let made = records::of_id(connection, decision.id).await?;
    let held = cases::read(connection, site, &ids).await?;
    let mut settled = settled(connection, site, &ids).await?;
    let mut claims = claims::live(connection, site, &ids, decision.decide_time).await?;
    let appealed: Vec<&CommentId> =
        held.values().filter(|held| held.case.appealed).map(|held| &held.id).collect();
    let own_appeals = appeals::against(connection, site, &appealed, &decision.actor.id).await?;
    let met = |(id, held): (&CommentId, &Held)| {
        let met = Met {
            revision: held.revision,
            version: held.version,
            case: held.case,
            settled: settled.remove(id),
            claim: claims.remove(id),
            own_appeal: own_appeals.contains(id),
        };
        (id.clone(), met)
    };
    let met = held.iter().map(met).collect();
    Ok(Ruling::of(decision, met, made).map(|ruling| (held, ruling)))
}

fn ids(decision: &Decision) -> impl Iterator<Item = &CommentId> {
    decision.targets.iter().map(|target| &target.comment)
}

/// A decision about one of its comments, by `decisions_once`.
pub(crate) async fn decision_about(
    connection: &mut SqliteConnection,
    decision: DecisionId,
    name: &CommentName,
) -> sqlx::Result<Option<DecisionRecord>> {
    let found = sqlx::query(decisions_where!("decision = ?1 AND site_id = ?2 AND comment_id = ?3"))
        .bind(decision.0)
        .bind(name.site.as_str())
        .bind(name.comment.as_str())
        .fetch_optional(connection)
        .await?;
    found.as_ref().map(rows::decision).transpose()
}

/// The newest decision of each comment that settled it and stands, and the version after it.
async fn settled(
    connection: &mut SqliteConnection,
    site: &SiteId,
    ids: &[&CommentId],
) -> sqlx::Result<HashMap<CommentId, (DecisionRecord, i64)>> {
    let ids: Vec<&str> = ids.iter().map(|id| id.as_str()).collect();
    let found = sqlx::query(decisions_where!(
        "decision_id IN (
            SELECT max(decision_id) FROM decisions
            WHERE site_id = ?1 AND comment_id IN (SELECT value FROM json_each(?2))
              AND undone_time_ms IS NULL AND kind IN ('approve', 'reject', 'spam')
            GROUP BY comment_id)"
    ))
    .bind(site.as_str())
    .bind(rows::to_json(&ids)?)
    .fetch_all(connection)
    .await?;
    let by_id = |row| {
        let record = rows::decision(row)?;
        Ok((record.comment.comment.clone(), (record, row.try_get("version")?)))
    };
    found.iter().map(by_id).collect()
}

/// Keeps the decision about each comment.
async fn keep(
    connection: &mut SqliteConnection,
    decision: &Decision,
    ruling: &Ruling,
    changed: &[(&Held, ReviewCase)],
) -> sqlx::Result<()> {
    let mut kept = Vec::with_capacity(changed.len());
    for ((held, _), record) in changed.iter().zip(ruling.applied.values()) {
        let waited = i64::try_from(record.waited.as_millis()).unwrap_or(i64::MAX);
        kept.push((held, waited, rows::to_json(&held.case)?));
    }
    for kept in kept.chunks(ROWS_AT_ONCE) {
        let mut insert = QueryBuilder::<Sqlite>::new(
            "INSERT INTO decisions (
                 site_id, comment_id, revision, kind, moderator, actor_id, actor_name, guideline, message, note,
                 decide_time_ms, decision, waited_ms, undo_until_ms, before, version) ",
        );
        insert.push_values(kept, |mut row, (held, waited, before)| {
            row.push_bind(decision.site.as_str())
                .push_bind(held.id.as_str())
                .push_bind(held.revision.get())
                .push_bind(decision.kind.as_str())
                .push_bind(&decision.actor.name)
                .push_bind(&decision.actor.id)
                .push_bind(&decision.actor.name)
                .push_bind(&decision.guideline)
                .push_bind(&decision.message)
                .push_bind(&decision.note)
                .push_bind(decision.decide_time.as_millis())
                .push_bind(decision.id.0)
                .push_bind(*waited)
                .push_bind(decision.undo_until.as_millis())
                .push_bind(before)
                .push_bind(held.version + 1);
        });
        insert.build().execute(&mut *connection).await?;
    }
    Ok(())
}

async fn end_claims(
    connection: &mut SqliteConnection,
    site: &SiteId,
    changed: &[(&Held, ReviewCase)],
) -> sqlx::Result<()> {
    let ids: Vec<&str> = changed.iter().map(|(held, _)| held.id.as_str()).collect();
    sqlx::query("DELETE FROM claims WHERE site_id = ?1 AND comment_id IN (SELECT value FROM json_each(?2))")
        .bind(site.as_str())
        .bind(rows::to_json(&ids)?)
        .execute(connection)
        .await?;
    Ok(())
}
