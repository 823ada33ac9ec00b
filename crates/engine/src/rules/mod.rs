//! Rule sets: from a TOML document to something that can be evaluated.
//!
//! | module | what it does |
//! |---|---|
//! | [`schema`] | the fields that conditions use, with their types: start here to add one |
//! | [`document`] | the document as written |
//! | [`lexer`], [`expr`], [`types`] | the condition language: tokens, parser, type checks |
//! | [`lists`], [`patterns`] | the shared automaton, the domain table, regular expressions |
//! | [`templates`] | patterns that name lists |
//! | [`note`] | notes for moderators with placeholders |
//! | [`eval`], [`patterns_of_text`] | conditions against a comment, and the evidence |

mod compile;
mod document;
pub(crate) mod eval;
pub(crate) mod expr;
mod lexer;
pub(crate) mod lists;
pub(crate) mod note;
mod patterns;
mod patterns_of_text;
pub(crate) mod schema;
mod templates;
mod types;

use std::fmt::Write as _;

use moderato_domain::{Action, RuleSetVersion, Score};
use regex::Regex;

pub(crate) use document::RuleAction;
use expr::Expr;
use lists::Lists;
use note::Note;
use schema::FieldSet;

/// A rule set that is ready to evaluate comments. Immutable; share it in an `Arc`.
#[derive(Debug)]
pub struct CompiledRuleSet {
    version: RuleSetVersion,
    thresholds: Thresholds,
    rules: Vec<Rule>,
    lists: Lists,
    patterns: Vec<Pattern>,
    /// Every field that some rule uses: what is not in it is not computed.
    used: FieldSet,
}

/// Where a sum of points becomes an action.
#[derive(Debug, Clone, Copy)]
struct Thresholds {
    review: f64,
    reject: f64,
}

/// A rule that is ready to evaluate.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) id: String,
    pub(crate) guideline: Option<String>,
    pub(crate) category: String,
    pub(crate) when: Expr,
    pub(crate) outcome: Outcome,
    pub(crate) never_reject: bool,
    pub(crate) message: String,
    pub(crate) note: Note,
}

/// What follows if a rule matches.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Outcome {
    /// Points.
    Score(Score),
    /// An action, whatever the points.
    Action(RuleAction),
}

/// A regular expression of a rule.
#[derive(Debug)]
pub(crate) struct Pattern {
    pub(crate) regex: Regex,
    /// It can only match a body in which the lists' automaton has seen one of its literals.
    pub(crate) filtered: bool,
}

impl CompiledRuleSet {
    /// The document's name, `@`, and the first 12 hex digits of its SHA-256.
    pub const fn version(&self) -> &RuleSetVersion {
        &self.version
    }

    /// How many rules there are.
    pub const fn rule_count(&self) -> usize {
        self.rules.len()
    }

    /// How many entries all lists have together.
    pub const fn list_entry_count(&self) -> usize {
        self.lists.entry_count()
    }

    /// The action that a sum of points stands for.
    pub(crate) fn action_of(&self, points: f64) -> Action {
        if points >= self.thresholds.reject {
            Action::Reject
        } else if points >= self.thresholds.review {
            Action::Review
        } else {
            Action::Allow
        }
    }

    pub(crate) fn rules(&self) -> &[Rule] {
        &self.rules
    }

    pub(crate) const fn lists(&self) -> &Lists {
        &self.lists
    }

    pub(crate) fn pattern(&self, index: u16) -> &Pattern {
        &self.patterns[index as usize]
    }

    pub(crate) const fn pattern_count(&self) -> usize {
        self.patterns.len()
    }

    pub(crate) const fn used(&self) -> FieldSet {
        self.used
    }
}

/// The first 12 hex digits of a digest: enough to tell versions apart, short enough to read.
pub(crate) fn hex12(digest: &[u8]) -> String {
    digest.iter().take(6).fold(String::with_capacity(12), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
