//! Statements of reasons, and what follows from decisions.

use moderato_domain::{
    CommentName, DecisionId, Notice, Puid, Revision, SiteId, Source, Statement, Timestamp,
};
use moderato_store::{DecisionRecord, DueEffect, Effect, StatementPosition};
use serde_json::from_str;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, PgPool, Row};

use super::mails;
use crate::changes::column;
use crate::error::unreadable;
use crate::review::decision_about;
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

/// By `decisions_due`. What was undone has no effects.
const DUE: &str = "
    SELECT decision, site_id, comment_id, effects_attempts FROM decisions
    WHERE effects_time_ms IS NULL AND undo_until_ms < $1 AND undone_time_ms IS NULL
      AND (effects_next_ms IS NULL OR effects_next_ms <= $1)
    ORDER BY undo_until_ms, decision_id LIMIT $2";

pub(crate) async fn due(pool: &PgPool, now: Timestamp, limit: u32) -> sqlx::Result<Vec<DueEffect>> {
    let found = sqlx::query(DUE).bind(now.as_millis()).bind(i64::from(limit)).fetch_all(pool).await?;
    let due = found.iter().map(|row| {
        Ok(DueEffect {
            decision: DecisionId(row.try_get("decision")?),
            comment: rows::name(row)?,
            attempts: attempts(row, "effects_attempts")?,
        })
    });
    due.collect()
}

pub(super) fn attempts(row: &PgRow, column: &str) -> sqlx::Result<u32> {
    u32::try_from(row.try_get::<i32, _>(column)?).map_err(|_| unreadable("number of attempts"))
}

pub(crate) async fn decided(
    pool: &PgPool,
    decision: DecisionId,
    name: &CommentName,
) -> sqlx::Result<Option<DecisionRecord>> {
    let mut connection = pool.acquire().await?;
    decision_about(&mut connection, decision, name).await
}

const SET_ASIDE: &str = "
    UPDATE decisions SET effects_attempts = effects_attempts + 1, effects_next_ms = $4
    WHERE decision = $1 AND site_id = $2 AND comment_id = $3";

pub(crate) async fn set_aside(pool: &PgPool, effect: &DueEffect, next: Timestamp) -> sqlx::Result<()> {
    sqlx::query(SET_ASIDE)
        .bind(effect.decision.0)
        .bind(effect.comment.site.as_str())
        .bind(effect.comment.comment.as_str())
        .bind(next.as_millis())
        .execute(pool)
        .await?;
    Ok(())
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
    let (mut statements, mut mails) = (Vec::new(), Vec::new());
    for effect in effects {
        if mine.iter().any(|(id, name)| *id == effect.decision && *name == effect.comment) {
            statements.extend(&effect.statement);
            mails.extend(&effect.mails);
        }
    }
    insert(&mut transaction, &statements).await?;
    mails::insert(&mut transaction, &mails).await?;
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

pub(super) async fn insert(connection: &mut PgConnection, statements: &[&Statement]) -> sqlx::Result<()> {
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
