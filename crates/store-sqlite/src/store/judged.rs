//! Stored revisions with everything that was said about them, for replays and backtests.

use moderato_domain::{
    Author, Client, Comment, CommentName, DecisionKind, Email, RequestId, Revision, SiteId, Timestamp,
};
use moderato_store::{CommentPosition, JudgedComment};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::verdicts::stored_verdict;
use crate::database::Database;
use crate::rows;

// CROSS JOIN keeps the order of the tables: find the comments by their index, then the rest by key.
macro_rules! select_judged {
    ($revision:literal, $which:literal) => {
        concat!(
            "SELECT c.site_id, c.comment_id, c.thread_id, c.parent_id, r.revision, r.display_name, r.user_id,
                    r.author_url, r.email, r.ip, r.body, r.language, r.permalink, r.user_agent, r.referrer,
                    r.guidelines_version, r.request_id, r.create_time_ms, r.accept_time_ms,
                    v.rule_set_version, v.action, v.score, v.approved_by_rule, v.reasons, v.signals,
                    v.degraded, v.facts, v.evaluate_time_ms, r.circumstances,
                    (SELECT kind FROM decisions AS d
                     WHERE d.site_id = c.site_id AND d.comment_id = c.comment_id AND d.revision = r.revision
                       AND d.undone_time_ms IS NULL AND d.kind IN ('approve', 'reject', 'spam')
                     ORDER BY d.decision_id DESC LIMIT 1) AS decision
             FROM comments AS c
             CROSS JOIN comment_revisions AS r ON r.comment_seq = c.comment_seq AND r.revision = ",
            $revision,
            " CROSS JOIN verdicts AS v ON v.comment_seq = c.comment_seq AND v.revision = r.revision ",
            $which
        )
    };
}

pub(super) async fn one(
    database: &Database,
    name: &CommentName,
    revision: Option<Revision>,
) -> sqlx::Result<Option<JudgedComment>> {
    sqlx::query(select_judged!("coalesce(?3, c.revision)", "WHERE c.site_id = ?1 AND c.comment_id = ?2"))
        .bind(name.site.as_str())
        .bind(name.comment.as_str())
        .bind(revision.map(Revision::get))
        .fetch_optional(database.readers())
        .await?
        .as_ref()
        .map(judged)
        .transpose()
}

pub(super) async fn newest_first(
    database: &Database,
    site: &SiteId,
    since: Timestamp,
    after: Option<&CommentPosition>,
    limit: u32,
) -> sqlx::Result<Vec<JudgedComment>> {
    let rows = sqlx::query(select_judged!(
        "c.revision",
        "WHERE c.site_id = ?1 AND c.accept_time_ms >= ?2 AND (c.accept_time_ms, c.comment_id) < (?3, ?4)
           AND c.state <> 'withdrawn'
         ORDER BY c.accept_time_ms DESC, c.comment_id DESC LIMIT ?5"
    ))
    .bind(site.as_str())
    .bind(since.as_millis())
    .bind(after.map_or(i64::MAX, |position| position.time.as_millis()))
    .bind(after.map_or("", |position| position.comment.as_str()))
    .bind(limit)
    .fetch_all(database.readers())
    .await?;
    rows.iter().map(judged).collect()
}

pub(super) async fn count(database: &Database, site: &SiteId, since: Timestamp) -> sqlx::Result<i64> {
    sqlx::query_scalar("SELECT count(*) FROM comments WHERE site_id = ? AND accept_time_ms >= ?")
        .bind(site.as_str())
        .bind(since.as_millis())
        .fetch_one(database.readers())
        .await
}

fn judged(row: &SqliteRow) -> sqlx::Result<JudgedComment> {
    let name = rows::comment_name(row)?;
    let decision: Option<&str> = row.try_get("decision")?;
    Ok(JudgedComment {
        comment: Comment {
            site: name.site,
            id: name.comment,
            revision: rows::revision(row)?,
            thread: rows::thread(row)?,
            parent: rows::parent(row)?,
            author: Author {
                display_name: row.try_get("display_name")?,
                user_id: row.try_get("user_id")?,
                email: rows::optional(row, "email", Email::parse)?,
                url: row.try_get("author_url")?,
            },
            body: row.try_get("body")?,
            language: row.try_get("language")?,
            permalink: row.try_get("permalink")?,
            client: Client {
                ip: rows::optional(row, "ip", |text| text.parse().ok())?,
                user_agent: row.try_get("user_agent")?,
                referrer: row.try_get("referrer")?,
            },
            guidelines_version: row.try_get("guidelines_version")?,
            circumstances: rows::optional(row, "circumstances", |text| serde_json::from_str(text).ok())?
                .unwrap_or_default(),
            request_id: rows::optional(row, "request_id", |text| RequestId::parse(text).ok())?,
            create_time: rows::time(row, "create_time_ms")?,
            accept_time: rows::time(row, "accept_time_ms")?,
        },
        verdict: stored_verdict(row)?,
        decision: decision.and_then(DecisionKind::parse),
    })
}
