//! Logs: one line an event, on standard error, with dotted field names (`comment.name`,
//! `batch.size`) and units in them (`elapsed_ms`).
//!
//! No personal data: names, texts, mail and IP addresses of authors never become fields.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

use crate::config::{Log, LogFormat};

/// Why logs could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// `log.filter` does not parse.
    #[error(
        "log.filter {filter:?} is not a filter such as \"info\" or \"info,moderato_worker=debug\": {problem}"
    )]
    Filter {
        /// As configured.
        filter: String,
        /// What is wrong.
        problem: String,
    },
    /// They were set up before.
    #[error("logs were set up twice")]
    Twice,
}

/// Sends everything that is traced to standard error from now on.
pub fn init(log: &Log) -> Result<(), TelemetryError> {
    let filter = EnvFilter::builder()
        .parse(&log.filter)
        .map_err(|error| TelemetryError::Filter { filter: log.filter.clone(), problem: error.to_string() })?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match log.format {
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).with_current_span(false).try_init(),
    }
    .map_err(|_| TelemetryError::Twice)
}
