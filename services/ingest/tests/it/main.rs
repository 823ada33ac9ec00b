//! The ingest role over a real connection.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod amendments;
mod bad_input;
mod keys;
mod retries;
mod streams;
mod support;
