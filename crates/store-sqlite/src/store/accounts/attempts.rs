//! Attempts to sign in, and forgetting what has ended.

use moderato_domain::Timestamp;
use moderato_store::{
    ATTEMPTS_KEPT, Attempt, AttemptLimit, Attempts, UNASKED_COUNTED, URGENT_REMEMBERED, another_attempt,
};
use sqlx::sqlite::SqliteRow;

use crate::database::Database;
use crate::rows;

pub(super) async fn attempt(
    database: &Database,
    limits: &[AttemptLimit],
    now: Timestamp,
) -> sqlx::Result<Attempt> {
    const KNOWN: &str =
        "SELECT failures, last_time_ms, wait_until_ms FROM sign_in_attempts WHERE subject = ?1";
    const PUT: &str = "
        INSERT INTO sign_in_attempts (subject, failures, last_time_ms, wait_until_ms)
        VALUES (?1, ?2, ?3, ?4)
        ON CONFLICT (subject) DO UPDATE SET
            failures = excluded.failures,
            last_time_ms = excluded.last_time_ms,
            wait_until_ms = excluded.wait_until_ms";
    let mut transaction = database.write().await?;
    let mut known = Vec::with_capacity(limits.len());
    for limit in limits {
        let row = sqlx::query(KNOWN).bind(limit.subject.as_slice()).fetch_optional(&mut *transaction).await?;
        known.push((*limit, row.as_ref().map(attempts).transpose()?));
    }
    let (begins_burst, rows) = match another_attempt(&known, now) {
        Err(until) => return Ok(Attempt::Wait(until)),
        Ok(counted) => counted,
    };
    for (limit, row) in limits.iter().zip(rows) {
        sqlx::query(PUT)
            .bind(limit.subject.as_slice())
            .bind(i64::from(row.failures))
            .bind(row.last_time.as_millis())
            .bind(row.wait_until.as_millis())
            .execute(&mut *transaction)
            .await?;
    }
    transaction.commit().await?;
    Ok(Attempt::Admitted { begins_burst })
}

pub(super) async fn forgive_attempt(
    database: &Database,
    cleared: &[u8; 32],
    eased: &[u8; 32],
    attempted: Timestamp,
) -> sqlx::Result<()> {
    // Whoever tried since made others wait, and they still do.
    const EASE: &str = "
        UPDATE sign_in_attempts SET
            failures = max(failures - 1, 0),
            wait_until_ms = CASE WHEN last_time_ms = ?2 THEN 0 ELSE wait_until_ms END
        WHERE subject = ?1";
    let mut transaction = database.write().await?;
    sqlx::query("DELETE FROM sign_in_attempts WHERE subject = ?1")
        .bind(cleared.as_slice())
        .execute(&mut *transaction)
        .await?;
    sqlx::query(EASE).bind(eased.as_slice()).bind(attempted.as_millis()).execute(&mut *transaction).await?;
    transaction.commit().await
}

pub(super) async fn forget_ended(database: &Database, now: Timestamp) -> sqlx::Result<u64> {
    // Sessions and links are few: a handful for each person.
    const SESSIONS: &str = "DELETE FROM sessions WHERE idle_end_ms <= ?1 OR end_time_ms <= ?1";
    const LINKS: &str = "DELETE FROM one_time_links WHERE expire_time_ms <= ?1";
    const ATTEMPTS: &str = "DELETE FROM sign_in_attempts WHERE last_time_ms <= ?1";
    const TOLD: &str = "DELETE FROM urgent_told WHERE time_ms <= ?1";
    const COUNTED: &str = "
        UPDATE mails SET recipient_hash = NULL WHERE recipient_hash IS NOT NULL AND due_ms <= ?1";
    let mut transaction = database.write().await?;
    let mut forgotten = 0;
    let ended = [
        (SESSIONS, now),
        (LINKS, now),
        (ATTEMPTS, now.minus(ATTEMPTS_KEPT)),
        (TOLD, now.minus(URGENT_REMEMBERED)),
        (COUNTED, now.minus(UNASKED_COUNTED)),
    ];
    for (text, before) in ended {
        let query = sqlx::query(text).bind(before.as_millis());
        forgotten += query.execute(&mut *transaction).await?.rows_affected();
    }
    transaction.commit().await?;
    Ok(forgotten)
}

fn attempts(row: &SqliteRow) -> sqlx::Result<Attempts> {
    Ok(Attempts {
        failures: rows::count(row, "failures")?,
        last_time: rows::time(row, "last_time_ms")?,
        wait_until: rows::time(row, "wait_until_ms")?,
    })
}
