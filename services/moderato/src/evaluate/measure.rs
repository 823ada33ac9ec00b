//! Judges labelled comments on every core, and counts.

use std::collections::BTreeMap;
use std::num::NonZero;

use moderato_domain::{Action, Clock as _, Reason, Score, SystemClock, Timestamp};
use moderato_engine::{CompiledRuleSet, Facts, evaluate};
use serde::Serialize;

use super::labelled::{Dataset, Labelled};

/// How good a rule set is on one dataset.
#[derive(Debug, Serialize)]
pub(super) struct Quality {
    pub(super) dataset: String,
    /// Rows that ingest would refuse: not counted below.
    pub(super) refused: usize,
    #[serde(flatten)]
    pub(super) counts: Counts,
    pub(super) review: Level,
    pub(super) reject: Level,
    /// Rules that matched wanted comments which were held, the most frequent first.
    pub(super) false_alarms: Vec<RuleCount>,
    /// Unwanted comments that would appear, those with most points first.
    pub(super) nearest_missed: Vec<Missed>,
    /// The same counts by the values of a column.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) groups: BTreeMap<String, Counts>,
}

/// How many comments, and what became of them. Whatever is rejected counts as held, too.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Counts {
    pub(super) unwanted: usize,
    pub(super) unwanted_held: usize,
    pub(super) unwanted_rejected: usize,
    pub(super) wanted: usize,
    pub(super) wanted_held: usize,
    pub(super) wanted_rejected: usize,
}

/// How good the rules are from one action on. Shares are between 0 and 1, absent where nothing was
/// there to count.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Level {
    /// Of what was held or rejected, the share that is unwanted.
    pub(super) precision: Option<f64>,
    /// Of what is unwanted, the share that was held or rejected.
    pub(super) recall: Option<f64>,
    /// Of what is wanted, the share that was held or rejected.
    pub(super) false_alarms: Option<f64>,
}

/// A rule and how many wanted comments it helped to hold.
#[derive(Debug, Serialize)]
pub(super) struct RuleCount {
    pub(super) rule: String,
    pub(super) comments: usize,
}

/// An unwanted comment that would appear.
#[derive(Debug, Serialize)]
pub(super) struct Missed {
    pub(super) id: String,
    pub(super) score: f64,
}

/// What the engine made of one comment.
struct Judged<'d> {
    row: &'d Labelled,
    action: Action,
    score: Score,
    /// Of wanted comments that are held: the rules that spoke against them.
    blamed: Vec<String>,
}

/// Judges every comment of a dataset; lists at most `show` rules and comments.
pub(super) fn measure(rules: &CompiledRuleSet, dataset: &Dataset, show: usize) -> Quality {
    let judged = judge_all(rules, &dataset.rows);
    let mut counts = Counts::default();
    let mut groups: BTreeMap<String, Counts> = BTreeMap::new();
    let mut blamed: BTreeMap<&str, usize> = BTreeMap::new();
    for comment in &judged {
        counts.add(comment);
        if let Some(group) = &comment.row.group {
            groups.entry(group.clone()).or_default().add(comment);
        }
        for rule in &comment.blamed {
            *blamed.entry(rule).or_default() += 1;
        }
    }
    let mut false_alarms: Vec<RuleCount> =
        blamed.into_iter().map(|(rule, comments)| RuleCount { rule: rule.to_owned(), comments }).collect();
    // Stable: rules of equal counts stay in the order of their names.
    false_alarms.sort_by_key(|rule| std::cmp::Reverse(rule.comments));
    false_alarms.truncate(show);
    let mut missed: Vec<&Judged<'_>> =
        judged.iter().filter(|comment| comment.row.unwanted && comment.action == Action::Allow).collect();
    missed.sort_by(|left, right| right.score.get().total_cmp(&left.score.get()));
    let nearest_missed = missed
        .iter()
        .take(show)
        .map(|comment| Missed { id: comment.row.id.clone(), score: comment.score.get() })
        .collect();
    Quality {
        dataset: dataset.name.clone(),
        refused: dataset.refused,
        counts,
        review: counts.review(),
        reject: counts.reject(),
        false_alarms,
        nearest_missed,
        groups,
    }
}

impl Counts {
    fn add(&mut self, comment: &Judged<'_>) {
        let held = usize::from(comment.action >= Action::Review);
        let rejected = usize::from(comment.action >= Action::Reject);
        if comment.row.unwanted {
            self.unwanted += 1;
            self.unwanted_held += held;
            self.unwanted_rejected += rejected;
        } else {
            self.wanted += 1;
            self.wanted_held += held;
            self.wanted_rejected += rejected;
        }
    }

