//! Any rule-set document with any list file: it compiles or is refused with a reason, and one that
//! compiles can judge, explain and test itself. Document and file are parted by a zero byte.
#![no_main]

use libfuzzer_sys::fuzz_target;
use moderato_engine::{CompiledRuleSet, Facts, attach_files, explain};
use moderato_fuzz::{GUIDELINES, NOW, comment, judge};

const TEXT: &str =
    "Buy cheap v\u{200B}iagra at https://bit.ly/x and www.example.com, call +1 555 010 9999! саsіnо 🎉";

fuzz_target!(|data: &[u8]| {
    let mut parts = data.splitn(2, |byte| *byte == 0);
    let Ok(document) = std::str::from_utf8(parts.next().unwrap_or_default()) else { return };
    let file = parts.next();
    let load = |_: &str| file.map(<[u8]>::to_vec).ok_or_else(|| "there is none".to_owned());
    let whole = match attach_files(document, load) {
        Ok(whole) => whole,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    match CompiledRuleSet::compile(&whole, &GUIDELINES) {
        Ok(rules) => {
            let comment = comment(TEXT.into(), "Ada".into(), "https://ada.example".into());
            let comment = comment.expect("a good comment");
            let evaluation = judge(&rules, &comment);
            assert_eq!(explain(&rules, &comment, &Facts::none(NOW)).evaluation, evaluation);
            let run = rules.run_tests(NOW);
            assert!(run.failures.len() <= run.tests);
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
