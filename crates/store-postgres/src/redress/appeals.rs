//! Authors' objections, and how decisions answer them.

use std::collections::HashSet;

use moderato_domain::{
    Appeal, AppealStatus, AppealText, CommentId, CommentName, Decision, DecisionId, DecisionKind, Puid,
    SiteId, Timestamp,
};
use moderato_store::{AppealCase, Appealed, EventKind};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, PgPool, Row};

use super::statements;
use crate::changes::{column, publish};
use crate::error::unreadable;
use crate::review::{cases, decision_about};
use crate::rows;

const STATUS: &str = "SELECT status FROM appeals WHERE puid = $1";

/// Who decided is kept with the appeal: they cannot answer it.
const FILE: &str = "
    INSERT INTO appeals (puid, site_id, comment_id, revision, decision, decided_by, words, status, create_time_ms)
    VALUES ($1, $2, $3, $4, $5,
            (SELECT actor_id FROM decisions WHERE decision = $5 AND site_id = $2 AND comment_id = $3),
            $6, 'open', $7)";

pub(super) async fn file(
    pool: &PgPool,
    puid: &Puid,
    name: &CommentName,
    text: &AppealText,
    now: Timestamp,
) -> sqlx::Result<Appealed> {
    let mut transaction = pool.begin().await?;
    let locked = cases::lock(&mut transaction, &name.site, [&name.comment]).await?;
    let statement = statements::of_puid(&mut transaction, puid).await?;
    let statement = statement.filter(|statement| statement.comment == *name);
    let (Some(locked), Some(statement)) = (locked.get(&name.comment), statement) else {
        return Ok(Appealed::Unknown);
    };
    let status: Option<String> =
        sqlx::query_scalar(STATUS).bind(puid.as_str()).fetch_optional(&mut *transaction).await?;
    let before = status.as_deref().map(read_status).transpose()?;
    let outcome = Appealed::of(&locked.case, locked.revision, &statement, before);
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
    let after = locked.case.appealed(now);
    cases::put(&mut transaction, &name.site, &[(locked, after)], now).await?;
    publish(&mut transaction, &[locked.change(EventKind::AppealReceived, &after, now)]).await?;
    transaction.commit().await?;
    Ok(Appealed::Filed)
}

/// By `appeals_by_comment`.
const NEWEST: &str = "
    SELECT puid, site_id, comment_id, revision, decision, words, status, create_time_ms, resolution,
           resolve_time_ms
    FROM appeals WHERE site_id = $1 AND comment_id = $2 ORDER BY create_time_ms DESC LIMIT 1";

pub(super) async fn newest(pool: &PgPool, name: &CommentName) -> sqlx::Result<Option<AppealCase>> {
    let row =
        sqlx::query(NEWEST).bind(name.site.as_str()).bind(name.comment.as_str()).fetch_optional(pool).await?;
    let Some(row) = row else { return Ok(None) };
    let appeal = appeal(&row)?;
    let mut connection = pool.acquire().await?;
    let statement = statements::of_puid(&mut connection, &appeal.statement).await?;
    let statement = statement.ok_or_else(|| unreadable("statement of an appeal"))?;
    let original = match appeal.decision {
        Some(decision) => decision_about(&mut connection, decision, name).await?,
        None => None,
    };
    Ok(Some(AppealCase { appeal, statement, original }))
}

const OWN: &str = "
    SELECT comment_id FROM appeals
    WHERE site_id = $1 AND comment_id = ANY ($2) AND status = 'open' AND decided_by = $3";

/// Of these comments, those with an open appeal against a decision of this actor.
pub(crate) async fn against(
    transaction: &mut PgConnection,
    site: &SiteId,
    comments: &[&CommentId],
    actor: &str,
) -> sqlx::Result<HashSet<CommentId>> {
    if comments.is_empty() {
        return Ok(HashSet::new());
    }
    let rows = sqlx::query(OWN)
        .bind(site.as_str())
        .bind(column(comments, |id| id.as_str()))
        .bind(actor)
        .fetch_all(transaction)
        .await?;
    rows.iter().map(|row| rows::comment_id(row.try_get("comment_id")?)).collect()
}

/// The overturned decision is told by which one. Decisions are locked in the order in which their effects
/// are carried out, or the two could wait for each other.
const ANSWER: &str = "
    WITH answered AS (
        UPDATE appeals SET status = $3, resolution = $4, resolve_time_ms = $5
        WHERE site_id = $1 AND comment_id = ANY ($2) AND status = 'open'
        RETURNING site_id, comment_id, decision
    ), overturned AS (
        SELECT d.decision_id FROM decisions d JOIN answered USING (decision, site_id, comment_id)
        WHERE $3 = 'upheld'
        ORDER BY d.decision, d.site_id, d.comment_id
        FOR UPDATE OF d
    )
    UPDATE decisions d SET overturned_by = $4 FROM overturned o WHERE d.decision_id = o.decision_id";

/// Answers open appeals, by a decision that settles these comments: the author was right if readers see
/// the comment again.
pub(crate) async fn answer(
    transaction: &mut PgConnection,
    decision: &Decision,
    comments: &[&CommentId],
) -> sqlx::Result<()> {
    let upheld = decision.kind == DecisionKind::Approve;
    let status = if upheld { AppealStatus::Upheld } else { AppealStatus::Rejected };
    sqlx::query(ANSWER)
        .bind(decision.site.as_str())
        .bind(column(comments, |id| id.as_str()))
        .bind(status.as_str())
        .bind(decision.id.0)
        .bind(decision.decide_time.as_millis())
        .execute(transaction)
        .await?;
    Ok(())
}

const REOPEN: &str = "
    WITH reopened AS (
        UPDATE appeals SET status = 'open', resolution = NULL, resolve_time_ms = NULL
        WHERE site_id = $1 AND comment_id = ANY ($2) AND resolution = $3
        RETURNING site_id, comment_id, decision
    ), overturned AS (
        SELECT d.decision_id FROM decisions d JOIN reopened USING (decision, site_id, comment_id)
        ORDER BY d.decision, d.site_id, d.comment_id
        FOR UPDATE OF d
    )
    UPDATE decisions d SET overturned_by = NULL FROM overturned o WHERE d.decision_id = o.decision_id";

/// Opens again what a decision answered, because it is undone.
pub(crate) async fn reopen(
    transaction: &mut PgConnection,
    site: &SiteId,
    decision: DecisionId,
    comments: &[&CommentId],
) -> sqlx::Result<()> {
    sqlx::query(REOPEN)
        .bind(site.as_str())
        .bind(column(comments, |id| id.as_str()))
        .bind(decision.0)
        .execute(transaction)
        .await?;
    Ok(())
}

fn read_status(text: &str) -> sqlx::Result<AppealStatus> {
    AppealStatus::parse(text).ok_or_else(|| unreadable("status of an appeal"))
}

fn appeal(row: &PgRow) -> sqlx::Result<Appeal> {
    Ok(Appeal {
        statement: Puid::from_stored(row.try_get("puid")?),
        comment: rows::name(row)?,
        revision: rows::revision(row)?,
        decision: row.try_get::<Option<_>, _>("decision")?.map(DecisionId),
        text: row.try_get("words")?,
        status: read_status(row.try_get("status")?)?,
        create_time: rows::time(row, "create_time_ms")?,
        resolution: row.try_get::<Option<_>, _>("resolution")?.map(DecisionId),
        resolve_time: rows::optional_time(row, "resolve_time_ms")?,
    })
}
