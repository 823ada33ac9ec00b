//! What every role runs on.
//!
//! | module | what it does |
//! |---|---|
//! | [`config`] | the configuration file, environment overrides, and what is wrong with them |
//! | [`telemetry`] | logs |
//! | [`metrics`] | every metric, named once |
//! | [`health`] | `/livez`, `/readyz`, `/metrics`, and what readiness means |
//! | [`server`] | a gRPC server with health, reflection, gzip and TLS |
//! | [`web`] | a web server with TLS and bounds |
//! | [`shutdown`] | from the first signal to the last acknowledged message |

pub mod config;
mod connections;
pub mod health;
pub mod metrics;
pub mod server;
pub mod shutdown;
pub mod telemetry;
pub mod web;
