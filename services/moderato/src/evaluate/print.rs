//! What was measured, for people and for programs.

use std::fmt::Write as _;

use moderato_domain::RuleSetVersion;
use serde::{Serialize, Serializer};

use super::measure::{Counts, Quality};
use crate::terminal::{table, thousands, visible};

/// Everything as one JSON document.
#[derive(Debug, Serialize)]
pub(super) struct Document<'q> {
    /// Which rules were measured.
    #[serde(serialize_with = "as_text")]
    pub(super) rules: &'q RuleSetVersion,
    /// In the order of the files.
    pub(super) datasets: &'q [Quality],
}

fn as_text<S: Serializer>(version: &RuleSetVersion, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(version)
}

/// Everything as tables.
pub(super) fn for_people(rules: &RuleSetVersion, datasets: &[Quality]) -> String {
    let header =
        ["dataset", "unwanted", "wanted", "precision", "recall", "precision", "recall", "false", "false"];
    let levels = ["", "", "", "REVIEW+", "REVIEW+", "REJECT", "REJECT", "REVIEW+", "REJECT"];
    let mut rows = vec![levels.map(str::to_owned).to_vec()];
    for quality in datasets {
        let mut row = vec![visible(&quality.dataset)];
        row.extend(cells(&quality.counts));
        rows.push(row);
    }
    let mut out = format!("{rules}\n\n{}", table(&header, &rows));
    out.push_str("\nREVIEW+ counts what is held or rejected; shares in %, false alarms of what is wanted.\n");
    for quality in datasets {
        details(quality, &mut out);
    }
    out
}

fn details(quality: &Quality, out: &mut String) {
    // Writing into a String cannot fail.
    let _ = writeln!(out, "\n{}", visible(&quality.dataset));
    if quality.refused > 0 {
        let _ = writeln!(out, "  not counted, since ingest would refuse them: {} rows", quality.refused);
    }
    for rule in &quality.false_alarms {
        let _ = writeln!(out, "  false alarms of {}: {}", rule.rule, rule.comments);
    }
    if !quality.nearest_missed.is_empty() {
        let missed: Vec<String> = quality
            .nearest_missed
            .iter()
            .map(|missed| format!("{} ({:.1})", visible(&missed.id), missed.score))
            .collect();
        let _ = writeln!(out, "  missed, with most points first: {}", missed.join(", "));
    }
    if !quality.groups.is_empty() {
        let rows: Vec<Vec<String>> = quality
            .groups
            .iter()
            .map(|(value, counts)| {
                let review = counts.review();
                let passed = review.false_alarms.map(|alarms| 1.0 - alarms);
                vec![
                    visible(value),
                    thousands(counts.unwanted as u64),
                    percent(review.recall),
                    thousands(counts.wanted as u64),
                    percent(passed),
                ]
            })
            .collect();
        let header = ["  value", "unwanted", "held", "wanted", "passed"];
        let _ = write!(out, "{}", table(&header, &rows).replace('\n', "\n  ").trim_end_matches("  "));
    }
}

fn cells(counts: &Counts) -> [String; 8] {
    let (review, reject) = (counts.review(), counts.reject());
    [
        thousands(counts.unwanted as u64),
        thousands(counts.wanted as u64),
        percent(review.precision),
        percent(review.recall),
        percent(reject.precision),
        percent(reject.recall),
        percent(review.false_alarms),
        percent(reject.false_alarms),
    ]
}

/// A share in per cent; a dash where there was nothing to count.
fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "-".to_owned(), |share| format!("{:.2}", share * 100.0))
}
