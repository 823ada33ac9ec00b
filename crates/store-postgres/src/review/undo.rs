//! Taking a decision back.

use std::collections::HashSet;

use moderato_domain::{Actor, CommentId, DecisionId, DecisionKind, SiteId, State, Timestamp};
use moderato_store::{DecisionRecord, EventKind, ReviewCase, StoredComment, UndoError, undo_entry};
use sqlx::types::Json;
use sqlx::{PgPool, Row};

use super::cases::{self, Locked};
use super::records::decisions_where;
use crate::changes::{column, publish};
use crate::error::unreadable;
use crate::redress::{appeals, reports};
use crate::{audit, rows};

const PARTS: &str = decisions_where!("decision = $1 AND site_id = $2 ORDER BY comment_id");

/// Comments about which something was decided later, and stands.
const DECIDED_SINCE: &str = "
    SELECT DISTINCT later.comment_id FROM decisions d
    JOIN decisions later ON later.site_id = d.site_id AND later.comment_id = d.comment_id
     AND later.decision_id > d.decision_id AND later.undone_time_ms IS NULL
    WHERE d.decision = $1 AND d.site_id = $2";

const UNDO: &str = "
    UPDATE decisions SET undone_time_ms = $3, undone_by_id = $4, undone_by_name = $5
    WHERE decision = $1 AND site_id = $2 AND effects_time_ms IS NULL";

pub(super) async fn undo(
    pool: &PgPool,
    site: &SiteId,
    decision: DecisionId,
    actor: &Actor,
    now: Timestamp,
) -> sqlx::Result<Result<Vec<StoredComment>, UndoError>> {
    let mut transaction = pool.begin().await?;
    let of_decision = |query| sqlx::query(query).bind(decision.0).bind(site.as_str());
    let parts = of_decision(PARTS).fetch_all(&mut *transaction).await?;
    let parts = parts.iter().map(part).collect::<sqlx::Result<Vec<_>>>()?;
    let ids: Vec<CommentId> = column(&parts, |(part, _)| part.comment.comment.clone());
    let locked = cases::lock(&mut transaction, site, &ids).await?;
    // Read again: while this waited for the locks, somebody else may have taken it back.
    let parts = of_decision(PARTS).fetch_all(&mut *transaction).await?;
    let parts = parts.iter().map(part).collect::<sqlx::Result<Vec<_>>>()?;
    let since: Vec<String> = sqlx::query_scalar(DECIDED_SINCE)
        .bind(decision.0)
        .bind(site.as_str())
        .fetch_all(&mut *transaction)
        .await?;
    let since: HashSet<String> = since.into_iter().collect();

    let Some((first, _)) = parts.first() else { return Ok(Err(UndoError::Unknown)) };
    if first.undone.is_some() {
        return Ok(Err(UndoError::AlreadyUndone));
    }
    if first.undo_until < now {
        return Ok(Err(UndoError::TooLate(first.undo_until)));
    }
    let mut found: Vec<(&Locked, DecisionKind, ReviewCase)> = Vec::with_capacity(parts.len());
    for (part, before) in &parts {
        let id = &part.comment.comment;
        let untouched = |locked: &&Locked| {
            locked.revision == part.revision
                && locked.case.state != State::Withdrawn
                && !since.contains(id.as_str())
        };
        if let Some(locked) = locked.get(id).filter(untouched) {
            found.push((locked, part.kind, *before));
        }
    }
    if found.len() < parts.len() {
        return Ok(Err(UndoError::Overtaken(parts.len() - found.len())));
    }

    let asked: Vec<&CommentId> = ids.iter().collect();
    let reopened = reports::reopen(&mut transaction, site, decision, &asked).await?;
    appeals::reopen(&mut transaction, site, decision, &asked).await?;
    let restored: Vec<(&Locked, ReviewCase)> = found
        .into_iter()
        .map(|(locked, kind, before)| {
            let reports = reopened.get(&locked.name.comment).copied().unwrap_or(0);
            (locked, locked.case.undone(kind, before, reports))
        })
        .collect();
    cases::put(&mut transaction, site, &restored, now).await?;
    let undone = of_decision(UNDO)
        .bind(now.as_millis())
        .bind(&actor.id)
        .bind(&actor.name)
        .execute(&mut *transaction)
        .await?;
    // By another clock the time had passed: its author was told already.
    if undone.rows_affected() < parts.len() as u64 {
        return Ok(Err(UndoError::TooLate(first.undo_until)));
    }
    let changes = column(&restored, |(locked, after)| locked.change(EventKind::DecisionUndone, after, now));
    publish(&mut transaction, &changes).await?;
    audit::append(&mut transaction, &undo_entry(site, decision, actor, ids.len(), now)).await?;
    let mut stored = cases::stored(&mut transaction, site, &ids).await?;
    transaction.commit().await?;
    Ok(Ok(ids.iter().filter_map(|id| stored.remove(id)).collect()))
}

/// A decision about one comment, and the case as the decision found it.
fn part(row: &sqlx::postgres::PgRow) -> sqlx::Result<(DecisionRecord, ReviewCase)> {
    let before: Option<Json<ReviewCase>> = row.try_get("before")?;
    let Json(before) = before.ok_or_else(|| unreadable("decision of an earlier release"))?;
    Ok((rows::decision(row)?, before))
}
