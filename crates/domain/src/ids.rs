//! Names of things, and how the derived ones are derived.
//!
//! Identity is what makes duplicates harmless: a retried call yields the same [`CommentId`] and the
//! same [`SubmissionUid`], so the worker's transaction sees that it has done this before.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::comment::ContentHash;

/// Why a text is not the id it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidId(pub(crate) &'static str);

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, max $max:literal, $allowed:expr, $error:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Box<str>);

        impl $name {
            /// Longest accepted text, in bytes.
            pub const MAX_LEN: usize = $max;

            /// Accepts the text if it has this id's shape.
            pub fn parse(text: &str) -> Result<Self, InvalidId> {
                let allowed: fn(usize, u8) -> bool = $allowed;
                let fits = !text.is_empty()
                    && text.len() <= Self::MAX_LEN
                    && text.bytes().enumerate().all(|(at, byte)| allowed(at, byte));
                if fits { Ok(Self(text.into())) } else { Err(InvalidId($error)) }
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;
            fn try_from(text: String) -> Result<Self, InvalidId> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0.into()
            }
        }
    };
}

/// RFC 3986 unreserved characters: they need no escaping in any URL or resource name.
const fn unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

text_id!(
    /// A tenant: one blog. Lower-case letters, digits and `-`, starting with a letter or digit.
    SiteId, max 32,
    |at, byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || (byte == b'-' && at > 0),
    "a site id has 1 to 32 lower-case letters, digits or '-', and does not start with '-'"
);

text_id!(
    /// One commentable page of a site. The platform's own key for it.
    ThreadId, max 128,
    |_, byte| unreserved(byte),
    "a thread id has 1 to 128 letters, digits, '-', '.', '_' or '~'"
);

text_id!(
    /// A comment within its site: the caller's id, or one [derived](CommentId::derive) from the
    /// request id.
    CommentId, max 64,
    |_, byte| unreserved(byte),
    "a comment id has 1 to 64 letters, digits, '-', '.', '_' or '~'"
);

text_id!(
    /// The caller's idempotency key: the same key with the same content is the same submission.
    RequestId, max 128,
    |_, byte| byte.is_ascii_graphic(),
    "a request id has 1 to 128 visible ASCII characters"
);

text_id!(
    /// An immutable version of a rule set: its name, `@`, and the first 12 hex digits of the
    /// document's SHA-256.
    RuleSetVersion, max 96,
    |_, byte| unreserved(byte) || byte == b'@',
    "a rule-set version has 1 to 96 letters, digits, '-', '.', '_', '~' or '@'"
);

impl CommentId {
    /// `UUIDv8(SHA-256(site, request_id))`: a retried call without a comment id names the same
    /// comment.
    pub fn derive(site: &SiteId, request: &RequestId) -> Self {
        let digest = Sha256::new()
            .chain_update(b"moderato.comment\0")
            .chain_update(site.as_str())
            .chain_update([0])
            .chain_update(request.as_str())
            .finalize();
        Self(uuid_from_digest(&digest.into()).to_string().into())
    }
}

/// The position of a version of a comment among its versions. Edits are ordered by it, not by
/// arrival, so any increasing number will do: 1, 2, 3, or the time of the edit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Revision(i64);

impl Revision {
    /// What `SubmitComment` creates.
    pub const FIRST: Self = Self(1);

    /// A revision is at least 1.
    pub fn new(number: i64) -> Result<Self, InvalidId> {
        if number >= 1 { Ok(Self(number)) } else { Err(InvalidId("a revision is at least 1")) }
    }

    /// The number.
    pub const fn get(self) -> i64 {
        self.0
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// `UUIDv8(SHA-256(site, comment, revision, content))`: the identity of one submission. Equal for a
/// retry, different for any change; also the AMQP message id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SubmissionUid(Uuid);

impl SubmissionUid {
    /// Derives the identity of this content as this revision of this comment.
    pub fn derive(site: &SiteId, comment: &CommentId, revision: Revision, content: &ContentHash) -> Self {
        let digest = Sha256::new()
            .chain_update(b"moderato.submission\0")
            .chain_update(site.as_str())
            .chain_update([0])
            .chain_update(comment.as_str())
            .chain_update([0])
            .chain_update(revision.get().to_be_bytes())
            .chain_update(content.as_bytes())
            .finalize();
        Self(uuid_from_digest(&digest.into()))
    }

    /// Takes back an identity that was derived before.
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// The identity as a UUID.
    pub const fn as_uuid(self) -> Uuid {
        self.0
    }
}

impl fmt::Display for SubmissionUid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The first 16 bytes of a digest with the `UUIDv8` version and variant bits (RFC 9562 §5.8).
pub(crate) fn uuid_from_digest(digest: &[u8; 32]) -> Uuid {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

/// A comment's full resource name: `sites/{site}/comments/{comment}`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CommentName {
    /// The tenant.
    pub site: SiteId,
    /// The comment within it.
    pub comment: CommentId,
}

impl CommentName {
    /// Reads `sites/{site}/comments/{comment}`.
    pub fn parse(name: &str) -> Result<Self, InvalidId> {
        let wrong = InvalidId("a comment's name is sites/{site}/comments/{comment}");
        let (site, comment) =
            name.strip_prefix("sites/").and_then(|rest| rest.split_once("/comments/")).ok_or(wrong)?;
        Ok(Self { site: SiteId::parse(site)?, comment: CommentId::parse(comment)? })
    }
}

impl fmt::Display for CommentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sites/{}/comments/{}", self.site, self.comment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_refuse_what_would_break_a_resource_name() {
        for bad in ["", "a/b", "a b", "ä", "a\0", &"x".repeat(65)] {
            assert!(CommentId::parse(bad).is_err(), "{bad:?}");
        }
        assert!(CommentId::parse("post-7.reply_2~x").is_ok());
        assert!(SiteId::parse("-blog").is_err());
        assert!(SiteId::parse("Blog").is_err());
        assert!(Revision::new(0).is_err());
    }

    #[test]
    fn a_retried_request_names_the_same_comment_and_another_request_does_not() {
        let site = SiteId::parse("blog").unwrap();
        let other = SiteId::parse("blog-2").unwrap();
        let request = RequestId::parse("r-1").unwrap();
        let id = CommentId::derive(&site, &request);
        assert_eq!(id, CommentId::derive(&site, &request));
        assert_ne!(id, CommentId::derive(&other, &request));
        assert_ne!(id, CommentId::derive(&site, &RequestId::parse("r-2").unwrap()));
        let uuid = Uuid::parse_str(id.as_str()).unwrap();
        assert_eq!(uuid.get_version_num(), 8);
    }

    #[test]
    fn names_round_trip() {
        let name = CommentName::parse("sites/blog/comments/c1").unwrap();
        assert_eq!(name.to_string(), "sites/blog/comments/c1");
        for bad in ["sites/blog", "sites//comments/c", "sites/blog/comments/", "blog/comments/c"] {
            assert!(CommentName::parse(bad).is_err(), "{bad}");
        }
    }
}
