//! The phrases of all lists and the literals of all patterns, looked for in one go.
//!
//! Nearly all begin where a word begins. So they stand in a tree that is entered at each word and left as
//! soon as no text goes on like it: three or four steps a word, and of the tree only what is near the root
//! has to be in the cache. The few that may begin inside a word are looked for at every byte.

use std::collections::HashMap;
use std::ops::{Range, RangeInclusive};

use aho_corasick::{AhoCorasick, AhoCorasickKind, BuildError, MatchKind, StartKind};

use super::lists::EntryId;
use super::tree::Tree;
use crate::bits::Bits;
use crate::text::chars::{beyond_ascii, has_digit, in_word, joins};
use crate::text::runs::alphanumeric_runs;

/// Longer texts do not stand in the tree: at each word that many bytes may have to be looked at.
const BYTES_IN_TREE_MAX: usize = 64;
/// Up to this many bytes of other texts their automaton is a dense table (about 300 bytes a byte, one
/// step per byte of text); above it a compressed one, which takes 2 to 4 times as long a step.
const DENSE_BYTES_MAX: usize = 4 * 1024;

/// What a text belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    /// A phrase that has to be whole words.
    Word(EntryId),
    /// A phrase that may stand anywhere.
    Substring(EntryId),
    /// A sequence of groups of literals that a pattern needs, one of which has it; whether nothing of a word
    /// may stand behind it, and whether the pattern needs a digit, too.
    Step { sequence: u32, group: u8, ends: bool, digit: bool },
}

/// A place where a text stands, and which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    // In this order places are sorted.
    end: u32,
    start: u32,
    text: u32,
}

impl Place {
    /// Where it stands.
    pub(crate) const fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// The texts while a rule set is compiled.
#[derive(Debug, Default)]
pub(super) struct TextsBuilder {
    /// The number of each text, apart for those that begin words.
    known: HashMap<(String, bool), u32>,
    owners: Vec<(u32, Owner)>,
}

impl TextsBuilder {
    /// Adds a phrase.
    pub(super) fn add_phrase(&mut self, phrase: String, owner: Owner) {
        let begins_word =
            phrase.starts_with(|first: char| first.is_ascii_alphanumeric() || is_beyond_ascii(first));
        let starts = begins_word && matches!(owner, Owner::Word(_));
        self.add(phrase, starts, owner);
    }

    /// Adds a text; `starts`: it begins with a letter or digit, and is only asked for where none is before it.
    pub(super) fn add(&mut self, text: String, starts: bool, owner: Owner) {
        let in_tree = starts && text.len() <= BYTES_IN_TREE_MAX;
        let next = self.known.len() as u32;
        let number = *self.known.entry((text, in_tree)).or_insert(next);
        self.owners.push((number, owner));
    }

    /// Builds tree and automata.
    pub(super) fn build(mut self) -> Result<Texts, BuildError> {
        // What only patterns with digits ask for is not looked for where there are none.
        let mut digits = vec![true; self.known.len()];
        for (text, owner) in &self.owners {
            digits[*text as usize] &= matches!(owner, Owner::Step { digit: true, .. });
        }
        let sort = |text: &str, in_tree: bool, number: u32| {
            if in_tree {
                Sort::Tree
            } else if !text.is_ascii() {
                Sort::BeyondAscii
            } else if digits[number as usize] {
                Sort::WithDigits
            } else {
                Sort::Anywhere
            }
        };
        let mut texts: Vec<(Sort, String, u32)> = self
            .known
            .into_iter()
            .map(|((text, in_tree), number)| (sort(&text, in_tree, number), text, number))
            .collect();
        texts.sort_unstable();
        // Texts are numbered as they are sorted.
        let mut numbers = vec![0; texts.len()];
        for (new, (.., old)) in (0..).zip(&texts) {
            numbers[*old as usize] = new;
        }
        for (text, _) in &mut self.owners {
            *text = numbers[*text as usize];
        }
        self.owners.sort_by_key(|(text, _)| *text);
        let first_owner = |text: u32| self.owners.partition_point(|(of, _)| *of < text) as u32;
        let of = |wanted: RangeInclusive<Sort>| {
            let first = texts.partition_point(|(sort, ..)| sort < wanted.start());
            let end = texts.partition_point(|(sort, ..)| sort <= wanted.end());
            (first as u32, texts[first..end].iter().map(|(_, text, _)| text.as_str()).collect::<Vec<_>>())
        };
        let beyond_ascii = of(Sort::BeyondAscii..=Sort::BeyondAscii);
        let mut characters = Bits::new();
        for text in &beyond_ascii.1 {
            text.chars().filter(|ch| !ch.is_ascii()).for_each(|ch| characters.insert(ch as usize));
        }
        Ok(Texts {
            tree: Tree::of(&of(Sort::Tree..=Sort::Tree).1),
            anywhere: Others::build(of(Sort::Anywhere..=Sort::Anywhere))?,
            with_digits: Others::build(of(Sort::Anywhere..=Sort::WithDigits))?,
            beyond_ascii: Others::build(beyond_ascii)?,
            characters,
            first_owners: (0..=texts.len() as u32).map(first_owner).collect(),
            owners: self.owners.iter().map(|(_, owner)| *owner).collect(),
        })
    }
}

/// How a text is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Sort {
    /// Where words begin.
    Tree,
    Anywhere,
    /// Anywhere, in texts with digits.
    WithDigits,
    /// Anywhere, in texts that are not ASCII.
    BeyondAscii,
}

