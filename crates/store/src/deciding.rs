//! What a decision makes of its comments, and what taking it back does: what backends read goes in, what
//! they write and tell comes out.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use moderato_domain::{CommentId, CommentName, Decision, Revision, State, StoredComment, Target, Timestamp};

use crate::review::{Claim, DecisionRecord, ReviewCase};
use crate::types::StoreError;

/// What became of one target of a decision.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "nearly all are applied")]
pub enum Decided {
    /// It is as decided. Also the answer to a repeated request, with nothing changed.
    Applied {
        /// The comment as it stands now.
        comment: StoredComment,
        /// What is kept of the decision about it.
        record: DecisionRecord,
    },
    /// Refused; nothing changed.
    Refused(DecideRefusal),
}

/// Why a decision about a comment was refused. Nothing changed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum DecideRefusal {
    /// No such comment.
    #[error("there is no such comment")]
    Unknown,
    /// The human saw an older revision.
    #[error("revision {0} is newer than the one decided about")]
    Stale(Revision),
    /// The author or the platform took it back.
    #[error("the comment was withdrawn")]
    Withdrawn,
    /// Somebody else settled it after the human saw it.
    #[error("{} decided {} meanwhile", by.actor.name, by.kind.as_str())]
    AlreadyDecided {
        /// That decision.
        by: Box<DecisionRecord>,
    },
    /// Something else about it changed after the human saw it, such as a report that came in.
    #[error("the comment changed meanwhile")]
    Changed,
    /// Somebody else holds a claim.
    #[error("{} is looking at it", .0.holder.name)]
    Claimed(Claim),
    /// Its author objects to a decision of the same person: somebody else has to answer that.
    #[error("its author objects to your own decision: somebody else has to answer that")]
    OwnDecision,
}

/// Why nothing of a decision was made.
#[derive(Debug, thiserror::Error)]
pub enum DecideError {
    /// Its id stands for a decision about something else, of another kind or by somebody else.
    #[error("the id of the decision was used for another one")]
    IdTaken,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a decision was not undone. Nothing changed.
#[derive(Debug, thiserror::Error)]
pub enum UndoError {
    /// No such decision on this site.
    #[error("there is no such decision")]
    Unknown,
    /// The window has passed: what follows from it has left the house. Decide anew instead. So it is with
    /// decisions that an earlier release made, which kept nothing to restore.
    #[error("the time to undo it has passed")]
    TooLate(Timestamp),
    /// It was undone before.
    #[error("it was undone before")]
    AlreadyUndone,
    /// Somebody decided something else since, the comment was edited or taken back: these stay.
    #[error("{0} of its comments changed since")]
    Overtaken(usize),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A comment as a decision meets it.
#[derive(Debug, Clone)]
pub struct Met {
    /// Its newest revision.
    pub revision: Revision,
    /// Its version.
    pub version: i64,
    /// How it stands.
    pub case: ReviewCase,
    /// The newest decision that settled it, that was not undone, and the version after it.
    pub settled: Option<(DecisionRecord, i64)>,
    /// A live claim.
    pub claim: Option<Claim>,
    /// An open appeal objects to a decision of whoever decides now.
    pub own_appeal: bool,
}

/// What a decision comes to.
#[derive(Debug, Default)]
pub struct Ruling {
    /// What to keep of it: about each comment that it is applied to now.
    pub applied: BTreeMap<CommentId, DecisionRecord>,
    earlier: HashMap<CommentId, DecisionRecord>,
    refused: HashMap<CommentId, DecideRefusal>,
}

impl Ruling {
    /// Of a decision about comments as it `met` them; `made` is what is kept under its id.
    pub fn of(
        decision: &Decision,
        mut met: HashMap<CommentId, Met>,
        made: Vec<DecisionRecord>,
    ) -> Result<Self, DecideError> {
        if made.iter().any(|made| !is_of(made, decision)) {
            return Err(DecideError::IdTaken);
        }
        let repeated = !made.is_empty();
        let earlier = made.into_iter().map(|made| (made.comment.comment.clone(), made)).collect();
        let mut ruling = Self { earlier, ..Self::default() };
        for target in &decision.targets {
            let id = &target.comment;
            if ruling.earlier.contains_key(id) || ruling.applied.contains_key(id) {
                continue;
            }
            let Some(met) = met.remove(id) else {
                ruling.refused.entry(id.clone()).or_insert(DecideRefusal::Unknown);
                continue;
            };
            let refusal = match refusal(decision, target, &met) {
                // What the first request could not do, its repetition does not do either.
                None if repeated => Some(DecideRefusal::Changed),
                refusal => refusal,
            };
            match refusal {
                Some(refusal) => _ = ruling.refused.insert(id.clone(), refusal),
                None => _ = ruling.applied.insert(id.clone(), record(decision, id, &met)),
            }
        }
        Ok(ruling)
    }

