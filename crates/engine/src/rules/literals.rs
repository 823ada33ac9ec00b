//! The literals without which a pattern cannot match, in the order in which they have to come.
//!
//! A pattern is only tried on a text that has them. So they are chosen rare, and whatever the pattern says
//! about the characters beside them is asked for as well: `\bkey\b` is not in *monkeys*.

use regex_syntax::hir::{Class, Hir, HirKind, Look};

use crate::text::fold::{folded, is_key};

/// Most alternatives of literals that are worth looking for.
const LITERALS_MAX: usize = 500;
/// Literals shorter than this are in nearly every text, unless they are whole words.
const LITERAL_BYTES_MIN: usize = 2;
/// Most characters of a class that are looked for one by one.
const CLASS_MAX: usize = 8;
/// Most alternatives of a pattern that are told apart.
const SEQUENCES_MAX: usize = 8;
/// Most groups of a sequence: more hardly ever make a difference.
pub(super) const GROUPS_MAX: usize = 4;
/// Words that stand in nearly every English text.
const COMMON: [&str; 88] = [
    "a", "about", "all", "also", "am", "an", "and", "any", "are", "as", "at", "be", "been", "but", "by",
    "can", "could", "did", "do", "don", "don't", "for", "from", "get", "good", "had", "has", "have", "he",
    "her", "him", "his", "how", "i", "if", "in", "is", "it", "just", "like", "make", "me", "more", "my",
    "need", "never", "no", "not", "now", "of", "on", "one", "only", "or", "other", "our", "out", "people",
    "say", "she", "should", "so", "than", "that", "the", "them", "these", "they", "thing", "think", "this",
    "those", "to", "too", "up", "us", "use", "want", "was", "we", "what", "when", "why", "will", "with",
    "would", "you", "your",
];

/// A text that a pattern needs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Literal {
    pub(super) text: String,
    /// No ASCII letter or digit stands before it.
    pub(super) starts: bool,
    /// No ASCII letter or digit stands behind it.
    pub(super) ends: bool,
}

/// Literals of which one has to be there.
#[derive(Debug, Clone)]
pub(super) struct Group {
    pub(super) literals: Vec<Literal>,
    /// Most bytes of a match before it; `None`: any number.
    pub(super) lead: Option<usize>,
    /// Most bytes from where the group before it begins to where it begins.
    pub(super) reach: Option<usize>,
    /// Most bytes of a match from where it begins.
    trail: Option<usize>,
}

/// What a text must have for a pattern to match.
#[derive(Debug, Clone, Default)]
pub(super) struct Needs {
    /// One of these sequences: a literal of each of its groups, one behind the other. None: the pattern has
    /// to be tried on every text.
    pub(super) sequences: Vec<Vec<Group>>,
    /// A digit, if the text is ASCII.
    pub(super) digit: bool,
}

impl Needs {
    /// What a pattern needs.
    pub(super) fn of(pattern: &Hir) -> Self {
        let open = Edges { before: false, after: false };
        let sequences: Option<Vec<_>> = alternatives(pattern, open)
            .into_iter()
            .map(|(branch, edges)| {
                let groups = rarest(required(branch, edges));
                (!groups.is_empty()).then_some(groups)
            })
            .collect();
        Self { sequences: sequences.unwrap_or_default(), digit: needs_digit(pattern) }
    }
}

/// What is known of the characters around a part of a pattern: whether none is an ASCII letter or digit, if
/// the part itself begins (ends) with one.
#[derive(Clone, Copy)]
struct Edges {
    before: bool,
    after: bool,
}