/// A character beyond ASCII that words begin with.
fn is_beyond_ascii(ch: char) -> bool {
    !ch.is_ascii() && in_word(ch)
}

/// Texts that may begin inside a word.
#[derive(Debug)]
struct Others {
    automaton: AhoCorasick,
    /// The number of the first.
    first: u32,
}

impl Others {
    fn build((first, texts): (u32, Vec<&str>)) -> Result<Option<Self>, BuildError> {
        if texts.is_empty() {
            return Ok(None);
        }
        let bytes: usize = texts.iter().map(|text| text.len()).sum();
        let kind =
            if bytes <= DENSE_BYTES_MAX { AhoCorasickKind::DFA } else { AhoCorasickKind::ContiguousNFA };
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .start_kind(StartKind::Unanchored)
            .kind(Some(kind))
            .build(texts)?;
        Ok(Some(Self { automaton, first }))
    }

    fn places<'p>(&'p self, text: &'p str) -> impl Iterator<Item = Place> + 'p {
        self.automaton.find_overlapping_iter(text).map(|found| Place {
            end: found.end() as u32,
            start: found.start() as u32,
            text: self.first + found.pattern().as_u32(),
        })
    }
}

/// The texts of a compiled rule set. They are numbered: those in the tree first, then the others.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    tree: Tree,
    anywhere: Option<Others>,
    /// Those anywhere, too: a text is gone through once.
    with_digits: Option<Others>,
    beyond_ascii: Option<Others>,
    /// The characters that are not ASCII of those beyond ASCII.
    characters: Bits,
    owners: Box<[Owner]>,
    /// Where the owners of each text begin, and where the last ones end.
    first_owners: Box<[u32]>,
}

impl Texts {
    /// What a text belongs to, in the order of the document.
    pub(crate) fn owners(&self, place: Place) -> &[Owner] {
        let text = place.text as usize;
        &self.owners[self.first_owners[text] as usize..self.first_owners[text + 1] as usize]
    }

    /// Every place in a folded text where a text stands, overlapping or not, in the order of their ends. Those
    /// that begin words may also be in places where only an ASCII letter or digit could not stand before them.
    pub(crate) fn places(&self, text: &str) -> Vec<Place> {
        let mut places = Vec::with_capacity(64);
        each_start(text, |start| self.climb(text, start, &mut places));
        let may_have_digits = has_digit(text) || !text.is_ascii();
        if let Some(others) = if may_have_digits { &self.with_digits } else { &self.anywhere } {
            places.extend(others.places(text));
        }
        if let Some(others) = &self.beyond_ascii
            && beyond_ascii(text).any(|(_, ch)| self.characters.contains(ch as usize))
        {
            places.extend(others.places(text));
        }
        places.sort_unstable();
        places
    }

