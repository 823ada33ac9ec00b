//! `moderato rules`: check a rule set, put one in force.

use std::path::PathBuf;

use crate::compose;
use crate::config_args::ConfigArgs;
use crate::evaluate::{self, EvaluateArgs};
use crate::first_start::{activate, read_rules};
use crate::import_rules::{self, ImportRulesArgs};
use crate::preset::{self, PresetArgs};

/// Checks rule sets and puts them in force.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum RulesCommand {
    /// Compiles a rule set and says what is wrong with it; touches nothing
    Check(CheckArgs),
    /// Stores a rule set and puts it in force; running processes follow within two seconds
    Activate(ActivateArgs),
    /// Says which rule set is in force
    Active(ActiveArgs),
    /// Makes a rule set of another platform's word list or settings, and says what changes in meaning
    Import(ImportRulesArgs),
    /// Measures a rule set on comments that people have labelled
    Evaluate(EvaluateArgs),
    /// Lists the rule sets that come along, or prints one to begin an own one with
    Preset(PresetArgs),
}

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

/// Which files, and where the store is.
#[derive(Debug, clap::Args)]
#[command(after_help = "A rules.file in the configuration wins again at the next start.\n\nExample:\n  \
                        moderato rules activate my-rules.toml --guidelines my-guidelines.md")]
pub(crate) struct ActivateArgs {
    #[command(flatten)]
    files: CheckArgs,
    #[command(flatten)]
    config: ConfigArgs,
}

/// Where the store is.
#[derive(Debug, clap::Args)]
pub(crate) struct ActiveArgs {
    #[command(flatten)]
    config: ConfigArgs,
}

/// Runs the command.
pub(crate) async fn run(command: RulesCommand) -> anyhow::Result<()> {
    match command {
        RulesCommand::Check(args) => {
            let (document, _) = read_rules(&args.file, args.guidelines.as_deref())?;
            println!("{} compiles as {}", args.file.display(), document.version);
        }
        RulesCommand::Activate(args) => {
            let config = args.config.load()?;
            let (document, _) = read_rules(&args.files.file, args.files.guidelines.as_deref())?;
            let (store, closing) = compose::store(&config).await?;
            let changed = activate(&*store, &document).await?;
            closing.close().await;
            println!("{} {}", document.version, if changed { "is in force" } else { "was in force already" });
            if config.rules.file.as_ref().is_some_and(|file| *file != args.files.file) {
                eprintln!("note: rules.file in the configuration wins again at the next start");
            }
        }
        RulesCommand::Active(args) => {
            let (store, closing) = compose::store(&args.config.load()?).await?;
            let active = store.rules_in_force().await?.active;
            closing.close().await;
            println!("{}", active.map_or_else(|| "none yet".to_owned(), |version| version.to_string()));
        }
        RulesCommand::Import(args) => import_rules::run(&args)?,
        RulesCommand::Evaluate(args) => evaluate::run(&args)?,
        RulesCommand::Preset(args) => preset::run(&args)?,
    }
    Ok(())
}
