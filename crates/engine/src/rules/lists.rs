//! Lists: every phrase of every list in one automaton, every domain in one table.

use std::collections::HashMap;
use std::ops::Range;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind, StartKind};

use super::document::{List, ListKind, ListMatch};
use crate::error::RuleSetProblem;
use crate::text::fold::folded;
use crate::text::words::is_whole;

/// Most lists in one rule set.
const LISTS_MAX: usize = 500;
/// Most entries in all lists together.
const ENTRIES_MAX: usize = 200_000;
/// Up to this many bytes of phrases the automaton is a dense table (about 300 bytes a phrase byte,
/// one step per byte of text); above it a compressed one, which takes 2 to 4 times as long a step.
const DENSE_BYTES_MAX: usize = 32 * 1024;

/// What a phrase in the automaton belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    /// A list that wants whole words.
    Word(u16),
    /// A list that wants its phrases anywhere.
    Substring(u16),
    /// A pattern that cannot match without this literal.
    Pattern(u16),
}

/// The lists while a rule set is compiled.
#[derive(Debug, Default)]
pub(super) struct ListBuilder {
    names: Vec<(String, ListKind)>,
    phrases: Vec<String>,
    owners: Vec<Owner>,
    domains: HashMap<Box<str>, Vec<(u16, u32)>>,
    entries: usize,
}

impl ListBuilder {
    /// Adds a list. The error carries the offset of the entry at fault.
    pub(super) fn add(&mut self, name: &str, list: &List) -> Result<(), (RuleSetProblem, usize)> {
        let first = list.entries.first().map_or(0, |entry| entry.span().start);
        let too_many = |what, max| (RuleSetProblem::TooMany { what, max }, first);
        self.entries += list.entries.len();
        if self.names.len() >= LISTS_MAX {
            return Err(too_many("lists", LISTS_MAX));
        }
        if self.entries > ENTRIES_MAX {
            return Err(too_many("list entries", ENTRIES_MAX));
        }
        let index = self.names.len() as u16;
        self.names.push((name.to_owned(), list.kind));
        if let Some(matching) = &list.matching
            && list.kind == ListKind::Domains
        {
            let problem = RuleSetProblem::Document("`match` is for lists of phrases".into());
            return Err((problem, matching.span().start));
        }
        let anywhere =
            list.matching.as_ref().is_some_and(|matching| *matching.get_ref() == ListMatch::Substring);
        for (number, entry) in (0..).zip(&list.entries) {
            let refuse = || (RuleSetProblem::ListEntry(entry.get_ref().clone()), entry.span().start);
            match list.kind {
                ListKind::Phrases => {
                    let phrase = folded(entry.get_ref()).trim().to_owned();
                    if phrase.is_empty() {
                        return Err(refuse());
                    }
                    self.phrases.push(phrase);
                    self.owners.push(if anywhere { Owner::Substring(index) } else { Owner::Word(index) });
                }
                ListKind::Domains => {
                    let domain = domain_key(entry.get_ref()).ok_or_else(refuse)?;
                    self.domains.entry(domain.into()).or_default().push((index, number));
                }
            }
        }
        Ok(())
    }

    /// Adds a literal that a pattern needs.
    pub(super) fn add_literal(&mut self, literal: String, pattern: u16) {
        self.phrases.push(literal);
        self.owners.push(Owner::Pattern(pattern));
    }

    /// The list of that name and its kind.
    pub(super) fn find(&self, name: &str) -> Option<(u16, ListKind)> {
        let index = self.names.iter().position(|(known, _)| known == name)?;
        Some((index as u16, self.names[index].1))
    }

    /// The entries of a list of phrases, folded.
    pub(super) fn phrases(&self, list: u16) -> Vec<String> {
        let owned = |owner: &Owner| matches!(owner, Owner::Word(of) | Owner::Substring(of) if *of == list);
        let entries = self.phrases.iter().zip(&self.owners).filter(|(_, owner)| owned(owner));
        entries.map(|(phrase, _)| phrase.clone()).collect()
    }

