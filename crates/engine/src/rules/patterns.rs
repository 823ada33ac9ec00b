//! Regular expressions of rules.
//!
//! Patterns see the folded text, and ignore case. The `regex` crate never backtracks, so a hostile
//! text costs time linear in its length; a pattern that [needs](super::literals) some words is not even
//! tried before they were seen, one behind the other, and then from the first of them on.

use std::ops::Range;
use std::sync::OnceLock;

use regex::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};
use regex_syntax::hir::{Hir, HirKind, Repetition};

use super::lists::EntryId;
use super::literals::{GROUPS_MAX, Group, Needs};
use super::schema::FieldId;
use crate::error::RuleSetProblem;
use crate::text::chars::has_digit;

/// Memory of one compiled pattern, in bytes. A list of some hundred words fits.
const SIZE_MAX: usize = 1 << 20;
/// Memory of one pattern's lazily built states, in bytes and per thread.
const LAZY_SIZE_MAX: usize = 2 << 20;
/// Longest pattern, in bytes, with the lists it names: some 1,500 words.
const PATTERN_MAX: usize = 16_000;
/// Most patterns in one set: each holds some 100 KiB once it was tried.
const PATTERNS_MAX: usize = 5_000;
/// Memory of the automaton for all patterns of a field that have no literal, and of its lazily built
/// states per thread, in bytes: with 64 MiB it never starts over on 5,000 patterns.
const SIEVE_SIZE_MAX: usize = 64 << 20;
/// A pattern, where it is looked for, and for whom.
#[derive(Debug)]
pub(crate) struct Pattern {
    pub(crate) compiled: Compiled,
    pub(crate) field: FieldId,
    /// The entry of a list that it is, if it does not stand in a rule.
    pub(crate) entry: Option<EntryId>,
    /// Whether it is tried on every text, for want of literals that it needs.
    pub(super) always: bool,
}

/// Groups of literals that a text must have, one behind the other, for a pattern to match in one of its
/// ways.
#[derive(Debug)]
struct Sequence {
    pattern: u16,
    groups: u8,
    /// Most bytes of a match before its first literal.
    lead: u32,
    /// Most bytes from where a literal of the group before begins to where one of the group begins.
    reach: [u32; GROUPS_MAX],
}

/// The patterns of a rule set.
#[derive(Debug, Default)]
pub(crate) struct Patterns {
    all: Vec<Pattern>,
    sequences: Vec<Sequence>,
    sieves: Vec<Sieve>,
}

/// One automaton for every pattern of a field that has no literal to wait for.
#[derive(Debug)]
struct Sieve {
    field: FieldId,
    set: RegexSet,
    patterns: Vec<u16>,
    /// Whether none of them matches an ASCII text without digits.
    needs_digit: bool,
}

impl Patterns {
    /// Adds a pattern and returns its number.
    pub(super) fn add(&mut self, pattern: Pattern) -> Result<u16, RuleSetProblem> {
        if self.all.len() >= PATTERNS_MAX {
            return Err(RuleSetProblem::TooMany { what: "patterns", max: PATTERNS_MAX });
        }
        self.all.push(pattern);
        Ok((self.all.len() - 1) as u16)
    }

    /// Adds groups of literals of which one sequence has to be there for a pattern to match, and returns
    /// its number.
    pub(super) fn add_sequence(&mut self, pattern: u16, groups: &[Group]) -> u32 {
        let bytes = |most: Option<usize>| most.and_then(|most| u32::try_from(most).ok()).unwrap_or(u32::MAX);
        let lead = bytes(groups.first().and_then(|group| group.lead));
        let mut reach = [u32::MAX; GROUPS_MAX];
        for (reach, group) in reach.iter_mut().zip(groups) {
            *reach = bytes(group.reach);
        }
        self.sequences.push(Sequence { pattern, groups: groups.len() as u8, lead, reach });
        (self.sequences.len() - 1) as u32
    }

    /// Builds the automata of the patterns without literals.
    pub(super) fn build_sieves(&mut self) -> Result<(), RuleSetProblem> {
        let mut by_field: Vec<(FieldId, Vec<u16>)> = Vec::new();
        for (index, pattern) in self.all.iter().enumerate().filter(|(_, pattern)| pattern.always) {
            match by_field.iter_mut().find(|(field, _)| *field == pattern.field) {
                Some((_, patterns)) => patterns.push(index as u16),
                None => by_field.push((pattern.field, vec![index as u16])),
            }
        }
        for (field, patterns) in by_field {
            let texts = patterns.iter().map(|index| self.all[*index as usize].compiled.without_boundaries());
            let set = RegexSetBuilder::new(texts)
                .case_insensitive(true)
                .size_limit(SIEVE_SIZE_MAX)
                .dfa_size_limit(SIEVE_SIZE_MAX)
                .build()
                .map_err(|_| RuleSetProblem::TooMany {
                    what: "patterns without a word in them",
                    max: patterns.len() - 1,
                })?;
            let needs_digit = patterns.iter().all(|index| self.all[*index as usize].compiled.needs_digit);
            self.sieves.push(Sieve { field, set, patterns, needs_digit });
        }
        Ok(())
    }

