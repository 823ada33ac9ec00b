//! Compiles a document: resolves names, checks types, builds the shared matchers.

use std::collections::HashMap;

use moderato_domain::{RuleSetVersion, Score};
use sha2::{Digest, Sha256};
use toml::Spanned;

use super::document::{self, Document, ListKind, ListMatch, offset_in_string, parse};
use super::expr;
use super::files::{expiry, lines};
use super::index::RuleIndex;
use super::note::Note;
use super::resolver::Resolver;
use super::schema::{FieldId, FieldSet};
use super::sentence::Localised;
use super::{CompiledRuleSet, Group, Outcome, Rule, Thresholds, examples, hex12, warnings};
use crate::error::{ERRORS_MAX, RuleSetError, RuleSetErrors, RuleSetProblem, nearest};
use crate::guidelines::Guidelines;

/// Most rules in one set. A rule that cannot match costs nothing per comment; compiled it holds
/// about a kilobyte.
const RULES_MAX: usize = 20_000;
/// Largest score, either way: beyond it a rule should say `action`.
const SCORE_MAX: f64 = 100.0;
/// Longest name or rule id, in bytes.
const ID_MAX: usize = 64;

impl CompiledRuleSet {
    /// Parses, type-checks and compiles a TOML rule-set document whose rules cite `guidelines`. Files
    /// that its lists name have to be [attached](crate::attach_files).
    ///
    /// # Errors
    /// Every mistake found, with its place.
    pub fn compile(document: &str, guidelines: &Guidelines) -> Result<Self, RuleSetErrors> {
        let parsed = parse(document)?;
        let version = version(document, &parsed)?;
        let thresholds = thresholds(document, &parsed)?;
        if parsed.guidelines.get_ref() != guidelines.name() {
            let problem = RuleSetProblem::Guidelines {
                expected: parsed.guidelines.get_ref().clone(),
                given: guidelines.name().to_owned(),
            };
            return Err(RuleSetError::at(problem, document, parsed.guidelines.span().start).into());
        }
        if parsed.rules.len() > RULES_MAX {
            let problem = RuleSetProblem::TooMany { what: "rules", max: RULES_MAX };
            return Err(RuleSetError::whole(problem).into());
        }
        let groups = groups(document, &parsed)?;
        let mut compiler =
            Compiler { document, parsed: &parsed, guidelines, groups: &groups, names: Resolver::default() };
        compiler.lists()?;
        let rules = compiler.rules()?;
        let Resolver { lists, mut patterns, used: used_lists, .. } = compiler.names;
        let unused = warnings::unused(document, &parsed, &used_lists);
        patterns.build_sieves().map_err(RuleSetError::whole)?;
        let mut used = FieldSet::default();
        let mut looked_up = FieldSet::default();
        for rule in &rules {
            collect(&rule.when, &mut used, &mut looked_up);
            for field in rule.note.all().flat_map(Note::fields) {
                used.insert(field);
            }
        }
        let mut compiled = Self {
            version,
            thresholds,
            groups,
            index: RuleIndex::of(rules.iter().map(|rule| &rule.when)),
            examples: examples::compile(document, &parsed)?,
            rules,
            lists: lists.build().map_err(RuleSetError::whole)?,
            patterns,
            used,
            looked_up: FieldId::ALL.into_iter().filter(|field| looked_up.contains(*field)).collect(),
            warnings: unused,
        };
        let everything = warnings::matching_everything(document, &parsed, &compiled);
        compiled.warnings.extend(everything);
        Ok(compiled)
    }

    /// The rules that wait for nothing in particular.
    pub(super) fn always(&self) -> impl Iterator<Item = (usize, &Rule)> {
        self.index.always().map(|index| (index, &self.rules[index]))
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

fn groups(document: &str, parsed: &Document) -> Result<Vec<Group>, RuleSetError> {
    let group = |(name, bounds): (&Spanned<String>, &Spanned<document::Group>)| {
        let document::Group { min_score, max_score } = *bounds.get_ref();
        let fits = (min_score.is_some() || max_score.is_some())
            && min_score.is_none_or(|min| min.is_finite() && min <= 0.0)
            && max_score.is_none_or(|max| max.is_finite() && max >= 0.0);
        if !fits {
            return Err(RuleSetError::at(RuleSetProblem::GroupBounds, document, bounds.span().start));
        }
        Ok(Group {
            name: name.get_ref().clone(),
            min: min_score.unwrap_or(f64::NEG_INFINITY),
            max: max_score.unwrap_or(f64::INFINITY),
        })
    };
    parsed.groups.iter().map(group).collect()
}

/// A document on its way.
struct Compiler<'d> {
    document: &'d str,
    parsed: &'d Document,
    guidelines: &'d Guidelines,
    groups: &'d [Group],
    names: Resolver,
}

impl Compiler<'_> {
    fn fail(&self, problem: RuleSetProblem, at: usize) -> RuleSetError {
        RuleSetError::at(problem, self.document, at)
    }

