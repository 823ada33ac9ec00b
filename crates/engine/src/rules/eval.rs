//! Evaluates conditions, and collects the evidence of those that hold.

use moderato_domain::Span;

use super::expr::{Comparison, Expr, Literal, Operand};
use super::patterns_of_text;
use crate::analyzers::{Context, Observed, Value};

/// Whether the condition holds. A comparison with an absent value does not.
pub(crate) fn holds(expr: &Expr, context: &Context<'_>, seen: &Observed<'_>) -> bool {
    match expr {
        Expr::All(parts) => parts.iter().all(|part| holds(part, context, seen)),
        Expr::Any(parts) => parts.iter().any(|part| holds(part, context, seen)),
        Expr::Not(inner) => !holds(inner, context, seen),
        Expr::Flag(field) => matches!(seen.value(*field), Value::Flag(true)),
        Expr::Compare(left, comparison, right) => {
            compare(&operand(left, seen), *comparison, &operand(right, seen))
        }
        Expr::In(field, literals) => {
            let value = seen.value(*field);
            literals.iter().any(|literal| compare(value, Comparison::Equal, &constant(literal)))
        }
        Expr::HasList(field, list, entries) => seen.in_list(*field, *list) >= usize::from(*entries),
        Expr::Matches(field, pattern) => patterns_of_text::is_match(*pattern, *field, context, seen),
    }
}

/// Adds where in the texts the parts of a condition that hold were seen. What stands under `not` was
/// not seen.
pub(crate) fn evidence(expr: &Expr, context: &Context<'_>, seen: &Observed<'_>, spans: &mut Vec<Span>) {
    let mut add = |operand: &Operand| {
        if let Operand::Field(field) = operand {
            spans.extend(seen.spans_of(*field));
        }
    };
    match expr {
        Expr::All(parts) | Expr::Any(parts) => {
            for part in parts.iter().filter(|part| holds(part, context, seen)) {
                evidence(part, context, seen, spans);
            }
        }
        Expr::Not(_) => {}
        Expr::Flag(field) | Expr::In(field, _) => add(&Operand::Field(*field)),
        Expr::Compare(left, _, right) => {
            add(left);
            add(right);
        }
        Expr::HasList(field, list, _) => spans.extend(seen.list_spans(*field, *list)),
        Expr::Matches(field, pattern) => patterns_of_text::spans(*pattern, *field, context, spans),
    }
}

fn operand<'v>(operand: &'v Operand, seen: &'v Observed<'_>) -> Value<'v> {
    match operand {
        Operand::Field(field) => *seen.value(*field),
        Operand::Literal(literal) => constant(literal),
    }
}

fn constant(literal: &Literal) -> Value<'_> {
    match literal {
        Literal::Flag(flag) => Value::Flag(*flag),
        Literal::Count(count) => Value::Count(*count),
        Literal::Number(number) => Value::Number(*number),
        Literal::Duration(span) => Value::Duration(*span),
        Literal::Text(text) => Value::Text(text),
    }
}

fn compare(left: &Value<'_>, comparison: Comparison, right: &Value<'_>) -> bool {
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
