//! The workers' transaction: evaluated revisions in, with everything that follows from them.
//!
//! 1. Revisions are inserted where their key is free, each with its verdict. Those whose key is
//!    taken are duplicates or conflicts, and nothing else happens to them.
//! 2. For the revisions that are new, comments are created or moved forward to them, in
//!    [`waves`] so that no statement meets a comment twice. An older revision than the one that
//!    readers see is stale.
//! 3. What changed is published: events, authors' counters, a notification.
//!
//! That is three statements for a batch of new comments, whatever its size.

mod comments;
mod revisions;

use std::collections::BTreeMap;

use moderato_domain::{CommentId, SiteId};
use moderato_store::{NewRecord, Recorded, waves};
use sqlx::PgPool;

use crate::changes::{Change, column, publish};

/// Records a batch in one transaction.
pub(crate) async fn record(pool: &PgPool, batch: &[NewRecord]) -> sqlx::Result<Vec<Recorded>> {
    let mut transaction = pool.begin().await?;

    let revisions::Kept { fresh, mut outcomes } = revisions::keep(&mut transaction, batch).await?;

    let mut changes: BTreeMap<usize, Change> = BTreeMap::new();
    for wave in waves(&fresh, |index| comment_key(&batch[*index])) {
        let wave = wave.into_iter().map(|place| (fresh[place], &batch[fresh[place]])).collect();
        changes.extend(comments::advance(&mut transaction, wave).await?);
    }
    for index in fresh {
        outcomes[index] = if changes.contains_key(&index) { Recorded::Applied } else { Recorded::Stale };
    }

    publish(&mut transaction, &column(changes, |(_, change)| change)).await?;

    transaction.commit().await?;
    Ok(outcomes)
}

type CommentKey<'a> = (&'a SiteId, &'a CommentId);

fn comment_key(record: &NewRecord) -> CommentKey<'_> {
    (&record.comment.site, &record.comment.id)
}
