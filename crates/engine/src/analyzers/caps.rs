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
        upper = text.bytes().filter(u8::is_ascii_uppercase).count();
        lower = text.bytes().filter(u8::is_ascii_lowercase).count();
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
