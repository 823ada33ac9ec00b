//! Readers' reports, and how decisions answer them.

use std::collections::HashMap;

use moderato_domain::{
    CommentId, CommentName, Decision, DecisionId, DecisionKind, Report, ReportReason, RequestId, SiteId,
    State,
};
use moderato_store::{EventKind, REPORT_TEXTS, ReportFold, Reported};
use sqlx::{Row, SqliteConnection};

use crate::database::Database;
use crate::rows;
use crate::store::events;
use crate::store::review::cases;

const FILED_BEFORE: &str = "
    SELECT request_id, outcome FROM reports
    WHERE site_id = ?1 AND comment_id = ?2 AND revision = ?3 AND reporter = ?4 AND formal = ?5";

/// The answer to earlier reports of this reason about this text, and how many people have an open one.
const CASE: &str = "
    SELECT (SELECT decision FROM reports
            WHERE site_id = ?1 AND comment_id = ?2 AND revision = ?3 AND reason = ?4 AND status = 'dismissed'
            ORDER BY report_time_ms DESC LIMIT 1) AS dismissed_by,
           (SELECT count(DISTINCT reporter) FROM reports
            WHERE site_id = ?1 AND comment_id = ?2 AND status = 'open' AND reporter <> ?5) AS others";

/// The decision that hides a comment and stands.
const HIDDEN_BY: &str = "
    SELECT decision FROM decisions
    WHERE site_id = ?1 AND comment_id = ?2 AND undone_time_ms IS NULL AND kind IN ('reject', 'spam')
    ORDER BY decision_id DESC LIMIT 1";

const FILE: &str = "
    INSERT INTO reports (site_id, comment_id, revision, reporter, formal, reason, words, notice, request_id,
                         outcome, status, report_time_ms, decision)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)";

pub(super) async fn report(database: &Database, report: &Report) -> sqlx::Result<Reported> {
    let CommentName { site, comment } = &report.comment;
    let mut transaction = database.write().await?;
    let held = cases::read(&mut transaction, site, &[comment]).await?;
    let Some(held) = held.get(comment) else { return Ok(Reported::Unknown) };
    if held.case.state == State::Withdrawn {
        return Ok(Reported::Withdrawn);
    }
    let revision = report.revision.filter(|seen| *seen < held.revision).unwrap_or(held.revision);
    let formal = report.notice.is_some();
    let before = sqlx::query(FILED_BEFORE)
        .bind(site.as_str())
        .bind(comment.as_str())
        .bind(revision.get())
        .bind(report.reporter.as_bytes().as_slice())
        .bind(formal)
        .fetch_optional(&mut *transaction)
        .await?;
    if let Some(row) = before {
        let request_id: Option<&str> = row.try_get("request_id")?;
        let retried = report.request_id.as_ref().is_some_and(|id| Some(id.as_str()) == request_id);
        let first = rows::word(&row, "outcome", Reported::parse)?;
        return Ok(if retried { first } else { Reported::Repeated });
    }

    let case = sqlx::query(CASE)
        .bind(site.as_str())
        .bind(comment.as_str())
        .bind(revision.get())
        .bind(report.reason.as_str())
        .bind(report.reporter.as_bytes().as_slice())
        .fetch_one(&mut *transaction)
        .await?;
    let dismissed_by: Option<uuid::Uuid> = case.try_get("dismissed_by")?;
    let others: i64 = case.try_get("others")?;
    let outcome = Reported::of(&held.case, dismissed_by.is_some(), formal);
    let decision = match outcome {
        Reported::Hidden => {
            sqlx::query_scalar(HIDDEN_BY)
                .bind(site.as_str())
                .bind(comment.as_str())
                .fetch_optional(&mut *transaction)
                .await?
        }
        Reported::Answered => dismissed_by,
        _ => None,
    };
    let notice = report.notice.as_ref().map(rows::to_json).transpose()?;
    sqlx::query(FILE)
        .bind(site.as_str())
        .bind(comment.as_str())
        .bind(revision.get())
        .bind(report.reporter.as_bytes().as_slice())
        .bind(formal)
        .bind(report.reason.as_str())
        .bind(&report.text)
        .bind(notice)
        .bind(report.request_id.as_ref().map(RequestId::as_str))
        .bind(outcome.as_str())
        .bind(outcome.status())
        .bind(report.time.as_millis())
        .bind(decision)
        .execute(&mut *transaction)
        .await?;
    if matches!(outcome, Reported::Opened | Reported::Folded) {
        let reporters = u32::try_from(others).unwrap_or(u32::MAX).saturating_add(1);
        let after = held.case.reported(report.reason.urgency(reporters), report.time);
        cases::put(&mut transaction, site, &[(held, after)], report.time).await?;
        let told = held.event(EventKind::CommentReported, site, &after, report.time);
        events::append(&mut transaction, &[told]).await?;
    }
    database.commit_events(transaction).await?;
    Ok(outcome)
}

