//! Any text, name and website under the starter rules: judged the same twice, with spans that slice
//! what the author typed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use moderato_fuzz::{STARTER, comment, judge, texts};

fuzz_target!(|data: &[u8]| {
    let mut texts = texts(data);
    let mut next = || texts.next().unwrap_or_default();
    if let Some(comment) = comment(next(), next(), next()) {
        judge(&STARTER, &comment);
    }
});
