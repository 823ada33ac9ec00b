//! One evaluation from beginning to end: views, signals, rules, action.

use std::fmt::Write as _;

use moderato_domain::{Action, Comment, Evaluation, Field, Reason, RuleSetVersion, Score, Span};

use crate::analyzers::{
    Analyzer, Context, Observed, SPANS_MAX, Value, author, caps, characters, contacts, length, links, lists,
    repetition,
};
use crate::facts::Facts;
use crate::rules::eval::{evidence, holds};
use crate::rules::note::Spoken;
use crate::rules::schema::FieldSet;
use crate::rules::{CompiledRuleSet, Outcome, Rule, RuleAction};

/// Every analyzer, in the order in which they run. Only those run whose fields some rule uses.
const ANALYZERS: [Analyzer; 10] = [
    length::ANALYZER,
    links::ANALYZER,
    contacts::ANALYZER,
    caps::ANALYZER,
    repetition::ANALYZER,
    characters::ANALYZER,
    author::ANALYZER,
    lists::BODY,
    lists::NAME,
    lists::DOMAINS,
];

/// The rule id and category of a comment whose evaluation broke down.
const ENGINE_ERROR: (&str, &str) = ("engine_error", "engine");

/// Judges a comment. Pure: the same rules, comment and facts give an equal evaluation, always.
pub fn evaluate(rules: &CompiledRuleSet, comment: &Comment, facts: &Facts) -> Evaluation {
    let used = with_needs(rules.used());
    let context = Context::new(rules, used, comment, facts);
    let mut seen = Observed::new();
    for analyzer in ANALYZERS.iter().filter(|analyzer| analyzer.provides.meets(used)) {
        (analyzer.run)(&context, &mut seen);
    }
    let matched: Vec<&Rule> =
        rules.rules().iter().filter(|rule| holds(&rule.when, &context, &seen)).collect();
    let points = matched.iter().map(|rule| points_of(rule)).sum::<f64>();
    let score = Score::new(points);
    let action = action_of(rules, &matched, score);
    let approved = matched.iter().any(|rule| matches!(rule.outcome, Outcome::Action(RuleAction::Approve)));
    let mut reasons: Vec<Reason> = matched.iter().map(|rule| reason(rule, &context, &seen)).collect();
    reasons.sort_by(weightier);
    Evaluation {
        action,
        approved_by_rule: approved && action == Action::Allow,
        score,
        reasons,
        signals: seen.signals(),
        rule_set: rules.version().clone(),
        degraded: facts.unavailable.iter().map(|fact| (*fact).to_owned()).collect(),
    }
}

/// What is recorded when evaluating a comment panicked: a human has to look.
pub fn engine_error(rule_set: RuleSetVersion) -> Evaluation {
    let (rule, category) = ENGINE_ERROR;
    let reason = Reason {
        rule: rule.to_owned(),
        category: category.to_owned(),
        guideline: None,
        score: Score::default(),
        action: Some(Action::Review),
        message: "Your comment is waiting for a moderator.".to_owned(),
        note: "the rules could not be applied to this comment because of a fault in the engine".to_owned(),
        spans: Vec::new(),
    };
    Evaluation {
        action: Action::Review,
        approved_by_rule: false,
        score: Score::default(),
        reasons: vec![reason],
        signals: Vec::new(),
        rule_set,
        degraded: Vec::new(),
    }
}

/// The fields that rules use, and those that their analyzers build on.
fn with_needs(used: FieldSet) -> FieldSet {
    ANALYZERS
        .iter()
        .filter(|analyzer| analyzer.provides.meets(used))
        .fold(used, |all, analyzer| all.union(analyzer.needs))
}

fn points_of(rule: &Rule) -> f64 {
    match rule.outcome {
        Outcome::Score(score) => score.get(),
        Outcome::Action(_) => 0.0,
    }
}

fn demanded(rule: &Rule) -> Option<Action> {
    match rule.outcome {
        Outcome::Score(_) => None,
        Outcome::Action(RuleAction::Approve) => Some(Action::Allow),
        Outcome::Action(RuleAction::Review) => Some(Action::Review),
        Outcome::Action(RuleAction::Reject) => Some(Action::Reject),
    }
}

/// The sternest of what the points say and what rules demand; no further than review while a rule
/// says never to reject.
fn action_of(rules: &CompiledRuleSet, matched: &[&Rule], score: Score) -> Action {
    let by_points = rules.action_of(score.get());
    let sternest = matched.iter().filter_map(|rule| demanded(rule)).fold(by_points, Action::max);
    if matched.iter().any(|rule| rule.never_reject) { sternest.min(Action::Review) } else { sternest }
}

fn reason(rule: &Rule, context: &Context<'_>, seen: &Observed<'_>) -> Reason {
    let mut spans = Vec::new();
    evidence(&rule.when, context, seen, &mut spans);
    spans.sort_unstable_by_key(|span| (span.field as u8, span.start, span.end));
    spans.dedup();
    spans.truncate(SPANS_MAX);
    let note = rule.note.write(
        |field, out| {
            // Writing to a string cannot fail.
            let _ = match seen.value(field) {
                Value::Absent => out.write_str("unknown"),
                Value::Flag(flag) => out.write_str(if *flag { "yes" } else { "no" }),
                Value::Count(count) => write!(out, "{count}"),
                Value::Number(number) => write!(out, "{number:.2}"),
                Value::Duration(span) => write!(out, "{}", Spoken(*span)),
                Value::Text(text) => out.write_str(text),
            };
        },
        |out| quote(&spans, context, out),
    );
    Reason {
        rule: rule.id.clone(),
        category: rule.category.clone(),
        guideline: rule.guideline.clone(),
        score: Score::new(points_of(rule)),
        action: demanded(rule),
        message: rule.message.clone(),
        note,
        spans,
    }
}

/// Writes up to three different texts that spans point at, shortened, in quotes. Mail addresses of
/// authors are not quoted.
fn quote(spans: &[Span], context: &Context<'_>, out: &mut String) {
    const QUOTED_MAX: usize = 3;
    const CHARS_MAX: usize = 40;
    let mut quoted: Vec<&str> = Vec::new();
    for span in spans {
        let text = match span.field {
            Field::Body => context.comment.body.as_str(),
            Field::AuthorName => context.comment.author.display_name.as_str(),
            Field::AuthorUrl => context.comment.author.url.as_deref().unwrap_or_default(),
            Field::AuthorEmail => continue,
        };
        let Some(part) = text.get(span.start as usize..span.end as usize) else { continue };
        if quoted.len() < QUOTED_MAX && !quoted.contains(&part) {
            quoted.push(part);
        }
    }
    for (index, part) in quoted.into_iter().enumerate() {
        out.push_str(if index == 0 { "“" } else { ", “" });
        out.extend(part.chars().take(CHARS_MAX));
        out.push_str(if part.chars().nth(CHARS_MAX).is_some() { "…”" } else { "”" });
    }
}

/// Weightiest first: demands to reject, demands to review, then points, then approvals; ties by id.
fn weightier(left: &Reason, right: &Reason) -> std::cmp::Ordering {
    let rank = |reason: &Reason| match reason.action {
        Some(Action::Reject) => 0,
        Some(Action::Review) => 1,
        None => 2,
        Some(Action::Allow) => 3,
    };
    rank(left)
        .cmp(&rank(right))
        .then_with(|| right.score.get().total_cmp(&left.score.get()))
        .then_with(|| left.rule.cmp(&right.rule))
}
