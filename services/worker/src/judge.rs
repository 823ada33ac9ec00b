//! Facts in, evaluation out.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use moderato_domain::identity::{ip_prefix, keyed_hash};
use moderato_domain::{
    AuthorKey, FactKind, FactSet, Facts, Site, State, Stopwatch, TextFingerprint, Timestamp,
};
use moderato_engine::{CompiledRuleSet, engine_error, evaluate, listed_addresses, sketch};
use moderato_facts::Subject;
use moderato_runtime::metrics::Metrics;
use moderato_store::{Contact, DirectorySnapshot, NewRecord, Traces};

use crate::Worker;
use crate::evaluate::{Item, Origin};
use crate::tally::Tally;
use crate::unpack::NewComment;

/// How long facts may take while the store answers. Judging without them is marked as degraded.
const FACTS_BUDGET: Duration = Duration::from_secs(2);

impl Worker {
    /// The rules as they are now.
    pub(crate) fn rules_in_use(&self) -> RulesInUse {
        RulesInUse { active: self.deps.rules.current(), shadow: self.deps.rules.shadow() }
    }

    /// Recognises authors by their site's key. A site this process does not know yet is looked up
    /// once more; what remains unknown is sorted out when the batch is recorded.
    pub(crate) async fn find_authors(&self, comments: &mut [Item<NewComment>], rules: &RulesInUse) {
        let mut directory = self.deps.directory.snapshot();
        let unknown = |snapshot: &DirectorySnapshot| {
            comments.iter().any(|item| !snapshot.sites.contains_key(&item.work.comment.site))
        };
        if unknown(&directory) {
            if let Err(error) = self.deps.directory.refresh(&*self.deps.store).await {
                tracing::debug!(%error, "cannot refresh the directory");
            }
            directory = self.deps.directory.snapshot();
        }
        let repeats = rules.needs_facts().contains(FactKind::Repeats);
        for item in comments {
            let new = &mut item.work;
            if let Some(site) = directory.sites.get(&new.comment.site) {
                new.author = AuthorKey::of(&new.comment, &site.privacy_key);
            }
            if repeats {
                new.text = guarded(&self.deps.metrics, || sketch(&new.comment.body)).flatten();
            }
        }
    }

    /// Collects what the rules ask for about all comments at once; waits while the store is away.
    /// `None`: shutting down.
    pub(crate) async fn collect_facts(
        &self,
        comments: &[Item<NewComment>],
        rules: RulesInUse,
    ) -> Option<BatchFacts> {
        let needs = rules.needs_facts();
        let directory = self.deps.directory.snapshot();
        let now = self.deps.clock.now();
        let subjects: Vec<Subject<'_>> =
            comments.iter().map(|item| subject(needs, &item.work, &directory, now)).collect();
        let traces = subjects.iter().map(Subject::traces).collect();
        let watch = Stopwatch::start();
        let collect = || self.deps.facts.collect(needs, &subjects, now, FACTS_BUDGET);
        let facts = match self.while_store_is_away(collect).await? {
            Ok(facts) => facts,
            Err(_) => self.deps.facts.collect_now(needs, &subjects, now, FACTS_BUDGET).await,
        };
        self.deps.metrics.observe("facts", watch.elapsed());
        Some(BatchFacts { rules, now, facts, traces })
    }

    /// Evaluates the batch on a thread that may block: it is pure computation.
    pub(crate) async fn judge(
        &self,
        comments: Vec<Item<NewComment>>,
        facts: BatchFacts,
    ) -> (Vec<NewRecord>, Vec<Origin>) {
        let bench = Bench {
            rules: facts.rules,
            tally: Arc::clone(&self.tally),
            directory: self.deps.directory.snapshot(),
            now: facts.now,
            metrics: Arc::clone(&self.deps.metrics),
        };
        let known = facts.facts.into_iter().zip(facts.traces);
        let judged = tokio::task::spawn_blocking(move || {
            let watch = Stopwatch::start();
            let batch = comments.into_iter().zip(known);
            let judged = batch
                .map(|(item, (facts, traces))| (bench.judge_one(item.work, facts, traces), item.origin))
                .unzip();
            bench.metrics.observe("evaluate", watch.elapsed());
            judged
        });
        judged.await.expect("panics in evaluation are caught one by one")
    }
}

