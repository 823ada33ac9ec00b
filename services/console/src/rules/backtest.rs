//! What a rule set would have said about stored comments.
//!
//! Comments are read in pages, newest first, each judged with the facts of its time, and compared with
//! the verdict it got. Memory is bounded by one page, the number of rules and a few examples. Between
//! pages it pauses, so that the workers keep most of the machine. It ends when its future is dropped.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use moderato_domain::{Action, CommentName, DecisionKind, Evaluation, SiteId, Stopwatch, Timestamp};
use moderato_engine::CompiledRuleSet;
use moderato_store::{CommentPosition, JudgedComment, Store};

use crate::rules::desk::{DeskError, blocking};
use crate::rules::replay::{anatomy, judge_again};

/// Comments read and judged at once: some 20 ms of work.
const PAGE: u32 = 200;

/// After a page it rests this many times as long as the page took: a third of one core at most.
const REST: u32 = 2;

/// Examples on each side.
const EXAMPLES: usize = 10;

/// Which comments to try a rule set on.
#[derive(Debug, Clone)]
pub struct BacktestScope {
    /// Whose comments.
    pub sites: Vec<SiteId>,
    /// Accepted since then.
    pub since: Timestamp,
    /// At most so many, the newest of each site.
    pub limit: u64,
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Comments judged.
    pub done: u64,
    /// Comments there are to judge, about.
    pub total: u64,
}

/// What would be different.
#[derive(Debug, Clone, Default)]
pub struct BacktestReport {
    /// Comments judged.
    pub comments: u64,
    /// How many got the first action and would get the second.
    pub actions: BTreeMap<(Action, Action), u64>,
    /// By rule.
    pub rules: BTreeMap<String, RuleChange>,
    /// What humans decided, against the verdicts of the time.
    pub before: Agreement,
    /// What humans decided, against the rule set that was tried.
    pub after: Agreement,
    /// Comments that would be judged more sternly, nearest to the threshold of review first.
    pub sterner: Nearest,
    /// Comments that would be judged more mildly, nearest first.
    pub milder: Nearest,
    /// Comments at or above the threshold of review by their points alone, nearest first.
    pub above: Nearest,
    /// Comments below it, nearest first.
    pub below: Nearest,
}

/// How often a rule matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RuleChange {
    /// In the stored verdicts.
    pub before: u64,
    /// With the rule set that was tried.
    pub after: u64,
    /// Of those, how many a human decided about, and did not approve.
    pub hidden: u64,
    /// Of those, how many a human approved.
    pub approved: u64,
}

/// Judgements beside humans' decisions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Agreement {
    /// Decided by a human: approved.
    pub approved: u64,
    /// Decided by a human: hidden.
    pub hidden: u64,
    /// Approved although held or rejected.
    pub held_approved: u64,
    /// Hidden, and held or rejected.
    pub held_hidden: u64,
    /// Approved although rejected.
    pub rejected_approved: u64,
    /// Hidden, and rejected.
    pub rejected_hidden: u64,
}

impl Agreement {
    fn count(&mut self, action: Action, decision: DecisionKind) {
        let held = u64::from(action != Action::Allow);
        let rejected = u64::from(action == Action::Reject);
        if decision == DecisionKind::Approve {
            self.approved += 1;
            self.held_approved += held;
            self.rejected_approved += rejected;
        } else {
            self.hidden += 1;
            self.held_hidden += held;
            self.rejected_hidden += rejected;
        }
    }

    /// The share of held comments that humans hid; none if none was held.
    pub fn precision_at_review(&self) -> Option<f64> {
        share(self.held_hidden, self.held_hidden + self.held_approved)
    }

    /// The share of rejected comments that humans hid; none if none was rejected.
    pub fn precision_at_reject(&self) -> Option<f64> {
        share(self.rejected_hidden, self.rejected_hidden + self.rejected_approved)
    }

    /// The share of what humans hid that was held; none if they hid nothing.
    pub fn recall(&self) -> Option<f64> {
        share(self.held_hidden, self.hidden)
    }
}

fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// A few comments, the ones nearest to the threshold of review.
#[derive(Debug, Clone, Default)]
pub struct Nearest(Vec<(f64, Example)>);

/// A comment and what would be said about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// Which comment.
    pub comment: CommentName,
    /// What was said.
    pub before: Action,
    /// What would be said.
    pub after: Action,
    /// The points it would get.
    pub score: f64,
    /// The rules that would match.
    pub rules: Vec<String>,
    /// What a human decided.
    pub decision: Option<DecisionKind>,
}

impl Nearest {
    /// The examples, nearest first.
    pub fn iter(&self) -> impl Iterator<Item = &Example> {
        self.0.iter().map(|(_, example)| example)
    }

    fn offer(&mut self, distance: f64, example: impl FnOnce() -> Example) {
        let full = self.0.len() == EXAMPLES;
        if full && self.0.last().is_some_and(|(farthest, _)| distance.total_cmp(farthest) != Ordering::Less) {
            return;
        }
        let place = self.0.partition_point(|(other, _)| other.total_cmp(&distance) != Ordering::Greater);
        self.0.insert(place, (distance, example()));
        self.0.truncate(EXAMPLES);
    }
}

