//! Lists: every phrase among the [texts](super::texts) that are looked for in one go, every domain, network
//! and author in a table.

use std::collections::HashMap;
use std::net::IpAddr;

use moderato_domain::{Author, Field, Timestamp};

use super::document::ListKind;
use super::literals::Literal;
use super::networks::{Network, Networks};
use super::texts::{Owner, Texts, TextsBuilder};
use crate::error::RuleSetProblem;
use crate::text::fold::folded;

/// Most lists in one rule set.
const LISTS_MAX: usize = 2_000;
/// Most entries in all lists together.
const ENTRIES_MAX: usize = 500_000;

/// An entry of a list, by its place among the entries of all lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct EntryId(pub(crate) u32);

/// An entry of a list.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) list: u16,
    /// As written.
    pub(crate) value: Box<str>,
    /// From then on it does not match.
    pub(crate) expires: Option<Timestamp>,
    /// Why it is there, for moderators.
    pub(crate) note: Option<Box<str>>,
}

impl Entry {
    pub(crate) fn is_in_force(&self, now: Timestamp) -> bool {
        self.expires.is_none_or(|expires| now < expires)
    }
}

/// The lists while a rule set is compiled.
#[derive(Debug, Default)]
pub(super) struct ListBuilder {
    lists: Vec<(String, ListKind)>,
    by_name: HashMap<String, u16>,
    texts: TextsBuilder,
    /// The phrases of the lists, folded, by entry.
    phrases: Vec<(EntryId, String)>,
    built: Lists,
}

impl ListBuilder {
    /// Opens a list, to which the entries that follow are added.
    pub(super) fn open(&mut self, name: &str, kind: ListKind) -> Result<(), RuleSetProblem> {
        if self.lists.len() >= LISTS_MAX {
            return Err(RuleSetProblem::TooMany { what: "lists", max: LISTS_MAX });
        }
        self.by_name.insert(name.to_owned(), self.lists.len() as u16);
        self.lists.push((name.to_owned(), kind));
        self.built.names.push(name.into());
        Ok(())
    }

    /// Adds an entry to the list that was opened last.
    pub(super) fn add(
        &mut self,
        value: &str,
        expires: Option<Timestamp>,
        note: Option<&str>,
        anywhere: bool,
    ) -> Result<EntryId, RuleSetProblem> {
        if self.built.entries.len() >= ENTRIES_MAX {
            return Err(RuleSetProblem::TooMany { what: "list entries", max: ENTRIES_MAX });
        }
        let Some((_, kind)) = self.lists.last() else { return Err(RuleSetProblem::ListEntry(value.into())) };
        let refuse = || RuleSetProblem::ListEntry(value.to_owned());
        let id = EntryId(self.built.entries.len() as u32);
        match kind {
            ListKind::Phrases => {
                let phrase = folded(value).trim().to_owned();
                if phrase.is_empty() {
                    return Err(refuse());
                }
                self.phrases.push((id, phrase.clone()));
                let owner = if anywhere { Owner::Substring(id) } else { Owner::Word(id) };
                self.texts.add_phrase(phrase, owner);
            }
            // Patterns are compiled by who knows which fields they are for.
            ListKind::Regexes => {}
            ListKind::Domains => {
                let domain = domain_key(value).ok_or_else(refuse)?;
                self.built.domains.entry(domain.into()).or_default().push(id);
            }
            ListKind::Addresses => {
                self.built.networks.add(Network::parse(value).ok_or_else(refuse)?, id);
            }
            ListKind::Authors => {
                let key = author_key(value).ok_or_else(refuse)?;
                self.built.authors.entry(key).or_default().push(id);
            }
        }
        self.built.entries.push(Entry {
            list: (self.lists.len() - 1) as u16,
            value: value.into(),
            expires,
            note: note.map(Into::into),
        });
        Ok(id)
    }

    /// Adds a literal that a pattern needs.
    pub(super) fn add_literal(&mut self, literal: Literal, sequence: u32, group: u8, digit: bool) {
        let Literal { text, starts, ends } = literal;
        self.texts.add(text, starts, Owner::Step { sequence, group, ends, digit });
    }

    /// The list that was opened last.
    pub(super) const fn last(&self) -> u16 {
        self.lists.len().saturating_sub(1) as u16
    }

    /// The list of that name and its kind.
    pub(super) fn find(&self, name: &str) -> Option<(u16, ListKind)> {
        let index = *self.by_name.get(name)?;
        Some((index, self.lists[index as usize].1))
    }

    /// Every list's name.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.lists.iter().map(|(name, _)| name.as_str())
    }

    /// The entries of a list of phrases, folded.
    pub(super) fn phrases(&self, list: u16) -> impl Iterator<Item = &str> {
        let of_list = move |(entry, _): &&(EntryId, String)| self.built.entry(*entry).list == list;
        self.phrases.iter().filter(of_list).map(|(_, phrase)| phrase.as_str())
    }

    /// Builds the automata.
    pub(super) fn build(mut self) -> Result<Lists, RuleSetProblem> {
        let too_many = |_| RuleSetProblem::TooMany { what: "list entries", max: ENTRIES_MAX };
        self.built.texts = self.texts.build().map_err(too_many)?;
        Ok(self.built)
    }
}

