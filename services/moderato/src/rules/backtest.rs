//! `moderato rules backtest`: what a rule set would have said about stored comments.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use moderato_console::rules::backtest::{
    self, Agreement, BacktestReport, BacktestScope, Nearest, RuleChange,
};
use moderato_domain::{Clock as _, SystemClock, Timestamp};

use super::{Desk, RuleSetArgs};
use crate::config_args::ConfigArgs;
use crate::terminal::{table, thousands};

/// Which rule set on which comments.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Runs beside the service and takes a third of one core; Ctrl-C ends it.\n\nExamples:\n  \
                        moderato rules backtest my-rules.toml\n  \
                        moderato rules backtest my-rules@0123456789ab --site blog --days 30"
)]
pub(crate) struct BacktestArgs {
    #[command(flatten)]
    rule_set: RuleSetArgs,
    /// Only comments of this site
    #[arg(long, value_name = "ID")]
    site: Option<String>,
    /// Only comments of the last days
    #[arg(long, value_name = "N")]
    days: Option<u32>,
    /// At most so many comments of each site, the newest
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    limit: u64,
    #[command(flatten)]
    config: ConfigArgs,
}

pub(super) async fn run(args: &BacktestArgs) -> anyhow::Result<()> {
    let draft = args.rule_set.draft(&args.config).await?;
    let desk = Desk::open(&args.config).await?;
    let since = args.days.map_or(Timestamp::from_millis(0), |days| {
        SystemClock.now().minus(Duration::from_hours(24 * u64::from(days)))
    });
    let scope = BacktestScope { sites: desk.sites(args.site.as_deref()).await?, since, limit: args.limit };
    let rules = Arc::new(draft.rules);
    let bar = bar();
    let progress = |progress: backtest::Progress| {
        bar.set_length(progress.total);
        bar.set_position(progress.done);
    };
    let report = tokio::select! {
        report = backtest::backtest(&**desk.store(), &rules, &scope, progress) => Some(report?),
        _ = tokio::signal::ctrl_c() => None,
    };
    bar.finish_and_clear();
    desk.close().await;
    match report {
        Some(report) => print!("{}", told(&report)),
        None => anyhow::bail!("interrupted"),
    }
    Ok(())
}

/// Shown on a terminal only.
fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {human_pos}/{human_len} comments, {eta} left");
    let bar = ProgressBar::new(0);
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar
}

// Writing into a String cannot fail, here and below.
fn told(report: &BacktestReport) -> String {
    let mut out = String::new();
    let changed = report.changed();
    let _ = writeln!(
        out,
        "{} comments, {} would get another action",
        thousands(report.comments),
        thousands(changed)
    );
    for ((before, after), comments) in report.actions.iter().filter(|((before, after), _)| before != after) {
        let _ = writeln!(out, "  {:>9}  {} → {}", thousands(*comments), before.as_str(), after.as_str());
    }
    out.push_str(&by_rule(&report.rules));
    out.push_str(&against_humans(report.before, report.after));
    for (title, nearest) in [
        ("would be judged more sternly", &report.sterner),
        ("would be judged more mildly", &report.milder),
        ("nearest above the threshold of review", &report.above),
        ("nearest below it", &report.below),
    ] {
        out.push_str(&examples(title, nearest));
    }
    out
}

fn by_rule(rules: &BTreeMap<String, RuleChange>) -> String {
    let mut moved: Vec<_> = rules.iter().filter(|(_, change)| change.before != change.after).collect();
    if moved.is_empty() {
        return "\nevery rule matches as often as before\n".to_owned();
    }
    moved.sort_by_key(|(rule, change)| (std::cmp::Reverse(change.before.abs_diff(change.after)), *rule));
    let rows: Vec<Vec<String>> = moved
        .into_iter()
        .map(|(rule, change)| {
            let decided = change.hidden + change.approved;
            let precision = if decided == 0 { String::new() } else { percent(change.hidden, decided) };
            vec![rule.clone(), thousands(change.before), thousands(change.after), precision]
        })
        .collect();
    format!("\n{}", table(&["rule", "matched", "would match", "hidden by humans"], &rows))
}

fn against_humans(before: Agreement, after: Agreement) -> String {
    let decided = after.approved + after.hidden;
    if decided == 0 {
        return "\nno human has decided about any of them\n".to_owned();
    }
    let share =
        |share: Option<f64>| share.map_or_else(|| "-".to_owned(), |share| format!("{:.1} %", share * 100.0));
    let row = |label: &str, of: fn(&Agreement) -> Option<f64>| {
        vec![label.to_owned(), share(of(&before)), share(of(&after))]
    };
    let rows = [
        row("precision at review", Agreement::precision_at_review),
        row("precision at reject", Agreement::precision_at_reject),
        row("recall", Agreement::recall),
    ];
    format!(
        "\nagainst {} decisions of humans\n{}",
        thousands(decided),
        table(&["", "was", "would be"], &rows)
    )
}

fn examples(title: &str, nearest: &Nearest) -> String {
    let rows: Vec<Vec<String>> = nearest
        .iter()
        .map(|example| {
            vec![
                example.comment.to_string(),
                format!("{} → {}", example.before.as_str(), example.after.as_str()),
                format!("{:+.2}", example.score),
                example.rules.join(" "),
            ]
        })
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    format!("\n{title}\n{}", table(&["comment", "action", "points", "rules"], &rows))
}

fn percent(part: u64, whole: u64) -> String {
    format!("{:.1} %", part as f64 * 100.0 / whole as f64)
}
