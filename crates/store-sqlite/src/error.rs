//! What an SQLite error means to a caller.

use moderato_queue::QueueError;
use moderato_store::StoreError;
use sqlx::migrate::MigrateError;

/// Primary result codes (the low byte of an extended one), from <https://sqlite.org/rescode.html>.
mod code {
    pub(super) const BUSY: i32 = 5;
    pub(super) const READONLY: i32 = 8;
    pub(super) const FULL: i32 = 13;
    pub(super) const TOOBIG: i32 = 18;
    pub(super) const CONSTRAINT: i32 = 19;
    pub(super) const MISMATCH: i32 = 20;
    pub(super) const RANGE: i32 = 25;
}

/// The store's view: only what is wrong with the data itself is refused; everything else (a lock, a
/// full or read-only disk, an I/O error, no connection) can pass.
pub(crate) fn store_error(error: sqlx::Error) -> StoreError {
    match primary_code(&error) {
        Some(code::CONSTRAINT | code::MISMATCH | code::TOOBIG | code::RANGE) => {
            StoreError::Rejected(error.to_string())
        }
        Some(_) => StoreError::Unavailable(error.to_string()),
        None => match error {
            sqlx::Error::Decode(_) | sqlx::Error::ColumnDecode { .. } | sqlx::Error::Encode(_) => {
                StoreError::Rejected(error.to_string())
            }
            other => StoreError::Unavailable(other.to_string()),
        },
    }
}

/// A file whose schema this release does not know is refused; it is not a matter of time.
pub(crate) fn migrate_error(error: MigrateError) -> StoreError {
    match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => store_error(error),
        MigrateError::VersionMissing(version) => {
            StoreError::Rejected(format!("a newer release wrote this file: it has migration {version}"))
        }
        other => StoreError::Rejected(other.to_string()),
    }
}

/// The queue's view.
pub(crate) fn queue_error(error: sqlx::Error) -> QueueError {
    match store_error(error) {
        StoreError::Unavailable(why) => QueueError::Unavailable(why),
        StoreError::Rejected(why) => QueueError::Topology(why),
    }
}

/// Whether a failed COMMIT certainly stored nothing. After a failed sync it may have: the frames can
/// be in the log, complete, for the next process to find.
pub(crate) fn nothing_committed(error: &sqlx::Error) -> bool {
    matches!(primary_code(error), Some(code::BUSY | code::READONLY | code::FULL))
}

fn primary_code(error: &sqlx::Error) -> Option<i32> {
    let code: i32 = error.as_database_error()?.code()?.parse().ok()?;
    Some(code & 0xff)
}
