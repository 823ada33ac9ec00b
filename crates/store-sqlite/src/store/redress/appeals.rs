//! Authors' objections, and how decisions answer them.

use std::collections::HashSet;

use moderato_domain::{
    Appeal, AppealStatus, AppealText, CommentId, CommentName, Decision, DecisionId, DecisionKind, Puid,
    SiteId, Timestamp,
};
use moderato_store::{AppealCase, Appealed, EventKind};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use super::statements;
use crate::database::Database;
use crate::rows;
use crate::store::events;
use crate::store::review::{cases, decision_about};

const STATUS: &str = "SELECT status FROM appeals WHERE puid = ?1";

/// Who decided is kept with the appeal: they cannot answer it.
const FILE: &str = "
    INSERT INTO appeals (puid, site_id, comment_id, revision, decision, decided_by, words, status, create_time_ms)
    VALUES (?1, ?2, ?3, ?4, ?5,
            (SELECT actor_id FROM decisions WHERE decision = ?5 AND site_id = ?2 AND comment_id = ?3),
            ?6, 'open', ?7)";

pub(super) async fn file(
    database: &Database,
    puid: &Puid,
    name: &CommentName,
    text: &AppealText,
    now: Timestamp,
) -> sqlx::Result<Appealed> {
    let mut transaction = database.write().await?;
    let held = cases::read(&mut transaction, &name.site, &[&name.comment]).await?;
    let statement = statements::of_puid(&mut transaction, puid).await?;
    let statement = statement.filter(|statement| statement.comment == *name);
    let (Some(held), Some(statement)) = (held.get(&name.comment), statement) else {
        return Ok(Appealed::Unknown);
    };
    let before = sqlx::query(STATUS).bind(puid.as_str()).fetch_optional(&mut *transaction).await?;
    let before = before.map(|row| rows::word(&row, "status", AppealStatus::parse)).transpose()?;
    let outcome = Appealed::of(&held.case, held.revision, &statement, before);
    if outcome != Appealed::Filed {
        return Ok(outcome);
    }
    sqlx::query(FILE)
        .bind(puid.as_str())
        .bind(name.site.as_str())
        .bind(name.comment.as_str())
        .bind(statement.revision.get())
        .bind(statement.decision.map(|DecisionId(id)| id))
        .bind(text.as_str())
        .bind(now.as_millis())
        .execute(&mut *transaction)
        .await?;
    let after = held.case.appealed(now);
    cases::put(&mut transaction, &name.site, &[(held, after)], now).await?;
    let told = held.event(EventKind::AppealReceived, &name.site, &after, now);
    events::append(&mut transaction, &[told]).await?;
    database.commit_events(transaction).await?;
    Ok(Appealed::Filed)
}

/// By `appeals_by_comment`.
const NEWEST: &str = "
    SELECT puid, site_id, comment_id, revision, decision, words, status, create_time_ms, resolution,
           resolve_time_ms
    FROM appeals WHERE site_id = ?1 AND comment_id = ?2 ORDER BY create_time_ms DESC LIMIT 1";

pub(super) async fn newest(database: &Database, name: &CommentName) -> sqlx::Result<Option<AppealCase>> {
    let row = sqlx::query(NEWEST)
        .bind(name.site.as_str())
        .bind(name.comment.as_str())
        .fetch_optional(database.readers())
        .await?;
    let Some(row) = row else { return Ok(None) };
    let appeal = appeal(&row)?;
    let mut connection = database.readers().acquire().await?;
    let statement = statements::of_puid(&mut connection, &appeal.statement).await?;
    let statement = statement.ok_or(sqlx::Error::RowNotFound)?;
    let original = match appeal.decision {
        Some(decision) => decision_about(&mut connection, decision, name).await?,
        None => None,
    };
    Ok(Some(AppealCase { appeal, statement, original }))
}

const OWN: &str = "
    SELECT comment_id FROM appeals
    WHERE site_id = ?1 AND comment_id IN (SELECT value FROM json_each(?2)) AND status = 'open' AND decided_by = ?3";

