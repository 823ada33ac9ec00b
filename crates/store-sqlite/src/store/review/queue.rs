//! What waits: counts, pages, items.
//!
//! A page is ordered by priority, descending, and then by waiting time, ascending. No index can be
//! entered at such a place with one comparison, so a page is cut from its runs: of each queue and
//! priority, the first items after the place, which are one range of `comments_waiting` each.

use moderato_domain::{AuthorKey, CommentId, ReviewQueue, SiteId, Timestamp};
use moderato_store::{
    CAMPAIGN_COUNTED, Campaigns, Clue, QueueCount, QueueFilter, QueueItem, QueuePosition, QueueRun,
    WaitingText,
};
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row, Sqlite};

use crate::database::Database;
use crate::rows;
use crate::store::comments::stored_comment;
use crate::store::verdicts::stored_verdict;

// CROSS JOIN keeps the order of the tables: first the comments that were cut, then the rest by key.
const ITEMS_OF: &str = "
    SELECT c.site_id, c.comment_id, c.thread_id, c.parent_id, c.revision, c.state, c.action, c.score,
           c.decided, c.create_time_ms, c.accept_time_ms, c.update_time_ms, c.version,
           r.content_hash, r.display_name, r.author_url, r.user_id IS NULL AS guest, r.body, r.language,
           r.permalink, c.author_key, c.queue, c.priority, c.wait_since_ms, c.category, c.reported,
           c.fingerprint, c.probe_a, c.probe_b, c.shingles,
           v.rule_set_version, v.approved_by_rule, v.reasons, v.signals, v.degraded, v.facts,
           v.evaluate_time_ms, l.holder_id, l.holder_name, l.claim_time_ms, l.expire_time_ms
    FROM (";

const JOINED: &str = "
    ) AS cut CROSS JOIN comments AS c ON c.comment_seq = cut.comment_seq
    CROSS JOIN comment_revisions AS r ON r.comment_seq = c.comment_seq AND r.revision = c.revision
    CROSS JOIN verdicts AS v ON v.comment_seq = c.comment_seq AND v.revision = c.revision
    LEFT JOIN claims AS l
        ON l.site_id = c.site_id AND l.comment_id = c.comment_id AND l.expire_time_ms > ";

/// Of `comments_waiting` alone.
const COUNTS: &str = "
    SELECT queue, count(*) AS waiting, min(wait_since_ms) AS oldest_ms FROM comments
    WHERE site_id = ?1 AND queue IS NOT NULL GROUP BY queue";

/// How many texts wait with each fingerprint.
const SAME: &str = "
    SELECT asked.value AS fingerprint,
           (SELECT count(*) FROM (SELECT 1 FROM comments
                                  WHERE site_id = ?1 AND queue IS NOT NULL AND fingerprint = asked.value
                                  LIMIT ?3)) AS same
    FROM json_each(?2) AS asked";

/// Clues looked up by one statement, which takes 500 parts of a union at most.
const CLUES_AT_ONCE: usize = 100;

pub(super) async fn counts(database: &Database, site: &SiteId) -> sqlx::Result<Vec<QueueCount>> {
    let found = sqlx::query(COUNTS).bind(site.as_str()).fetch_all(database.readers()).await?;
    let mut counts: Vec<QueueCount> = ReviewQueue::ALL.into_iter().map(QueueCount::empty).collect();
    for row in &found {
        let queue = rows::word(row, "queue", ReviewQueue::parse)?;
        let waiting = rows::count(row, "waiting")?;
        counts[queue as usize] =
            QueueCount { queue, waiting, oldest: rows::optional_time(row, "oldest_ms")? };
    }
    Ok(counts)
}

pub(super) async fn count(database: &Database, site: &SiteId, filter: &QueueFilter) -> sqlx::Result<u64> {
    let mut query = QueryBuilder::<Sqlite>::new("SELECT count(*) FROM comments WHERE site_id = ");
    query.push_bind(site.as_str());
    match filter.queue {
        Some(queue) => query.push(" AND queue = ").push_bind(queue.as_str()),
        None => query.push(" AND queue IS NOT NULL"),
    };
    if let Some(least) = filter.at_least {
        query.push(" AND priority >= ").push_bind(least.as_i16());
    }
    narrow(&mut query, filter);
    let count: i64 = query.build_query_scalar().fetch_one(database.readers()).await?;
    Ok(count.unsigned_abs())
}

