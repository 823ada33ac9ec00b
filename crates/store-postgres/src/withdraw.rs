//! Comments taken back.

use std::collections::BTreeMap;

use moderato_domain::{CommentName, State, Timestamp, Withdrawal};
use moderato_store::{EventKind, Withdrawn};
use sqlx::PgPool;

use crate::changes::{Change, Counted, column, publish};
use crate::rows;

/// Rows are locked as they leave the sort: in key order, like in every other transaction.
const LOCK: &str = "
    SELECT c.site_id, c.comment_id, c.thread_id, c.revision, c.state, c.action, c.author_key
    FROM unnest($1::text[], $2::text[]) AS k (site_id, comment_id)
    JOIN comments c USING (site_id, comment_id)
    ORDER BY c.site_id, c.comment_id
    FOR UPDATE OF c";

const WITHDRAW: &str = "
    UPDATE comments c
    SET state = 'withdrawn', queue = NULL, update_time_ms = w.time_ms, version = c.version + 1
    FROM unnest($1::text[], $2::text[], $3::bigint[]) AS w (site_id, comment_id, time_ms)
    WHERE c.site_id = w.site_id AND c.comment_id = w.comment_id";

/// Withdraws a batch in one transaction.
pub(crate) async fn withdraw(pool: &PgPool, batch: &[Withdrawal]) -> sqlx::Result<Vec<Withdrawn>> {
    // Each comment once, at the time of its first withdrawal.
    let mut asked: BTreeMap<&CommentName, Timestamp> = BTreeMap::new();
    for withdrawal in batch {
        asked.entry(&withdrawal.comment).or_insert(withdrawal.accept_time);
    }

    let mut transaction = pool.begin().await?;
    let locked = sqlx::query(LOCK)
        .bind(column(asked.keys(), |name| name.site.as_str()))
        .bind(column(asked.keys(), |name| name.comment.as_str()))
        .fetch_all(&mut *transaction)
        .await?;

    let mut outcomes: BTreeMap<CommentName, Withdrawn> = BTreeMap::new();
    let mut changes = Vec::with_capacity(locked.len());
    for row in &locked {
        let name = rows::name(row)?;
        let before = Counted { author: rows::author(row)?, state: rows::state(row)? };
        if before.state == State::Withdrawn {
            outcomes.insert(name, Withdrawn::Duplicate);
            continue;
        }
        changes.push(Change {
            kind: EventKind::CommentWithdrawn,
            comment: name.clone(),
            thread: rows::thread(row)?,
            revision: rows::revision(row)?,
            action: rows::action(row)?,
            time: asked[&name],
            before: Some(before),
            after: Counted { state: State::Withdrawn, ..before },
            wrote: None,
        });
        outcomes.insert(name, Withdrawn::Applied);
    }
    if !changes.is_empty() {
        sqlx::query(WITHDRAW)
            .bind(column(&changes, |change| change.comment.site.as_str()))
            .bind(column(&changes, |change| change.comment.comment.as_str()))
            .bind(column(&changes, |change| change.time.as_millis()))
            .execute(&mut *transaction)
            .await?;
        publish(&mut transaction, &changes).await?;
    }
    transaction.commit().await?;

    let told = |withdrawal: &Withdrawal| match outcomes.get_mut(&withdrawal.comment) {
        // The first mention of a comment in the batch did it, the next ones find it done.
        Some(outcome) => std::mem::replace(outcome, Withdrawn::Duplicate),
        None => Withdrawn::Unknown,
    };
    Ok(batch.iter().map(told).collect())
}