/// The rules that judge one batch, from its first question to its last verdict: they may be changed
/// meanwhile.
#[derive(Debug, Clone)]
pub(crate) struct RulesInUse {
    active: Arc<CompiledRuleSet>,
    shadow: Option<Arc<CompiledRuleSet>>,
}

impl RulesInUse {
    /// What either of them asks for.
    fn needs_facts(&self) -> FactSet {
        let by_shadow = self.shadow.as_ref().map(|shadow| shadow.needs_facts()).unwrap_or_default();
        self.active.needs_facts().union(by_shadow)
    }
}

/// What is known before a batch is judged, and what is kept of it for later ones; of each comment, in
/// the order of the batch.
#[derive(Debug)]
pub(crate) struct BatchFacts {
    /// The rules that asked.
    rules: RulesInUse,
    now: Timestamp,
    facts: Vec<Facts>,
    traces: Vec<Traces>,
}

/// Everything a judgement needs, for one batch.
struct Bench {
    rules: RulesInUse,
    tally: Arc<Tally>,
    directory: Arc<DirectorySnapshot>,
    now: Timestamp,
    metrics: Arc<Metrics>,
}

impl Bench {
    fn judge_one(&self, new: NewComment, mut facts: Facts, traces: Traces) -> NewRecord {
        let NewComment { comment, content_hash, submission_uid, author, text: _ } = new;
        let active = &self.rules.active;
        let evaluation = guarded(&self.metrics, || evaluate(active, &comment, &facts))
            .unwrap_or_else(|| engine_error(active.version().clone()));
        if let Some(shadow) = &self.rules.shadow {
            self.tally.compare(shadow, &comment, &facts, &evaluation);
        }
        let site = self.directory.sites.get(&comment.site);
        let contact = site.and_then(|site| contact(site, &comment));
        if contact.is_none() {
            facts.listed = guarded(&self.metrics, || listed_addresses(active, &comment, facts.now)).flatten();
        }
        let mode = site.map(|site| site.settings.mode).unwrap_or_default();
        let state = State::after(mode, &evaluation);
        let hash = |label: &str, value: Option<String>| {
            Some(keyed_hash(&site?.privacy_key, label, value?.as_bytes()))
        };
        NewRecord {
            author,
            mail_hash: hash("mail", comment.author.email.as_ref().map(moderato_domain::Email::normalized)),
            ip_hash: hash("ip", comment.client.ip.map(|ip| ip.to_string())),
            ip_prefix: comment.client.ip.map(ip_prefix),
            contact,
            fingerprint: TextFingerprint::of(&comment.body),
            traces,
            evaluation,
            facts,
            state,
            evaluate_time: self.now,
            content_hash,
            submission_uid,
            comment,
        }
    }
}

/// What the engine says of a comment; `None` if it panicked, which is a fault of the engine and must not take
/// the comments beside it along.
fn guarded<T>(metrics: &Metrics, ask: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(ask))
        .inspect_err(|_| {
            metrics.engine_errors.inc();
            tracing::error!("the engine panicked over a comment");
        })
        .ok()
}

/// A comment as facts are collected about it.
fn subject<'c>(
    needs: FactSet,
    new: &'c NewComment,
    directory: &'c DirectorySnapshot,
    now: Timestamp,
) -> Subject<'c> {
    let site = directory.sites.get(&new.comment.site);
    let mut subject = Subject::new(needs, &new.comment, new.author);
    subject.text = new.text.as_ref();
    subject.guidelines = site.and_then(|site| site.settings.guidelines_version.as_deref());
    subject.sanction = directory.sanction(&new.comment.site, new.author.as_ref(), now);
    subject
}

/// Addresses in clear, only where the site opted in.
fn contact(site: &Site, comment: &moderato_domain::Comment) -> Option<Contact> {
    site.settings.keep_contact_details.then(|| Contact {
        email: comment.author.email.as_ref().map(|email| email.as_str().to_owned()),
        ip: comment.client.ip.map(|ip| ip.to_string()),
    })
}
