//! Comments taken back.

use std::collections::HashSet;

use moderato_domain::{Action, AuthorKey, CommentName, Revision, State, ThreadId, Withdrawal};
use moderato_store::{EventKind, Withdrawn};
use sqlx::SqliteConnection;

use super::authors::AuthorChanges;
use super::events::{self, NewEvent};
use crate::database::Database;
use crate::rows;

pub(super) async fn withdraw(database: &Database, batch: &[Withdrawal]) -> sqlx::Result<Vec<Withdrawn>> {
    if batch.is_empty() {
        return Ok(Vec::new());
    }
    let mut transaction = database.write().await?;
    let known = known_comments(&mut transaction, batch).await?;

    // One that occurs twice in the batch is withdrawn by the first.
    let mut taken: HashSet<&CommentName> = HashSet::new();
    let mut outcome = Vec::with_capacity(batch.len());
    let mut applied: Vec<(&Withdrawal, &Known)> = Vec::new();
    for (withdrawal, known) in batch.iter().zip(&known) {
        outcome.push(match known {
            None => Withdrawn::Unknown,
            Some(known) if known.state == State::Withdrawn => Withdrawn::Duplicate,
            Some(_) if !taken.insert(&withdrawal.comment) => Withdrawn::Duplicate,
            Some(known) => {
                applied.push((withdrawal, known));
                Withdrawn::Applied
            }
        });
    }
    if applied.is_empty() {
        return Ok(outcome);
    }

    mark_withdrawn(&mut transaction, &applied).await?;
    let mut authors = AuthorChanges::default();
    let mut told = Vec::with_capacity(applied.len());
    for (withdrawal, known) in &applied {
        let CommentName { site, comment } = &withdrawal.comment;
        if let Some(author) = known.author {
            authors.moved(site, author, known.state, State::Withdrawn);
        }
        told.push(NewEvent {
            kind: EventKind::CommentWithdrawn,
            site,
            comment,
            thread: &known.thread,
            revision: known.revision,
            action: known.action,
            state: State::Withdrawn,
            time: withdrawal.accept_time,
        });
    }
    authors.write(&mut transaction).await?;
    events::append(&mut transaction, &told).await?;
    database.commit_events(transaction).await?;
    Ok(outcome)
}

/// What a withdrawal needs to know of a comment.
struct Known {
    thread: ThreadId,
    revision: Revision,
    author: Option<AuthorKey>,
    action: Action,
    state: State,
}

/// The comments of the batch, in its order.
async fn known_comments(
    connection: &mut SqliteConnection,
    batch: &[Withdrawal],
) -> sqlx::Result<Vec<Option<Known>>> {
    let names: Vec<_> = batch.iter().map(|w| (w.comment.site.as_str(), w.comment.comment.as_str())).collect();
    let found = sqlx::query(
        "SELECT wanted.key AS place, thread_id, revision, author_key, action, state
         FROM json_each(?1) AS wanted
         CROSS JOIN comments ON site_id = wanted.value ->> 0 AND comment_id = wanted.value ->> 1",
    )
    .bind(rows::to_json(&names)?)
    .fetch_all(connection)
    .await?;
    let mut known: Vec<Option<Known>> = batch.iter().map(|_| None).collect();
    for row in &found {
        let place: usize = rows::count(row, "place")?;
        known[place] = Some(Known {
            thread: rows::thread(row)?,
            revision: rows::revision(row)?,
            author: rows::author_key(row)?,
            action: rows::action(row)?,
            state: rows::state(row)?,
        });
    }
    Ok(known)
}

async fn mark_withdrawn(
    connection: &mut SqliteConnection,
    applied: &[(&Withdrawal, &Known)],
) -> sqlx::Result<()> {
    let changes: Vec<_> = applied
        .iter()
        .map(|(withdrawal, _)| {
            let CommentName { site, comment } = &withdrawal.comment;
            (site.as_str(), comment.as_str(), withdrawal.accept_time.as_millis())
        })
        .collect();
    sqlx::query(
        "UPDATE comments SET state = 'withdrawn', queue = NULL, update_time_ms = change.value ->> 2, version = version + 1
         FROM json_each(?1) AS change
         WHERE site_id = change.value ->> 0 AND comment_id = change.value ->> 1",
    )
    .bind(rows::to_json(&changes)?)
    .execute(connection)
    .await?;
    Ok(())
}
