//! The rule-set document as it is written: TOML, nothing resolved yet.
//!
//! Unknown keys are refused, so that a misspelt `acton` is an error and not a rule that does nothing.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use crate::error::{RuleSetError, RuleSetProblem};

/// Longest document, in bytes: room for about 200,000 list entries.
const DOCUMENT_MAX: usize = 4 * 1024 * 1024;

/// A whole rule set.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Document {
    pub(super) name: Spanned<String>,
    pub(super) guidelines: Spanned<String>,
    pub(super) thresholds: Spanned<Thresholds>,
    #[serde(default)]
    pub(super) lists: BTreeMap<String, List>,
    #[serde(default, rename = "rule")]
    pub(super) rules: Vec<Rule>,
}

/// Where a score becomes an action.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Thresholds {
    pub(super) review: f64,
    pub(super) reject: f64,
}

/// A named list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct List {
    pub(super) kind: ListKind,
    #[serde(default, rename = "match")]
    pub(super) matching: Option<Spanned<ListMatch>>,
    pub(super) entries: Vec<Spanned<String>>,
}

/// What the entries of a list are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ListKind {
    /// Words or phrases, looked for in texts.
    Phrases,
    /// Domains, which cover their subdomains.
    Domains,
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

/// A rule.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rule {
    pub(super) id: Spanned<String>,
    #[serde(default)]
    pub(super) guideline: Option<Spanned<String>>,
    pub(super) category: String,
    pub(super) when: Spanned<String>,
    #[serde(default)]
    pub(super) score: Option<Spanned<f64>>,
    #[serde(default)]
    pub(super) action: Option<RuleAction>,
    /// While this rule matches, nothing is rejected without a human.
    #[serde(default)]
    pub(super) never_reject: bool,
    pub(super) message: String,
    #[serde(default)]
    pub(super) note: Option<Spanned<String>>,
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

/// Reads a document.
pub(super) fn parse(text: &str) -> Result<Document, RuleSetError> {
    if text.len() > DOCUMENT_MAX {
        return Err(RuleSetError::whole(RuleSetProblem::TooLarge { bytes: text.len(), max: DOCUMENT_MAX }));
    }
    toml::from_str(text).map_err(|error| {
        let problem = RuleSetProblem::Document(error.message().replace('\n', ", "));
        match error.span() {
            Some(span) => RuleSetError::at(problem, text, span.start),
            None => RuleSetError::whole(problem),
        }
    })
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
        assert!(error.to_string().contains("unknown field `rewiev`"), "{error}");
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
