//! Which rule sets are in use.

use moderato_store::{ShadowDifference, Slot};

use super::{Desk, RuleSetArgs};
use crate::config_args::ConfigArgs;
use crate::terminal::{table, visible};
use crate::verdict_text;

/// Which rule set, and where the store is.
#[derive(Debug, clap::Args)]
#[command(after_help = "A rules.file in the configuration wins again at the next start.\n\nExamples:\n  \
                        moderato rules activate my-rules.toml --guidelines my-guidelines.md\n  \
                        moderato rules activate my-rules@0123456789ab")]
pub(crate) struct ActivateArgs {
    #[command(flatten)]
    rule_set: RuleSetArgs,
    #[command(flatten)]
    config: ConfigArgs,
}

/// Which rule set to try.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  moderato rules shadow my-rules.toml\n  moderato rules shadow\n  \
                        moderato rules shadow --end")]
pub(crate) struct ShadowArgs {
    /// A file (TOML) or the version of a stored rule set; without it, reports on the shadow there is
    #[arg(value_name = "FILE|VERSION", conflicts_with = "end")]
    rule_set: Option<String>,
    /// The guidelines that a file cites, Markdown; the built-in ones if not given
    #[arg(long, value_name = "FILE", requires = "rule_set")]
    guidelines: Option<std::path::PathBuf>,
    /// Stops trying it
    #[arg(long)]
    end: bool,
    /// How many differences the report lists
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: u32,
    #[command(flatten)]
    config: ConfigArgs,
}

pub(super) async fn activate(args: &ActivateArgs) -> anyhow::Result<()> {
    let desk = Desk::open(&args.config).await?;
    let version = args.rule_set.stored(&desk).await?;
    let change = desk.activate(Slot::Active, &version).await?;
    desk.close().await;
    println!("{version} {}", if change.changed() { "is in force" } else { "was in force already" });
    warn_of_file(&args.config)
}

pub(super) async fn rollback(config: &ConfigArgs) -> anyhow::Result<()> {
    let desk = Desk::open(config).await?;
    let change = desk.roll_back().await?;
    desk.close().await;
    let before = change.before.as_ref().map(ToString::to_string).unwrap_or_default();
    println!("{} is in force again, instead of {before}", change.version);
    warn_of_file(config)
}

fn warn_of_file(config: &ConfigArgs) -> anyhow::Result<()> {
    if let Some(file) = config.load()?.rules.file {
        eprintln!("note: rules.file in the configuration, {}, wins again at the next start", file.display());
    }
    Ok(())
}

pub(super) async fn shadow(args: &ShadowArgs) -> anyhow::Result<()> {
    let desk = Desk::open(&args.config).await?;
    if args.end {
        match desk.end_shadow().await? {
            Some(version) => println!("{version} is no shadow any more"),
            None => println!("there was no shadow"),
        }
    } else if let Some(rule_set) = args.rule_set.clone() {
        let rule_set = RuleSetArgs { rule_set, guidelines: args.guidelines.clone() };
        let version = rule_set.stored(&desk).await?;
        desk.activate(Slot::Shadow, &version).await?;
        println!("{version} runs beside the active rule set; `moderato rules shadow` reports on it");
    } else {
        report(&desk, args.limit).await?;
    }
    desk.close().await;
    Ok(())
}

async fn report(desk: &Desk, limit: u32) -> anyhow::Result<()> {
    let Some(shadow) = desk.store().rules_in_force().await?.shadow else {
        println!("there is no shadow");
        return Ok(());
    };
    let counts = desk.store().comparisons(None, &shadow).await?;
    let compared: i64 = counts.iter().map(|counts| counts.compared).sum();
    let differing: i64 = counts.iter().map(|counts| counts.differing).sum();
    println!("{shadow}: {compared} comments compared, {differing} would get another action");
    let differences = desk.store().shadow_differences(None, &shadow, limit).await?;
    if !differences.is_empty() {
        let rows: Vec<Vec<String>> = differences.iter().map(row).collect();
        print!("\n{}", table(&["comment", "active", "shadow", "rules that make the difference"], &rows));
    }
    Ok(())
}

fn row(difference: &ShadowDifference) -> Vec<String> {
    let only = |sign: char, rules: &[String]| {
        rules.iter().map(|rule| format!("{sign}{}", visible(rule))).collect::<Vec<_>>()
    };
    let rules = [only('-', &difference.rules.only_active), only('+', &difference.rules.only_shadow)].concat();
    vec![
        format!("{}@{}", difference.comment, difference.revision),
        difference.active.as_str().to_owned(),
        difference.shadow.as_str().to_owned(),
        rules.join(" "),
    ]
}

pub(super) async fn list(config: &ConfigArgs) -> anyhow::Result<()> {
    const PAGE: u32 = 200;
    let desk = Desk::open(config).await?;
    let in_force = desk.store().rules_in_force().await?;
    let mut rows = Vec::new();
    let mut after = None;
    loop {
        let page = desk.store().rule_sets(after.as_ref(), PAGE).await?;
        for entry in &page {
            let version = Some(&entry.version);
            let used = match version {
                _ if in_force.active.as_ref() == version => "active",
                _ if in_force.shadow.as_ref() == version => "shadow",
                _ => "",
            };
            rows.push(vec![
                entry.version.to_string(),
                verdict_text::timestamp(entry.create_time),
                used.to_owned(),
            ]);
        }
        let whole = page.len() == PAGE as usize;
        after = page.into_iter().next_back();
        if !whole {
            break;
        }
    }
    desk.close().await;
    print!("{}", table(&["version", "stored", "used"], &rows));
    Ok(())
}

pub(super) async fn active(config: &ConfigArgs) -> anyhow::Result<()> {
    let desk = Desk::open(config).await?;
    let in_force = desk.store().rules_in_force().await?;
    desk.close().await;
    println!("{}", in_force.active.map_or_else(|| "none yet".to_owned(), |version| version.to_string()));
    if let Some(shadow) = in_force.shadow {
        println!("{shadow} (shadow)");
    }
    Ok(())
}
