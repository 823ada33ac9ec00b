//! A human's resolution of a comment.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::account::UserId;
use crate::clock::Timestamp;
use crate::ids::{CommentId, CommentName, Revision, SiteId};
use crate::verdict::State;

/// What a human can decide. Taking a decision back is not one of them: see [`DecisionId`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DecisionKind {
    /// Readers may see it.
    Approve,
    /// It breaks the guidelines.
    Reject,
    /// It is unsolicited advertising.
    Spam,
    /// Somebody with more authority, or a calmer hour, has to look. Nothing changes for readers.
    Escalate,
    /// Nobody has decided after all: it waits again, and readers do not see it.
    SendBack,
}

impl DecisionKind {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::Approve, Self::Reject, Self::Spam, Self::Escalate, Self::SendBack];

    /// The state a comment has after this decision, if that depends on it alone.
    pub const fn state(self) -> Option<State> {
        match self {
            Self::Approve => Some(State::Published),
            Self::Reject => Some(State::Rejected),
            Self::Spam => Some(State::Spam),
            Self::SendBack => Some(State::Pending),
            Self::Escalate => None,
        }
    }

    /// Whether the revision is settled by it: it outranks every engine run, and counts as a human's
    /// opinion of the rules that matched.
    pub const fn settles(self) -> bool {
        matches!(self, Self::Approve | Self::Reject | Self::Spam)
    }

    /// The decision as text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Reject => "reject",
            Self::Spam => "spam",
            Self::Escalate => "escalate",
            Self::SendBack => "send_back",
        }
    }

    /// Reads [`as_str`](Self::as_str) back.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// Who did something: a person, an API key, the command line.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Actor {
    /// Which one, such as `user:0192…`, `key:mk_7f…` or `operator`. Never reused.
    pub id: String,
    /// What people call them, as it was then.
    pub name: String,
}

impl Actor {
    /// Somebody at the command line of the server.
    pub fn operator() -> Self {
        Self { id: "operator".to_owned(), name: "operator".to_owned() }
    }

    /// A person, signed in or with a key of their own.
    pub fn person(id: UserId, name: &str) -> Self {
        Self { id: format!("user:{id}"), name: name.to_owned() }
    }
}

/// What one press of a key decided, for one comment or for many: the unit of undo, and what makes a
/// repeated request harmless. Chosen by the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DecisionId(pub Uuid);

/// One comment as the human saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Which comment.
    pub comment: CommentId,
    /// Which text of it.
    pub revision: Revision,
    /// At which version of the comment ([`etag`](crate::review)): if anything about it changed since,
    /// the decision is refused. `None` decides about the revision, whatever else happened.
    pub version: Option<i64>,
}

/// A human's resolution of one or many comments of a site. It outranks every engine run on these
/// revisions; an edit afterwards is judged anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Identifies it.
    pub id: DecisionId,
    /// Whose comments.
    pub site: SiteId,
    /// Which ones; at least one.
    pub targets: Vec<Target>,
    /// The outcome.
    pub kind: DecisionKind,
    /// Who decided.
    pub actor: Actor,
    /// The guideline section that was broken, for a rejection.
    pub guideline: Option<String>,
    /// Words to the author, instead of the guideline's own.
    pub message: Option<String>,
    /// Words to other moderators.
    pub note: Option<String>,
    /// Decides although somebody else holds a claim.
    pub over_claim: bool,
    /// When.
    pub decide_time: Timestamp,
    /// Until then it can be undone, and what leaves the house (mails, statements) waits.
    pub undo_until: Timestamp,
}

impl Decision {
    /// The comments' names.
    pub fn comments(&self) -> impl Iterator<Item = CommentName> + '_ {
        self.targets
            .iter()
            .map(|target| CommentName { site: self.site.clone(), comment: target.comment.clone() })
    }
}
