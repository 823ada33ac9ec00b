//! Facts in, evaluation out.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use moderato_domain::facts::{ip_prefix, keyed_hash};
use moderato_domain::{
    AuthorFacts, AuthorKey, Evaluation, Site, SiteId, State, Stopwatch, TextFingerprint, Timestamp,
};
use moderato_engine::{CompiledRuleSet, Facts, engine_error, evaluate};
use moderato_runtime::metrics::Metrics;
use moderato_store::{Contact, DirectorySnapshot, NewRecord, StoreError};

use crate::Worker;
use crate::evaluate::{Item, Origin};
use crate::tally::Tally;
use crate::unpack::NewComment;

/// How long facts may take while the store answers. Judging without them is marked as degraded.
const FACTS_BUDGET: Duration = Duration::from_secs(2);

/// What the store knows about the authors of a batch.
#[derive(Debug)]
pub(crate) enum BatchFacts {
    Known(HashMap<(SiteId, AuthorKey), AuthorFacts>),
    /// The store answers, but not this.
    Missing,
}

impl Worker {
    /// Recognises authors by their site's key. A site this process does not know yet is looked up
    /// once more; what remains unknown is sorted out when the batch is recorded.
    pub(crate) async fn find_authors(&self, comments: &mut [Item<NewComment>]) {
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
        for item in comments {
            if let Some(site) = directory.sites.get(&item.work.comment.site) {
                item.work.author = AuthorKey::of(&item.work.comment, &site.privacy_key);
            }
        }
    }

    /// Asks for all authors at once; waits while the store is away. `None`: shutting down.
    pub(crate) async fn collect_facts(&self, comments: &[Item<NewComment>]) -> Option<BatchFacts> {
        let mut authors: Vec<(SiteId, AuthorKey)> = comments
            .iter()
            .filter_map(|item| Some((item.work.comment.site.clone(), item.work.author?)))
            .collect();
        authors.sort_unstable();
        authors.dedup();
        if authors.is_empty() {
            return Some(BatchFacts::Known(HashMap::new()));
        }
        let watch = Stopwatch::start();
        let asked = || async {
            match tokio::time::timeout(FACTS_BUDGET, self.deps.store.author_facts(&authors)).await {
                Ok(Err(StoreError::Unavailable(why))) => Err(StoreError::Unavailable(why)),
                Ok(Err(StoreError::Rejected(why))) => {
                    tracing::error!(why, "the store refused to look up authors");
                    Ok(None)
                }
                Ok(Ok(facts)) => Ok(Some(facts)),
                Err(_) => Ok(None),
            }
        };
        let facts = self.while_store_is_away(asked).await?.ok().flatten();
        self.deps.metrics.observe("facts", watch.elapsed());
        Some(match facts {
            Some(facts) => BatchFacts::Known(
                authors.into_iter().zip(facts).filter_map(|(author, facts)| Some((author, facts?))).collect(),
            ),
            None => BatchFacts::Missing,
        })
    }

    /// Evaluates the batch on a thread that may block: it is pure computation.
    pub(crate) async fn judge(
        &self,
        comments: Vec<Item<NewComment>>,
        facts: BatchFacts,
    ) -> (Vec<NewRecord>, Vec<Origin>) {
        let bench = Bench {
            rules: self.deps.rules.current(),
            shadow: self.deps.rules.shadow(),
            tally: Arc::clone(&self.tally),
            directory: self.deps.directory.snapshot(),
            now: self.deps.clock.now(),
            metrics: Arc::clone(&self.deps.metrics),
            facts,
        };
        let judged = tokio::task::spawn_blocking(move || {
            let watch = Stopwatch::start();
            let judged = comments.into_iter().map(|item| (bench.judge_one(item.work), item.origin)).unzip();
            bench.metrics.observe("evaluate", watch.elapsed());
            judged
        });
        judged.await.expect("panics in evaluation are caught one by one")
    }
}

/// Everything a judgement needs, for one batch.
struct Bench {
    rules: Arc<CompiledRuleSet>,
    shadow: Option<Arc<CompiledRuleSet>>,
    tally: Arc<Tally>,
    directory: Arc<DirectorySnapshot>,
    now: Timestamp,
    metrics: Arc<Metrics>,
    facts: BatchFacts,
}

impl Bench {
    fn judge_one(&self, new: NewComment) -> NewRecord {
        let NewComment { comment, content_hash, submission_uid, author } = new;
        let facts = self.facts_of(&comment.site, author);
        let evaluation = catch_unwind(AssertUnwindSafe(|| evaluate(&self.rules, &comment, &facts)))
            .unwrap_or_else(|_| self.panicked());
        if let Some(shadow) = &self.shadow {
            self.tally.compare(shadow, &comment, &facts, &evaluation);
        }
        let site = self.directory.sites.get(&comment.site);
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
            contact: site.and_then(|site| contact(site, &comment)),
            fingerprint: TextFingerprint::of(&comment.body),
            evaluation,
            state,
            evaluate_time: self.now,
            content_hash,
            submission_uid,
            comment,
        }
    }

    fn facts_of(&self, site: &SiteId, author: Option<AuthorKey>) -> Facts {
        match &self.facts {
            BatchFacts::Known(known) => Facts {
                author: author.and_then(|key| known.get(&(site.clone(), key)).copied()),
                now: self.now,
                unavailable: Vec::new(),
            },
            BatchFacts::Missing => Facts { author: None, now: self.now, unavailable: vec!["facts.author"] },
        }
    }

    fn panicked(&self) -> Evaluation {
        self.metrics.engine_errors.inc();
        tracing::error!("evaluation panicked; the comment goes to a human");
        engine_error(self.rules.version().clone())
    }
}

/// Addresses in clear, only where the site opted in.
fn contact(site: &Site, comment: &moderato_domain::Comment) -> Option<Contact> {
    site.settings.keep_contact_details.then(|| Contact {
        email: comment.author.email.as_ref().map(|email| email.as_str().to_owned()),
        ip: comment.client.ip.map(|ip| ip.to_string()),
    })
}
