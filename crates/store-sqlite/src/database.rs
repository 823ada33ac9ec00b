//! The connections to the file: one that writes, a few that read.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use moderato_domain::{Clock, Timestamp};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{Connection, Sqlite, Transaction};
use tokio::sync::watch;

use crate::file::SqliteOptions;
use crate::turns::{Turn, Turns};

/// Page cache of the writing connection, in KiB (a negative `cache_size`): holds the upper pages of
/// the indexes of a few million comments.
const WRITER_CACHE_KIB: i64 = 16 * 1024;

/// Page cache of each reading connection.
const READER_CACHE_KIB: i64 = 2 * 1024;

/// Statements kept prepared by the writing connection: each that a batch of comments needs, in each of its
/// sizes, an estimated 3 MB in all, and some others.
const WRITER_STATEMENTS: usize = 64;

/// Pages in the write-ahead log (4 KiB each) at which SQLite moves them to the file. Comment ids are
/// random, so a commit touches many index pages; moved rarely, each is written once for many commits
/// (measured on a busy disk: 14,300 comments a second at 4,000 pages, 9,000 at SQLite's 1,000, no more
/// at 8,000).
const CHECKPOINT_PAGES: i64 = 4_000;

/// The log is cut to this size after a checkpoint, so that one burst does not keep the disk.
const LOG_BYTES_KEPT: i64 = 64 * 1024 * 1024;

/// How long a caller waits for the writing connection, on top of the busy timeout.
const WRITER_WAIT: Duration = Duration::from_secs(5);

/// An unused reading connection is closed after this long.
const READER_IDLE: Duration = Duration::from_mins(1);

/// The open file.
pub(crate) struct Database {
    path: PathBuf,
    writer: SqlitePool,
    readers: SqlitePool,
    turns: Arc<Turns>,
    /// With the writing connection, on both ways to it.
    patience: Duration,
    clock: Arc<dyn Clock>,
    /// Changes with every commit that wrote events.
    pub(crate) events: watch::Sender<u64>,
}

impl Database {
    /// Prepares both pools; nothing is opened yet.
    pub(crate) fn new(path: PathBuf, options: &SqliteOptions) -> Self {
        let common =
            SqliteConnectOptions::new().filename(&path).busy_timeout(options.busy_timeout).foreign_keys(true);
        let writing = common
            .clone()
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .statement_cache_capacity(WRITER_STATEMENTS)
            .pragma("cache_size", (-WRITER_CACHE_KIB).to_string())
            .pragma("wal_autocheckpoint", CHECKPOINT_PAGES.to_string())
            .pragma("journal_size_limit", LOG_BYTES_KEPT.to_string());
        let reading = common.read_only(true).pragma("cache_size", (-READER_CACHE_KIB).to_string());

        let patience = options.busy_timeout + WRITER_WAIT;
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .acquire_timeout(patience)
            .test_before_acquire(false)
            .idle_timeout(None)
            .max_lifetime(None)
            // After a full disk or an I/O error SQLite has rolled back by itself, so sqlx's own
            // rollback fails and it believes for ever that a transaction is open. Such a connection
            // is closed; the next caller opens a new one.
            .after_release(|connection, _| {
                Box::pin(async move {
                    // The ping is answered after the rollback that a dropped transaction left behind.
                    connection.ping().await?;
                    Ok(!connection.is_in_transaction())
                })
            })
            .connect_lazy_with(writing);
        let readers = SqlitePoolOptions::new()
            .max_connections(options.readers.max(1))
            .acquire_timeout(options.busy_timeout)
            .test_before_acquire(false)
            .idle_timeout(READER_IDLE)
            .connect_lazy_with(reading);
        Self {
            path,
            writer,
            readers,
            turns: Arc::default(),
            patience,
            clock: Arc::clone(&options.clock),
            events: watch::Sender::new(0),
        }
    }

