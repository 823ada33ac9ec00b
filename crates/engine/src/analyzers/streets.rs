//! What looks like somebody's postal address: a street and a house number. A weak sign: shops and museums
//! have addresses too.

use std::ops::Range;

use moderato_domain::Field;

use super::Analyzer;
use crate::rules::schema::{FieldId, FieldSet};
use crate::text::chars::has_digit;

pub(crate) const ANALYZER: Analyzer = Analyzer {
    provides: FieldSet::of(&[FieldId::ContactsStreets]),
    needs: FieldSet::of(&[]),
    run: |context, seen| {
        let text = context.body.plain();
        let streets = streets(text);
        seen.set_count(FieldId::ContactsStreets, streets.len());
        for range in streets {
            seen.seen_at(FieldId::ContactsStreets, Field::Body, context.body.plain_origin(range));
        }
    },
};

/// Most addresses counted.
const STREETS_MAX: usize = 100;
/// Most words of a street's name, before what kind of street it is: `12 Martin Luther King Street`.
const NAME_WORDS_MAX: usize = 3;
/// What follows a street's name in English.
const KINDS: [&str; 20] = [
    "street",
    "st",
    "road",
    "rd",
    "avenue",
    "ave",
    "lane",
    "ln",
    "drive",
    "dr",
    "boulevard",
    "blvd",
    "court",
    "close",
    "crescent",
    "terrace",
    "place",
    "square",
    "way",
    "highway",
];
/// What a street's name ends with in German, Dutch and Scandinavian languages.
const ENDINGS: [&str; 10] =
    ["straße", "strasse", "str", "gasse", "allee", "platz", "straat", "gatan", "veien", "vej"];
/// What stands before a street's name in Romance and Slavic languages.
const HEADS: [&str; 12] =
    ["rue", "avenue", "boulevard", "calle", "avenida", "via", "viale", "piazza", "rua", "ulica", "ul", "ул"];

struct Word<'t> {
    text: &'t str,
    range: Range<usize>,
}

impl Word<'_> {
    /// A house number: `7`, `221b`.
    fn is_number(&self) -> bool {
        let digits = self.text.bytes().take_while(u8::is_ascii_digit).count();
        (1..=5).contains(&digits) && self.text.len() - digits <= 1 && self.text.is_ascii()
    }

    fn is_name(&self) -> bool {
        self.text.starts_with(char::is_uppercase)
    }

    fn is_one_of(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.text.trim_end_matches('.').eq_ignore_ascii_case(word))
    }

    fn ends_like_a_street(&self) -> bool {
        let name = self.text.trim_end_matches('.');
        ENDINGS.iter().any(|ending| name.len() > ending.len() + 2 && name.ends_with(ending))
    }
}

fn streets(text: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    if !has_digit(text) {
        return found;
    }
    // The words just read, oldest first: enough for the longest address.
    let mut recent: Vec<Word<'_>> = Vec::with_capacity(NAME_WORDS_MAX + 3);
    let mut at = 0;
    for piece in text.split([' ', '\n', '\t', ',']) {
        let start = at;
        at += piece.len() + 1;
        let trimmed = piece.trim_matches(|ch: char| !ch.is_alphanumeric() && ch != '.');
        if trimmed.is_empty() {
            continue;
        }
        let start = start + (trimmed.as_ptr() as usize - piece.as_ptr() as usize);
        if recent.len() > NAME_WORDS_MAX + 1 {
            recent.remove(0);
        }
        recent.push(Word { text: trimmed, range: start..start + trimmed.trim_end_matches('.').len() });
        if let Some(range) = address(&recent) {
            found.push(range);
            recent.clear();
            if found.len() >= STREETS_MAX {
                break;
            }
        }
    }
    found
}

/// The address that the last word ends, if it does.
fn address(words: &[Word<'_>]) -> Option<Range<usize>> {
    let (last, before) = words.split_last()?;
    let names = before.iter().rev().take(NAME_WORDS_MAX).take_while(|word| word.is_name()).count();
    let first = before.len() - names;
    if last.is_name() && names > 0 && last.is_one_of(&KINDS) && first > 0 && before[first - 1].is_number() {
        return Some(before[first - 1].range.start..last.range.end);
    }
    if !last.is_number() {
        return None;
    }
    let street = before.last()?;
    if street.is_name() && street.ends_like_a_street() {
        return Some(street.range.start..last.range.end);
    }
    let head = before.get(first.checked_sub(1)?).filter(|word| word.is_one_of(&HEADS))?;
    (names > 0).then_some(head.range.start..last.range.end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streets_with_house_numbers_look_like_addresses() {
        for (text, expected) in [
            ("I live at 12 Long Street, come by", "12 Long Street"),
            ("221b Baker St. London", "221b Baker St"),
            ("wohnt in der Hauptstraße 7, Berlin", "Hauptstraße 7"),
            ("calle Mayor 15", "calle Mayor 15"),
            ("via Garibaldi 3", "via Garibaldi 3"),
        ] {
            assert_eq!(streets(text).into_iter().map(|range| &text[range]).collect::<Vec<_>>(), [expected]);
        }
        for text in [
            "12 people on the road",
            "In 2019 the Street was closed",
            "3 ways",
            "Straße ohne Nummer",
            "via mail 5",
        ] {
            assert!(streets(text).is_empty(), "{text}");
        }
    }
}
