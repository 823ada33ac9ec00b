//! From rows to domain types.

use std::time::Duration;

use moderato_domain::{
    Action, Actor, AuthorKey, CommentId, CommentName, ContentHash, DecisionId, DecisionKind, Evaluation,
    Facts, Priority, ReviewQueue, Revision, RuleSetVersion, Score, SiteId, State, ThreadId, Timestamp,
    Verdict,
};
use moderato_store::{Claim, DecisionRecord, Event, EventCursor, EventKind, ReviewCase, StoredComment};
use serde_json::from_str;
use sqlx::Row;
use sqlx::postgres::PgRow;

use crate::error::unreadable;

/// The index that `WITH ORDINALITY`, which counts from 1, gave an element of the batch.
pub(crate) fn place(row: &PgRow) -> sqlx::Result<usize> {
    let ordinality: i64 = row.try_get("place")?;
    Ok(ordinality as usize - 1)
}

pub(crate) fn site(row: &PgRow) -> sqlx::Result<SiteId> {
    SiteId::parse(row.try_get("site_id")?).map_err(|_| unreadable("site id"))
}

pub(crate) fn revision(row: &PgRow) -> sqlx::Result<Revision> {
    Revision::new(row.try_get("revision")?).map_err(|_| unreadable("revision"))
}

pub(crate) fn thread(row: &PgRow) -> sqlx::Result<ThreadId> {
    ThreadId::parse(row.try_get("thread_id")?).map_err(|_| unreadable("thread id"))
}

pub(crate) fn action(row: &PgRow) -> sqlx::Result<Action> {
    action_in(row, "action")
}

pub(crate) fn action_in(row: &PgRow, column: &str) -> sqlx::Result<Action> {
    Action::parse(row.try_get(column)?).ok_or_else(|| unreadable("action"))
}

pub(crate) fn state(row: &PgRow) -> sqlx::Result<State> {
    State::parse(row.try_get("state")?).ok_or_else(|| unreadable("state"))
}

pub(crate) fn author(row: &PgRow) -> sqlx::Result<Option<AuthorKey>> {
    let bytes: Option<[u8; 16]> = row.try_get("author_key")?;
    Ok(bytes.map(AuthorKey::from_bytes))
}

pub(crate) fn time(row: &PgRow, column: &str) -> sqlx::Result<Timestamp> {
    row.try_get(column).map(Timestamp::from_millis)
}

pub(crate) fn rule_set_version(text: &str) -> sqlx::Result<RuleSetVersion> {
    RuleSetVersion::parse(text).map_err(|_| unreadable("rule-set version"))
}

pub(crate) fn optional_rule_set(row: &PgRow, column: &str) -> sqlx::Result<Option<RuleSetVersion>> {
    let text: Option<&str> = row.try_get(column)?;
    text.map(rule_set_version).transpose()
}

pub(crate) fn parent(row: &PgRow) -> sqlx::Result<Option<CommentId>> {
    let parent: Option<&str> = row.try_get("parent_id")?;
    parent.map(comment_id).transpose()
}

pub(crate) fn comment_id(text: &str) -> sqlx::Result<CommentId> {
    CommentId::parse(text).map_err(|_| unreadable("comment id"))
}

pub(crate) fn name(row: &PgRow) -> sqlx::Result<CommentName> {
    Ok(CommentName { site: site(row)?, comment: comment_id(row.try_get("comment_id")?)? })
}

pub(crate) fn stored_comment(row: &PgRow) -> sqlx::Result<StoredComment> {
    Ok(StoredComment {
        name: name(row)?,
        thread: thread(row)?,
        parent: parent(row)?,
        revision: revision(row)?,
        content_hash: ContentHash::from_bytes(row.try_get("content_hash")?),
        display_name: row.try_get("display_name")?,
        author_url: row.try_get("author_url")?,
        guest: row.try_get("guest")?,
        body: row.try_get("body")?,
        language: row.try_get("language")?,
        permalink: row.try_get("permalink")?,
        state: state(row)?,
        action: action(row)?,
        score: Score::new(row.try_get("score")?),
        decided: row.try_get("decided")?,
        create_time: time(row, "create_time_ms")?,
        accept_time: time(row, "accept_time_ms")?,
        update_time: time(row, "update_time_ms")?,
        version: row.try_get("version")?,
    })
}

