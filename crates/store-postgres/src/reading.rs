//! What platforms read.

use async_trait::async_trait;
use moderato_domain::{CommentName, Revision, SiteId, State, ThreadId, Verdict};
use moderato_store::{CommentFilter, CommentPosition, Reading, StoreError, StoredComment};
use sqlx::{PgPool, Postgres, QueryBuilder};

use crate::PostgresStore;
use crate::changes::column;
use crate::error::in_time;
use crate::rows;

/// Comments `c` with the texts of their newest revisions; what `c` is follows in brackets. A page is
/// cut there, before texts are joined to it, so that no more texts are read than returned.
macro_rules! with_texts {
    ($comments:literal) => {
        concat!(
            "SELECT c.site_id, c.comment_id, c.thread_id, c.parent_id, c.revision, r.content_hash,
                    r.display_name, r.author_url, r.user_id IS NULL AS guest, r.body, r.language,
                    r.permalink, c.state, c.action, c.score, c.decided, c.create_time_ms,
                    c.accept_time_ms, c.update_time_ms, c.version
             FROM comment_revisions r JOIN (SELECT * FROM comments ",
            $comments
        )
    };
}

const COMMENT: &str =
    with_texts!("WHERE site_id = $1 AND comment_id = $2) c USING (site_id, comment_id, revision)");

/// Comments of a site by id.
pub(crate) const COMMENTS: &str =
    with_texts!("WHERE site_id = $1 AND comment_id = ANY ($2)) c USING (site_id, comment_id, revision)");

const PUBLISHED: &str = with_texts!(
    "WHERE site_id = $1 AND thread_id = $2 AND state = 'published' AND (create_time_ms, comment_id) > ($3, $4)
     ORDER BY create_time_ms, comment_id LIMIT $5) c USING (site_id, comment_id, revision)
     ORDER BY c.create_time_ms, c.comment_id"
);

const COUNT_PUBLISHED: &str = "
    SELECT (SELECT count(*) FROM comments c
            WHERE c.site_id = $1 AND c.thread_id = t.thread_id AND c.state = 'published')
    FROM unnest($2::text[]) WITH ORDINALITY AS t (thread_id, place)
    ORDER BY t.place";

const VERDICTS: &str = "
    SELECT site_id, comment_id, revision, rule_set_version, action, score, approved_by_rule,
           reasons::text, signals::text, degraded::text, facts::text, evaluate_time_ms
    FROM verdicts
    WHERE site_id = $1 AND comment_id = $2 AND revision BETWEEN $3 AND $4
    ORDER BY revision DESC
    LIMIT $5";

#[async_trait]
impl Reading for PostgresStore {
    async fn comment(&self, name: &CommentName) -> Result<Option<StoredComment>, StoreError> {
        in_time(async {
            let row = sqlx::query(COMMENT)
                .bind(name.site.as_str())
                .bind(name.comment.as_str())
                .fetch_optional(&self.pool)
                .await?;
            row.as_ref().map(rows::stored_comment).transpose()
        })
        .await
    }

    async fn comments(
        &self,
        site: &SiteId,
        filter: &CommentFilter,
        after: Option<&CommentPosition>,
        limit: u32,
    ) -> Result<Vec<StoredComment>, StoreError> {
        in_time(async {
            let rows = list(site, filter, after, limit).build().fetch_all(&self.pool).await?;
            rows.iter().map(rows::stored_comment).collect()
        })
        .await
    }

    async fn published(
        &self,
        site: &SiteId,
        thread: &ThreadId,
        after: Option<&CommentPosition>,
        limit: u32,
    ) -> Result<Vec<StoredComment>, StoreError> {
        in_time(async {
            let rows = sqlx::query(PUBLISHED)
                .bind(site.as_str())
                .bind(thread.as_str())
                .bind(after.map_or(i64::MIN, |position| position.time.as_millis()))
                .bind(after.map_or("", |position| position.comment.as_str()))
                .bind(i64::from(limit))
                .fetch_all(&self.pool)
                .await?;
            rows.iter().map(rows::stored_comment).collect()
        })
        .await
    }

    async fn count_published(&self, site: &SiteId, threads: &[ThreadId]) -> Result<Vec<i64>, StoreError> {
        let counts = sqlx::query_scalar(COUNT_PUBLISHED)
            .bind(site.as_str())
            .bind(column(threads, ThreadId::as_str))
            .fetch_all(&self.pool);
        in_time(counts).await
    }

    async fn verdict(
        &self,
        name: &CommentName,
        revision: Option<Revision>,
    ) -> Result<Option<Verdict>, StoreError> {
        let (from, to) = revision.map_or((1, i64::MAX), |revision| (revision.get(), revision.get()));
        Ok(in_time(verdicts(&self.pool, name, from, to, 1)).await?.pop())
    }

    async fn verdicts(
        &self,
        name: &CommentName,
        after: Option<Revision>,
        limit: u32,
    ) -> Result<Vec<Verdict>, StoreError> {
        let to = after.map_or(i64::MAX, |revision| revision.get() - 1);
        in_time(verdicts(&self.pool, name, 1, to, limit)).await
    }
}

/// A page of a site's comments. The state stands in the text and is not bound, so that the planner
/// can see that a partial index covers it.
fn list<'a>(
    site: &'a SiteId,
    filter: &'a CommentFilter,
    after: Option<&'a CommentPosition>,
    limit: u32,
) -> QueryBuilder<'a, Postgres> {
    let mut query = QueryBuilder::new(with_texts!("WHERE site_id = "));
    query.push_bind(site.as_str());
    if let Some(state) = filter.state.map(State::as_str) {
        query.push(format_args!(" AND state = '{state}'"));
    }
    if let Some(action) = filter.action {
        query.push(" AND action = ").push_bind(action.as_str());
    }
    if let Some(thread) = &filter.thread {
        query.push(" AND thread_id = ").push_bind(thread.as_str());
    }
    if let Some(position) = after {
        query.push(" AND (accept_time_ms, comment_id) < (").push_bind(position.time.as_millis());
        query.push(", ").push_bind(position.comment.as_str()).push(")");
    }
    query.push(" ORDER BY accept_time_ms DESC, comment_id DESC LIMIT ").push_bind(i64::from(limit));
    query.push(
        ") c USING (site_id, comment_id, revision)
           ORDER BY c.accept_time_ms DESC, c.comment_id DESC",
    );
    query
}

/// Verdicts of a comment from `from` to `to`, newest revision first.
async fn verdicts(
    pool: &PgPool,
    name: &CommentName,
    from: i64,
    to: i64,
    limit: u32,
) -> sqlx::Result<Vec<Verdict>> {
    let rows = sqlx::query(VERDICTS)
        .bind(name.site.as_str())
        .bind(name.comment.as_str())
        .bind(from)
        .bind(to)
        .bind(i64::from(limit))
        .fetch_all(pool)
        .await?;
    rows.iter().map(rows::verdict).collect()
}
