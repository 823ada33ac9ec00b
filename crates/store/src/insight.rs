//! What a lead asks of a site's moderation: how much was decided, how fast, and how well.
//!
//! A decision counts here if it settles the comment and was not taken back; each comment of a bulk
//! decision counts.

use std::time::Duration;

use moderato_domain::{Actor, CommentName, DecisionId, DecisionKind, Revision, Timestamp};

/// From a moment on, until before another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// Its first moment.
    pub since: Timestamp,
    /// The first moment after it.
    pub until: Timestamp,
}

/// Decisions of somebody within an hour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HourOfWork {
    /// When the hour began.
    pub hour: Timestamp,
    /// Who.
    pub actor: Actor,
    /// How many.
    pub decisions: u64,
}

/// How long comments had waited when they were decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Waits {
    /// Decisions.
    pub decisions: u64,
    /// Half of them came within this.
    pub p50: Duration,
    /// Nine of ten came within this.
    pub p90: Duration,
}

/// Waits of a period, and of each of its days (UTC) that has any.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WaitingTimes {
    /// All of them.
    pub all: Waits,
    /// By the beginning of the day, oldest first.
    pub days: Vec<(Timestamp, Waits)>,
}

/// What somebody decided, and what others made of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActorRecord {
    /// Who.
    pub actor: Actor,
    /// How long comments had waited for these decisions.
    pub waits: Waits,
    /// Decisions that somebody else reversed later, on an appeal or without: showed what was hidden, or
    /// hid what was shown.
    pub overturned: u64,
    /// Appeals against these decisions that were answered in the period.
    pub appeals: u64,
    /// Those where the author was right.
    pub upheld: u64,
}

impl ActorRecord {
    /// The record of this actor, added if there is none yet: of somebody who decided nothing in the
    /// period that an appeal was answered in, the id is all that is known.
    pub fn of<'r>(records: &'r mut Vec<Self>, id: &str) -> &'r mut Self {
        let place = records.iter().position(|record| record.actor.id == id).unwrap_or_else(|| {
            let actor = Actor { id: id.to_owned(), name: id.to_owned() };
            records.push(Self { actor, waits: Waits::default(), overturned: 0, appeals: 0, upheld: 0 });
            records.len() - 1
        });
        &mut records[place]
    }

    /// Adds appeals against the actor's decisions.
    pub fn add_appeals(&mut self, appeals: u64, upheld: u64) {
        self.appeals += appeals;
        self.upheld += upheld;
    }
}

/// Appeals against what a rule contributed to, answered in the period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleAppeals {
    /// The rule's id.
    pub rule: String,
    /// Appeals about comments on which it had spoken against the comment.
    pub appeals: u64,
    /// Those where the author was right.
    pub upheld: u64,
}

/// How often a first and a second look came out like this.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreement {
    /// Category of the weightiest reason; none, if nothing spoke against the comment.
    pub category: Option<String>,
    /// The decision.
    pub first: DecisionKind,
    /// What somebody else would have decided.
    pub second: DecisionKind,
    /// How often.
    pub looks: u64,
}

/// A decision to look at again: without its outcome, which must not be known beforehand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SampledDecision {
    /// Which decision.
    pub decision: DecisionId,
    /// About which comment.
    pub comment: CommentName,
    /// Which text of it was decided about.
    pub revision: Revision,
    /// When.
    pub decide_time: Timestamp,
}

/// Which decisions to look at again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SampleScope {
    /// For whom: nobody looks at their own decisions again.
    pub looker: Actor,
    /// How many of a hundred decisions.
    pub percent: u8,
    /// Decisions of this time, oldest first. Those that can still be undone are left out.
    pub period: Period,
    /// The moment of asking.
    pub now: Timestamp,
}

/// Most decisions that are read to find sampled ones: what a sample of one percent needs for some.
pub const SAMPLED_FROM: u32 = 5_000;

/// What somebody would have decided, not knowing what was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecondLook {
    /// Which decision.
    pub decision: DecisionId,
    /// About which comment.
    pub comment: CommentName,
    /// Who looked.
    pub actor: Actor,
    /// What they would have decided: approve, reject or spam.
    pub kind: DecisionKind,
    /// When.
    pub time: Timestamp,
}

/// What became of a second look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecondLooked {
    /// It counts; the first decision was this. Also the answer to a repeated request.
    Counted(DecisionKind),
    /// Somebody else was faster; nothing changed.
    Taken,
    /// There is no such decision, it does not settle anything, it was taken back, or it is the looker's
    /// own; nothing changed.
    Unknown,
}
