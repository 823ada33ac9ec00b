//! `moderato bench`: throughput, latency and CPU of an installation, beside the limits it lives under.
//!
//! ```text
//! warm up · limits · streaming · limits · unary · limits · the same at half speed · one caller alone
//! ```
//! The full-speed runs say how many verdicts a second there are; the limits around them, measured on
//! the same broker and database minutes apart, say how much of the possible that is; the half-speed
//! runs, after a few seconds that do not count, say how long a comment takes when the installation is
//! busy but not overrun.
//!
//! | module | what it does |
//! |---|---|
//! | `args` | options |
//! | `plan` | which runs, in which order |
//! | `run` | one run: schedule, senders, subscriber, ledger, meter |
//! | `schedule` | when the next comment is sent |
//! | `streaming`, `unary` | senders |
//! | `watch` | the subscriber to whom verdicts are served |
//! | `ledger` | what became of every comment |
//! | `usage` | CPU time and memory |
//! | `broker_limit`, `insert_limit` | the limits |
//! | `corpus`, `comments` | the comments |
//! | `soak` | a line a minute |
//! | `report`, `print` | JSON and tables |

mod args;
mod broker_limit;
mod comments;
mod corpus;
mod insert_limit;
mod ledger;
mod plan;
mod print;
mod report;
mod run;
mod schedule;
mod soak;
mod streaming;
mod unary;
mod usage;
mod watch;

use anyhow::Context as _;
use moderato_runtime::shutdown;

pub(crate) use args::BenchArgs;

/// How comments are handed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// SubmitComments.
    Streaming,
    /// SubmitComment.
    Unary,
}

impl Mode {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Streaming => "streaming",
            Self::Unary => "unary",
        }
    }
}

/// Measures and prints. Ctrl-C ends the run at hand; what was measured until then is printed.
pub(crate) async fn run(args: BenchArgs) -> anyhow::Result<()> {
    let (trigger, stop) = shutdown::channel();
    tokio::spawn(async move {
        if shutdown::signal().await.is_ok() {
            eprintln!("stopping");
            trigger.fire();
        }
    });
    let mut plan = plan::Plan::prepare(args, stop).await?;
    let ended = plan.carry_out().await;
    let report = plan.into_report();
    println!("\n{}", print::text(&report.content));
    if let Some(file) = report.json {
        let json = serde_json::to_string_pretty(&report.content)?;
        std::fs::write(&file, json).with_context(|| format!("cannot write {}", file.display()))?;
    }
    ended
}
