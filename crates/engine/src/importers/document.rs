//! The document that an import makes.

use std::collections::HashSet;
use std::fmt::Write as _;

use super::entries::Entry;
use super::report::{Change, Report};
use super::{ImportError, Imported, Refusal};

/// Most patterns that an import makes: well below what a rule set may hold.
const PATTERNS_MAX: usize = 1_000;

/// Which fields entries were looked for in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// Every field of a comment, inside words too.
    EveryField,
    /// The text, as whole words.
    Words,
}

/// How much an entry weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weight {
    /// What the platform refused outright.
    Refused(Refusal),
    /// A person looks.
    Held,
}

/// Entries that weigh the same.
#[derive(Debug, Default)]
struct Lists {
    words: Vec<String>,
    everyday: Vec<String>,
    patterns: Vec<String>,
    hosts: Vec<String>,
    addresses: Vec<String>,
    people: Vec<String>,
}

/// A rule set while it is made.
#[derive(Debug)]
pub(super) struct Draft {
    name: &'static str,
    report: Report,
    rejected: Lists,
    held: Lists,
    rules: Vec<String>,
    seen: HashSet<(bool, String)>,
}

impl Draft {
    pub(super) fn new(name: &'static str) -> Self {
        Self {
            name,
            report: Report::default(),
            rejected: Lists::default(),
            held: Lists::default(),
            rules: Vec::new(),
            seen: HashSet::new(),
        }
    }

    /// Notes a change.
    pub(super) fn note(&mut self, change: Change, example: &str) {
        self.report.note(change, example);
    }

    /// Adds an entry of a list.
    pub(super) fn add(&mut self, text: &str, weight: Weight, scope: Scope) {
        let text = text.trim();
        if text.is_empty() {
            return;
        }
        let entry = match scope {
            Scope::EveryField => Entry::of_any_field(text),
            Scope::Words => match Entry::words(text) {
                // A list of words says what it means: here a short or everyday word is one on purpose.
                Entry::Everyday(words) | Entry::Short(words) => Entry::Words(words),
                other => other,
            },
        };
        let change = match &entry {
            Entry::NoText => return self.note(Change::NoText, text),
            Entry::Everyday(_) => Some(Change::Everyday),
            Entry::Host(_) => Some(Change::Host),
            Entry::Address(_) => Some(Change::Address),
            Entry::Person(_) => Some(Change::Person),
            Entry::Words(_) if scope == Scope::Words => None,
            Entry::Short(_) => Some(Change::Short),
            Entry::Words(_) => Some(Change::WholeWords),
        };
        let rejects = weight == Weight::Refused(Refusal::Reject);
        let (value, list): (String, fn(&mut Lists) -> &mut Vec<String>) = match entry {
            Entry::Words(value) => (value, |lists| &mut lists.words),
            Entry::Everyday(value) | Entry::Short(value) => (value, |lists| &mut lists.everyday),
            Entry::Host(value) => (value, |lists| &mut lists.hosts),
            Entry::Address(value) => (value, |lists| &mut lists.addresses),
            Entry::Person(value) => (value, |lists| &mut lists.people),
            Entry::NoText => return,
        };
        if !self.seen.insert((rejects, value.clone())) {
            return self.note(Change::Duplicate, text);
        }
        if let Some(change) = change {
            self.note(change, text);
        }
        self.report.imported += 1;
        list(self.lists(rejects)).push(value);
    }

    /// Adds a pattern, if it can be said here.
    pub(super) fn add_pattern(&mut self, pattern: &str, text: &str, weight: Weight, change: Change) {
        let rejects = weight == Weight::Refused(Refusal::Reject);
        let full = self.rejected.patterns.len() + self.held.patterns.len() >= PATTERNS_MAX;
        if full || crate::rules::pattern_problem(pattern).is_some() {
            return self.note(Change::BadPattern, text);
        }
        if !self.seen.insert((rejects, pattern.to_owned())) {
            return self.note(Change::Duplicate, text);
        }
        self.note(change, text);
        self.report.imported += 1;
        self.lists(rejects).patterns.push(pattern.to_owned());
    }

    /// Adds a rule that holds what matches a condition.
    pub(super) fn add_rule(&mut self, id: &str, guideline: &str, when: &str, message: &str) {
        self.report.imported += 1;
        self.rules.push(rule(id, guideline, when, "action = \"review\"", message, ""));
    }

    const fn lists(&mut self, rejects: bool) -> &mut Lists {
        if rejects { &mut self.rejected } else { &mut self.held }
    }

    /// The document and the report.
    pub(super) fn finish(mut self) -> Result<Imported, ImportError> {
        if self.report.imported == 0 {
            return Err(ImportError::Nothing);
        }
        let mut lists = String::new();
        let mut rules = String::new();
        for (part, action, of_part) in
            [("rejected", "reject", &self.rejected), ("held", "review", &self.held)]
        {
            of_part.write(part, action, &mut lists, &mut rules);
        }
        for rule in self.rules.drain(..) {
            rules.push_str(&rule);
        }
        let document = format!(
            "# Imported. Read the report of the import, then add tests of your own.\n\n\
             name = {name}\nguidelines = \"friendly-blog\"\n\n[thresholds]\nreview = 3.0\nreject = 9.0\n{lists}{rules}",
            name = quoted(self.name),
        );
        Ok(Imported { document, report: self.report })
    }
}

impl Lists {
    fn write(&self, part: &str, action: &str, lists: &mut String, rules: &mut String) {
        let outright = format!("action = \"{action}\"");
        let message = "Your comment holds what this site does not publish unseen.";
        let mut add = |name: &str, kind: &str, entries: &[String], when: &str, weight: &str, note: &str| {
            if entries.is_empty() {
                return;
            }
            let list = format!("{part}-{name}");
            // Writing into a String cannot fail.
            let _ = write!(lists, "\n[lists.{list}]\nkind = \"{kind}\"\nentries = [\n");
            for entry in entries {
                let _ = writeln!(lists, "    {},", quoted(entry));
            }
            lists.push_str("]\n");
            let when = when.replace("LIST", &format!("list(\"{list}\")"));
            rules.push_str(&rule(&format!("imported.{list}"), "moderation", &when, weight, message, note));
        };
        let found = "on the imported list: {matches}";
        let in_text = "body has LIST or author.name has LIST";
        add("words", "phrases", &self.words, in_text, &outright, found);
        add(
            "everyday",
            "phrases",
            &self.everyday,
            "body has 4 of LIST and links.count >= 1",
            "score = 3.0",
            found,
        );
        add("patterns", "regexes", &self.patterns, "body has LIST", &outright, found);
        add(
            "hosts",
            "domains",
            &self.hosts,
            "links.hosts has LIST or author.url_host has LIST",
            &outright,
            found,
        );
        add(
            "addresses",
            "addresses",
            &self.addresses,
            "client.ip has LIST",
            &outright,
            "from an imported address",
        );
        add("people", "authors", &self.people, "author has LIST", &outright, "an imported mail address");
    }
}

fn rule(id: &str, guideline: &str, when: &str, weight: &str, message: &str, note: &str) -> String {
    let note = if note.is_empty() { String::new() } else { format!("note = {}\n", quoted(note)) };
    format!(
        "\n[[rule]]\nid = {}\nguideline = {}\ncategory = \"imported\"\nwhen = {}\n{weight}\nmessage = {}\n{note}",
        quoted(id),
        quoted(guideline),
        quoted(when),
        quoted(message),
    )
}

/// A text as TOML writes it.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}
