//! Notes for moderators, with what was seen filled in: `{links.count} links`, `found {matches}`.

use std::fmt::{self, Write as _};
use std::time::Duration;

use super::expr::unknown_field;
use super::schema::{FieldId, FieldKind};
use crate::error::RuleSetProblem;

/// A note with its placeholders resolved.
#[derive(Debug, Clone, Default)]
pub(crate) struct Note {
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone)]
enum Piece {
    Text(String),
    Field(FieldId),
    /// The places in the text that the rule saw.
    Matches,
}

impl Note {
    /// Reads a note. The error carries the offset in the note.
    pub(super) fn parse(text: &str) -> Result<Self, (RuleSetProblem, usize)> {
        let mut pieces = Vec::new();
        let mut at = 0;
        while let Some(open) = text[at..].find('{').map(|found| at + found) {
            let Some(close) = text[open..].find('}').map(|found| open + found) else {
                return Err((RuleSetProblem::Syntax("this `{` is never closed".into()), open));
            };
            pieces.push(Piece::Text(text[at..open].to_owned()));
            let name = &text[open + 1..close];
            pieces.push(match FieldId::parse(name) {
                _ if name == "matches" => Piece::Matches,
                Some(field)
                    if matches!(
                        field.kind(),
                        FieldKind::Domains | FieldKind::Address | FieldKind::Author
                    ) || field == FieldId::Body =>
                {
                    let message = format!("`{name}` does not fit into a note; use {{matches}}");
                    return Err((RuleSetProblem::Type(message), open + 1));
                }
                Some(field) => Piece::Field(field),
                None => return Err((unknown_field(name), open + 1)),
            });
            at = close + 1;
        }
        pieces.push(Piece::Text(text[at..].to_owned()));
        Ok(Self { pieces })
    }

    /// The fields that the note shows.
    pub(super) fn fields(&self) -> impl Iterator<Item = FieldId> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Field(field) => Some(*field),
            Piece::Text(_) | Piece::Matches => None,
        })
    }

    /// Fills the note in.
    pub(crate) fn write(
        &self,
        field: impl Fn(FieldId, &mut String),
        matches: impl Fn(&mut String),
    ) -> String {
        let mut out = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => {
                    let _ = out.write_str(text);
                }
                Piece::Field(id) => field(*id, &mut out),
                Piece::Matches => matches(&mut out),
            }
        }
        out
    }
}

/// A span of time as people say it: in the largest unit of which it has at least two.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spoken(pub(crate) Duration);

impl fmt::Display for Spoken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let units = [(86_400, "days"), (3_600, "hours"), (60, "minutes")];
        match units.into_iter().find(|(unit, _)| seconds >= 2 * unit) {
            Some((unit, name)) => write!(f, "{} {name}", seconds / unit),
            None if seconds == 1 => f.write_str("1 second"),
            None => write!(f, "{seconds} seconds"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_of_time_read_well() {
        for (seconds, expected) in [
            (0, "0 seconds"),
            (1, "1 second"),
            (119, "119 seconds"),
            (7_199, "119 minutes"),
            (172_800, "2 days"),
        ] {
            assert_eq!(Spoken(Duration::from_secs(seconds)).to_string(), expected);
        }
    }
}
