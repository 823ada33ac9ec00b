//! The console in a real browser, as moderators use it.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod access;
mod harness;
mod hostile;
mod keyboard;
mod numbers;
mod office;
mod screenshots;
mod together;