    /// From REVIEW on.
    pub(super) fn review(&self) -> Level {
        Level::of(self.unwanted_held, self.unwanted, self.wanted_held, self.wanted)
    }

    /// At REJECT.
    pub(super) fn reject(&self) -> Level {
        Level::of(self.unwanted_rejected, self.unwanted, self.wanted_rejected, self.wanted)
    }
}

impl Level {
    fn of(hits: usize, unwanted: usize, alarms: usize, wanted: usize) -> Self {
        let share = |part: usize, whole: usize| (whole > 0).then(|| part as f64 / whole as f64);
        Self {
            precision: share(hits, hits + alarms),
            recall: share(hits, unwanted),
            false_alarms: share(alarms, wanted),
        }
    }
}

fn judge_all<'d>(rules: &CompiledRuleSet, rows: &'d [Labelled]) -> Vec<Judged<'d>> {
    let now = SystemClock.now();
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    let part = rows.len().div_ceil(cores).max(1);
    std::thread::scope(|scope| {
        let judges: Vec<_> = rows
            .chunks(part)
            .map(|rows| {
                scope.spawn(move || rows.iter().map(|row| judge(rules, row, now)).collect::<Vec<_>>())
            })
            .collect();
        judges
            .into_iter()
            .flat_map(|judge| judge.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    })
}

fn judge<'d>(rules: &CompiledRuleSet, row: &'d Labelled, now: Timestamp) -> Judged<'d> {
    let evaluation = evaluate(rules, &row.comment, &Facts::none(now));
    let alarm = !row.unwanted && evaluation.action >= Action::Review;
    let against = |reason: &&Reason| {
        reason.score.get() > 0.0 || reason.action.is_some_and(|action| action >= Action::Review)
    };
    let blamed =
        evaluation.reasons.iter().filter(|_| alarm).filter(against).map(|reason| reason.rule.clone());
    Judged { row, action: evaluation.action, score: evaluation.score, blamed: blamed.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &str = "name = 'test'\nguidelines = 'friendly-blog'\nthresholds = { review = 3, reject = 8 }\n\
        lists.mild = { kind = 'phrases', entries = ['casino'] }\n\
        lists.strong = { kind = 'phrases', entries = ['free money'] }\n\
        [[rule]]\nid = 'mild'\nguideline = 'links'\ncategory = 'spam'\nwhen = 'body has list(\"mild\")'\n\
        score = 3\nmessage = 'No.'\n\
        [[rule]]\nid = 'weak'\nguideline = 'links'\ncategory = 'spam'\nwhen = 'body.words == 1'\n\
        score = 1\nmessage = 'No.'\n\
        [[rule]]\nid = 'strong'\nguideline = 'links'\ncategory = 'spam'\nwhen = 'body has list(\"strong\")'\n\
        action = 'reject'\nmessage = 'No.'\n";

    #[test]
    fn every_comment_is_counted_where_it_belongs() {
        let folder = tempfile::tempdir().unwrap();
        let labels = folder.path().join("cases.csv");
        let csv = "id,text,label,lang\na,free money,1,en\nb,a casino,1,en\nc,hello there,1,de\nd,hello,1,de\n\
                   e,good morning,0,en\nf,the casino burnt down,0,en\n";
        std::fs::write(&labels, csv).unwrap();
        let guidelines = moderato_engine::Guidelines::parse(moderato_engine::STARTER_GUIDELINES).unwrap();
        let rules = CompiledRuleSet::compile(RULES, &guidelines).unwrap();
        let quality = measure(&rules, &Dataset::read(&labels, Some("lang")).unwrap(), 1);

        let counts = Counts {
            unwanted: 4,
            unwanted_held: 2,
            unwanted_rejected: 1,
            wanted: 2,
            wanted_held: 1,
            wanted_rejected: 0,
        };
        assert_eq!(quality.counts, counts);
        let level = |precision, recall, alarms| Level {
            precision: Some(precision),
            recall: Some(recall),
            false_alarms: Some(alarms),
        };
        assert_eq!(quality.review, level(2.0 / 3.0, 0.5, 0.5));
        assert_eq!(quality.reject, level(1.0, 0.25, 0.0));
        assert_eq!((quality.false_alarms[0].rule.as_str(), quality.false_alarms[0].comments), ("mild", 1));
        assert_eq!(quality.nearest_missed.len(), 1);
        assert_eq!((quality.nearest_missed[0].id.as_str(), quality.nearest_missed[0].score), ("d", 1.0));
        assert_eq!((quality.groups["de"].unwanted, quality.groups["en"].wanted_held), (2, 1));
    }
}
