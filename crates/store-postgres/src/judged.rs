//! Stored revisions with everything that was said about them, for replays and backtests.

use moderato_domain::{
    Author, Client, Comment, CommentName, DecisionKind, Email, RequestId, Revision, SiteId, Timestamp,
};
use moderato_store::{CommentPosition, JudgedComment};
use sqlx::postgres::PgRow;
use sqlx::{PgPool, Row};

use crate::error::unreadable;
use crate::rows;

/// Comments `c` with one revision each and its verdict; what `c` is follows in brackets. A page is cut
/// there, before texts are joined to it.
macro_rules! judged_of {
    ($comments:literal) => {
        concat!(
            "SELECT site_id, comment_id, c.thread_id, c.parent_id, revision, r.display_name, r.user_id,
                    r.author_url, r.email, r.ip, r.body, r.language, r.permalink, r.user_agent, r.referrer,
                    r.guidelines_version, r.request_id, r.create_time_ms, r.accept_time_ms,
                    v.rule_set_version, v.action, v.score, v.approved_by_rule, v.reasons::text,
                    v.signals::text, v.degraded::text, v.facts::text, v.evaluate_time_ms, r.circumstances::text,
                    (SELECT kind FROM decisions d
                     WHERE d.site_id = r.site_id AND d.comment_id = r.comment_id AND d.revision = r.revision
                       AND d.undone_time_ms IS NULL AND d.kind IN ('approve', 'reject', 'spam')
                     ORDER BY d.decision_id DESC LIMIT 1) AS decision
             FROM comment_revisions r JOIN verdicts v USING (site_id, comment_id, revision)
             JOIN (SELECT site_id, comment_id, thread_id, parent_id, accept_time_ms AS newest_ms, ",
            $comments
        )
    };
}

const ONE: &str = judged_of!(
    "coalesce($3, revision) AS revision FROM comments WHERE site_id = $1 AND comment_id = $2)
     c USING (site_id, comment_id, revision)"
);

const NEWEST_FIRST: &str = judged_of!(
    "revision FROM comments
     WHERE site_id = $1 AND accept_time_ms >= $2 AND (accept_time_ms, comment_id) < ($3, $4)
       AND state <> 'withdrawn'
     ORDER BY accept_time_ms DESC, comment_id DESC LIMIT $5) c USING (site_id, comment_id, revision)
     ORDER BY c.newest_ms DESC, comment_id DESC"
);

const COUNT: &str = "SELECT count(*) FROM comments WHERE site_id = $1 AND accept_time_ms >= $2";

pub(crate) async fn one(
    pool: &PgPool,
    name: &CommentName,
    revision: Option<Revision>,
) -> sqlx::Result<Option<JudgedComment>> {
    let row = sqlx::query(ONE)
        .bind(name.site.as_str())
        .bind(name.comment.as_str())
        .bind(revision.map(Revision::get))
        .fetch_optional(pool)
        .await?;
    row.as_ref().map(judged).transpose()
}

pub(crate) async fn newest_first(
    pool: &PgPool,
    site: &SiteId,
    since: Timestamp,
    after: Option<&CommentPosition>,
    limit: u32,
) -> sqlx::Result<Vec<JudgedComment>> {
    let rows = sqlx::query(NEWEST_FIRST)
        .bind(site.as_str())
        .bind(since.as_millis())
        .bind(after.map_or(i64::MAX, |position| position.time.as_millis()))
        .bind(after.map_or("", |position| position.comment.as_str()))
        .bind(i64::from(limit))
        .fetch_all(pool)
        .await?;
    rows.iter().map(judged).collect()
}

pub(crate) async fn count(pool: &PgPool, site: &SiteId, since: Timestamp) -> sqlx::Result<i64> {
    sqlx::query_scalar(COUNT).bind(site.as_str()).bind(since.as_millis()).fetch_one(pool).await
}

fn judged(row: &PgRow) -> sqlx::Result<JudgedComment> {
    let name = rows::name(row)?;
    let text = |column: &str| row.try_get::<Option<&str>, _>(column);
    let email = text("email")?.map(|text| Email::parse(text).ok_or_else(|| unreadable("mail address")));
    let ip = text("ip")?.map(|text| text.parse().map_err(|_| unreadable("IP address")));
    let request_id =
        text("request_id")?.map(|text| RequestId::parse(text).map_err(|_| unreadable("request id")));
    let circumstances = text("circumstances")?
        .map(|text| serde_json::from_str(text).map_err(|_| unreadable("circumstances")));
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
                email: email.transpose()?,
                url: row.try_get("author_url")?,
            },
            body: row.try_get("body")?,
            language: row.try_get("language")?,
            permalink: row.try_get("permalink")?,
            client: Client {
                ip: ip.transpose()?,
                user_agent: row.try_get("user_agent")?,
                referrer: row.try_get("referrer")?,
            },
            guidelines_version: row.try_get("guidelines_version")?,
            circumstances: circumstances.transpose()?.unwrap_or_default(),
            request_id: request_id.transpose()?,
            create_time: rows::time(row, "create_time_ms")?,
            accept_time: rows::time(row, "accept_time_ms")?,
        },
        verdict: rows::verdict(row)?,
        decision: text("decision")?.and_then(DecisionKind::parse),
    })
}
