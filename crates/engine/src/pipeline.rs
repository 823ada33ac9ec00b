//! One evaluation from beginning to end: views, signals, rules, action.

use std::fmt::Write as _;

use moderato_domain::{
    Action, Comment, Evaluation, Facts, Field, MissingFact, MissingPolicy, Reason, RuleSetVersion, Score,
    Span,
};

use crate::analyzers::{
    Analyzer, Context, Observed, SPANS_MAX, Value, accounts, author, caps, characters, contacts, handles,
    length, links, lists, look_up, names, passages, platform, recent, repetition, scripts, streets,
};
use crate::rules::eval::{constant, evidence};
use crate::rules::expr::Literal;
use crate::rules::note::Spoken;
use crate::rules::schema::{FieldId, FieldSet};
use crate::rules::{CompiledRuleSet, Rule};

/// Every analyzer, in the order in which they run. Only those run whose fields some rule uses.
const ANALYZERS: [Analyzer; 18] = [
    length::ANALYZER,
    links::ANALYZER,
    contacts::ANALYZER,
    accounts::ANALYZER,
    streets::ANALYZER,
    handles::ANALYZER,
    caps::ANALYZER,
    repetition::ANALYZER,
    characters::ANALYZER,
    scripts::SCRIPTS,
    scripts::LANGUAGE,
    passages::ANALYZER,
    names::ANALYZER,
    author::ANALYZER,
    recent::RATE,
    recent::REPEAT,
    platform::ANALYZER,
    lists::ANALYZER,
];

/// The rule id and category of a comment whose evaluation broke down.
const ENGINE_ERROR: (&str, &str) = ("engine_error", "engine");

/// The rule id and category of a comment whose author is banned or suspended.
const AUTHOR_BANNED: (&str, &str) = ("author_banned", "sanction");

/// The rule id and category of what follows from facts that could not be had.
const MISSING_FACTS: (&str, &str) = ("missing_facts", "engine");

/// Judges a comment. Pure: the same rules, comment and facts give an equal evaluation, always.
pub fn evaluate(rules: &CompiledRuleSet, comment: &Comment, facts: &Facts) -> Evaluation {
    judge(rules, comment, facts, &[])
}

/// Judges a comment of which some fields are given, whatever its text and the facts say.
pub(crate) fn judge(
    rules: &CompiledRuleSet,
    comment: &Comment,
    facts: &Facts,
    given: &[(FieldId, Literal)],
) -> Evaluation {
    observe(rules, comment, facts, given, conclude)
}

/// Looks at a comment, and hands what was seen to `then`.
pub(crate) fn observe<R>(
    rules: &CompiledRuleSet,
    comment: &Comment,
    facts: &Facts,
    given: &[(FieldId, Literal)],
    then: impl FnOnce(&Context<'_>, &Observed<'_>) -> R,
) -> R {
    let used = with_needs(rules.used());
    let context = Context::new(rules, used, comment, facts);
    let mut seen = Observed::new();
    for analyzer in ANALYZERS.iter().filter(|analyzer| analyzer.provides.meets(used)) {
        (analyzer.run)(&context, &mut seen);
    }
    for (field, value) in given {
        seen.set(*field, constant(value));
    }
    look_up(&context, &mut seen);
    then(&context, &seen)
}

/// What follows from what was seen.
pub(crate) fn conclude(context: &Context<'_>, seen: &Observed<'_>) -> Evaluation {
    let rules = context.rules;
    let matched = rules.matching(seen);
    let (points, sum) = weigh(rules, &matched);
    let score = Score::new(sum);
    let action = action_of(rules, &matched, score, context.facts);
    let approved = matched.iter().any(|rule| rule.approves());
    let mut reasons: Vec<Reason> =
        matched.iter().zip(points).map(|(rule, points)| reason(rule, points, context, seen)).collect();
    reasons.extend(missing_facts(rules, context.facts));
    reasons.extend(banned(context.facts));
    reasons.sort_by(weightier);
    Evaluation {
        action,
        approved_by_rule: approved && action == Action::Allow,
        score,
        reasons,
        signals: seen.signals(),
        rule_set: rules.version().clone(),
        degraded: missing(rules, context.facts).map(ToString::to_string).collect(),
    }
}

