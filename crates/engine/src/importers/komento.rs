//! Komento: the component's settings as JSON.
//!
//! Blocked words are looked for as `/\bword\b/i`, unescaped, so each is really a pattern; addresses
//! are compared from the beginning (`includes/comment/comment.php`).

use serde_json::{Map, Value};

use super::document::{Draft, Scope, Weight};
use super::report::Change;
use super::{ImportError, Refusal};

const FORM: &str = "JSON of Komento's settings";

/// Settings that are about the form or the site, not about what a comment says.
const NOT_RULES: [&str; 10] = [
    "enable_moderation",
    "requires_moderation",
    "antispam_flood_control",
    "antispam_honeypot",
    "antispam_akismet",
    "antispam_cleantalk",
    "antispam_captcha_enable",
    "require_name",
    "require_email",
    "show_tnc",
];

pub(super) fn read(source: &str, refusal: Refusal, draft: &mut Draft) -> Result<(), ImportError> {
    let form = |reason: String| ImportError::Form { form: FORM, reason };
    let value: Value = serde_json::from_str(source).map_err(|error| form(error.to_string()))?;
    let Value::Object(settings) = value else { return Err(form("it is no object".into())) };

    if on(&settings, &["filter_word"]) {
        for word in entries(&settings, &["filter_word_text"]) {
            if word.contains(['\\', '[', '(', '|', '^', '+', '*', '?', '{', '.']) {
                draft.add_pattern(
                    &format!(r"\b(?:{word})\b"),
                    word,
                    Weight::Refused(refusal),
                    Change::Pattern,
                );
            } else {
                draft.add(word, Weight::Refused(refusal), Scope::Words);
            }
        }
    }
    for address in entries(&settings, &["blacklist_ip", "antispam_blacklist_ip"]) {
        match super::entries::address(address) {
            Some(_) => draft.add(address, Weight::Held, Scope::EveryField),
            None => draft.note(Change::NoText, address),
        }
    }
    if on(&settings, &["antispam_max_length_enable", "enable_max_length"])
        && let Some(max) = number(&settings, &["antispam_max_length", "max_length"])
    {
        let message = "Your comment is longer than this site publishes unseen.";
        draft.add_rule("imported.longest", "readability", &format!("body.chars > {max}"), message);
    }
    if on(&settings, &["antispam_min_length_enable", "enable_min_length"])
        && let Some(min) = number(&settings, &["antispam_min_length", "min_length"])
    {
        let message = "Please say a little more.";
        draft.add_rule("imported.shortest", "relevance", &format!("body.chars < {min}"), message);
    }
    if on(&settings, &["enable_auto_moderation"])
        && let Some(published) = number(&settings, &["moderation_threshold"])
    {
        // Guests shared one counter there; here everybody has an own one.
        let message = "A moderator reads first comments first.";
        let when = format!("not author.published >= {published}");
        draft.add_rule("imported.new-author", "moderation", &when, message);
    }
    for name in NOT_RULES.into_iter().filter(|name| on(&settings, &[name])) {
        draft.note(Change::NotARule, name);
    }
    Ok(())
}

/// The first of these settings that there is: they have had several names.
fn setting<'s>(settings: &'s Map<String, Value>, names: &[&str]) -> Option<&'s Value> {
    names.iter().find_map(|name| settings.get(*name))
}

/// Settings are numbers, texts or flags, depending on who wrote the file.
fn on(settings: &Map<String, Value>, names: &[&str]) -> bool {
    match setting(settings, names) {
        Some(Value::Bool(flag)) => *flag,
        Some(Value::Number(number)) => number.as_i64() != Some(0),
        Some(Value::String(text)) => !matches!(text.as_str(), "" | "0" | "false"),
        _ => false,
    }
}

/// A whole number that a condition can be compared with.
fn number(settings: &Map<String, Value>, names: &[&str]) -> Option<u32> {
    match setting(settings, names)? {
        Value::Number(number) => number.as_u64()?.try_into().ok(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// A list that is separated by commas or line breaks.
fn entries<'s>(settings: &'s Map<String, Value>, names: &[&str]) -> impl Iterator<Item = &'s str> {
    let text = setting(settings, names).and_then(Value::as_str).unwrap_or_default();
    text.split([',', '\n']).map(str::trim).filter(|entry| !entry.is_empty())
}
