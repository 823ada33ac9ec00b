//! The published reference of the language is what the engine does.

mod support;

use std::path::Path;

use moderato_engine::{Guidelines, attach_files, field_reference, schema};
use support::{compile, one_rule};

const COMMAND: &str = "MODERATO_UPDATE_REFERENCE=1 cargo test -p moderato-engine --test reference";

#[test]
fn the_field_reference_is_that_of_the_schema() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("FIELDS.md");
    let reference = field_reference();
    if std::env::var_os("MODERATO_UPDATE_REFERENCE").is_some() {
        std::fs::write(&file, &reference).unwrap();
    }
    let published = std::fs::read_to_string(&file).unwrap();
    assert!(published == reference, "FIELDS.md is out of date; renew it with\n    {COMMAND}");
}

#[test]
fn the_example_of_every_field_compiles() {
    for field in schema() {
        let mut document = one_rule(field.example);
        for (list, name) in
            [("words", "phrases"), ("hosts", "domains"), ("networks", "addresses"), ("people", "authors")]
        {
            document = document.replace(&format!("lists.{list}"), &format!("lists.{name}"));
        }
        assert!(field.example.contains(field.id), "{}", field.id);
        compile(&document).unwrap_or_else(|error| panic!("{error}"));
    }
}

#[test]
fn the_document_in_the_language_reference_does_what_it_says() {
    let page = include_str!("../LANGUAGE.md");
    let document = page.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let document = document
        .replace("[weights]", "[weights]\n\"civility.rude\" = 3.0")
        .replace("\"links.many\" = 2.5\n", "");
    let guidelines = Guidelines::parse("# G {#friendly-blog}\n\n## C {#civility}\n\nBe kind.\n").unwrap();
    let whole = attach_files(&document, |_| Ok(b"clod\n".to_vec())).unwrap();
    let rules = moderato_engine::CompiledRuleSet::compile(&whole, &guidelines)
        .unwrap_or_else(|error| panic!("{error}"));
    let run = rules.run_tests(support::NOW);
    assert!(run.passed() && run.tests == 3, "{:?}", run.failures);
    assert_eq!(rules.warnings(), []);
}
