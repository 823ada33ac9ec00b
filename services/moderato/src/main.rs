//! The one binary: `moderato serve` runs the service, the other commands are its operators' tools.
//!
//! | module | what it does |
//! |---|---|
//! | `serve` | the roles of a process, from opening the doors to the last acknowledgement |
//! | `compose` | the one place that names backends |
//! | `first_start` | rules, site and key before anything is served |
//! | `loops`, `follow_rules` | sites, keys, gauges, rules kept fresh |
//! | `announce` | what `serve` tells its operator |
//! | `client` | the client commands' connection and credentials |
//! | `import`, `check`, `comment` | commands that speak the public API |
//! | `queue_cmd`, `keys`, `sites`, `users`, `rules`, `statements`, `config_cmd` | commands on store and queue themselves |
//! | `preset` | the rule sets that come along |
//! | `import_rules` | other platforms' word lists as a rule set |
//! | `evaluate` | how good a rule set is on labelled comments |
//! | `verdict_text`, `terminal` | verdicts and hostile text on a terminal |
//! | `bench` | load |

mod announce;
mod bench;
mod check;
mod client;
mod comment;
mod compose;
mod config_args;
mod config_cmd;
mod doctor;
mod evaluate;
mod first_start;
mod follow_rules;
mod import;
mod import_rules;
mod keys;
mod loops;
mod preset;
mod queue_cmd;
mod rules;
mod serve;
mod sites;
mod statements;
mod terminal;
mod users;
mod verdict_text;

use std::process::ExitCode;

use clap::Parser;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Self-hosted moderation of comments.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Start with `moderato serve`; in a second terminal, `moderato import FILE` or `moderato check \"a comment\"`.\n\
                  Exit codes: 0 done, 1 failed, 2 wrong usage."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Runs the service: all roles, unless told otherwise
    Serve(serve::ServeArgs),
    /// Hands in the comments of a CSV or JSON Lines file and waits for their verdicts
    Import(import::ImportArgs),
    /// Asks what the rules in force say about a text; nothing is stored
    Check(check::CheckArgs),
    /// Looks at comments and decides about them
    #[command(subcommand)]
    Comment(comment::CommentCommand),
    /// Shows how much waits, and settles dead letters
    #[command(subcommand)]
    Queue(queue_cmd::QueueCommand),
    /// Makes, lists and revokes API keys
    #[command(subcommand)]
    Keys(keys::KeysCommand),
    /// Invites people, and says what they may do
    #[command(subcommand)]
    Users(users::UsersCommand),
    /// Creates, lists and changes sites
    #[command(subcommand)]
    Sites(sites::SitesCommand),
    /// Checks, tries and activates rule sets, and says what they do
    #[command(subcommand)]
    Rules(rules::RulesCommand),
    /// Exports what authors were told
    #[command(subcommand)]
    Statements(statements::StatementsCommand),
    /// Checks that the installation is as it should be
    Doctor(doctor::DoctorArgs),
    /// Checks the log of who did what
    #[command(subcommand)]
    Audit(doctor::AuditCommand),
    /// Checks and prints the configuration
    #[command(subcommand)]
    Config(config_cmd::ConfigCommand),
    /// Measures what an installation can take
    Bench(bench::BenchArgs),
}

#[tokio::main]
async fn main() -> ExitCode {
    end_quietly_on_closed_pipes();
    match dispatch(Cli::parse().command).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn dispatch(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Serve(args) => serve::run(args).await,
        Command::Import(args) => import::run(args).await,
        Command::Check(args) => check::run(args).await,
        Command::Comment(command) => comment::run(command).await,
        Command::Queue(command) => queue_cmd::run(command).await,
        Command::Keys(command) => keys::run(command).await,
        Command::Users(command) => users::run(command).await,
        Command::Sites(command) => sites::run(command).await,
        Command::Rules(command) => rules::run(command).await,
        Command::Statements(command) => statements::run(command).await,
        Command::Doctor(args) => doctor::run(args).await,
        Command::Audit(command) => doctor::run_audit(command).await,
        Command::Config(command) => config_cmd::run(&command),
        Command::Bench(args) => bench::run(args).await,
    }
}

/// `moderato rules preset strict | head` closes our output early: that is no defect to tell about.
fn end_quietly_on_closed_pipes() {
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let closed = panic.payload_as_str().is_some_and(|text| text.starts_with("failed printing to std"));
        if closed {
            std::process::exit(1);
        }
        tell(panic);
    }));
}
