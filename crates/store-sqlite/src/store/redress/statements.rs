//! Statements of reasons, and what follows from decisions.

use moderato_domain::{
    CommentName, DecisionId, Notice, Puid, Revision, SiteId, Source, Statement, Timestamp,
};
use moderato_store::{DecisionRecord, DueEffect, Effect, Mail, StatementPosition};
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row, Sqlite, SqliteConnection};

use super::mails;
use crate::database::Database;
use crate::many::ROWS_AT_ONCE;
use crate::rows;
use crate::store::review::decision_about;

const COLUMNS: &str =
    "puid, site_id, comment_id, revision, decision, category, guideline, facts, message, source,
    automated_detection, automated_decision, language, content_time_ms, restrict_time_ms, create_time_ms";

pub(crate) async fn newest(database: &Database, name: &CommentName) -> sqlx::Result<Option<Statement>> {
    // By statements_by_comment.
    let text = format!(
        "SELECT {COLUMNS} FROM statements WHERE site_id = ?1 AND comment_id = ?2
         ORDER BY create_time_ms DESC, puid DESC LIMIT 1"
    );
    let row = sqlx::query(&text)
        .bind(name.site.as_str())
        .bind(name.comment.as_str())
        .fetch_optional(database.readers())
        .await?;
    row.as_ref().map(statement).transpose()
}

pub(crate) async fn oldest_first(
    database: &Database,
    site: &SiteId,
    since: Timestamp,
    until: Timestamp,
    after: Option<&StatementPosition>,
    limit: u32,
) -> sqlx::Result<Vec<Statement>> {
    // By statements_by_time.
    let text = format!(
        "SELECT {COLUMNS} FROM statements
         WHERE site_id = ?1 AND create_time_ms >= ?2 AND create_time_ms < ?3 AND (create_time_ms, puid) > (?4, ?5)
         ORDER BY create_time_ms, puid LIMIT ?6"
    );
    let rows = sqlx::query(&text)
        .bind(site.as_str())
        .bind(since.as_millis())
        .bind(until.as_millis())
        .bind(after.map_or(i64::MIN, |after| after.time.as_millis()))
        .bind(after.map_or("", |after| after.puid.as_str()))
        .bind(limit)
        .fetch_all(database.readers())
        .await?;
    rows.iter().map(statement).collect()
}

pub(crate) async fn of_puid(
    connection: &mut SqliteConnection,
    puid: &Puid,
) -> sqlx::Result<Option<Statement>> {
    let text = format!("SELECT {COLUMNS} FROM statements WHERE puid = ?1");
    let row = sqlx::query(&text).bind(puid.as_str()).fetch_optional(connection).await?;
    row.as_ref().map(statement).transpose()
}

/// By `decisions_due`. What was undone has no effects.
pub(crate) async fn due(database: &Database, now: Timestamp, limit: u32) -> sqlx::Result<Vec<DueEffect>> {
    let found = sqlx::query(
        "SELECT decision, site_id, comment_id, effects_attempts FROM decisions
         WHERE effects_time_ms IS NULL AND undo_until_ms < ?1 AND undone_time_ms IS NULL
           AND (effects_next_ms IS NULL OR effects_next_ms <= ?1)
         ORDER BY undo_until_ms, decision_id LIMIT ?2",
    )
    .bind(now.as_millis())
    .bind(limit)
    .fetch_all(database.readers())
    .await?;
    let due = found.iter().map(|row| {
        Ok(DueEffect {
            decision: DecisionId(row.try_get("decision")?),
            comment: rows::comment_name(row)?,
            attempts: rows::count(row, "effects_attempts")?,
        })
    });
    due.collect()
}

pub(crate) async fn decided(
    database: &Database,
    decision: DecisionId,
    name: &CommentName,
) -> sqlx::Result<Option<DecisionRecord>> {
    let mut connection = database.readers().acquire().await?;
    decision_about(&mut connection, decision, name).await
}

pub(crate) async fn set_aside(database: &Database, effect: &DueEffect, next: Timestamp) -> sqlx::Result<()> {
    let mut transaction = database.write().await?;
    sqlx::query(
        "UPDATE decisions SET effects_attempts = effects_attempts + 1, effects_next_ms = ?4
         WHERE decision = ?1 AND site_id = ?2 AND comment_id = ?3",
    )
    .bind(effect.decision.0)
    .bind(effect.comment.site.as_str())
    .bind(effect.comment.comment.as_str())
    .bind(next.as_millis())
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await
}

