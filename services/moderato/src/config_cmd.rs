//! `moderato config`: what is configured, and what is wrong with it.

use crate::config_args::ConfigArgs;

/// Checks and prints the configuration.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum ConfigCommand {
    /// Says what is wrong with file and environment, and which settings contradict each other
    Check(Args),
    /// Prints what is in force, passwords left out
    Print(Args),
}

/// Which configuration.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    config: ConfigArgs,
}

/// Runs the command.
pub(crate) fn run(command: &ConfigCommand) -> anyhow::Result<()> {
    match command {
        ConfigCommand::Check(args) => {
            let contradictions = args.config.load()?.contradictions();
            for contradiction in &contradictions {
                println!("warning: {contradiction}");
            }
            println!(
                "the configuration is valid{}",
                if contradictions.is_empty() { "" } else { ", with warnings" }
            );
        }
        ConfigCommand::Print(args) => print!("{}", args.config.load()?.to_toml()),
    }
    Ok(())
}
