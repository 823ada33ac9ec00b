//! Where a comment waits for a person, and how urgently.
//!
//! A comment stands in one queue at most, so the counts of the queues add up and a moderator never
//! meets an item twice. Which one is a function of its [`Standing`]; both backends store the result
//! with the comment whenever anything it depends on changes, in the same transaction, so a count of
//! the rows *is* the count of the queue.

use serde::{Deserialize, Serialize};

use crate::verdict::{Action, Evaluation, Reason, State};

/// What waits for a moderator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReviewQueue {
    /// Somebody may be in danger, or a moderator passed it on.
    Escalated,
    /// The author objects to a decision.
    Appeals,
    /// Readers object to what they see.
    Reported,
    /// A rule asks for a person.
    Flagged,
    /// Nothing speaks against it, and the site shows nothing that nobody approved.
    Pending,
    /// The engine took it for advertising: to be looked through now and then.
    Spam,
}

impl ReviewQueue {
    /// Every queue, most urgent first. A comment that could stand in several stands in the first.
    pub const ALL: [Self; 6] =
        [Self::Escalated, Self::Appeals, Self::Reported, Self::Flagged, Self::Pending, Self::Spam];

    /// The queue as text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Escalated => "escalated",
            Self::Appeals => "appeals",
            Self::Reported => "reported",
            Self::Flagged => "flagged",
            Self::Pending => "pending",
            Self::Spam => "spam",
        }
    }

    /// Reads [`as_str`](Self::as_str) back.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|queue| queue.as_str() == text)
    }
}

/// How urgent an item is within its queue; then the older goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    /// Nothing speaks against it.
    Low,
    /// A rule asks for a person.
    Normal,
    /// It may hurt somebody while it waits: threats, hate, personal data.
    High,
    /// Somebody may be in danger.
    Crisis,
}

impl Priority {
    /// Every priority, least urgent first.
    pub const ALL: [Self; 4] = [Self::Low, Self::Normal, Self::High, Self::Crisis];

    /// Categories of reasons that hurt a person rather than the page's tidiness.
    const HURTFUL: [&str; 4] = ["threat", "hate", "harassment", "privacy"];

    /// What an evaluation asks for.
    pub fn of(evaluation: &Evaluation) -> Self {
        if evaluation.reasons.iter().any(Reason::is_crisis) {
            return Self::Crisis;
        }
        let hurts = |reason: &Reason| Self::HURTFUL.contains(&reason.category.as_str());
        match evaluation.action {
            Action::Allow => Self::Low,
            Action::Review | Action::Reject if evaluation.reasons.iter().any(hurts) => Self::High,
            Action::Review | Action::Reject => Self::Normal,
        }
    }

    /// The priority as it is stored: its place in [`ALL`](Self::ALL).
    pub const fn as_i16(self) -> i16 {
        self as i16
    }

    /// Reads [`as_i16`](Self::as_i16) back.
    pub fn from_i16(number: i16) -> Option<Self> {
        usize::try_from(number).ok().and_then(|place| Self::ALL.get(place)).copied()
    }

    /// The priority as text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Normal => "normal",
            Self::High => "high",
            Self::Crisis => "crisis",
        }
    }
}

/// What decides where a comment waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// What readers see.
    pub state: State,
    /// The engine's recommendation for the newest revision.
    pub action: Action,
    /// A human settled the newest revision.
    pub decided: bool,
    /// How urgent the newest revision is.
    pub priority: Priority,
    /// A moderator passed it on, and nobody has settled it since.
    pub escalated: bool,
    /// A reader's report of it is open.
    pub reported: bool,
    /// An appeal of its author is open.
    pub appealed: bool,
}

impl Standing {
    /// Where a comment stands that has just been judged.
    pub fn judged(state: State, evaluation: &Evaluation) -> Self {
        Self {
            state,
            action: evaluation.action,
            decided: false,
            priority: Priority::of(evaluation),
            escalated: false,
            reported: false,
            appealed: false,
        }
    }

    /// The queue it waits in, if it waits.
    pub fn queue(&self) -> Option<ReviewQueue> {
        let open = !self.decided;
        match self.state {
            State::Withdrawn => None,
            _ if self.escalated || (open && self.priority == Priority::Crisis) => {
                Some(ReviewQueue::Escalated)
            }
            _ if self.appealed => Some(ReviewQueue::Appeals),
            _ if self.reported => Some(ReviewQueue::Reported),
            State::Spam if open => Some(ReviewQueue::Spam),
            State::Pending | State::Published if open && self.action != Action::Allow => {
                Some(ReviewQueue::Flagged)
            }
            State::Pending => Some(ReviewQueue::Pending),
            State::Published | State::Rejected | State::Spam => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn standing(state: State, action: Action) -> Standing {
        Standing {
            state,
            action,
            decided: false,
            priority: Priority::Normal,
            escalated: false,
            reported: false,
            appealed: false,
        }
    }

    #[test]
    fn a_judged_comment_waits_where_its_state_and_verdict_say() {
        let queue = |state, action| standing(state, action).queue();
        assert_eq!(queue(State::Pending, Action::Allow), Some(ReviewQueue::Pending));
        assert_eq!(queue(State::Pending, Action::Review), Some(ReviewQueue::Flagged));
        assert_eq!(queue(State::Published, Action::Review), Some(ReviewQueue::Flagged), "checked afterwards");
        assert_eq!(queue(State::Published, Action::Allow), None);
        assert_eq!(queue(State::Spam, Action::Reject), Some(ReviewQueue::Spam));
        assert_eq!(queue(State::Rejected, Action::Reject), None);
    }

    #[test]
    fn danger_goes_before_everything_until_a_person_has_settled_it() {
        let danger = Standing { priority: Priority::Crisis, ..standing(State::Rejected, Action::Reject) };
        assert_eq!(danger.queue(), Some(ReviewQueue::Escalated));
        assert_eq!(Standing { decided: true, ..danger }.queue(), None);
    }

    #[test]
    fn a_settled_comment_waits_again_if_somebody_objects() {
        let settled = Standing { decided: true, ..standing(State::Published, Action::Review) };
        assert_eq!(settled.queue(), None);
        assert_eq!(Standing { reported: true, ..settled }.queue(), Some(ReviewQueue::Reported));
        let hidden = Standing { state: State::Rejected, appealed: true, ..settled };
        assert_eq!(hidden.queue(), Some(ReviewQueue::Appeals));
        assert_eq!(Standing { escalated: true, ..hidden }.queue(), Some(ReviewQueue::Escalated));
    }

    #[test]
    fn what_was_taken_back_waits_nowhere() {
        let gone = Standing {
            escalated: true,
            reported: true,
            appealed: true,
            ..standing(State::Withdrawn, Action::Review)
        };
        assert_eq!(gone.queue(), None);
    }
}
