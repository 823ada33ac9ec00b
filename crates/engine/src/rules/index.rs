//! Which rules can match at all: each rule waits for something without which its condition is false,
//! so that a comment costs as much as the rules it touches, not as much as there are rules.

use std::collections::HashMap;

use super::eval::{compare, constant};
use super::expr::{Comparison, Expr, Operand, Test};
use super::schema::{FieldId, FieldKind};
use crate::analyzers::{Observed, Value};
use crate::bits::Bits;

/// Something that has to be there.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Wanted {
    /// An entry of a list in a field.
    List(FieldId, u16),
    /// A match of a pattern.
    Pattern(u16),
    /// A field that is there, not zero, and at least so large (seconds, of spans of time).
    Field(FieldId, f64),
}

impl Wanted {
    /// How many comments have it, roughly: a word of a list is rarer than a link, and many links are
    /// rarer than one.
    fn commonness(self) -> usize {
        match self {
            Self::List(..) | Self::Pattern(_) => 1,
            Self::Field(_, least) if least > 1.0 => 5,
            Self::Field(..) => 10,
        }
    }

    /// A field that tells anything at all.
    const fn telling(field: FieldId) -> Self {
        Self::Field(field, f64::NEG_INFINITY)
    }
}

/// The rules, by what they wait for.
#[derive(Debug, Default)]
pub(super) struct RuleIndex {
    /// Those that wait for nothing.
    always: Bits,
    by_list: HashMap<(FieldId, u16), Vec<u32>>,
    by_pattern: HashMap<u16, Vec<u32>>,
    /// For each field, the least values that rules wait for, smallest first.
    by_field: Vec<(FieldId, Vec<(f64, u32)>)>,
}

impl RuleIndex {
    /// Sorts conditions, numbered from zero.
    pub(super) fn of<'r>(conditions: impl Iterator<Item = &'r Expr>) -> Self {
        let mut index = Self::default();
        for (rule, condition) in (0_u32..).zip(conditions) {
            let Some(wanted) = necessary(condition) else {
                index.always.insert(rule as usize);
                continue;
            };
            for one in wanted {
                match one {
                    Wanted::List(field, list) => index.by_list.entry((field, list)).or_default().push(rule),
                    Wanted::Pattern(pattern) => index.by_pattern.entry(pattern).or_default().push(rule),
                    Wanted::Field(field, least) => {
                        match index.by_field.iter_mut().find(|(of, _)| *of == field) {
                            Some((_, rules)) => rules.push((least, rule)),
                            None => index.by_field.push((field, vec![(least, rule)])),
                        }
                    }
                }
            }
        }
        for (_, rules) in &mut index.by_field {
            rules.sort_by(|left, right| left.0.total_cmp(&right.0));
        }
        index
    }

    /// The rules that wait for nothing.
    pub(super) fn always(&self) -> impl Iterator<Item = usize> {
        self.always.iter()
    }

    /// The rules that can match what was seen.
    pub(super) fn candidates(&self, seen: &Observed<'_>) -> Bits {
        let mut candidates = self.always.clone();
        let mut add = |rules: &[u32]| rules.iter().for_each(|rule| candidates.insert(*rule as usize));
        for hit in seen.list_hits() {
            self.by_list.get(&hit).into_iter().for_each(|rules| add(rules));
        }
        for pattern in seen.matched_patterns() {
            self.by_pattern.get(&(pattern as u16)).into_iter().for_each(|rules| add(rules));
        }
        for (field, rules) in &self.by_field {
            let value = seen.value(*field);
            if value.is_telling() {
                let size = size(value).unwrap_or(f64::INFINITY);
                let reached = rules.partition_point(|(least, _)| *least <= size);
                rules[..reached].iter().for_each(|(_, rule)| candidates.insert(*rule as usize));
            }
        }
        candidates
    }
}

