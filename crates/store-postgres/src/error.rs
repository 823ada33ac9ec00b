//! From PostgreSQL's errors to what a caller does about them.

use std::future::Future;
use std::time::Duration;

use moderato_store::StoreError;

/// Longest wait for any call. The server ends a statement itself after
/// [`STATEMENT_TIMEOUT`](crate::connect::STATEMENT_TIMEOUT); this is for the server, or the network
/// to it, that no longer answers at all. It is longer than acquiring a connection and running one
/// statement may take together.
const CALL_DEADLINE: Duration = Duration::from_secs(16);

/// Runs a call, within [`CALL_DEADLINE`].
pub(crate) async fn in_time<T>(call: impl Future<Output = sqlx::Result<T>>) -> Result<T, StoreError> {
    match tokio::time::timeout(CALL_DEADLINE, call).await {
        Ok(result) => result.map_err(store_error),
        Err(_elapsed) => Err(StoreError::Unavailable(format!("no answer within {CALL_DEADLINE:?}"))),
    }
}

/// What the caller should do about this error.
pub(crate) fn store_error(error: sqlx::Error) -> StoreError {
    match error {
        sqlx::Error::Database(error) => {
            let code = error.code().unwrap_or_default();
            let text = format!("{} (SQLSTATE {code})", error.message());
            if is_about_the_data(&code) { StoreError::Rejected(text) } else { StoreError::Unavailable(text) }
        }
        // The row that is stored is not what this release can read, or the value cannot be sent.
        sqlx::Error::Decode(_) | sqlx::Error::ColumnDecode { .. } | sqlx::Error::Encode(_) => {
            StoreError::Rejected(error.to_string())
        }
        // No connection, none free in time, a broken one: not this batch's fault, and over soon.
        _ => StoreError::Unavailable(error.to_string()),
    }
}

/// SQLSTATE classes 22 (data exception: a NUL byte, a number out of range), 23 (constraint
/// violation) and 54 (a value too large for a row or index). The server is well; the data is not.
/// All other classes are about the server (shutdown, disk, clients, read-only), about others who use
/// it (locks, deadlocks), or about its schema, which a migration will mend.
fn is_about_the_data(sqlstate: &str) -> bool {
    ["22", "23", "54"].iter().any(|class| sqlstate.starts_with(class))
}

/// A stored value that this release cannot read.
pub(crate) fn unreadable(what: &str) -> sqlx::Error {
    sqlx::Error::Decode(format!("a stored {what} cannot be read").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_about_the_data_is_refused_for_good() {
        for sqlstate in ["22021", "22P05", "23505", "23514", "54000"] {
            assert!(is_about_the_data(sqlstate), "{sqlstate}");
        }
        // Connection, serialization, deadlock, disk full, too many clients, shutdown, cancelled,
        // read-only, no such table.
        for sqlstate in ["08006", "40001", "40P01", "53100", "53300", "57P01", "57014", "25006", "42P01"] {
            assert!(!is_about_the_data(sqlstate), "{sqlstate}");
        }
        assert!(matches!(store_error(sqlx::Error::PoolTimedOut), StoreError::Unavailable(_)));
        assert!(matches!(store_error(unreadable("state")), StoreError::Rejected(_)));
    }
}
