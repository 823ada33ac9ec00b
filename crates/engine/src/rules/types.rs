//! Which values of a condition can be compared with which.

use super::expr::{Comparison, Literal, Operand};
use super::schema::FieldKind;

/// Whether the two sides can be compared that way; else what to tell the author of the rule.
pub(super) fn check_comparison(
    left: &Operand,
    comparison: Comparison,
    right: &Operand,
) -> Result<(), String> {
    #[derive(PartialEq)]
    enum Class {
        Flag,
        Number,
        Duration,
        Text,
        Set,
    }
    let describe = |operand: &Operand| match operand {
        Operand::Field(field) => {
            let class = match field.kind() {
                FieldKind::Flag => Class::Flag,
                FieldKind::Count | FieldKind::Number => Class::Number,
                FieldKind::Duration => Class::Duration,
                FieldKind::Text | FieldKind::Domain => Class::Text,
                FieldKind::Domains | FieldKind::Address | FieldKind::Author => Class::Set,
            };
            (class, format!("`{}` is {}", field.id(), field.kind().name()))
        }
        Operand::Literal(Literal::Flag(_)) => (Class::Flag, "this is true or false".into()),
        Operand::Literal(Literal::Count(_) | Literal::Number(_)) => {
            (Class::Number, "this is a number".into())
        }
        Operand::Literal(Literal::Duration(_)) => (Class::Duration, "this is a span of time".into()),
        Operand::Literal(Literal::Text(_)) => (Class::Text, "this is a text".into()),
    };
    let (left_class, left_name) = describe(left);
    let (right_class, right_name) = describe(right);
    if left_class == Class::Set || right_class == Class::Set {
        return Err(format!("{left_name}; it can only be asked `has list(\"…\")`"));
    }
    if left_class != right_class {
        return Err(format!("{left_name}, but {right_name}"));
    }
    let ordered = !matches!(comparison, Comparison::Equal | Comparison::Unequal);
    if ordered && !matches!(left_class, Class::Number | Class::Duration) {
        return Err(format!("{left_name}; only numbers and spans of time can be larger or smaller"));
    }
    if matches!((left, right), (Operand::Literal(_), Operand::Literal(_))) {
        return Err("two constants are always equal or never".into());
    }
    Ok(())
}
