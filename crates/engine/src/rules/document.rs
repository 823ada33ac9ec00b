//! The rule-set document as it is written: TOML, nothing resolved yet.
//!
//! Unknown keys are refused, so that a misspelt `acton` is an error and not a rule that does nothing.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use toml::Spanned;
use toml::value::Datetime;

use crate::error::{RuleSetError, RuleSetProblem, nearest};

/// Longest document with its attached files, in bytes: room for about 500,000 list entries.
const DOCUMENT_MAX: usize = 16 * 1024 * 1024;

/// A whole rule set.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Document {
    pub(super) name: Spanned<String>,
    pub(super) guidelines: Spanned<String>,
    /// The language of sentences that are not tables.
    #[serde(default = "english")]
    pub(super) language: String,
    pub(super) thresholds: Spanned<Thresholds>,
    #[serde(default)]
    pub(super) groups: BTreeMap<Spanned<String>, Spanned<Group>>,
    /// Points of rules that stand in for those written with them.
    #[serde(default)]
    pub(super) weights: BTreeMap<Spanned<String>, Spanned<f64>>,
    #[serde(default)]
    pub(super) lists: BTreeMap<Spanned<String>, List>,
    #[serde(default, rename = "rule")]
    pub(super) rules: Vec<Rule>,
    #[serde(default, rename = "test")]
    pub(super) tests: Vec<Spanned<Test>>,
    /// What the files of lists held when the document was made.
    #[serde(default, rename = "file")]
    pub(super) files: Vec<AttachedFile>,
}

fn english() -> String {
    "en".to_owned()
}

/// Where a score becomes an action.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Thresholds {
    pub(super) review: f64,
    pub(super) reject: f64,
}

/// Rules that say much the same: bounds on what they add together.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Group {
    #[serde(default)]
    pub(super) max_score: Option<f64>,
    #[serde(default)]
    pub(super) min_score: Option<f64>,
}

/// A named list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct List {
    pub(super) kind: ListKind,
    #[serde(default, rename = "match")]
    pub(super) matching: Option<Spanned<ListMatch>>,
    /// A file with one entry a line, relative to the document.
    #[serde(default)]
    pub(super) file: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) entries: Option<Vec<Spanned<Entry>>>,
}

/// What the entries of a list are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ListKind {
    /// Words or phrases, looked for in texts.
    Phrases,
    /// Regular expressions, tried on texts.
    Regexes,
    /// Domains, which cover their subdomains.
    Domains,
    /// IP addresses and networks.
    Addresses,
    /// People, by name, mail address or the platform's id.
    Authors,
}

impl ListKind {
    /// How error messages call its entries.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Phrases => "phrases",
            Self::Regexes => "regexes",
            Self::Domains => "domains",
            Self::Addresses => "addresses",
            Self::Authors => "authors",
        }
    }
}

/// Where in a text a phrase may stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum ListMatch {
    /// Only as whole words. The default.
    Word,
    /// Anywhere.
    Substring,
}

/// An entry of a list: a text, or a table.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) value: String,
    /// From then on it does not match.
    pub(super) expires: Option<Datetime>,
    /// Why it is there, for moderators.
    pub(super) note: Option<String>,
}

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Table {
            value: String,
            #[serde(default)]
            expires: Option<Datetime>,
            #[serde(default)]
            note: Option<String>,
        }
        struct TextOrTable;
        impl<'de> Visitor<'de> for TextOrTable {
            type Value = Entry;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, or a table with `value`, `expires` and `note`")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Entry, E> {
                Ok(Entry { value: text.to_owned(), expires: None, note: None })
            }
            fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<Entry, M::Error> {
                let Table { value, expires, note } = Table::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Entry { value, expires, note })
            }
        }
        deserializer.deserialize_any(TextOrTable)
    }
}

/// A sentence in one language, or in several.
#[derive(Debug)]
pub(super) enum Sentence {
    /// In the language of the document.
    One(String),
    /// By language tag.
    Many(BTreeMap<Spanned<String>, Spanned<String>>),
}

impl<'de> Deserialize<'de> for Sentence {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMany;
        impl<'de> Visitor<'de> for OneOrMany {
            type Value = Sentence;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, or a table of language tags and texts")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Sentence, E> {
                Ok(Sentence::One(text.to_owned()))
            }
            fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<Sentence, M::Error> {
                BTreeMap::deserialize(MapAccessDeserializer::new(map)).map(Sentence::Many)
            }
        }
        deserializer.deserialize_any(OneOrMany)
    }
}

/// A rule.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rule {
    pub(super) id: Spanned<String>,
    #[serde(default)]
    pub(super) guideline: Option<Spanned<String>>,
    pub(super) category: String,
    #[serde(default)]
    pub(super) group: Option<Spanned<String>>,
    pub(super) when: Spanned<String>,
    #[serde(default)]
    pub(super) score: Option<Spanned<f64>>,
    #[serde(default)]
    pub(super) action: Option<RuleAction>,
    /// While this rule matches, nothing is rejected without a human.
    #[serde(default)]
    pub(super) never_reject: bool,
    pub(super) message: Spanned<Sentence>,
    #[serde(default)]
    pub(super) note: Option<Spanned<Sentence>>,
    /// Bodies that this rule must match.
    #[serde(default)]
    pub(super) matches: Vec<Spanned<String>>,
    /// Bodies that this rule must not match.
    #[serde(default)]
    pub(super) misses: Vec<Spanned<String>>,
}

