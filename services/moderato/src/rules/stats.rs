//! `moderato rules stats`: what rules did, dead and bad rules.

use std::time::Duration;

use moderato_console::rules::health::{HealthLimits, RuleHealth, Standing};
use moderato_store::Slot;

use super::Desk;
use crate::config_args::ConfigArgs;
use crate::terminal::table;
use crate::verdict_text;

/// Which rules, and when they are called dead or bad.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "A match is overturned if a human approved what the rule spoke against, or hid what it spoke for.\n\
                        Counts are a few seconds old.\n\nExamples:\n  moderato rules stats\n  \
                        moderato rules stats --bad --overturned-above 30\n  moderato rules stats --shadow"
)]
pub(crate) struct StatsArgs {
    /// Only comments of this site
    #[arg(long, value_name = "ID")]
    site: Option<String>,
    /// The rules of the shadow, not of the rule set in force
    #[arg(long)]
    shadow: bool,
    /// Only rules that match nothing
    #[arg(long, conflicts_with = "bad")]
    dead: bool,
    /// Only rules that humans mostly decide against
    #[arg(long)]
    bad: bool,
    /// Days without a match after which a rule is dead
    #[arg(long, value_name = "N", default_value_t = 30)]
    dead_after: u32,
    /// Per cent of overturned matches above which a rule is bad …
    #[arg(long, value_name = "PERCENT", default_value_t = 50, value_parser = clap::value_parser!(u8).range(0..=100))]
    overturned_above: u8,
    /// … of at least so many decisions
    #[arg(long, value_name = "N", default_value_t = 20)]
    decided_at_least: u32,
    #[command(flatten)]
    config: ConfigArgs,
}

pub(super) async fn run(args: &StatsArgs) -> anyhow::Result<()> {
    let limits = HealthLimits {
        dead_after: Duration::from_hours(24 * u64::from(args.dead_after)),
        overturned_above: f64::from(args.overturned_above) / 100.0,
        decided_at_least: i64::from(args.decided_at_least),
        ..HealthLimits::default()
    };
    let desk = Desk::open(&args.config).await?;
    let site = match &args.site {
        Some(site) => desk.sites(Some(site)).await?.pop(),
        None => None,
    };
    let slot = if args.shadow { Slot::Shadow } else { Slot::Active };
    let rules = desk.health(slot, site.as_ref(), limits).await;
    desk.close().await;
    let rules = rules?;
    let wanted = |health: &&RuleHealth| match health.standing {
        Standing::Dead => !args.bad,
        Standing::Bad => !args.dead,
        Standing::Fine => !args.bad && !args.dead,
    };
    let rows: Vec<Vec<String>> = rules.iter().filter(wanted).map(row).collect();
    print!("{}", table(&["rule", "hits", "last hit", "decided", "overturned", ""], &rows));
    Ok(())
}

fn row(health: &RuleHealth) -> Vec<String> {
    let statistics = &health.statistics;
    vec![
        statistics.rule.clone(),
        statistics.hits.to_string(),
        statistics.last_hit.map_or_else(|| "never".to_owned(), verdict_text::timestamp),
        statistics.decided.to_string(),
        health.overturn_rate().map(|rate| format!("{:.0} %", rate * 100.0)).unwrap_or_default(),
        match health.standing {
            Standing::Fine => "",
            Standing::Dead => "dead",
            Standing::Bad => "bad",
        }
        .to_owned(),
    ]
}
