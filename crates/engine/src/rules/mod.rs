//! Rule sets: from a TOML document to something that can be evaluated.
//!
//! | module | what it does |
//! |---|---|
//! | [`schema`] | the fields that conditions use, with their types: start here to add one |
//! | [`document`], [`files`] | the document as written, and the files its lists name |
//! | [`lexer`], [`expr`], [`types`] | the condition language: tokens, parser, type checks |
//! | [`lists`], [`networks`], [`patterns`] | tables and regular expressions |
//! | [`texts`], [`tree`], [`literals`] | phrases and what patterns need, looked for in one go |
//! | [`templates`] | patterns that name lists |
//! | [`sentence`], [`note`] | what authors and moderators are told |
//! | [`resolver`], [`compile`] | finds what conditions name, puts it all together |
//! | [`index`] | which rules can match at all, from what was seen |
//! | [`eval`] | conditions against a comment, and the evidence |
//! | [`examples`], [`warnings`] | the document's own tests, and what is odd about it |

mod compile;
mod document;
pub(crate) mod eval;
pub(crate) mod examples;
pub(crate) mod expr;
pub(crate) mod files;
mod index;
mod lexer;
pub(crate) mod lists;
mod literals;
mod networks;
pub(crate) mod note;
pub(crate) mod patterns;
mod resolver;
pub(crate) mod schema;
mod sentence;
mod templates;
pub(crate) mod texts;
mod tree;
mod types;
pub(crate) mod warnings;

use std::fmt::Write as _;

use moderato_domain::{Action, FactSet, RuleSetVersion, Score};

use crate::analyzers::Observed;
pub(crate) use document::RuleAction;
use examples::Example;
use expr::Expr;
use index::RuleIndex;
use lists::Lists;
use note::Note;
use patterns::Patterns;
use schema::{FieldId, FieldSet};
use sentence::Localised;
use warnings::RuleSetWarning;

use crate::facts::needed_for;

/// A rule set that is ready to evaluate comments. Immutable; share it in an `Arc`.
#[derive(Debug)]
pub struct CompiledRuleSet {
    version: RuleSetVersion,
    thresholds: Thresholds,
    groups: Vec<Group>,
    rules: Vec<Rule>,
    index: RuleIndex,
    lists: Lists,
    patterns: Patterns,
    /// Every field that some rule uses: what is not in it is not computed.
    used: FieldSet,
    /// Fields that some rule looks up in a list or matches with a pattern.
    looked_up: Vec<FieldId>,
    examples: Vec<Example>,
    warnings: Vec<RuleSetWarning>,
}

/// Where a sum of points becomes an action.
#[derive(Debug, Clone, Copy)]
struct Thresholds {
    review: f64,
    reject: f64,
}

/// Rules whose points are bounded together. Zero lies between the bounds.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) name: String,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

/// A rule that is ready to evaluate.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) id: String,
    pub(crate) guideline: Option<String>,
    pub(crate) category: String,
    pub(crate) group: Option<u16>,
    /// The condition as written.
    pub(crate) condition: String,
    pub(crate) when: Expr,
    pub(crate) outcome: Outcome,
    pub(crate) never_reject: bool,
    pub(crate) message: Localised<String>,
    pub(crate) note: Localised<Note>,
}

/// What follows if a rule matches.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Outcome {
    /// Points.
    Score(Score),
    /// An action, whatever the points.
    Action(RuleAction),
}

impl Rule {
    /// The points it stands for, before bounds of its group.
    pub(crate) fn points(&self) -> f64 {
        match self.outcome {
            Outcome::Score(score) => score.get(),
            Outcome::Action(_) => 0.0,
        }
    }

    /// The action it demands, whatever the points.
    pub(crate) const fn demands(&self) -> Option<Action> {
        match self.outcome {
            Outcome::Score(_) => None,
            Outcome::Action(RuleAction::Approve) => Some(Action::Allow),
            Outcome::Action(RuleAction::Review) => Some(Action::Review),
            Outcome::Action(RuleAction::Reject) => Some(Action::Reject),
        }
    }

    /// Whether it publishes where comments wait for approval.
    pub(crate) const fn approves(&self) -> bool {
        matches!(self.outcome, Outcome::Action(RuleAction::Approve))
    }
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

    /// The ids of the rules, in the order of the document.
    pub fn rule_ids(&self) -> impl Iterator<Item = &str> {
        self.rules.iter().map(|rule| rule.id.as_str())
    }

    /// How many entries all lists have together.
    pub const fn list_entry_count(&self) -> usize {
        self.lists.entry_count()
    }

    /// What is odd about the document, though it compiles.
    pub fn warnings(&self) -> &[RuleSetWarning] {
        &self.warnings
    }

    /// Points from which a human looks, and from which it is rejected.
    pub(crate) const fn thresholds(&self) -> (f64, f64) {
        (self.thresholds.review, self.thresholds.reject)
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

    /// Every rule that matches what was seen, in the order of the document.
    pub(crate) fn matching(&self, seen: &Observed<'_>) -> Vec<&Rule> {
        let candidates = self.index.candidates(seen);
        candidates.iter().map(|rule| &self.rules[rule]).filter(|rule| eval::holds(&rule.when, seen)).collect()
    }

    pub(crate) fn rules(&self) -> &[Rule] {
        &self.rules
    }

    pub(crate) fn groups(&self) -> &[Group] {
        &self.groups
    }

    pub(crate) const fn lists(&self) -> &Lists {
        &self.lists
    }

    pub(crate) const fn patterns(&self) -> &Patterns {
        &self.patterns
    }

    /// The facts that must be collected before a comment is judged.
    pub fn needs_facts(&self) -> FactSet {
        needed_for(self.used)
    }

    pub(crate) const fn used(&self) -> FieldSet {
        self.used
    }

    pub(crate) fn looked_up(&self) -> &[FieldId] {
        &self.looked_up
    }
}

/// The first 12 hex digits of a digest: enough to tell versions apart, short enough to read.
pub(crate) fn hex12(digest: &[u8]) -> String {
    digest.iter().take(6).fold(String::with_capacity(12), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// Why a pattern cannot stand in a rule set; `None` if it can.
pub(crate) fn pattern_problem(pattern: &str) -> Option<crate::error::RuleSetProblem> {
    patterns::compile(pattern).err()
}
