//! An author's objection to a restriction.

use serde::{Deserialize, Serialize};

use super::statement::Puid;
use crate::clock::Timestamp;
use crate::decision::DecisionId;
use crate::ids::{CommentName, Revision};

/// What became of an appeal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AppealStatus {
    /// It waits for a moderator other than the one who decided.
    Open,
    /// The author was right: the comment is back.
    Upheld,
    /// The decision stands.
    Rejected,
}

impl AppealStatus {
    /// Every status.
    pub const ALL: [Self; 3] = [Self::Open, Self::Upheld, Self::Rejected];

    /// The status as text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Upheld => "upheld",
            Self::Rejected => "rejected",
        }
    }

    /// Reads [`as_str`](Self::as_str) back.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }
}

/// Why an author's words are not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AppealTextError {
    /// There are none.
    #[error("please say in a few words why the comment should be shown")]
    Empty,
    /// Too many.
    #[error("please use at most {} characters", AppealText::MAX_CHARS)]
    TooLong,
}

/// An author's words: not empty, bounded, without control characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppealText(String);

impl AppealText {
    /// Most characters.
    pub const MAX_CHARS: usize = 2_000;

    /// Accepts what somebody typed.
    pub fn parse(text: &str) -> Result<Self, AppealTextError> {
        // A form sends line ends as CR LF.
        let text: String = text
            .replace("\r\n", "\n")
            .chars()
            .filter(|ch| !ch.is_control() || matches!(ch, '\n' | '\t'))
            .collect();
        let text = text.trim();
        if text.is_empty() {
            return Err(AppealTextError::Empty);
        }
        if text.chars().count() > Self::MAX_CHARS {
            return Err(AppealTextError::TooLong);
        }
        Ok(Self(text.to_owned()))
    }

    /// The words.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An author's objection to one statement of reasons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appeal {
    /// The statement objected to; there is one appeal of each.
    pub statement: Puid,
    /// The comment.
    pub comment: CommentName,
    /// Which text of it.
    pub revision: Revision,
    /// The decision objected to; none if the engine decided alone.
    pub decision: Option<DecisionId>,
    /// The author's words.
    pub text: String,
    /// What became of it.
    pub status: AppealStatus,
    /// When it came in.
    pub create_time: Timestamp,
    /// The decision that answered it.
    pub resolution: Option<DecisionId>,
    /// When it was answered.
    pub resolve_time: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_bounded_and_clean() {
        assert_eq!(AppealText::parse(" \r\n\u{0} "), Err(AppealTextError::Empty));
        assert_eq!(AppealText::parse("a\r\nb\u{0}").unwrap().as_str(), "a\nb");
        assert!(AppealText::parse(&"ä".repeat(AppealText::MAX_CHARS)).is_ok());
        let long = "x".repeat(AppealText::MAX_CHARS + 1);
        assert_eq!(AppealText::parse(&long), Err(AppealTextError::TooLong));
    }
}
