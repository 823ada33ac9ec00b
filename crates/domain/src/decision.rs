//! A human's resolution of a comment.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::ids::{CommentName, Revision};
use crate::verdict::State;

/// What a human can decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DecisionKind {
    /// Readers may see it.
    Approve,
    /// It breaks the guidelines.
    Reject,
    /// It is unsolicited advertising.
    Spam,
}

impl DecisionKind {
    /// The state a comment has after this decision.
    pub const fn state(self) -> State {
        match self {
            Self::Approve => State::Published,
            Self::Reject => State::Rejected,
            Self::Spam => State::Spam,
        }
    }

    /// The decision as text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Reject => "reject",
            Self::Spam => "spam",
        }
    }

    /// Reads [`as_str`](Self::as_str) back.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Approve, Self::Reject, Self::Spam].into_iter().find(|kind| kind.as_str() == text)
    }
}

/// A human's resolution of one revision. It outranks every engine run on that revision; an edit
/// afterwards is judged anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// What was decided about.
    pub comment: CommentName,
    /// Which version the human saw.
    pub revision: Revision,
    /// The outcome.
    pub kind: DecisionKind,
    /// Who decided.
    pub moderator: String,
    /// The guideline section that was broken, for a rejection.
    pub guideline: Option<String>,
    /// Words for other moderators.
    pub note: Option<String>,
    /// When.
    pub decide_time: Timestamp,
}
