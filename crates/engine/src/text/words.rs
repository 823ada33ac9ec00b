//! Words of a view: their positions, and whether a match stands on word boundaries.

use std::ops::Range;

use super::chars::{goes_on, in_word, joins};
use super::runs::alphanumeric_runs;

/// The words of a text: how many there are, and which are equal.
#[derive(Debug, Default)]
pub(crate) struct Words {
    pub(crate) count: usize,
    /// Hashes of those that have more than one character, in order. Single characters are particles and
    /// laughter: "a", "哈哈哈".
    pub(crate) longer: Vec<u64>,
}

impl Words {
    /// The words of a folded text.
    pub(crate) fn of(text: &str) -> Self {
        let mut words = Self { count: 0, longer: Vec::with_capacity(text.len() / 5) };
        for_each_word(text, |word| {
            words.count += 1;
            if text[word.clone()].chars().nth(1).is_some() {
                words.longer.push(hash(text.as_bytes(), word));
            }
        });
        words
    }
}

/// The hash of a word. Eight bytes at a time; by the finaliser of SplitMix64, in which every bit depends on
/// every bit.
fn hash(text: &[u8], word: Range<usize>) -> u64 {
    let (eights, rest) = text[word.clone()].as_chunks::<8>();
    let last = lowest(&text[word.end - rest.len()..], rest.len());
    let mut hash = word.len() as u64;
    for part in eights.iter().map(|bytes| u64::from_le_bytes(*bytes)).chain([last]) {
        let mixed: u64 = hash ^ part;
        let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        hash = mixed ^ (mixed >> 31);
    }
    hash
}

/// Up to seven bytes as a number. Those behind them are read along where there are some: how many there are is
/// nothing that a processor guesses.
fn lowest(bytes: &[u8], count: usize) -> u64 {
    match bytes.first_chunk() {
        Some(eight) => u64::from_le_bytes(*eight) & ((1 << (8 * count)) - 1),
        None => bytes[..count].iter().rev().fold(0, |all, byte| all << 8 | u64::from(*byte)),
    }
}

/// Calls `each` with the place of every word of a folded text, in order: a run of letters, digits and their marks
/// (an ASCII apostrophe between letters belongs to the word). In scripts written without spaces every
/// character is one, as in UAX #29, whose full rules cost ten times as much and differ in nothing
/// that rules ask.
pub(crate) fn for_each_word(text: &str, mut each: impl FnMut(Range<usize>)) {
    if text.is_ascii() {
        ascii_words(text, each);
        return;
    }
    let mut start = None;
    let mut before = ' ';
    for (at, ch) in text.char_indices() {
        let inside = in_word(ch);
        if let Some(from) = start
            && !(inside && goes_on(before, ch))
        {
            each(from..at);
            start = None;
        }
        if start.is_none() && inside {
            start = Some(at);
        }
        before = ch;
    }
    if let Some(from) = start {
        each(from..text.len());
    }
}

fn ascii_words(text: &str, mut each: impl FnMut(Range<usize>)) {
    let bytes = text.as_bytes();
    let mut runs = alphanumeric_runs(text).peekable();
    while let Some(Range { start, mut end }) = runs.next() {
        while bytes.get(end) == Some(&b'\'')
            && let Some(more) =
                runs.next_if(|next| next.start == end + 1 && bytes[next.start].is_ascii_alphabetic())
        {
            end = more.end;
        }
        each(start..end);
    }
}

/// Whether a match neither begins nor ends inside a word: *cialis* is not in *specialist*.
pub(crate) fn is_whole(text: &str, range: Range<usize>) -> bool {
    let cut = |at: usize| {
        let before = text[..at].chars().next_back();
        let after = text[at..].chars().next();
        matches!((before, after), (Some(before), Some(after)) if joins(before, after))
    };
    !cut(range.start) && !cut(range.end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<&str> {
        let mut found = Vec::new();
        for_each_word(text, |word| found.push(&text[word]));
        found
    }

    #[test]
    fn words_are_found_in_every_script() {
        assert_eq!(words("don't stop, 2 go's!"), ["don't", "stop", "2", "go's"]);
        assert_eq!(words("größe и мир"), ["größe", "и", "мир"]);
        assert_eq!(words("हिन्दी भाषा"), ["हिन्दी", "भाषा"]);
        assert_eq!(words("日本 x"), ["日", "本", "x"]);
        assert!(words("...").is_empty());
    }

    #[test]
    fn a_part_of_a_word_is_not_a_word() {
        let whole = |text: &str, part: &str| {
            let at = text.find(part).unwrap();
            is_whole(text, at..at + part.len())
        };
        assert!(!whole("a specialist", "cialis"));
        assert!(!whole("wordpress", "press"));
        assert!(!whole("größenwahn", "größen"));
        assert!(whole("buy_cialis_now", "cialis"));
        assert!(whole("casino.example", "casino"));
        assert!(whole("私は馬鹿だ", "馬鹿"));
    }
}
