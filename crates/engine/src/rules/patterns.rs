//! Regular expressions of rules, and the literals without which they cannot match.
//!
//! Patterns see the folded text, and ignore case. The `regex` crate never backtracks, so a hostile
//! text costs time linear in its length; a pattern with a required literal is not even tried before
//! the automaton of the lists has seen that literal.

use regex::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};
use regex_syntax::hir::{Class, Hir, HirKind, Repetition};

use super::lists::EntryId;
use super::schema::FieldId;
use crate::error::RuleSetProblem;
use crate::text::fold::folded;

/// Memory of one compiled pattern, in bytes. A list of some hundred words fits.
const SIZE_MAX: usize = 1 << 20;
/// Memory of one pattern's lazily built states, in bytes and per thread.
const LAZY_SIZE_MAX: usize = 2 << 20;
/// Longest pattern, in bytes, with the lists it names: some 1,500 words.
const PATTERN_MAX: usize = 16_000;
/// Most patterns in one set: each holds some 50 KiB.
const PATTERNS_MAX: usize = 5_000;
/// Memory of the automaton for all patterns of a field that have no literal, and of its lazily built
/// states per thread, in bytes: with 64 MiB it never starts over on 5,000 patterns.
const SIEVE_SIZE_MAX: usize = 64 << 20;
/// Most alternatives of literals that are worth looking for.
const LITERALS_MAX: usize = 500;
/// Literals shorter than this are in nearly every text.
const LITERAL_BYTES_MIN: usize = 2;
/// Literals shorter than this say little beside a longer one.
const LITERAL_BYTES_TELLING: usize = 4;
/// Most groups of literals that a pattern waits for: one bit each.
const GROUPS_MAX: usize = 4;

/// A pattern, where it is looked for, and for whom.
#[derive(Debug)]
pub(crate) struct Pattern {
    pub(crate) compiled: Compiled,
    pub(crate) field: FieldId,
    /// The entry of a list that it is, if it does not stand in a rule.
    pub(crate) entry: Option<EntryId>,
}

/// The patterns of a rule set.
#[derive(Debug, Default)]
pub(crate) struct Patterns {
    all: Vec<Pattern>,
    sieves: Vec<Sieve>,
}

/// One automaton for every pattern of a field that has no literal to wait for.
#[derive(Debug)]
struct Sieve {
    field: FieldId,
    set: RegexSet,
    patterns: Vec<u16>,
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

    /// Builds the automata of the patterns without literals.
    pub(super) fn build_sieves(&mut self) -> Result<(), RuleSetProblem> {
        let unfiltered = |(_, pattern): &(usize, &Pattern)| pattern.compiled.literals.is_empty();
        let mut by_field: Vec<(FieldId, Vec<u16>)> = Vec::new();
        for (index, pattern) in self.all.iter().enumerate().filter(unfiltered) {
            match by_field.iter_mut().find(|(field, _)| *field == pattern.field) {
                Some((_, patterns)) => patterns.push(index as u16),
                None => by_field.push((pattern.field, vec![index as u16])),
            }
        }
        for (field, patterns) in by_field {
            let texts = patterns.iter().map(|index| &self.all[*index as usize].compiled.without_boundaries);
            let set = RegexSetBuilder::new(texts)
                .case_insensitive(true)
                .size_limit(SIEVE_SIZE_MAX)
                .dfa_size_limit(SIEVE_SIZE_MAX)
                .build()
                .map_err(|_| RuleSetProblem::TooMany {
                    what: "patterns without a word in them",
                    max: patterns.len() - 1,
                })?;
            self.sieves.push(Sieve { field, set, patterns });
        }
        Ok(())
    }

    /// How many there are.
    pub(crate) const fn count(&self) -> usize {
        self.all.len()
    }

    /// A pattern.
    pub(crate) fn get(&self, index: u16) -> &Pattern {
        &self.all[index as usize]
    }

