//! What waits for moderators, and what they make of it.

use std::time::Duration;

use moderato_domain::{
    Action, Actor, AuthorKey, CommentId, CommentName, DecisionId, DecisionKind, Priority, ReviewQueue,
    Revision, Standing, State, StoredComment, Timestamp, Verdict,
};
use serde::{Deserialize, Serialize};

use crate::types::NewRecord;

/// How much waits in a queue. Counted, never kept, so it cannot drift.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueCount {
    /// Which queue.
    pub queue: ReviewQueue,
    /// Items in it.
    pub waiting: u64,
    /// Since when the oldest waits.
    pub oldest: Option<Timestamp>,
}

impl QueueCount {
    /// Of a queue in which nothing waits.
    pub const fn empty(queue: ReviewQueue) -> Self {
        Self { queue, waiting: 0, oldest: None }
    }
}

/// Which items of a site to list. Empty: everything that waits.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct QueueFilter {
    /// Only of this queue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue: Option<ReviewQueue>,
    /// Only with a weightiest reason of this category.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// Only of this page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thread: Option<String>,
    /// Only by this author.
    #[serde(skip)]
    pub author: Option<AuthorKey>,
    /// Only at least as urgent as this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_least: Option<Priority>,
}

/// Items of one queue and priority after a place: a page is cut from these, since they are ranges of an
/// index that all have one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueRun<'p> {
    /// Which queue.
    pub queue: ReviewQueue,
    /// Which priority.
    pub priority: Priority,
    /// Waiting since after this time, in milliseconds …
    pub after_ms: i64,
    /// … or since this time and with a higher id than this.
    pub after_id: &'p str,
}

impl QueueFilter {
    /// The runs that a page after a place is cut from.
    pub fn runs<'p>(&self, after: Option<&'p QueuePosition>) -> Vec<QueueRun<'p>> {
        let queues =
            ReviewQueue::ALL.into_iter().filter(|queue| self.queue.is_none_or(|only| only == *queue));
        let most = after.map_or(Priority::Crisis, |after| after.priority);
        let least = self.at_least.unwrap_or(Priority::Low);
        let priorities = Priority::ALL.into_iter().rev().filter(|priority| (least..=most).contains(priority));
        let run = |queue, priority| match after.filter(|after| after.priority == priority) {
            Some(QueuePosition { wait_since, comment, .. }) => {
                QueueRun { queue, priority, after_ms: wait_since.as_millis(), after_id: comment.as_str() }
            }
            None => QueueRun { queue, priority, after_ms: i64::MIN, after_id: "" },
        };
        queues.flat_map(|queue| priorities.clone().map(move |priority| run(queue, priority))).collect()
    }
}

/// A place in a queue: the sort key of the last item seen. Items are ordered by priority, most urgent
/// first, then by how long they wait, then by id; the key of an item changes only if it is decided,
/// edited or objected to, so paging meets every other item exactly once while new ones arrive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueuePosition {
    /// Its priority.
    pub priority: Priority,
    /// Since when it waits.
    pub wait_since: Timestamp,
    /// Its id.
    pub comment: CommentId,
}

/// A line of a queue.
#[derive(Debug, Clone, PartialEq)]
pub struct QueueItem {
    /// The comment.
    pub comment: StoredComment,
    /// Who wrote it, if the site can tell.
    pub author: Option<AuthorKey>,
    /// Where it waits; nowhere, if it has been settled.
    pub queue: Option<ReviewQueue>,
    /// How urgent it is.
    pub priority: Priority,
    /// Since when it waits.
    pub wait_since: Timestamp,
    /// Category of the weightiest reason.
    pub category: Option<String>,
    /// Open reports of readers.
    pub reports: u32,
    /// Comments that wait with the same text or a variant of it, this one included; counted up to
    /// about [`CAMPAIGN_COUNTED`].
    pub campaign: u32,
    /// Who is looking at it.
    pub claim: Option<Claim>,
    /// What the engine said about this revision, with the reasons to show.
    pub verdict: Verdict,
}

impl QueueItem {
    /// Its place in the order of the queue.
    pub fn position(&self) -> QueuePosition {
        QueuePosition {
            priority: self.priority,
            wait_since: self.wait_since,
            comment: self.comment.name.comment.clone(),
        }
    }
}

/// Comments up to which a campaign is counted in lists: enough to see that it is one.
pub const CAMPAIGN_COUNTED: u32 = 100;

/// How long a claim holds without a sign of life.
pub const CLAIM_LEASE: Duration = Duration::from_mins(2);

/// How long a decision can be undone, and what leaves the house because of it waits.
pub const UNDO_WINDOW: Duration = Duration::from_mins(5);