    /// A pattern.
    pub(crate) fn get(&self, index: u16) -> &Pattern {
        &self.all[index as usize]
    }

    /// Calls `each` with every pattern without literals that may match a text of the field.
    pub(crate) fn sift(&self, field: FieldId, text: &str, mut each: impl FnMut(u16)) {
        for sieve in self.sieves.iter().filter(|sieve| sieve.field == field) {
            if !sieve.needs_digit || may_have_digits(text) {
                for found in sieve.set.matches(text) {
                    each(sieve.patterns[found]);
                }
            }
        }
    }
}

/// Whether a text may have the [digit](Needs::digit) that a pattern needs.
fn may_have_digits(text: &str) -> bool {
    has_digit(text) || !text.is_ascii()
}

/// How far the sequences of literals have come in a text.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// Of each sequence, its place among `begun`, from one; zero: none of its literals was seen.
    places: Vec<u32>,
    begun: Vec<Begun>,
    complete: Vec<u32>,
}

/// What was seen of a sequence.
#[derive(Debug, Clone, Copy, Default)]
struct Begun {
    groups: u8,
    /// Where a literal of the first group begins first.
    first: u32,
    /// Of each group, where the literal ends that ends first: it leaves most room for those behind it.
    first_end: [u32; GROUPS_MAX],
    /// Of each group, where the literal begins that begins last: those behind it may be farthest away.
    last_start: [u32; GROUPS_MAX],
}

impl Progress {
    /// Takes a literal of a group. Literals come in the order of their ends.
    pub(crate) fn take(&mut self, patterns: &Patterns, sequence: u32, group: u8, range: &Range<usize>) {
        let (start, end) = (range.start as u32, range.end as u32);
        if self.places.is_empty() {
            self.places.resize(patterns.sequences.len(), 0);
            self.begun.reserve(16);
        }
        let place = &mut self.places[sequence as usize];
        if *place == 0 {
            if group > 0 {
                return;
            }
            self.begun.push(Begun { first: start, ..Begun::default() });
            *place = self.begun.len() as u32;
        }
        let begun = &mut self.begun[*place as usize - 1];
        let known = &patterns.sequences[sequence as usize];
        let number = usize::from(group);
        if group == 0 {
            begun.first = begun.first.min(start);
        } else {
            let before = number - 1;
            let follows = group <= begun.groups
                && start >= begun.first_end[before]
                && start.saturating_sub(begun.last_start[before]) <= known.reach[number];
            if !follows {
                return;
            }
        }
        begun.last_start[number] = begun.last_start[number].max(start);
        if group == begun.groups {
            begun.first_end[number] = end;
            begun.groups += 1;
            if begun.groups == known.groups {
                self.complete.push(sequence);
            }
        }
    }

    /// The patterns that may match the text, and the places where their matches begin at the earliest.
    pub(crate) fn candidates(&self, patterns: &Patterns, text: &str) -> Vec<(u16, usize)> {
        let candidate = |sequence: &u32| {
            let first = self.begun[self.places[*sequence as usize] as usize - 1].first;
            let Sequence { pattern, lead, .. } = patterns.sequences[*sequence as usize];
            (pattern, first.saturating_sub(lead) as usize)
        };
        let mut candidates: Vec<(u16, usize)> = self.complete.iter().map(candidate).collect();
        candidates.sort_unstable();
        candidates.dedup_by_key(|(pattern, _)| *pattern);
        let needs_digit = |(pattern, _): &(u16, usize)| patterns.get(*pattern).compiled.needs_digit;
        if candidates.iter().any(needs_digit) && !may_have_digits(text) {
            candidates.retain(|candidate| !needs_digit(candidate));
        }
        candidates
    }
}

/// A pattern that compiles.
#[derive(Debug, Clone)]
pub(crate) struct Compiled {
    exact: Box<str>,
    /// The pattern without its word boundaries, if it has some: it matches wherever the pattern does,
    /// and runs a hundred times as fast on text that is not ASCII, where Unicode word boundaries
    /// make the automaton give up.
    loose: Option<Box<str>>,
    automata: OnceLock<Automata>,
    /// Whether no ASCII text without digits has a match.
    needs_digit: bool,
}

/// What a pattern is matched with. Built again when it is first tried: few patterns ever are where few comments
/// are judged, and each takes some 100 KiB.
#[derive(Debug, Clone)]
struct Automata {
    exact: Regex,
    loose: Option<Regex>,
}

