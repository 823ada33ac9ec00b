//! A provisional verdict: the same engine and rules as the worker's, nothing stored.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use moderato_api::pb::types::Verdict;
use moderato_api::view;
use moderato_domain::{AuthorKey, Clock, Comment, Site, Timestamp};
use moderato_engine::{ActiveRules, Facts, engine_error, evaluate};
use moderato_runtime::metrics::Metrics;
use moderato_store::Store;
use tokio::time::timeout;

/// Judges without recording.
#[derive(Debug)]
pub(crate) struct Check {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) rules: Arc<ActiveRules>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) store_budget: Duration,
}

impl Check {
    /// The verdict the comment would get now.
    pub(crate) async fn verdict(&self, comment: &Comment, site: &Site) -> Verdict {
        let facts = self.facts(comment, site, self.clock.now()).await;
        let rules = self.rules.current();
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

    /// What is known of the author, as far as the store tells within its budget.
    async fn facts(&self, comment: &Comment, site: &Site, now: Timestamp) -> Facts {
        let Some(author) = AuthorKey::of(comment, &site.privacy_key) else { return Facts::none(now) };
        let authors = [(site.id.clone(), author)];
        match timeout(self.store_budget, self.store.author_facts(&authors)).await {
            Ok(Ok(mut known)) => Facts { author: known.pop().flatten(), ..Facts::none(now) },
            Ok(Err(_)) | Err(_) => Facts { unavailable: vec!["facts.author"], ..Facts::none(now) },
        }
    }
}