pub(super) async fn page(
    database: &Database,
    site: &SiteId,
    filter: &QueueFilter,
    after: Option<&QueuePosition>,
    limit: u32,
    now: Timestamp,
) -> sqlx::Result<Vec<QueueItem>> {
    let runs = filter.runs(after);
    if runs.is_empty() {
        return Ok(Vec::new());
    }
    let mut query = page_query(site, filter, &runs, limit, now);
    read(database, site, &query.build().fetch_all(database.readers()).await?).await
}

fn page_query<'f>(
    site: &'f SiteId,
    filter: &'f QueueFilter,
    runs: &[QueueRun<'f>],
    limit: u32,
    now: Timestamp,
) -> QueryBuilder<'f, Sqlite> {
    let mut query = QueryBuilder::<Sqlite>::new(ITEMS_OF);
    for (number, run) in runs.iter().enumerate() {
        query.push(if number == 0 { "" } else { " UNION ALL " });
        query.push("SELECT * FROM (SELECT comment_seq, priority, wait_since_ms, comment_id FROM comments");
        query.push(" WHERE site_id = ").push_bind(site.as_str());
        query.push(" AND queue = ").push_bind(run.queue.as_str());
        query.push(" AND priority = ").push_bind(run.priority.as_i16());
        query.push(" AND (wait_since_ms, comment_id) > (").push_bind(run.after_ms);
        query.push(", ").push_bind(run.after_id).push(")");
        narrow(&mut query, filter);
        query.push(" ORDER BY wait_since_ms, comment_id LIMIT ").push_bind(limit).push(")");
    }
    query.push(" ORDER BY priority DESC, wait_since_ms, comment_id LIMIT ").push_bind(limit);
    query.push(JOINED).push_bind(now.as_millis());
    query.push(" ORDER BY c.priority DESC, c.wait_since_ms, c.comment_id");
    query
}

pub(super) async fn items(
    database: &Database,
    site: &SiteId,
    comments: &[CommentId],
    now: Timestamp,
) -> sqlx::Result<Vec<QueueItem>> {
    let ids: Vec<&str> = comments.iter().map(CommentId::as_str).collect();
    let mut query = QueryBuilder::<Sqlite>::new(ITEMS_OF);
    query.push("SELECT asked.key AS place, comment_seq FROM json_each(").push_bind(rows::to_json(&ids)?);
    query.push(") AS asked CROSS JOIN comments ON comment_id = asked.value AND site_id = ");
    query.push_bind(site.as_str()).push(JOINED).push_bind(now.as_millis()).push(" ORDER BY cut.place");
    read(database, site, &query.build().fetch_all(database.readers()).await?).await
}

/// What a filter asks for beside queue and priority: columns of `comments_waiting`. The plus keeps SQLite
/// from taking `comments_by_author` instead, once for each run.
fn narrow<'f>(query: &mut QueryBuilder<'f, Sqlite>, filter: &'f QueueFilter) {
    if let Some(category) = &filter.category {
        query.push(" AND category = ").push_bind(category);
    }
    if let Some(thread) = &filter.thread {
        query.push(" AND thread_id = ").push_bind(thread);
    }
    if let Some(author) = filter.author.as_ref().map(AuthorKey::as_bytes) {
        query.push(" AND +author_key = ").push_bind(author.as_slice());
    }
}

async fn read(database: &Database, site: &SiteId, found: &[SqliteRow]) -> sqlx::Result<Vec<QueueItem>> {
    let texts = found.iter().map(waiting_text).collect::<sqlx::Result<Vec<_>>>()?;
    let mut campaigns = Campaigns::of(&texts, CAMPAIGN_COUNTED);
    let fingerprints = campaigns.fingerprints();
    let counts = sqlx::query(SAME)
        .bind(site.as_str())
        .bind(rows::to_json(&fingerprints)?)
        .bind(campaigns.enough())
        .fetch_all(database.readers())
        .await?;
    for row in &counts {
        campaigns.count(row.try_get("fingerprint")?, rows::count(row, "same")?);
    }
    look_up(database, site, &mut campaigns).await?;
    found.iter().zip(&texts).map(|(row, text)| item(row, campaigns.size(text))).collect()
}

