//! The store: everything that outlives a process, by use case.
//!
//! Rules that every method keeps:
//!
//! - One method is one transaction is one use case. There are no table repositories.
//! - Lookups return `Ok(None)` for "not found", since each caller answers that differently.
//! - Lists are keyset pages: stable while rows arrive.
//! - A method that changes a comment writes its event in the same transaction.
//!
//! To add to it: a method on the trait of its use case, a test in [`conformance`], the SQL in both
//! backends, and a migration of the same number and name in both.

mod accounts;
mod audit;
mod campaign;
pub mod conformance;
mod deciding;
mod directory;
mod facts;
mod insight;
mod redress;
mod review;
mod rules;
mod types;
mod waves;

use std::fmt;

use async_trait::async_trait;
use moderato_domain::{
    Actor, AuditEntry, AuditHash, AuthorKey, CommentId, CommentName, Decision, DecisionId, Email, Revision,
    RuleSetVersion, Site, SiteId, ThreadId, Timestamp, User, UserId, Verdict, Withdrawal,
};
use tokio::sync::watch;

pub use accounts::{
    ATTEMPTS_KEPT, Account, AccountKey, Attempt, AttemptLimit, Attempts, Changed, EndSessions,
    ForeignIdentity, LinkPurpose, LinkUse, OneTimeLink, PasswordHash, SESSIONS_KEPT, SecretHash, Session,
    UserChange, another_attempt,
};
pub use audit::{
    AuditFault, AuditRecord, ban_entry, decision_entry, lift_entry, second_look_entry, undo_entry,
    verify_audit,
};
pub use campaign::{Campaigns, Clue, WaitingText};
pub use deciding::{DecideError, DecideRefusal, Decided, Met, Ruling, UndoError, Undoing, undone};
pub use directory::{Directory, DirectorySnapshot, REFRESH_EVERY};
pub use facts::{Answers, CountedBy, Questions, RecentText, Traces};
pub use insight::{
    ActorRecord, Agreement, HourOfWork, Period, RuleAppeals, SAMPLED_FROM, SampleScope, SampledDecision,
    SecondLook, SecondLooked, WaitingTimes, Waits,
};
pub use moderato_domain::StoredComment;
pub use redress::{
    AppealCase, Appealed, DueEffect, DueRejection, Effect, Mail, MailKind, Outbox, REPORT_TEXTS, Redress,
    RejectionOutcome, ReportFold, Reported, StatedRejection, StatementPosition, TakenMail, UNASKED_COUNTED,
    UNASKED_PER_DAY, URGENT_REMEMBERED, UrgentItem,
};
pub use review::{
    AuthorHistory, CAMPAIGN_COUNTED, CLAIM_LEASE, Claim, Claimed, Conversation, DecisionFilter,
    DecisionPosition, DecisionRecord, FILTERS_KEPT, FilterKept, KeptStanding, Note, PARENTS_SHOWN,
    QueueCount, QueueFilter, QueueItem, QueuePosition, QueueRun, ReviewCase, SIBLINGS_SHOWN, Sanction,
    SanctionPosition, SavedFilter, UNDO_WINDOW,
};
pub use rules::{
    Activation, Comparisons, DIFFERENCES_KEPT, JudgedComment, RuleDifference, RuleHits, RuleSetDocument,
    RuleSetEntry, RuleStatistics, RuleTally, RulesInForce, ShadowDifference, Slot, StatisticsScope,
};
pub use types::{
    ApiKey, ApiKeyId, CommentFilter, CommentPosition, Contact, Event, EventCursor, EventKind, NewRecord,
    Recorded, StoreError, Withdrawn,
};
pub use waves::waves;

/// What the worker does: facts in, verdicts out.
#[async_trait]
pub trait Pipeline: Send + Sync {
    /// What is known before a batch is judged; one round trip for the whole batch.
    async fn facts(&self, questions: &Questions) -> Result<Answers, StoreError>;

    /// Takes comments of before that time out of the log of recent comments, the oldest `limit` at
    /// most; how many there were.
    async fn forget_recent(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError>;

    /// Stores a batch of evaluated revisions, all or none, and says for each what it was. Only
    /// [`Recorded::Applied`] changed what readers see, raised counters and wrote an event. A
    /// withdrawn comment stays withdrawn.
    async fn record(&self, batch: &[NewRecord]) -> Result<Vec<Recorded>, StoreError>;

    /// Takes comments back, all or none.
    async fn withdraw(&self, batch: &[Withdrawal]) -> Result<Vec<Withdrawn>, StoreError>;
}

/// What moderators see and do.
#[async_trait]
pub trait Review: Send + Sync {
    /// How much waits in each queue of a site, in the order of
    /// [`ReviewQueue::ALL`](moderato_domain::ReviewQueue::ALL); zero is an answer.
    async fn queue_counts(&self, site: &SiteId) -> Result<Vec<QueueCount>, StoreError>;