pub(crate) async fn carry_out(database: &Database, effects: &[Effect], now: Timestamp) -> sqlx::Result<()> {
    let keys: Vec<_> = effects
        .iter()
        .map(|effect| {
            let id = effect.decision.0.simple().to_string();
            (id, effect.comment.site.as_str(), effect.comment.comment.as_str())
        })
        .collect();
    let mut transaction = database.write().await?;
    // By decisions_once. What another process carried out, or somebody undid, is not there.
    let mine = sqlx::query(
        "UPDATE decisions SET effects_time_ms = ?2 FROM json_each(?1) AS due
         WHERE decision = unhex(due.value ->> 0) AND site_id = due.value ->> 1 AND comment_id = due.value ->> 2
           AND effects_time_ms IS NULL AND undone_time_ms IS NULL
         RETURNING decision, site_id, comment_id",
    )
    .bind(rows::to_json(&keys)?)
    .bind(now.as_millis())
    .fetch_all(&mut *transaction)
    .await?;
    let mine = mine
        .iter()
        .map(|row| Ok((DecisionId(row.try_get("decision")?), rows::comment_name(row)?)))
        .collect::<sqlx::Result<Vec<_>>>()?;
    let mine: Vec<&Effect> = effects
        .iter()
        .filter(|effect| mine.iter().any(|(id, name)| *id == effect.decision && *name == effect.comment))
        .collect();
    let statements: Vec<&Statement> = mine.iter().filter_map(|effect| effect.statement.as_ref()).collect();
    let mails: Vec<&Mail> = mine.iter().flat_map(|effect| &effect.mails).collect();
    insert(&mut transaction, &statements).await?;
    mails::insert(&mut transaction, &mails).await?;
    transaction.commit().await
}

pub(crate) async fn author_mail(
    database: &Database,
    name: &CommentName,
    revision: Revision,
) -> sqlx::Result<Option<String>> {
    let mail: Option<Option<String>> = sqlx::query_scalar(
        "SELECT r.email FROM comments c JOIN comment_revisions r USING (comment_seq)
         WHERE c.site_id = ?1 AND c.comment_id = ?2 AND r.revision = ?3",
    )
    .bind(name.site.as_str())
    .bind(name.comment.as_str())
    .bind(revision.get())
    .fetch_optional(database.readers())
    .await?;
    Ok(mail.flatten())
}

pub(crate) async fn answered_notices(
    database: &Database,
    name: &CommentName,
    decision: DecisionId,
) -> sqlx::Result<Vec<Notice>> {
    let rows = sqlx::query(
        "SELECT notice FROM reports
         WHERE site_id = ?1 AND comment_id = ?2 AND decision = ?3 AND notice IS NOT NULL
         ORDER BY report_time_ms",
    )
    .bind(name.site.as_str())
    .bind(name.comment.as_str())
    .bind(decision.0)
    .fetch_all(database.readers())
    .await?;
    rows.iter().map(|row| rows::json(row, "notice")).collect()
}

/// A statement that is there already is the same one.
pub(super) async fn insert(connection: &mut SqliteConnection, statements: &[&Statement]) -> sqlx::Result<()> {
    for statements in statements.chunks(ROWS_AT_ONCE) {
        let guidelines = statements
            .iter()
            .map(|statement| statement.guideline.as_ref().map(rows::to_json).transpose())
            .collect::<sqlx::Result<Vec<_>>>()?;
        let mut insert = QueryBuilder::<Sqlite>::new(format!("INSERT INTO statements ({COLUMNS}) "));
        insert.push_values(statements.iter().zip(guidelines), |mut row, (statement, guideline)| {
            row.push_bind(statement.puid.as_str())
                .push_bind(statement.comment.site.as_str())
                .push_bind(statement.comment.comment.as_str())
                .push_bind(statement.revision.get())
                .push_bind(statement.decision.map(|DecisionId(id)| id))
                .push_bind(&statement.category)
                .push_bind(guideline)
                .push_bind(&statement.facts)
                .push_bind(&statement.message)
                .push_bind(statement.source.as_str())
                .push_bind(statement.automated_detection)
                .push_bind(statement.automated_decision)
                .push_bind(&statement.language)
                .push_bind(statement.content_time.as_millis())
                .push_bind(statement.restrict_time.as_millis())
                .push_bind(statement.create_time.as_millis());
        });
        insert.push(" ON CONFLICT (puid) DO NOTHING");
        insert.build().execute(&mut *connection).await?;
    }
    Ok(())
}

fn statement(row: &SqliteRow) -> sqlx::Result<Statement> {
    let guideline: Option<&str> = row.try_get("guideline")?;
    Ok(Statement {
        puid: Puid::from_stored(row.try_get("puid")?),
        comment: rows::comment_name(row)?,
        revision: rows::revision(row)?,
        decision: row.try_get::<Option<_>, _>("decision")?.map(DecisionId),
        category: row.try_get("category")?,
        guideline: if guideline.is_some() { Some(rows::json(row, "guideline")?) } else { None },
        facts: row.try_get("facts")?,
        message: row.try_get("message")?,
        source: rows::word(row, "source", Source::parse)?,
        automated_detection: row.try_get("automated_detection")?,
        automated_decision: row.try_get("automated_decision")?,
        language: row.try_get("language")?,
        content_time: rows::time(row, "content_time_ms")?,
        restrict_time: rows::time(row, "restrict_time_ms")?,
        create_time: rows::time(row, "create_time_ms")?,
    })
}
