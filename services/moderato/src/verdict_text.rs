//! Verdicts for people: what, why, and the matched words in the text.

use std::fmt::Write as _;

use moderato_api::pb::types as pb;

use crate::terminal::{Marks, lookalikes, marked_lines, visible};

/// The texts that spans of a verdict point into.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Texts<'a> {
    pub body: &'a str,
    pub author_name: &'a str,
    pub author_url: &'a str,
}

/// How much to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detail {
    /// Action and reasons.
    Reasons,
    /// Also every signal.
    Signals,
}

/// The whole verdict.
pub(crate) fn verdict(verdict: &pb::Verdict, texts: Texts<'_>, detail: Detail, marks: Marks) -> String {
    let rules = visible(&verdict.rule_set_version);
    // Writing into a String cannot fail, here and below.
    let mut out = format!("{}  score {:+}  rules {rules}\n", action(verdict.action), verdict.score);
    if verdict.reasons.is_empty() {
        out.push_str("no rule matched\n");
    }
    for reason in &verdict.reasons {
        out.push_str(&reason_lines(reason));
        out.push_str(&matches(&reason.spans, texts, marks));
    }
    let body_marks: Vec<(usize, usize)> =
        verdict.reasons.iter().flat_map(|reason| ranges(&reason.spans, pb::Field::Body)).collect();
    out.push_str("\ntext\n");
    out.push_str(&marked_lines(texts.body, &body_marks, marks, "  "));
    out.push('\n');
    let hidden = lookalikes(texts.body);
    if !hidden.is_empty() {
        let _ = writeln!(out, "  look-alikes: {}", hidden.join("; "));
    }
    if !verdict.degraded.is_empty() {
        let missing: Vec<String> = verdict.degraded.iter().map(|check| visible(check)).collect();
        let _ = writeln!(out, "\ndegraded: could not be checked: {}", missing.join(", "));
    }
    if detail == Detail::Signals && !verdict.signals.is_empty() {
        out.push_str("\nsignals\n");
        for signal in &verdict.signals {
            let _ = writeln!(out, "  {} = {}", visible(&signal.id), value(signal.value.as_ref()));
        }
    }
    out
}

fn reason_lines(reason: &pb::Reason) -> String {
    let weight = match pb::Action::try_from(reason.action) {
        Ok(pb::Action::Unspecified) | Err(_) => format!("{:+}", reason.score),
        Ok(_) => action(reason.action).to_owned(),
    };
    let guideline = if reason.guideline.is_empty() {
        String::new()
    } else {
        format!("  §{}", visible(&reason.guideline))
    };
    let mut out =
        format!("  {:<7} {} ({}){guideline}\n", weight, visible(&reason.rule), visible(&reason.category));
    for sentence in [&reason.message, &reason.note] {
        if !sentence.is_empty() {
            let _ = writeln!(out, "          {}", visible(sentence));
        }
    }
    out
}

/// The matched words of one reason, each once.
fn matches(spans: &[pb::Span], texts: Texts<'_>, marks: Marks) -> String {
    let mut shown: Vec<String> = Vec::new();
    for (field, text) in [
        (pb::Field::Body, texts.body),
        (pb::Field::AuthorName, texts.author_name),
        (pb::Field::AuthorUrl, texts.author_url),
    ] {
        for (start, end) in ranges(spans, field) {
            let Some(words) = text.get(start..end) else { continue };
            let whole = marked_lines(words, &[(0, words.len())], marks, "").replace('\n', " ");
            let place = if field == pb::Field::Body { "" } else { label(field) };
            let line = format!("{place}{whole}");
            if !shown.contains(&line) {
                shown.push(line);
            }
        }
    }
    if spans.iter().any(|span| span.field == pb::Field::AuthorEmail as i32) {
        shown.push("in the mail address".to_owned());
    }
    if shown.is_empty() { String::new() } else { format!("          matched {}\n", shown.join(" ")) }
}

const fn label(field: pb::Field) -> &'static str {
    match field {
        pb::Field::AuthorName => "name: ",
        pb::Field::AuthorUrl => "website: ",
        _ => "",
    }
}

fn ranges(spans: &[pb::Span], field: pb::Field) -> impl Iterator<Item = (usize, usize)> {
    spans
        .iter()
        .filter(move |span| span.field == field as i32)
        .map(|span| (span.start as usize, span.end as usize))
}

fn value(value: Option<&pb::signal::Value>) -> String {
    use pb::signal::Value;
    match value {
        Some(Value::Flag(flag)) => flag.to_string(),
        Some(Value::Count(count)) => count.to_string(),
        Some(Value::Number(number)) => format!("{number:.3}"),
        Some(Value::Text(text)) => format!("\"{}\"", visible(text)),
        None => "?".to_owned(),
    }
}

/// A recommendation as text.
pub(crate) fn action(action: i32) -> &'static str {
    match pb::Action::try_from(action) {
        Ok(pb::Action::Allow) => "ALLOW",
        Ok(pb::Action::Review) => "REVIEW",
        Ok(pb::Action::Reject) => "REJECT",
        Ok(pb::Action::Unspecified) | Err(_) => "UNKNOWN",
    }
}

/// A state as text.
pub(crate) fn state(state: i32) -> &'static str {
    pb::State::try_from(state).map_or("UNKNOWN", |state| state.as_str_name())
}

/// A time as text, UTC.
pub(crate) fn time(time: Option<&prost_types::Timestamp>) -> String {
    time.and_then(|time| chrono::DateTime::from_timestamp(time.seconds, 0))
        .map_or_else(|| "?".to_owned(), |time| time.format("%Y-%m-%d %H:%M:%S UTC").to_string())
}

/// One of our times as text, UTC.
pub(crate) fn timestamp(at: moderato_domain::Timestamp) -> String {
    time(Some(&moderato_api::intake::to_timestamp(at)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_says_what_why_and_where() {
        let reason = pb::Reason {
            rule: "list.blocked".into(),
            category: "spam".into(),
            guideline: "links".into(),
            score: 2.5,
            message: "Please leave out advertising.".into(),
            spans: vec![
                pb::Span { field: pb::Field::Body as i32, start: 4, end: 11 },
                pb::Span { field: pb::Field::Body as i32, start: 90, end: 91 },
            ],
            ..pb::Reason::default()
        };
        let given = pb::Verdict {
            action: pb::Action::Review as i32,
            score: 2.5,
            reasons: vec![reason],
            rule_set_version: "starter@0".into(),
            degraded: vec!["facts.author skipped: timeout".into()],
            ..pb::Verdict::default()
        };
        let texts = Texts { body: "buy v\u{200B}iagra", author_name: "", author_url: "" };
        let shown = verdict(&given, texts, Detail::Reasons, Marks::Brackets);
        let expected = "REVIEW  score +2.5  rules starter@0\n  +2.5    list.blocked (spam)  §links\n          \
                        Please leave out advertising.\n          matched [[v<U+200B>iag]]\n\ntext\n  \
                        buy [[v<U+200B>iag]]ra\n\ndegraded: could not be checked: facts.author skipped: timeout\n";
        assert_eq!(shown, expected);
    }
}