/// The lists of a compiled rule set.
#[derive(Debug, Default)]
pub(crate) struct Lists {
    names: Vec<Box<str>>,
    entries: Vec<Entry>,
    texts: Texts,
    domains: HashMap<Box<str>, Vec<EntryId>>,
    networks: Networks,
    authors: HashMap<AuthorEntry, Vec<EntryId>>,
}

impl Lists {
    /// How many entries all lists have together.
    pub(crate) const fn entry_count(&self) -> usize {
        self.entries.len()
    }

    /// The name of a list.
    pub(crate) fn name(&self, list: u16) -> &str {
        &self.names[list as usize]
    }

    /// The list of that name.
    pub(crate) fn named(&self, name: &str) -> Option<u16> {
        self.names.iter().position(|of| **of == *name).map(|at| at as u16)
    }

    /// An entry.
    pub(crate) fn entry(&self, id: EntryId) -> &Entry {
        &self.entries[id.0 as usize]
    }

    /// The phrases, and the literals of patterns.
    pub(crate) const fn texts(&self) -> &Texts {
        &self.texts
    }

    /// Calls `each` with every entry that is the host or a domain above it.
    pub(crate) fn domain(&self, host: &str, mut each: impl FnMut(EntryId)) {
        let mut suffix = host;
        loop {
            self.domains.get(suffix).into_iter().flatten().copied().for_each(&mut each);
            match suffix.split_once('.') {
                Some((_, above)) => suffix = above,
                None => return,
            }
        }
    }

    /// Calls `each` with every entry that is the address or a network around it.
    pub(crate) fn address(&self, address: IpAddr, each: impl FnMut(EntryId)) {
        self.networks.around(address, each);
    }

    /// Calls `each` with every entry that names the author, and by what.
    pub(crate) fn author(&self, author: &Author, mut each: impl FnMut(EntryId, Field)) {
        if self.authors.is_empty() {
            return;
        }
        let mut look = |key: AuthorEntry, field: Field| {
            for entry in self.authors.get(&key).into_iter().flatten() {
                each(*entry, field);
            }
        };
        let name = folded(&author.display_name);
        look(AuthorEntry::Name(name.trim().into()), Field::AuthorName);
        if let Some(email) = &author.email {
            look(AuthorEntry::Email(email.normalized().into()), Field::AuthorEmail);
        }
        if let Some(id) = &author.user_id {
            look(AuthorEntry::Id(id.as_str().into()), Field::AuthorName);
        }
    }
}

/// What an author is listed by.
#[derive(Debug, PartialEq, Eq, Hash)]
enum AuthorEntry {
    Name(Box<str>),
    Email(Box<str>),
    Id(Box<str>),
}

/// `id:…` is the platform's id, what has an `@` is a mail address, all else a name.
fn author_key(text: &str) -> Option<AuthorEntry> {
    let text = text.trim();
    if let Some(id) = text.strip_prefix("id:") {
        return (!id.is_empty()).then(|| AuthorEntry::Id(id.into()));
    }
    if text.contains('@') {
        return moderato_domain::Email::parse(text)
            .map(|email| AuthorEntry::Email(email.normalized().into()));
    }
    let name = folded(text);
    let name = name.trim();
    (!name.is_empty()).then(|| AuthorEntry::Name(name.into()))
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

    fn lists(given: &[(ListKind, bool, &[&str])]) -> Lists {
        let mut builder = ListBuilder::default();
        for (number, (kind, anywhere, entries)) in given.iter().enumerate() {
            builder.open(&format!("list{number}"), *kind).unwrap();
            for entry in *entries {
                builder.add(entry, None, None, *anywhere).unwrap();
            }
        }
        builder.build().unwrap()
    }

    #[test]
    fn a_domain_covers_its_subdomains_and_nothing_that_only_ends_alike() {
        let lists = lists(&[(ListKind::Domains, false, &["Spam.example", "bücher.example"])]);
        let hit = |host: &str| {
            let mut hit = false;
            lists.domain(host, |_| hit = true);
            hit
        };
        assert!(hit("spam.example") && hit("a.b.spam.example") && hit("xn--bcher-kva.example"));
        assert!(!hit("notspam.example") && !hit("example"));
    }

    #[test]
    fn authors_are_listed_by_name_address_or_id() {
        let lists = lists(&[(ListKind::Authors, false, &["Kim Miller", "Ann@Mail.example", "id:u-17"])]);
        let found = |name: &str, email: Option<&str>, id: Option<&str>| {
            let author = Author {
                display_name: name.into(),
                email: email.and_then(moderato_domain::Email::parse),
                user_id: id.map(Into::into),
                url: None,
            };
            let mut found = Vec::new();
            lists.author(&author, |entry, _| found.push(entry.0));
            found
        };
        assert_eq!(found("KIM  MILLER", None, None), [0]);
        assert_eq!(found("Ann", Some("ann@mail.example"), Some("u-17")), [1, 2]);
        assert!(found("Kim", Some("x@mail.example"), Some("u-1")).is_empty());
    }
}