    /// Calls `each` with every pattern without literals that may match a text of the field.
    pub(crate) fn sift(&self, field: FieldId, text: &str, mut each: impl FnMut(u16)) {
        for sieve in self.sieves.iter().filter(|sieve| sieve.field == field) {
            for found in sieve.set.matches(text) {
                each(sieve.patterns[found]);
            }
        }
    }
}

/// A compiled pattern.
#[derive(Debug, Clone)]
pub(crate) struct Compiled {
    regex: Regex,
    /// The pattern without its word boundaries, if it has some: it matches wherever the pattern does,
    /// and runs a hundred times as fast on text that is not ASCII, where Unicode word boundaries
    /// make the automaton give up.
    fast: Option<Regex>,
    /// The pattern without word boundaries, as text.
    without_boundaries: String,
    /// Groups of alternatives: every match holds at least one of each group. None: the pattern has to
    /// be tried on every text.
    pub(super) literals: Vec<Vec<String>>,
}

impl Compiled {
    /// How many groups of literals a text must have for it to match.
    pub(crate) const fn group_count(&self) -> usize {
        self.literals.len()
    }

    /// Whether the pattern matches.
    pub(crate) fn is_match(&self, text: &str) -> bool {
        match &self.fast {
            // A match of the pattern is one of `fast`, so the first of either is no earlier.
            Some(fast) => fast.find(text).is_some_and(|first| self.regex.is_match_at(text, first.start())),
            None => self.regex.is_match(text),
        }
    }

    /// Where the pattern matches.
    pub(crate) fn find_iter(&self, text: &str) -> impl Iterator<Item = std::ops::Range<usize>> {
        self.regex.find_iter(text).map(|found| found.range())
    }
}

