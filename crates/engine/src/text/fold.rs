//! The folded view: what lists and patterns are matched against.
//!
//! Compatibility-decomposed, in lower case, accents of Latin letters dropped, recomposed (NFKC);
//! invisible characters removed; framed letters bare; apostrophes and hyphens those of the keyboard,
//! since phones write others; text under a right-to-left override as it is read; every run of white
//! space one space. ASCII text only changes case,
//! so its map is the identity unless white space has to be folded.

use std::ops::Range;

use memchr::memmem;
use unicode_normalization::char::{canonical_combining_class, decompose_compatible};
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

use super::chars::{framed_letter, is_invisible, is_latin, is_mark, letter_of_flag};
use super::flags;
use super::map::{ByteMap, MappedWriter};

/// Marks kept on one character. Unicode's stream-safe format (UAX #15 §13) allows 30; more is not
/// writing, and a bound keeps a stack of 30,000 marks cheap.
const MARKS_MAX: usize = 30;

/// Folds a text.
pub(crate) fn fold(source: &str) -> (String, ByteMap) {
    if source.is_ascii() { fold_ascii(source) } else { fold_unicode(source) }
}

/// Folds a text whose positions do not matter, such as a list entry.
pub(crate) fn folded(source: &str) -> String {
    fold(source).0
}

fn fold_ascii(source: &str) -> (String, ByteMap) {
    if plain_length(source.as_bytes()) == source.len() {
        return (source.to_ascii_lowercase(), ByteMap::identity());
    }
    let mut out = MappedWriter::with_capacity(source.len());
    let mut at = 0;
    for word in source.split_ascii_whitespace() {
        let start = word.as_ptr() as usize - source.as_ptr() as usize;
        if at > 0 {
            out.atom(" ", at..start);
        }
        out.same(word, start);
        at = start + word.len();
    }
    if at < source.len() && at > 0 {
        out.atom(" ", at..source.len());
    }
    let (mut text, map) = out.finish();
    text.make_ascii_lowercase();
    (text, map)
}

fn fold_unicode(source: &str) -> (String, ByteMap) {
    let mut out = MappedWriter::with_capacity(source.len());
    let mut copied = 0;
    for (whole, reversed) in overridden(source) {
        fold_part(source, copied..whole.start, &mut out);
        let reversed =
            if out.last().is_none_or(|last| last == ' ') { reversed.trim_start() } else { &reversed };
        out.atom(reversed, whole.clone());
        copied = whole.end;
    }
    fold_part(source, copied..source.len(), &mut out);
    out.finish()
}

/// Stretches under a right-to-left override that a reader sees backwards, and how he reads them, folded.
/// Only ASCII: scripts that are written from the right are not turned by it.
fn overridden(source: &str) -> Vec<(Range<usize>, String)> {
    const OVERRIDE: &str = "\u{202E}";
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(start) = memmem::find(&source.as_bytes()[from..], OVERRIDE.as_bytes()) {
        let inside = from + start + OVERRIDE.len();
        let rest = &source[inside..];
        let end = inside + rest.find(['\u{202C}', '\n', '\u{2029}']).unwrap_or(rest.len());
        let mut text = MappedWriter::with_capacity(end - inside);
        fold_part(source, inside..end, &mut text);
        let (text, _) = text.finish();
        if text.is_ascii() && !text.trim().is_empty() {
            found.push((from + start..end, text.chars().rev().collect()));
        }
        from = end;
    }
    found
}

/// Folds a part of a text: plain stretches at once, what is between them character by character.
fn fold_part(source: &str, part: Range<usize>, out: &mut MappedWriter) {
    let bytes = source.as_bytes();
    let mut at = part.start;
    while at < part.end {
        let plain = plain_length(&bytes[at..part.end]);
        out.lower_case(&source[at..at + plain], at);
        at += plain;
        let odd = bytes[at..part.end].iter().skip(1).position(u8::is_ascii_graphic);
        let end = odd.map_or(part.end, |length| at + 1 + length);
        fold_characters(source, at..end, out);
        at = end;
    }
}

