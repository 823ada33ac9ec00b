//! A store that counts how often it is read, and fails on command.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use moderato_domain::{
    Actor, AppealText, AuditEntry, AuditHash, AuthorKey, CommentId, CommentName, Decision, DecisionId, Email,
    Notice, Puid, Report, Revision, RuleSetVersion, Site, SiteId, Statement, ThreadId, Timestamp, User,
    UserId, Verdict, Withdrawal,
};
use moderato_store::{
    Account, AccountKey, Accounts, Activation, ActorRecord, Agreement, Answers, ApiKey, ApiKeyId, AppealCase,
    Appealed, Attempt, AttemptLimit, Audit, AuditRecord, AuthorHistory, Changed, Claimed, CommentFilter,
    CommentPosition, Comparisons, Conversation, DecideError, Decided, DecisionFilter, DecisionPosition,
    DecisionRecord, DirectorySnapshot, DueEffect, DueRejection, Effect, EndSessions, Event, EventCursor,
    EventLog, FilterKept, HourOfWork, Insight, JudgedComment, KeptStanding, LinkUse, Mail, NewRecord, Note,
    OneTimeLink, Outbox, Period, Pipeline, Questions, QueueCount, QueueFilter, QueueItem, QueuePosition,
    Reading, Recorded, Redress, ReportFold, Reported, Review, RuleAppeals, RuleEffects, RuleSetDocument,
    RuleSetEntry, RuleSets, RuleStatistics, RuleTally, RulesInForce, SampleScope, SampledDecision, Sanction,
    SanctionPosition, SavedFilter, SecondLook, SecondLooked, SecretHash, Session, ShadowDifference, Slot,
    StatedRejection, StatementPosition, StatisticsScope, Store, StoreError, StoredComment, TakenMail,
    Tenants, UndoError, UrgentItem, UserChange, WaitingTimes, Withdrawn,
};
use tokio::sync::watch;
use uuid::Uuid;

#[derive(Debug)]
pub(crate) struct Instrumented {
    pub(crate) inner: Arc<dyn Store>,
    pub(crate) down: AtomicBool,
    pub(crate) reads: AtomicUsize,
}

impl Instrumented {
    pub(crate) fn new(inner: Arc<dyn Store>) -> Arc<Self> {
        Arc::new(Self { inner, down: AtomicBool::new(false), reads: AtomicUsize::new(0) })
    }

    fn read(&self) -> Result<(), StoreError> {
        self.reads.fetch_add(1, SeqCst);
        if self.down.load(SeqCst) {
            Err(StoreError::Unavailable("db.internal is gone".into()))
        } else {
            Ok(())
        }
    }
}

#[tonic::async_trait]
impl Reading for Instrumented {
    async fn comment(&self, name: &CommentName) -> Result<Option<StoredComment>, StoreError> {
        self.read()?;
        self.inner.comment(name).await
    }
    async fn comments(
        &self,
        site: &SiteId,
        filter: &CommentFilter,
        after: Option<&CommentPosition>,
        limit: u32,
    ) -> Result<Vec<StoredComment>, StoreError> {
        self.read()?;
        self.inner.comments(site, filter, after, limit).await
    }
    async fn published(
        &self,
        site: &SiteId,
        thread: &ThreadId,
        after: Option<&CommentPosition>,
        limit: u32,
    ) -> Result<Vec<StoredComment>, StoreError> {
        self.read()?;
        self.inner.published(site, thread, after, limit).await
    }
    async fn count_published(&self, site: &SiteId, threads: &[ThreadId]) -> Result<Vec<i64>, StoreError> {
        self.read()?;
        self.inner.count_published(site, threads).await
    }
    async fn verdict(
        &self,
        name: &CommentName,
        revision: Option<Revision>,
    ) -> Result<Option<Verdict>, StoreError> {
        self.read()?;
        self.inner.verdict(name, revision).await
    }
    async fn verdicts(
        &self,
        name: &CommentName,
        after: Option<Revision>,
        limit: u32,
    ) -> Result<Vec<Verdict>, StoreError> {
        self.read()?;
        self.inner.verdicts(name, after, limit).await
    }
}

