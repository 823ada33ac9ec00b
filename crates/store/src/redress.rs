//! What authors and readers can do, and what leaves the house because of it.

use std::time::Duration;

use async_trait::async_trait;
use moderato_domain::{
    Appeal, AppealStatus, AppealText, CommentId, CommentName, DecisionId, Notice, Priority, Puid, Report,
    ReportReason, Revision, SiteId, State, Statement, Timestamp, UserId,
};
use uuid::Uuid;

use crate::review::{DecisionRecord, ReviewCase};
use crate::types::{EventCursor, StoreError};

/// Reports, statements of reasons and appeals.
///
/// Reports and appeals move their comment in the moderators' queues in the same transaction. They are
/// answered by [`decide`](crate::Review::decide): a decision that settles a comment closes its open
/// reports and its open appeal, and undoing it opens them again.
#[async_trait]
pub trait Redress: Send + Sync {
    /// Files a reader's report. Each person reports a revision once; what they say is folded into one
    /// case. A retry with the same request id gets the first answer again.
    async fn report(&self, report: &Report) -> Result<Reported, StoreError>;

    /// What readers said about a comment, folded by reason; most often reported first.
    async fn reports(&self, name: &CommentName) -> Result<Vec<ReportFold>, StoreError>;

    /// The newest statement about a comment.
    async fn statement(&self, name: &CommentName) -> Result<Option<Statement>, StoreError>;

    /// Statements of a site written in `since..until`, oldest first, after `after`.
    async fn statements(
        &self,
        site: &SiteId,
        since: Timestamp,
        until: Timestamp,
        after: Option<&StatementPosition>,
        limit: u32,
    ) -> Result<Vec<Statement>, StoreError>;

    /// Files an author's objection to a statement: one of each.
    async fn file_appeal(
        &self,
        statement: &Puid,
        name: &CommentName,
        text: &AppealText,
        now: Timestamp,
    ) -> Result<Appealed, StoreError>;

    /// The newest appeal about a comment, with what it is about.
    async fn appeal(&self, name: &CommentName) -> Result<Option<AppealCase>, StoreError>;

    /// Decisions whose time to be undone has passed and that nothing has followed from yet, oldest
    /// first. Those that were [set aside](Self::set_effect_aside) only when their time has come.
    async fn due_effects(&self, now: Timestamp, limit: u32) -> Result<Vec<DueEffect>, StoreError>;

    /// A decision about one of its comments.
    async fn decision_about(
        &self,
        decision: DecisionId,
        name: &CommentName,
    ) -> Result<Option<DecisionRecord>, StoreError>;

    /// What follows from decisions, in one transaction. What another process carried out meanwhile, and
    /// what was undone, is left out.
    async fn carry_out(&self, effects: &[Effect], now: Timestamp) -> Result<(), StoreError>;

    /// What follows from a decision could not be carried out: it stays due, and is tried again then.
    async fn set_effect_aside(&self, effect: &DueEffect, next: Timestamp) -> Result<(), StoreError>;

    /// Rejections by the engine alone that no statement was written about yet, in the order of the log,
    /// each with its place there.
    async fn rejections(&self, limit: u32) -> Result<Vec<(EventCursor, DueRejection)>, StoreError>;

    /// Rejections that were set aside and whose time has come, longest overdue first.
    async fn rejections_set_aside(&self, now: Timestamp, limit: u32)
    -> Result<Vec<DueRejection>, StoreError>;

    /// What became of rejections by the engine, and up to where in the log that is all, in one
    /// transaction: the log is read past a rejection only with its statement, or with the rejection set
    /// aside.
    async fn state_rejections(
        &self,
        until: Option<EventCursor>,
        stated: &[StatedRejection],
    ) -> Result<(), StoreError>;

    /// The mail address that the author of a revision gave, where the site keeps it.
    async fn author_mail(&self, name: &CommentName, revision: Revision)
    -> Result<Option<String>, StoreError>;

    /// Who gave notice of illegal content about a comment and was answered by this decision.
    async fn answered_notices(
        &self,
        name: &CommentName,
        decision: DecisionId,
    ) -> Result<Vec<Notice>, StoreError>;
}

/// Mails that wait to be sent.
#[async_trait]
pub trait Outbox: Send + Sync {
    /// Adds mails; nothing happens to one whose id is known. This and every other method that adds
    /// mails gives one up at once that would be more than [`UNASKED_PER_DAY`] to its recipient.
    async fn post(&self, mails: &[Mail]) -> Result<(), StoreError>;

    /// Takes mails that are due, oldest first. Nobody else gets them for the time of the `lease`; then
    /// they are due again, unless [`mail_sent`](Self::mail_sent) or [`mail_failed`](Self::mail_failed)
    /// was called.
    async fn take_mails(
        &self,
        now: Timestamp,
        lease: Duration,
        limit: u32,
    ) -> Result<Vec<TakenMail>, StoreError>;