    fn lists(&mut self) -> Result<(), RuleSetErrors> {
        let parsed = self.parsed;
        let mut mistakes = Vec::new();
        for (name, list) in &parsed.lists {
            if let Err(mistake) = self.open(name, list) {
                mistakes.push(mistake);
                continue;
            }
            let anywhere =
                list.matching.as_ref().is_some_and(|matching| *matching.get_ref() == ListMatch::Substring);
            for entry in list.entries.iter().flatten() {
                if mistakes.len() >= ERRORS_MAX {
                    break;
                }
                mistakes.extend(self.entry(list.kind, entry, anywhere).err());
            }
            if let Some(file) = &list.file {
                mistakes.extend(self.entries_of_file(list.kind, file, anywhere).err());
            }
        }
        RuleSetErrors::of(mistakes)
    }

    fn open(&mut self, name: &Spanned<String>, list: &document::List) -> Result<(), RuleSetError> {
        self.names
            .lists
            .open(name.get_ref(), list.kind)
            .map_err(|problem| self.fail(problem, name.span().start))?;
        if let Some(matching) = &list.matching
            && list.kind != ListKind::Phrases
        {
            let problem = RuleSetProblem::Document("`match` is for lists of phrases".into());
            return Err(self.fail(problem, matching.span().start));
        }
        if list.entries.is_none() && list.file.is_none() {
            return Err(self.fail(RuleSetProblem::NoEntries, name.span().start));
        }
        Ok(())
    }

    fn entry(
        &mut self,
        kind: ListKind,
        entry: &Spanned<document::Entry>,
        anywhere: bool,
    ) -> Result<(), RuleSetError> {
        let document::Entry { value, expires, note } = entry.get_ref();
        let at = entry.span().start;
        let expires = match expires {
            Some(written) => Some(
                expiry(*written).ok_or_else(|| self.fail(RuleSetProblem::Expiry(written.to_string()), at))?,
            ),
            None => None,
        };
        let taken = self.names.entry(kind, value, expires, note.as_deref(), anywhere);
        taken.map_err(|problem| self.fail(problem, at))
    }

    fn entries_of_file(
        &mut self,
        kind: ListKind,
        name: &Spanned<String>,
        anywhere: bool,
    ) -> Result<(), RuleSetError> {
        let Some(file) = self.parsed.files.iter().find(|file| file.name == *name.get_ref()) else {
            let problem = RuleSetProblem::ListFile {
                name: name.get_ref().clone(),
                reason: "it is not attached to the document".into(),
            };
            return Err(self.fail(problem, name.span().start));
        };
        let fail = |problem, at| RuleSetError::at(problem, &file.text, at).in_file(&file.name);
        for line in lines(file).map_err(|(problem, at)| fail(problem, at))? {
            let expires = match line.expires {
                Some(written) => Some(expiry(written).ok_or_else(|| {
                    fail(RuleSetProblem::Expiry(written.to_string()), line.at + line.value.len() + 1)
                })?),
                None => None,
            };
            self.names
                .entry(kind, line.value, expires, line.note, anywhere)
                .map_err(|problem| fail(problem, line.at))?;
        }
        Ok(())
    }

    fn rules(&mut self) -> Result<Vec<Rule>, RuleSetErrors> {
        let parsed = self.parsed;
        let mut ids = HashMap::new();
        let mut rules = Vec::with_capacity(parsed.rules.len());
        let mut mistakes = Vec::new();
        for (index, rule) in parsed.rules.iter().enumerate() {
            if mistakes.len() >= ERRORS_MAX {
                break;
            }
            let id = rule.id.get_ref();
            if ids.insert(id.as_str(), index).is_some() {
                mistakes.push(self.fail(RuleSetProblem::DuplicateRule(id.clone()), rule.id.span().start));
            }
            match self.rule(rule) {
                Ok(rule) => rules.push(rule),
                Err(mistake) => mistakes.push(mistake.in_rule(id)),
            }
        }
        RuleSetErrors::of(mistakes)?;
        let weighed = parsed.weights.iter().map(|(id, weight)| self.weigh(&mut rules, &ids, id, weight));
        RuleSetErrors::of(weighed.filter_map(Result::err).collect())?;
        Ok(rules)
    }

