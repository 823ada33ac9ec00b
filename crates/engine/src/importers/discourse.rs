//! Discourse: the export of watched words, CSV with the columns word and action.
//!
//! Words are whole words whatever their case; `*` is anything up to the next space; with the site
//! setting *watched words regular expressions* every word is a pattern.

use super::document::{Draft, Scope, Weight};
use super::report::Change;
use super::{ImportError, Refusal};

const FORM: &str = "CSV of watched words";

pub(super) fn read(source: &str, refusal: Refusal, draft: &mut Draft) -> Result<(), ImportError> {
    let mut reader =
        csv::ReaderBuilder::new().flexible(true).has_headers(false).from_reader(source.as_bytes());
    let mut columns = Columns { word: 0, action: Some(1), regexp: None };
    for (number, record) in reader.records().enumerate() {
        let record = record.map_err(|error| ImportError::Form { form: FORM, reason: error.to_string() })?;
        if number == 0
            && let Some(named) = Columns::named(&record)
        {
            columns = named;
            continue;
        }
        let cell = |column: usize| record.get(column).unwrap_or_default().trim();
        let action = columns.action.map_or("", cell);
        let regexp = columns.regexp.map_or("", cell).eq_ignore_ascii_case("true");
        watched(cell(columns.word), action, regexp, refusal, draft);
    }
    Ok(())
}

struct Columns {
    word: usize,
    action: Option<usize>,
    regexp: Option<usize>,
}

impl Columns {
    fn named(header: &csv::StringRecord) -> Option<Self> {
        let find = |name: &str| header.iter().position(|cell| cell.trim().eq_ignore_ascii_case(name));
        Some(Self { word: find("word")?, action: find("action"), regexp: find("regexp") })
    }
}

fn watched(word: &str, action: &str, regexp: bool, refusal: Refusal, draft: &mut Draft) {
    if word.is_empty() {
        return;
    }
    let weight = match action.to_ascii_lowercase().as_str() {
        "block" | "" => Weight::Refused(refusal),
        "require_approval" | "flag" => Weight::Held,
        "censor" | "silence" => {
            draft.note(Change::Held, word);
            Weight::Held
        }
        // They change texts or topics, and say nothing about whether a comment should appear.
        _ => return draft.note(Change::NotARule, &format!("{action}: {word}")),
    };
    // Only patterns hold these; words are letters, digits, spaces and `*`.
    let looks_like_a_pattern = regexp || word.contains(['\\', '[', '(', '|', '^', '+', '{']);
    if looks_like_a_pattern {
        draft.add_pattern(word, word, weight, Change::Pattern);
    } else if word.contains('*') {
        // A word that is nothing but stars would match everything.
        if !word.chars().any(char::is_alphanumeric) {
            return draft.note(Change::NoText, word);
        }
        let parts: Vec<String> =
            word.split('*').map(|part| regex::escape(&crate::text::fold::folded(part))).collect();
        let pattern = format!(r"(?:^|[^\w])(?:{})(?:$|[^\w])", parts.join(r"\S*"));
        draft.add_pattern(&pattern, word, weight, Change::Wildcard);
    } else {
        draft.add(word, weight, Scope::Words);
    }
}
