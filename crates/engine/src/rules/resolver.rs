//! Finds what conditions name: lists and patterns, each made once for all rules.

use std::collections::{HashMap, HashSet};

use moderato_domain::Timestamp;

use super::document::ListKind;
use super::expr::Names;
use super::lists::{EntryId, ListBuilder};
use super::literals::Needs;
use super::patterns::{self, Compiled, Pattern, Patterns};
use super::schema::{FieldId, FieldKind};
use super::templates;
use crate::error::{RuleSetProblem, nearest};

/// What is shared by all rules while they are compiled.
#[derive(Default)]
pub(super) struct Resolver {
    pub(super) lists: ListBuilder,
    pub(super) patterns: Patterns,
    /// Entries of lists of regexes, by list.
    regexes: HashMap<u16, Vec<ListedRegex>>,
    /// Lists whose entries expire, which no pattern can hold.
    expiring: HashSet<u16>,
    /// Patterns that several rules ask for are compiled once.
    known: HashMap<(String, FieldId), u16>,
    /// Lists of regexes whose patterns look at a field already.
    looking: HashSet<(u16, FieldId)>,
    /// Lists that some rule asks for.
    pub(super) used: HashSet<String>,
}

/// An entry of a list of regexes.
#[derive(Clone)]
struct ListedRegex {
    entry: EntryId,
    compiled: Compiled,
    needs: Needs,
}

impl Resolver {
    /// Adds an entry to the list that was opened last.
    pub(super) fn entry(
        &mut self,
        kind: ListKind,
        value: &str,
        expires: Option<Timestamp>,
        note: Option<&str>,
        anywhere: bool,
    ) -> Result<(), RuleSetProblem> {
        let entry = self.lists.add(value, expires, note, anywhere)?;
        let list = self.lists.last();
        if kind == ListKind::Regexes {
            let (compiled, needs) = patterns::compile(value)?;
            self.regexes.entry(list).or_default().push(ListedRegex { entry, compiled, needs });
        }
        if expires.is_some() {
            self.expiring.insert(list);
        }
        Ok(())
    }

    fn find(&mut self, name: &str) -> Result<(u16, ListKind), RuleSetProblem> {
        let Some(found) = self.lists.find(name) else {
            let nearest = nearest(name, self.lists.names());
            return Err(RuleSetProblem::UnknownList { name: name.to_owned(), nearest });
        };
        if !self.used.contains(name) {
            self.used.insert(name.to_owned());
        }
        Ok(found)
    }

    /// The entries of a list of phrases, to stand in a pattern.
    fn phrases(&mut self, name: &str) -> Result<Vec<String>, RuleSetProblem> {
        let (index, kind) = self.find(name)?;
        if kind != ListKind::Phrases {
            return Err(RuleSetProblem::Type(format!(
                "`{name}` lists {}; only phrases can stand in a pattern",
                kind.name()
            )));
        }
        if self.expiring.contains(&index) {
            return Err(RuleSetProblem::Type(format!(
                "`{name}` has entries that expire; they cannot stand in a pattern"
            )));
        }
        Ok(self.lists.phrases(index).map(str::to_owned).collect())
    }

    /// Adds a pattern, and its literals to the automaton.
    fn add(
        &mut self,
        compiled: Compiled,
        needs: Needs,
        field: FieldId,
        entry: Option<EntryId>,
    ) -> Result<u16, RuleSetProblem> {
        let Needs { sequences, digit } = needs;
        let always = sequences.is_empty();
        let index = self.patterns.add(Pattern { compiled, field, entry, always })?;
        for groups in sequences {
            let sequence = self.patterns.add_sequence(index, &groups);
            for (number, group) in (0..).zip(groups) {
                for literal in group.literals {
                    self.lists.add_literal(literal, sequence, number, digit);
                }
            }
        }
        Ok(index)
    }
}

impl Names for Resolver {
    fn list(&mut self, name: &str, field: FieldId) -> Result<u16, RuleSetProblem> {
        let (list, kind) = self.find(name)?;
        let fits = match field.kind() {
            FieldKind::Text => matches!(kind, ListKind::Phrases | ListKind::Regexes),
            FieldKind::Domain | FieldKind::Domains => kind == ListKind::Domains,
            FieldKind::Address => kind == ListKind::Addresses,
            FieldKind::Author => kind == ListKind::Authors,
            FieldKind::Flag | FieldKind::Count | FieldKind::Number | FieldKind::Duration => false,
        };
        if !fits {
            return Err(RuleSetProblem::Type(format!(
                "`{name}` lists {}, but `{}` is {}",
                kind.name(),
                field.id(),
                field.kind().name()
            )));
        }
        if kind == ListKind::Regexes && self.looking.insert((list, field)) {
            for ListedRegex { entry, compiled, needs } in self.regexes.get(&list).cloned().unwrap_or_default()
            {
                self.add(compiled, needs, field, Some(entry))?;
            }
        }
        Ok(list)
    }

    fn pattern(&mut self, pattern: &str, field: FieldId) -> Result<u16, RuleSetProblem> {
        if let Some(known) = self.known.get(&(pattern.to_owned(), field)) {
            return Ok(*known);
        }
        let expanded = templates::expand(pattern, |name| self.phrases(name))?;
        let (compiled, needs) = patterns::compile(&expanded)?;
        let index = self.add(compiled, needs, field, None)?;
        self.known.insert((pattern.to_owned(), field), index);
        Ok(index)
    }
}