/// Of these comments, those with an open appeal against a decision of this actor.
pub(crate) async fn against(
    connection: &mut SqliteConnection,
    site: &SiteId,
    comments: &[&CommentId],
    actor: &str,
) -> sqlx::Result<HashSet<CommentId>> {
    if comments.is_empty() {
        return Ok(HashSet::new());
    }
    let rows = sqlx::query(OWN)
        .bind(site.as_str())
        .bind(rows::to_json(comments)?)
        .bind(actor)
        .fetch_all(connection)
        .await?;
    rows.iter().map(rows::comment_id).collect()
}

const ANSWER: &str = "
    UPDATE appeals SET status = ?3, resolution = ?4, resolve_time_ms = ?5
    WHERE site_id = ?1 AND comment_id IN (SELECT value FROM json_each(?2)) AND status = 'open'";

/// The decisions that were objected to.
const OVERTURN: &str = "
    UPDATE decisions AS d SET overturned_by = ?4 FROM appeals AS a
    WHERE a.site_id = ?1 AND a.comment_id IN (SELECT value FROM json_each(?2)) AND a.resolution = ?3
      AND d.decision = a.decision AND d.site_id = a.site_id AND d.comment_id = a.comment_id";

/// Answers open appeals, by a decision that settles these comments: the author was right if readers see
/// the comment again.
pub(crate) async fn answer(
    connection: &mut SqliteConnection,
    decision: &Decision,
    comments: &[&CommentId],
) -> sqlx::Result<()> {
    let upheld = decision.kind == DecisionKind::Approve;
    let status = if upheld { AppealStatus::Upheld } else { AppealStatus::Rejected };
    let comments = rows::to_json(comments)?;
    sqlx::query(ANSWER)
        .bind(decision.site.as_str())
        .bind(&comments)
        .bind(status.as_str())
        .bind(decision.id.0)
        .bind(decision.decide_time.as_millis())
        .execute(&mut *connection)
        .await?;
    if upheld {
        overturn(connection, &decision.site, &comments, decision.id, Some(decision.id)).await?;
    }
    Ok(())
}

const REOPEN: &str = "
    UPDATE appeals SET status = 'open', resolution = NULL, resolve_time_ms = NULL
    WHERE site_id = ?1 AND comment_id IN (SELECT value FROM json_each(?2)) AND resolution = ?3";

/// Opens again what a decision answered, because it is undone.
pub(crate) async fn reopen(
    connection: &mut SqliteConnection,
    site: &SiteId,
    decision: DecisionId,
    comments: &[&CommentId],
) -> sqlx::Result<()> {
    let comments = rows::to_json(comments)?;
    overturn(connection, site, &comments, decision, None).await?;
    sqlx::query(REOPEN).bind(site.as_str()).bind(&comments).bind(decision.0).execute(connection).await?;
    Ok(())
}

/// Tells the decisions that `answer` is about by which one they were overturned.
async fn overturn(
    connection: &mut SqliteConnection,
    site: &SiteId,
    comments: &str,
    answer: DecisionId,
    by: Option<DecisionId>,
) -> sqlx::Result<()> {
    sqlx::query(OVERTURN)
        .bind(site.as_str())
        .bind(comments)
        .bind(answer.0)
        .bind(by.map(|DecisionId(id)| id))
        .execute(connection)
        .await?;
    Ok(())
}

fn appeal(row: &SqliteRow) -> sqlx::Result<Appeal> {
    Ok(Appeal {
        statement: Puid::from_stored(row.try_get("puid")?),
        comment: rows::comment_name(row)?,
        revision: rows::revision(row)?,
        decision: row.try_get::<Option<_>, _>("decision")?.map(DecisionId),
        text: row.try_get("words")?,
        status: rows::word(row, "status", AppealStatus::parse)?,
        create_time: rows::time(row, "create_time_ms")?,
        resolution: row.try_get::<Option<_>, _>("resolution")?.map(DecisionId),
        resolve_time: rows::optional_time(row, "resolve_time_ms")?,
    })
}
