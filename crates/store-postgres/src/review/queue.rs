//! What waits: counts, pages, items.
//!
//! A page is ordered by priority, descending, and then by waiting time, ascending. No index can be
//! entered at such a place with one comparison, so a page is cut from its runs: of each queue and
//! priority, the first items after the place, which are one range of `comments_waiting` each.

use moderato_domain::{AuthorKey, CommentId, ReviewQueue, SiteId, Timestamp};
use moderato_store::{
    CAMPAIGN_COUNTED, Campaigns, Clue, QueueCount, QueueFilter, QueueItem, QueuePosition, WaitingText,
};
use sqlx::postgres::PgRow;
use sqlx::{PgPool, Postgres, QueryBuilder, Row};

use crate::changes::column;
use crate::error::unreadable;
use crate::rows;

/// Of `comments_waiting` alone: each queue is a range of it. Asked for all queues at once, the planner
/// may take a smaller index, which lacks the queue, and fetch every row that waits.
const COUNTS: &str = "
    SELECT asked.queue, found.* FROM unnest($2::text[]) AS asked (queue)
    CROSS JOIN LATERAL (
        SELECT count(*) AS waiting, min(wait_since_ms) AS oldest_ms FROM comments m
        WHERE m.site_id = $1 AND m.queue = asked.queue
    ) AS found";

