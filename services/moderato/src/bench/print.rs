//! What was measured, as tables.

use std::fmt::Write as _;

use super::report::{Latency, Limits, Ratio, Report, RunReport};
use crate::terminal::{table, thousands};

const MEBIBYTE: f64 = 1024.0 * 1024.0;

/// The whole report.
pub(super) fn text(report: &Report) -> String {
    let mut text = String::new();
    if !report.runs.is_empty() {
        text.push_str(&rates(&report.runs));
        text.push_str("\nLatency in milliseconds, p50 / p99 / max, from the moment a comment was due\n");
        text.push_str(&latencies(&report.runs));
        text.push_str("\nCPU in microseconds per accepted comment\n");
        text.push_str(&usage(&report.runs, |usage| format!("{:.1}", usage.cpu_us_per_comment), true));
        text.push_str("\nResident memory in MiB, before the run / most\n");
        let memory = |rss: u64| rss as f64 / MEBIBYTE;
        text.push_str(&usage(
            &report.runs,
            |usage| format!("{:.0} / {:.0}", memory(usage.rss_before), memory(usage.rss_peak)),
            false,
        ));
        text.push_str(&troubles(&report.runs));
    }
    if !report.limits.is_empty() {
        text.push_str("\nThe limits on this machine, measured between the full-speed runs\n");
        text.push_str(&limits(&report.limits));
    }
    if !report.ratios.is_empty() {
        text.push_str("\nVerdicts a second, and divided by the limits right before and after\n");
        text.push_str(&ratios(&report.ratios));
    }
    text
}

/// One line as soon as a run is done.
pub(super) fn line(run: &RunReport) -> String {
    format!(
        "{}: {} accepted, {}/s acknowledged, {}/s with verdict, {} missing",
        run.name,
        thousands(run.accepted),
        rate(run.accepted_per_second),
        rate(run.verdicts_per_second),
        run.missing
    )
}

/// One line as soon as the limits are measured.
pub(super) fn limits_line(limits: &Limits) -> String {
    let broker =
        limits.broker.map(|broker| format!("one message per comment {}/s", rate(broker.messages_per_second)));
    let insert = limits
        .insert
        .map(|insert| format!("the batch insert {} comments/s", rate(insert.comments_per_second)));
    let parts: Vec<String> = broker.into_iter().chain(insert).collect();
    format!("limits: {}", parts.join(", "))
}

fn rates(runs: &[RunReport]) -> String {
    let row = |run: &RunReport| {
        vec![
            run.name.clone(),
            run.rate.map_or("as answered".to_owned(), |due| format!("{}/s", rate(due))),
            thousands(run.accepted),
            rate(run.accepted_per_second),
            rate(run.verdicts_per_second),
            thousands(run.missing),
        ]
    };
    let header = ["run", "due", "accepted", "accepted/s", "verdicts/s", "without verdict"];
    table(&header, &runs.iter().map(row).collect::<Vec<_>>())
}

fn latencies(runs: &[RunReport]) -> String {
    let cell = |latency: Option<Latency>| match latency {
        Some(latency) => format!("{:.1} / {:.1} / {:.0}", latency.p50_ms, latency.p99_ms, latency.max_ms),
        None => "-".to_owned(),
    };
    let row = |run: &RunReport| {
        vec![run.name.clone(), cell(run.acknowledged), cell(run.served_after), cell(run.awaited_after)]
    };
    let header = ["run", "acknowledged", "verdict's event arrived", "AwaitVerdict answered"];
    table(&header, &runs.iter().map(row).collect::<Vec<_>>())
}

/// One row for each process, one column for each run.
fn usage(runs: &[RunReport], cell: impl Fn(&super::report::Usage) -> String, with_sum: bool) -> String {
    let mut names: Vec<&str> = Vec::new();
    for usage in runs.iter().flat_map(|run| &run.usage) {
        if !names.contains(&usage.name.as_str()) {
            names.push(&usage.name);
        }
    }
    let of = |run: &RunReport, name: &str| run.usage.iter().find(|usage| usage.name == name).map(&cell);
    let mut rows: Vec<Vec<String>> = names
        .iter()
        .map(|name| {
            let cells = runs.iter().map(|run| of(run, name).unwrap_or_default());
            std::iter::once((*name).to_owned()).chain(cells).collect()
        })
        .collect();
    if with_sum {
        let sums = runs
            .iter()
            .map(|run| format!("{:.1}", run.usage.iter().map(|usage| usage.cpu_us_per_comment).sum::<f64>()));
        rows.push(std::iter::once("sum".to_owned()).chain(sums).collect());
    }
    let header: Vec<&str> =
        std::iter::once("process").chain(runs.iter().map(|run| run.name.as_str())).collect();
    table(&header, &rows)
}

/// What should not happen, and did.
fn troubles(runs: &[RunReport]) -> String {
    let mut text = String::new();
    for run in runs {
        // Writing into a String cannot fail.
        for (reason, count) in &run.refused {
            let _ = writeln!(text, "{}: {} comments: {reason}", run.name, thousands(*count));
        }
        if run.repeated > 0 {
            let _ =
                writeln!(text, "{}: {} verdicts arrived more than once", run.name, thousands(run.repeated));
        }
        if run.watch_reconnects > 0 {
            let _ =
                writeln!(text, "{}: the event stream was resumed {} times", run.name, run.watch_reconnects);
        }
    }
    if !text.is_empty() {
        text.insert_str(0, "\nNot accepted, and other trouble\n");
    }
    text
}

fn limits(limits: &[Limits]) -> String {
    let cell = |value: Option<f64>| value.map_or("-".to_owned(), rate);
    let row = |(at, limits): (usize, &Limits)| {
        vec![
            (at + 1).to_string(),
            cell(limits.broker.map(|broker| broker.messages_per_second)),
            cell(limits.broker.map(|broker| broker.publish_only_per_second)),
            cell(limits.insert.map(|insert| insert.comments_per_second)),
        ]
    };
    let header = ["", "one message per comment/s", "publishes alone/s", "the batch insert, comments/s"];
    table(&header, &limits.iter().enumerate().map(row).collect::<Vec<_>>())
}

fn ratios(ratios: &[Ratio]) -> String {
    let cell = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.2}"));
    let row = |ratio: &Ratio| {
        vec![
            ratio.run.clone(),
            rate(ratio.verdicts_per_second),
            cell(ratio.to_broker),
            cell(ratio.to_insert),
            cell(ratio.to_smaller),
        ]
    };
    let header = ["run", "verdicts/s", "÷ one message per comment", "÷ the batch insert", "÷ the smaller"];
    table(&header, &ratios.iter().map(row).collect::<Vec<_>>())
}

fn rate(per_second: f64) -> String {
    thousands(per_second.round().max(0.0) as u64)
}
