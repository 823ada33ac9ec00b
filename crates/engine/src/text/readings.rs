//! Readings: the text once more, with spelling games undone.
//!
//! Letters set apart (`f r e e`, `f-r-e-e`), digits and signs for letters (`fr33`, `v1agra`, `a$$`),
//! stretched letters (`freeee`) and marks inside a word (`vi**agra`, `f-uck`) are put back. Some games
//! can be read two ways: `1` is an i or an l, and `goood` stretches *good* or *god*. So there are up to
//! four readings, each the whole text with one answer to both questions. A word that only looks
//! unusual gains a reading and loses none: what the folded text says is still matched as it is.

use std::ops::Range;

use super::chars::{in_word, is_letter};
use super::map::{ByteMap, MappedWriter};

/// Equal letters in a row that no word has: from here on they are stretched.
const STRETCHED_MIN: usize = 3;
/// Single letters in a row that make a word. Two are initials.
const SPACED_MIN: usize = 3;
/// Dotted letters with a dot behind the last are initials (`U.S.A.`) up to this many.
const INITIALS_MAX: usize = 3;
/// A part of a hyphenated word with up to this many letters may be split off by intent (`f-uck`).
const SPLIT_OFF_MAX: usize = 2;
/// Digits in a row beyond this are a number.
const DIGITS_MAX: usize = 4;
/// What people write before and after a word that they space out, without a gap.
const HEADS: [char; 2] = ['a', 'i'];
const TAILS: [&str; 3] = ["you", "u", "off"];

/// Which of two ways something is read.
#[derive(Clone, Copy)]
struct Choice {
    /// `1` and `|` are an l, not an i; a stretched letter that is not the last of its word is double; a
    /// spaced-out word begins after its first letter.
    first: bool,
    /// The last stretched letter of a word is double; a spaced-out word ends before `you`.
    second: bool,
}

/// Something that is to be read differently.
struct Game {
    range: Range<usize>,
    kind: Kind,
    /// Whether the choices make a difference.
    first: bool,
    second: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Single letters with this between them.
    Spaced(char),
    /// A word with signs or stretched letters in it; whether its signs stand for letters.
    Odd { leet: bool },
}

/// Every reading of a folded text; none if it is plainly written. `wide` tells whether the space at a
/// byte was typed as more than one. With each comes what of it was read otherwise.
pub(crate) fn readings(
    text: &str,
    wide: impl Fn(usize) -> bool,
) -> Vec<(String, ByteMap, Vec<Range<usize>>)> {
    let games = games(text, &wide);
    if games.is_empty() {
        return Vec::new();
    }
    let firsts: &[bool] = if games.iter().any(|game| game.first) { &[false, true] } else { &[false] };
    let seconds: &[bool] = if games.iter().any(|game| game.second) { &[false, true] } else { &[false] };
    let choices = firsts.iter().flat_map(|first| seconds.iter().map(|second| (*first, *second)));
    choices.map(|(first, second)| read(text, &games, Choice { first, second })).collect()
}

/// The letter that a digit or sign may stand for.
const fn leet(ch: char, choice: Choice) -> Option<char> {
    Some(match ch {
        '0' => 'o',
        '1' | '|' => {
            if choice.first {
                'l'
            } else {
                'i'
            }
        }
        '!' => 'i',
        '3' | '€' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '6' | '9' => 'g',
        '7' | '+' => 't',
        '8' => 'b',
        '£' => 'l',
        '¢' => 'c',
        _ => return None,
    })
}

const fn stands_for_letter(ch: char) -> bool {
    leet(ch, Choice { first: false, second: false }).is_some()
}

/// Marks that are dropped from a word: emphasis, and hyphens that part a word.
const fn parts_words(ch: char) -> bool {
    matches!(ch, '*' | '~' | '`' | '-' | '_' | '\u{2010}'..='\u{2015}')
}

