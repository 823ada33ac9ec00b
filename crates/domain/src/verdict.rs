//! What the engine says about a comment, why, and the state readers see.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::facts::Facts;
use crate::ids::{CommentName, Revision, RuleSetVersion};
use crate::site::ModerationMode;

/// The engine's recommendation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Nothing speaks against it.
    Allow,
    /// A human should look.
    Review,
    /// It breaks the guidelines beyond doubt.
    Reject,
}

impl Action {
    /// Every action, mildest first.
    pub const ALL: [Self; 3] = [Self::Allow, Self::Review, Self::Reject];

    /// The action as text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Review => "review",
            Self::Reject => "reject",
        }
    }

    /// Reads [`as_str`](Self::as_str) back.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.as_str() == text)
    }
}

/// What readers see of a comment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Waiting for a human.
    Pending,
    /// Visible.
    Published,
    /// Hidden: breaks the guidelines.
    Rejected,
    /// Hidden: unsolicited advertising.
    Spam,
    /// Taken back by its author or the platform. Final.
    Withdrawn,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 5] = [Self::Pending, Self::Published, Self::Rejected, Self::Spam, Self::Withdrawn];

    /// The state as text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Published => "published",
            Self::Rejected => "rejected",
            Self::Spam => "spam",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// Reads [`as_str`](Self::as_str) back.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// The state that a fresh evaluation gives a comment in a site of this mode.
    pub fn after(mode: ModerationMode, evaluation: &Evaluation) -> Self {
        match (evaluation.action, mode) {
            (Action::Reject, _) if evaluation.is_spam() => Self::Spam,
            (Action::Reject, _) => Self::Rejected,
            (Action::Allow, ModerationMode::Pre) if evaluation.approved_by_rule => Self::Published,
            (Action::Allow | Action::Review, ModerationMode::Pre)
            | (Action::Review, ModerationMode::Auto) => Self::Pending,
            (Action::Allow, ModerationMode::Auto)
            | (Action::Allow | Action::Review, ModerationMode::Post) => Self::Published,
        }
    }
}

/// Points for (negative) or against (positive) a comment; thresholds in the rule set turn the sum
/// into an [`Action`]. Rounded to hundredths so that stored and replayed sums are equal.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Score(f64);

impl Score {
    /// A score, rounded to hundredths; not-a-number becomes zero.
    pub fn new(points: f64) -> Self {
        // Plus zero: a negative zero, such as the sum of no points, would not be stored as one.
        if points.is_finite() { Self((points * 100.0).round() / 100.0 + 0.0) } else { Self(0.0) }
    }

    /// The points.
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:+}", self.0)
    }
}

/// A text of the comment that a span can point into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    /// The comment's body.
    Body,
    /// The author's display name.
    AuthorName,
    /// The author's website.
    AuthorUrl,
    /// The author's mail address. Spans into it are shown without the text.
    AuthorEmail,
}

/// A range of bytes of the *original* text of a field, on character boundaries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Span {
    /// Which text.
    pub field: Field,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

/// What a signal measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum SignalValue {
    /// Present or not.
    Flag(bool),
    /// How many.
    Count(i64),
    /// A share between 0 and 1, or another real number.
    Number(f64),
    /// Words.
    Text(String),
}

/// One observed fact, as it entered the evaluation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Signal {
    /// The field name that rules use, such as `links.count`.
    pub id: Cow<'static, str>,
    /// What was measured.
    pub value: SignalValue,
    /// Where it was seen in the original text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub spans: Vec<Span>,
}

/// The category of reasons that mean unsolicited advertising.
pub const CATEGORY_SPAM: &str = "spam";

/// Why: one rule that matched.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reason {
    /// The rule's id in its rule set.
    pub rule: String,
    /// The kind of harm, such as `spam` or `civility`.
    pub category: String,
    /// The section of the site's guidelines that the rule cites.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guideline: Option<String>,
    /// Points it added, if it scores.
    pub score: Score,
    /// The action it demanded outright, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<Action>,
    /// One sentence for the author.
    pub message: String,
    /// One sentence for moderators, with what was seen.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// Where in the original text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub spans: Vec<Span>,
}

impl Reason {
    /// The category of rules that see somebody in danger.
    pub const CRISIS: &str = "crisis";

    /// Whether somebody may be in danger: the first thing that a person has to look at.
    pub fn is_crisis(&self) -> bool {
        self.category == Self::CRISIS
    }
}

/// One engine run over one comment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evaluation {
    /// The recommendation.
    pub action: Action,
    /// A rule approves it outright and nothing spoke against it.
    pub approved_by_rule: bool,
    /// The sum of all points.
    pub score: Score,
    /// Every rule that matched, weightiest first.
    pub reasons: Vec<Reason>,
    /// Every signal that was computed and is not trivially zero.
    pub signals: Vec<Signal>,
    /// The rules that were applied.
    pub rule_set: RuleSetVersion,
    /// Checks that could not be done, such as `facts.author`.
    pub degraded: Vec<String>,
}

impl Evaluation {
    /// Whether the weightiest reason is unsolicited advertising.
    pub fn is_spam(&self) -> bool {
        self.reasons.first().is_some_and(|reason| reason.category == CATEGORY_SPAM)
    }
}

/// A stored evaluation: the answer to "what does the engine say about this revision, and why".
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// Which comment.
    pub comment: CommentName,
    /// Which version of it.
    pub revision: Revision,
    /// What the engine said.
    pub evaluation: Evaluation,
    /// What was known before; `Facts::none` if there was nothing to know, or an earlier release did not
    /// keep it.
    pub facts: Facts,
    /// When.
    pub evaluate_time: Timestamp,
}
