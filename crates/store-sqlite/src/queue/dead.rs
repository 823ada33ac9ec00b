//! Dead letters: looked at, put back to work, or dropped. Also by another process, such as the
//! operators' command line.

use moderato_queue::{DeadLetter, DeadSelection};
use sqlx::Sqlite;
use sqlx::query::Query;
use sqlx::sqlite::SqliteArguments;

use super::messages::{envelope, select_messages};
use crate::database::Database;
use crate::rows;

/// Messages moved or deleted in one transaction. Each is some 128 KiB at most, unless configured
/// otherwise, and accepting submissions waits meanwhile.
const AT_ONCE: usize = 100;

pub(super) async fn list(database: &Database, limit: usize) -> sqlx::Result<Vec<DeadLetter>> {
    sqlx::query(select_messages!("WHERE place = 'dead' ORDER BY message_seq LIMIT ?"))
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(database.readers())
        .await?
        .iter()
        .map(|row| Ok(DeadLetter { envelope: envelope(row)? }))
        .collect()
}

/// The row itself moves, so no message is ever in neither place.
pub(super) async fn redrive(database: &Database, selection: &DeadSelection) -> sqlx::Result<u64> {
    let mut moved = 0;
    for portion in select(database, selection).await?.chunks(AT_ONCE) {
        let redrive = sqlx::query(
            "UPDATE queue_messages
             SET place = 'work', attempt = 0, last_error = NULL, available_at_ms = 0, enqueue_time_ms = ?2
             WHERE message_seq IN (SELECT value FROM json_each(?1)) AND place = 'dead'",
        );
        let now = database.now().as_millis();
        moved += commit(database, redrive.bind(rows::to_json(portion)?).bind(now)).await?;
    }
    Ok(moved)
}

pub(super) async fn delete(database: &Database, selection: &DeadSelection) -> sqlx::Result<u64> {
    let mut deleted = 0;
    for portion in select(database, selection).await?.chunks(AT_ONCE) {
        let delete = sqlx::query(
            "DELETE FROM queue_messages
             WHERE message_seq IN (SELECT value FROM json_each(?)) AND place = 'dead'",
        );
        deleted += commit(database, delete.bind(rows::to_json(portion)?)).await?;
    }
    Ok(deleted)
}

/// The numbers of the selected dead letters that are there now, oldest first.
async fn select(database: &Database, selection: &DeadSelection) -> sqlx::Result<Vec<i64>> {
    let ids = match selection {
        DeadSelection::All => None,
        DeadSelection::Ids(ids) => {
            Some(rows::to_json(&ids.iter().map(|id| id.simple().to_string()).collect::<Vec<_>>())?)
        }
    };
    sqlx::query_scalar(
        "SELECT message_seq FROM queue_messages
         WHERE place = 'dead' AND (?1 IS NULL OR message_id IN (SELECT unhex(value) FROM json_each(?1)))
         ORDER BY message_seq",
    )
    .bind(ids)
    .fetch_all(database.readers())
    .await
}

/// Runs one statement in a transaction of its own. Returns how many rows it changed.
async fn commit<'q>(
    database: &Database,
    statement: Query<'q, Sqlite, SqliteArguments<'q>>,
) -> sqlx::Result<u64> {
    let mut transaction = database.write().await?;
    let changed = statement.execute(&mut *transaction).await?.rows_affected();
    transaction.commit().await?;
    Ok(changed)
}
