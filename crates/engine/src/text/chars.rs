//! What kind of character it is: the few properties the views and analyzers need.

use std::sync::LazyLock;

use unicode_normalization::char::is_combining_mark;

/// What is asked of nearly every character is looked up: going through the ranges costs three times as
/// much, and one apostrophe that is not ASCII is enough to need them for a whole text.
static PROPERTIES: LazyLock<Box<[u8]>> =
    LazyLock::new(|| (0..TABLED).map(|code| char::from_u32(code).map_or(0, properties_of)).collect());

/// The Basic Multilingual Plane: 64 KiB, of which a text touches a few pages.
const TABLED: u32 = 0x1_0000;

const LETTER: u8 = 1;
const WORD: u8 = 1 << 1;
const MARK: u8 = 1 << 2;
const INVISIBLE: u8 = 1 << 3;
const UNSPACED: u8 = 1 << 4;

fn properties_of(ch: char) -> u8 {
    let letter = ch.is_alphabetic();
    let mark = is_combining_mark(ch);
    [
        (LETTER, letter),
        (WORD, letter || mark || ch.is_numeric()),
        (MARK, mark),
        (INVISIBLE, takes_no_room(ch)),
        (UNSPACED, is_unspaced(ch)),
    ]
    .into_iter()
    .fold(0, |properties, (property, has)| if has { properties | property } else { properties })
}

#[inline]
fn has(ch: char, property: u8) -> bool {
    let properties = PROPERTIES.get(ch as usize).copied().unwrap_or_else(|| properties_of(ch));
    properties & property != 0
}

/// Characters that take no room: removed from the folded view, whatever they are there for.
#[inline]
pub(crate) fn is_invisible(ch: char) -> bool {
    has(ch, INVISIBLE)
}

const fn takes_no_room(ch: char) -> bool {
    matches!(ch,
        '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}'
        | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}'
        | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}')
}

/// Invisible characters that ordinary writing hardly needs. Variation selectors are left out (every
/// second emoji has one); joiners are judged by what they join, in the analyzer.
pub(crate) fn is_hiding(ch: char) -> bool {
    is_invisible(ch)
        && !matches!(ch, '\u{FE00}'..='\u{FE0F}' | '\u{180B}'..='\u{180F}' | '\u{E0100}'..='\u{E01EF}')
}

/// Joins what stands before and after it: legitimate in emoji sequences, Persian and Indic scripts.
pub(crate) const fn is_joiner(ch: char) -> bool {
    matches!(ch, '\u{200C}' | '\u{200D}')
}

/// A mark drawn on the character before it.
#[inline]
pub(crate) fn is_mark(ch: char) -> bool {
    has(ch, MARK)
}

/// A pictograph: the blocks that hold nearly all emoji, and regional indicators.
pub(crate) const fn is_emoji(ch: char) -> bool {
    matches!(ch,
        '\u{2600}'..='\u{27BF}' | '\u{2B05}'..='\u{2B07}' | '\u{2B1B}' | '\u{2B1C}' | '\u{2B50}' | '\u{2B55}'
        | '\u{1F000}'..='\u{1F0FF}' | '\u{1F170}'..='\u{1F251}' | '\u{1F300}'..='\u{1F64F}'
        | '\u{1F680}'..='\u{1F6FF}' | '\u{1F7E0}'..='\u{1F7EB}' | '\u{1F900}'..='\u{1FAFF}')
}

/// The letter, in lower case, of a symbol that shows it in a frame and has no decomposition, or one to
/// several characters: `⒜`, `🄐`, `🅐`, `🅰`.
pub(crate) fn framed_letter(ch: char) -> Option<char> {
    let first = match ch {
        '\u{249C}'..='\u{24B5}' => '\u{249C}',
        '\u{1F110}'..='\u{1F129}' => '\u{1F110}',
        '\u{1F150}'..='\u{1F169}' => '\u{1F150}',
        '\u{1F170}'..='\u{1F189}' => '\u{1F170}',
        _ => return None,
    };
    char::from_u32('a' as u32 + (ch as u32 - first as u32))
}

