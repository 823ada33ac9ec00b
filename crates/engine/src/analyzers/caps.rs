//! Shouting: the share of capitals.

use super::{Analyzer, Context, Observed};
use crate::rules::schema::{FieldId, FieldSet};

/// Below this many letters with case a share says nothing: "OK", "LOL", "NASA did it".
const LETTERS_MIN: usize = 12;

pub(crate) const ANALYZER: Analyzer = Analyzer {
    provides: FieldSet::of(&[FieldId::CapsShare]),
    needs: FieldSet::of(&[]),
    run: |context, seen| measure(context, seen),
};

fn measure(context: &Context<'_>, seen: &mut Observed<'_>) {
    let text = context.body.plain();
    let mut upper = 0;
    let mut lower = 0;
    if text.is_ascii() {
        // So few bytes at a time that their numbers fit into bytes, which is what vectors are good at.
        for chunk in text.as_bytes().chunks(usize::from(u8::MAX)) {
            upper += usize::from(chunk.iter().map(|byte| u8::from(byte.is_ascii_uppercase())).sum::<u8>());
            lower += usize::from(chunk.iter().map(|byte| u8::from(byte.is_ascii_lowercase())).sum::<u8>());
        }
    } else {
        for ch in text.chars() {
            upper += usize::from(ch.is_uppercase());
            lower += usize::from(ch.is_lowercase());
        }
    }
    if upper + lower >= LETTERS_MIN {
        seen.set_share(FieldId::CapsShare, upper, upper + lower);
    }
}
