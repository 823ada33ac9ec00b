//! A validated comment. Only [`crate::intake`] makes one from untrusted text.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::circumstances::Circumstances;
use crate::clock::Timestamp;
use crate::ids::{CommentId, CommentName, RequestId, Revision, SiteId, SubmissionUid, ThreadId};

/// A syntactically valid mail address (the addr-spec of RFC 5322 without quoting and comments).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Email(Box<str>);

impl Email {
    /// Accepts what a mail server would, short of quoted local parts and address literals.
    pub fn parse(text: &str) -> Option<Self> {
        // RFC 5321 §4.5.3.1: 64 octets before the @, 254 in all.
        let (local, domain) = text.rsplit_once('@')?;
        let dot_atoms = |part: &str, ok: fn(char) -> bool| {
            part.split('.').all(|atom| !atom.is_empty() && atom.chars().all(ok))
        };
        let atext = |c: char| {
            c.is_ascii_alphanumeric()
                || "!#$%&'*+-/=?^_`{|}~".contains(c)
                || (!c.is_ascii() && c.is_alphanumeric())
        };
        let label = |c: char| c.is_ascii_alphanumeric() || c == '-' || (!c.is_ascii() && c.is_alphanumeric());
        let fits = text.len() <= 254
            && local.len() <= 64
            && dot_atoms(local, atext)
            && domain.contains('.')
            && dot_atoms(domain, label)
            && domain.split('.').all(|l| l.len() <= 63 && !l.starts_with('-') && !l.ends_with('-'))
            && !domain.rsplit('.').next()?.chars().all(|c| c.is_ascii_digit());
        fits.then(|| Self(text.into()))
    }

    /// The address as typed.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part after the `@`, in lower case.
    pub fn domain(&self) -> String {
        self.0.rsplit_once('@').map(|(_, domain)| domain.to_lowercase()).unwrap_or_default()
    }

    /// The address in lower case, as it is hashed.
    pub fn normalized(&self) -> String {
        self.0.to_lowercase()
    }
}

/// Addresses are personal data: they do not appear in logs.
impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Email(…)")
    }
}

/// Who wrote it, as the platform tells.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Author {
    /// The name that readers see; empty if the site does not ask for one.
    pub display_name: String,
    /// The platform's id of a signed-in user; none for a guest.
    pub user_id: Option<String>,
    /// Mail address.
    pub email: Option<Email>,
    /// Website.
    pub url: Option<String>,
}

/// Where the request came from, as the platform tells.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Client {
    /// The author's address, not the platform's.
    pub ip: Option<IpAddr>,
    /// The browser's identification.
    pub user_agent: Option<String>,
    /// The page that linked to the form.
    pub referrer: Option<String>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Client(…)")
    }
}

/// SHA-256 of what the author wrote and signed it with: what makes two submissions the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ContentHash([u8; 32]);

impl ContentHash {
    /// Takes back a stored hash.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The hash's bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// One revision of a comment that has passed its site's intake rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    /// The tenant.
    pub site: SiteId,
    /// The comment within it.
    pub id: CommentId,
    /// Which version this is.
    pub revision: Revision,
    /// The page it belongs to.
    pub thread: ThreadId,
    /// The comment it answers.
    pub parent: Option<CommentId>,
    /// Who wrote it.
    pub author: Author,
    /// What they wrote, as typed.
    pub body: String,
    /// BCP 47 tag, as the platform tells.
    pub language: Option<String>,
    /// Where the comment or its page can be seen.
    pub permalink: Option<String>,
    /// Where the request came from.
    pub client: Client,
    /// Which version of the guidelines the author accepted.
    pub guidelines_version: Option<String>,
    /// How it came about.
    pub circumstances: Circumstances,
    /// The caller's idempotency key.
    pub request_id: Option<RequestId>,
    /// When the author wrote it, as the platform tells; else when it was accepted.
    pub create_time: Timestamp,
    /// When Moderato accepted it.
    pub accept_time: Timestamp,
}

impl Comment {
    /// The comment's resource name.
    pub fn name(&self) -> CommentName {
        CommentName { site: self.site.clone(), comment: self.id.clone() }
    }

    /// Hash of thread, parent, author, body, language and permalink. Not of client, circumstances,
    /// times or request id: a retry may come over another network.
    pub fn content_hash(&self) -> ContentHash {
        let mut hash = Sha256::new();
        let mut put = |part: Option<&str>| {
            // Length-prefixed, so that moving text between fields changes the hash.
            let text = part.unwrap_or_default();
            let length = part.map_or(u64::MAX, |text| text.len() as u64);
            hash.update(length.to_be_bytes());
            hash.update(text.as_bytes());
        };
        put(Some(self.thread.as_str()));
        put(self.parent.as_ref().map(CommentId::as_str));
        put(Some(&self.author.display_name));
        put(self.author.user_id.as_deref());
        put(self.author.email.as_ref().map(Email::as_str));
        put(self.author.url.as_deref());
        put(Some(&self.body));
        put(self.language.as_deref());
        put(self.permalink.as_deref());
        ContentHash(hash.finalize().into())
    }

    /// The identity of this submission.
    pub fn submission_uid(&self) -> SubmissionUid {
        SubmissionUid::derive(&self.site, &self.id, self.revision, &self.content_hash())
    }
}

/// A comment taken back by its author or the platform: final for all its revisions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Withdrawal {
    /// Which comment.
    pub comment: CommentName,
    /// When Moderato accepted the withdrawal.
    pub accept_time: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mail_addresses_are_checked_for_syntax_only() {
        for good in ["a@b.example", "o'hara+tag@mail.example.org", "müller@bücher.example", "x@1.2.example"]
        {
            assert!(Email::parse(good).is_some(), "{good}");
        }
        for bad in [
            "",
            "a",
            "a@",
            "@b.example",
            "a@b",
            "a b@c.example",
            "a@b..example",
            ".a@b.example",
            "a.@b.example",
            "a@-b.example",
            "a@1.2.3.4",
            "a@b.example\n",
            "a@@b.example",
            "<a@b.example>",
        ] {
            assert!(Email::parse(bad).is_none(), "{bad:?}");
        }
        assert!(Email::parse(&format!("{}@b.example", "x".repeat(65))).is_none());
    }
}
