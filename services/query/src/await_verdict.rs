//! Waits until a revision has its verdict: hundreds of callers at a time, each answered within
//! milliseconds of the commit.
//!
//! A waiter listens for its comment, looks into the store, and waits to be woken by the
//! [tail](crate::tail) to look again. A verdict that came too late to be the newest (another revision
//! overtook it) writes no event; a waiter that finds itself overtaken looks once a second.

use std::sync::Arc;
use std::time::Duration;

use moderato_api::pb::types;
use moderato_api::status::Refusal;
use moderato_api::view;
use moderato_domain::{CommentName, ErrorCode, Revision, Verdict};
use moderato_runtime::shutdown::Shutdown;
use moderato_store::Store;
use tokio::sync::Semaphore;

use crate::bells::{Bells, Listener};
use crate::outage::Outage;
use crate::request::{Awaited, VerdictOf};

/// Waiters that look into the store at the same time. A batch of 200 verdicts wakes up to 200 of
/// them at once, who would take every connection of a small pool from the other reads. Four looks of
/// 0.2 ms at a time are 20,000 a second.
const LOOKS: usize = 4;
/// How often a waiter looks without being woken. Every verdict of a newest revision writes an event,
/// so this only bounds what an unforeseen loss of a wake-up would cost.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How often an overtaken waiter looks: no event will tell it.
const LOOK_EVERY_OVERTAKEN: Duration = Duration::from_secs(1);

/// Answers `AwaitVerdict`.
#[derive(Debug)]
pub(crate) struct Waiting {
    store: Arc<dyn Store>,
    outage: Arc<Outage>,
    waiters: Arc<Bells<CommentName>>,
    looks: Semaphore,
    shutdown: Shutdown,
}

/// What a look into the store found.
enum Look {
    Found(Box<Verdict>),
    /// A newer revision has its verdict already.
    Overtaken,
    Nothing,
}

impl Waiting {
    /// Waits on these bells, which the tail rings.
    pub(crate) fn new(
        store: Arc<dyn Store>,
        outage: Arc<Outage>,
        waiters: Arc<Bells<CommentName>>,
        shutdown: Shutdown,
    ) -> Self {
        Self { store, outage, waiters, looks: Semaphore::new(LOOKS), shutdown }
    }

    /// The verdict, as soon as it is there.
    pub(crate) async fn verdict(&self, asked: Awaited) -> Result<types::Verdict, Refusal> {
        let Awaited { verdict, timeout } = asked;
        let listener = self.waiters.listen(verdict.comment.clone()).ok_or_else(overloaded)?;
        tokio::select! {
            biased;
            found = tokio::time::timeout(timeout, self.found(&listener, &verdict)) => match found {
                Ok(found) => found.map(|found| view::verdict(*found)),
                Err(_) => Err(too_late(&verdict, timeout)),
            },
            () = self.shutdown.requested() => Err(shutting_down()),
        }
    }

    async fn found(
        &self,
        listener: &Listener<CommentName>,
        asked: &VerdictOf,
    ) -> Result<Box<Verdict>, Refusal> {
        loop {
            // Taken before the look, so that a commit right after the look is heard.
            let rung = listener.rung();
            let look_again = match self.look(asked).await? {
                Look::Found(verdict) => return Ok(verdict),
                Look::Overtaken => LOOK_EVERY_OVERTAKEN,
                Look::Nothing => LOOK_EVERY,
            };
            // An elapsed wait is as good a reason to look as a bell.
            let _ = tokio::time::timeout(look_again, rung).await;
        }
    }

    async fn look(&self, asked: &VerdictOf) -> Result<Look, Refusal> {
        // The semaphore is never closed.
        let _turn = self.looks.acquire().await;
        let Some(newest) = self.verdict_of(&asked.comment, None).await? else { return Ok(Look::Nothing) };
        match asked.revision {
            Some(wanted) if newest.revision < wanted => Ok(Look::Nothing),
            Some(wanted) if newest.revision > wanted => {
                let older = self.verdict_of(&asked.comment, Some(wanted)).await?;
                Ok(older.map_or(Look::Overtaken, Look::Found))
            }
            _ => Ok(Look::Found(newest)),
        }
    }

    async fn verdict_of(
        &self,
        comment: &CommentName,
        revision: Option<Revision>,
    ) -> Result<Option<Box<Verdict>>, Refusal> {
        let found = self.outage.check(self.store.verdict(comment, revision).await)?;
        Ok(found.map(Box::new))
    }
}

fn overloaded() -> Refusal {
    Refusal::Error(ErrorCode::Overloaded, "too many calls wait for verdicts; try again shortly".to_owned())
}

fn too_late(asked: &VerdictOf, timeout: Duration) -> Refusal {
    let which = asked.revision.map_or_else(String::new, |revision| format!(" revision {revision}"));
    let message = format!(
        "{}{which} has no verdict after {timeout:?}; if it was acknowledged it is not lost, ask again",
        asked.comment
    );
    Refusal::Error(ErrorCode::DeadlineExceeded, message)
}

/// What waiting calls and streams are told when the process stops.
pub(crate) fn shutting_down() -> Refusal {
    Refusal::Error(ErrorCode::ShuttingDown, "this process is shutting down; connect again".to_owned())
}
