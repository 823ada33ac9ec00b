//! Humans' decisions.

use moderato_domain::{Decision, State};
use moderato_store::{DecideError, EventKind, StoredComment};
use sqlx::PgPool;

use crate::changes::{Change, Standing, publish};
use crate::reading::COMMENT;
use crate::rows;

/// The comment alone: while this waits for the lock the comment may move to another revision, and a
/// join with its revision would then find no row at all.
const LOCK: &str = "
    SELECT thread_id, revision, state, action, author_key
    FROM comments WHERE site_id = $1 AND comment_id = $2
    FOR UPDATE";

const DECIDE: &str = "
    WITH decided AS (
        UPDATE comments
        SET state = $3, decided = true, update_time_ms = $4, version = version + 1
        WHERE site_id = $1 AND comment_id = $2
    )
    INSERT INTO decisions (site_id, comment_id, revision, kind, moderator, guideline, note, decide_time_ms)
    VALUES ($1, $2, $5, $6, $7, $8, $9, $4)";

/// Applies a decision in one transaction, or says why not.
pub(crate) async fn decide(
    pool: &PgPool,
    decision: &Decision,
) -> sqlx::Result<Result<StoredComment, DecideError>> {
    let (site, comment) = (decision.comment.site.as_str(), decision.comment.comment.as_str());
    let mut transaction = pool.begin().await?;

    let locked = sqlx::query(LOCK).bind(site).bind(comment).fetch_optional(&mut *transaction).await?;
    let Some(row) = locked else { return Ok(Err(DecideError::Unknown)) };
    let before = Standing { author: rows::author(&row)?, state: rows::state(&row)? };
    let newest = rows::revision(&row)?;
    if before.state == State::Withdrawn {
        return Ok(Err(DecideError::Withdrawn));
    }
    if newest > decision.revision {
        return Ok(Err(DecideError::Stale(newest)));
    }
    if newest < decision.revision {
        // Nobody can have seen a revision that is not stored yet.
        return Ok(Err(DecideError::Unknown));
    }

    let state = decision.kind.state();
    sqlx::query(DECIDE)
        .bind(site)
        .bind(comment)
        .bind(state.as_str())
        .bind(decision.decide_time.as_millis())
        .bind(decision.revision.get())
        .bind(decision.kind.as_str())
        .bind(&decision.moderator)
        .bind(&decision.guideline)
        .bind(&decision.note)
        .execute(&mut *transaction)
        .await?;
    let change = Change {
        kind: EventKind::DecisionMade,
        comment: decision.comment.clone(),
        thread: rows::thread(&row)?,
        revision: newest,
        action: rows::action(&row)?,
        time: decision.decide_time,
        before: Some(before),
        after: Standing { state, ..before },
        wrote: None,
    };
    publish(&mut transaction, &[change]).await?;
    let decided = sqlx::query(COMMENT).bind(site).bind(comment).fetch_one(&mut *transaction).await?;
    let decided = rows::stored_comment(&decided)?;

    transaction.commit().await?;
    Ok(Ok(decided))
}
