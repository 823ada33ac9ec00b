//! Words of a view: their positions, and whether a match stands on word boundaries.

use std::ops::Range;

use super::chars::{goes_on, in_word, joins};

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
            if word.chars().nth(1).is_some() {
                words.longer.push(hash(word));
            }
        });
        words
    }
}

/// Eight bytes at a time; by the finaliser of SplitMix64, in which every bit depends on every bit.
fn hash(word: &str) -> u64 {
    let (eights, rest) = word.as_bytes().as_chunks::<8>();
    let last = rest.iter().fold(rest.len() as u64, |last, byte| last << 8 | u64::from(*byte));
    let mut hash = 0;
    for part in eights.iter().map(|bytes| u64::from_le_bytes(*bytes)).chain([last]) {
        let mixed: u64 = hash ^ part;
        let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        hash = mixed ^ (mixed >> 31);
    }
    hash
}

/// Calls `each` with every word of a folded text, in order: a run of letters, digits and their marks
/// (an ASCII apostrophe between letters belongs to the word). In scripts written without spaces every
/// character is one, as in UAX #29, whose full rules cost ten times as much and differ in nothing
/// that rules ask.
pub(crate) fn for_each_word<'t>(text: &'t str, mut each: impl FnMut(&'t str)) {
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
            each(&text[from..at]);
            start = None;
        }
        if start.is_none() && inside {
            start = Some(at);
        }
        before = ch;
    }
    if let Some(from) = start {
        each(&text[from..]);
    }
}

fn ascii_words<'t>(text: &'t str, mut each: impl FnMut(&'t str)) {
    let bytes = text.as_bytes();
    let alphanumeric =
        |from: usize| bytes[from..].iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
    let mut at = 0;
    while let Some(gap) = bytes[at..].iter().position(u8::is_ascii_alphanumeric) {
        let start = at + gap;
        at = start + alphanumeric(start);
        while bytes.get(at) == Some(&b'\'') && bytes.get(at + 1).is_some_and(u8::is_ascii_alphabetic) {
            at += 1 + alphanumeric(at + 1);
        }
        each(&text[start..at]);
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
        for_each_word(text, |word| found.push(word));
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
