//! Why a rule-set document is refused, and where: line, column, and the text with a caret.

use std::fmt;

/// A problem of a rule-set document and its place.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleSetError {
    problem: RuleSetProblem,
    place: Option<Box<Place>>,
    /// The rule it was found in, if any.
    rule: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    /// The attached file it is in; none: the document itself.
    file: Option<String>,
    line: usize,
    column: usize,
    text: String,
}

/// What is wrong with a rule-set document.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RuleSetProblem {
    /// The document is longer than the engine reads.
    #[error("the document has {bytes} bytes, more than the {max} allowed")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The bound.
        max: usize,
    },
    /// Not TOML, or an entry that a rule set does not have.
    #[error("{0}")]
    Document(String),
    /// The name cannot be part of a version.
    #[error("`{0}` is no name for a rule set: use letters, digits, '-', '.', '_' and at most 64 of them")]
    Name(String),
    /// The thresholds contradict each other.
    #[error(
        "thresholds must be finite, above zero, and `review` not above `reject` (they are {review} and {reject})"
    )]
    Thresholds {
        /// Points from which a human looks.
        review: f64,
        /// Points from which it is rejected.
        reject: f64,
    },
    /// The rule set was written for another guidelines document.
    #[error("the rule set cites the guidelines `{expected}`, but was given `{given}`")]
    Guidelines {
        /// What the rule set says.
        expected: String,
        /// What there is.
        given: String,
    },
    /// Two rules of one id.
    #[error("a rule with the id `{0}` exists already")]
    DuplicateRule(String),
    /// An id with characters that ids do not have.
    #[error("`{0}` is no rule id: use lower-case letters, digits, '.', '-' and '_', at most 64 of them")]
    RuleId(String),
    /// A rule must have a score or an action.
    #[error("a rule needs either `score` or `action`, and not both")]
    ScoreOrAction,
    /// A score outside of reason.
    #[error("a score must be between -{max} and {max}")]
    Score {
        /// The bound.
        max: f64,
    },
    /// A field that the schema does not have.
    #[error("unknown field `{name}`{}", hint(nearest.as_deref()))]
    UnknownField {
        /// As written.
        name: String,
        /// The most similar field.
        nearest: Option<String>,
    },
    /// A list that the document does not define.
    #[error("unknown list `{name}`{}", hint(nearest.as_deref()))]
    UnknownList {
        /// As written.
        name: String,
        /// The most similar list.
        nearest: Option<String>,
    },
    /// A section that the guidelines do not have.
    #[error("the guidelines have no section `{name}`{}", hint(nearest.as_deref()))]
    UnknownSection {
        /// As written.
        name: String,
        /// The most similar section.
        nearest: Option<String>,
    },
    /// A group that the document does not define.
    #[error("unknown group `{name}`{}", hint(nearest.as_deref()))]
    UnknownGroup {
        /// As written.
        name: String,
        /// The most similar group.
        nearest: Option<String>,
    },
    /// A rule that the document does not define.
    #[error("unknown rule `{name}`{}", hint(nearest.as_deref()))]
    UnknownRule {
        /// As written.
        name: String,
        /// The most similar rule.
        nearest: Option<String>,
    },
    /// The bounds of a group do not hold zero, or there are none.
    #[error("a group needs `max_score` (zero or more), `min_score` (zero or less), or both")]
    GroupBounds,
    /// A weight for a rule that adds no points.
    #[error("the rule `{0}` demands an action and adds no points")]
    WeightOfAction(String),
    /// A list with nothing to take entries from.
    #[error("a list needs `entries` or a `file`")]
    NoEntries,
    /// A file of a list that could not be had.
    #[error("the list file `{name}`: {reason}")]
    ListFile {
        /// As written.
        name: String,
        /// Why.
        reason: String,
    },
    /// No moment at which an entry could expire.
    #[error("`{0}` is no date such as 2026-05-01, nor a date with time and zone")]
    Expiry(String),
    /// A sentence in several languages, but not in that of the rule set.
    #[error("the text is missing in `{0}`, the language of the rule set")]
    MissingLanguage(String),
    /// A test whose comment no site would take.
    #[error("no comment for a test: {0}")]
    TestComment(String),
    /// An entry that cannot match anything.
    #[error("`{0}` is no entry for this list")]
    ListEntry(String),
    /// A condition that does not parse.
    #[error("{0}")]
    Syntax(String),
    /// A condition that compares what cannot be compared.
    #[error("{0}")]
    Type(String),
    /// A condition nested too deeply.
    #[error("the condition is nested more than {0} levels deep")]
    TooDeep(usize),
    /// A condition with too many parts.
    #[error("the condition has more than {0} parts")]
    TooManyParts(usize),
    /// A pattern that is not a regular expression, or too large a one.
    #[error("bad pattern: {0}")]
    Pattern(String),
    /// More rules, lists, entries or patterns than the engine takes.
    #[error("more than {max} {what}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// The bound.
        max: usize,
    },
}

fn hint(nearest: Option<&str>) -> String {
    nearest.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default()
}

impl RuleSetError {
    /// A problem of the document as a whole.
    pub(crate) const fn whole(problem: RuleSetProblem) -> Self {
        Self { problem, place: None, rule: None }
    }

    /// A problem at a byte of the document.
    pub(crate) fn at(problem: RuleSetProblem, document: &str, offset: usize) -> Self {
        Self { problem, place: Some(Box::new(Place::of(document, offset))), rule: None }
    }

