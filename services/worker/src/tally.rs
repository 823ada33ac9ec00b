//! What rules did, counted in memory and stored every few seconds: statistics cost a comment a lock
//! and a look into a map, and the store one statement per flush. A worker that is killed loses what
//! it counted since the last one; no verdict depends on it.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use moderato_domain::{Comment, Evaluation, RuleSetVersion, SiteId, Timestamp};
use moderato_engine::{CompiledRuleSet, Facts, evaluate};
use moderato_store::{
    Comparisons, DIFFERENCES_KEPT, NewRecord, Recorded, RuleDifference, RuleHits, RuleTally,
    ShadowDifference, Slot,
};

use tokio::sync::oneshot;

use crate::Worker;

/// How long counts wait in memory, and so how much of them a killed worker loses.
const FLUSH_EVERY: Duration = Duration::from_secs(3);

/// Longest wait for the store at the end.
pub(crate) const LAST_FLUSH: Duration = Duration::from_secs(2);

/// Counts since the last flush.
#[derive(Debug, Default)]
pub(crate) struct Tally(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    active: BySet<BySite<Hits>>,
    shadow: BySet<BySite<Hits>>,
    compared: BySet<Compared>,
    /// At most as many as are kept.
    differences: Vec<ShadowDifference>,
}

type BySet<T> = HashMap<RuleSetVersion, HashMap<SiteId, T>>;
type BySite<T> = HashMap<String, T>;

#[derive(Debug)]
struct Hits {
    number: i64,
    last: Timestamp,
}

#[derive(Debug, Default)]
struct Compared {
    all: i64,
    differing: i64,
}

impl Tally {
    /// Counts the rules that matched comments which became what readers see.
    pub(crate) fn recorded(&self, batch: &[NewRecord], outcomes: &[Recorded]) {
        let mut counts = self.lock();
        for (record, outcome) in batch.iter().zip(outcomes) {
            if *outcome == Recorded::Applied {
                hit(&mut counts.active, &record.comment.site, &record.evaluation, record.evaluate_time);
            }
        }
    }

    /// Judges a comment by the shadow, too, and counts what it says. A panic in there is nobody's
    /// loss but the shadow's.
    pub(crate) fn compare(
        &self,
        shadow: &CompiledRuleSet,
        comment: &Comment,
        facts: &Facts,
        decided: &Evaluation,
    ) {
        let Ok(tried) = catch_unwind(AssertUnwindSafe(|| evaluate(shadow, comment, facts))) else {
            tracing::error!(rule_set.version = %shadow.version(), "the shadow rule set panicked; its verdict is left out");
            return;
        };
        let mut counts = self.lock();
        hit(&mut counts.shadow, &comment.site, &tried, facts.now);
        let compared = entry(&mut counts.compared, shadow.version(), &comment.site);
        compared.all += 1;
        if tried.action == decided.action {
            return;
        }
        compared.differing += 1;
        if counts.differences.len() < DIFFERENCES_KEPT as usize {
            counts.differences.push(ShadowDifference {
                comment: comment.name(),
                revision: comment.revision,
                version: tried.rule_set.clone(),
                active_version: decided.rule_set.clone(),
                active: decided.action,
                shadow: tried.action,
                rules: difference(decided, &tried),
                time: facts.now,
            });
        }
    }

    /// Everything counted so far; counting begins anew.
    fn take(&self) -> RuleTally {
        let Counts { active, shadow, compared, differences } = std::mem::take(&mut *self.lock());
        let mut tally = RuleTally { differences, ..RuleTally::default() };
        for (slot, sets) in [(Slot::Active, active), (Slot::Shadow, shadow)] {
            for (version, site, rules) in flat(sets) {
                tally.hits.extend(rules.into_iter().map(|(rule, hits)| RuleHits {
                    site: site.clone(),
                    slot,
                    version: version.clone(),
                    rule,
                    hits: hits.number,
                    last_hit: hits.last,
                }));
            }
        }
        tally.comparisons = flat(compared)
            .map(|(version, site, counts)| Comparisons {
                site,
                version,
                compared: counts.all,
                differing: counts.differing,
            })
            .collect();
        tally
    }

