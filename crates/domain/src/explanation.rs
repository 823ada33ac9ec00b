//! Why, in full: what every rule asked about a comment, and what the answers were.

use crate::verdict::{Action, Evaluation, Score, SignalValue, Span};

/// An evaluation with all that led to it, also the rules that did not match.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// What follows from it.
    pub evaluation: Evaluation,
    /// Points from which a human looks.
    pub review_from: f64,
    /// Points from which it is rejected.
    pub reject_from: f64,
    /// Every rule, in the order of the rule set.
    pub rules: Vec<ExplainedRule>,
}

/// A rule, and whether it matched.
#[derive(Debug, Clone, PartialEq)]
pub struct ExplainedRule {
    /// The rule's id in its rule set.
    pub rule: String,
    /// The kind of harm.
    pub category: String,
    /// The section of the guidelines that it cites.
    pub guideline: Option<String>,
    /// Whether its condition holds.
    pub matched: bool,
    /// The points it stands for.
    pub points: Score,
    /// The points it added: none if it did not match, fewer if its group has reached a bound.
    pub added: Score,
    /// The group whose bounds apply.
    pub group: Option<String>,
    /// The action it demands outright.
    pub action: Option<Action>,
    /// While it matches, nothing is rejected without a human.
    pub never_reject: bool,
    /// Its condition.
    pub condition: Branch,
}

/// A condition or a part of one.
#[derive(Debug, Clone, PartialEq)]
pub struct Branch {
    /// As it stands in the rule set.
    pub text: String,
    /// Whether it holds.
    pub holds: bool,
    /// The fields it compares, and their values. The body itself is not repeated.
    pub seen: Vec<SeenValue>,
    /// The entries of the list it asks for that were found.
    pub entries: Vec<MatchedEntry>,
    /// Where, in the original texts.
    pub spans: Vec<Span>,
    /// What it is made of.
    pub parts: Vec<Branch>,
}

/// A field and its value.
#[derive(Debug, Clone, PartialEq)]
pub struct SeenValue {
    /// The field name that rules use, such as `links.count`.
    pub field: String,
    /// `None`: not known, so that comparisons with it do not hold. Spans of time are in seconds.
    pub value: Option<SignalValue>,
}

/// An entry of a list that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MatchedEntry {
    /// The list's name.
    pub list: String,
    /// The entry as written; mail addresses are left out.
    pub entry: String,
    /// Why it is in the list.
    pub note: Option<String>,
}
