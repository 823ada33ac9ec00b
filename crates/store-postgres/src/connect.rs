//! Connecting and migrating.

use std::sync::Arc;
use std::time::Duration;

use moderato_domain::Clock;
use moderato_store::StoreError;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, Connection};

use crate::PostgresStore;
use crate::error::{in_time, store_error};
use crate::hint::{Bell, EventHint};

/// Longest a statement may run or wait for a lock. A batch of 200 takes a few milliseconds.
pub(crate) const STATEMENT_TIMEOUT: Duration = Duration::from_secs(10);

/// Longest wait for a connection, a new one included.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// Age at which a connection is replaced: connections are not tested before each use (that ping
/// costs reads a third of their rate), so a stale one must not live for ever.
const MAX_LIFETIME: Duration = Duration::from_mins(30);

/// Every migration, in order. An applied one is never edited; add the next number here and in the
/// folder, and one of the same name to the SQLite backend.
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

/// How to use the database.
#[derive(Debug, Clone, Copy)]
pub struct PostgresOptions {
    /// Most connections of the pool; one more listens for new events.
    pub max_connections: u32,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        // Two writers reach a small server's limit; the rest is for reads.
        Self { max_connections: 10 }
    }
}

impl PostgresStore {
    /// Connects to `postgres://user:password@host:port/database` and brings the schema up to date.
    /// Several processes may do so at once: one migrates, the others wait.
    pub async fn connect(
        url: &str,
        options: PostgresOptions,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, StoreError> {
        let server: PgConnectOptions =
            url.parse().map_err(|error: sqlx::Error| StoreError::Rejected(error.to_string()))?;
        let server = server.application_name("moderato");
        migrate(&server).await.map_err(store_error)?;

        let timeout_ms = STATEMENT_TIMEOUT.as_millis().to_string();
        let server = server.options([
            ("statement_timeout", timeout_ms.as_str()),
            // A process that hangs in mid-transaction must not hold back the event log for ever.
            ("idle_in_transaction_session_timeout", timeout_ms.as_str()),
        ]);
        let pool = PgPoolOptions::new()
            .max_connections(options.max_connections)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .max_lifetime(MAX_LIFETIME)
            .test_before_acquire(false)
            .connect_lazy_with(server.clone());
        warn_of_foreign_events(&pool).await?;
        Ok(Self { bell: Bell::hang_up(pool.clone()), pool, clock, hint: EventHint::listen_to(server) })
    }
}

/// Applies what is missing, under the advisory lock that sqlx takes. Without a statement timeout:
/// waiting for another process that migrates, and migrating a large table, may take long.
async fn migrate(server: &PgConnectOptions) -> sqlx::Result<()> {
    let migrations = MIGRATIONS
        .into_iter()
        .map(|(number, name, sql)| {
            Migration::new(number, name.into(), MigrationType::Simple, sql.into(), false)
        })
        .collect();
    let mut migrator = Migrator { migrations, ..Migrator::DEFAULT };
    // Migrations only expand what an older release needs, so during an upgrade an older process may
    // start on the newer schema.
    migrator.set_ignore_missing(true);

    let mut connection = server.connect().await?;
    // Not `run`, whose future cannot be sent to another thread (it is generic over `Acquire`).
    migrator.run_direct(&mut connection).await?;
    connection.close().await
}

/// Transaction ids order the event log, and a dump restored into a new server brings along ids from
/// the old server's future: such events stay invisible until the new server has caught up.
async fn warn_of_foreign_events(pool: &sqlx::PgPool) -> Result<(), StoreError> {
    const FOREIGN: &str = "SELECT EXISTS (
        SELECT FROM events WHERE xact_id >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint)";
    let foreign: bool = in_time(async { sqlx::query_scalar(FOREIGN).fetch_one(pool).await }).await?;
    if foreign {
        tracing::warn!(
            "the event log was written on another server and part of it is invisible here; \
             set xact_id of all events to 0 to show it"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use moderato_domain::SystemClock;

    use super::*;

    #[test]
    fn connecting_can_be_done_in_a_task() {
        fn spawnable(_: impl Future + Send + 'static) {}
        spawnable(PostgresStore::connect(
            "postgres://nowhere",
            PostgresOptions::default(),
            Arc::new(SystemClock),
        ));
    }
}
