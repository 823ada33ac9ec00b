//! Any bytes on the work queue: decoding never panics, every item's own bytes say the same alone, and
//! what was understood survives being written again.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use moderato_api::internal::{decode, encode};

fuzz_target!(|data: &[u8]| {
    let Ok(items) = decode(&Bytes::copy_from_slice(data)) else { return };
    for item in items {
        let alone = decode(&item.body).expect("an item is a body");
        assert_eq!(alone.len(), 1);
        let Ok(submission) = item.submission else { continue };
        assert_eq!(alone[0].submission.as_ref(), Ok(&submission));
        let again = decode(&encode(&submission)).expect("our own bytes");
        assert_eq!(again[0].submission.as_ref(), Ok(&submission));
    }
});