/// How many bytes of a text only change case: ASCII words with one space between them, up to the
/// character that something may combine with.
#[expect(clippy::needless_bitwise_bool, reason = "vectors have no branches")]
fn plain_length(bytes: &[u8]) -> usize {
    // So many at once are for the vector unit.
    const BLOCK: usize = 32;
    let is_plain = |before: u8, byte: u8| byte.is_ascii_graphic() | ((byte == b' ') & (before != b' '));
    let mut length = usize::from(bytes.first().is_some_and(u8::is_ascii_graphic));
    if length > 0 {
        while let Some(here) = bytes[length..].first_chunk::<BLOCK>()
            && let Some(before) = bytes[length - 1..].first_chunk::<BLOCK>()
            && before.iter().zip(here).fold(true, |all, (before, byte)| all & is_plain(*before, *byte))
        {
            length += BLOCK;
        }
        length += bytes[length - 1..].windows(2).take_while(|pair| is_plain(pair[0], pair[1])).count();
    }
    if bytes.get(length).is_some_and(|next| !next.is_ascii()) { length.saturating_sub(1) } else { length }
}

fn fold_characters(source: &str, part: Range<usize>, out: &mut MappedWriter) {
    let mut cluster = Cluster::default();
    let from = part.start;
    let chars = source[part.clone()].char_indices().map(|(at, ch)| (from + at, ch));
    let mut chars = chars.filter(|(_, ch)| !is_invisible(*ch)).peekable();
    while let Some((at, ch)) = chars.next() {
        let next = chars.peek().map_or('\0', |(_, next)| *next);
        if stands_alone(next) && cluster.is_empty() {
            if ch.is_ascii_graphic() {
                out.same_char(ch.to_ascii_lowercase(), at);
                continue;
            }
            if is_settled(ch) {
                out.same_char(ch, at);
                continue;
            }
            if let Some(key) = key_for(ch) {
                out.atom(key.encode_utf8(&mut [0; 4]), at..at + ch.len_utf8());
                continue;
            }
            if ch.is_ascii() {
                // White space or a control character.
                if out.last().is_some_and(|last| last != ' ') {
                    out.atom(" ", at..at + 1);
                }
                continue;
            }
        }
        if letter_of_flag(ch).is_some() {
            let run = flags::run(&source[at..part.end]);
            let are_flags = flags::are_flags(run);
            for (offset, indicator) in run.char_indices() {
                let here = at + offset;
                match letter_of_flag(indicator).filter(|_| !are_flags) {
                    Some(letter) => {
                        out.atom(letter.encode_utf8(&mut [0; 4]), here..here + indicator.len_utf8());
                    }
                    None => out.same_char(indicator, here),
                }
            }
            while chars.next_if(|(here, _)| *here < at + run.len()).is_some() {}
            continue;
        }
        cluster.take(ch, at);
        if stands_alone(next) || !attaches(next) {
            cluster.write(out);
        }
    }
}

/// Characters before which a cluster surely ends: the cheap half of [`attaches`].
const fn stands_alone(ch: char) -> bool {
    ch < '\u{300}' || is_settled(ch)
}

/// Lower-case letters and ideographs that folding leaves as they are.
const fn is_settled(ch: char) -> bool {
    matches!(ch, '\u{430}'..='\u{45F}' | '\u{3041}'..='\u{3094}' | '\u{30A1}'..='\u{30F4}' | '\u{4E00}'..='\u{9FFF}')
}

/// The key that people press for a typographic apostrophe or hyphen. Dashes are none: they part
/// sentences, not words.
const fn key_for(ch: char) -> Option<char> {
    match ch {
        '\u{2018}' | '\u{2019}' | '\u{201B}' | '\u{2BC}' | '\u{2032}' => Some('\''),
        '\u{2010}' | '\u{2011}' => Some('-'),
        _ => None,
    }
}

/// Whether folding writes a key in place of a character, wherever it stands.
pub(crate) const fn is_key(ch: char) -> bool {
    key_for(ch).is_some()
}

