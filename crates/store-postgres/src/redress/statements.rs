//! Statements of reasons, and what follows from decisions.

use moderato_domain::{
    CommentName, DecisionId, Notice, Puid, Revision, SiteId, Source, Statement, Timestamp,
};
use moderato_store::{Effect, Event, EventCursor, Mail, StatementPosition};
use serde_json::from_str;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, PgPool, Row};

use super::mails;
use crate::changes::column;
use crate::error::unreadable;
use crate::rows;

macro_rules! select_statements {
    ($which:literal) => {
        concat!(
            "SELECT puid, site_id, comment_id, revision, decision, category, guideline::text, facts, message,
                    source, automated_detection, automated_decision, language, content_time_ms,
                    restrict_time_ms, create_time_ms
             FROM statements ",
            $which
        )
    };
}

/// By `statements_by_comment`.
const NEWEST: &str = select_statements!(
    "WHERE site_id = $1 AND comment_id = $2 ORDER BY create_time_ms DESC, puid DESC LIMIT 1"
);

/// By `statements_by_time`.
const OLDEST_FIRST: &str = select_statements!(
    "WHERE site_id = $1 AND create_time_ms >= $2 AND create_time_ms < $3 AND (create_time_ms, puid) > ($4, $5)
     ORDER BY create_time_ms, puid LIMIT $6"
);

const OF_PUID: &str = select_statements!("WHERE puid = $1");

pub(crate) async fn newest(pool: &PgPool, name: &CommentName) -> sqlx::Result<Option<Statement>> {
    let row =
        sqlx::query(NEWEST).bind(name.site.as_str()).bind(name.comment.as_str()).fetch_optional(pool).await?;
    row.as_ref().map(statement).transpose()
}

pub(crate) async fn oldest_first(
    pool: &PgPool,
    site: &SiteId,
    since: Timestamp,
    until: Timestamp,
    after: Option<&StatementPosition>,
    limit: u32,
) -> sqlx::Result<Vec<Statement>> {
    let rows = sqlx::query(OLDEST_FIRST)
        .bind(site.as_str())
        .bind(since.as_millis())
        .bind(until.as_millis())
        .bind(after.map_or(i64::MIN, |after| after.time.as_millis()))
        .bind(after.map_or("", |after| after.puid.as_str()))
        .bind(i64::from(limit))
        .fetch_all(pool)
        .await?;
    rows.iter().map(statement).collect()
}

pub(super) async fn of_puid(connection: &mut PgConnection, puid: &Puid) -> sqlx::Result<Option<Statement>> {
    let row = sqlx::query(OF_PUID).bind(puid.as_str()).fetch_optional(connection).await?;
    row.as_ref().map(statement).transpose()
}

/// What another process carried out, or somebody undid, is not among what is marked. By
/// `decisions_once`; locked in one order, so that two processes do not wait for each other.
const MARK: &str = "
    WITH mine AS (
        SELECT d.decision, d.site_id, d.comment_id
        FROM unnest($1::uuid[], $2::text[], $3::text[]) AS due (decision, site_id, comment_id)
        JOIN decisions d USING (decision, site_id, comment_id)
        WHERE d.effects_time_ms IS NULL AND d.undone_time_ms IS NULL
        ORDER BY d.decision, d.site_id, d.comment_id
        FOR UPDATE OF d
    )
    UPDATE decisions d SET effects_time_ms = $4 FROM mine
    WHERE d.decision = mine.decision AND d.site_id = mine.site_id AND d.comment_id = mine.comment_id
    RETURNING d.decision, d.site_id, d.comment_id";

pub(crate) async fn carry_out(pool: &PgPool, effects: &[Effect], now: Timestamp) -> sqlx::Result<()> {
    let mut transaction = pool.begin().await?;
    let mine = sqlx::query(MARK)
        .bind(column(effects, |effect| effect.decision.0))
        .bind(column(effects, |effect| effect.comment.site.as_str()))
        .bind(column(effects, |effect| effect.comment.comment.as_str()))
        .bind(now.as_millis())
        .fetch_all(&mut *transaction)
        .await?;
    let mine = mine
        .iter()
        .map(|row| Ok((DecisionId(row.try_get("decision")?), rows::name(row)?)))
        .collect::<sqlx::Result<Vec<_>>>()?;
    let mine = effects
        .iter()
        .filter(|effect| mine.iter().any(|(id, name)| *id == effect.decision && *name == effect.comment));
    for effect in mine {
        insert(&mut transaction, effect.statement.as_slice()).await?;
        mails::insert(&mut transaction, &effect.mails).await?;
    }
    transaction.commit().await
}

/// What the engine rejected since that was last stated, by `events_rejected`. Only what no earlier event
/// can still be committed before: see `events`.
const REJECTIONS: &str = "
    SELECT e.xact_id, e.sequence, kind, site_id, comment_id, thread_id, revision, action, state, time_ms
    FROM events e, redress_progress p
    WHERE kind = 'verdict.recorded' AND state = 'rejected'
      AND (e.xact_id, e.sequence) > (p.xact_id, p.sequence)
      AND e.xact_id < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
    ORDER BY e.xact_id, e.sequence LIMIT $1";