/// The games in a text, in order.
fn games(text: &str, wide: &impl Fn(usize) -> bool) -> Vec<Game> {
    let mut found = Vec::new();
    let mut at = 0;
    let mut before = ' ';
    while let Some(ch) = text[at..].chars().next() {
        if ch == ' ' {
            before = ch;
            at += 1;
            continue;
        }
        let begins = !in_word(before);
        if begins && let Some(end) = plain_word_end(text, at) {
            at = end;
            before = 'x';
            continue;
        }
        if begins && (is_letter(ch) || stands_for_letter(ch)) {
            if let Some((end, game)) = spaced(text, at, wide) {
                at = end;
                before = 'x';
                found.extend(game);
                continue;
            }
            let end = at + chunk_length(&text[at..]);
            odd_words(text, at..end, &mut found);
            at = end;
            before = text[..at].chars().next_back().unwrap_or(' ');
            continue;
        }
        before = ch;
        at += ch.len_utf8();
    }
    found
}

/// Where the word ends that begins here, if it is nothing but two or more ASCII letters that are not
/// stretched, and what is behind it is none of its signs: no game, as nearly every word.
fn plain_word_end(text: &str, start: usize) -> Option<usize> {
    let bytes = &text.as_bytes()[start..];
    if let Some(eight) = bytes.first_chunk() {
        let letters = u64::from_le_bytes(*eight);
        let length = small_letters(letters);
        // Nearly every word is that short.
        if length < eight.len() {
            let ended = !GOES_ON[usize::from(bytes[length])];
            return (length > 1 && ended && !has_three_in_row(letters, length)).then_some(start + length);
        }
    }
    let (mut before, mut run) = (0, 0);
    let ends = |byte: &u8| {
        run = if *byte == before { run + 1 } else { 1 };
        before = *byte;
        !byte.is_ascii_lowercase() || run == STRETCHED_MIN
    };
    let length = bytes.iter().position(ends).unwrap_or(bytes.len());
    let ended = bytes.get(length).is_none_or(|next| !GOES_ON[usize::from(*next)]);
    (length > 1 && ended).then_some(start + length)
}

/// A one in each of eight bytes.
const ONES: u64 = 0x0101_0101_0101_0101;
/// The uppermost bit of each of eight bytes.
const TOPS: u64 = ONES << 7;

/// With how many small letters of ASCII eight bytes begin (the first is the lowest), all at once: where words
/// end is nothing that a processor guesses.
const fn small_letters(bytes: u64) -> usize {
    let low = bytes & !TOPS;
    let from_a = low + ONES * (0x80 - b'a' as u64);
    let beyond_z = low + ONES * (0x7F - b'z' as u64);
    let others = !(from_a & !beyond_z & !bytes) & TOPS;
    others.trailing_zeros() as usize / 8
}

/// Whether one of the first `length` of eight bytes comes three times in a row among them. Less than eight.
const fn has_three_in_row(bytes: u64, length: usize) -> bool {
    let differences = bytes ^ (bytes >> 8);
    let equal = !(((differences & !TOPS) + !TOPS) | differences) & TOPS;
    let pairs = equal & ((1 << (8 * length.saturating_sub(1))) - 1);
    pairs & (pairs >> 8) != 0
}

/// The bytes with which a word may go on: letters, digits and the signs of games; of other characters, all.
const GOES_ON: [bool; 256] = {
    let mut bytes = [true; 256];
    let mut byte: u8 = 0;
    while byte.is_ascii() {
        let ch = byte as char;
        bytes[byte as usize] = byte.is_ascii_alphanumeric() || stands_for_letter(ch) || parts_words(ch);
        byte += 1;
    }
    bytes
};

