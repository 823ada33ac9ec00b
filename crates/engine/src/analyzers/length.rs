//! How long the body is, and how much of it is markup.

use unicode_segmentation::UnicodeSegmentation;

use super::{Analyzer, Context, Observed};
use crate::rules::schema::{FieldId, FieldSet};

pub(crate) const ANALYZER: Analyzer = Analyzer {
    provides: FieldSet::of(&[
        FieldId::BodyChars,
        FieldId::BodyGraphemes,
        FieldId::BodyLines,
        FieldId::BodyWords,
        FieldId::MarkupShare,
    ]),
    needs: FieldSet::of(&[]),
    run: |context, seen| measure(context, seen),
};

fn measure(context: &Context<'_>, seen: &mut Observed<'_>) {
    let body = context.body.raw();
    seen.set_count(FieldId::BodyChars, body.chars().count());
    seen.set_count(FieldId::BodyLines, body.lines().count());
    let used = context.rules.used();
    if used.contains(FieldId::BodyGraphemes) {
        let graphemes = if body.is_ascii() { body.len() } else { body.graphemes(true).count() };
        seen.set_count(FieldId::BodyGraphemes, graphemes);
    }
    if used.contains(FieldId::MarkupShare) {
        // What entities stand for is text: it counts as what is left of them.
        seen.set_share(
            FieldId::MarkupShare,
            body.len().saturating_sub(context.body.plain().len()),
            body.len(),
        );
    }
    if used.contains(FieldId::BodyWords) {
        seen.set_count(FieldId::BodyWords, context.body.words().count);
    }
}