pub(crate) async fn rejections(pool: &PgPool, limit: u32) -> sqlx::Result<Vec<Event>> {
    let rows = sqlx::query(REJECTIONS).bind(i64::from(limit)).fetch_all(pool).await?;
    rows.iter().map(rows::event).collect()
}

/// Never back: another process may have come further.
const PROGRESS: &str = "
    UPDATE redress_progress SET xact_id = $1, sequence = $2 WHERE (xact_id, sequence) < ($1, $2)";

pub(crate) async fn state_rejections(
    pool: &PgPool,
    until: EventCursor,
    statements: &[Statement],
    mails: &[Mail],
) -> sqlx::Result<()> {
    let mut transaction = pool.begin().await?;
    insert(&mut transaction, statements).await?;
    mails::insert(&mut transaction, mails).await?;
    sqlx::query(PROGRESS).bind(until.epoch).bind(until.sequence).execute(&mut *transaction).await?;
    transaction.commit().await
}

const AUTHOR_MAIL: &str =
    "SELECT email FROM comment_revisions WHERE site_id = $1 AND comment_id = $2 AND revision = $3";

pub(crate) async fn author_mail(
    pool: &PgPool,
    name: &CommentName,
    revision: Revision,
) -> sqlx::Result<Option<String>> {
    let mail: Option<Option<String>> = sqlx::query_scalar(AUTHOR_MAIL)
        .bind(name.site.as_str())
        .bind(name.comment.as_str())
        .bind(revision.get())
        .fetch_optional(pool)
        .await?;
    Ok(mail.flatten())
}

const ANSWERED_NOTICES: &str = "
    SELECT notice::text FROM reports
    WHERE site_id = $1 AND comment_id = $2 AND decision = $3 AND notice IS NOT NULL
    ORDER BY report_time_ms";

pub(crate) async fn answered_notices(
    pool: &PgPool,
    name: &CommentName,
    decision: DecisionId,
) -> sqlx::Result<Vec<Notice>> {
    let notices: Vec<String> = sqlx::query_scalar(ANSWERED_NOTICES)
        .bind(name.site.as_str())
        .bind(name.comment.as_str())
        .bind(decision.0)
        .fetch_all(pool)
        .await?;
    notices.iter().map(|text| from_str(text).map_err(|_| unreadable("notice"))).collect()
}

/// A statement that is there already is the same one.
const INSERT: &str = "
    INSERT INTO statements (puid, site_id, comment_id, revision, decision, category, guideline, facts, message,
                            source, automated_detection, automated_decision, language, content_time_ms,
                            restrict_time_ms, create_time_ms)
    VALUES ($1, $2, $3, $4, $5, $6, $7::json, $8, $9, $10, $11, $12, $13, $14, $15, $16)
    ON CONFLICT (puid) DO NOTHING";

async fn insert(connection: &mut PgConnection, statements: &[Statement]) -> sqlx::Result<()> {
    for statement in statements {
        let guideline = statement.guideline.as_ref().map(serde_json::to_string).transpose();
        sqlx::query(INSERT)
            .bind(statement.puid.as_str())
            .bind(statement.comment.site.as_str())
            .bind(statement.comment.comment.as_str())
            .bind(statement.revision.get())
            .bind(statement.decision.map(|DecisionId(id)| id))
            .bind(&statement.category)
            .bind(guideline.map_err(|error| sqlx::Error::Encode(error.into()))?)
            .bind(&statement.facts)
            .bind(&statement.message)
            .bind(statement.source.as_str())
            .bind(statement.automated_detection)
            .bind(statement.automated_decision)
            .bind(&statement.language)
            .bind(statement.content_time.as_millis())
            .bind(statement.restrict_time.as_millis())
            .bind(statement.create_time.as_millis())
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

fn statement(row: &PgRow) -> sqlx::Result<Statement> {
    let guideline: Option<&str> = row.try_get("guideline")?;
    let source: &str = row.try_get("source")?;
    Ok(Statement {
        puid: Puid::from_stored(row.try_get("puid")?),
        comment: rows::name(row)?,
        revision: rows::revision(row)?,
        decision: row.try_get::<Option<_>, _>("decision")?.map(DecisionId),
        category: row.try_get("category")?,
        guideline: guideline.map(from_str).transpose().map_err(|_| unreadable("cited section"))?,
        facts: row.try_get("facts")?,
        message: row.try_get("message")?,
        source: Source::parse(source).ok_or_else(|| unreadable("source"))?,
        automated_detection: row.try_get("automated_detection")?,
        automated_decision: row.try_get("automated_decision")?,
        language: row.try_get("language")?,
        content_time: rows::time(row, "content_time_ms")?,
        restrict_time: rows::time(row, "restrict_time_ms")?,
        create_time: rows::time(row, "create_time_ms")?,
    })
}
