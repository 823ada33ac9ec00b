//! The tests that a rule set brings along: comments, and what it must say about them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use moderato_domain::intake::Arrival;
use moderato_domain::{
    Action, Comment, CommentDraft, CommentId, Facts, Revision, SiteId, SiteSettings, Timestamp,
};
use toml::Spanned;

use super::CompiledRuleSet;
use super::document::{Document, Test};
use super::expr::{Literal, unknown_field};
use super::lexer::{TokenKind, tokens};
use super::schema::{FieldId, FieldKind};
use crate::error::{RuleSetError, RuleSetProblem, line_of, nearest};
use crate::pipeline::judge;

/// A comment, and what must be said about it.
#[derive(Debug)]
pub(crate) struct Example {
    line: usize,
    comment: Comment,
    given: Vec<(FieldId, Literal)>,
    action: Option<Action>,
    matches: Vec<String>,
    misses: Vec<String>,
}

/// What came of a rule set's own tests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestRun {
    /// How many tests there are.
    pub tests: usize,
    /// Those that failed, in the order of the document.
    pub failures: Vec<TestFailure>,
}

impl TestRun {
    /// Whether the rule set does what it says of itself.
    pub const fn passed(&self) -> bool {
        self.failures.is_empty()
    }
}

/// A test that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestFailure {
    /// Line of the document, from 1.
    pub line: usize,
    /// The comment's body, shortened.
    pub body: String,
    /// What was expected and what happened instead.
    pub mismatches: Vec<String>,
}

impl fmt::Display for TestFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: “{}”: {}", self.line, self.body, self.mismatches.join("; "))
    }
}

impl CompiledRuleSet {
    /// Runs the tests that stand in the document, at a time against which entries of lists expire.
    pub fn run_tests(&self, now: Timestamp) -> TestRun {
        let failures = self.examples.iter().filter_map(|example| self.failure(example, now)).collect();
        TestRun { tests: self.examples.len(), failures }
    }

    fn failure(&self, example: &Example, now: Timestamp) -> Option<TestFailure> {
        const BODY_CHARS: usize = 60;
        let evaluation = judge(self, &example.comment, &Facts::none(now), &example.given);
        let matched: Vec<&str> = evaluation.reasons.iter().map(|reason| reason.rule.as_str()).collect();
        let mut mismatches = Vec::new();
        if let Some(expected) = example.action.filter(|expected| *expected != evaluation.action) {
            mismatches.push(format!(
                "expected {}, got {} at {} points by {}",
                expected.as_str(),
                evaluation.action.as_str(),
                evaluation.score.get(),
                if matched.is_empty() { "no rule".to_owned() } else { matched.join(", ") }
            ));
        }
        let missing = example.matches.iter().filter(|rule| !matched.contains(&rule.as_str()));
        mismatches.extend(missing.map(|rule| format!("`{rule}` must match and does not")));
        let unwanted = example.misses.iter().filter(|rule| matched.contains(&rule.as_str()));
        mismatches.extend(unwanted.map(|rule| format!("`{rule}` must not match and does")));
        let body: String = example.comment.body.chars().take(BODY_CHARS).collect();
        (!mismatches.is_empty()).then_some(TestFailure { line: example.line, body, mismatches })
    }
}

/// Reads the tests of a document.
pub(super) fn compile(document: &str, parsed: &Document) -> Result<Vec<Example>, RuleSetError> {
    let mut examples = Vec::new();
    for rule in &parsed.rules {
        let id = rule.id.get_ref();
        let bodies = rule.matches.iter().map(|body| (body, true));
        for (body, must_match) in bodies.chain(rule.misses.iter().map(|body| (body, false))) {
            let draft = CommentDraft { body: body.get_ref().clone(), ..CommentDraft::default() };
            let at = body.span().start;
            let named = vec![id.clone()];
            let (matches, misses) = if must_match { (named, Vec::new()) } else { (Vec::new(), named) };
            examples.push(Example {
                line: line_of(document, at),
                comment: admit(draft)
                    .map_err(|problem| RuleSetError::at(problem, document, at).in_rule(id))?,
                given: Vec::new(),
                action: None,
                matches,
                misses,
            });
        }
    }
    let ids: BTreeSet<&str> = parsed.rules.iter().map(|rule| rule.id.get_ref().as_str()).collect();
    for test in &parsed.tests {
        examples.push(example(document, test, &ids)?);
    }
    Ok(examples)
}

