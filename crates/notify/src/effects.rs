//! What follows from a decision whose time to be undone has passed, and from a rejection by the engine.

use std::sync::Arc;
use std::time::Duration;

use moderato_domain::redress::statement::{Rejection, Restricted};
use moderato_domain::{
    AppealStatus, CommentName, DecisionKind, Revision, Site, Source, State, Statement, Timestamp, Verdict,
};
use moderato_store::{DecisionRecord, Directory, Effect, Event, Mail, Store, StoreError, StoredComment};

use crate::sections::{Sections, cite};
use crate::words;

/// The author of a comment that the engine rejects is told by mail if it was written lately: not for
/// what was imported from years ago.
const MAILED_WITHIN: Duration = Duration::from_hours(7 * 24);

/// Finds what follows, and writes it down.
#[derive(Debug)]
pub(crate) struct Effects {
    store: Arc<dyn Store>,
    directory: Arc<Directory>,
    sections: Sections,
    public_url: String,
    mails: bool,
}

impl Effects {
    pub(crate) fn new(
        store: Arc<dyn Store>,
        directory: Arc<Directory>,
        public_url: String,
        mails: bool,
    ) -> Self {
        Self { sections: Sections::new(Arc::clone(&store)), store, directory, public_url, mails }
    }

    /// What follows from decisions that cannot be undone any more; how many there were.
    pub(crate) async fn of_decisions(&mut self, now: Timestamp, limit: u32) -> Result<usize, StoreError> {
        let due = self.store.due_effects(now, limit).await?;
        let mut effects = Vec::with_capacity(due.len());
        for decision in &due {
            effects.push(self.of_decision(decision, now).await?);
        }
        if !effects.is_empty() {
            self.store.carry_out(&effects, now).await?;
        }
        Ok(due.len())
    }

    /// Statements about what the engine rejected by itself; how many rejections there were.
    pub(crate) async fn of_rejections(&mut self, now: Timestamp, limit: u32) -> Result<usize, StoreError> {
        let rejected = self.store.rejections(limit).await?;
        let Some(last) = rejected.last() else { return Ok(0) };
        let (mut statements, mut mails) = (Vec::new(), Vec::new());
        for event in &rejected {
            if let Some((statement, mail)) = self.of_rejection(event, now).await? {
                statements.push(statement);
                mails.extend(mail);
            }
        }
        self.store.state_rejections(last.cursor, &statements, &mails).await?;
        Ok(rejected.len())
    }

    async fn of_decision(&mut self, decision: &DecisionRecord, now: Timestamp) -> Result<Effect, StoreError> {
        let name = &decision.comment;
        let mut effect =
            Effect { decision: decision.id, comment: name.clone(), statement: None, mails: Vec::new() };
        // A site that was taken away tells nobody anything.
        let Some(site) = self.directory.site(&name.site) else { return Ok(effect) };
        if !decision.kind.settles() {
            return Ok(effect);
        }
        let notices = self.store.answered_notices(name, decision.id).await?;
        if self.mails {
            let removed = decision.kind != DecisionKind::Approve;
            let answers = notices
                .iter()
                .map(|notice| words::notice_answer(&site, name, decision.id, notice, removed, now));
            effect.mails.extend(answers);
        }
        let appeal = self.store.appeal(name).await?.map(|case| case.appeal);
        if let Some(appeal) = appeal.filter(|appeal| appeal.resolution == Some(decision.id)) {
            let upheld = appeal.status == AppealStatus::Upheld;
            if let Some(mail) = self.address(name, decision.revision).await? {
                let message = decision.message.as_deref();
                let answer =
                    words::appeal_answer(&site, name, &appeal.statement, upheld, message, &self.public_url);
                effect.mails.push(answer.to(mail, now));
            }
            return Ok(effect);
        }
        let (Some(comment), Some(verdict)) =
            (self.store.comment(name).await?, self.store.verdict(name, Some(decision.revision)).await?)
        else {
            return Ok(effect);
        };
        let in_force = comment.state == State::Rejected && comment.revision == decision.revision;
        if decision.kind != DecisionKind::Reject || !in_force {
            return Ok(effect);
        }
        let source = match (notices.is_empty(), self.store.reports(name).await?.is_empty()) {
            (false, _) => Source::Notice,
            (true, false) => Source::Report,
            (true, true) => Source::Own,
        };
        let rejection = Rejection {
            decision: decision.id,
            guideline: decision.guideline.as_deref(),
            message: decision.message.as_deref(),
            time: decision.decide_time,
            source,
        };
        let active = self.store.rules_in_force().await?.active;
        let version = active.unwrap_or_else(|| verdict.evaluation.rule_set.clone());
        let guidelines = self.sections.of(&version).await?;
        let section = |id: &str| cite(guidelines.as_deref(), id);
        let statement = Statement::of_rejection(restricted(&comment, &verdict), rejection, section, now);
        effect.mails.extend(self.statement_mail(&site, &statement, now).await?);
        effect.statement = Some(statement);
        Ok(effect)
    }

    async fn of_rejection(
        &mut self,
        event: &Event,
        now: Timestamp,
    ) -> Result<Option<(Statement, Option<Mail>)>, StoreError> {
        let Some(site) = self.directory.site(&event.comment.site) else { return Ok(None) };
        let (Some(comment), Some(verdict)) = (
            self.store.comment(&event.comment).await?,
            self.store.verdict(&event.comment, Some(event.revision)).await?,
        ) else {
            return Ok(None);
        };
        let guidelines = self.sections.of(&verdict.evaluation.rule_set).await?;
        let section = |id: &str| cite(guidelines.as_deref(), id);
        let statement = Statement::of_verdict(restricted(&comment, &verdict), section, now);
        let still = comment.state == State::Rejected && comment.revision == event.revision;
        let lately = now.since(comment.create_time) < MAILED_WITHIN;
        let mail = if still && lately { self.statement_mail(&site, &statement, now).await? } else { None };
        Ok(Some((statement, mail)))
    }

    async fn statement_mail(
        &self,
        site: &Site,
        statement: &Statement,
        now: Timestamp,
    ) -> Result<Option<Mail>, StoreError> {
        let address = self.address(&statement.comment, statement.revision).await?;
        Ok(address.map(|address| words::statement(site, statement, &self.public_url).to(address, now)))
    }

    async fn address(&self, name: &CommentName, revision: Revision) -> Result<Option<String>, StoreError> {
        if self.mails { self.store.author_mail(name, revision).await } else { Ok(None) }
    }
}

fn restricted<'a>(comment: &'a StoredComment, verdict: &'a Verdict) -> Restricted<'a> {
    Restricted { verdict, language: comment.language.as_deref(), content_time: comment.create_time }
}
