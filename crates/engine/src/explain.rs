//! Why, in full: each rule's condition, branch by branch.

use moderato_domain::{
    Branch, Comment, ExplainedRule, Explanation, Facts, MatchedEntry, Score, SeenValue, Span,
};

use crate::analyzers::{Context, Observed, SPANS_MAX, pattern_spans};
use crate::pipeline::{conclude, observe, weigh};
use crate::rules::CompiledRuleSet;
use crate::rules::eval::holds;
use crate::rules::expr::{Expr, Operand, Test};
use crate::rules::schema::{FieldId, FieldKind};

/// What stands for an entry that is not told.
const A_MAIL_ADDRESS: &str = "a mail address";
const AN_IP_ADDRESS: &str = "an IP address or network";

/// Judges a comment as [`evaluate`](crate::evaluate) does, and tells of every rule what it asked and
/// what the answers were. Pure.
pub fn explain(rules: &CompiledRuleSet, comment: &Comment, facts: &Facts) -> Explanation {
    observe(rules, comment, facts, &[], |context, seen| {
        let matched = rules.matching(seen);
        let (added, _) = weigh(rules, &matched);
        let mut added = matched.into_iter().zip(added).peekable();
        let explained = rules.rules().iter().map(|rule| {
            let added = added.next_if(|(matched, _)| std::ptr::eq(*matched, rule)).map(|(_, points)| points);
            ExplainedRule {
                rule: rule.id.clone(),
                category: rule.category.clone(),
                guideline: rule.guideline.clone(),
                matched: added.is_some(),
                points: Score::new(rule.points()),
                added: Score::new(added.unwrap_or_default()),
                group: rule.group.map(|group| rules.groups()[group as usize].name.clone()),
                action: rule.demands(),
                never_reject: rule.never_reject,
                condition: branch(&rule.when, &rule.condition, context, seen),
            }
        });
        let (review_from, reject_from) = rules.thresholds();
        Explanation {
            rules: explained.collect(),
            evaluation: conclude(context, seen),
            review_from,
            reject_from,
        }
    })
}

fn branch(expr: &Expr, text: &str, context: &Context<'_>, seen: &Observed<'_>) -> Branch {
    let mut branch = Branch {
        text: text.get(expr.source.start as usize..expr.source.end as usize).unwrap_or_default().to_owned(),
        holds: holds(expr, seen),
        seen: Vec::new(),
        entries: Vec::new(),
        spans: Vec::new(),
        parts: Vec::new(),
    };
    match &expr.test {
        Test::All(parts) | Test::Any(parts) => {
            branch.parts = parts.iter().map(|part| self::branch(part, text, context, seen)).collect();
        }
        Test::Not(inner) => branch.parts = vec![self::branch(inner, text, context, seen)],
        Test::Flag(field) | Test::In(field, _) => look(*field, seen, &mut branch),
        Test::Compare(left, _, right) => {
            for side in [left, right] {
                if let Operand::Field(field) = side {
                    look(*field, seen, &mut branch);
                }
            }
        }
        Test::HasList(field, list, _) => {
            let (entries, unnamed) = seen.entries_of(*field, *list);
            let named = entries.iter().map(|id| entry(*field, *id, context));
            let unnamed = std::iter::repeat_with(|| MatchedEntry {
                list: context.rules.lists().name(*list).to_owned(),
                entry: if field.kind() == FieldKind::Address { AN_IP_ADDRESS } else { A_MAIL_ADDRESS }
                    .to_owned(),
                note: None,
            })
            .take(unnamed);
            branch.entries = named.chain(unnamed).collect();
            branch.spans = seen.list_spans(*field, *list).collect();
        }
        Test::Matches(_, pattern) => pattern_spans(*pattern, context, seen, &mut branch.spans),
    }
    tidy(&mut branch.spans);
    branch
}

fn look(field: FieldId, seen: &Observed<'_>, branch: &mut Branch) {
    if field != FieldId::Body {
        branch.seen.push(SeenValue { field: field.id().to_owned(), value: seen.told(field) });
    }
    branch.spans.extend(seen.spans_of(field));
}

fn entry(field: FieldId, id: crate::rules::lists::EntryId, context: &Context<'_>) -> MatchedEntry {
    let lists = context.rules.lists();
    let entry = lists.entry(id);
    // Addresses of authors are personal data, also where an operator wrote them down.
    let is_mail = field.kind() == FieldKind::Author && entry.value.contains('@');
    MatchedEntry {
        list: lists.name(entry.list).to_owned(),
        entry: if is_mail { A_MAIL_ADDRESS.to_owned() } else { entry.value.to_string() },
        note: entry.note.as_deref().map(str::to_owned),
    }
}

fn tidy(spans: &mut Vec<Span>) {
    spans.sort_unstable_by_key(|span| (span.field as u8, span.start, span.end));
    spans.dedup();
    spans.truncate(SPANS_MAX);
}