    /// Every list's name.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(|(name, _)| name.as_str())
    }

    /// Builds the automaton.
    pub(super) fn build(self) -> Result<Lists, RuleSetProblem> {
        let bytes: usize = self.phrases.iter().map(String::len).sum();
        let kind =
            if bytes <= DENSE_BYTES_MAX { AhoCorasickKind::DFA } else { AhoCorasickKind::ContiguousNFA };
        let automaton = if self.phrases.is_empty() {
            None
        } else {
            let built = AhoCorasick::builder()
                .match_kind(MatchKind::Standard)
                .start_kind(StartKind::Unanchored)
                .kind(Some(kind))
                .build(&self.phrases)
                .map_err(|_| RuleSetProblem::TooMany { what: "list entries", max: ENTRIES_MAX })?;
            Some(built)
        };
        Ok(Lists { automaton, owners: self.owners, domains: self.domains, entries: self.entries })
    }
}

/// The lists of a compiled rule set.
#[derive(Debug)]
pub(crate) struct Lists {
    automaton: Option<AhoCorasick>,
    /// Of each phrase in the automaton.
    owners: Vec<Owner>,
    /// Of each listed domain, the lists it is in and which of their entries it is.
    domains: HashMap<Box<str>, Vec<(u16, u32)>>,
    entries: usize,
}

impl Lists {
    /// How many entries all lists have together.
    pub(crate) const fn entry_count(&self) -> usize {
        self.entries
    }

    /// Calls `each` with every phrase in a folded text, overlapping ones too; of lists that want
    /// whole words only where there are whole words. The number tells entries of a list apart.
    pub(crate) fn scan(&self, text: &str, mut each: impl FnMut(Owner, u32, Range<usize>)) {
        let Some(automaton) = &self.automaton else { return };
        for found in automaton.find_overlapping_iter(text) {
            let owner = self.owners[found.pattern().as_usize()];
            let range = found.range();
            if !matches!(owner, Owner::Word(_)) || is_whole(text, range.clone()) {
                each(owner, found.pattern().as_u32(), range);
            }
        }
    }

    /// Calls `each` with every list that holds the host or a domain above it.
    pub(crate) fn domain(&self, host: &str, mut each: impl FnMut(u16, u32)) {
        let mut suffix = host;
        loop {
            for (list, entry) in self.domains.get(suffix).into_iter().flatten() {
                each(*list, *entry);
            }
            match suffix.split_once('.') {
                Some((_, above)) => suffix = above,
                None => return,
            }
        }
    }
}

/// A domain as hosts are compared: lower case, ASCII, no dot at either end.
pub(crate) fn domain_key(text: &str) -> Option<String> {
    let trimmed = text.trim().trim_matches('.');
    let ascii = idna::domain_to_ascii(trimmed).ok()?;
    let fits = !ascii.is_empty()
        && ascii.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'));
    fits.then_some(ascii)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lists(document: &str) -> Lists {
        #[derive(serde::Deserialize)]
        struct Only {
            lists: std::collections::BTreeMap<String, List>,
        }
        let only: Only = toml::from_str(document).unwrap();
        let mut builder = ListBuilder::default();
        for (name, list) in &only.lists {
            builder.add(name, list).unwrap();
        }
        builder.build().unwrap()
    }

    #[test]
    fn phrases_are_whole_words_unless_the_list_says_otherwise() {
        let lists = lists(
            "lists.a = { kind = 'phrases', entries = ['Cialis', 'free money'] }\n\
             lists.b = { kind = 'phrases', match = 'substring', entries = ['cialis'] }",
        );
        let mut found = Vec::new();
        lists.scan("a specialist, free money, cialis", |owner, _, range| found.push((owner, range.start)));
        assert_eq!(
            found,
            [(Owner::Substring(1), 5), (Owner::Word(0), 14), (Owner::Word(0), 26), (Owner::Substring(1), 26)]
        );
    }

    #[test]
    fn a_domain_covers_its_subdomains_and_nothing_that_only_ends_alike() {
        let lists = lists("lists.a = { kind = 'domains', entries = ['Spam.example', 'bücher.example'] }");
        let hit = |host: &str| {
            let mut hit = false;
            lists.domain(host, |_, _| hit = true);
            hit
        };
        assert!(hit("spam.example") && hit("a.b.spam.example") && hit("xn--bcher-kva.example"));
        assert!(!hit("notspam.example") && !hit("example"));
    }
}
