//! Browsers in which people are signed in.

use moderato_domain::{AuditEntry, Timestamp, User, UserId};
use moderato_store::{EndSessions, SESSIONS_KEPT, SecretHash, Session};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, PgPool, Row};

use super::people;
use crate::{audit, rows};

const SESSION_COLUMNS: &str =
    "session_sha256, user_id, create_time_ms, seen_time_ms, idle_end_ms, end_time_ms, network, agent";

pub(super) async fn begin_session(
    pool: &PgPool,
    session: &Session,
    replaces: Option<&SecretHash>,
    entry: &AuditEntry,
) -> sqlx::Result<()> {
    const BEGIN: &str = "
        INSERT INTO sessions (session_sha256, user_id, create_time_ms, seen_time_ms, idle_end_ms,
                              end_time_ms, network, agent)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    const END_OLDEST: &str = "
        DELETE FROM sessions WHERE session_sha256 IN (
            SELECT session_sha256 FROM sessions WHERE user_id = $1
            ORDER BY create_time_ms DESC, session_sha256 OFFSET $2)";
    let mut transaction = pool.begin().await?;
    if let Some(SecretHash(replaced)) = replaces {
        sqlx::query("DELETE FROM sessions WHERE session_sha256 = $1")
            .bind(replaced.as_slice())
            .execute(&mut *transaction)
            .await?;
    }
    sqlx::query(BEGIN)
        .bind(session.id.0.as_slice())
        .bind(session.user.as_uuid())
        .bind(session.create_time.as_millis())
        .bind(session.seen_time.as_millis())
        .bind(session.idle_end.as_millis())
        .bind(session.end_time.as_millis())
        .bind(&session.network)
        .bind(&session.agent)
        .execute(&mut *transaction)
        .await?;
    sqlx::query(END_OLDEST)
        .bind(session.user.as_uuid())
        .bind(i64::from(SESSIONS_KEPT))
        .execute(&mut *transaction)
        .await?;
    audit::append(&mut transaction, entry).await?;
    transaction.commit().await
}

pub(super) async fn session(
    pool: &PgPool,
    id: &SecretHash,
    now: Timestamp,
) -> sqlx::Result<Option<(Session, User)>> {
    // Both by primary key.
    const LIVE: &str = "
        SELECT session_sha256, user_id, sessions.create_time_ms AS create_time_ms, seen_time_ms,
               idle_end_ms, end_time_ms, network, agent, mail, display_name, password_hash, oidc_issuer,
               oidc_subject, operator, disable_time_ms, preferences,
               users.create_time_ms AS user_create_time_ms,
               (SELECT coalesce(json_object_agg(site_id, role), '{}') FROM memberships m
                WHERE m.user_id = users.user_id) AS memberships
        FROM sessions JOIN users USING (user_id)
        WHERE session_sha256 = $1 AND idle_end_ms > $2 AND end_time_ms > $2 AND disable_time_ms IS NULL";
    let row = sqlx::query(LIVE).bind(id.0.as_slice()).bind(now.as_millis()).fetch_optional(pool).await?;
    row.map(|row| Ok((stored(&row)?, people::stored(&row)?.user))).transpose()
}

pub(super) async fn touch_session(
    pool: &PgPool,
    id: &SecretHash,
    now: Timestamp,
    idle_end: Timestamp,
) -> sqlx::Result<()> {
    const TOUCH: &str = "UPDATE sessions SET seen_time_ms = $2, idle_end_ms = $3 WHERE session_sha256 = $1";
    let touch = sqlx::query(TOUCH)
        .bind(id.0.as_slice())
        .bind(now.as_millis())
        .bind(idle_end.as_millis())
        .execute(pool);
    touch.await?;
    Ok(())
}

pub(super) async fn sessions(pool: &PgPool, user: UserId, now: Timestamp) -> sqlx::Result<Vec<Session>> {
    let text = format!(
        "SELECT {SESSION_COLUMNS} FROM sessions
         WHERE user_id = $1 AND idle_end_ms > $2 AND end_time_ms > $2
         ORDER BY create_time_ms DESC, session_sha256"
    );
    let rows = sqlx::query(&text).bind(user.as_uuid()).bind(now.as_millis()).fetch_all(pool).await?;
    rows.iter().map(stored).collect()
}

pub(super) async fn end_sessions(
    pool: &PgPool,
    user: UserId,
    which: EndSessions,
    entry: &AuditEntry,
) -> sqlx::Result<u64> {
    let mut transaction = pool.begin().await?;
    let ended = end(&mut transaction, user, which).await?;
    if ended > 0 {
        audit::append(&mut transaction, entry).await?;
    }
    transaction.commit().await?;
    Ok(ended)
}

pub(super) async fn end(
    transaction: &mut PgConnection,
    user: UserId,
    which: EndSessions,
) -> sqlx::Result<u64> {
    let query = match &which {
        EndSessions::All => sqlx::query("DELETE FROM sessions WHERE user_id = $1").bind(user.as_uuid()),
        EndSessions::One(SecretHash(id)) => {
            sqlx::query("DELETE FROM sessions WHERE user_id = $1 AND session_sha256 = $2")
                .bind(user.as_uuid())
                .bind(id.as_slice())
        }
        EndSessions::AllBut(SecretHash(id)) => {
            sqlx::query("DELETE FROM sessions WHERE user_id = $1 AND session_sha256 <> $2")
                .bind(user.as_uuid())
                .bind(id.as_slice())
        }
    };
    Ok(query.execute(transaction).await?.rows_affected())
}

fn stored(row: &PgRow) -> sqlx::Result<Session> {
    Ok(Session {
        id: SecretHash(row.try_get("session_sha256")?),
        user: UserId::from_uuid(row.try_get("user_id")?),
        create_time: rows::time(row, "create_time_ms")?,
        seen_time: rows::time(row, "seen_time_ms")?,
        idle_end: rows::time(row, "idle_end_ms")?,
        end_time: rows::time(row, "end_time_ms")?,
        network: row.try_get("network")?,
        agent: row.try_get("agent")?,
    })
}