const FOLDED: &str = "
    SELECT reason, count(DISTINCT reporter) FILTER (WHERE status = 'open') AS open, count(*) AS filed,
           max(report_time_ms) AS newest_ms
    FROM reports WHERE site_id = ?1 AND comment_id = ?2
    GROUP BY reason ORDER BY open DESC, filed DESC, reason";

const WORDS: &str = "
    SELECT reason, words, notice FROM reports
    WHERE site_id = ?1 AND comment_id = ?2 AND (words IS NOT NULL OR notice IS NOT NULL)
    ORDER BY formal DESC, report_time_ms DESC LIMIT ?3";

pub(super) async fn folded(database: &Database, name: &CommentName) -> sqlx::Result<Vec<ReportFold>> {
    let of = |query: &'static str| sqlx::query(query).bind(name.site.as_str()).bind(name.comment.as_str());
    let mut folds = Vec::new();
    for row in &of(FOLDED).fetch_all(database.readers()).await? {
        folds.push(ReportFold {
            reason: rows::word(row, "reason", ReportReason::parse)?,
            open: rows::count(row, "open")?,
            all: rows::count(row, "filed")?,
            newest: rows::time(row, "newest_ms")?,
            texts: Vec::new(),
            notices: Vec::new(),
        });
    }
    for row in &of(WORDS).bind(REPORT_TEXTS).fetch_all(database.readers()).await? {
        let reason = rows::word(row, "reason", ReportReason::parse)?;
        let Some(fold) = folds.iter_mut().find(|fold| fold.reason == reason) else { continue };
        fold.texts.extend(row.try_get::<Option<String>, _>("words")?);
        if row.try_get::<Option<&str>, _>("notice")?.is_some() {
            fold.notices.push(rows::json(row, "notice")?);
        }
    }
    Ok(folds)
}

const ANSWER: &str = "
    UPDATE reports SET status = ?3, decision = ?4
    WHERE site_id = ?1 AND comment_id IN (SELECT value FROM json_each(?2)) AND status = 'open'";

/// Answers what readers said, by a decision that settles these comments.
pub(crate) async fn answer(
    connection: &mut SqliteConnection,
    decision: &Decision,
    comments: &[&CommentId],
) -> sqlx::Result<()> {
    let status = if decision.kind == DecisionKind::Approve { "dismissed" } else { "upheld" };
    sqlx::query(ANSWER)
        .bind(decision.site.as_str())
        .bind(rows::to_json(comments)?)
        .bind(status)
        .bind(decision.id.0)
        .execute(connection)
        .await?;
    Ok(())
}

const REOPEN: &str = "
    UPDATE reports SET status = 'open', decision = NULL
    WHERE site_id = ?1 AND comment_id IN (SELECT value FROM json_each(?2)) AND decision = ?3
    RETURNING comment_id";

/// Opens again what a decision answered, because it is undone; how many reports of which comment.
pub(crate) async fn reopen(
    connection: &mut SqliteConnection,
    site: &SiteId,
    decision: DecisionId,
    comments: &[&CommentId],
) -> sqlx::Result<HashMap<CommentId, u32>> {
    let rows = sqlx::query(REOPEN)
        .bind(site.as_str())
        .bind(rows::to_json(comments)?)
        .bind(decision.0)
        .fetch_all(connection)
        .await?;
    let mut reopened = HashMap::new();
    for row in &rows {
        *reopened.entry(rows::comment_id(row)?).or_default() += 1;
    }
    Ok(reopened)
}
