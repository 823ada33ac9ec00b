//! What the columns of a file mean, and how a row becomes a draft.

use std::collections::BTreeMap;

use anyhow::bail;
use chrono::{DateTime, NaiveDate, NaiveDateTime};
use moderato_api::pb::ingest as pb;
use moderato_domain::ThreadId;
use moderato_domain::intake::limits;
use sha2::{Digest as _, Sha256};

use super::read::{Unusable, Values};

/// Thread of rows that name none.
pub(crate) const DEFAULT_THREAD: &str = "imported";

/// Name of authors that have none.
const DEFAULT_NAME: &str = "Guest";

/// A part of a comment that a column can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Field {
    Body,
    Name,
    Email,
    Url,
    Thread,
    Created,
    Id,
}

impl Field {
    pub(super) const ALL: [Self; 7] =
        [Self::Body, Self::Name, Self::Email, Self::Url, Self::Thread, Self::Created, Self::Id];

    /// Headers that mean this field, the likeliest first.
    pub(super) const fn names(self) -> &'static [&'static str] {
        match self {
            Self::Body => &["body", "text", "content", "comment", "message"],
            Self::Name => &["author", "name", "display_name", "author_name"],
            Self::Email => &["email", "author_email", "mail"],
            Self::Url => &["url", "website", "author_url"],
            Self::Thread => &["thread", "video", "post", "page"],
            Self::Created => &["date", "created", "created_at", "create_time", "timestamp"],
            Self::Id => &["id"],
        }
    }

    /// The field of the request it fills.
    pub(super) const fn path(self) -> &'static str {
        match self {
            Self::Body => "comment.body",
            Self::Name => "comment.author.display_name",
            Self::Email => "comment.author.email",
            Self::Url => "comment.author.url",
            Self::Thread => "comment.thread",
            Self::Created => "comment.create_time",
            Self::Id => "request_id",
        }
    }

    pub(super) const fn may_be_number(self) -> bool {
        matches!(self, Self::Id | Self::Thread | Self::Created)
    }

    /// Reads the left side of `--column body=text`.
    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.names()[0] == text || field.names().contains(&text))
    }
}

/// Reads `body=Column name`.
pub(crate) fn parse_column(text: &str) -> Result<(Field, String), String> {
    let (field, column) = text.split_once('=').ok_or("write FIELD=COLUMN, such as body=text")?;
    let field =
        Field::parse(field).ok_or("the field is one of body, author, email, url, thread, date, id")?;
    Ok((field, column.to_owned()))
}

/// Finds the columns by their headers.
pub(super) fn columns(
    header: &[String],
    by_hand: &BTreeMap<Field, String>,
) -> anyhow::Result<Vec<(Field, usize)>> {
    let find = |wanted: &str| header.iter().position(|name| name.trim().eq_ignore_ascii_case(wanted));
    let mut columns = Vec::new();
    for field in Field::ALL {
        let column = match by_hand.get(&field) {
            Some(name) => match find(name) {
                Some(column) => Some(column),
                None => bail!("there is no column {name:?}; the columns are {}", header.join(", ")),
            },
            None => field.names().iter().find_map(|name| find(name)),
        };
        columns.extend(column.map(|column| (field, column)));
    }
    if !columns.iter().any(|(field, _)| *field == Field::Body) {
        bail!(
            "no column holds the text: it should be called {}, or name it with --column body=NAME; the columns are {}",
            Field::Body.names().join(", "),
            header.join(", ")
        );
    }
    Ok(columns)
}

/// Makes the draft. What the service would refuse in a way that ends the whole stream is refused
/// here; everything else is the service's to judge.
pub(super) fn draft(values: &Values, thread: Option<&str>) -> Result<pb::CommentDraft, Unusable> {
    let text = |field| values.get(&field).map(String::as_str).unwrap_or_default();
    let bounded = |field: Field, max: usize| {
        let value = text(field);
        if value.len() > max {
            let description = format!("has {} bytes; at most {max} are accepted", value.len());
            return Err(Unusable::field(field, "TOO_LONG", description));
        }
        Ok(value.to_owned())
    };
    let body = bounded(Field::Body, limits::BODY_BYTES)?;
    if body.is_empty() {
        return Err(Unusable::field(Field::Body, "REQUIRED", "must be given"));
    }
    let name = bounded(Field::Name, limits::NAME_BYTES)?;
    Ok(pb::CommentDraft {
        thread: slug(thread.unwrap_or_else(|| text(Field::Thread))),
        author: Some(pb::Author {
            display_name: if name.trim().is_empty() { DEFAULT_NAME.to_owned() } else { name },
            email: bounded(Field::Email, limits::URL_BYTES)?,
            url: bounded(Field::Url, limits::URL_BYTES)?,
            ..pb::Author::default()
        }),
        body,
        create_time: create_time(text(Field::Created)),
        ..pb::CommentDraft::default()
    })
}

