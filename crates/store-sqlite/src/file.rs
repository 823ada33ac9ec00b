//! Opening the file.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use moderato_domain::{Clock, SystemClock};
use moderato_store::StoreError;
use sqlx::migrate::{Migration, MigrationType, Migrator};

use crate::database::Database;
use crate::error::{migrate_error, store_error};
use crate::queue::SqliteQueue;
use crate::store::SqliteStore;

/// How to open a file.
#[derive(Debug, Clone)]
pub struct SqliteOptions {
    /// When the queue is full.
    pub queue: QueueLimits,
    /// How long to wait for a lock that another process holds.
    pub busy_timeout: Duration,
    /// Most connections that read at once.
    pub readers: u32,
    /// The time, for retries and for the times of rows whose caller gives none.
    pub clock: Arc<dyn Clock>,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self {
            queue: QueueLimits::default(),
            busy_timeout: Duration::from_secs(5),
            readers: 3,
            clock: Arc::new(SystemClock),
        }
    }
}

/// How much work the queue holds before it refuses more. Retries and dead letters are never refused:
/// they were accepted before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueLimits {
    /// Messages of work, waiting, held back or being processed.
    pub max_messages: u64,
    /// Bytes of their bodies.
    pub max_bytes: u64,
}

impl Default for QueueLimits {
    fn default() -> Self {
        // As on a broker, so that the setting means the same: six weeks without a worker at a thousand
        // comments an hour, each in a message of its own; and a disk use that a small machine can carry.
        Self { max_messages: 1_000_000, max_bytes: 4 * 1024 * 1024 * 1024 }
    }
}

/// Every migration, in order. An applied one is never edited; add the next number here and in the
/// folder, and one of the same name to the PostgreSQL backend.
const MIGRATIONS: [(i64, &str, &str); 9] = [
    (1, "initial", include_str!("../migrations/0001_initial.sql")),
    (2, "facts", include_str!("../migrations/0002_facts.sql")),
    (3, "rule_lifecycle", include_str!("../migrations/0003_rule_lifecycle.sql")),
    (4, "review", include_str!("../migrations/0004_review.sql")),
    (5, "accounts", include_str!("../migrations/0005_accounts.sql")),
    (6, "redress", include_str!("../migrations/0006_redress.sql")),
    (7, "insight", include_str!("../migrations/0007_insight.sql")),
    (9, "bounds", include_str!("../migrations/0009_bounds.sql")),
    (10, "key_owners", include_str!("../migrations/0010_key_owners.sql")),
];

/// An open file: the store and the queue in it. Must be opened within a tokio runtime, which runs
/// the queue's committer.
#[derive(Debug)]
pub struct SqliteFile {
    database: Arc<Database>,
    store: SqliteStore,
    queue: SqliteQueue,
}

impl SqliteFile {
    /// Opens the file, creating it if it is not there, and brings its schema up to date. Several
    /// processes may do so at once.
    pub async fn open(path: impl AsRef<Path>, options: SqliteOptions) -> Result<Self, StoreError> {
        let path = path.as_ref();
        create_private(path)
            .map_err(|error| StoreError::Unavailable(format!("cannot create {}: {error}", path.display())))?;
        let database = Arc::new(Database::new(path.to_owned(), &options));
        migrate(&database).await?;
        let store = SqliteStore::new(Arc::clone(&database));
        let queue = SqliteQueue::new(Arc::clone(&database), options.queue);
        Ok(Self { database, store, queue })
    }

    /// The store in this file.
    pub fn store(&self) -> SqliteStore {
        self.store.clone()
    }

    /// The queue in this file.
    pub fn queue(&self) -> SqliteQueue {
        self.queue.clone()
    }

    /// Waits for what is running, moves the write-ahead log into the file and closes it. Whoever
    /// still holds the store or the queue gets errors from then on.
    pub async fn close(&self) {
        self.database.close().await;
    }
}

/// Runs the migrations that are missing, under the write lock: two processes that open a new file at
/// the same moment must not both create its tables.
async fn migrate(database: &Database) -> Result<(), StoreError> {
    let mut transaction = database.write().await.map_err(store_error)?;
    let migrations = MIGRATIONS
        .into_iter()
        .map(|(number, name, sql)| {
            Migration::new(number, name.into(), MigrationType::Simple, sql.into(), false)
        })
        .collect();
    Migrator { migrations, ..Migrator::DEFAULT }
        .run_direct(&mut *transaction)
        .await
        .map_err(migrate_error)?;
    transaction.commit().await.map_err(store_error)
}

/// Creates a missing file so that only its owner can read it: it holds privacy keys, and with them
/// mail addresses. SQLite gives its log the permissions of the file.
fn create_private(path: &Path) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}
