//! What is odd about a document that compiles: mistakes that only its author can tell from intent.

use std::collections::HashSet;
use std::fmt;
use std::time::Duration;

use moderato_domain::Facts;

use super::CompiledRuleSet;
use super::document::Document;
use super::eval::holds;
use super::expr::Literal;
use super::schema::{FieldId, FieldKind};
use crate::error::line_of;
use crate::pipeline::observe;

/// Something odd, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleSetWarning {
    /// Line of the document, from 1.
    pub line: usize,
    /// What is odd.
    pub oddity: Oddity,
}

/// What is odd about a document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Oddity {
    /// The rule matches comments that have nothing in common.
    #[error("the rule `{0}` matches every comment it was tried on")]
    MatchesEverything(String),
    /// No rule asks for the list.
    #[error("no rule uses the list `{0}`")]
    UnusedList(String),
    /// No rule is in the group.
    #[error("no rule is in the group `{0}`")]
    EmptyGroup(String),
}

impl fmt::Display for RuleSetWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.oddity)
    }
}

/// Lists and groups that nothing refers to.
pub(super) fn unused(document: &str, parsed: &Document, used: &HashSet<String>) -> Vec<RuleSetWarning> {
    let warning = |at, oddity| RuleSetWarning { line: line_of(document, at), oddity };
    let lists = parsed
        .lists
        .keys()
        .filter(|name| !used.contains(name.get_ref()))
        .map(|name| warning(name.span().start, Oddity::UnusedList(name.get_ref().clone())));
    let in_group = |name: &String| {
        parsed.rules.iter().any(|rule| rule.group.as_ref().is_some_and(|group| group.get_ref() == name))
    };
    let groups = parsed
        .groups
        .keys()
        .filter(|name| !in_group(name.get_ref()))
        .map(|name| warning(name.span().start, Oddity::EmptyGroup(name.get_ref().clone())));
    lists.chain(groups).collect()
}

/// Rules that match comments which have nothing in common: one with nothing to it, one that says all
/// there is to say, and one in another script of which nothing is known.
pub(super) fn matching_everything(
    document: &str,
    parsed: &Document,
    rules: &CompiledRuleSet,
) -> Vec<RuleSetWarning> {
    const BODIES: [&str; 3] = [
        "a",
        "The museum was lovely, and our guide knew everything about trains.\n\nSee you on Friday!",
        "来週の集まりも楽しみにしています。",
    ];
    let givens = [given(&Literal::Flag(false)), given(&Literal::Flag(true)), Vec::new()];
    let mut suspects: Vec<usize> = rules.always().map(|(index, _)| index).collect();
    for (body, given) in BODIES.into_iter().zip(&givens) {
        let Some(comment) = super::examples::plain_comment(body) else { continue };
        let facts = Facts::none(comment.accept_time);
        observe(rules, &comment, &facts, given, |_, seen| {
            suspects.retain(|index| holds(&rules.rules()[*index].when, seen));
        });
    }
    suspects
        .into_iter()
        .map(|index| {
            let id = &parsed.rules[index].id;
            RuleSetWarning {
                line: line_of(document, id.span().start),
                oddity: Oddity::MatchesEverything(id.get_ref().clone()),
            }
        })
        .collect()
}

/// Every measure at its least, or very large.
fn given(flag: &Literal) -> Vec<(FieldId, Literal)> {
    let large = *flag == Literal::Flag(true);
    let value = |field: FieldId| match field.kind() {
        FieldKind::Flag => Some(flag.clone()),
        FieldKind::Count => Some(Literal::Count(if large { 1_000_000 } else { 0 })),
        FieldKind::Number => Some(Literal::Number(if large { 1e6 } else { 0.0 })),
        FieldKind::Duration => {
            Some(Literal::Duration(Duration::from_secs(if large { u32::MAX.into() } else { 0 })))
        }
        FieldKind::Text | FieldKind::Domain | FieldKind::Domains | FieldKind::Address | FieldKind::Author => {
            None
        }
    };
    FieldId::ALL.into_iter().filter_map(|field| Some((field, value(field)?))).collect()
}
