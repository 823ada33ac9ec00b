//! Stored comments and events on the wire. [`StoredComment`] holds no mail or IP address, so nothing
//! here could show one.

use moderato_api::intake::to_timestamp;
use moderato_api::pb::query::{self, event};
use moderato_api::pb::types as pb;
use moderato_api::{names, view};
use moderato_store::{Event, EventKind, StoredComment};

/// A comment.
pub(crate) fn comment(comment: StoredComment) -> pb::Comment {
    let site = &comment.name.site;
    pb::Comment {
        thread: names::thread_name(site, &comment.thread),
        parent: comment.parent.map(|parent| names::comment_name(site, &parent)).unwrap_or_default(),
        name: comment.name.to_string(),
        revision: comment.revision.get(),
        author: Some(pb::PublicAuthor {
            display_name: comment.display_name,
            url: comment.author_url.unwrap_or_default(),
            guest: comment.guest,
        }),
        body: comment.body,
        language: comment.language.unwrap_or_default(),
        permalink: comment.permalink.unwrap_or_default(),
        state: view::state(comment.state) as i32,
        action: view::action(comment.action) as i32,
        score: comment.score.get(),
        decided: comment.decided,
        create_time: Some(to_timestamp(comment.create_time)),
        accept_time: Some(to_timestamp(comment.accept_time)),
        update_time: Some(to_timestamp(comment.update_time)),
        etag: etag(comment.version),
        author_status_uri: String::new(),
    }
}

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

/// Changes with every change of a comment.
fn etag(version: i64) -> String {
    format!("v{version}")
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