/// The two characters that stand for a whole sentence, 18 and 8 characters long. They stay as they
/// are: written out, a body of them would grow twelvefold.
const fn is_formula(ch: char) -> bool {
    matches!(ch, '\u{FDFA}' | '\u{FDFB}')
}

/// Whether a character may combine with the one before it.
fn attaches(ch: char) -> bool {
    canonical_combining_class(ch) != 0
        || is_mark(ch)
        || is_nfc_quick(std::iter::once(ch)) == IsNormalized::Maybe
}

/// A character and what combines with it: the unit in which normal forms are made.
#[derive(Default)]
struct Cluster {
    /// Decomposed and in lower case.
    chars: String,
    marks: usize,
    /// The last character that is not a mark.
    base: Option<char>,
    start: usize,
    end: usize,
}

impl Cluster {
    const fn is_empty(&self) -> bool {
        self.end == 0
    }

    fn take(&mut self, ch: char, at: usize) {
        if self.is_empty() {
            self.start = at;
        }
        self.end = at + ch.len_utf8();
        if is_formula(ch) {
            self.put(ch);
        } else if let Some(letter) = framed_letter(ch) {
            self.put(letter);
        } else {
            decompose_compatible(ch, |part| self.put(part));
        }
    }

    fn put(&mut self, part: char) {
        if is_mark(part) {
            // An accent matters only on letters of a script that is not Latin: й is not и, but é is e.
            let kept = self.base.is_some_and(|base| base.is_alphabetic() && !is_latin(base));
            if kept && self.marks < MARKS_MAX {
                self.marks += 1;
                self.chars.push(part);
            }
            return;
        }
        if is_invisible(part) {
            return;
        }
        self.marks = 0;
        match part {
            'ß' | 'ẞ' => self.chars.push_str("ss"),
            'ς' => self.chars.push('σ'),
            _ => match key_for(part) {
                Some(key) => self.chars.push(key),
                None => self.chars.extend(part.to_lowercase()),
            },
        }
        self.base = self.chars.chars().next_back();
    }

    fn write(&mut self, out: &mut MappedWriter) {
        let mut composed = String::with_capacity(self.chars.len());
        // Compatibility decomposition, then canonical composition: NFKC.
        for ch in self.chars.nfc() {
            if ch.is_whitespace() || ch.is_control() {
                let last = composed.chars().next_back().or_else(|| out.last());
                if last.is_some_and(|last| last != ' ') {
                    composed.push(' ');
                }
            } else {
                composed.push(ch);
            }
        }
        out.atom(&composed, self.start..self.end);
        *self = Self { chars: std::mem::take(&mut self.chars), ..Self::default() };
        self.chars.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spelling_variants_fold_to_one() {
        for (text, expected) in [
            ("Hello World", "hello world"),
            ("  two \r\n\tspaces ", "two spaces "),
            ("Café CAFÉ cafe\u{301}", "cafe cafe cafe"),
            ("Straße STRASSE", "strasse strasse"),
            ("ｆｕｌｌ 𝐛𝐨𝐥𝐝 ﬁne", "full bold fine"),
            ("ca\u{200B}si\u{AD}no", "casino"),
            ("İstanbul", "istanbul"),
            ("й Й и\u{306}", "й й й"),
            ("ΣΊΣΥΦΟΣ", "σίσυφοσ"),
            ("⒜🅑🅲ⓓ🄴", "abcde"),
            ("Don’t ʼt brain‑dead – no", "don't 't brain-dead – no"),
            ("🇫🇺🇨🇰 🇸 🇪", "fuck s e"),
            ("🇫🇷🇪🇪 🇺🇸", "🇫🇷🇪🇪 🇺🇸"),
            ("so \u{202E}argaiv\u{202C} 1", "so viagra 1"),
            ("\u{202E}שלום\u{202C}", "שלום"),
        ] {
            assert_eq!(folded(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_match_across_invisible_characters_points_at_all_of_them() {
        let source = "x ca\u{200B}SI\u{200B}no y";
        let (text, map) = fold(source);
        let at = text.find("casino").unwrap();
        assert_eq!(&source[map.source(at..at + 6)], "ca\u{200B}SI\u{200B}no");
    }
}
