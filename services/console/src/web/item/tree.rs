//! What every rule asked about a comment, as lines.

use moderato_domain::{Branch, ExplainedRule, Explanation, SignalValue};
use moderato_store::JudgedComment;

use super::super::text::Text;
use super::super::words;

/// Rules with their conditions, the ones that matched first.
#[derive(Debug, Clone)]
pub(crate) struct Tree {
    /// What followed.
    pub(crate) summary: String,
    /// The rules, by whether they matched.
    pub(crate) groups: Vec<Group>,
}

/// Rules under a heading.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    /// The heading.
    pub(crate) title: String,
    /// The rules.
    pub(crate) rules: Vec<Asked>,
}

/// A rule and what it asked.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// Its id.
    pub(crate) name: String,
    /// Its category and points.
    pub(crate) about: String,
    /// Its condition, part by part.
    pub(crate) lines: Vec<Line>,
}

/// A part of a condition.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    /// How deep it stands.
    pub(crate) depth: usize,
    /// Spaces before it.
    pub(crate) indent: String,
    /// As it stands in the rule set.
    pub(crate) text: String,
    /// Whether it holds.
    pub(crate) holds: bool,
    /// What was seen.
    pub(crate) seen: String,
}

impl Tree {
    /// An explanation, readable.
    pub(crate) fn of(judged: &JudgedComment, explanation: &Explanation) -> Self {
        let evaluation = &judged.verdict.evaluation;
        let summary = format!(
            "{} points by {}: a person looks from {} on, it is rejected from {} on. The rules say {}.",
            evaluation.score,
            evaluation.rule_set,
            explanation.review_from,
            explanation.reject_from,
            evaluation.action.as_str(),
        );
        let (matched, others): (Vec<_>, Vec<_>) = explanation.rules.iter().partition(|rule| rule.matched);
        let group = |title: &str, rules: Vec<&ExplainedRule>| Group {
            title: format!("{title} ({})", rules.len()),
            rules: rules.into_iter().map(asked).collect(),
        };
        Self { summary, groups: vec![group("Matched", matched), group("Did not match", others)] }
    }
}

fn asked(rule: &ExplainedRule) -> Asked {
    let mut lines = Vec::new();
    flatten(&rule.condition, 0, &mut lines);
    let points = if rule.matched { rule.added } else { rule.points };
    let about = match rule.action {
        Some(action) => format!("{}, {}", words::category(&rule.category), action.as_str()),
        None => format!("{}, {points}", words::category(&rule.category)),
    };
    Asked { name: rule.rule.clone(), about, lines }
}

fn flatten(branch: &Branch, depth: usize, lines: &mut Vec<Line>) {
    let seen = branch.seen.iter().map(|seen| match &seen.value {
        None => format!("{} is not known", seen.field),
        Some(SignalValue::Flag(flag)) => format!("{} = {flag}", seen.field),
        Some(SignalValue::Count(count)) => format!("{} = {count}", seen.field),
        Some(SignalValue::Number(number)) => format!("{} = {number}", seen.field),
        Some(SignalValue::Text(text)) => format!("{} = “{text}”", seen.field),
    });
    let entries = branch.entries.iter().map(|entry| match &entry.note {
        Some(note) => format!("“{}” in {} ({note})", entry.entry, entry.list),
        None => format!("“{}” in {}", entry.entry, entry.list),
    });
    lines.push(Line {
        depth,
        indent: "\u{2003}".repeat(depth),
        text: branch.text.clone(),
        holds: branch.holds,
        seen: Text::plain(&seen.chain(entries).collect::<Vec<_>>().join(", ")).words(),
    });
    for part in &branch.parts {
        flatten(part, depth + 1, lines);
    }
}
