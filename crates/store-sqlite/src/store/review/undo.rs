//! Taking a decision back.

use moderato_domain::{Actor, CommentId, DecisionId, SiteId, State, Timestamp};
use moderato_store::{EventKind, ReviewCase, StoredComment, UndoError, Undoing, undo_entry, undone};

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
    let ids = parts.iter().map(rows::comment_id).collect::<sqlx::Result<Vec<CommentId>>>()?;
    let ids: Vec<&CommentId> = ids.iter().collect();
    let held = cases::read(&mut transaction, site, &ids).await?;
    let part = |row| {
        let record = rows::decision(row)?;
        let id = &record.comment.comment;
        let untouched = held.get(id).is_some_and(|held| {
            held.revision == record.revision
                && held.case.state != State::Withdrawn
                && !since.iter().any(|since| since == id.as_str())
        });
        Ok(Undoing {
            before: rows::optional(row, "before", |text| serde_json::from_str(text).ok())?,
            untouched,
            record,
        })
    };
    let parts = parts.iter().map(part).collect::<sqlx::Result<Vec<_>>>()?;
    let before = match undone(&parts, now) {
        Ok(before) => before,
        Err(error) => return Ok(Err(error)),
    };

    let reopened = reports::reopen(&mut transaction, site, decision, &ids).await?;
    appeals::reopen(&mut transaction, site, decision, &ids).await?;
    let mut restored: Vec<(&Held, ReviewCase)> = Vec::with_capacity(parts.len());
    for (Undoing { record, .. }, before) in parts.iter().zip(before) {
        let Some(held) = held.get(&record.comment.comment) else { continue };
        let reports = reopened.get(&held.id).copied().unwrap_or(0);
        restored.push((held, held.case.undone(record.kind, before, reports)));
    }
    cases::put(&mut transaction, site, &restored, now).await?;
    let taken_back = sqlx::query(
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
    if taken_back.rows_affected() < parts.len() as u64 {
        return Ok(Err(UndoError::TooLate(parts[0].record.undo_until)));
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
