//! Any condition of a rule: it compiles or is refused at a place inside it, and one that compiles can
//! judge and be explained.
#![no_main]

use libfuzzer_sys::fuzz_target;
use moderato_engine::{CompiledRuleSet, Facts, explain};
use moderato_fuzz::{GUIDELINES, NOW, comment, judge};

const HEAD: &str = "name = 'fuzz'\nguidelines = 'friendly-blog'\nthresholds = { review = 3, reject = 8 }\n\
                    lists.phrases = { kind = 'phrases', entries = ['casino', 'free money'] }\n\
                    lists.shapes = { kind = 'regexes', entries = ['c.sin[o0]'] }\n\
                    lists.domains = { kind = 'domains', entries = ['example.com'] }\n\
                    lists.addresses = { kind = 'addresses', entries = ['192.0.2.0/24'] }\n\
                    lists.authors = { kind = 'authors', entries = ['Ada'] }\n\
                    [[rule]]\nid = 'it'\ncategory = 'x'\nscore = 1\nmessage = 'm'\nwhen = \"";
const TEXT: &str = "c\u{200B}asino, free money: https://www.example.com/x or +1 555 010 9999! саsіnо 🎉";

fuzz_target!(|condition: &str| {
    let mut document = HEAD.to_owned();
    for ch in condition.chars() {
        match ch {
            '"' | '\\' => document.extend(['\\', ch]),
            '\u{0}'..='\u{1F}' | '\u{7F}' => document.push_str(&format!("\\u{:04x}", u32::from(ch))),
            _ => document.push(ch),
        }
    }
    document.push_str("\"\n");
    match CompiledRuleSet::compile(&document, &GUIDELINES) {
        Ok(rules) => {
            let comment = comment(TEXT.into(), "Ada".into(), "https://ada.example".into());
            let comment = comment.expect("a good comment");
            let evaluation = judge(&rules, &comment);
            let explanation = explain(&rules, &comment, &Facts::none(NOW));
            assert_eq!(explanation.rules[0].matched, explanation.rules[0].condition.holds);
            assert_eq!(explanation.evaluation, evaluation);
        }
        Err(errors) => assert!(errors.iter().all(|error| error.line() == Some(14)), "{errors}"),
    }
});