    /// Gives a rule other points than it says itself.
    fn weigh(
        &self,
        rules: &mut [Rule],
        ids: &HashMap<&str, usize>,
        id: &Spanned<String>,
        weight: &Spanned<f64>,
    ) -> Result<(), RuleSetError> {
        let name = id.get_ref();
        let Some(index) = ids.get(name.as_str()) else {
            let nearest = nearest(name, self.parsed.rules.iter().map(|rule| rule.id.get_ref().as_str()));
            let problem = RuleSetProblem::UnknownRule { name: name.clone(), nearest };
            return Err(self.fail(problem, id.span().start));
        };
        let points = score(weight).map_err(|problem| self.fail(problem, weight.span().start))?;
        match &mut rules[*index].outcome {
            Outcome::Score(score) => *score = points,
            Outcome::Action(_) => {
                return Err(self.fail(RuleSetProblem::WeightOfAction(name.clone()), id.span().start));
            }
        }
        Ok(())
    }

    fn rule(&mut self, rule: &document::Rule) -> Result<Rule, RuleSetError> {
        let document = self.document;
        let fail = |(problem, at)| RuleSetError::at(problem, document, at);
        let id = rule.id.get_ref();
        let id_fits = !id.is_empty()
            && id.len() <= ID_MAX
            && id
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'_'));
        if !id_fits {
            return Err(fail((RuleSetProblem::RuleId(id.clone()), rule.id.span().start)));
        }
        let guideline = rule.guideline.as_ref().map(|section| self.cited(section)).transpose()?;
        let group = rule.group.as_ref().map(|group| self.group(group)).transpose()?;
        let when = expr::parse(rule.when.get_ref(), &mut self.names).map_err(|error| {
            fail((error.problem, offset_in_string(document, &rule.when.span(), error.at)))
        })?;
        let language = &self.parsed.language;
        let message = Localised::of(&rule.message, language, |text, _| Ok(text.to_owned())).map_err(fail)?;
        let note = match &rule.note {
            Some(note) => Localised::of(note, language, |text, span| {
                Note::parse(text).map_err(|(problem, at)| (problem, offset_in_string(document, &span, at)))
            })
            .map_err(fail)?,
            None => Localised::default(),
        };
        Ok(Rule {
            id: id.clone(),
            guideline,
            category: rule.category.clone(),
            group,
            condition: rule.when.get_ref().clone(),
            when,
            outcome: outcome(document, rule)?,
            never_reject: rule.never_reject,
            message,
            note,
        })
    }

    fn cited(&self, section: &Spanned<String>) -> Result<String, RuleSetError> {
        let name = section.get_ref();
        if self.guidelines.section(name).is_some() {
            return Ok(name.clone());
        }
        let nearest = nearest(name, self.guidelines.sections().iter().map(|section| section.id.as_str()));
        let problem = RuleSetProblem::UnknownSection { name: name.clone(), nearest };
        Err(self.fail(problem, section.span().start))
    }

    fn group(&self, group: &Spanned<String>) -> Result<u16, RuleSetError> {
        let name = group.get_ref();
        if let Some(index) = self.groups.iter().position(|known| known.name == *name) {
            return Ok(index as u16);
        }
        let nearest = nearest(name, self.groups.iter().map(|group| group.name.as_str()));
        let problem = RuleSetProblem::UnknownGroup { name: name.clone(), nearest };
        Err(self.fail(problem, group.span().start))
    }
}

fn outcome(document: &str, rule: &document::Rule) -> Result<Outcome, RuleSetError> {
    match (&rule.score, rule.action) {
        (Some(points), None) => score(points)
            .map(Outcome::Score)
            .map_err(|problem| RuleSetError::at(problem, document, points.span().start)),
        (None, Some(action)) => Ok(Outcome::Action(action)),
        _ => Err(RuleSetError::at(RuleSetProblem::ScoreOrAction, document, rule.id.span().start)),
    }
}

fn score(points: &Spanned<f64>) -> Result<Score, RuleSetProblem> {
    let fits = points.get_ref().is_finite() && points.get_ref().abs() <= SCORE_MAX;
    if fits { Ok(Score::new(*points.get_ref())) } else { Err(RuleSetProblem::Score { max: SCORE_MAX }) }
}

/// Adds the fields that a condition uses, and those that it looks up.
fn collect(condition: &expr::Expr, used: &mut FieldSet, looked_up: &mut FieldSet) {
    use expr::{Operand, Test};
    match &condition.test {
        Test::All(parts) | Test::Any(parts) => {
            for part in parts {
                collect(part, used, looked_up);
            }
        }
        Test::Not(inner) => collect(inner, used, looked_up),
        Test::Flag(field) | Test::In(field, _) => used.insert(*field),
        Test::HasList(field, _, _) | Test::Matches(field, _) => {
            used.insert(*field);
            looked_up.insert(*field);
        }
        Test::Compare(left, _, right) => {
            for side in [left, right] {
                if let Operand::Field(field) = side {
                    used.insert(*field);
                }
            }
        }
    }
}
