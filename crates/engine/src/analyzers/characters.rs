//! Odd characters: invisible ones, stacked marks, mixed scripts, floods of emoji.

use std::ops::Range;

use moderato_domain::Field;

use super::{Analyzer, Context, Observed};
use crate::rules::schema::{FieldId, FieldSet};
use crate::text::chars::{
    beyond_ascii, count_bytes, is_emoji, is_hiding, is_joiner, is_latin, is_latin_like, is_letter, is_mark,
};

pub(crate) const ANALYZER: Analyzer = Analyzer {
    provides: FieldSet::of(&[
        FieldId::InvisibleCount,
        FieldId::InvisibleShare,
        FieldId::CombiningMaxRun,
        FieldId::LettersMixed,
        FieldId::EmojiCount,
        FieldId::EmojiShare,
    ]),
    needs: FieldSet::of(&[]),
    run: |context, seen| {
        count(context, seen);
        mixed_words(context, seen);
    },
};

/// The flag of England and its like: a black flag, then tag characters.
const BLACK_FLAG: char = '\u{1F3F4}';

fn count(context: &Context<'_>, seen: &mut Observed<'_>) {
    let body = context.body.raw();
    if body.is_ascii() {
        for field in [FieldId::InvisibleCount, FieldId::CombiningMaxRun, FieldId::EmojiCount] {
            seen.set_count(field, 0);
        }
        seen.set_share(FieldId::InvisibleShare, 0, 1);
        seen.set_share(FieldId::EmojiShare, 0, 1);
        return;
    }
    let mut total = 0;
    let mut visible = 0;
    let mut invisible = 0;
    let mut emoji = 0;
    let mut marks = 0;
    let mut marks_start = 0;
    let mut most_marks = (0, 0..0);
    let mut before = ' ';
    let mut from = 0;
    for (at, ch) in beyond_ascii(body) {
        let end = at + ch.len_utf8();
        if from < at {
            let plain = &body.as_bytes()[from..at];
            total += plain.len();
            visible += count_bytes(plain, |byte| !is_space(byte));
            marks = 0;
            before = char::from(body.as_bytes()[at - 1]);
        }
        from = end;
        total += 1;
        if is_mark(ch) {
            if marks == 0 {
                marks_start = at - if at == 0 { 0 } else { before.len_utf8() };
            }
            marks += 1;
            if marks > most_marks.0 {
                most_marks = (marks, marks_start..end);
            }
        } else {
            marks = 0;
        }
        if is_hiding(ch) && !belongs(ch, before) {
            invisible += 1;
            seen.seen_at(FieldId::InvisibleCount, Field::Body, at..end);
        } else {
            visible += usize::from(!ch.is_whitespace());
            emoji += usize::from(is_emoji(ch));
        }
        // Tags of a flag follow each other: they belong to the flag, not to the tag before.
        if !(before == BLACK_FLAG && matches!(ch, '\u{E0000}'..='\u{E007F}')) {
            before = ch;
        }
    }
    let plain = &body.as_bytes()[from..];
    total += plain.len();
    visible += count_bytes(plain, |byte| !is_space(byte));
    seen.set_count(FieldId::InvisibleCount, invisible);
    seen.set_share(FieldId::InvisibleShare, invisible, total);
    seen.set_count(FieldId::CombiningMaxRun, most_marks.0);
    if most_marks.0 > 1 {
        seen.seen_at(FieldId::CombiningMaxRun, Field::Body, most_marks.1);
    }
    seen.set_count(FieldId::EmojiCount, emoji);
    seen.set_share(FieldId::EmojiShare, emoji, visible);
}

/// White space of ASCII, asked in a way that the vector unit can.
#[expect(clippy::needless_bitwise_bool, reason = "vectors have no branches")]
const fn is_space(byte: u8) -> bool {
    (byte == b' ') | ((byte >= b'\t') & (byte <= b'\r') & (byte != 0x0B))
}

/// Words that mix scripts are seen in the folded view, where hidden characters do not part them.
fn mixed_words(context: &Context<'_>, seen: &mut Observed<'_>) {
    let mut mixed = 0;
    for range in mixed_words_in(context.body.folded()) {
        mixed += 1;
        seen.seen_at(FieldId::LettersMixed, Field::Body, context.body.folded_origin(range));
    }
    seen.set_count(FieldId::LettersMixed, mixed);
}

/// The words of a folded text that mix Latin with Cyrillic or Greek letters.
pub(super) fn mixed_words_in(text: &str) -> impl Iterator<Item = Range<usize>> {
    let looked_at = if beyond_ascii(text).any(|(_, ch)| is_letter(ch)) { text } else { "" };
    let ends = looked_at.char_indices().chain(std::iter::once((looked_at.len(), ' ')));
    let mut word = (0, false, false);
    ends.filter_map(move |(at, ch)| {
        if is_letter(ch) {
            word.1 |= is_latin(ch);
            word.2 |= is_latin_like(ch);
            return None;
        }
        let (start, latin, latin_like) = std::mem::replace(&mut word, (at + ch.len_utf8(), false, false));
        (latin && latin_like).then_some(start..at)
    })
}

/// Whether an invisible character does what it is there for.
fn belongs(ch: char, before: char) -> bool {
    let joins = is_joiner(ch)
        && (is_emoji(before)
            || before == '\u{FE0F}'
            || is_mark(before)
            || (before.is_alphabetic() && !is_latin(before)));
    joins || (before == BLACK_FLAG && matches!(ch, '\u{E0000}'..='\u{E007F}'))
}
