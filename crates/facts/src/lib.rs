//! Collects what is known before comments are judged, for a whole batch at once and within a budget.
//!
//! | module | what it does |
//! |---|---|
//! | `questions` | what a batch asks of the store, each question once |
//! | `batch` | answers to facts, with what earlier comments of the same batch add |
//! | [`block_lists`] | public block lists of addresses (DNSBL) |
//!
//! Facts that no rule uses are not asked for. A fact that cannot be had in time is missing: its
//! fields are absent, the verdict says so, and the operator's policy says what follows.
//!
//! To add a fact: its kind in [`FactKind`], a question for the store or a source here, and the fields
//! made of it in the engine.

mod batch;
pub mod block_lists;
mod questions;

use std::sync::Arc;
use std::time::Duration;

use moderato_domain::{
    AuthorKey, Comment, FactKind, FactSet, Facts, LogKey, MissingFact, MissingPolicy, Revision,
    SanctionFacts, TextSketch, Timestamp,
};
use moderato_store::{Answers, Store, StoreError, Traces};

use crate::block_lists::BlockLists;
use crate::questions::Asked;

/// A comment about which facts are collected.
#[derive(Debug)]
pub struct Subject<'c> {
    /// The comment.
    pub comment: &'c Comment,
    /// Who wrote it, if the site can tell.
    pub author: Option<AuthorKey>,
    /// Its text, if repeats are asked for.
    pub text: Option<&'c TextSketch>,
    /// The version of the guidelines that its site asks authors to accept.
    pub guidelines: Option<&'c str>,
    /// What is in force against the author.
    pub sanction: Option<SanctionFacts>,
    /// What it is counted by, as far as that is asked for.
    counted: [Option<LogKey>; 3],
}

impl<'c> Subject<'c> {
    /// A comment of an author, of which nothing else is known, for rules that ask for `needs`.
    pub fn new(needs: FactSet, comment: &'c Comment, author: Option<AuthorKey>) -> Self {
        let counted = counted_by(needs, comment, author);
        Self { comment, author, text: None, guidelines: None, sanction: None, counted }
    }

    /// What of the comment is kept for judging later ones.
    pub fn traces(&self) -> Traces {
        let text = self.text.cloned();
        let writer = self.author.map(LogKey::of_author).filter(|_| text.is_some());
        Traces { counted: self.counted, writer, text }
    }

    /// Whether there is such a fact about this comment at all.
    fn has(&self, fact: FactKind) -> bool {
        let [author, network, thread] = self.counted;
        match fact {
            FactKind::Author | FactKind::History => self.author.is_some(),
            FactKind::AuthorRate => author.is_some(),
            FactKind::NetworkRate => network.is_some(),
            FactKind::ThreadRate => thread.is_some(),
            FactKind::Repeats => self.text.is_some(),
            FactKind::Thread => true,
            FactKind::BlockLists => self.comment.client.ip.is_some(),
            FactKind::Guidelines => self.guidelines.is_some(),
        }
    }
}

/// What a comment is counted by; what nobody asks for is not made. An edit is no further comment and is
/// not counted.
fn counted_by(needs: FactSet, comment: &Comment, author: Option<AuthorKey>) -> [Option<LogKey>; 3] {
    let Comment { site, thread, client, revision, .. } = comment;
    if *revision != Revision::FIRST {
        return [None; 3];
    }
    let is_needed = |fact| needs.contains(fact);
    // What became of an author's newest comments is found by the same key.
    let by_author = is_needed(FactKind::AuthorRate) || is_needed(FactKind::History);
    let ip = client.ip.filter(|_| is_needed(FactKind::NetworkRate));
    [
        author.filter(|_| by_author).map(LogKey::of_author),
        ip.map(|ip| LogKey::of_network(site, ip)),
        is_needed(FactKind::ThreadRate).then(|| LogKey::of_thread(site, thread)),
    ]
}

/// Facts that are asked of the store.
const FROM_STORE: FactSet = FactSet::NONE
    .with(FactKind::Author)
    .with(FactKind::History)
    .with(FactKind::AuthorRate)
    .with(FactKind::NetworkRate)
    .with(FactKind::ThreadRate)
    .with(FactKind::Repeats)
    .with(FactKind::Thread);

/// The block lists that list an address, or why that is not known.
type Listed = Result<Vec<String>, MissingFact>;

/// Collects facts from all sources.
#[derive(Debug)]
pub struct Collector {
    store: Arc<dyn Store>,
    store_missing: MissingPolicy,
    block_lists: Option<BlockLists>,
}