/// A thread id from whatever the file calls the page: what ids do not allow becomes `-`. A name that
/// loses too much that way, or is too long, ends in a hash so that pages stay apart.
fn slug(name: &str) -> String {
    let name = name.trim();
    if name.is_empty() {
        return DEFAULT_THREAD.to_owned();
    }
    if ThreadId::parse(name).is_ok() {
        return name.to_owned();
    }
    let mut slug = String::new();
    for c in name.chars() {
        if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '~') {
            slug.push(c);
        } else if !slug.ends_with('-') {
            slug.push('-');
        }
    }
    let slug = slug.trim_matches('-');
    let lossless_enough = name.is_ascii() && !slug.is_empty() && slug.len() <= ThreadId::MAX_LEN;
    if lossless_enough {
        return slug.to_owned();
    }
    let hash = super::hex(&Sha256::digest(name.as_bytes())[..6]);
    // The slug is ASCII, so any byte is a boundary.
    let kept = &slug[..slug.len().min(ThreadId::MAX_LEN - hash.len() - 1)];
    if kept.is_empty() { hash } else { format!("{kept}-{hash}") }
}

/// RFC 3339, ISO 8601 without a zone (taken as UTC), a day, or milliseconds since 1970.
fn create_time(text: &str) -> Option<prost_types::Timestamp> {
    /// Times outside of the web's age are mistakes of the file: 1990 to 2100.
    const PLAUSIBLE_MS: std::ops::Range<i64> = 631_152_000_000..4_102_444_800_000;
    let text = text.trim();
    let iso = || {
        ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"]
            .iter()
            .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
            .map(|time| time.and_utc().timestamp_millis())
    };
    let day = || {
        let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
        Some(day.and_hms_opt(0, 0, 0)?.and_utc().timestamp_millis())
    };
    let millis = DateTime::parse_from_rfc3339(text)
        .ok()
        .map(|time| time.timestamp_millis())
        .or_else(iso)
        .or_else(day)
        .or_else(|| text.parse().ok())
        .filter(|millis| PLAUSIBLE_MS.contains(millis))?;
    Some(moderato_api::intake::to_timestamp(moderato_domain::Timestamp::from_millis(millis)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn threads_are_recognised_or_made_fit() {
        assert_eq!(slug("post-7.a_b~c"), "post-7.a_b~c");
        assert_eq!(slug("  "), DEFAULT_THREAD);
        assert_eq!(slug("https://blog.example/2024/hello world/"), "https-blog.example-2024-hello-world");
        assert_ne!(slug("日本"), slug("中国"));
        assert!(slug("Über uns").starts_with("ber-uns-"));
    }

    #[test]
    fn times_are_read_in_the_forms_that_files_have() {
        let seconds = |text| create_time(text).map(|time| time.seconds);
        for text in [
            "2013-11-07T06:20:48",
            "2013-11-07 06:20:48",
            "2013-11-07T07:20:48+01:00",
            "2013-11-07T06:20:48.5Z",
            "1383805248000",
        ] {
            assert_eq!(seconds(text), Some(1_383_805_248), "{text}");
        }
        assert_eq!(seconds("2013-11-07"), Some(1_383_782_400));
        for text in ["", "yesterday", "99999999999999999999", "12", "2013-13-01"] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_name_of_a_page_becomes_a_thread_id(name in any::<String>(), long in "[a-z ]{0,300}") {
            prop_assert!(ThreadId::parse(&slug(&name)).is_ok());
            prop_assert!(ThreadId::parse(&slug(&long)).is_ok());
            let _ = create_time(&name);
        }
    }
}