    /// A mail was handed over: it is never taken again, and whom it went to and what it said is
    /// forgotten.
    async fn mail_sent(&self, id: Uuid, now: Timestamp) -> Result<(), StoreError>;

    /// A mail was not handed over; `next`: when to try again, if ever.
    async fn mail_failed(&self, id: Uuid, error: &str, next: Option<Timestamp>) -> Result<(), StoreError>;

    /// What waits among the escalated of a site, most urgent and longest waiting first; only what that
    /// person was not told of, if there is one.
    async fn urgent_items(
        &self,
        site: &SiteId,
        untold: Option<UserId>,
        limit: u32,
    ) -> Result<Vec<UrgentItem>, StoreError>;

    /// How many mails about urgent items were posted to a person since then.
    async fn urgent_mails(&self, user: UserId, since: Timestamp) -> Result<u32, StoreError>;

    /// Posts a mail to a person about urgent items of a site, and remembers that they were told of each.
    /// `false`, and nothing is done, if they were told of one of them meanwhile.
    async fn tell_urgent(
        &self,
        user: UserId,
        site: &SiteId,
        items: &[UrgentItem],
        mail: &Mail,
    ) -> Result<bool, StoreError>;
}

/// An item that should not wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UrgentItem {
    /// The comment.
    pub comment: CommentId,
    /// Since when it waits.
    pub wait_since: Timestamp,
    /// How urgent it is.
    pub priority: Priority,
}

/// How long is remembered who was told of an urgent item; it is settled long before.
pub const URGENT_REMEMBERED: Duration = Duration::from_hours(90 * 24);

/// What became of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reported {
    /// It opened a case: a moderator will look.
    Opened,
    /// It was added to the open case.
    Folded,
    /// The same person reported the same text before. Nothing changed.
    Repeated,
    /// A moderator has looked at this text because of reports of this reason, and left it: it was filed
    /// with that answer.
    Answered,
    /// Readers do not see the comment any more: it was filed.
    Hidden,
    /// The comment was taken back; nothing was filed.
    Withdrawn,
    /// No such comment; nothing was filed.
    Unknown,
}

impl Reported {
    /// What becomes of a report about a comment that stands like this. `left`: a moderator has looked at
    /// this text because of reports of this reason, and left it. A `formal` notice is looked at anyway.
    pub const fn of(case: &ReviewCase, left: bool, formal: bool) -> Self {
        match case.state {
            State::Withdrawn => Self::Withdrawn,
            State::Rejected | State::Spam => Self::Hidden,
            State::Pending | State::Published if left && !formal => Self::Answered,
            State::Pending | State::Published if case.reports > 0 => Self::Folded,
            State::Pending | State::Published => Self::Opened,
        }
    }

    /// How a report stands that is filed with this outcome.
    pub const fn status(self) -> &'static str {
        match self {
            Self::Hidden => "upheld",
            Self::Answered => "dismissed",
            _ => "open",
        }
    }

    /// As it is stored with the report, for a retry.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Folded => "folded",
            Self::Repeated => "repeated",
            Self::Answered => "answered",
            Self::Hidden => "hidden",
            Self::Withdrawn => "withdrawn",
            Self::Unknown => "unknown",
        }
    }

    /// Reads [`as_str`](Self::as_str) back.
    pub fn parse(text: &str) -> Option<Self> {
        let all = [
            Self::Opened,
            Self::Folded,
            Self::Repeated,
            Self::Answered,
            Self::Hidden,
            Self::Withdrawn,
            Self::Unknown,
        ];
        all.into_iter().find(|reported| reported.as_str() == text)
    }
}

/// Most texts and notices of a [`ReportFold`].
pub const REPORT_TEXTS: u32 = 20;

/// What readers said for one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportFold {
    /// The reason.
    pub reason: ReportReason,
    /// People whose report is open.
    pub open: u32,
    /// All reports of this reason, answered ones included.
    pub all: u32,
    /// When the newest came in.
    pub newest: Timestamp,
    /// Readers' own words, newest first; of all reasons together at most [`REPORT_TEXTS`].
    pub texts: Vec<String>,
    /// Notices of illegal content, likewise.
    pub notices: Vec<Notice>,
}

/// A place in a list of statements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementPosition {
    /// When it was written.
    pub time: Timestamp,
    /// Which one.
    pub puid: Puid,
}

impl From<&Statement> for StatementPosition {
    fn from(statement: &Statement) -> Self {
        Self { time: statement.create_time, puid: statement.puid.clone() }
    }
}

