//! What moderators' pages ask of PostgreSQL is answered by indexes, also in a table that is large. The
//! server itself counts which indexes the store's own statements use, and which tables are read through.
//! SQLite says how it goes about a statement; its crate looks there.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

#[path = "../src/bin/bench_review/load.rs"]
#[allow(dead_code, reason = "the benchmark uses the rest")]
mod load;

use std::sync::Arc;
use std::time::Duration;

use moderato_domain::{AuthorKey, Clock as _, ReviewQueue, SiteId, SystemClock};
use moderato_store::{DecisionFilter, QueueFilter, Review as _};
use moderato_store_postgres::{PostgresOptions, PostgresStore};
use moderato_tests::{eventually, postgres};
use sqlx::{Connection as _, PgConnection};

/// Tables that grow with every comment.
const LARGE: [&str; 4] = ["comments", "comment_revisions", "verdicts", "decisions"];

/// A database in which nobody else asks.
struct Counted {
    url: String,
    watcher: PgConnection,
}

impl Counted {
    /// Asserts that a question is answered by these indexes among others, and that no large table is
    /// read through; the indexes that were used.
    async fn by(&mut self, indexes: &[&str], ask: impl AsyncFnOnce(&PostgresStore)) -> Vec<String> {
        self.until_alone().await;
        sqlx::query("SELECT pg_stat_reset()").execute(&mut self.watcher).await.unwrap();
        let store =
            PostgresStore::connect(&self.url, PostgresOptions::default(), Arc::new(SystemClock)).await;
        let store = store.unwrap();
        ask(&store).await;
        drop(store);
        // A connection that ends has told everything that it counted.
        self.until_alone().await;
        let names = |query| sqlx::query_scalar::<_, String>(query);
        let used = names("SELECT indexrelname::text FROM pg_stat_user_indexes WHERE idx_scan > 0")
            .fetch_all(&mut self.watcher)
            .await
            .unwrap();
        for index in indexes {
            assert!(used.iter().any(|used| used == index), "{index} is not among {used:?}");
        }
        let read = names("SELECT relname::text FROM pg_stat_user_tables WHERE seq_scan > 0")
            .fetch_all(&mut self.watcher)
            .await
            .unwrap();
        for table in LARGE {
            assert!(!read.iter().any(|read| read == table), "{table} was read through, not by {indexes:?}");
        }
        used
    }

    async fn until_alone(&mut self) {
        const OTHERS: &str = "
            SELECT count(*) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'";
        eventually("nobody else is connected", Duration::from_secs(20), async || {
            let others: i64 = sqlx::query_scalar(OTHERS).fetch_one(&mut self.watcher).await.unwrap();
            (others == 0).then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_pages_ask_is_answered_by_indexes() {
    let server = postgres::Server::start_with(include_str!("../../deploy/postgresql.conf")).await;
    let url = server.database_url("moderato").await;
    let store =
        PostgresStore::connect(&url, PostgresOptions::default(), Arc::new(SystemClock)).await.unwrap();
    drop(store);
    load::postgres(&url, load::Sizes::of(20_000)).await.unwrap();
    let watcher = PgConnection::connect(&url).await.unwrap();
    let mut counted = Counted { url, watcher };
    let site = &SiteId::parse("blog").unwrap();
    let now = SystemClock.now();

    let all = QueueFilter::default();
    let spam = QueueFilter { queue: Some(ReviewQueue::Spam), ..all.clone() };
    let busy = QueueFilter { author: Some(AuthorKey::from_bytes([0; 16])), ..all.clone() };
    let rare = QueueFilter { category: Some("privacy".into()), ..all.clone() };
    let thread = QueueFilter { thread: Some("post-0".into()), ..all.clone() };
    counted.by(&["comments_waiting"], async |store| _ = store.queue_counts(site).await.unwrap()).await;
    for filter in [&all, &spam, &rare, &thread, &busy] {
        let indexes = ["comments_waiting", "comment_revisions_pkey", "verdicts_pkey", "comments_alike"];
        let indexes = if *filter == rare { &indexes[..1] } else { &indexes[..] };
        let ask = async |store: &PostgresStore| {
            let first = store.queue_page(site, filter, None, 50, now).await.unwrap();
            let after = first.last().map(moderato_store::QueueItem::position);
            store.queue_page(site, filter, after.as_ref(), 50, now).await.unwrap();
        };
        let of_page = counted.by(indexes, ask).await;
        let count = async |store: &PostgresStore| _ = store.count_queue(site, filter).await.unwrap();
        let of_count = counted.by(&["comments_waiting"], count).await;
        // All that an author ever wrote may be much more than what waits.
        let by_author = "comments_by_author".to_owned();
        assert!(!of_page.contains(&by_author) && !of_count.contains(&by_author), "{filter:?}");
    }

    let store = PostgresStore::connect(&counted.url, PostgresOptions::default(), Arc::new(SystemClock))
        .await
        .unwrap();
    let item = store.queue_page(site, &spam, None, 1, now).await.unwrap().remove(0);
    drop(store);
    let name = &item.comment.name;
    let alike = ["comments_alike", "comments_alike_a", "comments_alike_b"];
    counted.by(&alike, async |store| _ = store.campaign(name, 50).await.unwrap()).await;
    counted.by(&["comments_by_parent"], async |store| _ = store.conversation(name).await.unwrap()).await;
    let author = &AuthorKey::from_bytes([0; 16]);
    let ask = async |store: &PostgresStore| _ = store.author_history(site, author, 8, now).await.unwrap();
    counted.by(&["comments_by_author", "authors_pkey"], ask).await;

    let by_actor = DecisionFilter { actor: Some("user:7".into()), ..DecisionFilter::default() };
    let about = DecisionFilter { comment: Some(name.comment.clone()), ..DecisionFilter::default() };
    for (index, filter) in [
        ("decisions_by_site", DecisionFilter::default()),
        ("decisions_by_actor", by_actor),
        ("decisions_by_comment", about),
    ] {
        let ask = async |store: &PostgresStore| {
            _ = store.decisions(site, &filter, None, 50).await.unwrap();
        };
        counted.by(&[index], ask).await;
    }
}