#[tonic::async_trait]
impl EventLog for Instrumented {
    async fn events_after(
        &self,
        cursor: EventCursor,
        site: Option<&SiteId>,
        limit: u32,
    ) -> Result<Vec<Event>, StoreError> {
        self.read()?;
        self.inner.events_after(cursor, site, limit).await
    }
    async fn event_head(&self) -> Result<EventCursor, StoreError> {
        self.read()?;
        self.inner.event_head().await
    }
    fn event_hint(&self) -> watch::Receiver<u64> {
        self.inner.event_hint()
    }
}

#[tonic::async_trait]
impl Pipeline for Instrumented {
    async fn facts(&self, questions: &Questions) -> Result<Answers, StoreError> {
        self.inner.facts(questions).await
    }
    async fn forget_recent(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        self.inner.forget_recent(before, limit).await
    }
    async fn record(&self, batch: &[NewRecord]) -> Result<Vec<Recorded>, StoreError> {
        self.inner.record(batch).await
    }
    async fn withdraw(&self, batch: &[Withdrawal]) -> Result<Vec<Withdrawn>, StoreError> {
        self.inner.withdraw(batch).await
    }
}

#[tonic::async_trait]
impl Review for Instrumented {
    async fn queue_counts(&self, site: &SiteId) -> Result<Vec<QueueCount>, StoreError> {
        self.inner.queue_counts(site).await
    }
    async fn count_queue(&self, site: &SiteId, filter: &QueueFilter) -> Result<u64, StoreError> {
        self.inner.count_queue(site, filter).await
    }
    async fn queue_page(
        &self,
        site: &SiteId,
        filter: &QueueFilter,
        after: Option<&QueuePosition>,
        limit: u32,
        now: Timestamp,
    ) -> Result<Vec<QueueItem>, StoreError> {
        self.inner.queue_page(site, filter, after, limit, now).await
    }
    async fn queue_items(
        &self,
        site: &SiteId,
        comments: &[CommentId],
        now: Timestamp,
    ) -> Result<Vec<QueueItem>, StoreError> {
        self.inner.queue_items(site, comments, now).await
    }
    async fn campaign(&self, name: &CommentName, limit: u32) -> Result<Vec<StoredComment>, StoreError> {
        self.inner.campaign(name, limit).await
    }
    async fn conversation(&self, name: &CommentName) -> Result<Conversation, StoreError> {
        self.inner.conversation(name).await
    }
    async fn author_history(
        &self,
        site: &SiteId,
        author: &AuthorKey,
        limit: u32,
        now: Timestamp,
    ) -> Result<AuthorHistory, StoreError> {
        self.inner.author_history(site, author, limit, now).await
    }
    async fn standings(
        &self,
        after: Option<&CommentName>,
        limit: u32,
    ) -> Result<Vec<KeptStanding>, StoreError> {
        self.inner.standings(after, limit).await
    }
    async fn decide(&self, decision: &Decision) -> Result<Vec<Decided>, DecideError> {
        self.inner.decide(decision).await
    }
    async fn foresee(&self, decision: &Decision) -> Result<Vec<Decided>, DecideError> {
        self.inner.foresee(decision).await
    }
    async fn undo(
        &self,
        site: &SiteId,
        decision: DecisionId,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Vec<StoredComment>, UndoError> {
        self.inner.undo(site, decision, actor, now).await
    }
    async fn claim(
        &self,
        site: &SiteId,
        comments: &[CommentId],
        holder: &Actor,
        steal: bool,
        now: Timestamp,
    ) -> Result<Vec<Claimed>, StoreError> {
        self.inner.claim(site, comments, holder, steal, now).await
    }
    async fn release(
        &self,
        site: &SiteId,
        comments: &[CommentId],
        holder: &Actor,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.inner.release(site, comments, holder, now).await
    }
    async fn decisions(
        &self,
        site: &SiteId,
        filter: &DecisionFilter,
        after: Option<&DecisionPosition>,
        limit: u32,
    ) -> Result<Vec<DecisionRecord>, StoreError> {
        self.inner.decisions(site, filter, after, limit).await
    }
    async fn decision(&self, site: &SiteId, id: DecisionId) -> Result<Vec<DecisionRecord>, StoreError> {
        self.inner.decision(site, id).await
    }
    async fn newest_decisions(
        &self,
        site: &SiteId,
        comments: &[CommentId],
    ) -> Result<Vec<DecisionRecord>, StoreError> {
        self.inner.newest_decisions(site, comments).await
    }
    async fn add_note(&self, note: &Note) -> Result<bool, StoreError> {
        self.inner.add_note(note).await
    }
    async fn notes(&self, name: &CommentName) -> Result<Vec<Note>, StoreError> {
        self.inner.notes(name).await
    }
    async fn put_sanction(&self, site: &SiteId, sanction: &Sanction) -> Result<(), StoreError> {
        self.inner.put_sanction(site, sanction).await
    }
    async fn lift_sanction(
        &self,
        site: &SiteId,
        author: &AuthorKey,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.inner.lift_sanction(site, author, actor, now).await
    }
    async fn sanctions(
        &self,
        site: &SiteId,
        now: Timestamp,
        after: Option<&SanctionPosition>,
        limit: u32,
    ) -> Result<Vec<Sanction>, StoreError> {
        self.inner.sanctions(site, now, after, limit).await
    }
    async fn put_filter(
        &self,
        site: &SiteId,
        filter: &SavedFilter,
        entry: &AuditEntry,
    ) -> Result<FilterKept, StoreError> {
        self.inner.put_filter(site, filter, entry).await
    }
    async fn drop_filter(
        &self,
        site: &SiteId,
        id: &str,
        owner: &str,
        entry: &AuditEntry,
    ) -> Result<bool, StoreError> {
        self.inner.drop_filter(site, id, owner, entry).await
    }
    async fn filters(&self, site: &SiteId, owner: &str) -> Result<Vec<SavedFilter>, StoreError> {
        self.inner.filters(site, owner).await
    }
}

#[tonic::async_trait]
impl Redress for Instrumented {
    async fn report(&self, report: &Report) -> Result<Reported, StoreError> {
        self.inner.report(report).await
    }
    async fn reports(&self, name: &CommentName) -> Result<Vec<ReportFold>, StoreError> {
        self.inner.reports(name).await
    }
    async fn statement(&self, name: &CommentName) -> Result<Option<Statement>, StoreError> {
        self.inner.statement(name).await
    }
    async fn statements(
        &self,
        site: &SiteId,
        since: Timestamp,
        until: Timestamp,
        after: Option<&StatementPosition>,
        limit: u32,
    ) -> Result<Vec<Statement>, StoreError> {
        self.inner.statements(site, since, until, after, limit).await
    }
    async fn file_appeal(
        &self,
        statement: &Puid,
        name: &CommentName,
        text: &AppealText,
        now: Timestamp,
    ) -> Result<Appealed, StoreError> {
        self.inner.file_appeal(statement, name, text, now).await
    }
    async fn appeal(&self, name: &CommentName) -> Result<Option<AppealCase>, StoreError> {
        self.inner.appeal(name).await
    }
    async fn due_effects(&self, now: Timestamp, limit: u32) -> Result<Vec<DueEffect>, StoreError> {
        self.inner.due_effects(now, limit).await
    }
    async fn decision_about(
        &self,
        decision: DecisionId,
        name: &CommentName,
    ) -> Result<Option<DecisionRecord>, StoreError> {
        self.inner.decision_about(decision, name).await
    }
    async fn set_effect_aside(&self, effect: &DueEffect, next: Timestamp) -> Result<(), StoreError> {
        self.inner.set_effect_aside(effect, next).await
    }
    async fn carry_out(&self, effects: &[Effect], now: Timestamp) -> Result<(), StoreError> {
        self.inner.carry_out(effects, now).await
    }
    async fn rejections(&self, limit: u32) -> Result<Vec<(EventCursor, DueRejection)>, StoreError> {
        self.inner.rejections(limit).await
    }
    async fn rejections_set_aside(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<DueRejection>, StoreError> {
        self.inner.rejections_set_aside(now, limit).await
    }
    async fn state_rejections(
        &self,
        until: Option<EventCursor>,
        stated: &[StatedRejection],
    ) -> Result<(), StoreError> {
        self.inner.state_rejections(until, stated).await
    }
    async fn author_mail(
        &self,
        name: &CommentName,
        revision: Revision,
    ) -> Result<Option<String>, StoreError> {
        self.inner.author_mail(name, revision).await
    }
    async fn answered_notices(
        &self,
        name: &CommentName,
        decision: DecisionId,
    ) -> Result<Vec<Notice>, StoreError> {
        self.inner.answered_notices(name, decision).await
    }
}

#[tonic::async_trait]
impl Outbox for Instrumented {
    async fn post(&self, mails: &[Mail]) -> Result<(), StoreError> {
        self.inner.post(mails).await
    }
    async fn take_mails(
        &self,
        now: Timestamp,
        lease: Duration,
        limit: u32,
    ) -> Result<Vec<TakenMail>, StoreError> {
        self.inner.take_mails(now, lease, limit).await
    }
    async fn mail_sent(&self, id: Uuid, now: Timestamp) -> Result<(), StoreError> {
        self.inner.mail_sent(id, now).await
    }
    async fn urgent_items(
        &self,
        site: &SiteId,
        untold: Option<UserId>,
        limit: u32,
    ) -> Result<Vec<UrgentItem>, StoreError> {
        self.inner.urgent_items(site, untold, limit).await
    }
    async fn urgent_mails(&self, user: UserId, since: Timestamp) -> Result<u32, StoreError> {
        self.inner.urgent_mails(user, since).await
    }
    async fn tell_urgent(
        &self,
        user: UserId,
        site: &SiteId,
        items: &[UrgentItem],
        mail: &Mail,
    ) -> Result<bool, StoreError> {
        self.inner.tell_urgent(user, site, items, mail).await
    }
    async fn mail_failed(&self, id: Uuid, error: &str, next: Option<Timestamp>) -> Result<(), StoreError> {
        self.inner.mail_failed(id, error, next).await
    }
}

#[tonic::async_trait]
impl Accounts for Instrumented {
    async fn has_people(&self) -> Result<bool, StoreError> {
        self.inner.has_people().await
    }
    async fn account(&self, key: &AccountKey) -> Result<Option<Account>, StoreError> {
        self.inner.account(key).await
    }
    async fn people(
        &self,
        site: Option<&SiteId>,
        after: Option<&Email>,
        limit: u32,
    ) -> Result<Vec<Account>, StoreError> {
        self.inner.people(site, after, limit).await
    }
    async fn add_user(&self, user: &User, entry: &AuditEntry) -> Result<bool, StoreError> {
        self.inner.add_user(user, entry).await
    }
    async fn change_user(
        &self,
        user: UserId,
        change: &UserChange,
        keep: Option<&SecretHash>,
        entry: Option<&AuditEntry>,
    ) -> Result<Changed, StoreError> {
        self.inner.change_user(user, change, keep, entry).await
    }
    async fn begin_session(
        &self,
        session: &Session,
        replaces: Option<&SecretHash>,
        entry: &AuditEntry,
    ) -> Result<(), StoreError> {
        self.inner.begin_session(session, replaces, entry).await
    }
    async fn session(&self, id: &SecretHash, now: Timestamp) -> Result<Option<(Session, User)>, StoreError> {
        self.inner.session(id, now).await
    }
    async fn touch_session(
        &self,
        id: &SecretHash,
        now: Timestamp,
        idle_end: Timestamp,
    ) -> Result<(), StoreError> {
        self.inner.touch_session(id, now, idle_end).await
    }
    async fn sessions(&self, user: UserId, now: Timestamp) -> Result<Vec<Session>, StoreError> {
        self.inner.sessions(user, now).await
    }
    async fn end_sessions(
        &self,
        user: UserId,
        which: EndSessions,
        entry: &AuditEntry,
    ) -> Result<u64, StoreError> {
        self.inner.end_sessions(user, which, entry).await
    }
    async fn put_link(&self, link: &OneTimeLink, entry: &AuditEntry) -> Result<(), StoreError> {
        self.inner.put_link(link, entry).await
    }
    async fn link(&self, token: &SecretHash, now: Timestamp) -> Result<Option<OneTimeLink>, StoreError> {
        self.inner.link(token, now).await
    }
    async fn use_link(
        &self,
        token: &SecretHash,
        link_use: &LinkUse,
        entry: &AuditEntry,
    ) -> Result<Option<UserId>, StoreError> {
        self.inner.use_link(token, link_use, entry).await
    }
    async fn attempt(&self, limits: &[AttemptLimit], now: Timestamp) -> Result<Attempt, StoreError> {
        self.inner.attempt(limits, now).await
    }
    async fn forgive_attempt(
        &self,
        cleared: &[u8; 32],
        eased: &[u8; 32],
        attempted: Timestamp,
    ) -> Result<(), StoreError> {
        self.inner.forgive_attempt(cleared, eased, attempted).await
    }
    async fn forget_ended(&self, now: Timestamp) -> Result<u64, StoreError> {
        self.inner.forget_ended(now).await
    }
}

#[tonic::async_trait]
impl Audit for Instrumented {
    async fn append_audit(&self, entry: &AuditEntry) -> Result<(), StoreError> {
        self.inner.append_audit(entry).await
    }
    async fn audit_entries(
        &self,
        site: Option<&SiteId>,
        after: i64,
        limit: u32,
    ) -> Result<Vec<AuditRecord>, StoreError> {
        self.inner.audit_entries(site, after, limit).await
    }
    async fn newest_audit_entries(
        &self,
        site: Option<&SiteId>,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<AuditRecord>, StoreError> {
        self.inner.newest_audit_entries(site, before, limit).await
    }
    async fn audit_head(&self) -> Result<(i64, AuditHash), StoreError> {
        self.inner.audit_head().await
    }
}

#[tonic::async_trait]
impl Tenants for Instrumented {
    async fn directory(&self, known: Option<i64>) -> Result<Option<DirectorySnapshot>, StoreError> {
        self.inner.directory(known).await
    }
    async fn put_site(&self, site: &Site) -> Result<bool, StoreError> {
        self.inner.put_site(site).await
    }
    async fn add_key(&self, key: &ApiKey) -> Result<(), StoreError> {
        self.inner.add_key(key).await
    }
    async fn revoke_key(&self, id: &ApiKeyId, now: Timestamp) -> Result<bool, StoreError> {
        self.inner.revoke_key(id, now).await
    }
    async fn keys(&self, site: Option<&SiteId>) -> Result<Vec<ApiKey>, StoreError> {
        self.inner.keys(site).await
    }
}

#[tonic::async_trait]
impl RuleSets for Instrumented {
    async fn put_rule_set(&self, rule_set: &RuleSetDocument) -> Result<(), StoreError> {
        self.inner.put_rule_set(rule_set).await
    }
    async fn rule_set(&self, version: &RuleSetVersion) -> Result<Option<RuleSetDocument>, StoreError> {
        self.inner.rule_set(version).await
    }
    async fn rule_sets(
        &self,
        after: Option<&RuleSetEntry>,
        limit: u32,
    ) -> Result<Vec<RuleSetEntry>, StoreError> {
        self.inner.rule_sets(after, limit).await
    }
    async fn activate_rule_set(
        &self,
        slot: Slot,
        version: &RuleSetVersion,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.inner.activate_rule_set(slot, version, now).await
    }
    async fn end_shadow(&self, now: Timestamp) -> Result<(), StoreError> {
        self.inner.end_shadow(now).await
    }
    async fn rules_in_force(&self) -> Result<RulesInForce, StoreError> {
        self.inner.rules_in_force().await
    }
    async fn activations(&self, slot: Slot, limit: u32) -> Result<Vec<Activation>, StoreError> {
        self.inner.activations(slot, limit).await
    }
}

#[tonic::async_trait]
impl RuleEffects for Instrumented {
    async fn add_tally(&self, tally: &RuleTally) -> Result<(), StoreError> {
        self.inner.add_tally(tally).await
    }
    async fn rule_statistics(&self, scope: &StatisticsScope) -> Result<Vec<RuleStatistics>, StoreError> {
        self.inner.rule_statistics(scope).await
    }
    async fn comparisons(
        &self,
        site: Option<&SiteId>,
        shadow: &RuleSetVersion,
    ) -> Result<Vec<Comparisons>, StoreError> {
        self.inner.comparisons(site, shadow).await
    }
    async fn shadow_differences(
        &self,
        site: Option<&SiteId>,
        shadow: &RuleSetVersion,
        limit: u32,
    ) -> Result<Vec<ShadowDifference>, StoreError> {
        self.inner.shadow_differences(site, shadow, limit).await
    }
    async fn judged_comment(
        &self,
        name: &CommentName,
        revision: Option<Revision>,
    ) -> Result<Option<JudgedComment>, StoreError> {
        self.inner.judged_comment(name, revision).await
    }
    async fn judged_comments(
        &self,
        site: &SiteId,
        since: Timestamp,
        after: Option<&CommentPosition>,
        limit: u32,
    ) -> Result<Vec<JudgedComment>, StoreError> {
        self.inner.judged_comments(site, since, after, limit).await
    }
    async fn count_judged(&self, site: &SiteId, since: Timestamp) -> Result<i64, StoreError> {
        self.inner.count_judged(site, since).await
    }
}

#[tonic::async_trait]
impl Insight for Instrumented {
    async fn work(&self, site: &SiteId, period: Period) -> Result<Vec<HourOfWork>, StoreError> {
        self.inner.work(site, period).await
    }
    async fn waiting_times(&self, site: &SiteId, period: Period) -> Result<WaitingTimes, StoreError> {
        self.inner.waiting_times(site, period).await
    }
    async fn actor_records(&self, site: &SiteId, period: Period) -> Result<Vec<ActorRecord>, StoreError> {
        self.inner.actor_records(site, period).await
    }
    async fn rule_appeals(&self, site: &SiteId, period: Period) -> Result<Vec<RuleAppeals>, StoreError> {
        self.inner.rule_appeals(site, period).await
    }
    async fn agreement(&self, site: &SiteId, period: Period) -> Result<Vec<Agreement>, StoreError> {
        self.inner.agreement(site, period).await
    }
    async fn sampled_decisions(
        &self,
        site: &SiteId,
        scope: &SampleScope,
        limit: u32,
    ) -> Result<Vec<SampledDecision>, StoreError> {
        self.inner.sampled_decisions(site, scope, limit).await
    }
    async fn look_again(&self, look: &SecondLook) -> Result<SecondLooked, StoreError> {
        self.inner.look_again(look).await
    }
}

#[tonic::async_trait]
impl Store for Instrumented {
    async fn ready(&self) -> Result<(), StoreError> {
        self.inner.ready().await
    }
}