/// A lease on an item: somebody is looking at it. It ends by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Who.
    pub holder: Actor,
    /// Since when.
    pub claim_time: Timestamp,
    /// Until when, unless it is renewed.
    pub expire_time: Timestamp,
}

/// What became of the wish to claim an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claimed {
    /// It is the asker's (again), until then.
    Held(Claim),
    /// Somebody else has it.
    Taken(Claim),
    /// There is no such comment.
    Unknown,
}

impl Claimed {
    /// What becomes of the wish of `holder` to claim a comment that is there and that somebody may have.
    pub fn of(live: Option<&Claim>, holder: &Actor, steal: bool, now: Timestamp) -> Self {
        let expire_time = now.plus(CLAIM_LEASE);
        match live {
            Some(claim) if claim.holder.id == holder.id => Self::Held(Claim { expire_time, ..claim.clone() }),
            Some(claim) if !steal => Self::Taken(claim.clone()),
            _ => Self::Held(Claim { holder: holder.clone(), claim_time: now, expire_time }),
        }
    }
}

/// A decision about one comment, as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct DecisionRecord {
    /// The decision it was part of.
    pub id: DecisionId,
    /// The comment.
    pub comment: CommentName,
    /// Which text of it.
    pub revision: Revision,
    /// The outcome.
    pub kind: DecisionKind,
    /// Who.
    pub actor: Actor,
    /// The guideline section, for a rejection.
    pub guideline: Option<String>,
    /// Words to the author.
    pub message: Option<String>,
    /// Words to other moderators.
    pub note: Option<String>,
    /// When.
    pub decide_time: Timestamp,
    /// How long the comment had waited.
    pub waited: Duration,
    /// Until when it can be undone.
    pub undo_until: Timestamp,
    /// When and by whom it was taken back.
    pub undone: Option<(Timestamp, Actor)>,
}

/// Which decisions to list: newest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DecisionFilter {
    /// Only about this comment.
    pub comment: Option<CommentId>,
    /// Only by this actor (its id).
    pub actor: Option<String>,
}

/// A place in a list of decisions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecisionPosition {
    /// Its time.
    pub time: Timestamp,
    /// Which one.
    pub decision: DecisionId,
    /// About which comment.
    pub comment: CommentId,
}

/// A moderator's words about a comment, for other moderators.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The comment.
    pub comment: CommentName,
    /// Who wrote it.
    pub actor: Actor,
    /// The words.
    pub text: String,
    /// When.
    pub time: Timestamp,
}

/// What stands around a comment on its page.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Conversation {
    /// What it answers, topmost first; at most [`PARENTS_SHOWN`].
    pub parents: Vec<StoredComment>,
    /// Its neighbours: other answers to the same comment, or the page's top-level comments around it;
    /// oldest first, without the comment itself, at most [`SIBLINGS_SHOWN`].
    pub siblings: Vec<StoredComment>,
    /// Answers to it, oldest first, at most [`SIBLINGS_SHOWN`].
    pub replies: Vec<StoredComment>,
}

/// Most parents of a [`Conversation`].
pub const PARENTS_SHOWN: usize = 20;
/// Most siblings, and most replies, of a [`Conversation`].
pub const SIBLINGS_SHOWN: usize = 20;

/// What an author did on the site.
#[derive(Debug, Clone, PartialEq)]
pub struct AuthorHistory {
    /// Comments, of which the rest waits or was withdrawn.
    pub comments: i64,
    /// Of them visible now.
    pub published: i64,
    /// Of them hidden now.
    pub rejected: i64,
    /// When the first was accepted.
    pub first_seen: Option<Timestamp>,
    /// The newest ones, newest first.
    pub recent: Vec<StoredComment>,
    /// What is in force against the author.
    pub sanction: Option<Sanction>,
}

/// Nothing an author sends appears while it is in force: the engine rejects it with the reason
/// `author_banned`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sanction {
    /// Who.
    pub author: AuthorKey,
    /// Under which name they wrote.
    pub display_name: String,
    /// Until when; `None`: until it is lifted.
    pub until: Option<Timestamp>,
    /// Why, for moderators.
    pub reason: String,
    /// Whose decision.
    pub actor: Actor,
    /// Since when.
    pub time: Timestamp,
}

/// A place in a list of sanctions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SanctionPosition {
    /// Since when.
    pub time: Timestamp,
    /// Against whom.
    pub author: AuthorKey,
}

impl From<&Sanction> for SanctionPosition {
    fn from(sanction: &Sanction) -> Self {
        Self { time: sanction.time, author: sanction.author }
    }
}

/// A filter under a name, of one moderator or for all of a site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedFilter {
    /// Identifies it on its site.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Whose; `None`: everybody's.
    pub owner: Option<String>,
    /// Who made it; unknown of those of earlier releases.
    pub maker: Option<Actor>,
    /// What it shows.
    pub filter: QueueFilter,
}

