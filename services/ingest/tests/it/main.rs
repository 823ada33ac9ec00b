//! The ingest role over a real connection.

mod bad_input;
mod amendments;
mod keys;
mod retries;
mod streams;
mod support;
