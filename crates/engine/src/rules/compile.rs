//! Compiles a document: resolves names, checks types, builds the shared matchers.

use std::collections::HashSet;

use moderato_domain::{RuleSetVersion, Score};
use sha2::{Digest, Sha256};
use toml::Spanned;

use super::document::{self, Document, ListKind, offset_in_string, parse};
use super::expr::{self, Names};
use super::lists::ListBuilder;
use super::note::Note;
use super::schema::{FieldId, FieldKind, FieldSet};
use super::{CompiledRuleSet, Outcome, Pattern, Rule, Thresholds, hex12, patterns, templates};
use crate::error::{RuleSetError, RuleSetProblem, nearest};
use crate::guidelines::Guidelines;

/// Most rules in one set. Each costs some 20 ns per comment.
const RULES_MAX: usize = 2_000;
/// Most patterns in one set: each can hold a few hundred KiB.
const PATTERNS_MAX: usize = 500;
/// Largest score, either way: beyond it a rule should say `action`.
const SCORE_MAX: f64 = 100.0;
/// Longest name or rule id, in bytes.
const ID_MAX: usize = 64;

impl CompiledRuleSet {
    /// Parses, type-checks and compiles a TOML rule-set document whose rules cite `guidelines`.
    ///
    /// # Errors
    /// The first problem found, with its place.
    pub fn compile(document: &str, guidelines: &Guidelines) -> Result<Self, RuleSetError> {
        let parsed = parse(document)?;
        let version = version(document, &parsed)?;
        let thresholds = thresholds(document, &parsed)?;
        if parsed.guidelines.get_ref() != guidelines.name() {
            let problem = RuleSetProblem::Guidelines {
                expected: parsed.guidelines.get_ref().clone(),
                given: guidelines.name().to_owned(),
            };
            return Err(RuleSetError::at(problem, document, parsed.guidelines.span().start));
        }
        if parsed.rules.len() > RULES_MAX {
            return Err(RuleSetError::whole(RuleSetProblem::TooMany { what: "rules", max: RULES_MAX }));
        }
        let mut resolver = Resolver::default();
        for (name, list) in &parsed.lists {
            let add = resolver.lists.add(name, list);
            add.map_err(|(problem, offset)| RuleSetError::at(problem, document, offset))?;
        }
        let mut ids = HashSet::new();
        let mut rules = Vec::with_capacity(parsed.rules.len());
        for rule in &parsed.rules {
            let id = rule.id.get_ref();
            if !ids.insert(id.as_str()) {
                let problem = RuleSetProblem::DuplicateRule(id.clone());
                return Err(RuleSetError::at(problem, document, rule.id.span().start));
            }
            let compiled = resolver.rule(document, rule, guidelines).map_err(|error| error.in_rule(id))?;
            rules.push(compiled);
        }
        let used = rules.iter().fold(FieldSet::default(), |used, rule| used.union(fields_of(rule)));
        let lists = resolver.lists.build().map_err(RuleSetError::whole)?;
        Ok(Self { version, thresholds, rules, lists, patterns: resolver.patterns, used })
    }
}

fn version(document: &str, parsed: &Document) -> Result<RuleSetVersion, RuleSetError> {
    let name = parsed.name.get_ref();
    let refuse = || RuleSetError::at(RuleSetProblem::Name(name.clone()), document, parsed.name.span().start);
    if name.is_empty() || name.len() > ID_MAX || name.contains('@') {
        return Err(refuse());
    }
    let hash = hex12(&Sha256::digest(document.as_bytes()));
    RuleSetVersion::parse(&format!("{name}@{hash}")).map_err(|_| refuse())
}

fn thresholds(document: &str, parsed: &Document) -> Result<Thresholds, RuleSetError> {
    let document::Thresholds { review, reject } = *parsed.thresholds.get_ref();
    if review.is_finite() && reject.is_finite() && review > 0.0 && review <= reject {
        return Ok(Thresholds { review, reject });
    }
    let problem = RuleSetProblem::Thresholds { review, reject };
    Err(RuleSetError::at(problem, document, parsed.thresholds.span().start))
}

/// What is shared by all rules while they are compiled.
#[derive(Default)]
struct Resolver {
    lists: ListBuilder,
    patterns: Vec<Pattern>,
}

impl Resolver {
    /// The entries of a list of phrases.
    fn phrases(&self, name: &str) -> Result<Vec<String>, RuleSetProblem> {
        match self.lists.find(name) {
            Some((index, ListKind::Phrases)) => Ok(self.lists.phrases(index)),
            Some((_, ListKind::Domains)) => Err(RuleSetProblem::Type(format!(
                "`{name}` lists domains; only phrases can stand in a pattern"
            ))),
            None => {
                let nearest = nearest(name, self.lists.names());
                Err(RuleSetProblem::UnknownList { name: name.to_owned(), nearest })
            }
        }
    }
}

