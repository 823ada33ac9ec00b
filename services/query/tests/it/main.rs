//! The query role over a real connection, on a real store.

#![allow(clippy::unwrap_used, reason = "clippy knows only functions marked as tests")]

mod awaiting;
mod harness;
mod instrumented;
mod reading;
mod refusing;
mod watching;
