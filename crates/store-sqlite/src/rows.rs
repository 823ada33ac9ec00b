//! From stored columns back to domain types, and to JSON. A column that does not hold what this release
//! writes is a decoding error that names it.

use std::fmt::Display;
use std::time::Duration;

use moderato_domain::{
    Action, Actor, AuthorKey, CommentId, CommentName, ContentHash, DecisionId, DecisionKind, Priority,
    ReviewQueue, Revision, RuleSetVersion, Score, SiteId, State, ThreadId, Timestamp,
};
use moderato_store::{Claim, DecisionRecord, ReviewCase};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

/// Reads a text column and parses it.
pub(crate) fn parsed<T, E: Display>(
    row: &SqliteRow,
    column: &str,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> sqlx::Result<T> {
    let text: &str = row.try_get(column)?;
    parse(text).map_err(|error| unreadable(column, error))
}

/// Reads a text column that holds one of a closed set of words.
pub(crate) fn word<T>(
    row: &SqliteRow,
    column: &str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> sqlx::Result<T> {
    parsed(row, column, |text| parse(text).ok_or("unknown word"))
}

/// Reads a text column that may be absent and parses it.
pub(crate) fn optional<T>(
    row: &SqliteRow,
    column: &str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> sqlx::Result<Option<T>> {
    let absent = row.try_get::<Option<&str>, _>(column)?.is_none();
    if absent { Ok(None) } else { word(row, column, parse).map(Some) }
}

/// Reads a version of a rule set that may be absent.
pub(crate) fn rule_set(row: &SqliteRow, column: &str) -> sqlx::Result<Option<RuleSetVersion>> {
    optional(row, column, |text| RuleSetVersion::parse(text).ok())
}

/// Reads a JSON column.
pub(crate) fn json<T: DeserializeOwned>(row: &SqliteRow, column: &str) -> sqlx::Result<T> {
    parsed(row, column, |text| serde_json::from_str(text))
}

/// Reads a column of exactly `N` bytes.
pub(crate) fn bytes<const N: usize>(row: &SqliteRow, column: &str) -> sqlx::Result<[u8; N]> {
    let blob: &[u8] = row.try_get(column)?;
    blob.try_into().map_err(|error| unreadable(column, error))
}

/// Reads a column of exactly `N` bytes, if there are any.
pub(crate) fn optional_bytes<const N: usize>(row: &SqliteRow, column: &str) -> sqlx::Result<Option<[u8; N]>> {
    let absent = row.try_get::<Option<&[u8]>, _>(column)?.is_none();
    if absent { Ok(None) } else { bytes(row, column).map(Some) }
}

/// Reads a whole number that is not negative.
pub(crate) fn count<T: TryFrom<i64, Error: Display>>(row: &SqliteRow, column: &str) -> sqlx::Result<T> {
    let number: i64 = row.try_get(column)?;
    T::try_from(number).map_err(|error| unreadable(column, error))
}

/// Reads a time.
pub(crate) fn time(row: &SqliteRow, column: &str) -> sqlx::Result<Timestamp> {
    Ok(Timestamp::from_millis(row.try_get(column)?))
}

/// Reads a time that may be absent.
pub(crate) fn optional_time(row: &SqliteRow, column: &str) -> sqlx::Result<Option<Timestamp>> {
    let millis: Option<i64> = row.try_get(column)?;
    Ok(millis.map(Timestamp::from_millis))
}

pub(crate) fn site(row: &SqliteRow) -> sqlx::Result<SiteId> {
    parsed(row, "site_id", SiteId::parse)
}

pub(crate) fn comment_name(row: &SqliteRow) -> sqlx::Result<CommentName> {
    Ok(CommentName { site: site(row)?, comment: parsed(row, "comment_id", CommentId::parse)? })
}

pub(crate) fn thread(row: &SqliteRow) -> sqlx::Result<ThreadId> {
    parsed(row, "thread_id", ThreadId::parse)
}

pub(crate) fn parent(row: &SqliteRow) -> sqlx::Result<Option<CommentId>> {
    let text: Option<&str> = row.try_get("parent_id")?;
    text.map(CommentId::parse).transpose().map_err(|error| unreadable("parent_id", error))
}

pub(crate) fn revision(row: &SqliteRow) -> sqlx::Result<Revision> {
    let number: i64 = row.try_get("revision")?;
    Revision::new(number).map_err(|error| unreadable("revision", error))
}

pub(crate) fn state(row: &SqliteRow) -> sqlx::Result<State> {
    word(row, "state", State::parse)
}

pub(crate) fn action(row: &SqliteRow) -> sqlx::Result<Action> {
    word(row, "action", Action::parse)
}

pub(crate) fn score(row: &SqliteRow) -> sqlx::Result<Score> {
    Ok(Score::new(row.try_get("score")?))
}

pub(crate) fn content_hash(row: &SqliteRow) -> sqlx::Result<ContentHash> {
    Ok(ContentHash::from_bytes(bytes(row, "content_hash")?))
}

pub(crate) fn author_key(row: &SqliteRow) -> sqlx::Result<Option<AuthorKey>> {
    let absent = row.try_get::<Option<&[u8]>, _>("author_key")?.is_none();
    if absent { Ok(None) } else { Ok(Some(AuthorKey::from_bytes(bytes(row, "author_key")?))) }
}

pub(crate) fn comment_id(row: &SqliteRow) -> sqlx::Result<CommentId> {
    parsed(row, "comment_id", CommentId::parse)
}

pub(crate) fn queue(row: &SqliteRow) -> sqlx::Result<Option<ReviewQueue>> {
    optional(row, "queue", ReviewQueue::parse)
}

pub(crate) fn priority(row: &SqliteRow) -> sqlx::Result<Priority> {
    Priority::from_i16(count(row, "priority")?).ok_or_else(|| unreadable("priority", "unknown number"))
}

pub(crate) fn review_case(row: &SqliteRow) -> sqlx::Result<ReviewCase> {
    Ok(ReviewCase {
        state: state(row)?,
        action: action(row)?,
        priority: priority(row)?,
        decided: row.try_get("decided")?,
        escalated: row.try_get("escalated")?,
        reports: count(row, "reported")?,
        appealed: row.try_get("appealed")?,
        wait_since: time(row, "wait_since_ms")?,
    })
}

pub(crate) fn actor(row: &SqliteRow) -> sqlx::Result<Actor> {
    Ok(Actor { id: row.try_get("actor_id")?, name: row.try_get("actor_name")? })
}

/// A live claim; none, if the columns are null.
pub(crate) fn claim(row: &SqliteRow) -> sqlx::Result<Option<Claim>> {
    let Some(id) = row.try_get("holder_id")? else { return Ok(None) };
    Ok(Some(Claim {
        holder: Actor { id, name: row.try_get("holder_name")? },
        claim_time: time(row, "claim_time_ms")?,
        expire_time: time(row, "expire_time_ms")?,
    }))
}

pub(crate) fn decision(row: &SqliteRow) -> sqlx::Result<DecisionRecord> {
    let undone_by: Option<String> = row.try_get("undone_by_id")?;
    let undone = match (optional_time(row, "undone_time_ms")?, undone_by) {
        (Some(time), Some(id)) => Some((time, Actor { id, name: row.try_get("undone_by_name")? })),
        _ => None,
    };
    Ok(DecisionRecord {
        id: DecisionId(row.try_get("decision")?),
        comment: comment_name(row)?,
        revision: revision(row)?,
        kind: word(row, "kind", DecisionKind::parse)?,
        actor: actor(row)?,
        guideline: row.try_get("guideline")?,
        message: row.try_get("message")?,
        note: row.try_get("note")?,
        decide_time: time(row, "decide_time_ms")?,
        waited: Duration::from_millis(count(row, "waited_ms")?),
        undo_until: time(row, "undo_until_ms")?,
        undone,
    })
}

/// A document to store, or many keys as one parameter for `json_each`.
pub(crate) fn to_json(value: &(impl Serialize + ?Sized)) -> sqlx::Result<String> {
    serde_json::to_string(value).map_err(|error| sqlx::Error::Encode(error.into()))
}

fn unreadable(column: &str, error: impl Display) -> sqlx::Error {
    sqlx::Error::Decode(format!("column {column} is not readable: {error}").into())
}