impl Names for Resolver {
    fn list(&mut self, name: &str, kind: FieldKind) -> Result<u16, RuleSetProblem> {
        let Some((index, list)) = self.lists.find(name) else {
            let nearest = nearest(name, self.lists.names());
            return Err(RuleSetProblem::UnknownList { name: name.to_owned(), nearest });
        };
        match (kind, list) {
            (FieldKind::Text, ListKind::Phrases)
            | (FieldKind::Domain | FieldKind::Domains, ListKind::Domains) => Ok(index),
            (FieldKind::Text, ListKind::Domains) => Err(RuleSetProblem::Type(format!(
                "`{name}` lists domains; ask `links.hosts` or another field of domains"
            ))),
            (FieldKind::Domain | FieldKind::Domains, ListKind::Phrases) => {
                Err(RuleSetProblem::Type(format!("`{name}` lists phrases; ask `body` or another text")))
            }
            (FieldKind::Flag | FieldKind::Count | FieldKind::Number | FieldKind::Duration, _) => {
                Err(RuleSetProblem::Type(format!("{} cannot be in a list", kind.name())))
            }
        }
    }

    fn pattern(&mut self, pattern: &str, field: FieldId) -> Result<u16, RuleSetProblem> {
        if self.patterns.len() >= PATTERNS_MAX {
            return Err(RuleSetProblem::TooMany { what: "patterns", max: PATTERNS_MAX });
        }
        let expanded = templates::expand(pattern, |name| self.phrases(name))?;
        let (regex, literals) = patterns::compile(&expanded)?;
        let index = self.patterns.len() as u16;
        // Only the body is long enough for a filter to pay.
        let filtered = field == FieldId::Body && !literals.is_empty();
        if filtered {
            for literal in literals {
                self.lists.add_literal(literal, index);
            }
        }
        self.patterns.push(Pattern { regex, filtered });
        Ok(index)
    }
}

impl Resolver {
    fn rule(
        &mut self,
        document: &str,
        rule: &document::Rule,
        guidelines: &Guidelines,
    ) -> Result<Rule, RuleSetError> {
        let id = rule.id.get_ref();
        let id_fits = !id.is_empty()
            && id.len() <= ID_MAX
            && id
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'_'));
        if !id_fits {
            return Err(RuleSetError::at(RuleSetProblem::RuleId(id.clone()), document, rule.id.span().start));
        }
        let guideline = match &rule.guideline {
            Some(section) => Some(cited(document, section, guidelines)?),
            None => None,
        };
        let when = expr::parse(rule.when.get_ref(), self).map_err(|error| {
            RuleSetError::at(error.problem, document, offset_in_string(document, &rule.when.span(), error.at))
        })?;
        let note = match &rule.note {
            Some(note) => Note::parse(note.get_ref()).map_err(|(problem, at)| {
                RuleSetError::at(problem, document, offset_in_string(document, &note.span(), at))
            })?,
            None => Note::default(),
        };
        Ok(Rule {
            id: id.clone(),
            guideline,
            category: rule.category.clone(),
            when,
            outcome: outcome(document, rule)?,
            never_reject: rule.never_reject,
            message: rule.message.clone(),
            note,
        })
    }
}

fn cited(document: &str, section: &Spanned<String>, guidelines: &Guidelines) -> Result<String, RuleSetError> {
    let name = section.get_ref();
    if guidelines.section(name).is_some() {
        return Ok(name.clone());
    }
    let nearest = nearest(name, guidelines.sections().iter().map(|section| section.id.as_str()));
    let problem = RuleSetProblem::UnknownSection { name: name.clone(), nearest };
    Err(RuleSetError::at(problem, document, section.span().start))
}

fn outcome(document: &str, rule: &document::Rule) -> Result<Outcome, RuleSetError> {
    match (&rule.score, rule.action) {
        (Some(score), None) => {
            let points = *score.get_ref();
            if points.is_finite() && points.abs() <= SCORE_MAX {
                return Ok(Outcome::Score(Score::new(points)));
            }
            Err(RuleSetError::at(RuleSetProblem::Score { max: SCORE_MAX }, document, score.span().start))
        }
        (None, Some(action)) => Ok(Outcome::Action(action)),
        _ => Err(RuleSetError::at(RuleSetProblem::ScoreOrAction, document, rule.id.span().start)),
    }
}

/// Every field that a rule uses.
fn fields_of(rule: &Rule) -> FieldSet {
    let mut fields = FieldSet::default();
    collect(&rule.when, &mut fields);
    for field in rule.note.fields() {
        fields.insert(field);
    }
    fields
}

fn collect(expr: &expr::Expr, fields: &mut FieldSet) {
    use expr::{Expr, Operand};
    match expr {
        Expr::All(parts) | Expr::Any(parts) => {
            for part in parts {
                collect(part, fields);
            }
        }
        Expr::Not(inner) => collect(inner, fields),
        Expr::Flag(field) | Expr::In(field, _) | Expr::HasList(field, _, _) | Expr::Matches(field, _) => {
            fields.insert(*field);
        }
        Expr::Compare(left, _, right) => {
            for side in [left, right] {
                if let Operand::Field(field) = side {
                    fields.insert(*field);
                }
            }
        }
    }
}