/// Filters that a person keeps on a site at most, and that everybody there shares: more than a list in a
/// corner of the page is good for, and few enough to be read with every page.
pub const FILTERS_KEPT: u32 = 50;

/// What became of a filter to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FilterKept {
    /// It is kept.
    Kept,
    /// There are [`FILTERS_KEPT`] already.
    TooMany,
    /// Its id is that of somebody else's.
    SomebodyElses,
}

/// What judging, deciding, reporting and appealing change about a comment. Backends derive from it
/// where the comment waits, and an undo restores it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewCase {
    /// What readers see.
    pub state: State,
    /// The engine's recommendation for the newest revision.
    pub action: Action,
    /// How urgent it is.
    pub priority: Priority,
    /// A human settled the newest revision.
    pub decided: bool,
    /// A moderator passed it on.
    pub escalated: bool,
    /// Open reports.
    pub reports: u32,
    /// An appeal is open.
    pub appealed: bool,
    /// Since when it waits, if it does.
    pub wait_since: Timestamp,
}

impl ReviewCase {
    /// A comment after its newest revision was judged. What was open stays open, or an author could
    /// edit it away; and who waits keeps the place.
    pub fn judged(record: &NewRecord, before: Option<&Self>) -> Self {
        let judged = Self {
            state: record.state,
            action: record.evaluation.action,
            priority: Priority::of(&record.evaluation),
            decided: false,
            escalated: false,
            reports: 0,
            appealed: false,
            wait_since: record.comment.accept_time,
        };
        let Some(before) = before else { return judged };
        Self {
            state: if before.state == State::Withdrawn { State::Withdrawn } else { judged.state },
            escalated: before.escalated,
            reports: before.reports,
            appealed: before.appealed,
            wait_since: if before.queue().is_some() { before.wait_since } else { judged.wait_since },
            ..judged
        }
    }

    /// After a human's decision. One that settles answers whatever was open.
    #[must_use]
    pub fn decided(self, kind: DecisionKind, time: Timestamp) -> Self {
        let state = kind.state().unwrap_or(self.state);
        let wait_since = if self.queue().is_some() { self.wait_since } else { time };
        match kind {
            DecisionKind::Approve | DecisionKind::Reject | DecisionKind::Spam => {
                Self { state, decided: true, escalated: false, reports: 0, appealed: false, ..self }
            }
            DecisionKind::Escalate => Self { escalated: true, wait_since, ..self },
            DecisionKind::SendBack => Self { state, decided: false, escalated: false, wait_since, ..self },
        }
    }

    /// After a reader reported it. Whoever waits keeps the place.
    #[must_use]
    pub fn reported(self, urgency: Priority, time: Timestamp) -> Self {
        let wait_since = if self.queue().is_some() { self.wait_since } else { time };
        let reports = self.reports.saturating_add(1);
        Self { reports, priority: self.priority.max(urgency), wait_since, ..self }
    }

    /// After its author objected to a decision. Whoever waits keeps the place.
    #[must_use]
    pub fn appealed(self, time: Timestamp) -> Self {
        let wait_since = if self.queue().is_some() { self.wait_since } else { time };
        Self { appealed: true, wait_since, ..self }
    }

    /// After a decision of this kind was taken back, which had found it as `before`; so many reports
    /// are open again. What readers and authors brought up since stays open.
    #[must_use]
    pub fn undone(self, kind: DecisionKind, before: Self, reopened: u32) -> Self {
        let since = if before.queue().is_none() && self.reports > 0 { self } else { before };
        Self {
            wait_since: since.wait_since,
            reports: self.reports.saturating_add(reopened),
            appealed: self.appealed || (kind.settles() && before.appealed),
            ..before
        }
    }

    /// Where it waits.
    pub fn queue(&self) -> Option<ReviewQueue> {
        self.standing().queue()
    }

    /// What decides where it waits.
    pub const fn standing(&self) -> Standing {
        Standing {
            state: self.state,
            action: self.action,
            decided: self.decided,
            priority: self.priority,
            escalated: self.escalated,
            reported: self.reports > 0,
            appealed: self.appealed,
        }
    }
}

/// Where a comment is kept as waiting, and how it stands, beside what that follows from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptStanding {
    /// The comment.
    pub comment: CommentName,
    /// How it stands.
    pub case: ReviewCase,
    /// Where the store keeps it as waiting: [`ReviewCase::queue`], unless something is broken.
    pub queue: Option<ReviewQueue>,
    /// Open reports that were filed about it: [`ReviewCase::reports`], unless something is broken.
    pub open_reports: u32,
    /// An appeal about it is open: [`ReviewCase::appealed`], unless something is broken.
    pub open_appeal: bool,
}
