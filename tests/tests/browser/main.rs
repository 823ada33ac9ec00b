//! The console in a real browser, as moderators use it.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod harness;