/// Things of which one has to be there for the condition to hold; `None`: it can hold without any.
fn necessary(condition: &Expr) -> Option<Vec<Wanted>> {
    match &condition.test {
        Test::All(parts) => {
            let cost = |wanted: &Vec<Wanted>| wanted.iter().map(|one| one.commonness()).sum::<usize>();
            parts.iter().filter_map(necessary).min_by_key(cost)
        }
        Test::Any(parts) => {
            let mut all = Vec::new();
            for part in parts {
                for wanted in necessary(part)? {
                    if !all.contains(&wanted) {
                        all.push(wanted);
                    }
                }
            }
            Some(all)
        }
        Test::Not(_) => None,
        Test::Flag(field) => Some(vec![Wanted::telling(*field)]),
        Test::HasList(field, list, _) => Some(vec![Wanted::List(*field, *list)]),
        Test::Matches(_, pattern) => Some(vec![Wanted::Pattern(*pattern)]),
        Test::In(field, literals) => {
            let zero = zero(*field);
            let never = literals.iter().all(|literal| !compare(&zero, Comparison::Equal, &constant(literal)));
            never.then(|| vec![Wanted::telling(*field)])
        }
        Test::Compare(left, comparison, right) => {
            let at_zero = |side: &Operand| match side {
                Operand::Field(field) => zero(*field),
                Operand::Literal(_) => Value::Absent,
            };
            let (left_value, right_value) = match (left, right) {
                (Operand::Field(_), Operand::Literal(literal)) => (at_zero(left), constant(literal)),
                (Operand::Literal(literal), Operand::Field(_)) => (constant(literal), at_zero(right)),
                _ => (at_zero(left), at_zero(right)),
            };
            if compare(&left_value, *comparison, &right_value) {
                return None;
            }
            // What a field that has to be larger than a constant has to reach.
            let least = match (left, comparison, right) {
                (
                    Operand::Field(_),
                    Comparison::Greater | Comparison::AtLeast | Comparison::Equal,
                    Operand::Literal(_),
                ) => size(&right_value),
                (
                    Operand::Literal(_),
                    Comparison::Less | Comparison::AtMost | Comparison::Equal,
                    Operand::Field(_),
                ) => size(&left_value),
                _ => None,
            };
            let fields = [left, right].into_iter().filter_map(|side| match side {
                Operand::Field(field) => Some(Wanted::Field(*field, least.unwrap_or(f64::NEG_INFINITY))),
                Operand::Literal(_) => None,
            });
            Some(fields.collect())
        }
    }
}

/// A value as a number, if it has a size.
fn size(value: &Value<'_>) -> Option<f64> {
    match value {
        Value::Duration(span) => Some(span.as_secs_f64()),
        value => value.number(),
    }
}

/// The value of a field that tells nothing. (An absent one makes every comparison false.)
const fn zero(field: FieldId) -> Value<'static> {
    match field.kind() {
        FieldKind::Flag => Value::Flag(false),
        FieldKind::Count => Value::Count(0),
        FieldKind::Number => Value::Number(0.0),
        FieldKind::Duration => Value::Duration(std::time::Duration::ZERO),
        FieldKind::Text | FieldKind::Domain => Value::Text(""),
        FieldKind::Domains | FieldKind::Address | FieldKind::Author => Value::Absent,
    }
}

#[cfg(test)]
mod tests {
    use super::super::expr::{Names, parse};
    use super::*;
    use crate::error::RuleSetProblem;

    struct Numbered;

    impl Names for Numbered {
        fn list(&mut self, name: &str, _: FieldId) -> Result<u16, RuleSetProblem> {
            Ok(name.len() as u16)
        }
        fn pattern(&mut self, pattern: &str, _: FieldId) -> Result<u16, RuleSetProblem> {
            Ok(pattern.len() as u16)
        }
    }

    #[test]
    fn rules_wait_for_the_rarest_thing_they_need() {
        use FieldId::{AuthorRejected, Body, LinksCount, LinksHosts};
        let list = Wanted::List(Body, 1);
        for (condition, expected) in [
            ("body has list(\"a\")", Some(vec![list])),
            ("links.count >= 1 and body has 3 of list(\"a\")", Some(vec![list])),
            (
                "body has list(\"a\") or links.hosts has list(\"bb\")",
                Some(vec![list, Wanted::List(LinksHosts, 2)]),
            ),
            ("body matches \"xyz\" or body has list(\"a\")", Some(vec![Wanted::Pattern(3), list])),
            ("links.count > 0", Some(vec![Wanted::Field(LinksCount, 0.0)])),
            ("3 <= links.count", Some(vec![Wanted::Field(LinksCount, 3.0)])),
            ("links.count == 2", Some(vec![Wanted::Field(LinksCount, 2.0)])),
            ("links.count >= 1 and links.count > 7", Some(vec![Wanted::Field(LinksCount, 7.0)])),
            ("links.count in [1, 2]", Some(vec![Wanted::telling(LinksCount)])),
            ("links.count != 0", Some(vec![Wanted::telling(LinksCount)])),
            (
                "author.rejected > links.count",
                Some(vec![Wanted::telling(AuthorRejected), Wanted::telling(LinksCount)]),
            ),
            ("links.count in [0, 2]", None),
            ("links.count < 3", None),
            ("author.rejected >= links.count", None),
            ("not body has list(\"a\")", None),
            ("body has list(\"a\") or not author.guest", None),
            ("not author.guest and body has list(\"a\")", Some(vec![list])),
        ] {
            assert_eq!(necessary(&parse(condition, &mut Numbered).unwrap()), expected, "{condition}");
        }
    }
}
