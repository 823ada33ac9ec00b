//! Items, decisions and refusals on the wire.

use moderato_api::intake::to_timestamp;
use moderato_api::pb::review as pb;
use moderato_api::pb::types;
use moderato_api::status::Refusal;
use moderato_api::{names, view};
use moderato_domain::{Actor, DecisionKind, ErrorCode, Priority, ReviewQueue, SiteId};
use moderato_store::{
    AuthorHistory, Claim, DecideError, DecideRefusal, DecisionRecord, Note, QueueCount, QueueItem, Sanction,
    StoredComment, UndoError,
};

use crate::rules::refused;

pub(crate) fn comments(comments: Vec<StoredComment>) -> Vec<types::Comment> {
    comments.into_iter().map(view::comment).collect()
}

pub(crate) fn item(item: QueueItem) -> pb::QueueItem {
    let author = item.author.map(|author| names::author_name(&item.comment.name.site, &author));
    pb::QueueItem {
        comment: Some(view::comment(item.comment)),
        author: author.unwrap_or_default(),
        queue: item.queue.map_or(pb::Queue::Unspecified, queue) as i32,
        priority: priority(item.priority) as i32,
        wait_since: Some(to_timestamp(item.wait_since)),
        category: item.category.unwrap_or_default(),
        report_count: i32::try_from(item.reports).unwrap_or(i32::MAX),
        campaign_size: i32::try_from(item.campaign).unwrap_or(i32::MAX),
        claim: item.claim.map(claim),
        verdict: Some(view::verdict(item.verdict)),
    }
}

pub(crate) fn count(count: &QueueCount) -> pb::QueueCount {
    pb::QueueCount {
        queue: queue(count.queue) as i32,
        waiting: i64::try_from(count.waiting).unwrap_or(i64::MAX),
        oldest_wait_since: count.oldest.map(to_timestamp),
    }
}

pub(crate) fn claim(claim: Claim) -> pb::Claim {
    pb::Claim {
        holder: Some(actor(claim.holder)),
        claim_time: Some(to_timestamp(claim.claim_time)),
        expire_time: Some(to_timestamp(claim.expire_time)),
    }
}

pub(crate) fn history(site: &SiteId, history: AuthorHistory) -> pb::AuthorHistory {
    pb::AuthorHistory {
        comment_count: history.comments,
        published_count: history.published,
        rejected_count: history.rejected,
        first_seen_time: history.first_seen.map(to_timestamp),
        recent: comments(history.recent),
        ban: history.sanction.map(|sanction| ban(site, sanction)),
    }
}

pub(crate) fn ban(site: &SiteId, sanction: Sanction) -> pb::Ban {
    pb::Ban {
        author: names::author_name(site, &sanction.author),
        display_name: sanction.display_name,
        expire_time: sanction.until.map(to_timestamp),
        reason: sanction.reason,
        actor: Some(actor(sanction.actor)),
        create_time: Some(to_timestamp(sanction.time)),
    }
}

pub(crate) fn note(note: Note) -> pb::Note {
    pb::Note {
        comment: note.comment.to_string(),
        author: Some(actor(note.actor)),
        text: note.text,
        create_time: Some(to_timestamp(note.time)),
    }
}

pub(crate) fn decision(record: DecisionRecord) -> pb::Decision {
    let (undo_time, undone_by) = record.undone.unzip();
    pb::Decision {
        decision_id: record.id.0.to_string(),
        comment: record.comment.to_string(),
        revision: record.revision.get(),
        kind: kind(record.kind) as i32,
        actor: Some(actor(record.actor)),
        guideline: record.guideline.unwrap_or_default(),
        message: record.message.unwrap_or_default(),
        note: record.note.unwrap_or_default(),
        decide_time: Some(to_timestamp(record.decide_time)),
        waited: record.waited.try_into().ok(),
        undo_until: Some(to_timestamp(record.undo_until)),
        undo_time: undo_time.map(to_timestamp),
        undone_by: undone_by.map(actor),
    }
}

/// Why one comment could not be decided about, and what to do.
pub(crate) fn refusal(refusal: &DecideRefusal) -> Refusal {
    let (code, what_to_do) = match refusal {
        DecideRefusal::Unknown => (ErrorCode::CommentNotFound, "check its name"),
        DecideRefusal::Stale(_) => (ErrorCode::RevisionStale, "read the new text and decide about that"),
        DecideRefusal::Withdrawn => (ErrorCode::AlreadySettled, "nothing is left to decide"),
        DecideRefusal::AlreadyDecided { .. } => {
            (ErrorCode::AlreadySettled, "read it again; decide without etag to overrule")
        }
        DecideRefusal::Changed => (ErrorCode::CommentChanged, "read it again and decide with its new etag"),
        DecideRefusal::OwnDecision => (ErrorCode::PermissionDenied, "leave it to another moderator"),
        DecideRefusal::Claimed(_) => (ErrorCode::Claimed, "wait, or decide with over_claim"),
    };
    Refusal::Error(code, format!("{refusal}: {what_to_do}"))
}

/// Why nothing of a decision was made.
pub(crate) fn decide_refusal(error: &DecideError) -> Refusal {
    match error {
        DecideError::IdTaken => {
            Refusal::Error(ErrorCode::ContentConflict, format!("{error}: make up a new decision_id"))
        }
        DecideError::Store(failed) => refused(failed),
    }
}

/// Why a decision was not taken back.
pub(crate) fn undo_refusal(error: &UndoError) -> Refusal {
    match error {
        UndoError::Unknown => Refusal::Error(ErrorCode::DecisionNotFound, error.to_string()),
        UndoError::TooLate(_) => {
            Refusal::Error(ErrorCode::UndoRefused, format!("{error}: decide anew instead"))
        }
        UndoError::AlreadyUndone => Refusal::Error(ErrorCode::UndoRefused, error.to_string()),
        UndoError::Overtaken(_) => Refusal::Error(
            ErrorCode::UndoRefused,
            format!("{error}: nothing was taken back; decide about them one by one"),
        ),
        UndoError::Store(failed) => refused(failed),
    }
}

fn actor(actor: Actor) -> pb::Actor {
    pb::Actor { id: actor.id, display_name: actor.name }
}

const fn queue(queue: ReviewQueue) -> pb::Queue {
    match queue {
        ReviewQueue::Escalated => pb::Queue::Escalated,
        ReviewQueue::Appeals => pb::Queue::Appeals,
        ReviewQueue::Reported => pb::Queue::Reported,
        ReviewQueue::Flagged => pb::Queue::Flagged,
        ReviewQueue::Pending => pb::Queue::Pending,
        ReviewQueue::Spam => pb::Queue::Spam,
    }
}

const fn priority(priority: Priority) -> pb::Priority {
    match priority {
        Priority::Low => pb::Priority::Low,
        Priority::Normal => pb::Priority::Normal,
        Priority::High => pb::Priority::High,
        Priority::Crisis => pb::Priority::Crisis,
    }
}

const fn kind(kind: DecisionKind) -> pb::DecisionKind {
    match kind {
        DecisionKind::Approve => pb::DecisionKind::Approve,
        DecisionKind::Reject => pb::DecisionKind::Reject,
        DecisionKind::Spam => pb::DecisionKind::MarkSpam,
        DecisionKind::Escalate => pb::DecisionKind::Escalate,
        DecisionKind::SendBack => pb::DecisionKind::SendBack,
    }
}
