//! Events on the wire.

use moderato_api::intake::to_timestamp;
use moderato_api::pb::query::{self, event};
use moderato_api::{names, view};
use moderato_store::{Event, EventKind};

/// An event; `resume_token` resumes after it.
pub(crate) fn event(event: &Event, resume_token: String) -> query::Event {
    query::Event {
        resume_token,
        kind: kind(event.kind) as i32,
        thread: names::thread_name(&event.comment.site, &event.thread),
        comment: event.comment.to_string(),
        revision: event.revision.get(),
        action: view::action(event.action) as i32,
        state: view::state(event.state) as i32,
        time: Some(to_timestamp(event.time)),
    }
}

/// What is told to moderators alone has no kind here; watchers are not handed it.
const fn kind(kind: EventKind) -> event::Kind {
    match kind {
        EventKind::VerdictRecorded => event::Kind::VerdictRecorded,
        EventKind::DecisionMade => event::Kind::DecisionMade,
        EventKind::DecisionUndone => event::Kind::DecisionUndone,
        EventKind::CommentWithdrawn => event::Kind::CommentWithdrawn,
        EventKind::ClaimChanged
        | EventKind::NoteAdded
        | EventKind::CommentReported
        | EventKind::AppealReceived => event::Kind::Unspecified,
    }
}
