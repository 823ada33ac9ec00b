//! Measures what moderators wait for, beside the bars: what `make bench-review` calls.
//!
//! ```text
//! bench_review [--postgres | --sqlite] [--store] [--comments NUMBER]
//! ```
//! A million comments are stored, of which 50,000 wait, and then a real installation shows its pages and
//! its store is asked what the pages ask; with `--store` the store alone. PostgreSQL runs with the settings of
//! `deploy/postgresql.conf`. Everything is deleted afterwards. Ends with 1 if a bar is missed.

#[path = "bench_review/load.rs"]
mod load;
#[path = "bench_review/measure.rs"]
mod measure;
#[path = "bench_review/pages.rs"]
mod pages;
#[path = "bench_review/store.rs"]
mod store;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use moderato_domain::SystemClock;
use moderato_store_postgres::{PostgresOptions, PostgresStore};
use moderato_store_sqlite::{SqliteFile, SqliteOptions};
use moderato_tests::deployment::Deployment;
use moderato_tests::{postgres, rabbitmq};

use load::Sizes;
use measure::Table;

const USAGE: &str = "usage: bench_review [--postgres | --sqlite] [--store] [--comments NUMBER]";

/// How a busy installation configures PostgreSQL.
const POSTGRES: &str = include_str!("../../../deploy/postgresql.conf");

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let (mut on_postgres, mut on_sqlite, mut pages, mut comments) = (true, true, true, 1_000_000);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--postgres" => on_sqlite = false,
            "--sqlite" => on_postgres = false,
            "--store" => pages = false,
            "--comments" => comments = arguments.next().context(USAGE)?.parse().context(USAGE)?,
            _ => bail!("unknown argument {argument}; {USAGE}"),
        }
    }
    let sizes = Sizes::of(comments);
    let mut kept = true;
    if on_postgres {
        kept &= bench_postgres(sizes, pages).await?;
    }
    if on_sqlite {
        kept &= bench_sqlite(sizes, pages).await?;
    }
    Ok(if kept { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn bench_postgres(sizes: Sizes, pages: bool) -> anyhow::Result<bool> {
    let database = postgres::Server::start_with(POSTGRES).await;
    let url = database.database_url("moderato").await;
    let broker = if pages { Some(rabbitmq::Server::start().await) } else { None };
    let deployment = match &broker {
        Some(broker) => Some(Deployment::distributed_with(&broker.url(), &url, &[]).await),
        None => None,
    };
    let store = PostgresStore::connect(&url, PostgresOptions::default(), Arc::new(SystemClock)).await?;
    load::postgres(&url, sizes).await?;
    let mut table = Table::new("PostgreSQL", Duration::from_millis(50));
    if let Some(deployment) = &deployment {
        pages::measure(deployment, &mut table).await?;
    }
    store::measure(Arc::new(store), &mut table).await?;
    Ok(table.kept())
}

async fn bench_sqlite(sizes: Sizes, pages: bool) -> anyhow::Result<bool> {
    let deployment = if pages { Some(Deployment::embedded().await) } else { None };
    let folder = tempfile::tempdir()?;
    let path = deployment.as_ref().map_or(folder.path().to_owned(), Deployment::data_dir).join("moderato.db");
    if let Some(deployment) = &deployment {
        deployment.terminate("all").await;
    }
    SqliteFile::open(&path, SqliteOptions::default()).await?.close().await;
    load::sqlite(&path, sizes).await?;
    if let Some(deployment) = &deployment {
        deployment.start_role("all");
        deployment.until_ready("all").await;
    }
    let file = SqliteFile::open(&path, SqliteOptions::default()).await?;
    let mut table = Table::new("SQLite", Duration::from_millis(100));
    if let Some(deployment) = &deployment {
        pages::measure(deployment, &mut table).await?;
    }
    store::measure(Arc::new(file.store()), &mut table).await?;
    file.close().await;
    Ok(table.kept())
}
