//! Patterns that name lists: `you are (?:an? )?{insults}` stands for every insult in that place.
//!
//! A list written once serves lookups and patterns alike. In a regular expression a brace before a
//! letter means nothing else, but for `\p{…}` and its kin, which a backslash announces.

use std::fmt::Write as _;

/// Puts the entries of lists in the place of their names. `entries` gives those of a list, folded;
/// its error ends the work.
pub(super) fn expand<E>(
    pattern: &str,
    mut entries: impl FnMut(&str) -> Result<Vec<String>, E>,
) -> Result<String, E> {
    let mut out = String::with_capacity(pattern.len());
    let mut rest = pattern;
    while let Some(open) = rest.find('{') {
        let (before, from) = rest.split_at(open);
        let name = from[1..].split('}').next().unwrap_or_default();
        let closed = from.len() > name.len() + 1;
        let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
            && name.starts_with(|first: char| first.is_ascii_alphabetic());
        out.push_str(before);
        if closed && is_name && !announces_brace(before) {
            alternatives(&entries(name)?, &mut out);
            rest = &from[name.len() + 2..];
        } else {
            out.push('{');
            rest = &from[1..];
        }
    }
    out.push_str(rest);
    Ok(out)
}

/// Whether a brace after this belongs to an escape: `\p{Greek}`, `\x{41}`.
fn announces_brace(before: &str) -> bool {
    let mut end = before.bytes().rev();
    end.next().is_some_and(|letter| matches!(letter, b'p' | b'P' | b'x' | b'u' | b'U'))
        && !end.take_while(|byte| *byte == b'\\').count().is_multiple_of(2)
}

/// The longest first, so that of two phrases that begin alike the longer one is found. Entries are
/// folded and meet folded texts: to try both cases of each letter would make the automaton five times
/// as large for nothing.
fn alternatives(entries: &[String], out: &mut String) {
    let mut sorted: Vec<&str> = entries.iter().map(String::as_str).collect();
    sorted.sort_by_key(|entry| std::cmp::Reverse(entry.len()));
    out.push_str("(?-i:");
    for (number, entry) in sorted.into_iter().enumerate() {
        // Writing into a String cannot fail.
        let _ = write!(out, "{}{}", if number == 0 { "" } else { "|" }, regex::escape(entry));
    }
    out.push(')');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_for_their_entries() {
        let expanded = |pattern: &str| {
            expand(pattern, |name| match name {
                "mild" => Ok(vec!["fool".to_owned(), "foolish man".to_owned(), "a.b".to_owned()]),
                other => Err(other.to_owned()),
            })
        };
        assert_eq!(expanded("you {mild}s?").unwrap(), r"you (?-i:foolish man|fool|a\.b)s?");
        for as_it_is in [r"a{2,3}b{4}", r"\p{Greek}+\x{41}", "{", "a{2,", "{}", "{mild"] {
            assert_eq!(expanded(as_it_is).unwrap(), as_it_is);
        }
        assert_eq!(expanded(r"\\p{mild}").unwrap(), r"\\p(?-i:foolish man|fool|a\.b)");
        assert_eq!(expanded("{wild}").unwrap_err(), "wild");
    }
}
