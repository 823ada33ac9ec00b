//! From rows to domain types.

use moderato_domain::{
    Action, AuthorKey, CommentId, CommentName, ContentHash, Evaluation, Facts, Revision, RuleSetVersion,
    Score, SiteId, State, ThreadId, Timestamp, Verdict,
};
use moderato_store::{Event, EventCursor, EventKind, StoredComment};
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

fn comment_id(text: &str) -> sqlx::Result<CommentId> {
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
