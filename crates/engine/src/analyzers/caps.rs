//! Shouting: the share of capitals.

use super::{Analyzer, Context, Observed};
use crate::rules::schema::{FieldId, FieldSet};
use crate::text::chars::{beyond_ascii, count_bytes};

/// Below this many letters with case a share says nothing: "OK", "LOL", "NASA did it".
const LETTERS_MIN: usize = 12;

pub(crate) const ANALYZER: Analyzer = Analyzer {
    provides: FieldSet::of(&[FieldId::CapsShare]),
    needs: FieldSet::of(&[]),
    run: |context, seen| measure(context, seen),
};

fn measure(context: &Context<'_>, seen: &mut Observed<'_>) {
    let text = context.body.plain();
    let mut upper = count_bytes(text.as_bytes(), |byte| byte.is_ascii_uppercase());
    let mut lower = count_bytes(text.as_bytes(), |byte| byte.is_ascii_lowercase());
    for (_, ch) in beyond_ascii(text) {
        upper += usize::from(ch.is_uppercase());
        lower += usize::from(ch.is_lowercase());
    }
    if upper + lower >= LETTERS_MIN {
        seen.set_share(FieldId::CapsShare, upper, upper + lower);
    }
}
