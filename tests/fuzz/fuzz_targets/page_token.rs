//! Any token from a caller: it opens only if it is one that was sealed for the scope.
#![no_main]

use libfuzzer_sys::fuzz_target;
use moderato_api::token::{open, seal};
use moderato_fuzz::texts;

/// Longest payload that a token is read back with.
const PAYLOAD_BYTES: usize = 500;

fuzz_target!(|data: &[u8]| {
    let mut texts = texts(data);
    let mut next = || texts.next().unwrap_or_default();
    let (token, method, parent) = (next(), next(), next());
    let scope = [method.as_str(), parent.as_str()];
    if let Ok(payload) = open(&scope, &token) {
        assert_eq!(seal(&scope, &payload), token.to_ascii_lowercase());
    }
    // The same text as a payload.
    if token.len() <= PAYLOAD_BYTES {
        let sealed = seal(&scope, &token);
        assert_eq!(open(&scope, &sealed).as_deref(), Ok(token.as_str()));
        assert!(open(&[method.as_str()], &sealed).is_err(), "sealed for another scope");
    }
});
