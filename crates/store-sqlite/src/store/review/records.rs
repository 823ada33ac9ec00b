//! Decisions as they are kept, and moderators' notes.

use moderato_domain::{CommentId, CommentName, DecisionId, SiteId};
use moderato_store::{DecisionFilter, DecisionPosition, DecisionRecord, EventKind, Note};
use sqlx::{QueryBuilder, Row, Sqlite, SqliteConnection};

use super::cases;
use crate::database::Database;
use crate::rows;
use crate::store::events;

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

/// By one of `decisions_by_comment`, `decisions_by_actor` and `decisions_by_site`.
pub(super) async fn newest_first(
    database: &Database,
    site: &SiteId,
    filter: &DecisionFilter,
    after: Option<&DecisionPosition>,
    limit: u32,
) -> sqlx::Result<Vec<DecisionRecord>> {
    let mut query = QueryBuilder::<Sqlite>::new(decisions_where!("site_id = "));
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
    query.push(" ORDER BY decide_time_ms DESC, decision DESC, comment_id DESC LIMIT ").push_bind(limit);
    query.build().fetch_all(database.readers()).await?.iter().map(rows::decision).collect()
}

/// Everything that is kept under the id of a decision, by `decisions_once`.
pub(super) async fn of_id(
    connection: &mut SqliteConnection,
    decision: DecisionId,
) -> sqlx::Result<Vec<DecisionRecord>> {
    let found = sqlx::query(decisions_where!("decision = ?1 ORDER BY site_id, comment_id"))
        .bind(decision.0)
        .fetch_all(connection)
        .await?;
    found.iter().map(rows::decision).collect()
}

pub(super) async fn one(
    database: &Database,
    site: &SiteId,
    decision: DecisionId,
) -> sqlx::Result<Vec<DecisionRecord>> {
    let mut records = of_id(&mut *database.readers().acquire().await?, decision).await?;
    records.retain(|record| record.comment.site == *site);
    Ok(records)
}

/// Of each comment a range of `decisions_by_comment`.
pub(super) async fn newest(
    database: &Database,
    site: &SiteId,
    comments: &[CommentId],
) -> sqlx::Result<Vec<DecisionRecord>> {
    let found = sqlx::query(decisions_where!(
        "decision_id IN (
            SELECT (SELECT d.decision_id FROM decisions AS d
                    WHERE d.site_id = ?1 AND d.comment_id = asked.value
                    ORDER BY d.decide_time_ms DESC, d.decision DESC LIMIT 1)
            FROM json_each(?2) AS asked)"
    ))
    .bind(site.as_str())
    .bind(rows::to_json(comments)?)
    .fetch_all(database.readers())
    .await?;
    found.iter().map(rows::decision).collect()
}

pub(super) async fn add_note(database: &Database, note: &Note) -> sqlx::Result<bool> {
    let CommentName { site, comment } = &note.comment;
    let mut transaction = database.write().await?;
    let held = cases::read(&mut transaction, site, &[comment]).await?;
    let Some(held) = held.get(comment) else { return Ok(false) };
    sqlx::query(
        "INSERT INTO notes (site_id, comment_id, actor_id, actor_name, text, time_ms)
         VALUES (?, ?, ?, ?, ?, ?)",
    )
    .bind(site.as_str())
    .bind(comment.as_str())
    .bind(&note.actor.id)
    .bind(&note.actor.name)
    .bind(&note.text)
    .bind(note.time.as_millis())
    .execute(&mut *transaction)
    .await?;
    let added = held.event(EventKind::NoteAdded, site, &held.case, note.time);
    events::append(&mut transaction, &[added]).await?;
    database.commit_events(transaction).await?;
    Ok(true)
}

pub(super) async fn notes(database: &Database, name: &CommentName) -> sqlx::Result<Vec<Note>> {
    let found = sqlx::query(
        "SELECT site_id, comment_id, actor_id, actor_name, text, time_ms FROM notes
         WHERE site_id = ?1 AND comment_id = ?2 ORDER BY note_id",
    )
    .bind(name.site.as_str())
    .bind(name.comment.as_str())
    .fetch_all(database.readers())
    .await?;
    let note = |row| {
        Ok(Note {
            comment: rows::comment_name(row)?,
            actor: rows::actor(row)?,
            text: row.try_get("text")?,
            time: rows::time(row, "time_ms")?,
        })
    };
    found.iter().map(note).collect()
}