    /// Names the attached file that the place is in.
    pub(crate) fn in_file(mut self, name: &str) -> Self {
        if let Some(place) = &mut self.place {
            place.file = Some(name.to_owned());
        }
        self
    }

    /// Names the rule it was found in.
    pub(crate) fn in_rule(mut self, rule: &str) -> Self {
        self.rule = Some(rule.to_owned());
        self
    }

    /// What is wrong.
    pub const fn problem(&self) -> &RuleSetProblem {
        &self.problem
    }

    /// The file of a list that line and column are of; `None`: the document.
    pub fn file(&self) -> Option<&str> {
        self.place.as_ref().and_then(|place| place.file.as_deref())
    }

    /// Line of the document, from 1.
    pub fn line(&self) -> Option<usize> {
        self.place.as_ref().map(|place| place.line)
    }

    /// Character of that line, from 1.
    pub fn column(&self) -> Option<usize> {
        self.place.as_ref().map(|place| place.column)
    }

    /// The rule it was found in.
    pub fn rule(&self) -> Option<&str> {
        self.rule.as_deref()
    }
}

impl fmt::Display for RuleSetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            if let Some(file) = &place.file {
                write!(f, "{file}, ")?;
            }
            write!(f, "line {}, column {}: ", place.line, place.column)?;
        }
        if let Some(rule) = &self.rule {
            write!(f, "rule `{rule}`: ")?;
        }
        write!(f, "{}", self.problem)?;
        if let Some(place) = &self.place {
            let (from, text) = place.window();
            write!(f, "\n  | {text}\n  | {:>width$}", "^", width = place.column - from)?;
        }
        Ok(())
    }
}

impl std::error::Error for RuleSetError {}

/// Everything that is wrong with a rule-set document, as far as it can be told: what depends on a part
/// that cannot be read is not looked at. At least one.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleSetErrors {
    first: RuleSetError,
    others: Vec<RuleSetError>,
}

/// Most mistakes of a document that are told at once; nobody reads on.
pub(crate) const ERRORS_MAX: usize = 20;

impl RuleSetErrors {
    /// The mistakes found, if there are any.
    pub(crate) fn of(found: Vec<RuleSetError>) -> Result<(), Self> {
        let mut found = found.into_iter();
        let Some(first) = found.next() else { return Ok(()) };
        Err(Self { first, others: found.take(ERRORS_MAX - 1).collect() })
    }

    /// The first of them.
    pub const fn first(&self) -> &RuleSetError {
        &self.first
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &RuleSetError> {
        std::iter::once(&self.first).chain(&self.others)
    }
}

impl From<RuleSetError> for RuleSetErrors {
    fn from(first: RuleSetError) -> Self {
        Self { first, others: Vec::new() }
    }
}

impl IntoIterator for RuleSetErrors {
    type Item = RuleSetError;
    type IntoIter = std::iter::Chain<std::iter::Once<RuleSetError>, std::vec::IntoIter<RuleSetError>>;

    fn into_iter(self) -> Self::IntoIter {
        std::iter::once(self.first).chain(self.others)
    }
}

impl fmt::Display for RuleSetErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.first.fmt(f)?;
        self.others.iter().try_for_each(|error| write!(f, "\n{error}"))
    }
}

impl std::error::Error for RuleSetErrors {}

impl Place {
    fn of(document: &str, offset: usize) -> Self {
        let mut offset = offset.min(document.len());
        while !document.is_char_boundary(offset) {
            offset -= 1;
        }
        let start = document[..offset].rfind('\n').map_or(0, |at| at + 1);
        let end = document[offset..].find('\n').map_or(document.len(), |at| offset + at);
        Self {
            file: None,
            line: document[..start].matches('\n').count() + 1,
            column: document[start..offset].chars().count() + 1,
            text: document[start..end].trim_end_matches('\r').replace('\t', " "),
        }
    }

    /// The part of the line around the column, for lines longer than a terminal is wide.
    fn window(&self) -> (usize, String) {
        const BEFORE: usize = 60;
        const WIDTH: usize = 100;
        let from = self.column.saturating_sub(BEFORE + 1);
        (from, self.text.chars().skip(from).take(WIDTH).collect())
    }
}

/// The line of a byte of a document, from 1.
pub(crate) fn line_of(document: &str, offset: usize) -> usize {
    document.as_bytes()[..offset.min(document.len())].split(|byte| *byte == b'\n').count()
}

/// The candidate that was probably meant: at least 0.7 similar (Jaro-Winkler; a swapped or missing
/// letter scores above 0.9, unrelated field names below 0.65).
pub(crate) fn nearest<'c>(name: &str, candidates: impl Iterator<Item = &'c str>) -> Option<String> {
    const SIMILAR: f64 = 0.7;
    candidates
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(similarity, _)| *similarity >= SIMILAR)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, candidate)| candidate.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caret_stands_under_the_character() {
        let document = "name = \"x\"\nwhen = \"ä links.cuont\"";
        let at = document.find("links").unwrap();
        let problem = RuleSetProblem::UnknownField {
            name: "links.cuont".into(),
            nearest: nearest("links.cuont", ["links.count", "body"].into_iter()),
        };
        assert_eq!(
            RuleSetError::at(problem, document, at).in_rule("r").to_string(),
            "line 2, column 11: rule `r`: unknown field `links.cuont`; did you mean `links.count`?\n  \
             | when = \"ä links.cuont\"\n  |           ^"
        );
    }
}
