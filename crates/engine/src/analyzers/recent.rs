//! How fast comments come, and whether their text was seen before.

use moderato_domain::{Field, Windows};

use super::{Analyzer, Context, Observed, Value};
use crate::facts::{RATES, REPEATS};
use crate::rules::schema::{FieldId, FieldSet};

/// How fast comments come.
pub(crate) const RATE: Analyzer = Analyzer {
    provides: FieldSet::of(&RATES[0]).union(FieldSet::of(&RATES[1])).union(FieldSet::of(&RATES[2])),
    needs: FieldSet::of(&[]),
    run: |context, seen| {
        let rates = &context.facts.rates;
        for (fields, known) in RATES.iter().zip([rates.author, rates.network, rates.thread]) {
            let Some(Windows(counts)) = known else { continue };
            for (field, count) in fields.iter().zip(counts) {
                tell(context, seen, *field, count);
            }
        }
    },
};

/// Whether the text was seen before.
pub(crate) const REPEAT: Analyzer = Analyzer {
    provides: FieldSet::of(&REPEATS),
    needs: FieldSet::of(&[]),
    run: |context, seen| {
        let Some(known) = context.facts.repeats else { return };
        let counts = [known.author, known.site, known.identical, known.authors, known.sites];
        for (field, count) in REPEATS.into_iter().zip(counts) {
            tell(context, seen, field, count);
            if count > 0 {
                seen.seen_at(field, Field::Body, 0..context.comment.body.len());
            }
        }
    },
};

/// Sets a field that some rule uses; its neighbours would only make verdicts longer.
fn tell(context: &Context<'_>, seen: &mut Observed<'_>, field: FieldId, count: u32) {
    if context.used.contains(field) {
        seen.set(field, Value::Count(i64::from(count)));
    }
}
