//! The rule sets that come along: they compile, do what they say of themselves, and hold nothing odd.

mod support;

use moderato_engine::PRESETS;
use support::{NOW, compile};

#[test]
fn every_preset_passes_its_own_tests() {
    for preset in PRESETS {
        let rules = compile(preset.rules).unwrap_or_else(|error| panic!("{}: {error}", preset.name));
        assert!(rules.version().as_str().starts_with(&format!("{}@", preset.name)));
        let run = rules.run_tests(NOW);
        let failures: Vec<String> = run.failures.iter().map(ToString::to_string).collect();
        assert!(run.tests > 0 && run.passed(), "{}: {failures:#?}", preset.name);
        let odd: Vec<String> = rules.warnings().iter().map(ToString::to_string).collect();
        assert!(odd.is_empty(), "{}: {odd:#?}", preset.name);
    }
}
