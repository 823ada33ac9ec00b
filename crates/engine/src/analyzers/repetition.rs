//! Stretched text: one character, or one word, over and over.

use std::ops::Range;

use moderato_domain::Field;

use super::{Analyzer, Context, Observed};
use crate::rules::schema::{FieldId, FieldSet};

/// Below this many words of at least two characters a share says nothing: "no no no".
const WORDS_MIN: usize = 6;
/// A run shorter than this is ordinary spelling ("www", "..."), so its place is not noted.
const RUN_NOTED_MIN: usize = 4;

pub(crate) const ANALYZER: Analyzer = Analyzer {
    provides: FieldSet::of(&[FieldId::RepetitionRun, FieldId::RepetitionWordShare]),
    needs: FieldSet::of(&[]),
    run: |context, seen| {
        run_length(context, seen);
        word_share(context, seen);
    },
};

fn run_length(context: &Context<'_>, seen: &mut Observed<'_>) {
    let text = context.body.folded();
    let longest = if text.is_ascii() {
        longest_run_of_ascii(text.as_bytes())
    } else {
        longest_run(text.char_indices().map(|(at, ch)| (at, ch, ch.len_utf8())), ' ')
    };
    seen.set_count(FieldId::RepetitionRun, longest.0);
    if longest.0 >= RUN_NOTED_MIN {
        seen.seen_at(FieldId::RepetitionRun, Field::Body, context.body.folded_origin(longest.1));
    }
}

/// The same for ASCII, where nearly no text has a run of three, and the vector unit sees that at once.
#[expect(clippy::needless_bitwise_bool, reason = "vectors have no branches")]
fn longest_run_of_ascii(text: &[u8]) -> (usize, Range<usize>) {
    let is_run = |length: usize| {
        text.windows(length).fold(false, |any, window| {
            let equal = window.iter().fold(true, |all, byte| all & (*byte == window[0]));
            any | (equal & (window[0] != b' '))
        })
    };
    if is_run(3) {
        longest_run(text.iter().enumerate().map(|(at, byte)| (at, *byte, 1)), b' ')
    } else {
        // Where such a short run is is not noted.
        ((1..=2).rev().find(|length| is_run(*length)).unwrap_or_default(), 0..0)
    }
}

/// How often a character comes in a row that is no space, at most, and where first. Each comes with its place
/// and length.
fn longest_run<C: Copy + PartialEq>(
    chars: impl Iterator<Item = (usize, C, usize)>,
    space: C,
) -> (usize, Range<usize>) {
    let mut longest = (0, 0..0);
    let (mut before, mut start, mut length) = (space, 0, 0);
    for (at, ch, bytes) in chars {
        if ch == before {
            length += 1;
        } else {
            (before, start, length) = (ch, at, 1);
        }
        if length > longest.0 && ch != space {
            longest = (length, start..at + bytes);
        }
    }
    longest
}

fn word_share(context: &Context<'_>, seen: &mut Observed<'_>) {
    if !context.rules.used().contains(FieldId::RepetitionWordShare) {
        return;
    }
    // Sorting brings equal words together without a table of strings.
    let mut words = context.body.words().longer.clone();
    if words.len() < WORDS_MIN {
        return;
    }
    words.sort_unstable();
    let most = words.chunk_by(|left, right| left == right).map(<[u64]>::len).max().unwrap_or_default();
    seen.set_share(FieldId::RepetitionWordShare, most, words.len());
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn runs_of_ascii_are_as_long_as_those_of_characters(text in "[ab .]{0,40}") {
            let slow = longest_run(text.char_indices().map(|(at, ch)| (at, ch, ch.len_utf8())), ' ');
            let fast = longest_run_of_ascii(text.as_bytes());
            proptest::prop_assert_eq!(fast.0, slow.0);
            if slow.0 >= RUN_NOTED_MIN {
                proptest::prop_assert_eq!(fast.1, slow.1);
            }
        }
    }
}
