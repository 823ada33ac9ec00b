//! Any file of another platform: it is refused with a reason, or the rule set made of it compiles.
#![no_main]

use libfuzzer_sys::fuzz_target;
use moderato_engine::CompiledRuleSet;
use moderato_engine::importers::{Platform, Refusal, import};
use moderato_fuzz::GUIDELINES;

fuzz_target!(|source: &str| {
    for platform in [Platform::WordPress, Platform::Coral, Platform::Discourse, Platform::Komento] {
        match import(platform, source, Refusal::Reject) {
            Ok(imported) => {
                let compiled = CompiledRuleSet::compile(&imported.document, &GUIDELINES);
                assert!(compiled.is_ok(), "{:?}\n{}", compiled.err(), imported.document);
                assert!(!imported.report.to_string().is_empty());
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
});