    /// What to tell of each target, with the comments as they stand now.
    pub fn told(mut self, decision: &Decision, stored: &HashMap<CommentId, StoredComment>) -> Vec<Decided> {
        self.applied.extend(self.earlier);
        let told = |target: &Target| {
            let id = &target.comment;
            match (self.refused.get(id), self.applied.get(id), stored.get(id)) {
                (Some(refusal), ..) => Decided::Refused(refusal.clone()),
                (None, Some(record), Some(comment)) => {
                    Decided::Applied { comment: comment.clone(), record: record.clone() }
                }
                _ => Decided::Refused(DecideRefusal::Unknown),
            }
        };
        decision.targets.iter().map(told).collect()
    }
}

/// Whether this was kept of that decision: the same site, outcome and actor.
fn is_of(made: &DecisionRecord, decision: &Decision) -> bool {
    made.comment.site == decision.site
        && made.kind == decision.kind
        && made.actor.id == decision.actor.id
        && decision.targets.iter().any(|target| target.comment == made.comment.comment)
}

/// Why a decision about a target cannot be applied, if it cannot.
fn refusal(decision: &Decision, target: &Target, met: &Met) -> Option<DecideRefusal> {
    if met.case.state == State::Withdrawn {
        return Some(DecideRefusal::Withdrawn);
    }
    match met.revision.cmp(&target.revision) {
        std::cmp::Ordering::Greater => return Some(DecideRefusal::Stale(met.revision)),
        // Nobody can have seen a revision that is not stored yet.
        std::cmp::Ordering::Less => return Some(DecideRefusal::Unknown),
        std::cmp::Ordering::Equal => {}
    }
    if let Some(seen) = target.version.filter(|seen| *seen != met.version) {
        return Some(match &met.settled {
            Some((by, after)) if *after > seen => DecideRefusal::AlreadyDecided { by: Box::new(by.clone()) },
            _ => DecideRefusal::Changed,
        });
    }
    if met.own_appeal && decision.kind.settles() {
        return Some(DecideRefusal::OwnDecision);
    }
    let others = |claim: &&Claim| !decision.over_claim && claim.holder.id != decision.actor.id;
    met.claim.as_ref().filter(others).map(|claim| DecideRefusal::Claimed(claim.clone()))
}

fn record(decision: &Decision, comment: &CommentId, met: &Met) -> DecisionRecord {
    let waits = met.case.queue().is_some();
    DecisionRecord {
        id: decision.id,
        comment: CommentName { site: decision.site.clone(), comment: comment.clone() },
        revision: met.revision,
        kind: decision.kind,
        actor: decision.actor.clone(),
        guideline: decision.guideline.clone(),
        message: decision.message.clone(),
        note: decision.note.clone(),
        decide_time: decision.decide_time,
        waited: if waits { decision.decide_time.since(met.case.wait_since) } else { Duration::ZERO },
        undo_until: decision.undo_until,
        undone: None,
    }
}

/// A decision about one of its comments, to be taken back.
#[derive(Debug)]
pub struct Undoing {
    /// What is kept of it.
    pub record: DecisionRecord,
    /// How the comment stood before, if that was kept.
    pub before: Option<ReviewCase>,
    /// The comment is as the decision left it: nothing was decided since and stands, and it was neither
    /// edited nor taken back.
    pub untouched: bool,
}

/// What taking a decision back restores: for each of its comments how it stood before, in the same order.
pub fn undone(parts: &[Undoing], now: Timestamp) -> Result<Vec<ReviewCase>, UndoError> {
    let Some(Undoing { record: first, .. }) = parts.first() else { return Err(UndoError::Unknown) };
    if first.undone.is_some() {
        return Err(UndoError::AlreadyUndone);
    }
    if first.undo_until < now {
        return Err(UndoError::TooLate(first.undo_until));
    }
    let overtaken = parts.iter().filter(|part| !part.untouched).count();
    if overtaken > 0 {
        return Err(UndoError::Overtaken(overtaken));
    }
    let before = |part: &Undoing| part.before.ok_or(UndoError::TooLate(first.undo_until));
    parts.iter().map(before).collect()
}