/// Tries `rules` on stored comments; `progress` is told after each page.
pub async fn backtest(
    store: &dyn Store,
    rules: &Arc<CompiledRuleSet>,
    scope: &BacktestScope,
    mut progress: impl FnMut(Progress),
) -> Result<BacktestReport, DeskError> {
    let mut total = 0;
    for site in &scope.sites {
        let there = store.count_judged(site, scope.since).await?;
        total += u64::try_from(there).unwrap_or_default().min(scope.limit);
    }
    let review_from = anatomy(rules).review_from;
    let mut report = BacktestReport::default();
    progress(Progress { done: 0, total });
    for site in &scope.sites {
        let mut left = scope.limit;
        let mut after: Option<CommentPosition> = None;
        while left > 0 {
            let watch = Stopwatch::start();
            let rows = PAGE.min(u32::try_from(left).unwrap_or(PAGE));
            let page = store.judged_comments(site, scope.since, after.as_ref(), rows).await?;
            let Some(last) = page.last() else { break };
            let whole = page.len() == rows as usize;
            after =
                Some(CommentPosition { time: last.comment.accept_time, comment: last.comment.id.clone() });
            left -= page.len() as u64;
            let tried = Arc::clone(rules);
            for (judged, evaluation) in blocking(move || judge_page(&tried, page)).await? {
                report.add(&judged, &evaluation, review_from);
            }
            progress(Progress { done: report.comments, total: total.max(report.comments) });
            if !whole {
                break;
            }
            tokio::time::sleep(watch.elapsed() * REST).await;
        }
    }
    Ok(report)
}

fn judge_page(rules: &CompiledRuleSet, page: Vec<JudgedComment>) -> Vec<(JudgedComment, Evaluation)> {
    page.into_iter()
        .map(|judged| {
            let evaluation = judge_again(rules, &judged);
            (judged, evaluation)
        })
        .collect()
}

impl BacktestReport {
    /// How many comments would get another action.
    pub fn changed(&self) -> u64 {
        self.actions.iter().filter(|((before, after), _)| before != after).map(|(_, count)| count).sum()
    }

    fn add(&mut self, judged: &JudgedComment, tried: &Evaluation, review_from: f64) {
        let stored = &judged.verdict.evaluation;
        self.comments += 1;
        *self.actions.entry((stored.action, tried.action)).or_default() += 1;
        for reason in &stored.reasons {
            self.rules.entry(reason.rule.clone()).or_default().before += 1;
        }
        for reason in &tried.reasons {
            let rule = self.rules.entry(reason.rule.clone()).or_default();
            rule.after += 1;
            match judged.decision {
                Some(DecisionKind::Approve) => rule.approved += 1,
                Some(_) => rule.hidden += 1,
                None => {}
            }
        }
        if let Some(decision) = judged.decision {
            self.before.count(stored.action, decision);
            self.after.count(tried.action, decision);
        }
        let score = tried.score.get();
        let distance = (score - review_from).abs();
        let example = || Example {
            comment: judged.comment.name(),
            before: stored.action,
            after: tried.action,
            score,
            rules: tried.reasons.iter().map(|reason| reason.rule.clone()).collect(),
            decision: judged.decision,
        };
        match tried.action.cmp(&stored.action) {
            Ordering::Greater => self.sterner.offer(distance, example),
            Ordering::Less => self.milder.offer(distance, example),
            Ordering::Equal => {}
        }
        // A threshold says nothing about comments on which a rule decides outright.
        if tried.reasons.iter().all(|reason| reason.action.is_none()) {
            let side = if score >= review_from { &mut self.above } else { &mut self.below };
            side.offer(distance, example);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_examples_are_kept_in_order() {
        let example = |score: f64| Example {
            comment: CommentName::parse("sites/blog/comments/c").unwrap(),
            before: Action::Allow,
            after: Action::Review,
            score,
            rules: Vec::new(),
            decision: None,
        };
        let mut nearest = Nearest::default();
        for number in (0..30).rev().chain([5, 40]) {
            let distance = f64::from(number);
            nearest.offer(distance, || example(distance));
        }
        let kept: Vec<f64> = nearest.iter().map(|example| example.score).collect();
        assert_eq!(kept, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 5.0, 6.0, 7.0, 8.0]);
    }

    #[test]
    fn precision_and_recall_are_of_what_humans_decided() {
        let mut agreement = Agreement::default();
        for (action, decision) in [
            (Action::Reject, DecisionKind::Spam),
            (Action::Review, DecisionKind::Reject),
            (Action::Review, DecisionKind::Approve),
            (Action::Allow, DecisionKind::Reject),
            (Action::Allow, DecisionKind::Approve),
        ] {
            agreement.count(action, decision);
        }
        assert_eq!(agreement.precision_at_review(), Some(2.0 / 3.0));
        assert_eq!(agreement.precision_at_reject(), Some(1.0));
        assert_eq!(agreement.recall(), Some(2.0 / 3.0));
        assert_eq!(Agreement::default().recall(), None);
    }
}