fn example(document: &str, written: &Spanned<Test>, ids: &BTreeSet<&str>) -> Result<Example, RuleSetError> {
    let fail = |problem, at| RuleSetError::at(problem, document, at);
    let at = written.span().start;
    let test = written.get_ref();
    let known = |rules: &[Spanned<String>]| {
        let known = |rule: &Spanned<String>| {
            let name = rule.get_ref();
            if ids.contains(name.as_str()) {
                return Ok(name.clone());
            }
            let nearest = nearest(name, ids.iter().copied());
            Err(fail(RuleSetProblem::UnknownRule { name: name.clone(), nearest }, rule.span().start))
        };
        rules.iter().map(known).collect::<Result<Vec<_>, _>>()
    };
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let spanned =
        |text: &Option<Spanned<String>>| text.as_ref().map(|text| text.get_ref().clone()).unwrap_or_default();
    let draft = CommentDraft {
        body: test.body.clone(),
        display_name: test.author.name.clone(),
        email: spanned(&test.author.email),
        url: text(&test.author.url),
        user_id: text(&test.author.user_id),
        ip: spanned(&test.ip),
        language: text(&test.language),
        ..CommentDraft::default()
    };
    Ok(Example {
        line: line_of(document, at),
        comment: admit(draft).map_err(|problem| fail(problem, at))?,
        given: given(&test.given).map_err(|(problem, at)| fail(problem, at))?,
        action: test.action,
        matches: known(&test.matches)?,
        misses: known(&test.misses)?,
    })
}

/// Values for fields, in the types of the schema. Spans of time are written as in conditions.
fn given(
    values: &BTreeMap<Spanned<String>, Spanned<toml::Value>>,
) -> Result<Vec<(FieldId, Literal)>, (RuleSetProblem, usize)> {
    let value = |(name, value): (&Spanned<String>, &Spanned<toml::Value>)| {
        let field = FieldId::parse(name.get_ref())
            .ok_or_else(|| (unknown_field(name.get_ref()), name.span().start))?;
        let literal = match (field.kind(), value.get_ref()) {
            (FieldKind::Flag, toml::Value::Boolean(flag)) => Some(Literal::Flag(*flag)),
            (FieldKind::Count, toml::Value::Integer(count)) => Some(Literal::Count(*count)),
            (FieldKind::Number, toml::Value::Integer(number)) => Some(Literal::Number(*number as f64)),
            (FieldKind::Number, toml::Value::Float(number)) => Some(Literal::Number(*number)),
            (FieldKind::Duration, toml::Value::String(span)) => duration(span).map(Literal::Duration),
            (FieldKind::Text | FieldKind::Domain, toml::Value::String(text)) => {
                Some(Literal::Text(text.clone()))
            }
            _ => None,
        };
        let refuse = || {
            let message = format!("`{}` is {}; this is none", field.id(), field.kind().name());
            (RuleSetProblem::Type(message), value.span().start)
        };
        Ok((field, literal.ok_or_else(refuse)?))
    };
    values.iter().map(value).collect()
}

fn duration(text: &str) -> Option<Duration> {
    match tokens(text).ok()?.first()?.kind {
        TokenKind::Duration(span) => Some(span),
        _ => None,
    }
}

/// A comment of which only the body is known.
pub(super) fn plain_comment(body: &str) -> Option<Comment> {
    admit(CommentDraft { body: body.to_owned(), ..CommentDraft::default() }).ok()
}

/// Makes a comment as an undemanding site would.
fn admit(draft: CommentDraft) -> Result<Comment, RuleSetProblem> {
    let settings = SiteSettings {
        name_required: false,
        body_min_chars: 0,
        body_max_chars: u32::MAX,
        ..SiteSettings::default()
    };
    let id = |problem: moderato_domain::ids::InvalidId| RuleSetProblem::TestComment(problem.to_string());
    let arrival = Arrival {
        site: SiteId::parse("test").map_err(id)?,
        id: CommentId::parse("test").map_err(id)?,
        revision: Revision::FIRST,
        request_id: None,
        accept_time: Timestamp::from_millis(0),
    };
    CommentDraft { thread: "test".to_owned(), ..draft }.admit(&settings, arrival).map_err(|violations| {
        let told =
            violations.iter().map(|violation| format!("{}: {}", violation.field, violation.description));
        RuleSetProblem::TestComment(told.collect::<Vec<_>>().join("; "))
    })
}
