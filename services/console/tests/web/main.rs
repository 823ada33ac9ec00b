//! The moderators' pages over real HTTP: who gets in, who stays out, and what hostile requests get.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod door;
mod forms;
mod house;
#[expect(unreachable_pub, dead_code, reason = "shared with other tests")]
#[path = "../../../../tests/src/mail_sink.rs"]
mod mail_sink;
mod oidc;
mod pages;
mod people;
mod provider;
mod sessions;
mod sign_in;
mod statements;
