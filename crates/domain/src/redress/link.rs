//! How an author without an account shows that a comment is theirs: whoever has the link got it from
//! the platform or by mail.

use std::fmt::Write as _;

use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::ids::CommentName;
use crate::site::PrivacyKey;

/// Bytes of the signature: 128 bits cannot be guessed.
const SIGNATURE_BYTES: usize = 16;

/// The author's page of one comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusLink {
    comment: CommentName,
    signature: String,
}

impl StatusLink {
    /// The link to a comment's page.
    pub fn to(comment: &CommentName, key: &PrivacyKey) -> Self {
        let digest = mac(comment, key).finalize().into_bytes();
        let mut signature = String::with_capacity(SIGNATURE_BYTES * 2);
        for byte in &digest[..SIGNATURE_BYTES] {
            // Writing to a text cannot fail.
            let _ = write!(signature, "{byte:02x}");
        }
        Self { comment: comment.clone(), signature }
    }

    /// Whether the signature is the comment's. Takes the same time wherever it is wrong.
    pub fn verify(comment: &CommentName, signature: &str, key: &PrivacyKey) -> bool {
        let Some(given) = unhex(signature) else { return false };
        mac(comment, key).verify_truncated_left(&given).is_ok()
    }

    /// The page's path on the console.
    pub fn path(&self) -> String {
        let Self { comment: CommentName { site, comment }, signature } = self;
        format!("/status/{site}/{comment}/{signature}")
    }

    /// The page's address.
    pub fn uri(&self, public_url: &str) -> String {
        format!("{}{}", public_url.trim_end_matches('/'), self.path())
    }
}

fn mac(comment: &CommentName, key: &PrivacyKey) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.expose()).expect("HMAC takes any key length");
    // Under this label nothing else is signed with the key.
    mac.update(b"author-status\0");
    mac.update(comment.to_string().as_bytes());
    mac
}

fn unhex(text: &str) -> Option<[u8; SIGNATURE_BYTES]> {
    if text.len() != SIGNATURE_BYTES * 2 || !text.is_ascii() {
        return None;
    }
    let mut bytes = [0; SIGNATURE_BYTES];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(at * 2..at * 2 + 2)?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_opens_one_comment_of_one_site() {
        let key = PrivacyKey::new([7; 32]);
        let name = |text| CommentName::parse(text).unwrap();
        let comment = name("sites/blog/comments/c1");
        let link = StatusLink::to(&comment, &key);
        assert_eq!(link.uri("https://m.example/"), format!("https://m.example{}", link.path()));
        let signature = link.path().rsplit_once('/').unwrap().1.to_owned();
        assert!(StatusLink::verify(&comment, &signature, &key));
        assert!(!StatusLink::verify(&name("sites/blog/comments/c2"), &signature, &key));
        assert!(!StatusLink::verify(&name("sites/news/comments/c1"), &signature, &key));
        assert!(!StatusLink::verify(&comment, &signature, &PrivacyKey::new([8; 32])));
        let flipped = format!("{}0", &signature[..31]);
        for wrong in
            ["", "zz", &signature[..31], &format!("{signature}00"), &"ü".repeat(16), &"+f".repeat(16)]
        {
            assert!(!StatusLink::verify(&comment, wrong, &key), "{wrong}");
        }
        assert!(!StatusLink::verify(&comment, &flipped, &key) || flipped == signature);
    }
}
