//! The workers' transaction: evaluated revisions in, with everything that follows from them.
//!
//! Nearly every batch holds comments that nobody has seen before. They are written without asking
//! (`fresh`); if a key turns out to be taken, the transaction is undone and the batch is merged:
//!
//! 1. Revisions are inserted where their key is free, each with its verdict. Those whose key is
//!    taken are duplicates or conflicts, and nothing else happens to them.
//! 2. For the revisions that are new, comments are created or moved forward to them, in
//!    [`waves`] so that no statement meets a comment twice. An older revision than the one that
//!    readers see is stale.
//!
//! Either way, what later comments are compared with is added to the log of recent comments, and what
//! changed to events and authors' counters.

mod comments;
mod fresh;
mod revisions;

use std::collections::BTreeMap;

use moderato_domain::{CommentId, Revision, SiteId};
use moderato_store::{NewRecord, Recorded, waves};
use sqlx::{PgConnection, PgPool};

use crate::changes::{self, Change, column};
use crate::copy::COPY_FROM;
use crate::recent;

/// Records a batch in one transaction.
pub(crate) async fn record(pool: &PgPool, batch: &[NewRecord]) -> sqlx::Result<Vec<Recorded>> {
    let all: Vec<(usize, &NewRecord)> = batch.iter().enumerate().collect();
    let (first, later): (Vec<_>, Vec<_>) =
        all.iter().copied().partition(|(_, record)| record.comment.revision == Revision::FIRST);
    if first.len() >= COPY_FROM {
        match write(pool, &first, &later).await {
            Err(error) if is_taken(&error) => {}
            written => return written,
        }
    }
    write(pool, &[], &all).await
}

/// One transaction: `fresh` records whose comments are expected to be new, and others that are
/// merged with what is there.
async fn write(
    pool: &PgPool,
    fresh: &[(usize, &NewRecord)],
    others: &[(usize, &NewRecord)],
) -> sqlx::Result<Vec<Recorded>> {
    let mut transaction = pool.begin().await?;
    let mut outcomes = vec![Recorded::Applied; fresh.len() + others.len()];
    let mut changes: BTreeMap<usize, Change> =
        fresh::create(&mut transaction, fresh).await?.into_iter().collect();
    changes.extend(merge(&mut transaction, others, &mut outcomes).await?);
    let records = fresh.iter().chain(others);
    let applied = records.filter(|(index, _)| changes.contains_key(index)).map(|(_, record)| *record);
    recent::remember(&mut transaction, applied).await?;
    changes::write(&mut transaction, &column(changes, |(_, change)| change)).await?;
    transaction.commit().await?;
    Ok(outcomes)
}

/// Stores what is new among `records` and moves comments forward to it. Returns what changed.
async fn merge(
    transaction: &mut PgConnection,
    records: &[(usize, &NewRecord)],
    outcomes: &mut [Recorded],
) -> sqlx::Result<BTreeMap<usize, Change>> {
    let mut changes = BTreeMap::new();
    if records.is_empty() {
        return Ok(changes);
    }
    let kept = revisions::keep(transaction, &column(records, |(_, record)| *record)).await?;
    let stored = column(&kept.fresh, |place| records[*place]);
    for wave in waves(&stored, |(_, record)| comment_key(record)) {
        let wave = column(wave, |place| stored[place]);
        changes.extend(comments::advance(transaction, wave).await?);
    }
    for ((index, _), outcome) in records.iter().zip(kept.outcomes) {
        outcomes[*index] = outcome;
    }
    for (index, _) in stored {
        outcomes[index] = if changes.contains_key(&index) { Recorded::Applied } else { Recorded::Stale };
    }
    Ok(changes)
}

/// Whether a row could not be written because its key is taken.
fn is_taken(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(sqlx::error::DatabaseError::is_unique_violation)
}

type CommentKey<'a> = (&'a SiteId, &'a CommentId);

fn comment_key(record: &NewRecord) -> CommentKey<'_> {
    (&record.comment.site, &record.comment.id)
}
