//! What follows from a decision whose time to be undone has passed, and from a rejection by the engine.
//!
//! Effects are written together. One that cannot be read or written is set aside, in the store, and tried
//! again later and later; it stays due until it is done, and the others go on without it.

use std::sync::Arc;
use std::time::Duration;

use moderato_domain::redress::statement::{Rejection, Restricted};
use moderato_domain::{
    AppealStatus, CommentName, DecisionKind, Revision, Site, Source, State, Statement, Timestamp, Verdict,
};
use moderato_store::{
    DecisionRecord, Directory, DueEffect, DueRejection, Effect, EventCursor, Mail, RejectionOutcome,
    StatedRejection, Store, StoreError, StoredComment,
};

use crate::retry_after;
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

    /// Carries out what follows from decisions that cannot be undone any more; how many there were.
    pub(crate) async fn of_decisions(&mut self, now: Timestamp, limit: u32) -> Result<usize, StoreError> {
        let due = self.store.due_effects(now, limit).await?;
        let mut effects = Vec::with_capacity(due.len());
        for effect in &due {
            match self.of_due(effect, now).await {
                Ok(found) => effects.extend(found),
                Err(error) => self.set_aside(effect, error, now).await?,
            }
        }
        if effects.is_empty() || self.store.carry_out(&effects, now).await.is_ok() {
            return Ok(due.len());
        }
        // One of them cannot be written: which one shows when each is written alone.
        for effect in &due {
            let Some(written) = effects.iter().find(|found| is_of(found, effect)) else { continue };
            if let Err(error) = self.store.carry_out(std::slice::from_ref(written), now).await {
                self.set_aside(effect, error, now).await?;
            }
        }
        Ok(due.len())
    }

    async fn of_due(&mut self, due: &DueEffect, now: Timestamp) -> Result<Option<Effect>, StoreError> {
        match self.store.decision_about(due.decision, &due.comment).await? {
            Some(decision) => self.of_decision(&decision, now).await.map(Some),
            None => Ok(None),
        }
    }

    async fn set_aside(&self, due: &DueEffect, error: StoreError, now: Timestamp) -> Result<(), StoreError> {
        let error = self.own_fault(error).await?;
        tell(&due.comment, "decision", due.attempts, &error);
        self.store.set_effect_aside(due, now.plus(retry_after(due.attempts + 1))).await
    }

    /// Writes statements about what the engine rejected by itself; how many rejections there were.
    pub(crate) async fn of_rejections(&mut self, now: Timestamp, limit: u32) -> Result<usize, StoreError> {
        let logged = self.store.rejections(limit).await?;
        let places: Vec<_> = logged.iter().map(|(cursor, _)| Some(*cursor)).collect();
        let rejected: Vec<_> = logged.into_iter().map(|(_, rejection)| rejection).collect();
        self.state(&places, &rejected, now).await
    }

    /// The same for what had to be set aside.
    pub(crate) async fn of_set_aside(&mut self, now: Timestamp, limit: u32) -> Result<usize, StoreError> {
        let rejected = self.store.rejections_set_aside(now, limit).await?;
        self.state(&vec![None; rejected.len()], &rejected, now).await
    }

    /// States rejections, each with its place in the log, if it was read from there.
    async fn state(
        &mut self,
        places: &[Option<EventCursor>],
        rejected: &[DueRejection],
        now: Timestamp,
    ) -> Result<usize, StoreError> {
        let Some(last) = places.last() else { return Ok(0) };
        let mut stated = Vec::with_capacity(rejected.len());
        for rejection in rejected {
            stated.push(match self.of_rejection(rejection, now).await {
                Ok(outcome) => outcome_of(rejection, outcome),
                Err(error) => self.rejection_aside(rejection, error, now).await?,
            });
        }
        if self.store.state_rejections(*last, &stated).await.is_ok() {
            return Ok(rejected.len());
        }
        // One of them cannot be written: which one shows when each is written alone.
        for ((place, rejection), outcome) in places.iter().zip(rejected).zip(&stated) {
            if let Err(error) = self.store.state_rejections(*place, std::slice::from_ref(outcome)).await {
                let aside = self.rejection_aside(rejection, error, now).await?;
                self.store.state_rejections(*place, &[aside]).await?;
            }
        }
        Ok(rejected.len())
    }

    async fn rejection_aside(
        &self,
        due: &DueRejection,
        error: StoreError,
        now: Timestamp,
    ) -> Result<StatedRejection, StoreError> {
        let error = self.own_fault(error).await?;
        tell(&due.comment, "rejection", due.attempts, &error);
        let next = now.plus(retry_after(due.attempts + 1));
        Ok(outcome_of(due, RejectionOutcome::SetAside { next }))
    }

    /// The error, if it is about the one effect: a store that is away fails every one, and none is set
    /// aside for that.
    async fn own_fault(&self, error: StoreError) -> Result<StoreError, StoreError> {
        self.store.ready().await?;
        Ok(error)
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
        rejection: &DueRejection,
        now: Timestamp,
    ) -> Result<RejectionOutcome, StoreError> {
        let nothing = RejectionOutcome::Told { statement: None, mail: None };
        let DueRejection { comment: name, revision, .. } = rejection;
        let Some(site) = self.directory.site(&name.site) else { return Ok(nothing) };
        let (Some(comment), Some(verdict)) =
            (self.store.comment(name).await?, self.store.verdict(name, Some(*revision)).await?)
        else {
            return Ok(nothing);
        };
        let guidelines = self.sections.of(&verdict.evaluation.rule_set).await?;
        let section = |id: &str| cite(guidelines.as_deref(), id);
        let statement = Statement::of_verdict(restricted(&comment, &verdict), section, now);
        let still = comment.state == State::Rejected && comment.revision == *revision;
        let lately = now.since(comment.create_time) < MAILED_WITHIN;
        let mail = if still && lately { self.statement_mail(&site, &statement, now).await? } else { None };
        let mail = mail.map(words::unasked);
        Ok(RejectionOutcome::Told { statement: Some(Box::new(statement)), mail })
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

fn is_of(effect: &Effect, due: &DueEffect) -> bool {
    effect.decision == due.decision && effect.comment == due.comment
}

fn outcome_of(due: &DueRejection, outcome: RejectionOutcome) -> StatedRejection {
    StatedRejection { comment: due.comment.clone(), revision: due.revision, outcome }
}

/// Once for each effect: its retries go on until somebody has mended what is wrong.
fn tell(comment: &CommentName, what: &str, attempts: u32, error: &StoreError) {
    if attempts == 0 {
        tracing::warn!(comment.name = %comment, effect.of = what, %error, "an effect is set aside");
    } else {
        tracing::debug!(comment.name = %comment, effect.of = what, attempts, %error, "an effect stays set aside");
    }
}

fn restricted<'a>(comment: &'a StoredComment, verdict: &'a Verdict) -> Restricted<'a> {
    Restricted { verdict, language: comment.language.as_deref(), content_time: comment.create_time }
}