/// Looks up what waits with these texts or variants of them.
pub(super) async fn look_up(
    database: &Database,
    site: &SiteId,
    campaigns: &mut Campaigns<'_>,
) -> sqlx::Result<()> {
    for clues in campaigns.clues().chunks(CLUES_AT_ONCE) {
        let mut query = QueryBuilder::<Sqlite>::new("");
        for (place, clue) in clues.iter().enumerate() {
            let (column, value) = match clue {
                Clue::Fingerprint(value) => ("fingerprint", value),
                Clue::ProbeA(value) => ("probe_a", value),
                Clue::ProbeB(value) => ("probe_b", value),
            };
            query.push(if place == 0 { "" } else { " UNION ALL " });
            query.push("SELECT * FROM (SELECT ").push_bind(place as i64);
            query.push(" AS place, comment_id, fingerprint, probe_a, probe_b, shingles FROM comments");
            query.push(" WHERE queue IS NOT NULL AND site_id = ").push_bind(site.as_str());
            query.push(" AND ").push(column).push(" = ").push_bind(value);
            query.push(" LIMIT ").push_bind(campaigns.enough()).push(")");
        }
        for row in &query.build().fetch_all(database.readers()).await? {
            campaigns.add(clues[rows::count::<usize>(row, "place")?], waiting_text(row)?);
        }
    }
    Ok(())
}

pub(super) fn waiting_text(row: &SqliteRow) -> sqlx::Result<WaitingText> {
    let probes = (row.try_get("probe_a")?, row.try_get("probe_b")?);
    let (comment, fingerprint) = (rows::comment_id(row)?, row.try_get("fingerprint")?);
    Ok(WaitingText::from_stored(comment, fingerprint, probes, row.try_get("shingles")?))
}

fn item(row: &SqliteRow, campaign: u32) -> sqlx::Result<QueueItem> {
    Ok(QueueItem {
        comment: stored_comment(row)?,
        author: rows::author_key(row)?,
        queue: rows::queue(row)?,
        priority: rows::priority(row)?,
        wait_since: rows::time(row, "wait_since_ms")?,
        category: row.try_get("category")?,
        reports: rows::count(row, "reported")?,
        campaign,
        claim: rows::claim(row)?,
        verdict: stored_verdict(row)?,
    })
}

#[cfg(test)]
mod tests {
    use moderato_domain::Priority;

    use super::*;
    use crate::{SqliteFile, SqliteOptions};

    /// How SQLite goes about a statement.
    async fn plan(database: &Database, statement: &str) -> Vec<String> {
        let explained = format!("EXPLAIN QUERY PLAN {statement}");
        let rows = sqlx::query(&explained).fetch_all(database.readers()).await.unwrap();
        rows.iter().map(|row| row.get("detail")).collect()
    }

    #[tokio::test]
    async fn queues_are_read_by_their_index() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.db");
        let file = SqliteFile::open(&path, SqliteOptions::default()).await.unwrap();
        let database = Database::new(path, &SqliteOptions::default());
        let site = SiteId::parse("blog").unwrap();

        let filter = QueueFilter {
            category: Some("threat".into()),
            author: Some(AuthorKey::from_bytes([7; 16])),
            ..QueueFilter::default()
        };
        let after = QueuePosition {
            priority: Priority::High,
            wait_since: Timestamp::from_millis(7),
            comment: CommentId::parse("c1").unwrap(),
        };
        let runs = filter.runs(Some(&after));
        assert_eq!(runs.len(), 18, "three priorities of six queues are left");
        let page = page_query(&site, &filter, &runs, 50, Timestamp::from_millis(9));
        let steps = plan(&database, page.sql()).await;
        let by_index = "COVERING INDEX comments_waiting \
                        (site_id=? AND queue=? AND priority=? AND (wait_since_ms,comment_id)>(?,?))";
        assert_eq!(steps.iter().filter(|step| step.ends_with(by_index)).count(), 18, "{steps:#?}");
        let scans =
            |step: &&String| step.starts_with("SCAN") && !step.contains("subquery") && !step.contains("cut");
        assert_eq!(steps.iter().filter(scans).count(), 0, "{steps:#?}");

        let steps = plan(&database, COUNTS).await;
        assert_eq!(steps, ["SEARCH comments USING COVERING INDEX comments_waiting (site_id=? AND queue>?)"]);
        let steps = plan(&database, SAME).await;
        let counted = "SEARCH comments USING INDEX comments_alike (site_id=? AND fingerprint=?)";
        assert!(steps.iter().any(|step| step == counted), "{steps:#?}");
        file.close().await;
        database.close().await;
    }
}