/// What a rule can demand outright.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RuleAction {
    /// Publish, also where comments wait for approval, unless something else speaks against it.
    Approve,
    /// A human has to look.
    Review,
    /// Reject, whatever the score.
    Reject,
}

/// A comment, and what the whole rule set must say about it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Test {
    pub(super) body: String,
    #[serde(default)]
    pub(super) author: TestAuthor,
    #[serde(default)]
    pub(super) ip: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) language: Option<String>,
    /// Fields that a text alone does not have, such as `author.published`.
    #[serde(default)]
    pub(super) given: BTreeMap<Spanned<String>, Spanned<toml::Value>>,
    #[serde(default)]
    pub(super) action: Option<moderato_domain::Action>,
    /// Rules that must match.
    #[serde(default)]
    pub(super) matches: Vec<Spanned<String>>,
    /// Rules that must not match.
    #[serde(default)]
    pub(super) misses: Vec<Spanned<String>>,
}

/// Who wrote the comment of a test.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TestAuthor {
    #[serde(default)]
    pub(super) name: String,
    #[serde(default)]
    pub(super) email: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) url: Option<String>,
    #[serde(default)]
    pub(super) user_id: Option<String>,
}

/// A file of a list, as part of the document.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AttachedFile {
    pub(super) name: String,
    pub(super) text: String,
}

/// Refuses documents that are longer than the engine reads.
pub(super) fn check_size(bytes: usize) -> Result<(), RuleSetError> {
    if bytes > DOCUMENT_MAX {
        return Err(RuleSetError::whole(RuleSetProblem::TooLarge { bytes, max: DOCUMENT_MAX }));
    }
    Ok(())
}

/// Reads a document.
pub(super) fn parse(text: &str) -> Result<Document, RuleSetError> {
    check_size(text.len())?;
    toml::from_str(text).map_err(|error| {
        let problem = RuleSetProblem::Document(told(error.message()));
        match error.span() {
            Some(span) => RuleSetError::at(problem, text, span.start),
            None => RuleSetError::whole(problem),
        }
    })
}

/// What the parser says, with the nearest of the names it expected instead of all of them.
fn told(message: &str) -> String {
    let unknown = message.starts_with("unknown field `") || message.starts_with("unknown variant `");
    let mut quoted = message.split('`').skip(1).step_by(2);
    let (name, expected) = (quoted.next().unwrap_or_default(), quoted);
    match nearest(name, expected).filter(|_| unknown) {
        Some(nearest) => {
            let told = message.split(',').next().unwrap_or(message);
            format!("{told}; did you mean `{nearest}`?")
        }
        None => message.replace('\n', ", "),
    }
}

/// The byte of the document where byte `inner` of a string value stands; `span` is the value with
/// its quotes.
pub(super) fn offset_in_string(document: &str, span: &std::ops::Range<usize>, inner: usize) -> usize {
    let source = document.get(span.clone()).unwrap_or_default();
    let multiline = source.starts_with("\"\"\"") || source.starts_with("'''");
    let mut at = if multiline { 3 } else { 1 };
    if multiline {
        // A line break right after the opening quotes is not part of the value.
        let rest = &source[at.min(source.len())..];
        at += if rest.starts_with("\r\n") { 2 } else { usize::from(rest.starts_with('\n')) };
    }
    if source.starts_with('\'') {
        return span.start + at + inner;
    }
    let mut decoded = 0;
    let mut chars = source.get(at..).unwrap_or_default().char_indices();
    while let Some((offset, ch)) = chars.next() {
        if decoded >= inner {
            return span.start + at + offset;
        }
        if ch != '\\' {
            decoded += ch.len_utf8();
            continue;
        }
        let digits = match chars.next().map(|(_, escape)| escape) {
            Some('x') => 2,
            Some('u') => 4,
            Some('U') => 8,
            _ => 0,
        };
        let code = source.get(at + offset + 2..at + offset + 2 + digits).unwrap_or_default();
        let escaped = u32::from_str_radix(code, 16).ok().and_then(char::from_u32);
        decoded += escaped.map_or(1, char::len_utf8);
        for _ in 0..digits {
            chars.next();
        }
    }
    span.end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_key_is_refused_where_it_stands() {
        let text = "name = \"a\"\nguidelines = \"g\"\n[thresholds]\nreview = 1\nreject = 2\nrewiev = 3\n";
        let error = parse(text).unwrap_err();
        assert_eq!(error.line(), Some(6));
        assert!(error.to_string().contains("unknown field `rewiev`; did you mean `review`?"), "{error}");
    }

    #[test]
    fn places_in_quoted_texts_are_found_behind_escapes() {
        for (document, inner, expected) in [
            ("w = 'a b'", 2, "b'"),
            (r#"w = "a \"b\" c""#, 2, r#"\"b\" c""#),
            (r#"w = "a \"b\" c""#, 3, r#"b\" c""#),
            (r#"w = "\u00e4 c""#, 3, "c\""),
            ("w = \"\"\"\nab\"\"\"", 1, "b\"\"\""),
        ] {
            let span = 4..document.len();
            assert_eq!(&document[offset_in_string(document, &span, inner)..], expected);
        }
    }
}
