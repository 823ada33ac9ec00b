//! Tries the patterns of rules on the texts of a comment.

use std::ops::Range;

use moderato_domain::{Field, Span};
use regex::Regex;

use super::schema::FieldId;
use crate::analyzers::{Context, Observed, SPANS_MAX, Value, span};
use crate::text::Views;

/// Whether a pattern matches a field.
pub(super) fn is_match(pattern: u16, field: FieldId, context: &Context<'_>, seen: &Observed<'_>) -> bool {
    let pattern_of_rule = context.rules.pattern(pattern);
    match field {
        FieldId::Body => {
            (!pattern_of_rule.filtered || seen.literal_seen(pattern))
                && in_views(&pattern_of_rule.regex, &context.body)
        }
        FieldId::AuthorName => {
            context.name.as_ref().is_some_and(|name| in_views(&pattern_of_rule.regex, name))
        }
        _ => matches!(seen.value(field), Value::Text(text) if pattern_of_rule.regex.is_match(text)),
    }
}

/// Whether a pattern matches a text as folded, or with its look-alikes read as Latin.
fn in_views(regex: &Regex, views: &Views<'_>) -> bool {
    regex.is_match(views.folded()) || views.skeleton().is_some_and(|skeleton| regex.is_match(skeleton))
}

/// Adds where a pattern matches a field.
pub(super) fn spans(pattern: u16, field: FieldId, context: &Context<'_>, spans: &mut Vec<Span>) {
    let regex = &context.rules.pattern(pattern).regex;
    let (views, target) = match field {
        FieldId::Body => (&context.body, Field::Body),
        FieldId::AuthorName => match &context.name {
            Some(name) => (name, Field::AuthorName),
            None => return,
        },
        _ => return,
    };
    let mut add = |text: &str, origin: &dyn Fn(Range<usize>) -> Range<usize>| {
        spans.extend(regex.find_iter(text).take(SPANS_MAX).map(|found| span(target, origin(found.range()))));
    };
    add(views.folded(), &|range| views.folded_origin(range));
    if let Some(skeleton) = views.skeleton() {
        add(skeleton, &|range| views.skeleton_origin(range));
    }
}