/// Single characters with the same one between them, from `start`: where they end, and the word that they
/// make, if they are letters enough.
fn spaced(text: &str, start: usize, wide: &impl Fn(usize) -> bool) -> Option<(usize, Option<Game>)> {
    let mut chars = text[start..].char_indices();
    let first = chars.next()?.1;
    let separator = chars.next().map(|(_, ch)| ch).filter(|ch| !in_word(*ch) && !stands_for_letter(*ch))?;
    let (mut count, mut letters) = (1, usize::from(is_letter(first)));
    let mut end = start + first.len_utf8();
    loop {
        let mut rest = text[end..].chars();
        let gap = rest.next();
        let Some(letter) = rest.next().filter(|ch| is_letter(*ch) || stands_for_letter(*ch)) else { break };
        if gap != Some(separator) || (separator == ' ' && wide(end)) || rest.next().is_some_and(in_word) {
            break;
        }
        count += 1;
        letters += usize::from(is_letter(letter));
        end += separator.len_utf8() + letter.len_utf8();
    }
    if count < SPACED_MIN {
        return None;
    }
    let initials = separator == '.' && count <= INITIALS_MAX && text[end..].starts_with('.');
    if letters < 2 || letters * 2 < count || initials {
        return Some((end, None));
    }
    let spelled = &text[start..end];
    let game = Game {
        range: start..end,
        kind: Kind::Spaced(separator),
        first: spelled.contains(['1', '|']) || (separator == ' ' && HEADS.contains(&first)),
        second: separator == ' ' && tail_length(spelled) > 0,
    };
    Some((end, Some(game)))
}

/// How far the word characters, signs and marks at the start of a text go.
fn chunk_length(text: &str) -> usize {
    text.find(|ch| !(in_word(ch) || stands_for_letter(ch) || parts_words(ch))).unwrap_or(text.len())
}

/// Finds the odd words of a chunk: it is parted at hyphens, apart from those that split off a few letters.
fn odd_words(text: &str, chunk: Range<usize>, found: &mut Vec<Game>) {
    let mut start = chunk.start;
    let mut last_part = 0;
    let mut part = 0;
    let mut hyphen: Option<Range<usize>> = None;
    for (offset, ch) in text[chunk.clone()].char_indices().chain(std::iter::once((chunk.len(), '-'))) {
        let at = chunk.start + offset;
        if !matches!(ch, '-' | '_' | '\u{2010}'..='\u{2015}') {
            part += 1;
            continue;
        }
        // The hyphen before this part parts words if neither side of it is short.
        if let Some(before) = hyphen.take().filter(|_| last_part > SPLIT_OFF_MAX && part > SPLIT_OFF_MAX) {
            odd_word(text, start..before.start, found);
            start = before.end;
        }
        hyphen = Some(at..at + ch.len_utf8());
        last_part = part;
        part = 0;
    }
    odd_word(text, start..chunk.end, found);
}

/// Adds a word if it is oddly spelled.
fn odd_word(text: &str, range: Range<usize>, found: &mut Vec<Game>) {
    let ends = |ch: char| parts_words(ch) || matches!(ch, '!' | '|' | '+');
    let trimmed = text[range.clone()].trim_end_matches(ends);
    let end = range.start + trimmed.len();
    let trimmed = trimmed.trim_start_matches(ends);
    let range = end - trimmed.len()..end;
    let mut shape = Shape::default();
    for ch in trimmed.chars() {
        shape.take(ch);
    }
    let leet = shape.is_leet();
    let stretched = shape.stretched > 0 && trimmed != "www";
    if leet || stretched || (shape.marks > 0 && shape.letters > 1) {
        found.push(Game {
            range,
            kind: Kind::Odd { leet },
            first: (leet && shape.ones) || shape.stretched > 1,
            second: shape.stretched > 0,
        });
    }
}

/// What a word is made of.
#[derive(Default)]
struct Shape {
    letters: usize,
    /// Letters that are not ASCII: nobody mixes those with digits.
    foreign: bool,
    digits: usize,
    digits_in_row: usize,
    most_digits: usize,
    signs: usize,
    ones: bool,
    marks: usize,
    last: Option<char>,
    run: usize,
    stretched: usize,
}

