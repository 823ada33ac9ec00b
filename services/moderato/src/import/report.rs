//! What an import tells: progress while it runs, refusals as they come, a summary at the end.

use std::fmt::Write as _;
use std::fs::File;
use std::io::IsTerminal as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressStyle};
use moderato_domain::Stopwatch;

use super::read::Unusable;
use super::verdicts::Tally;
use crate::terminal::{table, thousands, visible};

/// Without a terminal, a line this often.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Progress, refusals and their counts.
pub(crate) struct Report {
    bar: ProgressBar,
    read_bytes: Arc<AtomicU64>,
    plain: bool,
    since_line: Stopwatch,
    clock: Stopwatch,
    show: u64,
    csv: Option<csv::Writer<File>>,
    quiet: bool,
    away: bool,
    pub accepted: u64,
    pub refused: u64,
    pub retried: u64,
}

impl Report {
    /// Prints the first `show` refusals; all of them go to the file, if one is given.
    pub(crate) fn new(
        file_bytes: u64,
        read_bytes: Arc<AtomicU64>,
        show: u64,
        refusals: Option<&Path>,
        quiet: bool,
    ) -> anyhow::Result<Self> {
        let plain = !std::io::stderr().is_terminal();
        let bar = if plain || quiet { ProgressBar::hidden() } else { ProgressBar::new(file_bytes) };
        // The template is constant; a mistake in it shows as the default bar.
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {percent:>3}%  {msg}") {
            bar.set_style(style);
        }
        let csv = refusals.map(begin_refusals).transpose()?;
        Ok(Self {
            bar,
            read_bytes,
            plain: plain && !quiet,
            since_line: Stopwatch::start(),
            clock: Stopwatch::start(),
            show,
            csv,
            quiet,
            away: false,
            accepted: 0,
            refused: 0,
            retried: 0,
        })
    }

    /// A row was accepted.
    pub(crate) fn accepted(&mut self) {
        self.accepted += 1;
        if std::mem::take(&mut self.away) && !self.quiet {
            self.bar.suspend(|| eprintln!("the service is back"));
        }
        if self.accepted.is_multiple_of(64) {
            self.tell_progress();
        }
    }

    /// A row was refused for good.
    pub(crate) fn refused(&mut self, line: u64, why: &[Unusable]) -> anyhow::Result<()> {
        self.refused += 1;
        for unusable in why {
            if self.refused <= self.show {
                let text = format!(
                    "line {line}: {}: {} ({})",
                    visible(&unusable.field),
                    visible(&unusable.description),
                    visible(&unusable.reason)
                );
                self.bar.suspend(|| eprintln!("{text}"));
            }
            if let Some(csv) = &mut self.csv {
                let line = line.to_string();
                csv.write_record([&line, &*unusable.field, &*unusable.reason, &unusable.description])
                    .context("cannot write the refusals")?;
            }
        }
        if self.refused == self.show + 1 && self.show > 0 {
            self.bar.suspend(|| eprintln!("further refusals are counted; --refusals FILE keeps them all"));
        }
        Ok(())
    }

    /// The connection is lost; said once until a row is accepted again.
    pub(crate) fn disconnected(&mut self, why: &str) {
        if !std::mem::replace(&mut self.away, true) && !self.quiet {
            let text = format!("the service is away ({}); trying again", visible(why));
            self.bar.suspend(|| eprintln!("{text}"));
        }
    }

    /// A row will be sent again.
    pub(crate) fn retried(&mut self) {
        self.retried += 1;
    }

    fn tell_progress(&mut self) {
        let rate = rate(self.accepted, self.clock.elapsed());
        let text =
            format!("{} accepted, {} refused, {rate}/s", thousands(self.accepted), thousands(self.refused));
        self.bar.set_position(self.read_bytes.load(Ordering::Relaxed));
        self.bar.set_message(text.clone());
        if self.plain && self.since_line.elapsed() > LINE_EVERY {
            eprintln!("{text}");
            self.since_line = Stopwatch::start();
        }
    }

    /// The sending is over.
    pub(crate) fn sent(&mut self) -> anyhow::Result<Duration> {
        self.bar.finish_and_clear();
        if let Some(csv) = &mut self.csv {
            csv.flush().context("cannot write the refusals")?;
        }
        Ok(self.clock.elapsed())
    }
}

fn begin_refusals(path: &Path) -> anyhow::Result<csv::Writer<File>> {
    let mut csv = csv::Writer::from_path(path)
        .with_context(|| format!("cannot write the refusals to {}", path.display()))?;
    csv.write_record(["line", "field", "reason", "description"])?;
    Ok(csv)
}

fn rate(count: u64, time: Duration) -> String {
    thousands((count as f64 / time.as_secs_f64().max(0.001)) as u64)
}

/// Shows how many verdicts are there. Nothing where nobody looks.
pub(crate) fn verdict_bar(total: u64, quiet: bool) -> ProgressBar {
    let bar = if quiet || !std::io::stderr().is_terminal() {
        ProgressBar::hidden()
    } else {
        ProgressBar::new(total)
    };
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} verdicts") {
        bar.set_style(style);
    }
    bar
}

/// The sending in one line.
pub(crate) fn sent_line(report: &Report, earlier: u64, time: Duration) -> String {
    let mut line = format!("accepted {}, refused {}", thousands(report.accepted), thousands(report.refused));
    // Writing into a String cannot fail, here and below.
    if report.accepted > 0 {
        let _ = write!(line, " in {:.1} s ({}/s)", time.as_secs_f64(), rate(report.accepted, time));
    }
    if earlier > 0 {
        let _ = write!(line, "; {} were accepted by an earlier run", thousands(earlier));
    }
    if report.retried > 0 {
        let _ = write!(line, "; {} were sent again after a pause", thousands(report.retried));
    }
    line
}

/// The verdicts as a table.
pub(crate) fn verdict_table(tally: &Tally, time: Duration) -> String {
    let total: u64 = tally.by_action.values().sum();
    let share = |count: u64| format!("{:.1} %", 100.0 * count as f64 / total.max(1) as f64);
    let row = |name: &str, count: u64| vec![name.to_owned(), thousands(count), share(count)];
    let mut actions: Vec<Vec<String>> = ["ALLOW", "REVIEW", "REJECT"]
        .iter()
        .map(|action| row(action, tally.by_action.get(action).copied().unwrap_or(0)))
        .collect();
    actions.push(vec!["total".to_owned(), thousands(total), String::new()]);
    let mut out = table(&["verdict", "comments", "share"], &actions);
    if !tally.by_rule.is_empty() {
        let mut rules: Vec<(&String, &u64)> = tally.by_rule.iter().collect();
        rules.sort_by(|left, right| right.1.cmp(left.1).then(left.0.cmp(right.0)));
        let rules: Vec<Vec<String>> =
            rules.into_iter().map(|(rule, count)| row(&visible(rule), *count)).collect();
        out.push('\n');
        out.push_str(&table(&["rule", "comments", "share"], &rules));
        out.push_str("(a comment may count under several rules)\n");
    }
    if tally.missing > 0 {
        let _ = writeln!(
            out,
            "\n{} accepted comments have no verdict yet: see `moderato queue status`; if the server's store is a new \
             one, run again with --fresh",
            thousands(tally.missing)
        );
    }
    let _ = writeln!(out, "verdicts complete {:.1} s after the start", time.as_secs_f64());
    out
}