pub(crate) fn verdict(row: &PgRow) -> sqlx::Result<Verdict> {
    Ok(Verdict {
        comment: name(row)?,
        revision: revision(row)?,
        evaluation: Evaluation {
            action: action(row)?,
            approved_by_rule: row.try_get("approved_by_rule")?,
            score: Score::new(row.try_get("score")?),
            reasons: from_str(row.try_get("reasons")?).map_err(|_| unreadable("reason"))?,
            signals: from_str(row.try_get("signals")?).map_err(|_| unreadable("signal"))?,
            rule_set: rule_set_version(row.try_get("rule_set_version")?)?,
            degraded: from_str(row.try_get("degraded")?).map_err(|_| unreadable("degraded check"))?,
        },
        facts: facts(row)?,
        evaluate_time: time(row, "evaluate_time_ms")?,
    })
}

fn facts(row: &PgRow) -> sqlx::Result<Facts> {
    let stored: Option<&str> = row.try_get("facts")?;
    match stored {
        Some(facts) => from_str(facts).map_err(|_| unreadable("fact")),
        None => Ok(Facts::none(time(row, "evaluate_time_ms")?)),
    }
}

pub(crate) fn event(row: &PgRow) -> sqlx::Result<Event> {
    Ok(Event {
        cursor: EventCursor { epoch: row.try_get("xact_id")?, sequence: row.try_get("sequence")? },
        kind: EventKind::parse(row.try_get("kind")?).ok_or_else(|| unreadable("event kind"))?,
        comment: name(row)?,
        thread: thread(row)?,
        revision: revision(row)?,
        action: action(row)?,
        state: state(row)?,
        time: time(row, "time_ms")?,
    })
}

pub(crate) fn optional_time(row: &PgRow, column: &str) -> sqlx::Result<Option<Timestamp>> {
    let millis: Option<i64> = row.try_get(column)?;
    Ok(millis.map(Timestamp::from_millis))
}

pub(crate) fn queue(row: &PgRow) -> sqlx::Result<Option<ReviewQueue>> {
    let queue: Option<&str> = row.try_get("queue")?;
    queue.map(|queue| ReviewQueue::parse(queue).ok_or_else(|| unreadable("queue"))).transpose()
}

pub(crate) fn priority(row: &PgRow) -> sqlx::Result<Priority> {
    Priority::from_i16(row.try_get("priority")?).ok_or_else(|| unreadable("priority"))
}

pub(crate) fn reports(row: &PgRow) -> sqlx::Result<u32> {
    let reports: i32 = row.try_get("reported")?;
    u32::try_from(reports).map_err(|_| unreadable("number of reports"))
}

pub(crate) fn review_case(row: &PgRow) -> sqlx::Result<ReviewCase> {
    Ok(ReviewCase {
        state: state(row)?,
        action: action(row)?,
        priority: priority(row)?,
        decided: row.try_get("decided")?,
        escalated: row.try_get("escalated")?,
        reports: reports(row)?,
        appealed: row.try_get("appealed")?,
        wait_since: time(row, "wait_since_ms")?,
    })
}

pub(crate) fn actor(row: &PgRow) -> sqlx::Result<Actor> {
    Ok(Actor { id: row.try_get("actor_id")?, name: row.try_get("actor_name")? })
}

/// A live claim; none, if the columns are null.
pub(crate) fn claim(row: &PgRow) -> sqlx::Result<Option<Claim>> {
    let Some(id) = row.try_get("holder_id")? else { return Ok(None) };
    Ok(Some(Claim {
        holder: Actor { id, name: row.try_get("holder_name")? },
        claim_time: time(row, "claim_time_ms")?,
        expire_time: time(row, "expire_time_ms")?,
    }))
}

/// A row of [`DECISION_COLUMNS`].
pub(crate) fn decision(row: &PgRow) -> sqlx::Result<DecisionRecord> {
    let undone_by: Option<String> = row.try_get("undone_by_id")?;
    let undone = match (optional_time(row, "undone_time_ms")?, undone_by) {
        (Some(time), Some(id)) => Some((time, Actor { id, name: row.try_get("undone_by_name")? })),
        _ => None,
    };
    let waited: i64 = row.try_get("waited_ms")?;
    Ok(DecisionRecord {
        id: DecisionId(row.try_get("decision")?),
        comment: name(row)?,
        revision: revision(row)?,
        kind: DecisionKind::parse(row.try_get("kind")?).ok_or_else(|| unreadable("decision"))?,
        actor: actor(row)?,
        guideline: row.try_get("guideline")?,
        message: row.try_get("message")?,
        note: row.try_get("note")?,
        decide_time: time(row, "decide_time_ms")?,
        waited: Duration::from_millis(waited.unsigned_abs()),
        undo_until: time(row, "undo_until_ms")?,
        undone,
    })
}
