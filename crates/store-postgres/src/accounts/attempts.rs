//! Attempts to sign in, and forgetting what has ended.

use std::collections::BTreeMap;

use moderato_domain::Timestamp;
use moderato_store::{
    ATTEMPTS_KEPT, Attempt, AttemptLimit, Attempts, UNASKED_COUNTED, URGENT_REMEMBERED, another_attempt,
};
use sqlx::postgres::PgRow;
use sqlx::{PgPool, Row};

use crate::rows;

pub(super) async fn attempt(pool: &PgPool, limits: &[AttemptLimit], now: Timestamp) -> sqlx::Result<Attempt> {
    // Locks in one order, and a row to lock where there was none.
    const MAKE: &str = "
        INSERT INTO sign_in_attempts (subject, failures, last_time_ms, wait_until_ms)
        SELECT subject, 0, 0, 0 FROM unnest($1::bytea[]) AS asked (subject) ORDER BY subject
        ON CONFLICT (subject) DO NOTHING";
    const LOCK: &str = "
        SELECT subject, failures, last_time_ms, wait_until_ms FROM sign_in_attempts
        WHERE subject = ANY ($1) ORDER BY subject FOR UPDATE";
    const PUT: &str = "
        UPDATE sign_in_attempts SET failures = $2, last_time_ms = $3, wait_until_ms = $4
        WHERE subject = $1";
    let subjects: Vec<&[u8]> = limits.iter().map(|limit| limit.subject.as_slice()).collect();
    let mut transaction = pool.begin().await?;
    sqlx::query(MAKE).bind(&subjects).execute(&mut *transaction).await?;
    let mut stored: BTreeMap<[u8; 32], Attempts> = BTreeMap::new();
    for row in sqlx::query(LOCK).bind(&subjects).fetch_all(&mut *transaction).await? {
        stored.insert(row.try_get("subject")?, attempts(&row)?);
    }
    let known: Vec<_> = limits.iter().map(|limit| (*limit, stored.get(&limit.subject).copied())).collect();
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
    pool: &PgPool,
    cleared: &[u8; 32],
    eased: &[u8; 32],
    attempted: Timestamp,
) -> sqlx::Result<()> {
    // In the order in which an attempt locks them, or the two would wait for each other.
    const LOCK: &str = "
        SELECT 1 FROM sign_in_attempts WHERE subject = ANY ($1) ORDER BY subject FOR UPDATE";
    // Whoever tried since made others wait, and they still do.
    const EASE: &str = "
        UPDATE sign_in_attempts SET
            failures = greatest(failures - 1, 0),
            wait_until_ms = CASE WHEN last_time_ms = $2 THEN 0 ELSE wait_until_ms END
        WHERE subject = $1";
    let mut transaction = pool.begin().await?;
    let both = [cleared.as_slice(), eased.as_slice()];
    sqlx::query(LOCK).bind(both.as_slice()).execute(&mut *transaction).await?;
    sqlx::query("DELETE FROM sign_in_attempts WHERE subject = $1")
        .bind(cleared.as_slice())
        .execute(&mut *transaction)
        .await?;
    sqlx::query(EASE).bind(eased.as_slice()).bind(attempted.as_millis()).execute(&mut *transaction).await?;
    transaction.commit().await
}

pub(super) async fn forget_ended(pool: &PgPool, now: Timestamp) -> sqlx::Result<u64> {
    // Sessions and links are few: a handful for each person.
    const SESSIONS: &str = "DELETE FROM sessions WHERE idle_end_ms <= $1 OR end_time_ms <= $1";
    const LINKS: &str = "DELETE FROM one_time_links WHERE expire_time_ms <= $1";
    const ATTEMPTS: &str = "DELETE FROM sign_in_attempts WHERE last_time_ms <= $1";
    const TOLD: &str = "DELETE FROM urgent_told WHERE time_ms <= $1";
    const COUNTED: &str = "
        UPDATE mails SET recipient_hash = NULL WHERE recipient_hash IS NOT NULL AND due_ms <= $1";
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
        forgotten += query.execute(pool).await?.rows_affected();
    }
    Ok(forgotten)
}

fn attempts(row: &PgRow) -> sqlx::Result<Attempts> {
    let failures: i64 = row.try_get("failures")?;
    Ok(Attempts {
        failures: u32::try_from(failures).unwrap_or(u32::MAX),
        last_time: rows::time(row, "last_time_ms")?,
        wait_until: rows::time(row, "wait_until_ms")?,
    })
}
