//! Humans' decisions, one comment or many at once.

use std::collections::{HashMap, HashSet};

use moderato_domain::{CommentId, CommentName, Decision, DecisionId, SiteId, Timestamp};
use moderato_store::{
    DecideRefusal, Decided, DecisionRecord, EventKind, Met, ReviewCase, StoreError, decision_entry, refusal,
};
use sqlx::{QueryBuilder, Row, Sqlite, SqliteConnection};

use super::cases::{self, Held};
use super::claims;
use super::records::decisions_where;
use crate::database::Database;
use crate::rows;
use crate::store::redress::{appeals, reports};
use crate::store::{ROWS_AT_ONCE, audit, comments, events};

/// Applies a decision to each of its targets, all in one transaction, or says why not.
pub(super) async fn decide(
    database: &Database,
    decision: &Decision,
) -> sqlx::Result<Result<Vec<Decided>, StoreError>> {
    let site = &decision.site;
    let ids: Vec<&CommentId> = decision.targets.iter().map(|target| &target.comment).collect();
    let mut transaction = database.write().await?;
    let made = same_id(&mut transaction, decision.id).await?;
    if made.iter().any(|made| !made.is_of(decision)) {
        return Ok(Err(StoreError::Rejected("the id was used for another decision".to_owned())));
    }
    let made: HashSet<CommentId> = made.into_iter().map(|made| made.comment.comment).collect();
    let repeated = !made.is_empty();
    let held = cases::read(&mut transaction, site, &ids).await?;
    let settled = settled(&mut transaction, site, &ids).await?;
    let claims = claims::live(&mut transaction, site, &ids, decision.decide_time).await?;
    let appealed: Vec<&CommentId> =
        held.values().filter(|held| held.case.appealed).map(|held| &held.id).collect();
    let own_appeals = appeals::against(&mut transaction, site, &appealed, &decision.actor.id).await?;

    let mut applied: HashMap<&CommentId, &Held> = HashMap::new();
    let mut refused: HashMap<&CommentId, DecideRefusal> = HashMap::new();
    for target in &decision.targets {
        let id = &target.comment;
        if made.contains(id) || applied.contains_key(id) {
            continue;
        }
        let Some(held) = held.get(id) else {
            refused.insert(id, DecideRefusal::Unknown);
            continue;
        };
        let met = Met {
            revision: held.revision,
            version: held.version,
            state: held.case.state,
            settled: settled.get(id).map(|(by, version)| (by, *version)),
            claim: claims.get(id),
            own_appeal: own_appeals.contains(id),
        };
        match refusal(decision, target, &met) {
            Some(refusal) => _ = refused.insert(id, refusal),
            // What the first request could not do, its repetition does not do either.
            None if repeated => _ = refused.insert(id, DecideRefusal::Changed),
            None => _ = applied.insert(id, held),
        }
    }

    let stored = if applied.is_empty() {
        comments::by_id(&mut *transaction, site, ids.iter().copied()).await?
    } else {
        let time = decision.decide_time;
        let mut changed: Vec<(&Held, ReviewCase)> =
            applied.values().map(|held| (*held, held.case.decided(decision.kind, time))).collect();
        changed.sort_unstable_by_key(|(held, _)| &held.id);
        cases::put(&mut transaction, site, &changed, time).await?;
        keep(&mut transaction, decision, &changed).await?;
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
        let told: Vec<_> = changed
            .iter()
            .map(|(held, after)| held.event(EventKind::DecisionMade, site, after, time))
            .collect();
        events::append(&mut transaction, &told).await?;
        let decided = changed.iter().map(|(held, _)| (&held.id, held.revision));
        audit::append(&mut transaction, &decision_entry(decision, decided)).await?;
        let stored = comments::by_id(&mut *transaction, site, ids.iter().copied()).await?;
        database.commit_events(transaction).await?;
        stored
    };

    let told = |id: &CommentId| match (refused.get(id), stored.get(id)) {
        (Some(refusal), _) => Decided::Refused(refusal.clone()),
        (None, Some(comment)) => Decided::Applied(comment.clone()),
        (None, None) => Decided::Refused(DecideRefusal::Unknown),
    };
    Ok(Ok(ids.into_iter().map(told).collect()))
}

/// Decisions whose time to be undone has passed and that nothing has followed from yet, by
/// `decisions_due`. What was undone has no effects.
pub(crate) async fn due(
    database: &Database,
    now: Timestamp,
    limit: u32,
) -> sqlx::Result<Vec<DecisionRecord>> {
    let found = sqlx::query(decisions_where!(
        "effects_time_ms IS NULL AND undo_until_ms < ?1 AND undone_time_ms IS NULL
         ORDER BY undo_until_ms, decision_id LIMIT ?2"
    ))
    .bind(now.as_millis())
    .bind(limit)
    .fetch_all(database.readers())
    .await?;
    found.iter().map(rows::decision).collect()
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

async fn same_id(connection: &mut SqliteConnection, id: DecisionId) -> sqlx::Result<Vec<DecisionRecord>> {
    let found = sqlx::query(decisions_where!("decision = ?1")).bind(id.0).fetch_all(connection).await?;
    found.iter().map(rows::decision).collect()
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
    changed: &[(&Held, ReviewCase)],
) -> sqlx::Result<()> {
    let befores =
        changed.iter().map(|(held, _)| rows::to_json(&held.case)).collect::<sqlx::Result<Vec<_>>>()?;
    let kept: Vec<_> = changed.iter().zip(befores).collect();
    for kept in kept.chunks(ROWS_AT_ONCE) {
        let mut insert = QueryBuilder::<Sqlite>::new(
            "INSERT INTO decisions (
                 site_id, comment_id, revision, kind, moderator, actor_id, actor_name, guideline, message, note,
                 decide_time_ms, decision, waited_ms, undo_until_ms, before, version) ",
        );
        insert.push_values(kept, |mut row, ((held, _), before)| {
            let waited = held.case.queue().map(|_| decision.decide_time.since(held.case.wait_since));
            let waited = waited.map_or(0, |waited| i64::try_from(waited.as_millis()).unwrap_or(i64::MAX));
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
                .push_bind(waited)
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
