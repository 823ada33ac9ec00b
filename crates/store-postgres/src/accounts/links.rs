//! Links that work once.

use moderato_domain::{AuditEntry, Timestamp, UserId};
use moderato_store::{EndSessions, LinkPurpose, LinkUse, OneTimeLink, SecretHash, UserChange};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, PgPool, Row};

use super::{people, sessions};
use crate::error::unreadable;
use crate::{audit, rows};

pub(super) async fn put_link(pool: &PgPool, link: &OneTimeLink, entry: &AuditEntry) -> sqlx::Result<()> {
    const PUT: &str = "
        INSERT INTO one_time_links (token_sha256, purpose, user_id, create_time_ms, expire_time_ms)
        VALUES ($1, $2, $3, $4, $5)";
    let mut transaction = pool.begin().await?;
    if let Some(user) = link.user {
        sqlx::query("DELETE FROM one_time_links WHERE user_id = $1 AND purpose = $2")
            .bind(user.as_uuid())
            .bind(link.purpose.as_str())
            .execute(&mut *transaction)
            .await?;
    }
    sqlx::query(PUT)
        .bind(link.token.0.as_slice())
        .bind(link.purpose.as_str())
        .bind(link.user.map(UserId::as_uuid))
        .bind(link.create_time.as_millis())
        .bind(link.expire_time.as_millis())
        .execute(&mut *transaction)
        .await?;
    audit::append(&mut transaction, entry).await?;
    transaction.commit().await
}

pub(super) async fn link(
    pool: &PgPool,
    token: &SecretHash,
    now: Timestamp,
) -> sqlx::Result<Option<OneTimeLink>> {
    const LINK: &str = "
        SELECT token_sha256, purpose, user_id, create_time_ms, expire_time_ms
        FROM one_time_links WHERE token_sha256 = $1 AND expire_time_ms > $2";
    let row = sqlx::query(LINK).bind(token.0.as_slice()).bind(now.as_millis()).fetch_optional(pool).await?;
    row.as_ref().map(stored).transpose()
}

pub(super) async fn use_link(
    pool: &PgPool,
    token: &SecretHash,
    link_use: &LinkUse,
    entry: &AuditEntry,
) -> sqlx::Result<Option<UserId>> {
    let mut transaction = pool.begin().await?;
    let Some(used) = take_link(&mut transaction, token, entry.time).await? else { return Ok(None) };
    let Some(user) = fulfil(&mut transaction, &used, link_use).await? else { return Ok(None) };
    audit::append(&mut transaction, entry).await?;
    transaction.commit().await?;
    Ok(Some(user))
}

/// Takes a link that works and every other one of its person; of two who use it at once, one gets it.
async fn take_link(
    transaction: &mut PgConnection,
    token: &SecretHash,
    now: Timestamp,
) -> sqlx::Result<Option<OneTimeLink>> {
    const TAKE: &str = "
        DELETE FROM one_time_links WHERE token_sha256 = $1 AND expire_time_ms > $2
        RETURNING token_sha256, purpose, user_id, create_time_ms, expire_time_ms";
    // Two that each use one of a person's links would wait for each other's: links are used in turn.
    sqlx::query("LOCK TABLE one_time_links IN SHARE ROW EXCLUSIVE MODE").execute(&mut *transaction).await?;
    let row = sqlx::query(TAKE)
        .bind(token.0.as_slice())
        .bind(now.as_millis())
        .fetch_optional(&mut *transaction)
        .await?;
    let Some(taken) = row.as_ref().map(stored).transpose()? else { return Ok(None) };
    let others = match taken.user {
        Some(user) => sqlx::query("DELETE FROM one_time_links WHERE user_id = $1").bind(user.as_uuid()),
        None => sqlx::query("DELETE FROM one_time_links WHERE user_id IS NULL"),
    };
    others.execute(transaction).await?;
    Ok(Some(taken))
}

/// Does what the link is for; `None` if it is for something else.
async fn fulfil(
    transaction: &mut PgConnection,
    used: &OneTimeLink,
    link_use: &LinkUse,
) -> sqlx::Result<Option<UserId>> {
    match (used.purpose, used.user, link_use) {
        (LinkPurpose::FirstAdmin, None, LinkUse::FirstAdmin { user, password }) => {
            // Two first people at once would not see each other.
            sqlx::query("LOCK TABLE users IN SHARE ROW EXCLUSIVE MODE").execute(&mut *transaction).await?;
            let somebody: bool =
                sqlx::query_scalar("SELECT EXISTS (SELECT FROM users)").fetch_one(&mut *transaction).await?;
            let made = !somebody && people::insert_user(transaction, user, Some(password)).await?;
            Ok(made.then_some(user.id))
        }
        (
            LinkPurpose::Invite | LinkPurpose::PasswordReset,
            Some(user),
            LinkUse::Password { display_name, password },
        ) => {
            if let Some(name) = display_name {
                people::apply(transaction, user, &UserChange::DisplayName(name.clone())).await?;
            }
            people::apply(transaction, user, &UserChange::Password(Some(password.clone()))).await?;
            sessions::end(transaction, user, EndSessions::All).await?;
            Ok(Some(user))
        }
        _ => Ok(None),
    }
}

fn stored(row: &PgRow) -> sqlx::Result<OneTimeLink> {
    Ok(OneTimeLink {
        token: SecretHash(row.try_get("token_sha256")?),
        purpose: LinkPurpose::parse(row.try_get("purpose")?)
            .ok_or_else(|| unreadable("purpose of a link"))?,
        user: row.try_get::<Option<uuid::Uuid>, _>("user_id")?.map(UserId::from_uuid),
        create_time: rows::time(row, "create_time_ms")?,
        expire_time: rows::time(row, "expire_time_ms")?,
    })
}
