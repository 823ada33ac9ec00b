//! What is kept of a comment, for those who show it.

use crate::clock::Timestamp;
use crate::comment::ContentHash;
use crate::ids::{CommentId, CommentName, Revision, ThreadId};
use crate::verdict::{Action, Score, State};

/// A comment at its newest revision, as it was judged and decided about. It holds no mail or IP address, so
/// nothing that shows one could tell.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredComment {
    /// Resource name.
    pub name: CommentName,
    /// Page.
    pub thread: ThreadId,
    /// The comment it answers.
    pub parent: Option<CommentId>,
    /// Newest revision.
    pub revision: Revision,
    /// Content of the newest revision.
    pub content_hash: ContentHash,
    /// Name that readers see.
    pub display_name: String,
    /// Website.
    pub author_url: Option<String>,
    /// Wrote without an account.
    pub guest: bool,
    /// Text.
    pub body: String,
    /// Language tag.
    pub language: Option<String>,
    /// Where it can be seen.
    pub permalink: Option<String>,
    /// What readers see.
    pub state: State,
    /// The engine's recommendation for the newest revision.
    pub action: Action,
    /// Points of that verdict.
    pub score: Score,
    /// A human decided about the newest revision.
    pub decided: bool,
    /// When it was written.
    pub create_time: Timestamp,
    /// When the newest revision was accepted.
    pub accept_time: Timestamp,
    /// When anything about it changed last.
    pub update_time: Timestamp,
    /// Raised with every change.
    pub version: i64,
}
