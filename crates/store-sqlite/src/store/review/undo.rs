//! Taking a decision back.

use std::collections::HashSet;

use moderato_domain::{Actor, CommentId, DecisionId, DecisionKind, SiteId, State, Timestamp};
use moderato_store::{DecisionRecord, EventKind, ReviewCase, StoredComment, UndoError, undo_entry};
use sqlx::sqlite::SqliteRow;

use super::cases::{self, Held};
use super::records::decisions_where;
use crate::database::Database;
use crate::rows;
use crate::store::redress::{appeals, reports};
use crate::store::{audit, comments, events};

pub(super) async fn undo(
    database: &Database,
    site: &SiteId,
    decision: DecisionId,
    actor: &Actor,
    now: Timestamp,
) -> sqlx::Result<Result<Vec<StoredComment>, UndoError>> {
    let mut transaction = database.write().await?;
    let parts = sqlx::query(decisions_where!("decision = ?1 AND site_id = ?2 ORDER BY comment_id"))
        .bind(decision.0)
        .bind(site.as_str())
        .fetch_all(&mut *transaction)
        .await?;
    let parts = parts.iter().map(part).collect::<sqlx::Result<Vec<_>>>()?;
    let Some((first, _)) = parts.first() else { return Ok(Err(UndoError::Unknown)) };
    if first.undone.is_some() {
        return Ok(Err(UndoError::AlreadyUndone));
    }
    if first.undo_until < now {
        return Ok(Err(UndoError::TooLate(first.undo_until)));
    }
    // Comments about which something was decided later, and stands.
    let since: Vec<String> = sqlx::query_scalar(
        "SELECT DISTINCT later.comment_id FROM decisions AS d
         CROSS JOIN decisions AS later ON later.site_id = d.site_id AND later.comment_id = d.comment_id
          AND later.decision_id > d.decision_id AND later.undone_time_ms IS NULL
         WHERE d.decision = ?1 AND d.site_id = ?2",
    )
    .bind(decision.0)
    .bind(site.as_str())
    .fetch_all(&mut *transaction)
    .await?;
    let since: HashSet<String> = since.into_iter().collect();

    let ids: Vec<&CommentId> = parts.iter().map(|(part, _)| &part.comment.comment).collect();
    let held = cases::read(&mut transaction, site, &ids).await?;
    let mut found: Vec<(&Held, DecisionKind, ReviewCase)> = Vec::with_capacity(parts.len());
    for (part, before) in &parts {
        let id = &part.comment.comment;
        let untouched = |held: &&Held| {
            held.revision == part.revision
                && held.case.state != State::Withdrawn
                && !since.contains(id.as_str())
        };
        if let Some(held) = held.get(id).filter(untouched) {
            found.push((held, part.kind, *before));
        }
    }
    if found.len() < parts.len() {
        return Ok(Err(UndoError::Overtaken(parts.len() - found.len())));
    }

    let reopened = reports::reopen(&mut transaction, site, decision, &ids).await?;
    appeals::reopen(&mut transaction, site, decision, &ids).await?;
    let restored: Vec<(&Held, ReviewCase)> = found
        .into_iter()
        .map(|(held, kind, before)| {
            let reports = reopened.get(&held.id).copied().unwrap_or(0);
            (held, held.case.undone(kind, before, reports))
        })
        .collect();
    cases::put(&mut transaction, site, &restored, now).await?;
    let undone = sqlx::query(
        "UPDATE decisions SET undone_time_ms = ?3, undone_by_id = ?4, undone_by_name = ?5
         WHERE decision = ?1 AND site_id = ?2 AND effects_time_ms IS NULL",
    )
    .bind(decision.0)
    .bind(site.as_str())
    .bind(now.as_millis())
    .bind(&actor.id)
    .bind(&actor.name)
    .execute(&mut *transaction)
    .await?;
    // By another clock the time had passed: its author was told already.
    if undone.rows_affected() < parts.len() as u64 {
        return Ok(Err(UndoError::TooLate(first.undo_until)));
    }
    let told: Vec<_> = restored
        .iter()
        .map(|(held, after)| held.event(EventKind::DecisionUndone, site, after, now))
        .collect();
    events::append(&mut transaction, &told).await?;
    audit::append(&mut transaction, &undo_entry(site, decision, actor, ids.len(), now)).await?;
    let mut stored = comments::by_id(&mut *transaction, site, ids.iter().copied()).await?;
    database.commit_events(transaction).await?;
    Ok(Ok(ids.into_iter().filter_map(|id| stored.remove(id)).collect()))
}

/// A decision about one comment, and the case as the decision found it.
fn part(row: &SqliteRow) -> sqlx::Result<(DecisionRecord, ReviewCase)> {
    Ok((rows::decision(row)?, rows::json(row, "before")?))
}
