//! Tests of the whole: scenarios, faults, bad input, architecture. This library is what they share.
//!
//! Private servers, each with its own ports, folders and names, so that test runs never meet:
//!
//! - [`postgres::Server`] and [`rabbitmq::Server`] start a server of one's own, for tests that stop
//!   or kill it; [`postgres::shared`] and [`rabbitmq::shared`] give the one that a test binary
//!   shares, where each test takes a fresh database or virtual host.
//! - [`deployment::Deployment`] is the real binary, embedded or one process per role.
//! - [`browser::Browser`] is a Chromium of one's own, as a moderator sits before it.
//! - [`mail_sink::MailSink`] is a mail server that keeps what it is given.
//! - [`proxy::ChaosProxy`] stands before a server and breaks connections on command.
//! - [`eventually`] waits for a condition with a deadline; no test sleeps for a fixed time.
//!
//! Servers die with the process that started them, however it ends.

pub mod browser;
pub mod deployment;
pub mod mail_sink;
pub mod ports;
pub mod postgres;
pub mod proxy;
pub mod rabbitmq;
pub mod sample;

mod server_process;
mod wait;

pub use wait::{eventually, within};

/// Runs each scenario, an `async fn(&Deployment)`, on both deployments: the same file, two runs.
#[macro_export]
macro_rules! on_both_deployments {
    ($($scenario:ident),+ $(,)?) => {
        mod embedded {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $scenario() {
                super::$scenario(&$crate::deployment::Deployment::embedded().await).await;
            })+
        }
        mod distributed {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $scenario() {
                let deployment = $crate::deployment::Deployment::distributed_on_shared_servers().await;
                super::$scenario(&deployment).await;
            })+
        }
    };
}