impl Shape {
    fn take(&mut self, ch: char) {
        self.digits_in_row = if ch.is_ascii_digit() { self.digits_in_row + 1 } else { 0 };
        self.most_digits = self.most_digits.max(self.digits_in_row);
        if parts_words(ch) {
            self.marks += 1;
            return;
        }
        match ch {
            '0'..='9' => self.digits += 1,
            _ if stands_for_letter(ch) => self.signs += 1,
            _ if ch.is_ascii_alphabetic() => self.letters += 1,
            _ => self.foreign = true,
        }
        self.ones |= matches!(ch, '1' | '|');
        let read = leet(ch, Choice { first: false, second: false }).unwrap_or(ch);
        self.run = if self.last == Some(read) { self.run + 1 } else { 1 };
        self.stretched += usize::from(self.run == STRETCHED_MIN && !ch.is_ascii_digit());
        self.last = Some(read);
    }

    /// Whether digits and signs stand for letters: there are real letters, or signs, to go with them.
    const fn is_leet(&self) -> bool {
        let certain = self.letters + self.signs;
        let some = self.digits + self.signs > 0;
        some && !self.foreign
            && certain >= 2
            && self.letters * 2 + self.signs >= self.digits
            && (self.letters > 0 || self.signs > self.digits)
            && self.most_digits <= DIGITS_MAX
    }
}

/// Writes the text with the games read one way.
fn read(text: &str, games: &[Game], choice: Choice) -> (String, ByteMap, Vec<Range<usize>>) {
    let mut out = MappedWriter::with_capacity(text.len());
    let mut changed = Vec::with_capacity(games.len());
    let mut copied = 0;
    for game in games {
        out.same(&text[copied..game.range.start], copied);
        copied = game.range.end;
        let start = out.len();
        match game.kind {
            Kind::Spaced(separator) => read_spaced(text, game, separator, choice, &mut out),
            Kind::Odd { leet } => read_odd(text, &game.range, leet, choice, &mut out),
        }
        changed.push(start..out.len());
    }
    out.same(&text[copied..], copied);
    let (text, map) = out.finish();
    (text, map, changed)
}

fn read_spaced(text: &str, game: &Game, separator: char, choice: Choice, out: &mut MappedWriter) {
    let spelled = &text[game.range.clone()];
    let letters = spelled.chars().step_by(2).count();
    let head = usize::from(choice.first && separator == ' ' && spelled.starts_with(HEADS));
    let tail = if choice.second && game.second { tail_length(spelled) } else { 0 };
    let mut at = game.range.start;
    for (index, ch) in spelled.chars().step_by(2).enumerate() {
        if index > 0 && (index == head || index == letters - tail) {
            out.same_char(' ', at - 1);
        }
        write_letter(leet(ch, choice).unwrap_or(ch), ch, at..at + ch.len_utf8(), out);
        at += ch.len_utf8() + separator.len_utf8();
    }
}

/// How many of the letters set apart by spaces are a tail.
fn tail_length(spelled: &str) -> usize {
    let ends = |tail: &&&str| tail.chars().rev().eq(spelled.chars().rev().step_by(2).take(tail.len()));
    TAILS.iter().find(ends).map_or(0, |tail| tail.len())
}

