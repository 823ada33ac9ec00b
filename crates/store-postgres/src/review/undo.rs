//! Taking a decision back.

use moderato_domain::{Actor, CommentId, DecisionId, SiteId, State, Timestamp};
use moderato_store::{EventKind, ReviewCase, StoredComment, UndoError, Undoing, undo_entry, undone};
use sqlx::types::Json;
use sqlx::{PgPool, Row};

use super::cases::{self, Locked};
use super::records::decisions_where;
use crate::changes::{column, publish};
use crate::redress::{appeals, reports};
use crate::{audit, rows};

const COMMENTS: &str = "
    SELECT comment_id FROM decisions WHERE decision = $1 AND site_id = $2 ORDER BY comment_id";

const PARTS: &str = decisions_where!("decision = $1 AND site_id = $2 ORDER BY comment_id");

/// Comments about which something was decided later, and stands.
const DECIDED_SINCE: &str = "
    SELECT DISTINCT later.comment_id FROM decisions d
    JOIN decisions later ON later.site_id = d.site_id AND later.comment_id = d.comment_id
     AND later.decision_id > d.decision_id AND later.undone_time_ms IS NULL
    WHERE d.decision = $1 AND d.site_id = $2";

/// Locked in the order in which effects are carried out, which does not lock the comments.
const UNDO: &str = "
    WITH mine AS (
        SELECT decision_id FROM decisions WHERE decision = $1 AND site_id = $2 AND effects_time_ms IS NULL
        ORDER BY comment_id
        FOR UPDATE
    )
    UPDATE decisions d SET undone_time_ms = $3, undone_by_id = $4, undone_by_name = $5
    FROM mine WHERE d.decision_id = mine.decision_id";

pub(super) async fn undo(
    pool: &PgPool,
    site: &SiteId,
    decision: DecisionId,
    actor: &Actor,
    now: Timestamp,
) -> sqlx::Result<Result<Vec<StoredComment>, UndoError>> {
    let mut transaction = pool.begin().await?;
    let of_decision = |query| sqlx::query(query).bind(decision.0).bind(site.as_str());
    let comments = of_decision(COMMENTS).fetch_all(&mut *transaction).await?;
    let comments = comments.iter().map(|row| rows::comment_id(row.try_get("comment_id")?));
    let ids = comments.collect::<sqlx::Result<Vec<CommentId>>>()?;
    let locked = cases::lock(&mut transaction, site, &ids).await?;
    // After the locks: somebody else may have taken it back meanwhile.
    let since: Vec<String> = sqlx::query_scalar(DECIDED_SINCE)
        .bind(decision.0)
        .bind(site.as_str())
        .fetch_all(&mut *transaction)
        .await?;
    let part = |row| {
        let (record, before) = (rows::decision(row)?, row.try_get::<Option<Json<ReviewCase>>, _>("before")?);
        let id = &record.comment.comment;
        let untouched = locked.get(id).is_some_and(|locked| {
            locked.revision == record.revision
                && locked.case.state != State::Withdrawn
                && !since.iter().any(|since| since == id.as_str())
        });
        Ok(Undoing { before: before.map(|Json(before)| before), untouched, record })
    };
    let parts = of_decision(PARTS).fetch_all(&mut *transaction).await?;
    let parts = parts.iter().map(part).collect::<sqlx::Result<Vec<_>>>()?;
    let before = match undone(&parts, now) {
        Ok(before) => before,
        Err(error) => return Ok(Err(error)),
    };

    let asked: Vec<&CommentId> = ids.iter().collect();
    let reopened = reports::reopen(&mut transaction, site, decision, &asked).await?;
    appeals::reopen(&mut transaction, site, decision, &asked).await?;
    let mut restored: Vec<(&Locked, ReviewCase)> = Vec::with_capacity(parts.len());
    for (Undoing { record, .. }, before) in parts.iter().zip(before) {
        let Some(locked) = locked.get(&record.comment.comment) else { continue };
        let reports = reopened.get(&locked.name.comment).copied().unwrap_or(0);
        restored.push((locked, locked.case.undone(record.kind, before, reports)));
    }
    cases::put(&mut transaction, site, &restored, now).await?;
    let taken_back = of_decision(UNDO)
        .bind(now.as_millis())
        .bind(&actor.id)
        .bind(&actor.name)
        .execute(&mut *transaction)
        .await?;
    // By another clock the time had passed: its author was told already.
    if taken_back.rows_affected() < parts.len() as u64 {
        return Ok(Err(UndoError::TooLate(parts[0].record.undo_until)));
    }
    let changes = column(&restored, |(locked, after)| locked.change(EventKind::DecisionUndone, after, now));
    publish(&mut transaction, &changes).await?;
    audit::append(&mut transaction, &undo_entry(site, decision, actor, ids.len(), now)).await?;
    let mut stored = cases::stored(&mut transaction, site, &ids).await?;
    transaction.commit().await?;
    Ok(Ok(ids.iter().filter_map(|id| stored.remove(id)).collect()))
}
