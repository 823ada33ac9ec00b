//! How long the body is.

use super::{Analyzer, Context, Observed};
use crate::rules::schema::{FieldId, FieldSet};
use crate::text::words::for_each_word;

pub(crate) const ANALYZER: Analyzer = Analyzer {
    provides: FieldSet::of(&[FieldId::BodyChars, FieldId::BodyLines, FieldId::BodyWords]),
    needs: FieldSet::of(&[]),
    run: |context, seen| measure(context, seen),
};

fn measure(context: &Context<'_>, seen: &mut Observed<'_>) {
    let body = context.body.raw();
    seen.set_count(FieldId::BodyChars, body.chars().count());
    seen.set_count(FieldId::BodyLines, body.lines().count());
    if context.rules.used().contains(FieldId::BodyWords) {
        let mut words = 0;
        for_each_word(context.body.folded(), |_| words += 1);
        seen.set_count(FieldId::BodyWords, words);
    }
}