fn read_odd(text: &str, range: &Range<usize>, with_leet: bool, choice: Choice, out: &mut MappedWriter) {
    let word = &text[range.clone()];
    let letter_of = |ch: char| leet(ch, choice).filter(|_| with_leet).unwrap_or(ch);
    let letters = || word.char_indices().filter(|(_, ch)| !parts_words(*ch));
    // Runs of equal letters: how long each is, and which is the last that is stretched.
    let mut runs: Vec<(char, usize)> = Vec::new();
    for (_, ch) in letters() {
        match runs.last_mut() {
            Some((letter, length)) if *letter == letter_of(ch) => *length += 1,
            _ => runs.push((letter_of(ch), 1)),
        }
    }
    let is_stretched = |(letter, length): &(char, usize)| *length >= STRETCHED_MIN && is_letter(*letter);
    let last = runs.iter().rposition(is_stretched);
    let mut letters = letters();
    for (index, run) in runs.iter().enumerate() {
        let double = if Some(index) == last { choice.second } else { choice.first };
        let kept = if is_stretched(run) { 1 + usize::from(double) } else { run.1 };
        for place in 1..=kept {
            let Some((offset, ch)) = letters.next() else { return };
            let mut end = offset + ch.len_utf8();
            if place == kept && run.1 > kept {
                // The last letter that is kept stands for the rest.
                let rest = letters.by_ref().take(run.1 - kept).last();
                end = rest.map_or(end, |(offset, ch)| offset + ch.len_utf8());
            }
            write_letter(run.0, ch, range.start + offset..range.start + end, out);
        }
    }
}

/// Writes a letter in place of what was typed.
fn write_letter(letter: char, typed: char, source: Range<usize>, out: &mut MappedWriter) {
    if source.len() == letter.len_utf8() && typed.len_utf8() == letter.len_utf8() {
        out.same_char(letter, source.start);
    } else {
        out.atom(letter.encode_utf8(&mut [0; 4]), source);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<String> {
        readings(text, |_| false).into_iter().map(|(reading, ..)| reading).collect()
    }

    proptest::proptest! {
        #[test]
        fn a_word_is_plain_whatever_stands_around_it(text in "[a-c]{1,9}([ .!1é*Z][a-c ]{0,9})?") {
            let letters = text.bytes().take_while(u8::is_ascii_lowercase).count();
            let stretched = text.as_bytes()[..letters].windows(3).any(|run| run[0] == run[1] && run[1] == run[2]);
            let goes_on = text[letters..].starts_with(['!', '1', 'é', '*', 'Z']);
            let expected = (letters > 1 && !stretched && !goes_on).then_some(letters);
            proptest::prop_assert_eq!(plain_word_end(&text, 0), expected);
        }
    }

    #[test]
    fn games_are_undone() {
        for (text, expected) in [
            ("f r e e", "free"),
            ("get f.r.e.e now", "get free now"),
            ("f-r-e-e and f_r_e_e", "free and free"),
            ("so fr33", "so free"),
            ("v1agra", "viagra"),
            ("ki11 it", "kill it"),
            ("a$$", "ass"),
            ("@$$", "ass"),
            ("sh!t!", "shit!"),
            ("fffreeeee", "free"),
            ("goood", "good"),
            ("goood", "god"),
            ("vi**agra**", "viagra**"),
            ("f-uck it", "fuck it"),
            ("you are a b i t c h", "you are a bitch"),
            ("f u c k y o u", "fuck you"),
            ("с у к а", "сука"),
            ("buy-v1agra-now", "buy-viagra-now"),
        ] {
            assert!(all(text).iter().any(|reading| reading == expected), "{text}: {:?}", all(text));
        }
    }

    #[test]
    fn ordinary_writing_has_no_reading_of_its_own() {
        for text in [
            "a good, well-known plan b for 2024 at 10:30",
            "the u.s.a. and e.g. that",
            "a b, c d; i am",
            "www.example.com!",
            "no... really?!",
            "it costs $5 or 7%",
            "größe 42",
        ] {
            assert!(all(text).is_empty(), "{text}: {:?}", all(text));
        }
    }

    #[test]
    fn a_reading_points_at_all_that_was_typed() {
        for (text, word, typed) in
            [("so f r e e!", "free", "f r e e"), ("freeeee!", "free", "freeeee"), ("x a$$ y", "ass", "a$$")]
        {
            let readings = readings(text, |_| false);
            let (at, map) =
                readings.iter().find_map(|(reading, map, _)| Some((reading.find(word)?, map))).unwrap();
            assert_eq!(&text[map.source(at..at + word.len())], typed);
        }
    }
}
