//! Who did what: an append-only log in a chain of hashes.

use async_trait::async_trait;
use moderato_domain::{AuditEntry, AuditHash, SiteId};
use moderato_store::{Audit, AuditRecord, StoreError};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};

use crate::error::in_time;
use crate::{PostgresStore, rows};

/// Whoever appends waits here for the one before to commit.
const LOCK_HEAD: &str = "SELECT entry_seq, hash FROM audit_head FOR UPDATE";

const APPEND: &str = "
    WITH appended AS (
        INSERT INTO audit_log (entry_seq, site_id, actor_id, actor_name, action, subject, details, time_ms, hash)
        VALUES ($1, $3, $4, $5, $6, $7, $8, $9, $2)
    )
    UPDATE audit_head SET entry_seq = $1, hash = $2";

macro_rules! entries {
    ($which:literal) => {
        concat!(
            "SELECT entry_seq, site_id, actor_id, actor_name, action, subject, details, time_ms, hash
             FROM audit_log WHERE ",
            $which
        )
    };
}

const OLDEST: &str = entries!("entry_seq > $1 ORDER BY entry_seq LIMIT $2");
const OLDEST_OF_SITE: &str = entries!("site_id = $3 AND entry_seq > $1 ORDER BY entry_seq LIMIT $2");
const NEWEST: &str = entries!("entry_seq < $1 ORDER BY entry_seq DESC LIMIT $2");
const NEWEST_OF_SITE: &str = entries!("site_id = $3 AND entry_seq < $1 ORDER BY entry_seq DESC LIMIT $2");

/// Appends an entry within the transaction of what it tells about, as its last lock.
pub(crate) async fn append(transaction: &mut PgConnection, entry: &AuditEntry) -> sqlx::Result<()> {
    let head = sqlx::query(LOCK_HEAD).fetch_one(&mut *transaction).await?;
    let sequence = head.try_get::<i64, _>("entry_seq")? + 1;
    let AuditHash(hash) = AuditHash(head.try_get("hash")?).chain(sequence, entry);
    sqlx::query(APPEND)
        .bind(sequence)
        .bind(hash.as_slice())
        .bind(entry.site.as_ref().map(SiteId::as_str))
        .bind(&entry.actor.id)
        .bind(&entry.actor.name)
        .bind(&entry.action)
        .bind(&entry.subject)
        .bind(&entry.details)
        .bind(entry.time.as_millis())
        .execute(transaction)
        .await?;
    Ok(())
}

#[async_trait]
impl Audit for PostgresStore {
    async fn append_audit(&self, entry: &AuditEntry) -> Result<(), StoreError> {
        in_time(async {
            let mut transaction = self.pool.begin().await?;
            append(&mut transaction, entry).await?;
            transaction.commit().await
        })
        .await
    }

    async fn audit_entries(
        &self,
        site: Option<&SiteId>,
        after: i64,
        limit: u32,
    ) -> Result<Vec<AuditRecord>, StoreError> {
        self.audit_page([OLDEST, OLDEST_OF_SITE], site, after, limit).await
    }

    async fn newest_audit_entries(
        &self,
        site: Option<&SiteId>,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<AuditRecord>, StoreError> {
        self.audit_page([NEWEST, NEWEST_OF_SITE], site, before.unwrap_or(i64::MAX), limit).await
    }

    async fn audit_head(&self) -> Result<(i64, AuditHash), StoreError> {
        in_time(async {
            let row = sqlx::query("SELECT entry_seq, hash FROM audit_head").fetch_one(&self.pool).await?;
            Ok((row.try_get("entry_seq")?, AuditHash(row.try_get("hash")?)))
        })
        .await
    }
}

impl PostgresStore {
    async fn audit_page(
        &self,
        [all, of_site]: [&str; 2],
        site: Option<&SiteId>,
        from: i64,
        limit: u32,
    ) -> Result<Vec<AuditRecord>, StoreError> {
        let query = sqlx::query(if site.is_some() { of_site } else { all }).bind(from).bind(i64::from(limit));
        let query = match site {
            Some(site) => query.bind(site.as_str()),
            None => query,
        };
        in_time(async { query.fetch_all(&self.pool).await?.iter().map(record).collect() }).await
    }
}

fn record(row: &PgRow) -> sqlx::Result<AuditRecord> {
    let site: Option<&str> = row.try_get("site_id")?;
    Ok(AuditRecord {
        sequence: row.try_get("entry_seq")?,
        entry: AuditEntry {
            site: site.map(|_| rows::site(row)).transpose()?,
            actor: rows::actor(row)?,
            action: row.try_get("action")?,
            subject: row.try_get("subject")?,
            details: row.try_get("details")?,
            time: rows::time(row, "time_ms")?,
        },
        hash: AuditHash(row.try_get("hash")?),
    })
}
