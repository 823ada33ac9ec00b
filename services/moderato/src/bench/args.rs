//! What `moderato bench` can be told.

use std::path::PathBuf;
use std::time::Duration;

use super::schedule::{Amount, Pace};
use super::usage::{Door, Process, Sources};
use super::{Mode, insert_limit};
use crate::client::ConnectionArgs;

/// Measures throughput and latency of an installation, also one in use: its comments go to threads
/// `bench-…` of the site and stay there.
#[derive(Debug, clap::Args)]
pub(crate) struct BenchArgs {
    #[command(flatten)]
    pub(super) connection: ConnectionArgs,

    /// How comments are handed in
    #[arg(long, value_enum, default_value_t = Modes::All, help_heading = "Load")]
    pub(super) mode: Modes,
    /// Unary: callers at once
    #[arg(long, default_value_t = 256, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=65536), help_heading = "Load")]
    pub(super) concurrency: u32,
    /// Streaming: comments that wait for their acknowledgement at most, over all streams
    #[arg(long, default_value_t = 2048, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000), help_heading = "Load")]
    pub(super) in_flight: u32,
    /// Connections, and streams in streaming mode
    #[arg(long, default_value_t = 4, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=256), help_heading = "Load")]
    pub(super) channels: u32,
    /// End a run after so many comments
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=60_000_000), help_heading = "Load")]
    pub(super) comments: Option<u64>,
    /// End a run after this long [default: 20, or an hour where --comments is given]
    #[arg(long, value_name = "S", value_parser = clap::value_parser!(u32).range(1..=86_400), help_heading = "Load")]
    pub(super) seconds: Option<u32>,
    /// So many comments a second instead of as many as are answered; latencies count from the moment
    /// a comment was due, so a stall is not hidden
    #[arg(long, value_name = "R", help_heading = "Load")]
    pub(super) rate: Option<f64>,
    /// After a run at full speed, run at half of the measured rate for the latencies
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set, value_name = "BOOL", help_heading = "Load")]
    pub(super) half: bool,
    /// Then keep half of the measured rate up for so long, and print everybody's memory each minute
    #[arg(long, value_name = "MINUTES", value_parser = clap::value_parser!(u32).range(1..=10_080), help_heading = "Load")]
    pub(super) soak: Option<u32>,

    /// Health door of a role, such as worker=http://127.0.0.1:9464/metrics: its CPU time and memory
    #[arg(long, value_name = "NAME=URL", help_heading = "Usage")]
    pub(super) metrics: Vec<Door>,
    /// A process on this host with its children, such as postgresql=1234: its CPU time and memory
    #[arg(long, value_name = "NAME=PID", help_heading = "Usage")]
    pub(super) pid: Vec<Process>,

    /// The broker, to measure the limit of one message per comment in a scratch queue
    #[arg(long, env = "AMQP_URL", hide_env_values = true, value_name = "URL", help_heading = "Limits")]
    pub(super) amqp_url: Option<String>,
    /// The database, to measure the batch insert in a scratch database beside it
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_name = "URL", help_heading = "Limits")]
    pub(super) database_url: Option<String>,
    /// The folder of the embedded file, to measure the batch insert in a scratch file in it
    #[arg(long, value_name = "FOLDER", conflicts_with = "database_url", help_heading = "Limits")]
    pub(super) sqlite: Option<PathBuf>,
    /// How long each limit is measured each time
    #[arg(long, default_value_t = 5, value_name = "S", value_parser = clap::value_parser!(u32).range(1..=600), help_heading = "Limits")]
    pub(super) limit_seconds: u32,

    /// Write everything to this file, too
    #[arg(long, value_name = "FILE")]
    pub(super) json: Option<PathBuf>,
}

/// Which of the two ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Modes {
    /// SubmitComments: many comments on few streams.
    Streaming,
    /// SubmitComment: one call per comment.
    Unary,
    /// One after the other.
    All,
}

impl BenchArgs {
    pub(super) fn modes(&self) -> &'static [Mode] {
        match self.mode {
            Modes::Streaming => &[Mode::Streaming],
            Modes::Unary => &[Mode::Unary],
            Modes::All => &[Mode::Streaming, Mode::Unary],
        }
    }

    pub(super) fn amount(&self) -> Amount {
        const LONG: u32 = 3600;
        const USUAL: u32 = 20;
        let seconds = self.seconds.unwrap_or(if self.comments.is_some() { LONG } else { USUAL });
        Amount { comments: self.comments.unwrap_or(u64::MAX), time: Duration::from_secs(seconds.into()) }
    }

    pub(super) fn pace(&self) -> Pace {
        self.rate.map_or(Pace::Answered, Pace::Rate)
    }

    /// Comments on the way at full speed.
    pub(super) fn width(&self, mode: Mode) -> usize {
        match mode {
            Mode::Streaming => self.in_flight as usize,
            Mode::Unary => self.concurrency as usize,
        }
    }

    pub(super) fn sources(&self) -> Sources {
        Sources { doors: self.metrics.clone(), processes: self.pid.clone() }
    }

    pub(super) fn insert_place(&self) -> Option<insert_limit::Place> {
        let sqlite = self.sqlite.clone().map(insert_limit::Place::Sqlite);
        sqlite.or_else(|| self.database_url.clone().map(insert_limit::Place::Postgres))
    }
}
