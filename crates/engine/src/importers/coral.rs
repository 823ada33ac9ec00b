//! Coral: banned words, which reject, and suspect words, which flag.
//!
//! Either the JSON of the settings, at whatever depth `wordList` stands, or one banned word a line.

use serde_json::Value;

use super::document::{Draft, Scope, Weight};
use super::report::Change;
use super::{ImportError, Refusal};

/// How deep in the settings the lists are looked for.
const DEPTH_MAX: usize = 8;

pub(super) fn read(source: &str, refusal: Refusal, draft: &mut Draft) -> Result<(), ImportError> {
    let banned = Weight::Refused(refusal);
    let trimmed = source.trim_start();
    if !trimmed.starts_with(['{', '[']) {
        source.lines().for_each(|line| add(line, banned, draft));
        return Ok(());
    }
    let value: Value = serde_json::from_str(source)
        .map_err(|error| ImportError::Form { form: "JSON of Coral's settings", reason: error.to_string() })?;
    if let Value::Array(words) = &value {
        words.iter().filter_map(Value::as_str).for_each(|word| add(word, banned, draft));
        return Ok(());
    }
    let lists = word_lists(&value, DEPTH_MAX).ok_or_else(|| ImportError::Form {
        form: "JSON of Coral's settings",
        reason: "it holds neither `banned` nor `suspect`".into(),
    })?;
    for (key, weight) in [("banned", banned), ("suspect", Weight::Held)] {
        match lists.get(key) {
            Some(Value::Array(words)) => {
                words.iter().filter_map(Value::as_str).for_each(|word| add(word, weight, draft));
            }
            Some(Value::String(words)) => words.lines().for_each(|word| add(word, weight, draft)),
            _ => {}
        }
    }
    Ok(())
}

fn add(word: &str, weight: Weight, draft: &mut Draft) {
    if word.split_whitespace().count() > 1 {
        draft.note(Change::Separators, word.trim());
    }
    draft.add(word, weight, Scope::Words);
}

/// The innermost object that holds the lists.
fn word_lists(value: &Value, depth: usize) -> Option<&Value> {
    let Value::Object(fields) = value else { return None };
    if fields.contains_key("banned") || fields.contains_key("suspect") {
        return Some(value);
    }
    if depth == 0 {
        return None;
    }
    fields.values().find_map(|inner| word_lists(inner, depth - 1))
}
