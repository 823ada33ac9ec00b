//! What every rule asked about a comment, branch by branch.

use std::fmt::Write as _;

use moderato_api::pb::rules as pb;

use crate::terminal::visible;
use crate::verdict_text;

/// Rules that matched first, then the others in one line each.
pub(super) fn told(explanation: &pb::Explanation) -> String {
    let mut out = format!(
        "\nrules (review from {} points, reject from {})\n",
        explanation.review_from, explanation.reject_from
    );
    let (matched, others): (Vec<_>, Vec<_>) = explanation.rules.iter().partition(|rule| rule.matched);
    for rule in matched {
        // Writing into a String cannot fail, here and below.
        let _ = writeln!(out, "  yes {} {}{}", visible(&rule.rule), weight(rule), bound(rule));
        if let Some(condition) = &rule.condition {
            branch(condition, 3, &mut out);
        }
    }
    for rule in others {
        let condition = rule.condition.as_ref().map(|condition| one_line(&condition.text));
        let _ = writeln!(out, "  no  {}: {}", visible(&rule.rule), condition.unwrap_or_default());
    }
    out
}

fn weight(rule: &pb::ExplainedRule) -> String {
    if rule.action == 0 {
        return format!("{:+}", rule.added);
    }
    verdict_text::action(rule.action).to_owned()
}

/// Why it added less than it stands for.
fn bound(rule: &pb::ExplainedRule) -> String {
    let bounded = rule.action == 0 && (rule.points - rule.added).abs() > f64::EPSILON;
    if bounded {
        format!(" of {:+}: the group {} is full", rule.points, visible(&rule.group))
    } else {
        String::new()
    }
}

fn branch(part: &pb::Branch, depth: usize, out: &mut String) {
    let mark = if part.holds { "yes" } else { "no " };
    let _ = write!(out, "{:width$}{mark} {}", "", one_line(&part.text), width = depth * 2);
    for seen in &part.seen {
        let value = if seen.known { visible(&seen.value) } else { "unknown".to_owned() };
        let _ = write!(out, "  [{} = {value}]", visible(&seen.field));
    }
    for entry in &part.entries {
        let _ = write!(out, "  [{}: {}]", visible(&entry.list), visible(&entry.entry));
    }
    out.push('\n');
    for inner in &part.parts {
        branch(inner, depth + 1, out);
    }
}

/// Without the line breaks of the document.
fn one_line(text: &str) -> String {
    visible(&text.split_whitespace().collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_shows_what_held_and_what_was_seen() {
        let leaf = |text: &str, holds, seen: &str| pb::Branch {
            text: text.into(),
            holds,
            seen: vec![pb::SeenValue { field: seen.into(), value: "3".into(), known: holds }],
            ..pb::Branch::default()
        };
        let rule = |id: &str, matched| pb::ExplainedRule {
            rule: id.into(),
            matched,
            points: 2.0,
            added: if matched { 1.5 } else { 0.0 },
            group: "links".into(),
            condition: Some(pb::Branch {
                text: "links.count > 2\n  and author.guest".into(),
                holds: matched,
                parts: vec![leaf("links.count > 2", true, "links.count"), leaf("x", false, "x")],
                ..pb::Branch::default()
            }),
            ..pb::ExplainedRule::default()
        };
        let explanation = pb::Explanation {
            review_from: 2.0,
            reject_from: 5.0,
            rules: vec![rule("b", false), rule("a", true)],
            ..pb::Explanation::default()
        };
        let expected = "\nrules (review from 2 points, reject from 5)\n  \
                        yes a +1.5 of +2: the group links is full\n      \
                        yes links.count > 2 and author.guest\n        \
                        yes links.count > 2  [links.count = 3]\n        \
                        no  x  [x = unknown]\n  \
                        no  b: links.count > 2 and author.guest\n";
        assert_eq!(told(&explanation), expected);
    }
}
