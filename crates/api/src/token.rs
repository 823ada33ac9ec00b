//! Opaque tokens for pages and resumption, bound to the request they came from: a token of another
//! filter, site or method is refused, not misread.

use sha2::{Digest, Sha256};

/// The token was not issued for this request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the token was not issued for this request; start again without it")]
pub struct InvalidToken;

/// Raised when the meaning of tokens changes; tokens of another version are refused.
const VERSION: u8 = 1;
const CHECK_BYTES: usize = 8;

/// Writes a token: hex of version, check of `scope` and payload, and payload. The check is against
/// mistakes, not forgery: a token gives access to nothing.
pub fn seal(scope: &[&str], payload: &str) -> String {
    let mut bytes = vec![VERSION];
    bytes.extend_from_slice(&check(scope, payload));
    bytes.extend_from_slice(payload.as_bytes());
    let mut hex = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        hex.push(char::from(HEX[usize::from(byte >> 4)]));
        hex.push(char::from(HEX[usize::from(byte & 15)]));
    }
    hex
}

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Reads a token back, if it was sealed for this scope.
pub fn open(scope: &[&str], token: &str) -> Result<String, InvalidToken> {
    let bytes = unhex(token).ok_or(InvalidToken)?;
    let (&version, rest) = bytes.split_first().ok_or(InvalidToken)?;
    let (found, payload) = rest.split_at_checked(CHECK_BYTES).ok_or(InvalidToken)?;
    let payload = std::str::from_utf8(payload).map_err(|_| InvalidToken)?;
    if version == VERSION && found == check(scope, payload) {
        Ok(payload.to_owned())
    } else {
        Err(InvalidToken)
    }
}

fn check(scope: &[&str], payload: &str) -> [u8; CHECK_BYTES] {
    let mut hash = Sha256::new();
    for part in scope.iter().chain([&payload]) {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let digest = hash.finalize();
    let mut out = [0; CHECK_BYTES];
    out.copy_from_slice(&digest[..CHECK_BYTES]);
    out
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| (byte as char).to_digit(16).map(|d| d as u8);
    // Longest payload: a time, a comment id; 1 KiB is ample and bounds the work.
    if !text.len().is_multiple_of(2) || text.len() > 1024 {
        return None;
    }
    text.as_bytes().chunks_exact(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_token_opens_for_its_own_scope_only(scope in "[a-z]{0,8}", other in "[a-z]{0,8}", payload in ".{0,40}") {
            let token = seal(&["ListComments", &scope], &payload);
            prop_assert_eq!(open(&["ListComments", &scope], &token), Ok(payload));
            prop_assert!(scope == other || open(&["ListComments", &other], &token).is_err());
            prop_assert!(open(&["ListVerdicts", &scope], &token).is_err());
        }

        #[test]
        fn no_text_makes_opening_panic(token in ".{0,80}") {
            prop_assert!(open(&["x"], &token).is_err());
        }
    }
}