    /// How many items a filter shows: what a bulk decision would be about.
    async fn count_queue(&self, site: &SiteId, filter: &QueueFilter) -> Result<u64, StoreError>;

    /// Items that wait, in the order of [`QueuePosition`], after `after`; live claims (at `now`) with
    /// them.
    async fn queue_page(
        &self,
        site: &SiteId,
        filter: &QueueFilter,
        after: Option<&QueuePosition>,
        limit: u32,
        now: Timestamp,
    ) -> Result<Vec<QueueItem>, StoreError>;

    /// These comments as items, in the order asked for, also those that wait nowhere; unknown ones are
    /// left out.
    async fn queue_items(
        &self,
        site: &SiteId,
        comments: &[CommentId],
        now: Timestamp,
    ) -> Result<Vec<QueueItem>, StoreError>;

    /// Comments that wait with the same text as this one or a variant of it, oldest first, this one
    /// included.
    async fn campaign(&self, name: &CommentName, limit: u32) -> Result<Vec<StoredComment>, StoreError>;

    /// What stands around a comment on its page, waiting and hidden comments included.
    async fn conversation(&self, name: &CommentName) -> Result<Conversation, StoreError>;

    /// What the author did on the site, with the newest `limit` comments.
    async fn author_history(
        &self,
        site: &SiteId,
        author: &AuthorKey,
        limit: u32,
        now: Timestamp,
    ) -> Result<AuthorHistory, StoreError>;

    /// How every comment of every site stands, and where it is kept as waiting, by name, after `after`:
    /// for checks.
    async fn standings(
        &self,
        after: Option<&CommentName>,
        limit: u32,
    ) -> Result<Vec<KeptStanding>, StoreError>;

    /// Applies a decision to each of its targets, all in one transaction, with events, authors'
    /// counters, the end of claims, the answer to open reports and the entry in the audit log. One that
    /// cannot be decided is told and does not stop the others. A repeated request (same id) changes
    /// nothing and answers the same. In the order of the targets.
    async fn decide(&self, decision: &Decision) -> Result<Vec<Decided>, DecideError>;

    /// What [`decide`](Self::decide) would answer now, with the comments as they stand. Nothing changes.
    async fn foresee(&self, decision: &Decision) -> Result<Vec<Decided>, DecideError>;