/// The letter, in lower case, that a regional indicator stands for.
pub(crate) fn letter_of_flag(ch: char) -> Option<char> {
    matches!(ch, '\u{1F1E6}'..='\u{1F1FF}')
        .then(|| char::from_u32('a' as u32 + (ch as u32 - 0x1_F1E6)))
        .flatten()
}

/// A letter of the Latin script.
pub(crate) const fn is_latin(ch: char) -> bool {
    ch.is_ascii_alphabetic()
        || matches!(ch, '\u{AA}' | '\u{BA}' | '\u{C0}'..='\u{D6}' | '\u{D8}'..='\u{F6}' | '\u{F8}'..='\u{2AF}'
            | '\u{1D00}'..='\u{1D25}' | '\u{1E00}'..='\u{1EFF}' | '\u{2C60}'..='\u{2C7F}' | '\u{A720}'..='\u{A7FF}' | '\u{AB30}'..='\u{AB64}')
}

/// A letter of the Cyrillic or Greek script, which share many shapes with Latin.
pub(crate) const fn is_latin_like(ch: char) -> bool {
    matches!(ch, '\u{370}'..='\u{3FF}' | '\u{400}'..='\u{52F}' | '\u{1F00}'..='\u{1FFF}')
}

/// Scripts written without spaces, where every character may begin a word.
const fn is_unspaced(ch: char) -> bool {
    matches!(ch,
        '\u{0E00}'..='\u{0EFF}' | '\u{1000}'..='\u{109F}' | '\u{1780}'..='\u{17FF}' | '\u{3040}'..='\u{30FF}'
        | '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}' | '\u{20000}'..='\u{3FFFF}')
}

/// A letter of any script.
#[inline]
pub(crate) fn is_letter(ch: char) -> bool {
    has(ch, LETTER)
}

/// The characters of a text that are not ASCII, with their places. In most texts that have some they are few,
/// and none is a letter: they are quotation marks, dashes, emoji.
pub(crate) fn beyond_ascii(text: &str) -> impl Iterator<Item = (usize, char)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + ascii_length(&text.as_bytes()[at..]);
        let ch = text[start..].chars().next()?;
        at = start + ch.len_utf8();
        Some((start, ch))
    })
}

/// How many bytes are such.
#[inline]
pub(crate) fn count_bytes(bytes: &[u8], is_such: impl Fn(u8) -> bool) -> usize {
    // So few at a time that their number fits into a byte, which is what vectors are good at.
    let count = |chunk: &[u8]| usize::from(chunk.iter().map(|byte| u8::from(is_such(*byte))).sum::<u8>());
    bytes.chunks(usize::from(u8::MAX)).map(count).sum()
}

/// How many bytes of ASCII a text begins with.
fn ascii_length(bytes: &[u8]) -> usize {
    // So many at once are for the vector unit; but in some scripts there are none.
    const BLOCK: usize = 32;
    if bytes.first().is_none_or(|byte| !byte.is_ascii()) {
        return 0;
    }
    let (blocks, _) = bytes.as_chunks::<BLOCK>();
    let length = blocks.iter().take_while(|block| block.is_ascii()).count() * BLOCK;
    length + bytes[length..].iter().take_while(|byte| byte.is_ascii()).count()
}

/// Whether a text has an ASCII digit. Nearly no text has, and the vector unit sees that at once, where it is
/// not asked of each byte whether to go on.
pub(crate) fn has_digit(text: &str) -> bool {
    text.as_bytes().chunks(64).any(|chunk| chunk.iter().fold(false, |has, byte| has | byte.is_ascii_digit()))
}

/// A character that can be part of a word.
#[inline]
pub(crate) fn in_word(ch: char) -> bool {
    has(ch, WORD)
}

/// Whether a character of a word goes on with the word of the one before it.
#[inline]
pub(crate) fn goes_on(before: char, ch: char) -> bool {
    !(has(before, UNSPACED) || has(ch, UNSPACED)) || is_mark(ch)
}

/// Whether two neighbouring characters are inside one word.
pub(crate) fn joins(before: char, after: char) -> bool {
    if before.is_ascii() && after.is_ascii() {
        return before.is_ascii_alphanumeric() && after.is_ascii_alphanumeric();
    }
    in_word(before) && in_word(after) && goes_on(before, after)
}
