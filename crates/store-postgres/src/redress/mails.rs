//! Mails that wait to be sent.

use std::time::Duration;

use moderato_domain::{SiteId, Timestamp};
use moderato_store::{Mail, MailKind, TakenMail, UNASKED_COUNTED, UNASKED_PER_DAY};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, PgPool, Row};
use uuid::Uuid;

use crate::error::unreadable;
use crate::rows;

pub(crate) async fn post(pool: &PgPool, mails: &[Mail]) -> sqlx::Result<()> {
    let mut transaction = pool.begin().await?;
    insert(&mut transaction, &mails.iter().collect::<Vec<_>>()).await?;
    transaction.commit().await
}

const INSERT: &str = "
    INSERT INTO mails (mail_id, kind, site_id, recipient, subject, body, due_ms, next_attempt_ms, recipient_hash)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $8)
    ON CONFLICT (mail_id) DO NOTHING";

/// One that is too many: known, so that it is not posted again, and given up.
const GIVE_UP: &str = "
    INSERT INTO mails (mail_id, kind, site_id, recipient, subject, body, due_ms, last_error)
    VALUES ($1, $2, $3, '', '', '', $4, 'too many mails to this address in a day')
    ON CONFLICT (mail_id) DO NOTHING";

/// By `mails_by_recipient`.
const COUNT: &str = "SELECT count(*) FROM mails WHERE recipient_hash = $1 AND due_ms > $2";

/// Who counts mails does so alone until its transaction ends. Taken before the first mail is written, so
/// that two never wait for each other.
const COUNT_ALONE: &str = "SELECT pg_advisory_xact_lock(hashtextextended('moderato.mails', 0))";

pub(super) async fn insert(connection: &mut PgConnection, mails: &[&Mail]) -> sqlx::Result<()> {
    if mails.iter().any(|mail| mail.unasked.is_some()) {
        sqlx::query(COUNT_ALONE).execute(&mut *connection).await?;
    }
    for mail in mails {
        let site = mail.site.as_ref().map(SiteId::as_str);
        let query = if is_too_many(connection, mail).await? {
            sqlx::query(GIVE_UP).bind(mail.id).bind(mail.kind.as_str()).bind(site).bind(mail.due.as_millis())
        } else {
            sqlx::query(INSERT)
                .bind(mail.id)
                .bind(mail.kind.as_str())
                .bind(site)
                .bind(&mail.recipient)
                .bind(&mail.subject)
                .bind(&mail.body)
                .bind(mail.due.as_millis())
                .bind(mail.unasked.as_ref().map(<[u8; 32]>::as_slice))
        };
        query.execute(&mut *connection).await?;
    }
    Ok(())
}

async fn is_too_many(connection: &mut PgConnection, mail: &Mail) -> sqlx::Result<bool> {
    let Some(recipient) = &mail.unasked else { return Ok(false) };
    let count: i64 = sqlx::query_scalar(COUNT)
        .bind(recipient.as_slice())
        .bind(mail.due.minus(UNASKED_COUNTED).as_millis())
        .fetch_one(connection)
        .await?;
    Ok(count >= i64::from(UNASKED_PER_DAY))
}

/// By `mails_due`. Those that another process is taking are left to it.
const TAKE: &str = "
    UPDATE mails SET attempts = attempts + 1, next_attempt_ms = $2
    WHERE mail_id IN (
        SELECT mail_id FROM mails WHERE next_attempt_ms <= $1
        ORDER BY next_attempt_ms, mail_id LIMIT $3 FOR UPDATE SKIP LOCKED)
    RETURNING mail_id, kind, site_id, recipient, subject, body, due_ms, recipient_hash, attempts";

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
            unasked: row.try_get("recipient_hash")?,
        },
        attempt: u32::try_from(attempts).map_err(|_| unreadable("attempt"))?,
    })
}
