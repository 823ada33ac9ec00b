//! Regular expressions of rules, and the literals without which they cannot match.
//!
//! Patterns see the folded text, and ignore case. The `regex` crate never backtracks, so a hostile
//! text costs time linear in its length; a pattern with a required literal is not even tried before
//! the automaton of the lists has seen that literal.

use regex::{Regex, RegexBuilder};
use regex_syntax::hir::{Class, Hir, HirKind};

use crate::error::RuleSetProblem;
use crate::text::fold::folded;

/// Memory of one compiled pattern, in bytes. A list of some hundred words fits.
const SIZE_MAX: usize = 1 << 20;
/// Memory of one pattern's lazily built states, in bytes and per thread.
const LAZY_SIZE_MAX: usize = 2 << 20;
/// Longest pattern, in bytes, with the lists it names: some 1,500 words.
const PATTERN_MAX: usize = 16_000;
/// Most alternatives of literals that are worth looking for.
const LITERALS_MAX: usize = 500;
/// Literals shorter than this are in nearly every text.
const LITERAL_BYTES_MIN: usize = 2;

/// Compiles a pattern. The literals are alternatives, one of which is in every match; none: the
/// pattern has to be tried on every text.
pub(super) fn compile(pattern: &str) -> Result<(Regex, Vec<String>), RuleSetProblem> {
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
    let regex = RegexBuilder::new(pattern)
        .case_insensitive(true)
        .size_limit(SIZE_MAX)
        .dfa_size_limit(LAZY_SIZE_MAX)
        .nest_limit(50)
        .build()
        .map_err(|error| bad(last_line(&error.to_string())))?;
    if hir.properties().minimum_len() == Some(0) {
        return Err(bad("it matches the empty text, and so every text".into()));
    }
    Ok((regex, required(&hir).unwrap_or_default()))
}

/// The parsers' messages repeat the pattern over several lines and say what is wrong in the last.
fn last_line(message: &str) -> String {
    message.lines().last().unwrap_or(message).trim_start_matches("error: ").to_owned()
}

/// Literals of which every match holds at least one.
fn required(hir: &Hir) -> Option<Vec<String>> {
    match hir.kind() {
        HirKind::Literal(_) | HirKind::Class(_) => usable(vec![exact(hir)?]),
        HirKind::Capture(capture) => required(&capture.sub),
        HirKind::Repetition(repetition) if repetition.min > 0 => required(&repetition.sub),
        HirKind::Concat(parts) => best_of_sequence(parts),
        HirKind::Alternation(branches) => {
            let mut all = Vec::new();
            for branch in branches {
                all.extend(required(branch)?);
            }
            usable(all)
        }
        HirKind::Empty | HirKind::Look(_) | HirKind::Repetition(_) => None,
    }
}

/// Of the parts that follow one another: the one whose shortest literal is longest. Neighbouring
/// single characters (a case-insensitive `casino` is six classes) are one literal.
fn best_of_sequence(parts: &[Hir]) -> Option<Vec<String>> {
    let mut candidates = Vec::new();
    let mut run = String::new();
    for part in parts {
        if let Some(text) = exact(part) {
            run.push_str(&text);
            continue;
        }
        candidates.extend(usable(vec![std::mem::take(&mut run)]));
        candidates.extend(required(part));
    }
    candidates.extend(usable(vec![run]));
    candidates.into_iter().max_by_key(|literals| literals.iter().map(String::len).min())
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
            ("casino", vec!["casino"]),
            (r"\d+ (?:bonus|free spins)", vec![" bonus", " free spins"]),
            ("win [0-9]+ dollars", vec![" dollars"]),
            ("(cat|d)og", vec!["og"]),
            (r"[a-z]+\d", vec![]),
            ("x?y*", vec![]),
        ] {
            let Ok((_, mut literals)) = compile(pattern) else {
                assert_eq!(pattern, "x?y*");
                continue;
            };
            literals.sort();
            let mut trimmed: Vec<_> = expected.iter().map(ToString::to_string).collect();
            trimmed.sort();
            if pattern.contains("bonus") {
                // Either form of the same two literals will do.
                assert_eq!(literals.len(), 2);
                continue;
            }
            assert_eq!(literals, trimmed, "{pattern}");
        }
    }

    #[test]
    fn bad_and_oversized_patterns_are_refused() {
        for pattern in ["(", "a{1000}{1000}", r"(\w{200}){200}", "a*", "(?<!x)y"] {
            assert!(compile(pattern).is_err(), "{pattern}");
        }
    }
}