    /// Takes back what could not be stored.
    fn put_back(&self, tally: RuleTally) {
        let mut counts = self.lock();
        for hits in tally.hits {
            let sets = match hits.slot {
                Slot::Active => &mut counts.active,
                Slot::Shadow => &mut counts.shadow,
            };
            add(entry(sets, &hits.version, &hits.site), &hits.rule, hits.hits, hits.last_hit);
        }
        for counted in tally.comparisons {
            let compared = entry(&mut counts.compared, &counted.version, &counted.site);
            compared.all += counted.compared;
            compared.differing += counted.differing;
        }
        counts.differences.extend(tally.differences);
        counts.differences.truncate(DIFFERENCES_KEPT as usize);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The counters of a site and version; keys are copied only when they are new.
fn entry<'s, T: Default>(sets: &'s mut BySet<T>, version: &RuleSetVersion, site: &SiteId) -> &'s mut T {
    if !sets.contains_key(version) {
        sets.insert(version.clone(), HashMap::new());
    }
    let sites = sets.get_mut(version).expect("it was inserted above");
    if !sites.contains_key(site) {
        sites.insert(site.clone(), T::default());
    }
    sites.get_mut(site).expect("it was inserted above")
}

fn hit(sets: &mut BySet<BySite<Hits>>, site: &SiteId, evaluation: &Evaluation, time: Timestamp) {
    if evaluation.reasons.is_empty() {
        return;
    }
    let rules = entry(sets, &evaluation.rule_set, site);
    for reason in &evaluation.reasons {
        add(rules, &reason.rule, 1, time);
    }
}

fn add(rules: &mut BySite<Hits>, rule: &str, number: i64, time: Timestamp) {
    if let Some(hits) = rules.get_mut(rule) {
        hits.number += number;
        hits.last = hits.last.max(time);
    } else {
        rules.insert(rule.to_owned(), Hits { number, last: time });
    }
}

fn flat<T>(sets: BySet<T>) -> impl Iterator<Item = (RuleSetVersion, SiteId, T)> {
    sets.into_iter().flat_map(|(version, sites)| {
        sites.into_iter().map(move |(site, counts)| (version.clone(), site, counts))
    })
}

fn difference(decided: &Evaluation, tried: &Evaluation) -> RuleDifference {
    let only = |here: &Evaluation, there: &Evaluation| {
        let rules = here.reasons.iter().map(|reason| &reason.rule);
        rules.filter(|rule| !there.reasons.iter().any(|other| other.rule == **rule)).cloned().collect()
    };
    RuleDifference { only_active: only(decided, tried), only_shadow: only(tried, decided) }
}

impl Worker {
    /// Stores the counts every few seconds until counting has ended, and then those of the last ones.
    pub(crate) async fn report_tally(self: Arc<Self>, mut ended: oneshot::Receiver<()>) {
        let mut ticks = tokio::time::interval(FLUSH_EVERY);
        loop {
            let has_ended = tokio::select! {
                _ = ticks.tick() => false,
                _ = &mut ended => true,
            };
            self.flush_tally().await;
            if has_ended {
                return;
            }
        }
    }

    async fn flush_tally(&self) {
        let tally = self.tally.take();
        if tally.is_empty() {
            return;
        }
        // A store that is away is reported where verdicts are recorded.
        match self.deps.store.add_tally(&tally).await {
            Ok(()) => {}
            Err(moderato_store::StoreError::Unavailable(_)) => self.tally.put_back(tally),
            Err(moderato_store::StoreError::Rejected(why)) => {
                tracing::error!(why, "the store refused rule statistics; they are lost");
            }
        }
    }
}