/// The alternatives that the whole pattern is, if they are few.
fn alternatives(hir: &Hir, edges: Edges) -> Vec<(&Hir, Edges)> {
    let split = match hir.kind() {
        HirKind::Capture(capture) => alternatives(&capture.sub, edges),
        HirKind::Alternation(branches) => {
            branches.iter().flat_map(|branch| alternatives(branch, edges)).collect()
        }
        HirKind::Concat(parts) => {
            let mut solid = (0..parts.len()).filter(|at| !matches!(parts[*at].kind(), HirKind::Look(_)));
            match (solid.next(), solid.next()) {
                (Some(at), None) => alternatives(&parts[at], edges_within(parts, edges)[at]),
                _ => Vec::new(),
            }
        }
        _ => Vec::new(),
    };
    if (1..=SEQUENCES_MAX).contains(&split.len()) { split } else { vec![(hir, edges)] }
}

/// Groups of literals, in order: every match holds at least one of each.
fn required(hir: &Hir, edges: Edges) -> Vec<Group> {
    match hir.kind() {
        HirKind::Literal(_) | HirKind::Class(_) => match (exact(hir), hir.kind()) {
            (Some(text), _) => alone(text, edges, hir.properties().maximum_len()).into_iter().collect(),
            (None, HirKind::Class(Class::Unicode(class))) => {
                let chars = class.iter().flat_map(|range| range.start()..=range.end());
                let mut chars: Vec<char> = chars.take(CLASS_MAX + 1).collect();
                if chars.len() > CLASS_MAX {
                    return Vec::new();
                }
                // In a folded text there are none of those.
                chars.retain(|ch| !is_key(*ch));
                let each = chars.into_iter().map(|ch| alone(ch.to_string(), edges, Some(ch.len_utf8())));
                each.collect::<Option<_>>().and_then(usable).into_iter().collect()
            }
            (None, _) => Vec::new(),
        },
        HirKind::Capture(capture) => required(&capture.sub, edges),
        HirKind::Repetition(repetition) if repetition.min > 0 => {
            let once = repetition.max == Some(1);
            let after = edges.after && (once || outermost_is_no_word(&repetition.sub, End::First));
            let mut groups = required(&repetition.sub, Edges { after, ..edges });
            let rest = if once { Some(0) } else { hir.properties().maximum_len() };
            for group in &mut groups {
                group.trail = sum(group.trail, rest);
            }
            groups
        }
        HirKind::Concat(parts) => of_sequence(parts, edges),
        HirKind::Alternation(branches) => {
            let best = branches.iter().map(|branch| required(branch, edges).into_iter().min_by_key(weight));
            let all: Option<Vec<Group>> = best.collect();
            all.and_then(usable).into_iter().collect()
        }
        HirKind::Empty | HirKind::Look(_) | HirKind::Repetition(_) => Vec::new(),
    }
}

/// Of the parts that follow one another, all groups. Neighbouring single characters (a
/// case-insensitive `casino` is six classes) are one literal.
fn of_sequence(parts: &[Hir], edges: Edges) -> Vec<Group> {
    let around = edges_within(parts, edges);
    let mut groups: Vec<Group> = Vec::new();
    let mut lead = Some(0);
    let mut at = 0;
    while at < parts.len() {
        let run: Vec<String> = parts[at..].iter().map_while(exact).collect();
        let end = at + run.len().max(1);
        let longest = parts[at..end].iter().map(|part| part.properties().maximum_len()).fold(Some(0), sum);
        let mut within = if run.is_empty() {
            required(&parts[at], around[at])
        } else {
            let edges = Edges { before: around[at].before, after: around[end - 1].after };
            alone(run.concat(), edges, longest).into_iter().collect()
        };
        if let (Some(before), Some(first)) = (groups.last(), within.first_mut()) {
            first.reach = sum(before.trail, first.lead);
        }
        for group in &mut within {
            group.lead = sum(lead, group.lead);
        }
        for group in &mut groups {
            group.trail = sum(group.trail, longest);
        }
        groups.extend(within);
        lead = sum(lead, longest);
        at = end;
    }
    groups
}

fn sum(left: Option<usize>, right: Option<usize>) -> Option<usize> {
    left?.checked_add(right?)
}

