//! What goes into the store and comes out of it.

use moderato_domain::{
    Action, Actor, AuthorKey, Circumstances, Comment, CommentId, CommentName, ContentHash, Evaluation, Facts,
    Revision, Role, SiteId, State, SubmissionUid, TextFingerprint, TextSketch, ThreadId, Timestamp, UserId,
};

use crate::facts::Traces;

/// Why the store could not do it. The caller acts on the variant.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No connection, a timeout, a lock, a full or read-only disk: the same call can succeed later.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// The store refused this very data: trying again cannot help, trying it without its
    /// neighbours can.
    #[error("the store refused the data: {0}")]
    Rejected(String),
}

/// One evaluated revision, ready to be stored.
#[derive(Debug, Clone)]
pub struct NewRecord {
    /// The revision.
    pub comment: Comment,
    /// `comment.content_hash()`, computed once.
    pub content_hash: ContentHash,
    /// `comment.submission_uid()`, computed once.
    pub submission_uid: SubmissionUid,
    /// Who wrote it, if the site can tell.
    pub author: Option<AuthorKey>,
    /// Keyed hash of the mail address.
    pub mail_hash: Option<[u8; 16]>,
    /// Keyed hash of the IP address.
    pub ip_hash: Option<[u8; 16]>,
    /// The network of the IP address.
    pub ip_prefix: Option<String>,
    /// Mail and IP address in clear, only if the site opted in.
    pub contact: Option<Contact>,
    /// Recognises the text again.
    pub fingerprint: TextFingerprint,
    /// What of it is kept for judging later comments.
    pub traces: Traces,
    /// What the engine said.
    pub evaluation: Evaluation,
    /// With which facts.
    pub facts: Facts,
    /// What readers see if this becomes the newest revision.
    pub state: State,
    /// When it was evaluated.
    pub evaluate_time: Timestamp,
}

impl NewRecord {
    /// The circumstances, if there is anything to keep.
    pub fn kept_circumstances(&self) -> Option<&Circumstances> {
        Some(&self.comment.circumstances).filter(|told| !told.is_untold())
    }

    /// The text's sketch, if some rule had it made and it waits for a moderator: campaigns are
    /// recognised by it.
    pub fn waiting_text(&self, waits: bool) -> Option<&TextSketch> {
        self.traces.text.as_ref().filter(|_| waits)
    }

    /// Category of the weightiest reason.
    pub fn category(&self) -> Option<&str> {
        self.evaluation.reasons.first().map(|reason| reason.category.as_str())
    }

    /// The facts, if there is anything to keep: a verdict without reads back as given with
    /// [`Facts::none`] at its time.
    pub fn kept_facts(&self) -> Option<&Facts> {
        Some(&self.facts).filter(|facts| **facts != Facts::none(self.evaluate_time))
    }
}

/// Addresses in clear.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Contact {
    /// Mail address.
    pub email: Option<String>,
    /// IP address.
    pub ip: Option<String>,
}

/// What became of a recorded revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// It is the comment's newest revision now.
    Applied,
    /// It was stored before, with the same content. Nothing changed.
    Duplicate,
    /// A newer revision is known: text and verdict are kept, readers see no change.
    Stale,
    /// This revision was stored before with *other* content. The first one stays; nothing changed.
    Conflict,
}

/// What became of a withdrawal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Withdrawn {
    /// The comment is withdrawn now.
    Applied,
    /// It was withdrawn before.
    Duplicate,
    /// No such comment (yet).
    Unknown,
}

/// Which comments to list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CommentFilter {
    /// Only of this state.
    pub state: Option<State>,
    /// Only with this recommendation.
    pub action: Option<Action>,
    /// Only of this page.
    pub thread: Option<ThreadId>,
}

/// A place in a list of comments: the sort key of the last one seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommentPosition {
    /// Its accept or create time, whichever the list is ordered by.
    pub time: Timestamp,
    /// Its id.
    pub comment: CommentId,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// A revision got its verdict and is the newest.
    VerdictRecorded,
    /// A human decided.
    DecisionMade,
    /// A human's decision was taken back.
    DecisionUndone,
    /// The comment was taken back.
    CommentWithdrawn,
    /// Somebody began to look at it, or stopped.
    ClaimChanged,
    /// A moderator wrote a note about it.
    NoteAdded,
    /// A reader reported it.
    CommentReported,
    /// Its author appealed.
    AppealReceived,
}

impl EventKind {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::VerdictRecorded,
        Self::DecisionMade,
        Self::DecisionUndone,
        Self::CommentWithdrawn,
        Self::ClaimChanged,
        Self::NoteAdded,
        Self::CommentReported,
        Self::AppealReceived,
    ];

    /// Whether only moderators are told: platforms see no change.
    pub const fn is_internal(self) -> bool {
        matches!(self, Self::ClaimChanged | Self::NoteAdded | Self::CommentReported | Self::AppealReceived)
    }

    /// The kind as text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::VerdictRecorded => "verdict.recorded",
            Self::DecisionMade => "decision.made",
            Self::DecisionUndone => "decision.undone",
            Self::CommentWithdrawn => "comment.withdrawn",
            Self::ClaimChanged => "claim.changed",
            Self::NoteAdded => "note.added",
            Self::CommentReported => "comment.reported",
            Self::AppealReceived => "appeal.received",
        }
    }

    /// Reads [`as_str`](Self::as_str) back.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// A place in the event log. `epoch` orders transactions (on PostgreSQL the transaction id, on
/// SQLite always 0), `sequence` the events of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct EventCursor {
    /// Transaction.
    pub epoch: i64,
    /// Event within it.
    pub sequence: i64,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Where it stands in the log.
    pub cursor: EventCursor,
    /// What happened.
    pub kind: EventKind,
    /// To which comment.
    pub comment: CommentName,
    /// On which page.
    pub thread: ThreadId,
    /// To which revision.
    pub revision: Revision,
    /// The engine's recommendation for that revision.
    pub action: Action,
    /// What readers see since.
    pub state: State,
    /// When.
    pub time: Timestamp,
}

/// The public half of an API key: what stands before the dot.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ApiKeyId(pub String);

/// An API key as the store knows it: the secret only as its SHA-256.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Public half.
    pub id: ApiKeyId,
    /// The one site it works on.
    pub site: SiteId,
    /// What people call it.
    pub label: String,
    /// The person who uses it. Such a key lives only while they may do something on the site.
    pub owner: Option<UserId>,
    /// SHA-256 of the secret half.
    pub secret_sha256: [u8; 32],
    /// What it may be.
    pub roles: Vec<Role>,
    /// When it was made.
    pub create_time: Timestamp,
    /// When it stops working.
    pub expire_time: Option<Timestamp>,
    /// When it was revoked.
    pub revoke_time: Option<Timestamp>,
}

impl ApiKey {
    /// Who acts with it: the person whose key it is, so that nobody becomes somebody else by calling
    /// instead of signing in; without one, the key itself.
    pub fn actor(&self) -> Actor {
        match self.owner {
            Some(user) => Actor::person(user, &self.label),
            None => Actor { id: format!("key:{}", self.id.0), name: self.label.clone() },
        }
    }
}
