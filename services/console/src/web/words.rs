//! Times, numbers and names of things as people read them.

use std::time::Duration;

use moderato_domain::{DecisionKind, ReviewQueue, State, Timestamp};

/// A stretch of time in its largest unit: "now", "5 min", "3 h", "2 d".
pub(crate) fn stretch(time: Duration) -> String {
    match time.as_secs() {
        0..60 => "under 1 min".to_owned(),
        seconds @ 60..3_600 => format!("{} min", seconds / 60),
        seconds @ 3_600..172_800 => format!("{} h", seconds / 3_600),
        seconds => format!("{} d", seconds / 86_400),
    }
}

/// How long ago.
pub(crate) fn ago(time: Timestamp, now: Timestamp) -> String {
    match now.since(time) {
        under if under < Duration::from_mins(1) => "just now".to_owned(),
        time => format!("{} ago", stretch(time)),
    }
}

/// A point in time for people, in UTC.
pub(crate) fn date(time: Timestamp) -> String {
    format_time(time, "%-d %b %Y, %H:%M UTC")
}

/// A time of day, in UTC.
pub(crate) fn clock(time: Timestamp) -> String {
    format_time(time, "%H:%M:%S UTC")
}

/// A point in time for `<time datetime>`.
pub(crate) fn iso(time: Timestamp) -> String {
    format_time(time, "%Y-%m-%dT%H:%M:%SZ")
}

fn format_time(time: Timestamp, format: &str) -> String {
    chrono::DateTime::from_timestamp_millis(time.as_millis())
        .map_or_else(|| "unknown".to_owned(), |time| time.format(format).to_string())
}

/// A number with its thousands apart.
pub(crate) fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push('\u{2009}');
        }
        out.push(digit);
    }
    out
}

/// So many of these.
pub(crate) fn count(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", self::number(number), if number == 1 { one } else { many })
}

/// Bytes in the unit that people would use.
pub(crate) fn bytes(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{} kB", bytes / 1_000),
        _ => format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000),
    }
}

/// A queue's name.
pub(crate) const fn queue(queue: ReviewQueue) -> &'static str {
    match queue {
        ReviewQueue::Escalated => "Escalated",
        ReviewQueue::Appeals => "Appeals",
        ReviewQueue::Reported => "Reported",
        ReviewQueue::Flagged => "Flagged",
        ReviewQueue::Pending => "Pending",
        ReviewQueue::Spam => "Spam",
    }
}

/// What readers see, as an adjective.
pub(crate) const fn state(state: State) -> &'static str {
    match state {
        State::Pending => "not public yet",
        State::Published => "public",
        State::Rejected => "rejected",
        State::Spam => "hidden as spam",
        State::Withdrawn => "withdrawn",
    }
}

/// What somebody did with `what`: "Ann ...".
pub(crate) fn did(kind: DecisionKind, what: &str) -> String {
    match kind {
        DecisionKind::Approve => format!("approved {what}"),
        DecisionKind::Reject => format!("rejected {what}"),
        DecisionKind::Spam => format!("marked {what} as spam"),
        DecisionKind::Escalate => format!("escalated {what}"),
        DecisionKind::SendBack => format!("sent {what} back"),
    }
}

/// What was done to many.
pub(crate) const fn done(kind: DecisionKind) -> &'static str {
    match kind {
        DecisionKind::Approve => "approved",
        DecisionKind::Reject => "rejected",
        DecisionKind::Spam => "marked as spam",
        DecisionKind::Escalate => "escalated",
        DecisionKind::SendBack => "sent back",
    }
}

/// What a button says.
pub(crate) const fn act(kind: DecisionKind) -> &'static str {
    match kind {
        DecisionKind::Approve => "Approve",
        DecisionKind::Reject => "Reject",
        DecisionKind::Spam => "Spam",
        DecisionKind::Escalate => "Escalate",
        DecisionKind::SendBack => "Send back",
    }
}

/// A category's name: rule sets may have their own.
pub(crate) fn category(category: &str) -> String {
    let words = category.replace(['_', '-'], " ");
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// Where a link of an author leads, if it may be one: only to the web.
pub(crate) fn link(url: &str) -> Option<String> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))?;
    let fits = url.len() <= 2_048
        && url.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte));
    (fits && rest.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '['))
        .then(|| url.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_web_is_linked_to() {
        assert!(link("https://blog.example/a?b=c#d").is_some());
        for bad in [
            "javascript:alert(1)",
            "JaVaScRiPt:alert(1)",
            "data:text/html,x",
            "//evil.example",
            " https://a.example",
            "https://a.example/\"onclick=1",
            "https://a.example/\u{202E}",
            "https:///x",
            "vbscript:x",
            "",
        ] {
            assert_eq!(link(bad), None, "{bad}");
        }
    }

    #[test]
    fn times_and_numbers_are_short() {
        let at = Timestamp::from_millis;
        assert_eq!(ago(at(0), at(59_000)), "just now");
        assert_eq!(ago(at(0), at(7_200_000)), "2 h ago");
        assert_eq!(ago(at(5), at(0)), "just now", "clocks differ");
        assert_eq!(stretch(Duration::from_hours(72)), "3 d");
        assert_eq!(number(1_234_567), "1\u{2009}234\u{2009}567");
        assert_eq!(date(at(1_795_616_581_000)), "25 Nov 2026, 14:23 UTC");
        assert_eq!(category("personal_data"), "Personal data");
    }
}