/// Comments `c`, cut before texts and verdicts are joined to them.
macro_rules! items_of {
    ($comments:literal) => {
        concat!(
            "SELECT site_id, comment_id, c.thread_id, c.parent_id, revision, r.content_hash, r.display_name,
                    r.author_url, r.user_id IS NULL AS guest, r.body, r.language, r.permalink, c.state,
                    c.action, c.score, c.decided, c.create_time_ms, c.accept_time_ms, c.update_time_ms,
                    c.version, c.author_key, c.queue, c.priority, c.wait_since_ms, c.category, c.reported,
                    c.fingerprint, c.probe_a, c.probe_b, c.shingles,
                    v.rule_set_version, v.approved_by_rule, v.reasons::text, v.signals::text,
                    v.degraded::text, v.facts::text, v.evaluate_time_ms,
                    l.holder_id, l.holder_name, l.claim_time_ms, l.expire_time_ms
             FROM (",
            $comments
        )
    };
}

/// What belongs to comments `c`.
const JOINED: &str = "
    ) c JOIN comment_revisions r USING (site_id, comment_id, revision)
        JOIN verdicts v USING (site_id, comment_id, revision)
        LEFT JOIN (SELECT * FROM claims WHERE expire_time_ms > ";

const ITEMS: &str = concat!(
    items_of!(
        "SELECT k.place, m.* FROM unnest($2::text[]) WITH ORDINALITY AS k (id, place)
         JOIN comments m ON m.site_id = $1 AND m.comment_id = k.id"
    ),
    ") c JOIN comment_revisions r USING (site_id, comment_id, revision)
         JOIN verdicts v USING (site_id, comment_id, revision)
         LEFT JOIN (SELECT * FROM claims WHERE expire_time_ms > $3) l USING (site_id, comment_id)
     ORDER BY c.place"
);

/// How many texts wait with each fingerprint. Of `comments_alike` alone.
const SAME: &str = "
    SELECT asked.place, found.same FROM unnest($2::bigint[]) WITH ORDINALITY AS asked (fingerprint, place)
    CROSS JOIN LATERAL (
        SELECT count(*) AS same FROM (
            SELECT FROM comments
            WHERE site_id = $1 AND queue IS NOT NULL AND fingerprint = asked.fingerprint LIMIT $3
        ) AS few
    ) AS found";

/// Texts that wait, found by clues: of each, the range of one index.
const ALIKE: &str = "
    SELECT asked.place, found.* FROM unnest($2::smallint[], $3::bigint[]) WITH ORDINALITY
        AS asked (kind, clue, place)
    CROSS JOIN LATERAL (
        (SELECT comment_id, fingerprint, probe_a, probe_b, shingles FROM comments
         WHERE asked.kind = 0 AND site_id = $1 AND queue IS NOT NULL AND fingerprint = asked.clue LIMIT $4)
        UNION ALL
        (SELECT comment_id, fingerprint, probe_a, probe_b, shingles FROM comments
         WHERE asked.kind = 1 AND site_id = $1 AND queue IS NOT NULL AND probe_a = asked.clue LIMIT $4)
        UNION ALL
        (SELECT comment_id, fingerprint, probe_a, probe_b, shingles FROM comments
         WHERE asked.kind = 2 AND site_id = $1 AND queue IS NOT NULL AND probe_b = asked.clue LIMIT $4)
    ) AS found";

pub(super) async fn counts(pool: &PgPool, site: &SiteId) -> sqlx::Result<Vec<QueueCount>> {
    let queues = column(ReviewQueue::ALL, ReviewQueue::as_str);
    let rows = sqlx::query(COUNTS).bind(site.as_str()).bind(queues).fetch_all(pool).await?;
    let mut counts: Vec<QueueCount> = column(ReviewQueue::ALL, QueueCount::empty);
    for row in &rows {
        let queue = rows::queue(row)?.ok_or_else(|| unreadable("queue"))?;
        let waiting: i64 = row.try_get("waiting")?;
        let count = QueueCount {
            queue,
            waiting: waiting.unsigned_abs(),
            oldest: rows::optional_time(row, "oldest_ms")?,
        };
        counts[queue as usize] = count;
    }
    Ok(counts)
}

pub(super) async fn count(pool: &PgPool, site: &SiteId, filter: &QueueFilter) -> sqlx::Result<u64> {
    // Each queue is a range of `comments_waiting`, as in COUNTS.
    let queues = ReviewQueue::ALL.into_iter().filter(|queue| filter.queue.is_none_or(|only| only == *queue));
    let mut query = QueryBuilder::new("SELECT coalesce(sum(found.waiting), 0)::bigint FROM unnest(");
    query.push_bind(column(queues, ReviewQueue::as_str));
    query.push(
        "::text[]) AS asked (queue) CROSS JOIN LATERAL (
             SELECT count(*) AS waiting FROM comments m
             WHERE m.queue = asked.queue AND m.site_id = ",
    );
    query.push_bind(site.as_str());
    if let Some(least) = filter.at_least {
        query.push(" AND m.priority >= ").push_bind(least.as_i16());
    }
    narrow(&mut query, filter);
    query.push(") AS found");
    let count: i64 = query.build_query_scalar().fetch_one(pool).await?;
    Ok(count.unsigned_abs())
}

pub(super) async fn page(
    pool: &PgPool,
    site: &SiteId,
    filter: &QueueFilter,
    after: Option<&QueuePosition>,
    limit: u32,
    now: Timestamp,
) -> sqlx::Result<Vec<QueueItem>> {
    let runs = filter.runs(after);
    // Cut from `comments_waiting` alone; only what is left after that is fetched from the table.
    let mut query = QueryBuilder::new(items_of!("SELECT m.* FROM (SELECT w.* FROM unnest("));
    query.push_bind(column(&runs, |run| run.queue.as_str()));
    query.push("::text[], ").push_bind(column(&runs, |run| run.priority.as_i16()));
    query.push("::smallint[], ").push_bind(column(&runs, |run| run.after_ms));
    query.push("::bigint[], ").push_bind(column(&runs, |run| run.after_id));
    query.push(
        "::text[]) AS run (queue, priority, after_ms, after_id)
         CROSS JOIN LATERAL (
             SELECT m.site_id, m.comment_id, m.priority, m.wait_since_ms FROM comments m
             WHERE m.queue = run.queue AND m.priority = run.priority
               AND (m.wait_since_ms, m.comment_id) > (run.after_ms, run.after_id) AND m.site_id = ",
    );
    query.push_bind(site.as_str());
    narrow(&mut query, filter);
    query.push(" ORDER BY m.wait_since_ms, m.comment_id LIMIT ").push_bind(i64::from(limit));
    query.push(") w ORDER BY w.priority DESC, w.wait_since_ms, w.comment_id LIMIT ");
    query.push_bind(i64::from(limit));
    query.push(") cut JOIN comments m USING (site_id, comment_id)");
    query.push(JOINED).push_bind(now.as_millis());
    query.push(
        ") l USING (site_id, comment_id)
         ORDER BY c.priority DESC, c.wait_since_ms, c.comment_id",
    );
    let rows = query.build().fetch_all(pool).await?;
    read(pool, site, &rows).await
}

pub(super) async fn items(
    pool: &PgPool,
    site: &SiteId,
    comments: &[CommentId],
    now: Timestamp,
) -> sqlx::Result<Vec<QueueItem>> {
    let rows = sqlx::query(ITEMS)
        .bind(site.as_str())
        .bind(column(comments, CommentId::as_str))
        .bind(now.as_millis())
        .fetch_all(pool)
        .await?;
    read(pool, site, &rows).await
}

/// What a filter asks for beside queue and priority: columns of `comments_waiting`, so that what it leaves
/// out is not fetched. The author is an expression, or the planner takes `comments_by_author` once for
/// each run and fetches all that a busy author ever wrote.
fn narrow<'f>(query: &mut QueryBuilder<'f, Postgres>, filter: &'f QueueFilter) {
    if let Some(category) = &filter.category {
        query.push(" AND m.category = ").push_bind(category);
    }
    if let Some(thread) = &filter.thread {
        query.push(" AND m.thread_id = ").push_bind(thread);
    }
    if let Some(author) = filter.author.as_ref().map(AuthorKey::as_bytes) {
        query.push(" AND m.author_key || '' = ").push_bind(author.as_slice());
    }
}

async fn read(pool: &PgPool, site: &SiteId, rows: &[PgRow]) -> sqlx::Result<Vec<QueueItem>> {
    let texts = rows.iter().map(waiting_text).collect::<sqlx::Result<Vec<_>>>()?;
    let mut campaigns = Campaigns::of(&texts, CAMPAIGN_COUNTED);
    let fingerprints = campaigns.fingerprints();
    let counts = sqlx::query(SAME)
        .bind(site.as_str())
        .bind(&fingerprints)
        .bind(i64::from(campaigns.enough()))
        .fetch_all(pool)
        .await?;
    for row in &counts {
        let same: i64 = row.try_get("same")?;
        campaigns.count(fingerprints[rows::place(row)?], u32::try_from(same).unwrap_or(u32::MAX));
    }
    look_up(pool, site, &mut campaigns).await?;
    rows.iter().zip(&texts).map(|(row, text)| item(row, campaigns.size(text))).collect()
}

/// Looks up what waits with these texts or variants of them.
pub(super) async fn look_up(pool: &PgPool, site: &SiteId, campaigns: &mut Campaigns<'_>) -> sqlx::Result<()> {
    let clues = campaigns.clues();
    if clues.is_empty() {
        return Ok(());
    }
    let (kinds, values): (Vec<i16>, Vec<i64>) = clues
        .iter()
        .map(|clue| match clue {
            Clue::Fingerprint(value) => (0, value),
            Clue::ProbeA(value) => (1, value),
            Clue::ProbeB(value) => (2, value),
        })
        .unzip();
    let rows = sqlx::query(ALIKE)
        .bind(site.as_str())
        .bind(kinds)
        .bind(values)
        .bind(i64::from(campaigns.enough()))
        .fetch_all(pool)
        .await?;
    for row in &rows {
        campaigns.add(clues[rows::place(row)?], waiting_text(row)?);
    }
    Ok(())
}

pub(super) fn waiting_text(row: &PgRow) -> sqlx::Result<WaitingText> {
    let probes = (row.try_get("probe_a")?, row.try_get("probe_b")?);
    let (comment, fingerprint) = (rows::comment_id(row.try_get("comment_id")?)?, row.try_get("fingerprint")?);
    Ok(WaitingText::from_stored(comment, fingerprint, probes, row.try_get("shingles")?))
}

fn item(row: &PgRow, campaign: u32) -> sqlx::Result<QueueItem> {
    Ok(QueueItem {
        comment: rows::stored_comment(row)?,
        author: rows::author(row)?,
        queue: rows::queue(row)?,
        priority: rows::priority(row)?,
        wait_since: rows::time(row, "wait_since_ms")?,
        category: row.try_get("category")?,
        reports: rows::reports(row)?,
        campaign,
        claim: rows::claim(row)?,
        verdict: rows::verdict(row)?,
    })
}
