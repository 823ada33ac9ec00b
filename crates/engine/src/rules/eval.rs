//! Evaluates conditions, and collects the evidence of those that hold.

use moderato_domain::Span;

use super::expr::{Comparison, Expr, Literal, Operand, Test};
use crate::analyzers::{Context, Observed, Value, pattern_spans};

/// Whether the condition holds. A comparison with an absent value does not.
pub(crate) fn holds(expr: &Expr, seen: &Observed<'_>) -> bool {
    match &expr.test {
        Test::All(parts) => parts.iter().all(|part| holds(part, seen)),
        Test::Any(parts) => parts.iter().any(|part| holds(part, seen)),
        Test::Not(inner) => !holds(inner, seen),
        Test::Flag(field) => matches!(seen.value(*field), Value::Flag(true)),
        Test::Compare(left, comparison, right) => {
            compare(&operand(left, seen), *comparison, &operand(right, seen))
        }
        Test::In(field, literals) => {
            let value = seen.value(*field);
            literals.iter().any(|literal| compare(value, Comparison::Equal, &constant(literal)))
        }
        Test::HasList(field, list, wanted) => {
            let (entries, unnamed) = seen.entries_of(*field, *list);
            entries.len() + unnamed >= usize::from(*wanted)
        }
        Test::Matches(_, pattern) => seen.matched(*pattern),
    }
}

/// Adds where in the texts the parts of a condition that hold were seen. What stands under `not` was
/// not seen.
pub(crate) fn evidence(expr: &Expr, context: &Context<'_>, seen: &Observed<'_>, spans: &mut Vec<Span>) {
    match &expr.test {
        Test::All(parts) | Test::Any(parts) => {
            for part in parts.iter().filter(|part| holds(part, seen)) {
                evidence(part, context, seen, spans);
            }
        }
        Test::Not(_) => {}
        Test::Flag(field) | Test::In(field, _) => spans.extend(seen.spans_of(*field)),
        Test::Compare(left, _, right) => {
            for side in [left, right] {
                if let Operand::Field(field) = side {
                    spans.extend(seen.spans_of(*field));
                }
            }
        }
        Test::HasList(field, list, _) => spans.extend(seen.list_spans(*field, *list)),
        Test::Matches(_, pattern) => pattern_spans(*pattern, context, seen, spans),
    }
}

fn operand<'v>(operand: &'v Operand, seen: &'v Observed<'_>) -> Value<'v> {
    match operand {
        Operand::Field(field) => *seen.value(*field),
        Operand::Literal(literal) => constant(literal),
    }
}

pub(crate) fn constant(literal: &Literal) -> Value<'_> {
    match literal {
        Literal::Flag(flag) => Value::Flag(*flag),
        Literal::Count(count) => Value::Count(*count),
        Literal::Number(number) => Value::Number(*number),
        Literal::Duration(span) => Value::Duration(*span),
        Literal::Text(text) => Value::Text(text),
    }
}

pub(super) fn compare(left: &Value<'_>, comparison: Comparison, right: &Value<'_>) -> bool {
    use std::cmp::Ordering::{Equal, Greater, Less};
    let order = match (left, right) {
        (Value::Count(left), Value::Count(right)) => Some(left.cmp(right)),
        (Value::Flag(left), Value::Flag(right)) => Some(left.cmp(right)),
        (Value::Duration(left), Value::Duration(right)) => Some(left.cmp(right)),
        // Texts are only compared for equality: language tags and domains ignore ASCII case.
        (Value::Text(left), Value::Text(right)) => {
            Some(if left.eq_ignore_ascii_case(right) { Equal } else { Less })
        }
        _ => left.number().zip(right.number()).and_then(|(left, right)| left.partial_cmp(&right)),
    };
    let Some(order) = order else { return false };
    match comparison {
        Comparison::Equal => order == Equal,
        Comparison::Unequal => order != Equal,
        Comparison::Less => order == Less,
        Comparison::AtMost => order != Greater,
        Comparison::Greater => order == Greater,
        Comparison::AtLeast => order != Less,
    }
}
