//! How authors, networks, pages and texts are recognised without keeping addresses.

use std::fmt::{self, Write as _};
use std::net::IpAddr;

use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::comment::Comment;
use crate::ids::{SiteId, ThreadId};
use crate::site::PrivacyKey;

/// Who wrote a comment, as far as the site can tell: a keyed hash (HMAC-SHA-256, first 16 bytes) of
/// the platform's user id, else the mail address, else the IP prefix with the typed name. An address
/// that the platform confirmed and the same one typed by a stranger are two authors: a stranger can
/// neither use nor spoil the name of the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AuthorKey([u8; 16]);

impl AuthorKey {
    /// The strongest identity the comment carries; `None` if it carries none at all.
    pub fn of(comment: &Comment, key: &PrivacyKey) -> Option<Self> {
        let author = &comment.author;
        if let Some(user) = &author.user_id {
            return Some(Self(keyed_hash(key, "user", user.as_bytes())));
        }
        if let Some(email) = &author.email {
            let label = if comment.circumstances.verified { "confirmed-mail" } else { "mail" };
            return Some(Self(keyed_hash(key, label, email.normalized().as_bytes())));
        }
        let ip = comment.client.ip?;
        let mut guest = ip_prefix(ip);
        let _ = write!(guest, "|{}", author.display_name.to_lowercase());
        Some(Self(keyed_hash(key, "guest", guest.as_bytes())))
    }

    /// Takes back a stored key.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The key's bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Reads the key as it is displayed: 32 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != 32 || text.starts_with('+') {
            return None;
        }
        u128::from_str_radix(text, 16).ok().map(|number| Self(number.to_be_bytes()))
    }
}

impl fmt::Display for AuthorKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

/// HMAC-SHA-256 of `label`, a zero byte and `value` under the site's key, first 16 bytes.
pub fn keyed_hash(key: &PrivacyKey, label: &str, value: &[u8]) -> [u8; 16] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.expose()).expect("HMAC takes any key length");
    mac.update(label.as_bytes());
    mac.update(&[0]);
    mac.update(value);
    let digest = mac.finalize().into_bytes();
    let mut out = [0; 16];
    out.copy_from_slice(&digest[..16]);
    out
}

/// The network an address belongs to: /24 of IPv4, /48 of IPv6 (the sizes Isso uses).
pub fn ip_prefix(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            format!("{a}.{b}.{c}.0/24")
        }
        IpAddr::V6(v6) => {
            let [a, b, c, ..] = v6.segments();
            format!("{a:x}:{b:x}:{c:x}::/48")
        }
    }
}

/// Recognises the same text again: the first 8 bytes of the SHA-256 of the body in lower case with
/// white space folded, so that re-spacing a text does not make it new.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TextFingerprint(i64);

impl TextFingerprint {
    /// The fingerprint of a body.
    pub fn of(body: &str) -> Self {
        let mut text = Vec::with_capacity(body.len() + 1);
        let mut rest = body;
        loop {
            // Most characters are ASCII, and need no decoding.
            let ascii = rest.bytes().position(|byte| !byte.is_ascii()).unwrap_or(rest.len());
            text.extend(rest.as_bytes()[..ascii].iter().map(u8::to_ascii_lowercase));
            let mut chars = rest[ascii..].chars();
            let Some(ch) = chars.next() else { break };
            let lower = ch.to_lowercase().map(|ch| if ch.is_whitespace() { ' ' } else { ch });
            lower.for_each(|ch| text.extend_from_slice(ch.encode_utf8(&mut [0; 4]).as_bytes()));
            rest = chars.as_str();
        }
        // One space behind every word, the last one, too, and none before the first.
        text.push(b' ');
        let (mut at, mut kept) = (0, 0);
        while at < text.len() {
            let before = if kept > 0 { text[kept - 1] } else { b' ' };
            let settled = settled_length(before, &text[at..]);
            text.copy_within(at..at + settled, kept);
            (at, kept) = (at + settled, kept + settled);
            let end = text.len().min(at + SETTLED_BLOCK);
            for at in at..end {
                let space = matches!(text[at], b' ' | b'\t'..=b'\r');
                let after_space = kept == 0 || text[kept - 1] == b' ';
                text[kept] = if space { b' ' } else { text[at] };
                kept += usize::from(!(space && after_space));
            }
            at = end;
        }
        text.truncate(kept);
        let digest = Sha256::digest(&text);
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&digest[..8]);
        Self(i64::from_be_bytes(bytes))
    }

    /// Takes back a stored fingerprint.
    pub const fn from_i64(value: i64) -> Self {
        Self(value)
    }

    /// The fingerprint as a number.
    pub const fn as_i64(self) -> i64 {
        self.0
    }
}

