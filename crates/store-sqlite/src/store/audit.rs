//! Who did what: an append-only log in a chain of hashes.

use async_trait::async_trait;
use moderato_domain::{AuditEntry, AuditHash, SiteId};
use moderato_store::{Audit, AuditRecord, StoreError};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use super::SqliteStore;
use crate::error::store_error;
use crate::rows;

macro_rules! entries {
    ($which:literal) => {
        concat!(
            "SELECT entry_seq, site_id, actor_id, actor_name, action, subject, details, time_ms, hash
             FROM audit_log WHERE ",
            $which
        )
    };
}

const OLDEST: &str = entries!("entry_seq > ?1 ORDER BY entry_seq LIMIT ?2");
const OLDEST_OF_SITE: &str = entries!("site_id = ?3 AND entry_seq > ?1 ORDER BY entry_seq LIMIT ?2");
const NEWEST: &str = entries!("entry_seq < ?1 ORDER BY entry_seq DESC LIMIT ?2");
const NEWEST_OF_SITE: &str = entries!("site_id = ?3 AND entry_seq < ?1 ORDER BY entry_seq DESC LIMIT ?2");

/// Appends an entry within the transaction of what it tells about. There is one writer at a time.
pub(super) async fn append(connection: &mut SqliteConnection, entry: &AuditEntry) -> sqlx::Result<()> {
    let head = sqlx::query("SELECT entry_seq, hash FROM audit_head").fetch_one(&mut *connection).await?;
    let sequence = head.try_get::<i64, _>("entry_seq")? + 1;
    let AuditHash(hash) = AuditHash(rows::bytes(&head, "hash")?).chain(sequence, entry);
    sqlx::query(
        "INSERT INTO audit_log (entry_seq, hash, site_id, actor_id, actor_name, action, subject, details, time_ms)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(sequence)
    .bind(hash.as_slice())
    .bind(entry.site.as_ref().map(SiteId::as_str))
    .bind(&entry.actor.id)
    .bind(&entry.actor.name)
    .bind(&entry.action)
    .bind(&entry.subject)
    .bind(&entry.details)
    .bind(entry.time.as_millis())
    .execute(&mut *connection)
    .await?;
    sqlx::query("UPDATE audit_head SET entry_seq = ?, hash = ?")
        .bind(sequence)
        .bind(hash.as_slice())
        .execute(connection)
        .await?;
    Ok(())
}

#[async_trait]
impl Audit for SqliteStore {
    async fn append_audit(&self, entry: &AuditEntry) -> Result<(), StoreError> {
        let append = async {
            let mut transaction = self.database.write().await?;
            append(&mut transaction, entry).await?;
            transaction.commit().await
        };
        append.await.map_err(store_error)
    }

    async fn audit_entries(
        &self,
        site: Option<&SiteId>,
        after: i64,
        limit: u32,
    ) -> Result<Vec<AuditRecord>, StoreError> {
        self.audit_page([OLDEST, OLDEST_OF_SITE], site, after, limit).await.map_err(store_error)
    }

    async fn newest_audit_entries(
        &self,
        site: Option<&SiteId>,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<AuditRecord>, StoreError> {
        let before = before.unwrap_or(i64::MAX);
        self.audit_page([NEWEST, NEWEST_OF_SITE], site, before, limit).await.map_err(store_error)
    }

    async fn audit_head(&self) -> Result<(i64, AuditHash), StoreError> {
        let read = async {
            let row = sqlx::query("SELECT entry_seq, hash FROM audit_head")
                .fetch_one(self.database.readers())
                .await?;
            Ok((row.try_get("entry_seq")?, AuditHash(rows::bytes(&row, "hash")?)))
        };
        read.await.map_err(store_error)
    }
}

impl SqliteStore {
    async fn audit_page(
        &self,
        [all, of_site]: [&str; 2],
        site: Option<&SiteId>,
        from: i64,
        limit: u32,
    ) -> sqlx::Result<Vec<AuditRecord>> {
        let query = sqlx::query(if site.is_some() { of_site } else { all }).bind(from).bind(limit);
        let query = match site {
            Some(site) => query.bind(site.as_str()),
            None => query,
        };
        query.fetch_all(self.database.readers()).await?.iter().map(record).collect()
    }
}

fn record(row: &SqliteRow) -> sqlx::Result<AuditRecord> {
    Ok(AuditRecord {
        sequence: row.try_get("entry_seq")?,
        entry: AuditEntry {
            site: rows::optional(row, "site_id", |text| SiteId::parse(text).ok())?,
            actor: rows::actor(row)?,
            action: row.try_get("action")?,
            subject: row.try_get("subject")?,
            details: row.try_get("details")?,
            time: rows::time(row, "time_ms")?,
        },
        hash: AuditHash(rows::bytes(row, "hash")?),
    })
}
