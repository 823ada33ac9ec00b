//! Transactions that share a commit. A commit waits for the disk, and a page that two of them change is
//! written twice; so whoever has written while others wait hands the open transaction on, and the last
//! one commits for all.

use std::collections::VecDeque;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sqlx::{Sqlite, SqliteConnection, Transaction};
use tokio::sync::oneshot;

/// Most turns in one transaction: bounds how long the first of them waits.
const TURNS_AT_ONCE: usize = 4;

/// Who wants to write.
#[derive(Default)]
pub(crate) struct Turns {
    // Locked to push or pop, never across an await.
    line: Mutex<Line>,
}

#[derive(Default)]
struct Line {
    /// Somebody has the turn.
    taken: bool,
    waiting: VecDeque<oneshot::Sender<Turn>>,
}

/// The right to write, in a transaction in which others may have written before. Dropping it rolls all of
/// that back: the others get an error that can pass.
pub(crate) struct Turn {
    turns: Arc<Turns>,
    /// Always there in the hands of who asked for it.
    transaction: Option<Transaction<'static, Sqlite>>,
    /// The others, who wait for the commit.
    before: Vec<oneshot::Sender<Result<(), String>>>,
}

impl Turns {
    /// Waits for a turn, `patience` at most, and begins a transaction unless one is handed on.
    pub(crate) async fn take(
        self: &Arc<Self>,
        patience: Duration,
        begin: impl Future<Output = sqlx::Result<Transaction<'static, Sqlite>>>,
    ) -> sqlx::Result<Turn> {
        let mut turn = match self.join() {
            Ok(turn) => turn,
            Err(waiting) => match tokio::time::timeout(patience, waiting).await {
                Ok(handed_on) => handed_on.map_err(|_| sqlx::Error::WorkerCrashed)?,
                Err(_) => return Err(sqlx::Error::PoolTimedOut),
            },
        };
        if turn.transaction.is_none() {
            turn.transaction = Some(begin.await?);
        }
        Ok(turn)
    }

    fn join(self: &Arc<Self>) -> Result<Turn, oneshot::Receiver<Turn>> {
        let mut line = self.line();
        if line.taken {
            let (sender, receiver) = oneshot::channel();
            line.waiting.push_back(sender);
            return Err(receiver);
        }
        line.taken = true;
        Ok(Turn::new(self))
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn {
    fn new(turns: &Arc<Turns>) -> Self {
        Self { turns: Arc::clone(turns), transaction: None, before: Vec::new() }
    }

    /// Commits, or waits until whoever comes next has.
    pub(crate) async fn commit(mut self) -> sqlx::Result<()> {
        while self.before.len() + 1 < TURNS_AT_ONCE {
            let Some(next) = self.turns.line().waiting.pop_front() else { break };
            let (sender, committed) = oneshot::channel();
            self.before.push(sender);
            match next.send(self) {
                Ok(()) => {
                    let outcome = committed.await.unwrap_or_else(|_| Err("it was rolled back".to_owned()));
                    return outcome
                        .map_err(|why| sqlx::Error::Protocol(format!("a shared transaction: {why}")));
                }
                // Does not wait any more.
                Err(turn) => self = turn,
            }
            self.before.pop();
        }
        let transaction = self.transaction.take().ok_or(sqlx::Error::WorkerCrashed)?;
        let outcome = transaction.commit().await;
        for other in self.before.drain(..) {
            let told = outcome.as_ref().copied().map_err(ToString::to_string);
            // Whoever is gone learns nothing, as after a commit of their own.
            let _ = other.send(told);
        }
        outcome
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        // Rolled back before the next one begins.
        self.transaction = None;
        let next = {
            let mut line = self.turns.line();
            let next = line.waiting.pop_front();
            line.taken = next.is_some();
            next
        };
        if let Some(next) = next {
            // One that does not wait any more drops it, and so passes it on.
            let _ = next.send(Self::new(&self.turns));
        }
    }
}

impl Deref for Turn {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        self.transaction.as_ref().expect("in the hands of who asked for it")
    }
}

impl DerefMut for Turn {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        self.transaction.as_mut().expect("in the hands of who asked for it")
    }
}

#[cfg(test)]
mod tests {
    use crate::SqliteOptions;
    use crate::database::Database;

    use super::*;

    async fn with_table(path: std::path::PathBuf) -> Database {
        let database = Database::new(path, &SqliteOptions::default());
        let mut turn = database.write_together().await.unwrap();
        sqlx::query("CREATE TABLE t (x INTEGER)").execute(&mut *turn).await.unwrap();
        turn.commit().await.unwrap();
        database
    }

    async fn add(turn: &mut Turn, x: i64) {
        sqlx::query("INSERT INTO t VALUES (?)").bind(x).execute(&mut **turn).await.unwrap();
    }

    /// Adds 1, and commits when the others are in line.
    async fn add_first(mut turn: Turn) -> sqlx::Result<()> {
        add(&mut turn, 1).await;
        tokio::task::yield_now().await;
        turn.commit().await
    }

    async fn stored(database: &Database) -> Vec<i64> {
        sqlx::query_scalar("SELECT x FROM t ORDER BY x").fetch_all(database.readers()).await.unwrap()
    }

    #[tokio::test]
    async fn who_comes_next_commits_for_both() {
        let folder = tempfile::tempdir().unwrap();
        let database = with_table(folder.path().join("m.db")).await;
        let first = add_first(database.write_together().await.unwrap());
        let second = async {
            let mut second = database.write_together().await.unwrap();
            assert!(stored(&database).await.is_empty(), "the first one waits");
            add(&mut second, 2).await;
            second.commit().await
        };
        let (first, second) = tokio::join!(biased; first, second);
        assert!(first.is_ok() && second.is_ok(), "{first:?} {second:?}");
        assert_eq!(stored(&database).await, [1, 2]);
    }

    #[tokio::test]
    async fn who_fails_takes_those_before_along_and_nobody_else() {
        let folder = tempfile::tempdir().unwrap();
        let database = with_table(folder.path().join("m.db")).await;
        let first = add_first(database.write_together().await.unwrap());
        let second = async {
            let mut second = database.write_together().await.unwrap();
            add(&mut second, 2).await;
            // Dropped.
        };
        let gone = async {
            let never = std::future::pending::<()>;
            _ = tokio::time::timeout(Duration::ZERO, async {
                let _turn = database.write_together().await;
                never().await;
            })
            .await;
        };
        let third = async {
            let mut third = database.write_together().await.unwrap();
            add(&mut third, 3).await;
            third.commit().await
        };
        let (first, (), (), third) = tokio::join!(biased; first, second, gone, third);
        assert!(first.is_err() && third.is_ok(), "{first:?} {third:?}");
        assert_eq!(stored(&database).await, [3]);
    }
}