    /// The places of texts that begin words and that a stretch of a text, or a character beside one, may be
    /// part of. The stretches are in order.
    pub(crate) fn places_near(&self, text: &str, stretches: &[Range<usize>]) -> Vec<Place> {
        let mut places = Vec::new();
        let mut next = stretches.iter().peekable();
        each_start(text, |start| {
            while next.next_if(|stretch| stretch.end < start).is_some() {}
            if next.peek().is_some_and(|stretch| stretch.start <= start + self.tree.longest()) {
                self.climb(text, start, &mut places);
            }
        });
        places.sort_unstable();
        places
    }

    /// Adds the texts of the tree that begin at a place.
    fn climb(&self, text: &str, start: usize, places: &mut Vec<Place>) {
        self.tree.climb(&text.as_bytes()[start..], |length, text| {
            places.push(Place { end: (start + length) as u32, start: start as u32, text });
        });
    }
}

/// Calls `each` wherever something that begins with a letter or digit may begin a word, for `\b` of ASCII as
/// well as by [`is_whole`](crate::text::words::is_whole).
fn each_start(text: &str, mut each: impl FnMut(usize)) {
    let begins = |at: usize, ch| {
        in_word(ch) && !text[..at].chars().next_back().is_some_and(|before| joins(before, ch))
    };
    let mut others = beyond_ascii(text).filter(|(at, ch)| begins(*at, *ch)).map(|(at, _)| at).peekable();
    for run in alphanumeric_runs(text) {
        while let Some(at) = others.next_if(|at| *at < run.start) {
            each(at);
        }
        each(run.start);
    }
    others.for_each(each);
}

#[cfg(test)]
mod tests {
    use super::*;

    const CIALIS: Owner = Owner::Word(EntryId(0));
    const MONEY: Owner = Owner::Word(EntryId(1));
    const ANYWHERE: Owner = Owner::Substring(EntryId(2));
    const DIGIT: Owner = Owner::Step { sequence: 0, group: 0, ends: false, digit: true };

    fn texts() -> Texts {
        let mut builder = TextsBuilder::default();
        builder.add_phrase("cialis".into(), CIALIS);
        builder.add_phrase("free money".into(), MONEY);
        builder.add_phrase("cialis".into(), ANYWHERE);
        builder.add_phrase("пидор".into(), ANYWHERE);
        builder.add("bet".into(), false, DIGIT);
        builder.build().unwrap()
    }

    fn told(texts: &Texts, places: Vec<Place>) -> Vec<(Owner, usize)> {
        let owners =
            |place: Place| texts.owners(place).iter().map(move |owner| (*owner, place.range().start));
        places.into_iter().flat_map(owners).collect()
    }

    fn found(text: &str) -> Vec<(Owner, usize)> {
        let texts = texts();
        told(&texts, texts.places(text))
    }

    #[test]
    fn texts_are_found_where_words_begin_or_anywhere_in_the_order_of_their_ends() {
        assert_eq!(
            found("a specialist, free money, cialis"),
            [(ANYWHERE, 5), (MONEY, 14), (CIALIS, 26), (ANYWHERE, 26)]
        );
        assert_eq!(found("xfree money free"), []);
        assert_eq!(found("xпидор"), [(ANYWHERE, 1)]);
        // Whether it is a word for Unicode, too, is for others to say.
        assert_eq!(found("яfree money"), [(MONEY, 2)]);
    }

    #[test]
    fn what_only_patterns_with_digits_ask_for_is_found_beside_digits() {
        assert_eq!(found("alphabet"), []);
        assert_eq!(found("alphabet 1"), [(DIGIT, 5)]);
    }

    #[test]
    fn only_what_reaches_a_stretch_is_found_near_it() {
        let texts = texts();
        let near = |text, stretch| told(&texts, texts.places_near(text, &[stretch]));
        let text = "free money and some more words, free money";
        assert_eq!(near(text, 0..2), [(MONEY, 0)]);
        assert_eq!(near(text, 10..11), [(MONEY, 0)]);
        assert_eq!(near(text, 31..32), [(MONEY, 32)]);
        assert_eq!(near(text, 15..19), []);
    }
}