impl Compiled {
    /// Whether the pattern matches, given that no match begins before `from`.
    pub(crate) fn is_match(&self, text: &str, from: usize) -> bool {
        let from = text.floor_char_boundary(from);
        let Automata { exact, loose } = self.automata();
        match loose {
            // A match of the pattern is one of `loose`, so the first of either is no earlier.
            Some(loose) => {
                loose.find_at(text, from).is_some_and(|first| exact.is_match_at(text, first.start()))
            }
            None => exact.is_match_at(text, from),
        }
    }

    /// Where the pattern matches.
    pub(crate) fn find_iter(&self, text: &str) -> impl Iterator<Item = Range<usize>> {
        self.automata().exact.find_iter(text).map(|found| found.range())
    }

    fn automata(&self) -> &Automata {
        self.automata.get_or_init(|| {
            let build = |pattern: &str| build(pattern).expect("it was built when it was compiled");
            Automata { exact: build(&self.exact), loose: self.loose.as_deref().map(build) }
        })
    }

    /// The pattern with every word boundary taken for granted.
    fn without_boundaries(&self) -> &str {
        self.loose.as_ref().unwrap_or(&self.exact)
    }
}

/// Compiles a pattern, and finds out what it needs.
pub(super) fn compile(pattern: &str) -> Result<(Compiled, Needs), RuleSetProblem> {
    if pattern.len() > PATTERN_MAX {
        return Err(RuleSetProblem::Pattern(format!("longer than {PATTERN_MAX} bytes")));
    }
    let hir = regex_syntax::ParserBuilder::new()
        .case_insensitive(true)
        .nest_limit(50)
        .build()
        .parse(pattern)
        .map_err(|error| RuleSetProblem::Pattern(last_line(&error.to_string())))?;
    build(pattern)?;
    if hir.properties().minimum_len() == Some(0) {
        return Err(RuleSetProblem::Pattern("it matches the empty text, and so every text".into()));
    }
    let needs = Needs::of(&hir);
    let has_boundaries = hir.properties().look_set().contains_word_unicode();
    let loose = has_boundaries.then(|| without_boundaries(hir).to_string());
    loose.as_deref().map(build).transpose()?;
    let compiled = Compiled {
        exact: pattern.into(),
        loose: loose.map(Into::into),
        automata: OnceLock::new(),
        needs_digit: needs.digit,
    };
    Ok((compiled, needs))
}

fn build(pattern: &str) -> Result<Regex, RuleSetProblem> {
    RegexBuilder::new(pattern)
        .case_insensitive(true)
        .size_limit(SIZE_MAX)
        .dfa_size_limit(LAZY_SIZE_MAX)
        .nest_limit(100)
        .build()
        .map_err(|error| {
            RuleSetProblem::Pattern(match error {
                regex::Error::CompiledTooBig(_) => {
                    format!("it takes more than {} KiB compiled; make repetitions smaller", SIZE_MAX / 1024)
                }
                other => last_line(&other.to_string()),
            })
        })
}

/// The pattern with every word boundary taken for granted.
fn without_boundaries(hir: Hir) -> Hir {
    match hir.into_kind() {
        HirKind::Look(look) if regex_syntax::hir::LookSet::singleton(look).contains_word_unicode() => {
            Hir::empty()
        }
        HirKind::Look(look) => Hir::look(look),
        HirKind::Empty => Hir::empty(),
        HirKind::Literal(literal) => Hir::literal(literal.0),
        HirKind::Class(class) => Hir::class(class),
        HirKind::Capture(capture) => without_boundaries(*capture.sub),
        HirKind::Repetition(repetition) => {
            let sub = Box::new(without_boundaries(*repetition.sub));
            Hir::repetition(Repetition { sub, ..repetition })
        }
        HirKind::Concat(parts) => Hir::concat(parts.into_iter().map(without_boundaries).collect()),
        HirKind::Alternation(parts) => Hir::alternation(parts.into_iter().map(without_boundaries).collect()),
    }
}

/// The parsers' messages repeat the pattern over several lines and say what is wrong in the last.
fn last_line(message: &str) -> String {
    message.lines().last().unwrap_or(message).trim_start_matches("error: ").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boundaries_count_wherever_they_stand() {
        for (pattern, text, expected) in [
            (r"\bass\b", "class ass", true),
            (r"\bass\b", "class größe", false),
            (r"\b(foo bar|foo)\b", "foo barß", true),
            (r"(\bno\b|x)y?", "nöno x", true),
            (r"\bein\B", "ein einß", true),
            (r"^\w+\b.\b", "größe-x", true),
        ] {
            let (compiled, _) = compile(pattern).unwrap();
            assert_eq!(compiled.is_match(text, 0), expected, "{pattern} on {text}");
            assert!(!compiled.without_boundaries().contains("\\b"), "{}", compiled.without_boundaries());
        }
    }

    #[test]
    fn bad_and_oversized_patterns_are_refused() {
        for pattern in ["(", "a{1000}{1000}", r"(\w{200}){200}", "a*", "(?<!x)y"] {
            assert!(compile(pattern).is_err(), "{pattern}");
        }
    }
}
