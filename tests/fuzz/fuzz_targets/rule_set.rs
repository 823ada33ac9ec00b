//! Any rule-set document: it compiles or is refused with a reason, and one that compiles can judge.
#![no_main]

use libfuzzer_sys::fuzz_target;
use moderato_engine::CompiledRuleSet;
use moderato_fuzz::{GUIDELINES, comment, judge};

const TEXT: &str =
    "Buy cheap v\u{200B}iagra at https://bit.ly/x and www.example.com, call +1 555 010 9999! саsіnо 🎉";

fuzz_target!(|document: &str| match CompiledRuleSet::compile(document, &GUIDELINES) {
    Ok(rules) => {
        let comment =
            comment(TEXT.into(), "Ada".into(), "https://ada.example".into()).expect("a good comment");
        judge(&rules, &comment);
    }
    Err(error) => assert!(!error.to_string().is_empty()),
});
