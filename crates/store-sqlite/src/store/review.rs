//! A human's decision.

use moderato_domain::{CommentName, Decision, State};
use moderato_store::{DecideError, EventKind, StoredComment};
use sqlx::SqliteConnection;

use super::authors::AuthorChanges;
use super::comments;
use super::events::{self, NewEvent};
use crate::database::Database;
use crate::rows;

/// The inner result is what became of the decision, the outer one whether the file could be used.
pub(super) async fn decide(
    database: &Database,
    decision: &Decision,
) -> sqlx::Result<Result<StoredComment, DecideError>> {
    let mut transaction = database.write().await?;
    let before = match comments::one(&mut *transaction, &decision.comment).await? {
        None => return Ok(Err(DecideError::Unknown)),
        Some(comment) if comment.state == State::Withdrawn => return Ok(Err(DecideError::Withdrawn)),
        Some(comment) if comment.revision > decision.revision => {
            return Ok(Err(DecideError::Stale(comment.revision)));
        }
        // Nobody has seen a revision that is not here yet.
        Some(comment) if comment.revision < decision.revision => return Ok(Err(DecideError::Unknown)),
        Some(comment) => comment,
    };
    let state = decision.kind.state();

    insert_decision(&mut transaction, decision).await?;
    let author = sqlx::query(
        "UPDATE comments SET state = ?3, decided = 1, update_time_ms = ?4, version = version + 1
         WHERE site_id = ?1 AND comment_id = ?2
         RETURNING author_key",
    )
    .bind(decision.comment.site.as_str())
    .bind(decision.comment.comment.as_str())
    .bind(state.as_str())
    .bind(decision.decide_time.as_millis())
    .fetch_one(&mut *transaction)
    .await?;
    if let Some(author) = rows::author_key(&author)? {
        let mut authors = AuthorChanges::default();
        authors.moved(&decision.comment.site, author, before.state, state);
        authors.write(&mut transaction).await?;
    }
    let CommentName { site, comment } = &decision.comment;
    let made = NewEvent {
        kind: EventKind::DecisionMade,
        site,
        comment,
        thread: &before.thread,
        revision: before.revision,
        action: before.action,
        state,
        time: decision.decide_time,
    };
    events::append(&mut transaction, &[made]).await?;
    database.commit_events(transaction).await?;

    Ok(Ok(StoredComment {
        state,
        decided: true,
        update_time: decision.decide_time,
        version: before.version + 1,
        ..before
    }))
}

async fn insert_decision(connection: &mut SqliteConnection, decision: &Decision) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO decisions (site_id, comment_id, revision, kind, moderator, guideline, note, decide_time_ms)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(decision.comment.site.as_str())
    .bind(decision.comment.comment.as_str())
    .bind(decision.revision.get())
    .bind(decision.kind.as_str())
    .bind(&decision.moderator)
    .bind(&decision.guideline)
    .bind(&decision.note)
    .bind(decision.decide_time.as_millis())
    .execute(connection)
    .await?;
    Ok(())
}