/// So many bytes at once are for the vector unit.
const SETTLED_BLOCK: usize = 32;

/// How many bytes of a text, in whole blocks, have no white space but single spaces between words.
#[expect(clippy::needless_bitwise_bool, reason = "vectors have no branches")]
fn settled_length(mut before: u8, text: &[u8]) -> usize {
    let (blocks, _) = text.as_chunks::<SETTLED_BLOCK>();
    let mut is_settled = |block: &[u8; SETTLED_BLOCK]| {
        let double = |before: u8, byte: u8| (before == b' ') & (byte == b' ');
        let odd =
            block.iter().fold(double(before, block[0]), |odd, byte| odd | (byte.wrapping_sub(b'\t') < 5));
        before = block[SETTLED_BLOCK - 1];
        !block.iter().zip(&block[1..]).fold(odd, |odd, (before, byte)| odd | double(*before, *byte))
    };
    blocks.iter().take_while(|block| is_settled(block)).count() * SETTLED_BLOCK
}

/// 64 bits that stand for an author, a network or a page in the log of recent comments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogKey(i64);

impl LogKey {
    /// An author.
    pub fn of_author(author: AuthorKey) -> Self {
        Self::from_digest(author.as_bytes())
    }

    /// The [network](ip_prefix) of an address, for one site.
    pub fn of_network(site: &SiteId, ip: IpAddr) -> Self {
        Self::digest("network", site, &ip_prefix(ip))
    }

    /// A page.
    pub fn of_thread(site: &SiteId, thread: &ThreadId) -> Self {
        Self::digest("thread", site, thread.as_str())
    }

    /// Takes back a stored key.
    pub const fn from_i64(value: i64) -> Self {
        Self(value)
    }

    /// The key as a number.
    pub const fn as_i64(self) -> i64 {
        self.0
    }

    fn digest(label: &str, site: &SiteId, value: &str) -> Self {
        let parts = [label, site.as_str(), value].join("\0");
        Self::from_digest(&Sha256::digest(parts.as_bytes()))
    }

    fn from_digest(digest: &[u8]) -> Self {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&digest[..8]);
        Self(i64::from_be_bytes(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn a_text_is_its_words_in_lower_case(body in "([a-zA-ZÄß.]{0,12}[ \\n\\t\u{a0}]{0,3}){0,20}") {
            let lower: String = body.chars().flat_map(char::to_lowercase).collect();
            let words: String = lower.split_whitespace().flat_map(|word| [word, " "]).collect();
            let digest = Sha256::digest(words.as_bytes());
            let expected = i64::from_be_bytes(digest[..8].try_into().unwrap());
            proptest::prop_assert_eq!(TextFingerprint::of(&body).as_i64(), expected);
        }
    }

    #[test]
    fn a_text_spaced_or_capitalised_otherwise_is_the_same() {
        // Stored by earlier releases: the SHA-256 of "hello große welt ".
        let stored = TextFingerprint::from_i64(5_265_093_771_182_339_097);
        for body in ["hello große welt", " Hello\u{a0}GRO\u{df}e\n\n\tWelt ", "hello\u{b}große welt"] {
            assert_eq!(TextFingerprint::of(body), stored, "{body:?}");
        }
        assert_eq!(TextFingerprint::of("A b"), TextFingerprint::of(" a\u{b} \r\nB"));
        assert_ne!(TextFingerprint::of("ab"), TextFingerprint::of("a b"));
        assert_eq!(TextFingerprint::of(""), TextFingerprint::of(" \n"));
    }
}