    /// Takes a decision back: every comment of it stands where it stood before, reports and escalation
    /// included. All of it or nothing.
    async fn undo(
        &self,
        site: &SiteId,
        decision: DecisionId,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Vec<StoredComment>, UndoError>;

    /// Claims items for [`CLAIM_LEASE`], or renews claims; in the order asked for. With `steal`, also
    /// those that somebody else holds.
    async fn claim(
        &self,
        site: &SiteId,
        comments: &[CommentId],
        holder: &Actor,
        steal: bool,
        now: Timestamp,
    ) -> Result<Vec<Claimed>, StoreError>;

    /// Gives claims of this holder back; others' stay.
    async fn release(
        &self,
        site: &SiteId,
        comments: &[CommentId],
        holder: &Actor,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// Decisions of a site, newest first, after `after`.
    async fn decisions(
        &self,
        site: &SiteId,
        filter: &DecisionFilter,
        after: Option<&DecisionPosition>,
        limit: u32,
    ) -> Result<Vec<DecisionRecord>, StoreError>;

    /// What is kept of one decision: a record for each of its comments, by comment.
    async fn decision(&self, site: &SiteId, id: DecisionId) -> Result<Vec<DecisionRecord>, StoreError>;

    /// The newest decision about each of these comments, taken back or not; without those that nobody
    /// decided about.
    async fn newest_decisions(
        &self,
        site: &SiteId,
        comments: &[CommentId],
    ) -> Result<Vec<DecisionRecord>, StoreError>;

    /// Adds a note; whether there is such a comment.
    async fn add_note(&self, note: &Note) -> Result<bool, StoreError>;

    /// Notes about a comment, oldest first.
    async fn notes(&self, name: &CommentName) -> Result<Vec<Note>, StoreError>;

    /// Bans or suspends an author, instead of what was in force.
    async fn put_sanction(&self, site: &SiteId, sanction: &Sanction) -> Result<(), StoreError>;

    /// Lifts it; whether there was one in force.
    async fn lift_sanction(
        &self,
        site: &SiteId,
        author: &AuthorKey,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// What is in force against authors of a site at `now`, newest first, after `after`.
    async fn sanctions(
        &self,
        site: &SiteId,
        now: Timestamp,
        after: Option<&SanctionPosition>,
        limit: u32,
    ) -> Result<Vec<Sanction>, StoreError>;

    /// Stores a filter, instead of the one with its id. If it is everybody's, with the entry in the audit
    /// log.
    async fn put_filter(
        &self,
        site: &SiteId,
        filter: &SavedFilter,
        entry: &AuditEntry,
    ) -> Result<FilterKept, StoreError>;

    /// Forgets a filter; whether there was one that `owner` may forget. If it was everybody's, with the
    /// entry in the audit log.
    async fn drop_filter(
        &self,
        site: &SiteId,
        id: &str,
        owner: &str,
        entry: &AuditEntry,
    ) -> Result<bool, StoreError>;

    /// Everybody's filters and those of `owner`, by name.
    async fn filters(&self, site: &SiteId, owner: &str) -> Result<Vec<SavedFilter>, StoreError>;
}

/// What platforms read.
#[async_trait]
pub trait Reading: Send + Sync {
    /// A comment at its newest revision.
    async fn comment(&self, name: &CommentName) -> Result<Option<StoredComment>, StoreError>;

    /// Comments of a site, newest accepted first, after `after`.
    async fn comments(
        &self,
        site: &SiteId,
        filter: &CommentFilter,
        after: Option<&CommentPosition>,
        limit: u32,
    ) -> Result<Vec<StoredComment>, StoreError>;

    /// Published comments of a thread, oldest created first, after `after`.
    async fn published(
        &self,
        site: &SiteId,
        thread: &ThreadId,
        after: Option<&CommentPosition>,
        limit: u32,
    ) -> Result<Vec<StoredComment>, StoreError>;

    /// Published comments of each thread, in the same order; zero where there are none.
    async fn count_published(&self, site: &SiteId, threads: &[ThreadId]) -> Result<Vec<i64>, StoreError>;

    /// The current verdict of a revision; of the newest one if `revision` is `None`.
    async fn verdict(
        &self,
        name: &CommentName,
        revision: Option<Revision>,
    ) -> Result<Option<Verdict>, StoreError>;

    /// Verdicts of a comment, newest revision first, after `after`.
    async fn verdicts(
        &self,
        name: &CommentName,
        after: Option<Revision>,
        limit: u32,
    ) -> Result<Vec<Verdict>, StoreError>;
}

/// The log of what happened. Its order is one that no reader can see a gap in: an event is handed
/// out only when no earlier one can still commit. It is not the order of commits: two transactions
/// that overlap may stand either way, so a reader that builds state of its own keeps the highest
/// revision it saw of a comment, and takes a withdrawal as final.
#[async_trait]
pub trait EventLog: Send + Sync {
    /// Events after `cursor`, in order; of one site or of all.
    async fn events_after(
        &self,
        cursor: EventCursor,
        site: Option<&SiteId>,
        limit: u32,
    ) -> Result<Vec<Event>, StoreError>;

    /// The cursor after which everything that has not been handed out yet will appear.
    async fn event_head(&self) -> Result<EventCursor, StoreError>;

    /// Changes whenever new events may be there. A hint that arrives late or twice is allowed; a
    /// reader that also looks once a second misses nothing.
    fn event_hint(&self) -> watch::Receiver<u64>;
}

/// Sites and their keys.
#[async_trait]
pub trait Tenants: Send + Sync {
    /// All sites and live keys, and a number that changes with them; `None` if that number is still
    /// `known`. Cheap to poll.
    async fn directory(&self, known: Option<i64>) -> Result<Option<DirectorySnapshot>, StoreError>;

    /// Creates a site, or replaces the settings and name of the one with its id (its privacy key
    /// stays). Returns whether it was created.
    async fn put_site(&self, site: &Site) -> Result<bool, StoreError>;

    /// Adds a key.
    async fn add_key(&self, key: &ApiKey) -> Result<(), StoreError>;

    /// Revokes a key; whether there was a live one.
    async fn revoke_key(&self, id: &ApiKeyId, now: Timestamp) -> Result<bool, StoreError>;

    /// Every key of a site, or of all sites, revoked ones included.
    async fn keys(&self, site: Option<&SiteId>) -> Result<Vec<ApiKey>, StoreError>;
}

/// Rule sets and which ones are in use.
#[async_trait]
pub trait RuleSets: Send + Sync {
    /// Stores a rule set; nothing happens if this version is known.
    async fn put_rule_set(&self, rule_set: &RuleSetDocument) -> Result<(), StoreError>;

    /// A stored version.
    async fn rule_set(&self, version: &RuleSetVersion) -> Result<Option<RuleSetDocument>, StoreError>;

    /// Stored versions, newest first, after `after`.
    async fn rule_sets(
        &self,
        after: Option<&RuleSetEntry>,
        limit: u32,
    ) -> Result<Vec<RuleSetEntry>, StoreError>;

    /// Puts a stored version into a slot; nothing happens if it is there. The differences of earlier
    /// shadows are forgotten when another one begins.
    async fn activate_rule_set(
        &self,
        slot: Slot,
        version: &RuleSetVersion,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// Empties the shadow slot; its statistics stay.
    async fn end_shadow(&self, now: Timestamp) -> Result<(), StoreError>;

    /// The versions in use. Cheap to poll.
    async fn rules_in_force(&self) -> Result<RulesInForce, StoreError>;

    /// What a slot held, newest first.
    async fn activations(&self, slot: Slot, limit: u32) -> Result<Vec<Activation>, StoreError>;
}

/// What rule sets did to comments.
#[async_trait]
pub trait RuleEffects: Send + Sync {
    /// Adds what a process counted, all or nothing.
    async fn add_tally(&self, tally: &RuleTally) -> Result<(), StoreError>;

    /// Every rule that matched or was decided about, by id.
    async fn rule_statistics(&self, scope: &StatisticsScope) -> Result<Vec<RuleStatistics>, StoreError>;

    /// How often a shadow was compared, by site; on one site or on all.
    async fn comparisons(
        &self,
        site: Option<&SiteId>,
        shadow: &RuleSetVersion,
    ) -> Result<Vec<Comparisons>, StoreError>;

    /// The differences that are kept of a shadow, newest first.
    async fn shadow_differences(
        &self,
        site: Option<&SiteId>,
        shadow: &RuleSetVersion,
        limit: u32,
    ) -> Result<Vec<ShadowDifference>, StoreError>;

    /// One stored revision, with its verdict; the newest one if `revision` is `None`.
    async fn judged_comment(
        &self,
        name: &CommentName,
        revision: Option<Revision>,
    ) -> Result<Option<JudgedComment>, StoreError>;

    /// The newest revisions of a site's comments accepted since `since`, newest accepted first, after
    /// `after`. Withdrawn comments are left out.
    async fn judged_comments(
        &self,
        site: &SiteId,
        since: Timestamp,
        after: Option<&CommentPosition>,
        limit: u32,
    ) -> Result<Vec<JudgedComment>, StoreError>;

    /// How many comments that would be, withdrawn ones included: for progress.
    async fn count_judged(&self, site: &SiteId, since: Timestamp) -> Result<i64, StoreError>;
}

/// What a lead asks of a site's moderation.
#[async_trait]
pub trait Insight: Send + Sync {
    /// Decisions by hour and actor, in this order.
    async fn work(&self, site: &SiteId, period: Period) -> Result<Vec<HourOfWork>, StoreError>;

    /// How long comments had waited for decisions of the period.
    async fn waiting_times(&self, site: &SiteId, period: Period) -> Result<WaitingTimes, StoreError>;

    /// Everybody who decided, or against whose decisions an appeal was answered, by id.
    async fn actor_records(&self, site: &SiteId, period: Period) -> Result<Vec<ActorRecord>, StoreError>;

    /// Rules that appeals were about, by id.
    async fn rule_appeals(&self, site: &SiteId, period: Period) -> Result<Vec<RuleAppeals>, StoreError>;

    /// How second looks of the period came out, by category.
    async fn agreement(&self, site: &SiteId, period: Period) -> Result<Vec<Agreement>, StoreError>;

    /// Decisions that wait for a second look of somebody, oldest first. Comments that were taken back
    /// are left out.
    async fn sampled_decisions(
        &self,
        site: &SiteId,
        scope: &SampleScope,
        limit: u32,
    ) -> Result<Vec<SampledDecision>, StoreError>;

    /// Keeps a second look, with its entry in the audit log. It changes nothing about the comment.
    async fn look_again(&self, look: &SecondLook) -> Result<SecondLooked, StoreError>;
}

/// Who did what.
#[async_trait]
pub trait Audit: Send + Sync {
    /// Appends an entry that belongs to no other change of the store.
    async fn append_audit(&self, entry: &AuditEntry) -> Result<(), StoreError>;

    /// Entries with a higher number than `after`, oldest first; of one site or all.
    async fn audit_entries(
        &self,
        site: Option<&SiteId>,
        after: i64,
        limit: u32,
    ) -> Result<Vec<AuditRecord>, StoreError>;

    /// Entries with a lower number than `before`, newest first; of one site or all.
    async fn newest_audit_entries(
        &self,
        site: Option<&SiteId>,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<AuditRecord>, StoreError>;

    /// The number and hash that the newest entry must have.
    async fn audit_head(&self) -> Result<(i64, AuditHash), StoreError>;
}

/// People who sign in. What changes something about them takes the entry of the audit log that tells
/// it, and writes it in the same transaction.
#[async_trait]
pub trait Accounts: Send + Sync {
    /// Whether there is anybody, disabled people included.
    async fn has_people(&self) -> Result<bool, StoreError>;

    /// A person.
    async fn account(&self, key: &AccountKey) -> Result<Option<Account>, StoreError>;

    /// The people of a site, or all, by address, after `after`; disabled ones included, operators only
    /// among all.
    async fn people(
        &self,
        site: Option<&SiteId>,
        after: Option<&Email>,
        limit: u32,
    ) -> Result<Vec<Account>, StoreError>;

    /// Adds a person with their roles, who cannot sign in yet; `false` if the address is somebody's.
    async fn add_user(&self, user: &User, entry: &AuditEntry) -> Result<bool, StoreError>;

    /// Changes something about a person. Sessions end with a disabled person, and with a changed
    /// password, but for `keep`; links stop working as [`UserChange::withdraws_links`] says.
    async fn change_user(
        &self,
        user: UserId,
        change: &UserChange,
        keep: Option<&SecretHash>,
        entry: Option<&AuditEntry>,
    ) -> Result<Changed, StoreError>;

    /// Begins a session, and ends the one it replaces.
    async fn begin_session(
        &self,
        session: &Session,
        replaces: Option<&SecretHash>,
        entry: &AuditEntry,
    ) -> Result<(), StoreError>;

    /// A session that lives, with its person, who is not disabled.
    async fn session(&self, id: &SecretHash, now: Timestamp) -> Result<Option<(Session, User)>, StoreError>;

    /// Notes that a session was used.
    async fn touch_session(
        &self,
        id: &SecretHash,
        now: Timestamp,
        idle_end: Timestamp,
    ) -> Result<(), StoreError>;

    /// The sessions of a person that live, newest first.
    async fn sessions(&self, user: UserId, now: Timestamp) -> Result<Vec<Session>, StoreError>;

    /// Ends sessions of a person; how many.
    async fn end_sessions(
        &self,
        user: UserId,
        which: EndSessions,
        entry: &AuditEntry,
    ) -> Result<u64, StoreError>;

    /// Keeps a link; earlier ones for the same person and purpose stop working.
    async fn put_link(&self, link: &OneTimeLink, entry: &AuditEntry) -> Result<(), StoreError>;

    /// A link that still works.
    async fn link(&self, token: &SecretHash, now: Timestamp) -> Result<Option<OneTimeLink>, StoreError>;

    /// Uses a link up, and every other one of its person; who it was used for. `None`: it does not work
    /// (any more), is for something else, or the first person's address is somebody's.
    async fn use_link(
        &self,
        token: &SecretHash,
        link_use: &LinkUse,
        entry: &AuditEntry,
    ) -> Result<Option<UserId>, StoreError>;

    /// Counts an attempt to sign in as a failure, in every process, before it is made.
    async fn attempt(&self, limits: &[AttemptLimit], now: Timestamp) -> Result<Attempt, StoreError>;

    /// The attempt of that time did not fail: the failures of `cleared` are forgotten. Of `eased` only
    /// what this attempt added is: others' failures count on, and so does the wait for them.
    async fn forgive_attempt(
        &self,
        cleared: &[u8; 32],
        eased: &[u8; 32],
        attempted: Timestamp,
    ) -> Result<(), StoreError>;

    /// Forgets sessions and links that ended, old attempts, and who was mailed long ago.
    async fn forget_ended(&self, now: Timestamp) -> Result<u64, StoreError>;
}

/// All of the store.
#[async_trait]
pub trait Store:
    Pipeline
    + Review
    + Redress
    + Outbox
    + Audit
    + Reading
    + EventLog
    + Tenants
    + RuleSets
    + RuleEffects
    + Accounts
    + Insight
    + fmt::Debug
{
    /// Whether the store answers and can write. For readiness.
    async fn ready(&self) -> Result<(), StoreError>;
}
