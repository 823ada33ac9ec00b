//! A provisional verdict: the same engine and rules as the worker's, nothing stored.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use moderato_api::pb::types::Verdict;
use moderato_api::view;
use moderato_domain::{AuthorKey, Clock, Comment, FactKind, Facts, Site, Timestamp};
use moderato_engine::{ActiveRules, CompiledRuleSet, engine_error, evaluate, sketch};
use moderato_facts::{Collector, Subject};
use moderato_runtime::metrics::Metrics;
use moderato_store::Directory;

/// Judges without recording.
#[derive(Debug)]
pub(crate) struct Check {
    pub(crate) facts: Arc<Collector>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) rules: Arc<ActiveRules>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) store_budget: Duration,
}

impl Check {
    /// The verdict the comment would get now.
    pub(crate) async fn verdict(&self, comment: &Comment, site: &Site) -> Verdict {
        let rules = self.rules.current();
        let facts = self.facts(&rules, comment, site, self.clock.now()).await;
        // Some 50 µs: less than handing it to another thread and back would cost under load.
        let judged = catch_unwind(AssertUnwindSafe(|| evaluate(&rules, comment, &facts)));
        let evaluation = judged.unwrap_or_else(|_| {
            self.metrics.engine_errors.inc();
            tracing::error!(site = %site.id, rule_set = %rules.version(), "the engine panicked over a check");
            engine_error(rules.version().clone())
        });
        self.metrics.checked.inc();
        view::provisional(evaluation, self.clock.now())
    }

    /// What is known, as far as the sources tell within the budget.
    async fn facts(&self, rules: &CompiledRuleSet, comment: &Comment, site: &Site, now: Timestamp) -> Facts {
        let needs = rules.needs_facts();
        let text = if needs.contains(FactKind::Repeats) { sketch(&comment.body) } else { None };
        let author = AuthorKey::of(comment, &site.privacy_key);
        let mut subject = Subject::new(needs, comment, author);
        subject.text = text.as_ref();
        subject.guidelines = site.settings.guidelines_version.as_deref();
        subject.sanction = self.directory.snapshot().sanction(&site.id, author.as_ref(), now);
        let subjects = std::slice::from_ref(&subject);
        let collected = self.facts.collect_now(needs, subjects, now, self.store_budget).await;
        collected.into_iter().next().unwrap_or_else(|| Facts::none(now))
    }
}
