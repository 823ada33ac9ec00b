//! The closed set of error codes. Each door maps them to its own protocol in one table.

/// What went wrong, as a caller can act on it. Sent as `google.rpc.ErrorInfo.reason`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    /// The bytes are not a message of this API (broken protobuf, invalid UTF-8).
    MalformedMessage,
    /// The message is larger than this door accepts.
    MessageTooLarge,
    /// One or more fields are not acceptable; the field violations say which and why.
    InvalidFields,
    /// No API key was sent.
    KeyMissing,
    /// The API key is unknown, has another secret, is revoked or has expired.
    KeyRejected,
    /// The key may not do this, or not on this site.
    PermissionDenied,
    /// No such site, or the key cannot see it.
    SiteNotFound,
    /// No such comment on this site.
    CommentNotFound,
    /// The comment has no verdict yet.
    VerdictNotFound,
    /// The request id, the decision id, or the comment's revision was used before with other content.
    ContentConflict,
    /// A newer revision of this comment is already known.
    RevisionStale,
    /// A human decision or withdrawal already settled this.
    AlreadySettled,
    /// Something about the comment changed after the caller saw it, such as a report that came in.
    CommentChanged,
    /// Somebody else is looking at the comment.
    Claimed,
    /// No such decision on this site.
    DecisionNotFound,
    /// The decision cannot be taken back: the time has passed, it was undone before, or something was
    /// decided or edited since. Nothing changed.
    UndoRefused,
    /// No such rule set.
    RuleSetNotFound,
    /// The rule set does not compile with this release or fails its own tests, or there is none to
    /// roll back to. What was in force stays.
    RuleSetUnfit,
    /// The page or resume token was not issued for this request.
    TokenInvalid,
    /// The work queue is full; nothing was accepted.
    QueueFull,
    /// The queue did not answer in time or at all. Retrying with the same request id is safe.
    QueueUnavailable,
    /// The store did not answer in time or at all.
    StoreUnavailable,
    /// This process has too much in flight.
    Overloaded,
    /// The role is shutting down; another one will answer.
    ShuttingDown,
    /// The deadline passed before the answer was there.
    DeadlineExceeded,
    /// A defect. The log has the details under the request id.
    Internal,
}

impl ErrorCode {
    /// Every code, for tables and tests.
    pub const ALL: [Self; 26] = [
        Self::MalformedMessage,
        Self::MessageTooLarge,
        Self::InvalidFields,
        Self::KeyMissing,
        Self::KeyRejected,
        Self::PermissionDenied,
        Self::SiteNotFound,
        Self::CommentNotFound,
        Self::VerdictNotFound,
        Self::ContentConflict,
        Self::RevisionStale,
        Self::AlreadySettled,
        Self::CommentChanged,
        Self::Claimed,
        Self::DecisionNotFound,
        Self::UndoRefused,
        Self::RuleSetNotFound,
        Self::RuleSetUnfit,
        Self::TokenInvalid,
        Self::QueueFull,
        Self::QueueUnavailable,
        Self::StoreUnavailable,
        Self::Overloaded,
        Self::ShuttingDown,
        Self::DeadlineExceeded,
        Self::Internal,
    ];

    /// The code on the wire and in metrics: upper snake case, never renamed.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MalformedMessage => "MALFORMED_MESSAGE",
            Self::MessageTooLarge => "MESSAGE_TOO_LARGE",
            Self::InvalidFields => "INVALID_FIELDS",
            Self::KeyMissing => "KEY_MISSING",
            Self::KeyRejected => "KEY_REJECTED",
            Self::PermissionDenied => "PERMISSION_DENIED",
            Self::SiteNotFound => "SITE_NOT_FOUND",
            Self::CommentNotFound => "COMMENT_NOT_FOUND",
            Self::VerdictNotFound => "VERDICT_NOT_FOUND",
            Self::ContentConflict => "CONTENT_CONFLICT",
            Self::RevisionStale => "REVISION_STALE",
            Self::AlreadySettled => "ALREADY_SETTLED",
            Self::CommentChanged => "COMMENT_CHANGED",
            Self::Claimed => "CLAIMED",
            Self::DecisionNotFound => "DECISION_NOT_FOUND",
            Self::UndoRefused => "UNDO_REFUSED",
            Self::RuleSetNotFound => "RULE_SET_NOT_FOUND",
            Self::RuleSetUnfit => "RULE_SET_UNFIT",
            Self::TokenInvalid => "TOKEN_INVALID",
            Self::QueueFull => "QUEUE_FULL",
            Self::QueueUnavailable => "QUEUE_UNAVAILABLE",
            Self::StoreUnavailable => "STORE_UNAVAILABLE",
            Self::Overloaded => "OVERLOADED",
            Self::ShuttingDown => "SHUTTING_DOWN",
            Self::DeadlineExceeded => "DEADLINE_EXCEEDED",
            Self::Internal => "INTERNAL",
        }
    }

    /// Whether the same call, sent again later, can succeed.
    pub const fn retry_helps(self) -> bool {
        matches!(
            self,
            Self::QueueFull
                | Self::QueueUnavailable
                | Self::StoreUnavailable
                | Self::Overloaded
                | Self::ShuttingDown
                | Self::CommentNotFound
                | Self::VerdictNotFound
                | Self::DeadlineExceeded
        )
    }
}
