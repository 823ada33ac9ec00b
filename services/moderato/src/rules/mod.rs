//! `moderato rules`: from a file to rules in force, and what they do there.
//!
//! | module | what it does |
//! |---|---|
//! | `files` | `check`, `test`, `explain`, `show`: rule sets as documents |
//! | `versions` | `list`, `active`, `activate`, `shadow`, `rollback`: which ones are in use |
//! | `backtest` | `backtest`: what would be different |
//! | `stats` | `stats`: what rules did, dead and bad rules |
//!
//! The commands act on the store, as all commands do that are about the whole installation: rule sets
//! are for every site, and a key is for one. What they do there is the console role's
//! [`RuleDesk`], the same code that answers its gRPC calls.

mod backtest;
mod files;
mod stats;
mod versions;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use moderato_console::{Draft, RuleDesk};
use moderato_domain::{RuleSetVersion, SiteId, SystemClock};

use crate::compose::{self, Closing};
use crate::config_args::ConfigArgs;
use crate::evaluate::{self, EvaluateArgs};
use crate::first_start;
use crate::import_rules::{self, ImportRulesArgs};
use crate::preset::{self, PresetArgs};

/// Checks, tries and activates rule sets, and says what they do.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum RulesCommand {
    /// Compiles a rule set and says what is wrong or odd about it; touches nothing
    Check(files::CheckArgs),
    /// Runs the tests that stand in a rule set
    Test(files::TestArgs),
    /// Prints a rule: its condition, what follows from it, and the guideline it cites
    Explain(files::ExplainArgs),
    /// Says what a rule set would have said about stored comments
    Backtest(backtest::BacktestArgs),
    /// Puts a rule set in force; running processes follow within two seconds
    Activate(versions::ActivateArgs),
    /// Tries a rule set beside the one in force, ends that, or reports on it
    Shadow(versions::ShadowArgs),
    /// Puts the rule set in force that was so before
    Rollback(StoreArgs),
    /// Says what each rule did: matches, and how often humans decided against it
    Stats(stats::StatsArgs),
    /// Lists the stored rule sets, newest first
    List(StoreArgs),
    /// Prints a stored rule set
    Show(files::ShowArgs),
    /// Says which rule sets are in use
    Active(StoreArgs),
    /// Makes a rule set of another platform's word list or settings, and says what changes in meaning
    Import(ImportRulesArgs),
    /// Measures a rule set on comments that people have labelled
    Evaluate(EvaluateArgs),
    /// Lists the rule sets that come along, or prints one to begin an own one with
    Preset(PresetArgs),
}

/// Where the store is.
#[derive(Debug, clap::Args)]
pub(crate) struct StoreArgs {
    #[command(flatten)]
    config: ConfigArgs,
}

/// Which rule set.
#[derive(Debug, clap::Args)]
pub(crate) struct RuleSetArgs {
    /// A file (TOML), or the version of a stored rule set
    #[arg(value_name = "FILE|VERSION")]
    rule_set: String,
    /// The guidelines that a file cites, Markdown; the built-in ones if not given
    #[arg(long, value_name = "FILE")]
    guidelines: Option<PathBuf>,
}

impl RuleSetArgs {
    /// The version, if it is one: a file of that name comes first.
    fn version(&self) -> Option<RuleSetVersion> {
        let is_version = self.rule_set.contains('@') && !Path::new(&self.rule_set).exists();
        RuleSetVersion::parse(&self.rule_set).ok().filter(|_| is_version)
    }

    fn file(&self) -> anyhow::Result<Draft> {
        let (document, rules) =
            first_start::read_rules(Path::new(&self.rule_set), self.guidelines.as_deref())?;
        Ok(Draft { document: Arc::new(document), rules: Arc::new(rules) })
    }

    /// The rule set, compiled.
    async fn draft(&self, config: &ConfigArgs) -> anyhow::Result<Draft> {
        let Some(version) = self.version() else { return self.file() };
        let desk = Desk::open(config).await?;
        let draft = desk.stored(&version).await;
        desk.close().await;
        Ok(draft?)
    }

    /// The version of a stored rule set; a file is stored first.
    async fn stored(&self, desk: &RuleDesk) -> anyhow::Result<RuleSetVersion> {
        if let Some(version) = self.version() {
            return Ok(version);
        }
        let draft = self.file()?;
        desk.create(&draft).await?;
        Ok(draft.document.version.clone())
    }
}

/// A desk at the configured store.
struct Desk {
    desk: RuleDesk,
    closing: Closing,
}

impl Desk {
    async fn open(config: &ConfigArgs) -> anyhow::Result<Self> {
        let (store, closing) = compose::store(&config.load()?).await?;
        Ok(Self { desk: RuleDesk::new(store, Arc::new(SystemClock)), closing })
    }

    async fn close(self) {
        self.closing.close().await;
    }

    /// The site of that name, or every site.
    async fn sites(&self, site: Option<&str>) -> anyhow::Result<Vec<SiteId>> {
        let directory = self.store().directory(None).await?.unwrap_or_default();
        let Some(name) = site else {
            let mut sites: Vec<SiteId> = directory.sites.into_keys().collect();
            sites.sort_unstable();
            return Ok(sites);
        };
        let site = SiteId::parse(name.strip_prefix("sites/").unwrap_or(name))?;
        directory.sites.get(&site).with_context(|| format!("there is no site {site}"))?;
        Ok(vec![site])
    }
}

impl std::ops::Deref for Desk {
    type Target = RuleDesk;

    fn deref(&self) -> &RuleDesk {
        &self.desk
    }
}

/// Runs the command.
pub(crate) async fn run(command: RulesCommand) -> anyhow::Result<()> {
    match command {
        RulesCommand::Check(args) => files::check(&args),
        RulesCommand::Test(args) => files::test(&args).await,
        RulesCommand::Explain(args) => files::explain(&args).await,
        RulesCommand::Show(args) => files::show(&args).await,
        RulesCommand::Backtest(args) => backtest::run(&args).await,
        RulesCommand::Activate(args) => versions::activate(&args).await,
        RulesCommand::Shadow(args) => versions::shadow(&args).await,
        RulesCommand::Rollback(args) => versions::rollback(&args.config).await,
        RulesCommand::Stats(args) => stats::run(&args).await,
        RulesCommand::List(args) => versions::list(&args.config).await,
        RulesCommand::Active(args) => versions::active(&args.config).await,
        RulesCommand::Import(args) => import_rules::run(&args),
        RulesCommand::Evaluate(args) => evaluate::run(&args),
        RulesCommand::Preset(args) => preset::run(&args),
    }
}
