//! Mails that wait to be sent.

use std::time::Duration;

use moderato_domain::{SiteId, Timestamp};
use moderato_store::{Mail, MailKind, TakenMail, UNASKED_COUNTED, UNASKED_PER_DAY};
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row, Sqlite, SqliteConnection};
use uuid::Uuid;

use crate::database::Database;
use crate::many::ROWS_AT_ONCE;
use crate::rows;

pub(crate) async fn post(database: &Database, mails: &[Mail]) -> sqlx::Result<()> {
    let mut transaction = database.write().await?;
    insert(&mut transaction, &mails.iter().collect::<Vec<_>>()).await?;
    transaction.commit().await
}

pub(super) async fn insert(connection: &mut SqliteConnection, mails: &[&Mail]) -> sqlx::Result<()> {
    // Together as far as none of them counts for the next one.
    for mails in mails.chunk_by(|one, next| one.unasked.is_none() && next.unasked.is_none()) {
        match mails {
            [mail] if is_too_many(connection, mail).await? => give_up(connection, mail).await?,
            _ => insert_counted(connection, mails).await?,
        }
    }
    Ok(())
}

async fn insert_counted(connection: &mut SqliteConnection, mails: &[&Mail]) -> sqlx::Result<()> {
    for mails in mails.chunks(ROWS_AT_ONCE) {
        let mut insert = QueryBuilder::<Sqlite>::new(
            "INSERT INTO mails (mail_id, kind, site_id, recipient, subject, body, due_ms, next_attempt_ms, recipient_hash) ",
        );
        insert.push_values(mails, |mut row, mail| {
            row.push_bind(mail.id)
                .push_bind(mail.kind.as_str())
                .push_bind(mail.site.as_ref().map(SiteId::as_str))
                .push_bind(&mail.recipient)
                .push_bind(&mail.subject)
                .push_bind(&mail.body)
                .push_bind(mail.due.as_millis())
                .push_bind(mail.due.as_millis())
                .push_bind(mail.unasked.as_ref().map(<[u8; 32]>::as_slice));
        });
        insert.push(" ON CONFLICT (mail_id) DO NOTHING");
        insert.build().execute(&mut *connection).await?;
    }
    Ok(())
}

/// By `mails_by_recipient`.
async fn is_too_many(connection: &mut SqliteConnection, mail: &Mail) -> sqlx::Result<bool> {
    let Some(recipient) = &mail.unasked else { return Ok(false) };
    let count: u32 =
        sqlx::query_scalar("SELECT count(*) FROM mails WHERE recipient_hash = ?1 AND due_ms > ?2")
            .bind(recipient.as_slice())
            .bind(mail.due.minus(UNASKED_COUNTED).as_millis())
            .fetch_one(connection)
            .await?;
    Ok(count >= UNASKED_PER_DAY)
}

/// Known, so that it is not posted again, and given up.
async fn give_up(connection: &mut SqliteConnection, mail: &Mail) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO mails (mail_id, kind, site_id, recipient, subject, body, due_ms, last_error)
         VALUES (?1, ?2, ?3, '', '', '', ?4, 'too many mails to this address in a day')
         ON CONFLICT (mail_id) DO NOTHING",
    )
    .bind(mail.id)
    .bind(mail.kind.as_str())
    .bind(mail.site.as_ref().map(SiteId::as_str))
    .bind(mail.due.as_millis())
    .execute(connection)
    .await?;
    Ok(())
}

pub(crate) async fn take(
    database: &Database,
    now: Timestamp,
    lease: Duration,
    limit: u32,
) -> sqlx::Result<Vec<TakenMail>> {
    // By mails_due. Asked without the write lock first: mostly there is nothing.
    let due: bool = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM mails WHERE next_attempt_ms <= ?1)")
        .bind(now.as_millis())
        .fetch_one(database.readers())
        .await?;
    if !due {
        return Ok(Vec::new());
    }
    let mut transaction = database.write().await?;
    let taken = sqlx::query(
        "UPDATE mails SET attempts = attempts + 1, next_attempt_ms = ?2
         WHERE mail_id IN (SELECT mail_id FROM mails WHERE next_attempt_ms <= ?1 ORDER BY next_attempt_ms LIMIT ?3)
         RETURNING mail_id, kind, site_id, recipient, subject, body, due_ms, recipient_hash, attempts",
    )
    .bind(now.as_millis())
    .bind(now.plus(lease).as_millis())
    .bind(limit)
    .fetch_all(&mut *transaction)
    .await?;
    transaction.commit().await?;
    let mut taken = taken.iter().map(taken_mail).collect::<sqlx::Result<Vec<_>>>()?;
    taken.sort_by_key(|taken| taken.mail.due);
    Ok(taken)
}

pub(crate) async fn sent(database: &Database, id: Uuid, now: Timestamp) -> sqlx::Result<()> {
    let mut transaction = database.write().await?;
    sqlx::query(
        "UPDATE mails SET sent_ms = ?2, next_attempt_ms = NULL, last_error = NULL, recipient = '', subject = '',
                          body = ''
         WHERE mail_id = ?1",
    )
    .bind(id)
    .bind(now.as_millis())
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await
}

pub(crate) async fn failed(
    database: &Database,
    id: Uuid,
    error: &str,
    next: Option<Timestamp>,
) -> sqlx::Result<()> {
    let mut transaction = database.write().await?;
    sqlx::query(
        "UPDATE mails SET last_error = ?2, next_attempt_ms = ?3 WHERE mail_id = ?1 AND sent_ms IS NULL",
    )
    .bind(id)
    .bind(error)
    .bind(next.map(Timestamp::as_millis))
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await
}

fn taken_mail(row: &SqliteRow) -> sqlx::Result<TakenMail> {
    Ok(TakenMail {
        mail: Mail {
            id: row.try_get("mail_id")?,
            kind: rows::word(row, "kind", MailKind::parse)?,
            site: rows::optional(row, "site_id", |text| SiteId::parse(text).ok())?,
            recipient: row.try_get("recipient")?,
            subject: row.try_get("subject")?,
            body: row.try_get("body")?,
            due: rows::time(row, "due_ms")?,
            unasked: rows::optional_bytes(row, "recipient_hash")?,
        },
        attempt: rows::count(row, "attempts")?,
    })
}
