//! Stretched text: one character, or one word, over and over.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

use moderato_domain::Field;

use super::{Analyzer, Context, Observed};
use crate::rules::schema::{FieldId, FieldSet};
use crate::text::words::for_each_word;

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
    let mut longest = (0, 0..0);
    let mut current = (0, 0..0, ' ');
    for (at, ch) in text.char_indices() {
        let end = at + ch.len_utf8();
        if ch == current.2 {
            current.0 += 1;
            current.1.end = end;
        } else {
            current = (1, at..end, ch);
        }
        if current.0 > longest.0 && ch != ' ' {
            longest = (current.0, current.1.clone());
        }
    }
    seen.set_count(FieldId::RepetitionRun, longest.0);
    if longest.0 >= RUN_NOTED_MIN {
        seen.seen_at(FieldId::RepetitionRun, Field::Body, context.body.folded_origin(longest.1));
    }
}

fn word_share(context: &Context<'_>, seen: &mut Observed<'_>) {
    if !context.rules.used().contains(FieldId::RepetitionWordShare) {
        return;
    }
    // Equal words have equal hashes; sorting brings them together without a table of strings.
    let hasher = BuildHasherDefault::<DefaultHasher>::default();
    let mut words = Vec::with_capacity(128);
    for_each_word(context.body.folded(), |word| {
        // Single characters are particles and laughter: "a", "哈哈哈".
        if word.chars().nth(1).is_some() {
            words.push(hasher.hash_one(word));
        }
    });
    if words.len() < WORDS_MIN {
        return;
    }
    words.sort_unstable();
    let most = words.chunk_by(|left, right| left == right).map(<[u64]>::len).max().unwrap_or_default();
    seen.set_share(FieldId::RepetitionWordShare, most, words.len());
}