/// Compiles a pattern.
pub(super) fn compile(pattern: &str) -> Result<Compiled, RuleSetProblem> {
    let bad = |reason: String| RuleSetProblem::Pattern(reason);
    if pattern.len() > PATTERN_MAX {
        return Err(bad(format!("longer than {PATTERN_MAX} bytes")));
    }
    let hir = regex_syntax::ParserBuilder::new()
        .case_insensitive(true)
        .nest_limit(50)
        .build()
        .parse(pattern)
        .map_err(|error| bad(last_line(&error.to_string())))?;
    let build = |pattern: &str| {
        RegexBuilder::new(pattern)
            .case_insensitive(true)
            .size_limit(SIZE_MAX)
            .dfa_size_limit(LAZY_SIZE_MAX)
            .nest_limit(100)
            .build()
            .map_err(|error| match error {
                regex::Error::CompiledTooBig(_) => bad(format!(
                    "it takes more than {} KiB compiled; make repetitions smaller",
                    SIZE_MAX / 1024
                )),
                other => bad(last_line(&other.to_string())),
            })
    };
    let regex = build(pattern)?;
    if hir.properties().minimum_len() == Some(0) {
        return Err(bad("it matches the empty text, and so every text".into()));
    }
    let literals = rarest(required(&hir));
    let has_boundaries = hir.properties().look_set().contains_word_unicode();
    let without_boundaries =
        if has_boundaries { without_boundaries(hir).to_string() } else { pattern.to_owned() };
    let fast = if has_boundaries { Some(build(&without_boundaries)?) } else { None };
    Ok(Compiled { regex, fast, without_boundaries, literals })
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

/// Groups of literals: every match holds at least one of each group.
fn required(hir: &Hir) -> Vec<Vec<String>> {
    match hir.kind() {
        HirKind::Literal(_) | HirKind::Class(_) => {
            exact(hir).and_then(|text| usable(vec![text])).into_iter().collect()
        }
        HirKind::Capture(capture) => required(&capture.sub),
        HirKind::Repetition(repetition) if repetition.min > 0 => required(&repetition.sub),
        HirKind::Concat(parts) => of_sequence(parts),
        HirKind::Alternation(branches) => {
            let best = branches.iter().map(|branch| rarest(required(branch)).into_iter().next());
            let all: Option<Vec<Vec<String>>> = best.collect();
            all.and_then(|all| usable(all.concat())).into_iter().collect()
        }
        HirKind::Empty | HirKind::Look(_) | HirKind::Repetition(_) => Vec::new(),
    }
}

/// Of the parts that follow one another, all groups. Neighbouring single characters (a
/// case-insensitive `casino` is six classes) are one literal.
fn of_sequence(parts: &[Hir]) -> Vec<Vec<String>> {
    let mut groups = Vec::new();
    let mut run = String::new();
    for part in parts {
        if let Some(text) = exact(part) {
            run.push_str(&text);
            continue;
        }
        groups.extend(usable(vec![std::mem::take(&mut run)]));
        groups.extend(required(part));
    }
    groups.extend(usable(vec![run]));
    groups
}

/// The groups that are worth waiting for, rarest first: those whose shortest literal is longest.
/// Very short ones only if there is nothing better.
fn rarest(mut groups: Vec<Vec<String>>) -> Vec<Vec<String>> {
    let shortest = |literals: &Vec<String>| literals.iter().map(String::len).min().unwrap_or_default();
    groups.sort_by_key(|literals| std::cmp::Reverse(shortest(literals)));
    let telling = groups.iter().take_while(|literals| shortest(literals) >= LITERAL_BYTES_TELLING).count();
    groups.truncate(telling.clamp(1, GROUPS_MAX));
    groups
}

/// The one text that this part matches, apart from case.
fn exact(hir: &Hir) -> Option<String> {
    match hir.kind() {
        HirKind::Literal(literal) => std::str::from_utf8(&literal.0).ok().map(str::to_owned),
        HirKind::Class(Class::Unicode(class)) => {
            let mut chars = class.iter().flat_map(|range| range.start()..=range.end()).take(5);
            let first = folded(chars.next()?.encode_utf8(&mut [0; 4]));
            chars.all(|ch| folded(ch.encode_utf8(&mut [0; 4])) == first).then_some(first)
        }
        HirKind::Class(Class::Bytes(class)) => {
            let mut bytes = class.iter().flat_map(|range| range.start()..=range.end()).take(3);
            let first = bytes.next()?.to_ascii_lowercase();
            bytes.all(|byte| byte.to_ascii_lowercase() == first).then(|| char::from(first).to_string())
        }
        HirKind::Capture(capture) => exact(&capture.sub),
        HirKind::Concat(parts) => parts.iter().map(exact).collect(),
        _ => None,
    }
}

fn usable(literals: Vec<String>) -> Option<Vec<String>> {
    // A literal that folding would change never occurs in a folded text as it is.
    // (Behind a letter, since a space at the very beginning of a text is folded away.)
    let keeps = |text: &String| folded(&format!("x{text}")).strip_prefix('x') == Some(text.as_str());
    let fits = literals.len() <= LITERALS_MAX
        && literals.iter().all(|text| text.len() >= LITERAL_BYTES_MIN && keeps(text));
    fits.then_some(literals)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn required_literals_are_found_whatever_the_case() {
        for (pattern, expected) in [
            ("casino", "casino"),
            (r"\d+ ?(?:bonus|free spins)", "bonus|free spins"),
            ("win [0-9]+ dollars", " dollars & win "),
            (r"\bbuy (?:\w+ ){0,2}(?:viagra|cialis)\b", "cialis|viagra & buy "),
            ("(cat|d)og", "og"),
            (r"[a-z]+\d", ""),
        ] {
            let mut literals = compile(pattern).unwrap().literals;
            for group in &mut literals {
                group.sort();
            }
            let told: Vec<String> = literals.iter().map(|group| group.join("|")).collect();
            assert_eq!(told.join(" & "), expected, "{pattern}");
        }
    }

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
            let compiled = compile(pattern).unwrap();
            assert_eq!(compiled.is_match(text), expected, "{pattern} on {text}");
            assert!(!compiled.without_boundaries.contains("\\b"), "{}", compiled.without_boundaries);
        }
    }

    #[test]
    fn bad_and_oversized_patterns_are_refused() {
        for pattern in ["(", "a{1000}{1000}", r"(\w{200}){200}", "a*", "(?<!x)y"] {
            assert!(compile(pattern).is_err(), "{pattern}");
        }
    }
}
