//! Mails that wait to be sent.

use std::time::Duration;

use moderato_domain::{SiteId, Timestamp};
use moderato_store::{Mail, MailKind, TakenMail};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, PgPool, Row};
use uuid::Uuid;

use crate::error::unreadable;
use crate::rows;

pub(crate) async fn post(pool: &PgPool, mails: &[Mail]) -> sqlx::Result<()> {
    let mut transaction = pool.begin().await?;
    insert(&mut transaction, mails).await?;
    transaction.commit().await
}

const INSERT: &str = "
    INSERT INTO mails (mail_id, kind, site_id, recipient, subject, body, due_ms, next_attempt_ms)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $7)
    ON CONFLICT (mail_id) DO NOTHING";

pub(super) async fn insert(connection: &mut PgConnection, mails: &[Mail]) -> sqlx::Result<()> {
    for mail in mails {
        sqlx::query(INSERT)
            .bind(mail.id)
            .bind(mail.kind.as_str())
            .bind(mail.site.as_ref().map(SiteId::as_str))
            .bind(&mail.recipient)
            .bind(&mail.subject)
            .bind(&mail.body)
            .bind(mail.due.as_millis())
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// By `mails_due`. Those that another process is taking are left to it.
const TAKE: &str = "
    UPDATE mails SET attempts = attempts + 1, next_attempt_ms = $2
    WHERE mail_id IN (
        SELECT mail_id FROM mails WHERE next_attempt_ms <= $1
        ORDER BY next_attempt_ms, mail_id LIMIT $3 FOR UPDATE SKIP LOCKED)
    RETURNING mail_id, kind, site_id, recipient, subject, body, due_ms, attempts";

pub(crate) async fn take(
    pool: &PgPool,
    now: Timestamp,
    lease: Duration,
    limit: u32,
) -> sqlx::Result<Vec<TakenMail>> {
    let taken = sqlx::query(TAKE)
        .bind(now.as_millis())
        .bind(now.plus(lease).as_millis())
        .bind(i64::from(limit))
        .fetch_all(pool)
        .await?;
    let mut taken = taken.iter().map(taken_mail).collect::<sqlx::Result<Vec<_>>>()?;
    taken.sort_by_key(|taken| taken.mail.due);
    Ok(taken)
}

const SENT: &str = "
    UPDATE mails SET sent_ms = $2, next_attempt_ms = NULL, last_error = NULL, recipient = '', subject = '', body = ''
    WHERE mail_id = $1";

pub(crate) async fn sent(pool: &PgPool, id: Uuid, now: Timestamp) -> sqlx::Result<()> {
    sqlx::query(SENT).bind(id).bind(now.as_millis()).execute(pool).await?;
    Ok(())
}

const FAILED: &str =
    "UPDATE mails SET last_error = $2, next_attempt_ms = $3 WHERE mail_id = $1 AND sent_ms IS NULL";

pub(crate) async fn failed(
    pool: &PgPool,
    id: Uuid,
    error: &str,
    next: Option<Timestamp>,
) -> sqlx::Result<()> {
    sqlx::query(FAILED).bind(id).bind(error).bind(next.map(Timestamp::as_millis)).execute(pool).await?;
    Ok(())
}

fn taken_mail(row: &PgRow) -> sqlx::Result<TakenMail> {
    let kind: &str = row.try_get("kind")?;
    let site: Option<&str> = row.try_get("site_id")?;
    let attempts: i32 = row.try_get("attempts")?;
    Ok(TakenMail {
        mail: Mail {
            id: row.try_get("mail_id")?,
            kind: MailKind::parse(kind).ok_or_else(|| unreadable("mail kind"))?,
            site: site.map(SiteId::parse).transpose().map_err(|_| unreadable("site id"))?,
            recipient: row.try_get("recipient")?,
            subject: row.try_get("subject")?,
            body: row.try_get("body")?,
            due: rows::time(row, "due_ms")?,
        },
        attempt: u32::try_from(attempts).map_err(|_| unreadable("attempt"))?,
    })
}