/// The points that each rule adds, and their sum. Rules of a group add nothing beyond its bounds; of
/// those that reach a bound, the later ones in the document add less.
pub(crate) fn weigh(rules: &CompiledRuleSet, matched: &[&Rule]) -> (Vec<f64>, f64) {
    let mut totals: Vec<(u16, f64)> = Vec::new();
    let mut added = Vec::with_capacity(matched.len());
    for rule in matched {
        let points = rule.points();
        let Some(group) = rule.group else {
            added.push(points);
            continue;
        };
        let at = totals.iter().position(|(of, _)| *of == group).unwrap_or_else(|| {
            totals.push((group, 0.0));
            totals.len() - 1
        });
        let bounds = &rules.groups()[group as usize];
        let before = totals[at].1;
        totals[at].1 = before + points;
        added.push(totals[at].1.clamp(bounds.min, bounds.max) - before.clamp(bounds.min, bounds.max));
    }
    let sum = added.iter().sum();
    (added, sum)
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

/// The sternest of what the points say, what rules demand and what follows from missing facts; no
/// further than review while a rule says never to reject. A ban outranks all of that.
fn action_of(rules: &CompiledRuleSet, matched: &[&Rule], score: Score, facts: &Facts) -> Action {
    if facts.sanction.is_some() {
        return Action::Reject;
    }
    let by_points = rules.action_of(score.get());
    let by_rules = matched.iter().filter_map(|rule| rule.demands()).fold(by_points, Action::max);
    let sternest = by_rules.max(demanded_by_missing(rules, facts));
    if matched.iter().any(|rule| rule.never_reject) { sternest.min(Action::Review) } else { sternest }
}

/// Facts that these rules ask for and that could not be had. Facts are collected for a shadow as well,
/// and what only that one asks for says nothing about this verdict.
fn missing<'f>(rules: &CompiledRuleSet, facts: &'f Facts) -> impl Iterator<Item = &'f MissingFact> {
    let needed = rules.needs_facts();
    facts.missing.iter().filter(move |missing| needed.contains(missing.fact))
}

/// What the operator wants done with comments of which some fact could not be had.
fn demanded_by_missing(rules: &CompiledRuleSet, facts: &Facts) -> Action {
    let demanded = missing(rules, facts).map(|missing| match missing.policy {
        MissingPolicy::Open => Action::Allow,
        MissingPolicy::Hold => Action::Review,
        MissingPolicy::Closed => Action::Reject,
    });
    demanded.max().unwrap_or(Action::Allow)
}

/// Why a comment is rejected whatever it says.
fn banned(facts: &Facts) -> Option<Reason> {
    let sanction = facts.sanction?;
    let (rule, category) = AUTHOR_BANNED;
    let note = match sanction.until {
        Some(_) => "the author is suspended",
        None => "the author is banned",
    };
    Some(Reason {
        rule: rule.to_owned(),
        category: category.to_owned(),
        guideline: None,
        score: Score::default(),
        action: Some(Action::Reject),
        message: "You cannot write comments on this site at present.".to_owned(),
        note: note.to_owned(),
        spans: Vec::new(),
    })
}

/// Why a comment is held or rejected for missing facts.
fn missing_facts(rules: &CompiledRuleSet, facts: &Facts) -> Option<Reason> {
    let action = Some(demanded_by_missing(rules, facts)).filter(|action| *action != Action::Allow)?;
    let held = missing(rules, facts).filter(|missing| missing.policy != MissingPolicy::Open);
    let note = held.map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let (rule, category) = MISSING_FACTS;
    Some(Reason {
        rule: rule.to_owned(),
        category: category.to_owned(),
        guideline: None,
        score: Score::default(),
        action: Some(action),
        message: "Your comment could not be checked completely. Please try again later.".to_owned(),
        note,
        spans: Vec::new(),
    })
}

fn reason(rule: &Rule, points: f64, context: &Context<'_>, seen: &Observed<'_>) -> Reason {
    let mut spans = Vec::new();
    evidence(&rule.when, context, seen, &mut spans);
    spans.sort_unstable_by_key(|span| (span.field as u8, span.start, span.end));
    spans.dedup();
    spans.truncate(SPANS_MAX);
    let language = context.comment.language.as_deref();
    let note = rule.note.in_language(language).write(
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
        score: Score::new(points),
        action: rule.demands(),
        message: rule.message.in_language(language).clone(),
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

/// Weightiest first: somebody in danger, demands to reject, demands to review, then points, then approvals; ties by id.
fn weightier(left: &Reason, right: &Reason) -> std::cmp::Ordering {
    let rank = |reason: &Reason| match reason.action {
        _ if reason.is_crisis() => 0,
        Some(Action::Reject) => 1,
        Some(Action::Review) => 2,
        None => 3,
        Some(Action::Allow) => 4,
    };
    rank(left)
        .cmp(&rank(right))
        .then_with(|| right.score.get().total_cmp(&left.score.get()))
        .then_with(|| left.rule.cmp(&right.rule))
}
