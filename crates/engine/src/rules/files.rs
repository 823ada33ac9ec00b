//! Lists that stand in files of their own.
//!
//! The engine reads no files: [`attach_files`] asks its caller for them, and appends them to the
//! document. So the version of a rule set covers its lists, and what is stored is whole.

use std::str::FromStr as _;

use moderato_domain::Timestamp;
use serde::Serialize;
use toml::value::Datetime;

use super::document::{AttachedFile, check_size, parse};
use crate::error::{RuleSetError, RuleSetProblem};

/// Appends to a rule-set document the files that its lists name and that it does not hold yet. A
/// document without such lists comes back as it is.
///
/// A file holds one entry a line; behind a tab may follow the day on which the entry expires
/// (`2026-05-01`), and behind another a note. Empty lines and lines that begin with `#` are skipped.
///
/// # Errors
/// The document is none, a name leads out of the document's folder, `load` says why it has no such
/// file, or the file is not UTF-8.
pub fn attach_files(
    document: &str,
    mut load: impl FnMut(&str) -> Result<Vec<u8>, String>,
) -> Result<String, RuleSetError> {
    #[derive(Serialize)]
    struct Attached<'f> {
        file: [File<'f>; 1],
    }
    #[derive(Serialize)]
    struct File<'f> {
        name: &'f str,
        text: &'f str,
    }
    let parsed = parse(document)?;
    let mut attached: Vec<&str> = parsed.files.iter().map(|file| file.name.as_str()).collect();
    let mut whole = document.to_owned();
    for file in parsed.lists.values().filter_map(|list| list.file.as_ref()) {
        let name = file.get_ref().as_str();
        if attached.contains(&name) {
            continue;
        }
        let refuse = |reason: String| {
            let problem = RuleSetProblem::ListFile { name: name.to_owned(), reason };
            RuleSetError::at(problem, document, file.span().start)
        };
        if !stays_inside(name) {
            return Err(refuse("the name must lead to a file below the document's folder".into()));
        }
        let bytes = load(name).map_err(refuse)?;
        let text = std::str::from_utf8(&bytes).map_err(|error| {
            let line = bytes[..error.valid_up_to()].split(|byte| *byte == b'\n').count();
            refuse(format!("line {line} is not UTF-8"))
        })?;
        let encoded = toml::to_string(&Attached { file: [File { name, text }] })
            .map_err(|error| refuse(error.to_string()))?;
        whole.push('\n');
        whole.push_str(&encoded);
        check_size(whole.len())?;
        attached.push(name);
    }
    Ok(whole)
}

/// Whether a relative name stays below the folder it is taken from.
fn stays_inside(name: &str) -> bool {
    !name.is_empty()
        && !name.contains(['\\', '\0'])
        && name.split('/').all(|part| !part.is_empty() && part != "." && part != "..")
}

/// A line of a file that holds an entry.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Line<'f> {
    pub(super) value: &'f str,
    pub(super) expires: Option<Datetime>,
    pub(super) note: Option<&'f str>,
    /// Where in the file it begins.
    pub(super) at: usize,
}

/// The entries of a file. The error carries the place in the file.
pub(super) fn lines(file: &AttachedFile) -> Result<Vec<Line<'_>>, (RuleSetProblem, usize)> {
    let mut found = Vec::new();
    let mut at = 0;
    for line in file.text.split_inclusive('\n') {
        let begin = at;
        at += line.len();
        let line = if begin == 0 { line.trim_start_matches('\u{FEFF}') } else { line };
        let mut columns = line.trim_end().splitn(3, '\t');
        let value = columns.next().unwrap_or_default();
        if value.is_empty() || value.starts_with('#') {
            continue;
        }
        let expires = match columns.next().map(str::trim).filter(|date| !date.is_empty()) {
            Some(date) => {
                let refuse = |_| (RuleSetProblem::Expiry(date.to_owned()), begin + value.len() + 1);
                Some(Datetime::from_str(date).map_err(refuse)?)
            }
            None => None,
        };
        found.push(Line { value, expires, note: columns.next(), at: begin });
    }
    Ok(found)
}

/// The moment at which an entry expires: the beginning of the day if there is no time, in UTC unless
/// it says otherwise. `None`: a time of day without a date.
pub(super) fn expiry(written: Datetime) -> Option<Timestamp> {
    let date = written.date?;
    // Days since 1970-01-01, with years that begin in March (H. Hinnant, "chrono-compatible
    // low-level date algorithms", days_from_civil). TOML years have four digits.
    let (month, day) = (i64::from(date.month), i64::from(date.day));
    let year = i64::from(date.year) - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days =
        era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468;
    let seconds = written.time.map_or(0, |time| {
        i64::from(time.hour) * 3_600
            + i64::from(time.minute) * 60
            + i64::from(time.second.unwrap_or_default())
    });
    let minutes_ahead = match written.offset {
        Some(toml::value::Offset::Custom { minutes }) => i64::from(minutes),
        Some(toml::value::Offset::Z) | None => 0,
    };
    Some(Timestamp::from_millis((days * 86_400 + seconds - minutes_ahead * 60) * 1_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_below_the_folder() {
        for name in ["a.txt", "lists/a.txt"] {
            assert!(stays_inside(name), "{name}");
        }
        for name in ["", "/etc/passwd", "../a", "a/../../b", "./a", "a//b", "a\\b"] {
            assert!(!stays_inside(name), "{name}");
        }
    }

    #[test]
    fn lines_carry_expiry_and_note() {
        let file = AttachedFile {
            name: "a".into(),
            text: "\u{FEFF}# words\none\r\n\ntwo three\t2026-01-02\tuntil then\nfour\t\tforever".into(),
        };
        let found = lines(&file).unwrap();
        assert_eq!(found.iter().map(|line| line.value).collect::<Vec<_>>(), ["one", "two three", "four"]);
        assert_eq!(found[1].note, Some("until then"));
        assert_eq!(expiry(found[1].expires.unwrap()), Some(Timestamp::from_millis(1_767_312_000_000)));
        assert_eq!((found[2].expires, found[2].note), (None, Some("forever")));
        let wrong = AttachedFile { name: "a".into(), text: "one\nfour\tsoon".into() };
        assert_eq!(lines(&wrong).unwrap_err(), (RuleSetProblem::Expiry("soon".into()), 9));
    }

    #[test]
    fn times_are_read_in_their_zone() {
        for (written, millis) in [
            ("1970-01-01", 0),
            ("2000-02-29", 951_782_400_000),
            ("2026-01-01T01:00:00+01:00", 1_767_225_600_000),
            ("2026-01-01T00:00:30Z", 1_767_225_630_000),
        ] {
            let datetime = Datetime::from_str(written).unwrap();
            assert_eq!(expiry(datetime), Some(Timestamp::from_millis(millis)), "{written}");
        }
        assert_eq!(expiry(Datetime::from_str("10:00:00").unwrap()), None);
    }
}