/// The edges of each of the parts that follow one another.
fn edges_within(parts: &[Hir], edges: Edges) -> Vec<Edges> {
    let mut around = vec![edges; parts.len()];
    let mut before = edges.before;
    for (part, around) in parts.iter().zip(&mut around) {
        around.before = before;
        before = beyond(part, End::Last, before);
    }
    let mut after = edges.after;
    for (part, around) in parts.iter().zip(&mut around).rev() {
        around.after = after;
        after = beyond(part, End::First, after);
    }
    around
}

/// Which end of a part.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    First,
    Last,
}

/// What is known beyond a part, from its end, if `known` is what is known on its other side.
fn beyond(part: &Hir, end: End, known: bool) -> bool {
    if let HirKind::Look(look) = part.kind() {
        let bounds = match look {
            Look::WordAscii | Look::WordUnicode => true,
            Look::WordAsciiNegate | Look::WordUnicodeNegate => false,
            Look::Start
            | Look::StartLF
            | Look::StartCRLF
            | Look::WordStartAscii
            | Look::WordStartUnicode
            | Look::WordStartHalfAscii
            | Look::WordStartHalfUnicode => end == End::Last,
            Look::End
            | Look::EndLF
            | Look::EndCRLF
            | Look::WordEndAscii
            | Look::WordEndUnicode
            | Look::WordEndHalfAscii
            | Look::WordEndHalfUnicode => end == End::First,
        };
        return known || bounds;
    }
    outermost_is_no_word(part, end) && (known || !may_be_empty(part))
}

fn may_be_empty(hir: &Hir) -> bool {
    hir.properties().minimum_len() == Some(0)
}

/// Whether no match of a part has an ASCII letter or digit at that end. (An empty one has none.)
fn outermost_is_no_word(hir: &Hir, end: End) -> bool {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => true,
        HirKind::Literal(literal) => {
            let byte = if end == End::First { literal.0.first() } else { literal.0.last() };
            byte.is_some_and(|byte| !byte.is_ascii_alphanumeric())
        }
        HirKind::Class(class) => !class_has(class, |ch| ch.is_ascii_alphanumeric()),
        HirKind::Capture(capture) => outermost_is_no_word(&capture.sub, end),
        HirKind::Repetition(repetition) => outermost_is_no_word(&repetition.sub, end),
        HirKind::Alternation(branches) => branches.iter().all(|branch| outermost_is_no_word(branch, end)),
        HirKind::Concat(parts) => {
            let outermost = |parts: &mut dyn Iterator<Item = &Hir>| {
                for part in parts {
                    if !outermost_is_no_word(part, end) {
                        return false;
                    }
                    if !may_be_empty(part) {
                        return true;
                    }
                }
                true
            };
            if end == End::First { outermost(&mut parts.iter()) } else { outermost(&mut parts.iter().rev()) }
        }
    }
}

/// Whether some ASCII character of a class is of a kind.
fn class_has(class: &Class, kind: impl Fn(char) -> bool) -> bool {
    let within = |first: u32, last: u32| (first..=last.min(0x7F)).filter_map(char::from_u32).any(&kind);
    match class {
        Class::Unicode(class) => {
            class.iter().any(|range| within(u32::from(range.start()), u32::from(range.end())))
        }
        Class::Bytes(class) => {
            class.iter().any(|range| within(u32::from(range.start()), u32::from(range.end())))
        }
    }
}

/// Whether every match in an ASCII text has a digit.
fn needs_digit(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Literal(literal) => literal.0.iter().any(|byte| byte.is_ascii_digit() || !byte.is_ascii()),
        HirKind::Class(class) => !class_has(class, |ch| !ch.is_ascii_digit()),
        HirKind::Capture(capture) => needs_digit(&capture.sub),
        HirKind::Repetition(repetition) => repetition.min > 0 && needs_digit(&repetition.sub),
        HirKind::Concat(parts) => parts.iter().any(needs_digit),
        HirKind::Alternation(branches) => branches.iter().all(needs_digit),
        HirKind::Empty | HirKind::Look(_) => false,
    }
}