    /// Takes the write lock. What is read in the transaction stays true until its commit. Dropping
    /// it rolls back.
    pub(crate) async fn write(&self) -> sqlx::Result<Transaction<'static, Sqlite>> {
        self.writer.begin_with("BEGIN IMMEDIATE").await
    }

    /// As [`write`](Self::write), for what is written all the time: the commit is shared with others who
    /// come this way.
    pub(crate) async fn write_together(&self) -> sqlx::Result<Turn> {
        self.turns.take(self.patience, self.write()).await
    }

    /// Where to read.
    pub(crate) fn readers(&self) -> &SqlitePool {
        &self.readers
    }

    /// Commits a transaction that wrote events and wakes their readers.
    pub(crate) async fn commit_events(&self, transaction: Transaction<'static, Sqlite>) -> sqlx::Result<()> {
        transaction.commit().await?;
        self.tell_of_events();
        Ok(())
    }

    /// Wakes the readers of events that were committed.
    pub(crate) fn tell_of_events(&self) {
        self.events.send_modify(|changes| *changes = changes.wrapping_add(1));
    }

    /// Whether the file answers and can be written: takes the write lock and gives it back.
    pub(crate) async fn check_writable(&self) -> sqlx::Result<()> {
        self.write().await?.rollback().await
    }

    /// The time.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Waits for what is running, then closes every connection.
    pub(crate) async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database").field("path", &self.path).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn count(database: &Database) -> i64 {
        sqlx::query_scalar("SELECT count(*) FROM t").fetch_one(database.readers()).await.unwrap()
    }

    #[tokio::test]
    async fn a_full_disk_does_not_wedge_the_writer() {
        let directory = tempfile::tempdir().unwrap();
        let database = Database::new(directory.path().join("m.db"), &SqliteOptions::default());
        let mut transaction = database.write().await.unwrap();
        sqlx::query("CREATE TABLE t (x BLOB)").execute(&mut *transaction).await.unwrap();
        transaction.commit().await.unwrap();
        let mut connection = database.writer.acquire().await.unwrap();
        sqlx::query("PRAGMA max_page_count = 10").execute(&mut *connection).await.unwrap();
        drop(connection);

        // SQLite rolls back by itself here, and sqlx's own rollback fails.
        let mut transaction = database.write().await.unwrap();
        sqlx::query("INSERT INTO t VALUES (zeroblob(10))").execute(&mut *transaction).await.unwrap();
        let full = sqlx::query("INSERT INTO t VALUES (zeroblob(100000))").execute(&mut *transaction).await;
        let full = full.unwrap_err();
        assert!(matches!(crate::error::store_error(full), moderato_store::StoreError::Unavailable(_)));
        drop(transaction);

        let mut transaction = database.write().await.expect("the writer is usable again");
        sqlx::query("INSERT INTO t VALUES (zeroblob(10))").execute(&mut *transaction).await.unwrap();
        transaction.commit().await.unwrap();
        assert_eq!(count(&database).await, 1, "nothing of the failed transaction");
    }

    #[tokio::test]
    async fn a_file_that_became_read_only_is_unavailable() {
        let directory = tempfile::tempdir().unwrap();
        let database = Database::new(directory.path().join("m.db"), &SqliteOptions::default());
        let mut connection = database.writer.acquire().await.unwrap();
        sqlx::query("CREATE TABLE t (x BLOB)").execute(&mut *connection).await.unwrap();
        // What SQLite answers then, without a file system that would have to change.
        sqlx::query("PRAGMA query_only = ON").execute(&mut *connection).await.unwrap();
        let refused =
            sqlx::query("INSERT INTO t VALUES (x'00')").execute(&mut *connection).await.unwrap_err();
        assert!(crate::error::nothing_committed(&refused));
        assert!(matches!(crate::error::store_error(refused), moderato_store::StoreError::Unavailable(_)));
    }

    #[tokio::test]
    async fn a_dropped_transaction_is_rolled_back() {
        let directory = tempfile::tempdir().unwrap();
        let database = Database::new(directory.path().join("m.db"), &SqliteOptions::default());
        let mut transaction = database.write().await.unwrap();
        sqlx::query("CREATE TABLE t (x BLOB)").execute(&mut *transaction).await.unwrap();
        transaction.commit().await.unwrap();
        for _ in 0..3 {
            let mut transaction = database.write().await.unwrap();
            sqlx::query("INSERT INTO t VALUES (x'00')").execute(&mut *transaction).await.unwrap();
        }
        database.check_writable().await.unwrap();
        assert_eq!(count(&database).await, 0);
    }
}
