//! Requests that scenarios send.

use moderato_api::pb::ingest::{Author, Client, CommentDraft, SubmitCommentRequest};

use crate::deployment::SITE;

/// An address that no answer may ever hold.
pub const EMAIL: &str = "ada.secret@mail.example";

/// A network address that no answer may ever hold.
pub const IP: &str = "203.0.113.77";

/// A comment of a guest with mail and network address.
pub fn draft(thread: &str, body: &str) -> CommentDraft {
    CommentDraft {
        thread: thread.to_owned(),
        author: Some(Author { display_name: "Ada".to_owned(), email: EMAIL.to_owned(), ..Author::default() }),
        client: Some(Client { ip: IP.to_owned(), user_agent: "Browser/1.0".to_owned(), ..Client::default() }),
        body: body.to_owned(),
        ..CommentDraft::default()
    }
}

/// Submits a comment under a request id.
pub fn submission(request_id: &str, thread: &str, body: &str) -> SubmitCommentRequest {
    SubmitCommentRequest {
        parent: SITE.to_owned(),
        comment: Some(draft(thread, body)),
        request_id: request_id.to_owned(),
        ..SubmitCommentRequest::default()
    }
}
