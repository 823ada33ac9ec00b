//! Runs `moderato bench` on a private installation: what `make bench` calls.
//!
//! ```text
//! bench_stack [--embedded | --distributed | --all] [-- further arguments of `moderato bench`]
//! ```
//! *Distributed* is a RabbitMQ, a PostgreSQL and one process per role; *embedded* is one process on
//! SQLite, whose start is measured, too. RabbitMQ runs with its package's settings, PostgreSQL with
//! those of `deploy/postgresql.conf`; both sync to disk as in production. Everything is deleted
//! afterwards. Variables of the environment that set limits of the ingest and the worker role, such as
//! `MODERATO_WORKER_BATCH`, are handed on, so that settings can be compared.

use std::fs;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use moderato_api::pb::ingest as pb;
use moderato_domain::Stopwatch;
use moderato_tests::deployment::{Deployment, SITE};
use moderato_tests::{postgres, rabbitmq};

const USAGE: &str =
    "usage: bench_stack [--embedded | --distributed | --all] [-- ARGUMENTS OF `moderato bench`]";

/// How a busy installation configures PostgreSQL.
const POSTGRES: &str = include_str!("../../../deploy/postgresql.conf");

/// Starts whose time is taken; the first of all is not among them, since it reads the binary from
/// disk.
const STARTS: usize = 5;

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let (embedded, distributed, further) = arguments()?;
    // At Ctrl-C the load tool ends by itself and prints what it has; the servers end after it.
    tokio::spawn(async { while tokio::signal::ctrl_c().await.is_ok() {} });
    let mut succeeded = true;
    if distributed {
        succeeded &= bench_distributed(&further).await?;
    }
    if embedded {
        succeeded &= bench_embedded(&further).await?;
    }
    Ok(if succeeded { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Whether to run embedded, whether distributed, and what to hand on.
fn arguments() -> anyhow::Result<(bool, bool, Vec<String>)> {
    let mut arguments = std::env::args().skip(1);
    let mut which = "--all".to_owned();
    for argument in arguments.by_ref() {
        match argument.as_str() {
            "--embedded" | "--distributed" | "--all" => which = argument,
            "--" => break,
            _ => bail!("unknown argument {argument}; {USAGE}"),
        }
    }
    Ok((which != "--distributed", which != "--embedded", arguments.collect()))
}

async fn bench_distributed(further: &[String]) -> anyhow::Result<bool> {
    println!("== distributed: RabbitMQ, PostgreSQL, one process per role\n");
    let (broker, database) = tokio::join!(rabbitmq::Server::start(), postgres::Server::start_with(POSTGRES));
    let database_url = database.database_url("moderato").await;
    let limits = limits();
    let deployment = Deployment::distributed_with(&broker.url(), &database_url, &borrowed(&limits)).await;
    let pids = [("rabbitmq", beam(&broker).await?), ("postgresql", postmaster(database.port())?)];
    bench(&deployment, &pids, &[], further).await
}

async fn bench_embedded(further: &[String]) -> anyhow::Result<bool> {
    println!("\n== embedded: one process, SQLite\n");
    drop(Deployment::embedded().await);
    let mut starts = Vec::new();
    for _ in 0..STARTS {
        starts.push(start_to_first_comment().await?);
    }
    starts.sort_unstable();
    println!("start on an empty folder to first acknowledged comment: {starts:.0?}, sorted\n");
    let limits = limits();
    let deployment = Deployment::embedded_with(&borrowed(&limits)).await;
    let folder = deployment.data_dir();
    let folder = folder.to_str().context("a folder in UTF-8")?;
    bench(&deployment, &[], &["--sqlite", folder], further).await
}

/// The limits that the environment sets.
fn limits() -> Vec<(String, String)> {
    let is_limit =
        |name: &str| ["MODERATO_INGEST_", "MODERATO_WORKER_"].iter().any(|of| name.starts_with(of));
    std::env::vars().filter(|(name, _)| is_limit(name)).collect()
}

fn borrowed(settings: &[(String, String)]) -> Vec<(&str, &str)> {
    settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

/// Runs the load tool to its end; whether it succeeded.
async fn bench(
    deployment: &Deployment,
    pids: &[(&str, u32)],
    limits: &[&str],
    further: &[String],
) -> anyhow::Result<bool> {
    let mut command = deployment.command();
    // Files that further arguments name are where the caller thinks they are.
    command.current_dir(std::env::current_dir()?);
    command.arg("bench").arg("--data-dir").arg(deployment.data_dir()).args(limits);
    command.args([
        "--endpoint",
        &deployment.endpoint("ingest"),
        "--query-endpoint",
        &deployment.endpoint("query"),
    ]);
    for role in deployment.roles() {
        let name = if role == "all" { "moderato" } else { role };
        command.args(["--metrics", &format!("{name}={}", deployment.metrics_url(role))]);
    }
    for (name, pid) in pids {
        command.args(["--pid", &format!("{name}={pid}")]);
    }
    command.args(further);
    Ok(tokio::process::Command::from(command).status().await?.success())
}

/// From starting the process on an empty folder to the acknowledgement of a comment.
async fn start_to_first_comment() -> anyhow::Result<Duration> {
    let watch = Stopwatch::start();
    let deployment = Deployment::embedded().await;
    let request = pb::SubmitCommentRequest {
        parent: SITE.to_owned(),
        comment: Some(pb::CommentDraft {
            thread: "first".to_owned(),
            author: Some(pb::Author { display_name: "Ada".to_owned(), ..pb::Author::default() }),
            body: "The very first comment of this blog.".to_owned(),
            ..pb::CommentDraft::default()
        }),
        ..pb::SubmitCommentRequest::default()
    };
    deployment.ingest().submit_comment(request).await?;
    Ok(watch.elapsed())
}

/// The broker's process.
async fn beam(broker: &rabbitmq::Server) -> anyhow::Result<u32> {
    let answer = broker.eval("os:getpid().").await;
    let digits: String = answer.chars().filter(char::is_ascii_digit).collect();
    digits.parse().with_context(|| format!("the broker does not tell its process id: {answer}"))
}

/// The database server's first process, whose children are the others: the one that was started with
/// this port.
fn postmaster(port: u16) -> anyhow::Result<u32> {
    let port = port.to_string();
    let is_it = |pid: &u32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let arguments: Vec<&[u8]> = line.split(|byte| *byte == 0).collect();
        arguments[0].ends_with(b"/postgres")
            && arguments.windows(2).any(|pair| pair == [b"-p", port.as_bytes()])
    };
    let entries = fs::read_dir("/proc")?.flatten();
    let found: Vec<u32> =
        entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter(is_it).collect();
    ensure!(found.len() == 1, "expected one database server on port {port}, found {found:?}");
    Ok(found[0])
}
