//! The store on PostgreSQL: hand-written SQL and migrations.
//!
//! | module | what it holds |
//! |---|---|
//! | [`connect`](PostgresStore::connect) | pool, timeouts, migrations |
//! | `record` | the workers' transaction: revisions, verdicts, comments |
//! | `copy` | rows for `COPY`, how new comments are written |
//! | `withdraw` | comments taken back |
//! | `review` | what waits for moderators, and what they make of it |
//! | `audit` | who did what |
//! | `changes` | what every change leaves behind: its event, its author's counters |
//! | `facts`, `recent` | what is known before judging, and the log of recent comments it is known from |
//! | `redress` | reports, statements of reasons, appeals, mails |
//! | `reading` | what platforms read |
//! | `events`, `hint` | the log without gaps, and who is told that it grew |
//! | `tenants`, `rule_sets` | sites, keys, rule sets |
//! | `accounts` | people, sessions, links, attempts to sign in |
//! | `rule_effects`, `judged` | what rule sets did; comments to try others on |
//! | `insight` | what a lead asks: work, waits, overturns, agreement |
//! | `rows`, `error` | from rows to domain types, from errors to what callers act on |
//!
//! Every transaction takes its locks in one order, so that no two wait for each other: revisions,
//! then comments by (site, comment), then authors by (site, author), then the head of the audit log. A
//! method that changes comments sorts its batch first.

mod accounts;
mod audit;
mod changes;
mod connect;
mod copy;
mod error;
mod events;
mod facts;
mod hint;
mod insight;
mod judged;
mod reading;
mod recent;
mod record;
mod redress;
mod review;
mod rows;
mod rule_effects;
mod rule_sets;
mod tenants;
mod withdraw;

use std::sync::Arc;

use async_trait::async_trait;
use moderato_domain::{Clock, Timestamp, Withdrawal};
use moderato_store::{Answers, NewRecord, Pipeline, Questions, Recorded, Store, StoreError, Withdrawn};
use sqlx::PgPool;

pub use connect::PostgresOptions;

use crate::error::in_time;
use crate::hint::{Bell, EventHint};

/// The store in a PostgreSQL database.
#[derive(Debug)]
pub struct PostgresStore {
    pool: PgPool,
    clock: Arc<dyn Clock>,
    hint: EventHint,
    bell: Bell,
}

#[async_trait]
impl Pipeline for PostgresStore {
    async fn facts(&self, questions: &Questions) -> Result<Answers, StoreError> {
        in_time(facts::answer(&self.pool, questions)).await
    }

    async fn forget_recent(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        in_time(recent::forget(&self.pool, before, limit)).await
    }

    async fn record(&self, batch: &[NewRecord]) -> Result<Vec<Recorded>, StoreError> {
        let recorded = in_time(record::record(&self.pool, batch)).await;
        // Also after an error: an answer may be lost behind a commit.
        self.bell.ring();
        recorded
    }

    async fn withdraw(&self, batch: &[Withdrawal]) -> Result<Vec<Withdrawn>, StoreError> {
        in_time(withdraw::withdraw(&self.pool, batch)).await
    }
}

#[async_trait]
impl Store for PostgresStore {
    async fn ready(&self) -> Result<(), StoreError> {
        // A standby and a server that an operator set read-only both answer reads.
        const CANNOT_WRITE: &str =
            "SELECT pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean";
        let cannot_write: bool = in_time(sqlx::query_scalar(CANNOT_WRITE).fetch_one(&self.pool)).await?;
        if cannot_write {
            return Err(StoreError::Unavailable("the database is read-only".to_owned()));
        }
        Ok(())
    }
}
