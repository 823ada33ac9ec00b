//! Decisions as they are kept, and moderators' notes.

use moderato_domain::{CommentId, CommentName, DecisionId, SiteId};
use moderato_store::{DecisionFilter, DecisionPosition, DecisionRecord, EventKind, Note};
use sqlx::{PgConnection, PgPool, Postgres, QueryBuilder, Row};

use super::cases;
use crate::changes::{column, publish};
use crate::rows;

/// Columns of a decision about one comment.
macro_rules! decisions_where {
    ($which:literal) => {
        concat!(
            "SELECT decision, site_id, comment_id, revision, kind, actor_id,
                    coalesce(actor_name, moderator) AS actor_name, guideline, message, note, decide_time_ms,
                    waited_ms, undo_until_ms, undone_time_ms, undone_by_id, undone_by_name, version, before
             FROM decisions WHERE ",
            $which
        )
    };
}
pub(super) use decisions_where;

const NOTES: &str = "
    SELECT site_id, comment_id, actor_id, actor_name, text, time_ms FROM notes
    WHERE site_id = $1 AND comment_id = $2 ORDER BY note_id";

const ADD_NOTE: &str = "
    INSERT INTO notes (site_id, comment_id, actor_id, actor_name, text, time_ms)
    VALUES ($1, $2, $3, $4, $5, $6)";

/// By one of `decisions_by_comment`, `decisions_by_actor` and `decisions_by_site`.
pub(super) async fn newest_first(
    pool: &PgPool,
    site: &SiteId,
    filter: &DecisionFilter,
    after: Option<&DecisionPosition>,
    limit: u32,
) -> sqlx::Result<Vec<DecisionRecord>> {
    let mut query = QueryBuilder::<Postgres>::new(decisions_where!("site_id = "));
    query.push_bind(site.as_str());
    if let Some(comment) = &filter.comment {
        query.push(" AND comment_id = ").push_bind(comment.as_str());
    }
    if let Some(actor) = &filter.actor {
        query.push(" AND actor_id = ").push_bind(actor);
    }
    if let Some(DecisionPosition { time, decision, comment }) = after {
        query.push(" AND (decide_time_ms, decision, comment_id) < (").push_bind(time.as_millis());
        query.push(", ").push_bind(decision.0).push(", ").push_bind(comment.as_str()).push(")");
    }
    query.push(" ORDER BY decide_time_ms DESC, decision DESC, comment_id DESC LIMIT ");
    query.push_bind(i64::from(limit));
    query.build().fetch_all(pool).await?.iter().map(rows::decision).collect()
}

/// By `decisions_once`.
const OF_ID: &str = decisions_where!("decision = $1 ORDER BY site_id, comment_id");

/// Everything that is kept under the id of a decision.
pub(super) async fn of_id(
    connection: &mut PgConnection,
    decision: DecisionId,
) -> sqlx::Result<Vec<DecisionRecord>> {
    let rows = sqlx::query(OF_ID).bind(decision.0).fetch_all(connection).await?;
    rows.iter().map(rows::decision).collect()
}

pub(super) async fn one(
    pool: &PgPool,
    site: &SiteId,
    decision: DecisionId,
) -> sqlx::Result<Vec<DecisionRecord>> {
    let mut records = of_id(&mut *pool.acquire().await?, decision).await?;
    records.retain(|record| record.comment.site == *site);
    Ok(records)
}

/// Of each comment a range of `decisions_by_comment`.
const NEWEST: &str = decisions_where!(
    "decision_id IN (
        SELECT newest.decision_id FROM unnest($2::text[]) AS asked (id)
        CROSS JOIN LATERAL (
            SELECT d.decision_id FROM decisions d WHERE d.site_id = $1 AND d.comment_id = asked.id
            ORDER BY d.decide_time_ms DESC, d.decision DESC LIMIT 1
        ) AS newest)"
);

pub(super) async fn newest(
    pool: &PgPool,
    site: &SiteId,
    comments: &[CommentId],
) -> sqlx::Result<Vec<DecisionRecord>> {
    let rows = sqlx::query(NEWEST)
        .bind(site.as_str())
        .bind(column(comments, CommentId::as_str))
        .fetch_all(pool)
        .await?;
    rows.iter().map(rows::decision).collect()
}

pub(super) async fn add_note(pool: &PgPool, note: &Note) -> sqlx::Result<bool> {
    let CommentName { site, comment } = &note.comment;
    let mut transaction = pool.begin().await?;
    let locked = cases::lock(&mut transaction, site, [comment]).await?;
    let Some(locked) = locked.get(comment) else { return Ok(false) };
    sqlx::query(ADD_NOTE)
        .bind(site.as_str())
        .bind(comment.as_str())
        .bind(&note.actor.id)
        .bind(&note.actor.name)
        .bind(&note.text)
        .bind(note.time.as_millis())
        .execute(&mut *transaction)
        .await?;
    let added = locked.change(EventKind::NoteAdded, &locked.case, note.time);
    publish(&mut transaction, &[added]).await?;
    transaction.commit().await?;
    Ok(true)
}

pub(super) async fn notes(pool: &PgPool, name: &CommentName) -> sqlx::Result<Vec<Note>> {
    let found =
        sqlx::query(NOTES).bind(name.site.as_str()).bind(name.comment.as_str()).fetch_all(pool).await?;
    let note = |row| {
        Ok(Note {
            comment: rows::name(row)?,
            actor: rows::actor(row)?,
            text: row.try_get("text")?,
            time: rows::time(row, "time_ms")?,
        })
    };
    found.iter().map(note).collect()
}
