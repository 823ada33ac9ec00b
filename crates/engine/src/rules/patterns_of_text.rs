//! Tries the patterns of rules on the texts of a comment.

use std::ops::Range;

use moderato_domain::{Field, Span};

use super::schema::FieldId;
use crate::analyzers::{Context, Observed, SPANS_MAX, Value, span};

/// Whether a pattern matches a field.
pub(super) fn is_match(pattern: u16, field: FieldId, context: &Context<'_>, seen: &Observed<'_>) -> bool {
    let pattern_of_rule = context.rules.pattern(pattern);
    match field {
        FieldId::Body => {
            (!pattern_of_rule.filtered || seen.literal_seen(pattern))
                && pattern_of_rule.regex.is_match(context.body.folded())
        }
        FieldId::AuthorName => {
            context.name.as_ref().is_some_and(|name| pattern_of_rule.regex.is_match(name.folded()))
        }
        _ => matches!(seen.value(field), Value::Text(text) if pattern_of_rule.regex.is_match(text)),
    }
}

/// Adds where a pattern matches a field.
pub(super) fn spans(pattern: u16, field: FieldId, context: &Context<'_>, spans: &mut Vec<Span>) {
    let regex = &context.rules.pattern(pattern).regex;
    let mut add = |text: &str, target: Field, origin: &dyn Fn(Range<usize>) -> Range<usize>| {
        spans.extend(regex.find_iter(text).take(SPANS_MAX).map(|found| span(target, origin(found.range()))));
    };
    match field {
        FieldId::Body => add(context.body.folded(), Field::Body, &|range| context.body.folded_origin(range)),
        FieldId::AuthorName => {
            if let Some(name) = &context.name {
                add(name.folded(), Field::AuthorName, &|range| name.folded_origin(range));
            }
        }
        _ => {}
    }
}