/// A group of one literal, without the spaces and signs before it, since words are looked for where they
/// begin. `None`: it is not worth looking for, or folding would change it, so that it never occurs in a
/// folded text as it is. At most `longest` bytes match it.
fn alone(text: String, edges: Edges, longest: Option<usize>) -> Option<Group> {
    // Behind a letter, since a space at the very beginning of a text is folded away.
    if folded(&format!("x{text}")).strip_prefix('x') != Some(text.as_str()) {
        return None;
    }
    let word = text.trim_start_matches(|ch: char| !ch.is_alphanumeric());
    let is_word = word.starts_with(|first: char| first.is_ascii_alphanumeric());
    let ends = edges.after && text.ends_with(|last: char| last.is_ascii_alphanumeric());
    let skipped = text.len() - word.len();
    let literal = if is_word && skipped > 0 {
        Literal { text: word.to_owned(), starts: true, ends }
    } else {
        Literal { text, starts: is_word && edges.before, ends }
    };
    usable(vec![Group { literals: vec![literal], lead: Some(skipped), reach: None, trail: longest }])
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

/// The group of all alternatives, if it is worth looking for.
fn usable(alternatives: Vec<Group>) -> Option<Group> {
    let longest = |of: fn(&Group) -> Option<usize>| {
        alternatives.iter().map(of).try_fold(0, |longest, length| Some(longest.max(length?)))
    };
    let (lead, trail) = (longest(|group| group.lead), longest(|group| group.trail));
    let literals: Vec<Literal> = alternatives.into_iter().flat_map(|group| group.literals).collect();
    let is_telling = |literal: &Literal| {
        literal.text.len() >= LITERAL_BYTES_MIN || (literal.starts && literal.ends) || is_sign(&literal.text)
    };
    let fits = !literals.is_empty() && literals.len() <= LITERALS_MAX && literals.iter().all(is_telling);
    fits.then_some(Group { literals, lead, reach: None, trail })
}

/// Signs that hardly any text has.
fn is_sign(text: &str) -> bool {
    matches!(
        text,
        "\"" | "$" | "%" | "&" | "*" | "+" | "/" | "<" | "=" | ">" | "@" | "[" | "^" | "{" | "|" | "~"
    )
}

/// The rarest groups of a sequence, in order.
fn rarest(groups: Vec<Group>) -> Vec<Group> {
    let mut weights: Vec<usize> = groups.iter().map(weight).collect();
    weights.sort_unstable();
    let least = weights.first().copied().unwrap_or_default();
    let most = weights.get(GROUPS_MAX - 1).copied().unwrap_or(usize::MAX);
    // What may begin inside a word has to be looked for at every byte, in texts of its script.
    let is_dear =
        |group: &Group| group.literals.iter().any(|literal| !literal.starts && literal.text.is_ascii());
    let spare = groups.iter().any(|group| !is_dear(group) && weight(group) <= least * 2);
    let is_kept = |group: &Group| weight(group) <= most && !(spare && is_dear(group));
    let mut kept = Vec::new();
    let mut reach = Some(0);
    for group in groups {
        reach = sum(reach, group.reach);
        if is_kept(&group) && kept.len() < GROUPS_MAX {
            kept.push(Group { reach, ..group });
            reach = Some(0);
        }
    }
    kept
}

/// How common the literals of a group are, roughly, all together.
fn weight(group: &Group) -> usize {
    let weight = |literal: &Literal| {
        let word = literal.text.trim_end_matches(' ');
        let whole = literal.starts && (literal.ends || word.len() < literal.text.len());
        if COMMON.contains(&word) && literal.starts {
            return 64;
        }
        if is_sign(word) || !literal.text.is_ascii() {
            return 4;
        }
        let by_length = match word.len() {
            0 | 1 => 64,
            2 => 16,
            3 => 6,
            4 => 4,
            5 => 2,
            _ => 1,
        };
        by_length
            * if whole {
                1
            } else if literal.starts {
                2
            } else {
                6
            }
    };
    group.literals.iter().map(weight).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needs(pattern: &str) -> Needs {
        let mut parser = regex_syntax::ParserBuilder::new().case_insensitive(true).build();
        Needs::of(&parser.parse(pattern).unwrap())
    }

    /// A literal with `<` where nothing of a word stands before it, and `>` where nothing stands behind it.
    fn told(pattern: &str) -> String {
        let literal = |literal: &Literal| {
            let start = if literal.starts { "<" } else { "" };
            format!("{start}{}{}", literal.text, if literal.ends { ">" } else { "" })
        };
        let group = |group: &Group| group.literals.iter().map(literal).collect::<Vec<_>>().join("|");
        let sequence = |groups: &Vec<Group>| groups.iter().map(group).collect::<Vec<_>>().join(" & ");
        needs(pattern).sequences.iter().map(sequence).collect::<Vec<_>>().join(" or ")
    }

    #[test]
    fn required_literals_come_in_order_and_whatever_the_case() {
        for (pattern, expected) in [
            ("casino", "casino"),
            (r"\d+ ?(?:bonus|free spins)", "bonus|free spins"),
            (r"\bwin [0-9]+ dollars", "<win  & <dollars"),
            (r"\bbuy (?:\w+ ){0,2}(?:viagra|cialis)\b", "<buy  & <viagra>|<cialis>"),
            ("(cat|d)og", "og"),
            (r"[a-z]+\d", ""),
            (r"\b(?:no one|you) (?:is|are)\b|go (?:away|home)", "<no one>|<you> & <is>|<are> or <away|<home"),
        ] {
            assert_eq!(told(pattern), expected, "{pattern}");
        }
    }

    #[test]
    fn the_rarest_of_them_are_looked_for() {
        for (pattern, expected) in [
            (r"you (?:will )?(?:never )?pay", "<pay"),
            (r"[a-z]+(?:poker|coins) (?:\w+ )?\b(?:you|us)\b", "poker>|coins> & <you>|<us>"),
            (r"[a-z]+coin \w+ \bwallets", "<wallets"),
            ("“[^”]+”", "“ & ”"),
            (r#"(?:says|writes) ["“‘][a-z]+"#, "says>|writes> & \"|“"),
            ("[aeiou] b", ""),
        ] {
            assert_eq!(told(pattern), expected, "{pattern}");
        }
    }

    #[test]
    fn what_stands_beside_a_literal_is_asked_for() {
        for (pattern, expected) in [
            (r"\bass\b", "<ass>"),
            (r"(?-u:\b)(?:a |the ){0,2}fool(?:ish)?(?-u:\b)", "<fool"),
            (r"(?-u:\b)[^ .!?]+ (?:die|go away)", "<die|<go away"),
            (r"(?:x |y)?zebra\b", "zebra>"),
            (r"^zebra$", "<zebra>"),
            (r"\Bzebra", "zebra"),
            (r"\w zebra", "<zebra"),
            (r"(?:zebra ){2,3}\b", "zebra "),
            (r"(?:zebra){2}\b", "zebra"),
            (r"\b(?:thee|u)(?: all)? su", "<thee>|<u> & <su"),
            (r"\bлгун\b", "лгун"),
        ] {
            assert_eq!(told(pattern), expected, "{pattern}");
        }
    }

    #[test]
    fn a_digit_is_needed_where_none_can_be_left_out() {
        for (pattern, expected) in [
            (r"[0-9]{3}-[0-9]{2}", true),
            (r"\d+ ?(?:p|pence)", true),
            (r"[a-z]+(?:77|88)?", false),
            (r"win (?:\d|five) dollars", false),
            ("sub4sub", true),
        ] {
            assert_eq!(needs(pattern).digit, expected, "{pattern}");
        }
    }
}