/// What became of the wish to appeal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Appealed {
    /// It waits for a moderator.
    Filed,
    /// There is an open one already; it stays as it was.
    Repeated,
    /// It was answered before.
    Answered,
    /// The comment is not restricted as the statement says: it is visible again, was edited or taken
    /// back.
    Moot,
    /// No such statement about this comment.
    Unknown,
}

impl Appealed {
    /// What becomes of an appeal against a statement about a comment that stands like this; `before`: how an
    /// appeal against it stands that was filed before.
    pub fn of(
        case: &ReviewCase,
        revision: Revision,
        statement: &Statement,
        before: Option<AppealStatus>,
    ) -> Self {
        match before {
            Some(AppealStatus::Open) => Self::Repeated,
            Some(_) => Self::Answered,
            None if case.state != State::Rejected || revision != statement.revision => Self::Moot,
            None => Self::Filed,
        }
    }
}

/// An appeal and what it is about.
#[derive(Debug, Clone, PartialEq)]
pub struct AppealCase {
    /// The appeal.
    pub appeal: Appeal,
    /// What the author was told.
    pub statement: Statement,
    /// The decision objected to; whoever made it cannot answer the appeal. None if the engine decided
    /// alone.
    pub original: Option<DecisionRecord>,
}

/// What follows from a decision about one comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effect {
    /// The decision.
    pub decision: DecisionId,
    /// The comment.
    pub comment: CommentName,
    /// The statement to its author.
    pub statement: Option<Statement>,
    /// Mails.
    pub mails: Vec<Mail>,
}

/// A decision about one comment from which something is to follow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueEffect {
    /// The decision.
    pub decision: DecisionId,
    /// The comment.
    pub comment: CommentName,
    /// How often it was set aside.
    pub attempts: u32,
}

/// A rejection by the engine about which its author is to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueRejection {
    /// The comment.
    pub comment: CommentName,
    /// What was rejected.
    pub revision: Revision,
    /// How often it was set aside.
    pub attempts: u32,
}

/// What became of a [`DueRejection`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatedRejection {
    /// The comment.
    pub comment: CommentName,
    /// What was rejected.
    pub revision: Revision,
    /// What became of it.
    pub outcome: RejectionOutcome,
}

/// See [`StatedRejection`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RejectionOutcome {
    /// Its author is told; or there is nothing to tell any more.
    Told {
        /// The statement.
        statement: Option<Box<Statement>>,
        /// The statement's mail.
        mail: Option<Mail>,
    },
    /// It could not be stated: it is due again then.
    SetAside {
        /// When.
        next: Timestamp,
    },
}

/// Mails of a day at most that reach an address without anybody knowing that it wants them: whoever
/// writes a comment or a notice types any address. Somebody whose comments a rule rejects wrongly gets
/// a handful of statements before they stop; somebody who is bombed gets no more than that.
pub const UNASKED_PER_DAY: u32 = 5;

/// How long a mail is counted for [`UNASKED_PER_DAY`].
pub const UNASKED_COUNTED: Duration = Duration::from_hours(24);

/// What a mail is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MailKind {
    /// A statement of reasons, to an author.
    Statement,
    /// The answer to an appeal, to an author.
    AppealAnswer,
    /// The answer to a notice of illegal content, to whoever gave it.
    NoticeAnswer,
    /// What waits, to a moderator.
    Digest,
    /// A link to sign in for the first time or with a new password.
    SignIn,
}

impl MailKind {
    /// Every kind.
    pub const ALL: [Self; 5] =
        [Self::Statement, Self::AppealAnswer, Self::NoticeAnswer, Self::Digest, Self::SignIn];

    /// The kind as text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Statement => "statement",
            Self::AppealAnswer => "appeal_answer",
            Self::NoticeAnswer => "notice_answer",
            Self::Digest => "digest",
            Self::SignIn => "sign_in",
        }
    }

    /// Reads [`as_str`](Self::as_str) back.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// A mail to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// Identifies it; derived from what it is about, so that it is sent once however often that is
    /// noticed.
    pub id: Uuid,
    /// What it is about.
    pub kind: MailKind,
    /// On which site.
    pub site: Option<SiteId>,
    /// To whom: one address.
    pub recipient: String,
    /// Its subject.
    pub subject: String,
    /// Its text.
    pub body: String,
    /// From when on it is sent.
    pub due: Timestamp,
    /// Nobody knows whether the recipient wants it: a hash of their address, by which such mails are
    /// counted. See [`UNASKED_PER_DAY`].
    pub unasked: Option<[u8; 32]>,
}

/// A mail to be sent now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenMail {
    /// The mail.
    pub mail: Mail,
    /// How often it was taken, this time included.
    pub attempt: u32,
}
