//! Rule sets as documents: check, test, explain, show.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use moderato_console::rules::replay::anatomy;
use moderato_domain::{Branch, Clock as _, ExplainedRule, RuleSetVersion, SystemClock};

use super::{Desk, RuleSetArgs};
use crate::config_args::ConfigArgs;
use crate::first_start::read_rules;
use crate::verdict_text;

/// Which files.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  moderato rules check my-rules.toml\n  \
                        moderato rules check my-rules.toml --guidelines my-guidelines.md")]
pub(crate) struct CheckArgs {
    /// The rule set, TOML
    file: PathBuf,
    /// The guidelines it cites, Markdown; the built-in ones if not given
    #[arg(long, value_name = "FILE")]
    guidelines: Option<PathBuf>,
}

/// Which rule set.
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit codes: 0 all tests pass, 1 some fail.\n\nExamples:\n  \
                        moderato rules test my-rules.toml\n  moderato rules test my-rules@0123456789ab")]
pub(crate) struct TestArgs {
    #[command(flatten)]
    rule_set: RuleSetArgs,
    #[command(flatten)]
    config: ConfigArgs,
}

/// Which rule.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  moderato rules explain links.shortener\n  \
                        moderato rules explain links.shortener --rules my-rules.toml")]
pub(crate) struct ExplainArgs {
    /// The rule's id
    rule: String,
    /// A file with the rule set, TOML; the one in force if not given
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,
    /// The guidelines that a file cites, Markdown; the built-in ones if not given
    #[arg(long, value_name = "FILE", requires = "rules")]
    guidelines: Option<PathBuf>,
    #[command(flatten)]
    config: ConfigArgs,
}

/// Which version.
#[derive(Debug, clap::Args)]
pub(crate) struct ShowArgs {
    /// The version, as `moderato rules list` shows it
    version: String,
    /// Print the guidelines that it cites instead
    #[arg(long)]
    guidelines: bool,
    #[command(flatten)]
    config: ConfigArgs,
}

pub(super) fn check(args: &CheckArgs) -> anyhow::Result<()> {
    let (document, rules) = read_rules(&args.file, args.guidelines.as_deref())?;
    println!("{} compiles as {}: {} rules", args.file.display(), document.version, rules.rule_count());
    for warning in rules.warnings() {
        println!("warning: {warning}");
    }
    Ok(())
}

pub(super) async fn test(args: &TestArgs) -> anyhow::Result<()> {
    let draft = args.rule_set.draft(&args.config).await?;
    let tests = draft.test(SystemClock.now())?;
    match tests {
        0 => println!("{} has no tests", draft.document.version),
        1 => println!("{}: its test passes", draft.document.version),
        _ => println!("{}: all {tests} tests pass", draft.document.version),
    }
    Ok(())
}

pub(super) async fn explain(args: &ExplainArgs) -> anyhow::Result<()> {
    let rules = if let Some(file) = &args.rules {
        Arc::new(read_rules(file, args.guidelines.as_deref())?.1)
    } else {
        let desk = Desk::open(&args.config).await?;
        let active = desk.active().await;
        desk.close().await;
        active?.rules
    };
    let found = anatomy(&rules).rules.into_iter().find(|rule| rule.rule == args.rule);
    let Some(rule) = found else {
        let near: Vec<&str> = rules.rule_ids().filter(|id| is_near(id, &args.rule)).collect();
        let hint = if near.is_empty() { String::new() } else { format!("; there is {}", near.join(", ")) };
        bail!("{} has no rule `{}`{hint}", rules.version(), args.rule);
    };
    print!("{}", description(&rule));
    Ok(())
}

/// Whether one name contains a part of the other.
fn is_near(id: &str, asked: &str) -> bool {
    asked.split('.').any(|part| part.len() > 2 && id.contains(part))
}

fn description(rule: &ExplainedRule) -> String {
    let outcome = match rule.action {
        Some(action) => format!("{}, whatever the points", action.as_str()),
        None => format!("{} points", rule.points),
    };
    let mut fields = Vec::new();
    collect_fields(&rule.condition, &mut fields);
    let lines = [
        ("rule", rule.rule.clone()),
        ("when", rule.condition.text.clone()),
        ("then", outcome),
        ("group", rule.group.clone().unwrap_or_default()),
        ("category", rule.category.clone()),
        ("guideline", rule.guideline.as_ref().map(|section| format!("§{section}")).unwrap_or_default()),
        (
            "bound",
            if rule.never_reject { "nothing is rejected while it matches".into() } else { String::new() },
        ),
    ];
    let mut out = String::new();
    for (label, text) in lines.into_iter().filter(|(_, text)| !text.is_empty()) {
        // Writing into a String cannot fail, here and below.
        let _ = writeln!(out, "{label:<10} {}", text.trim().replace('\n', "\n           "));
    }
    let schema: Vec<_> = moderato_engine::schema().collect();
    for (index, field) in fields.iter().enumerate() {
        let doc = schema.iter().find(|known| known.id == *field).map_or("", |known| known.doc);
        let _ = writeln!(out, "{:<10} {field}: {doc}", if index == 0 { "fields" } else { "" });
    }
    out
}

/// The fields of a condition, each once.
fn collect_fields(branch: &Branch, fields: &mut Vec<String>) {
    for seen in &branch.seen {
        if !fields.contains(&seen.field) {
            fields.push(seen.field.clone());
        }
    }
    for part in &branch.parts {
        collect_fields(part, fields);
    }
}

pub(super) async fn show(args: &ShowArgs) -> anyhow::Result<()> {
    let version = RuleSetVersion::parse(&args.version)?;
    let desk = Desk::open(&args.config).await?;
    let document = desk.store().rule_set(&version).await;
    desk.close().await;
    let document = document?.with_context(|| format!("there is no rule set {version}"))?;
    if args.guidelines {
        print!("{}", document.guidelines);
    } else {
        eprintln!("{version}, stored {}", verdict_text::timestamp(document.create_time));
        print!("{}", document.document);
    }
    Ok(())
}