impl Collector {
    /// From the store, and from block lists if there are any.
    pub fn new(store: Arc<dyn Store>, store_missing: MissingPolicy, block_lists: Option<BlockLists>) -> Self {
        Self { store, store_missing, block_lists }
    }

    /// The facts about each subject, in the same order. `subjects` were made for these `needs`, and are in
    /// the order in which they were accepted: later ones are told of earlier ones.
    ///
    /// # Errors
    /// The store is unavailable. That it takes longer than `budget`, or refuses to answer, is no
    /// error: then its facts are missing.
    pub async fn collect(
        &self,
        needs: FactSet,
        subjects: &[Subject<'_>],
        now: Timestamp,
        budget: Duration,
    ) -> Result<Vec<Facts>, StoreError> {
        let asked = Asked::about(needs, subjects);
        let (answers, listed) = tokio::join!(self.ask_store(&asked, budget), self.look_up(needs, subjects));
        Ok(self.put_together(needs, subjects, now, &asked, &answers?, listed))
    }

    /// The same for who cannot wait for a store that is away: then its facts are missing.
    pub async fn collect_now(
        &self,
        needs: FactSet,
        subjects: &[Subject<'_>],
        now: Timestamp,
        budget: Duration,
    ) -> Vec<Facts> {
        let asked = Asked::about(needs, subjects);
        let (answers, listed) = tokio::join!(self.ask_store(&asked, budget), self.look_up(needs, subjects));
        let answers = answers.unwrap_or(Err("unavailable"));
        self.put_together(needs, subjects, now, &asked, &answers, listed)
    }

    fn put_together(
        &self,
        needs: FactSet,
        subjects: &[Subject<'_>],
        now: Timestamp,
        asked: &Asked,
        answers: &Result<Answers, &'static str>,
        listed: Vec<Option<Listed>>,
    ) -> Vec<Facts> {
        let mut facts: Vec<Facts> = subjects.iter().map(|_| Facts::none(now)).collect();
        match answers {
            Ok(answers) => batch::fill_in(needs, subjects, asked, answers, &mut facts),
            Err(why) => self.miss(needs, subjects, why, &mut facts),
        }
        for ((subject, facts), listed) in subjects.iter().zip(&mut facts).zip(listed) {
            match listed {
                Some(Ok(zones)) => facts.block_lists = Some(zones),
                Some(Err(missing)) => facts.missing.push(missing),
                None => {}
            }
            facts.sanction = subject.sanction;
            if needs.contains(FactKind::Guidelines) {
                facts.guidelines = subject.guidelines.map(str::to_owned);
            }
        }
        facts
    }

    /// `Ok(Err(why))`: it cannot be had.
    async fn ask_store(
        &self,
        asked: &Asked,
        budget: Duration,
    ) -> Result<Result<Answers, &'static str>, StoreError> {
        if asked.questions.is_empty() {
            return Ok(Ok(Answers::default()));
        }
        match tokio::time::timeout(budget, self.store.facts(&asked.questions)).await {
            Ok(Ok(answers)) => Ok(Ok(answers)),
            Ok(Err(StoreError::Rejected(why))) => {
                tracing::error!(why, "the store refused to answer about a batch");
                Ok(Err("refused"))
            }
            Ok(Err(away @ StoreError::Unavailable(_))) => Err(away),
            Err(_) => Ok(Err("timeout")),
        }
    }

    /// The block lists that each subject's address is on; `None` if nobody asks.
    async fn look_up(&self, needs: FactSet, subjects: &[Subject<'_>]) -> Vec<Option<Listed>> {
        let addresses = subjects.iter().map(|subject| subject.comment.client.ip);
        match &self.block_lists {
            Some(lists) if needs.contains(FactKind::BlockLists) => lists.look_up(addresses).await,
            _ => addresses.map(|_| None).collect(),
        }
    }

    /// Every fact of the store's is missing.
    fn miss(&self, needs: FactSet, subjects: &[Subject<'_>], why: &str, facts: &mut [Facts]) {
        for (subject, facts) in subjects.iter().zip(facts) {
            let lost = needs.iter().filter(|fact| FROM_STORE.contains(*fact) && subject.has(*fact));
            facts.missing.extend(lost.map(|fact| MissingFact {
                fact,
                why: why.to_owned(),
                policy: self.store_missing,
            }));
        }
    }
}
