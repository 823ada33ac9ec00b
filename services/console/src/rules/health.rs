//! Which rules earn their keep: matches, overturns, dead and bad rules.

use std::collections::BTreeMap;
use std::time::Duration;

use moderato_domain::{SiteId, Timestamp};
use moderato_engine::CompiledRuleSet;
use moderato_store::{RuleStatistics, Slot, StatisticsScope};

use crate::rules::desk::{DeskError, RuleDesk};
use crate::rules::replay::anatomy;

/// When a rule is called dead or bad.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HealthLimits {
    /// A rule without a match for so long is dead.
    pub dead_after: Duration,
    /// A rule is bad if more than this share of its decided matches was overturned …
    pub overturned_above: f64,
    /// … of at least so many.
    pub decided_at_least: i64,
    /// Decisions of this time are looked at.
    pub decided_within: Duration,
}

impl Default for HealthLimits {
    /// A month without a match is four weekly rhythms of a blog. With 20 decisions a true rate of
    /// one in four shows as more than one half once in two hundred times.
    fn default() -> Self {
        Self {
            dead_after: Duration::from_hours(30 * 24),
            overturned_above: 0.5,
            decided_at_least: 20,
            decided_within: Duration::from_hours(90 * 24),
        }
    }
}

/// How a rule stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Nothing to say.
    Fine,
    /// It matches nothing.
    Dead,
    /// Humans mostly decide against it.
    Bad,
}

/// A rule and what it did.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleHealth {
    /// What it did.
    pub statistics: RuleStatistics,
    /// What that means.
    pub standing: Standing,
}

impl RuleHealth {
    /// The share of decided matches that humans overturned; none without decisions.
    pub fn overturn_rate(&self) -> Option<f64> {
        let RuleStatistics { decided, overturned, .. } = self.statistics;
        (decided > 0).then(|| overturned as f64 / decided as f64)
    }
}

impl RuleDesk {
    /// Every rule of the version that a slot holds, in its order; empty if it holds none. A rule is the
    /// same rule in every version of its set.
    pub async fn health(
        &self,
        slot: Slot,
        site: Option<&SiteId>,
        limits: HealthLimits,
    ) -> Result<Vec<RuleHealth>, DeskError> {
        let now = self.clock().now();
        let newest = self.store().activations(slot, 1).await?.pop();
        let Some((version, since)) = newest.and_then(|held| Some((held.version?, held.time))) else {
            return Ok(Vec::new());
        };
        let rules = self.stored(&version).await?.rules;
        let scope = StatisticsScope {
            site: site.cloned(),
            version: (slot == Slot::Shadow).then_some(version),
            slot,
            decided_since: now.minus(limits.decided_within),
        };
        let found = self.store().rule_statistics(&scope).await?;
        Ok(report(&rules, found, since, now, limits))
    }
}

fn report(
    rules: &CompiledRuleSet,
    found: Vec<RuleStatistics>,
    since: Timestamp,
    now: Timestamp,
    limits: HealthLimits,
) -> Vec<RuleHealth> {
    let mut found: BTreeMap<String, RuleStatistics> =
        found.into_iter().map(|statistics| (statistics.rule.clone(), statistics)).collect();
    let rules = anatomy(rules).rules.into_iter().map(|explained| explained.rule);
    rules
        .map(|rule| {
            let none =
                || RuleStatistics { rule: rule.clone(), hits: 0, last_hit: None, decided: 0, overturned: 0 };
            let statistics = found.remove(&rule).unwrap_or_else(none);
            RuleHealth { standing: standing(&statistics, since, now, limits), statistics }
        })
        .collect()
}

/// A rule that came into use only now has had no time to match anything.
fn standing(statistics: &RuleStatistics, since: Timestamp, now: Timestamp, limits: HealthLimits) -> Standing {
    let RuleStatistics { decided, overturned, last_hit, .. } = *statistics;
    let rate = overturned as f64 / decided.max(1) as f64;
    if decided >= limits.decided_at_least && rate > limits.overturned_above {
        return Standing::Bad;
    }
    let alive = last_hit.map_or(since, |last| last.max(since));
    if now.since(alive) > limits.dead_after { Standing::Dead } else { Standing::Fine }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_dead_after_a_month_and_bad_after_enough_decisions() {
        let day = |day: u64| Timestamp::from_millis(0).plus(Duration::from_hours(24 * day));
        let of = |last_hit: Option<u64>, decided, overturned| RuleStatistics {
            rule: "r".to_owned(),
            hits: 1,
            last_hit: last_hit.map(day),
            decided,
            overturned,
        };
        let limits = HealthLimits::default();
        let at = |statistics: &RuleStatistics, since| standing(statistics, day(since), day(100), limits);
        assert_eq!(at(&of(Some(99), 0, 0), 0), Standing::Fine);
        assert_eq!(at(&of(Some(60), 0, 0), 0), Standing::Dead);
        assert_eq!(at(&of(None, 0, 0), 0), Standing::Dead);
        assert_eq!(at(&of(None, 0, 0), 90), Standing::Fine, "in use for ten days only");
        assert_eq!(at(&of(Some(99), 20, 11), 0), Standing::Bad);
        assert_eq!(at(&of(Some(99), 20, 10), 0), Standing::Fine);
        assert_eq!(at(&of(Some(99), 19, 19), 0), Standing::Fine);
    }
}
