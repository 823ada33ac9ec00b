//! One transaction per batch; patience while the store is away.

use std::time::Duration;

use moderato_domain::{Stopwatch, Withdrawal};
use moderato_runtime::metrics::{ActionLabel, OutcomeLabel};
use moderato_store::{NewRecord, Recorded, StoreError, Withdrawn};

use crate::Worker;
use crate::evaluate::{Item, Origin};

/// What becomes of a submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is accounted for.
    Done,
    /// It may succeed later.
    Retry(String),
    /// It never will.
    Dead(String),
}

/// First and longest wait between attempts to reach the store. Doubled each time: an outage of a
/// second costs little, one of an hour is not hammered.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

impl Worker {
    /// Records the batch in one transaction. If the store refuses the batch's data, each record is
    /// tried alone and the refused ones become dead letters. `None`: shutting down while the store
    /// is away.
    pub(crate) async fn record(&self, records: &[NewRecord]) -> Option<Vec<Fate>> {
        if records.is_empty() {
            return Some(Vec::new());
        }
        let unknown_sites = self.unknown_sites(records);
        let known: Vec<NewRecord>;
        let batch = if unknown_sites.iter().any(|unknown| *unknown) {
            known =
                records.iter().zip(&unknown_sites).filter(|(_, u)| !**u).map(|(r, _)| r.clone()).collect();
            &known[..]
        } else {
            records
        };
        let mut fates = self.commit(batch).await?.into_iter();
        let no_site = || Fate::Retry("the site is not known to this worker".to_owned());
        Some(
            unknown_sites
                .into_iter()
                .map(|unknown| if unknown { no_site() } else { fates.next().unwrap_or_else(no_site) })
                .collect(),
        )
    }

    async fn commit(&self, batch: &[NewRecord]) -> Option<Vec<Fate>> {
        let watch = Stopwatch::start();
        let result = self.while_store_is_away(|| self.deps.store.record(batch)).await?;
        self.deps.metrics.observe("record", watch.elapsed());
        self.deps.metrics.batch_size.observe(batch.len() as f64);
        match result {
            Ok(outcomes) => {
                self.tally.recorded(batch, &outcomes);
                Some(batch.iter().zip(outcomes).map(|(record, outcome)| self.fate(record, outcome)).collect())
            }
            Err(why) if batch.len() == 1 => Some(vec![refused(&why)]),
            Err(why) => {
                tracing::warn!(why, size = batch.len(), "the store refused a batch; recording singly");
                let mut fates = Vec::with_capacity(batch.len());
                for record in batch {
                    fates.extend(Box::pin(self.commit(std::slice::from_ref(record))).await?);
                }
                Some(fates)
            }
        }
    }

    /// What an outcome means for the message; counted here, once.
    fn fate(&self, record: &NewRecord, outcome: Recorded) -> Fate {
        let metrics = &self.deps.metrics;
        let (label, fate) = match outcome {
            Recorded::Applied => ("applied", Fate::Done),
            Recorded::Duplicate => ("duplicate", Fate::Done),
            Recorded::Stale => ("stale", Fate::Done),
            Recorded::Conflict => (
                "conflict",
                Fate::Dead(
                    "this revision was recorded before with other content; the first one stays".to_owned(),
                ),
            ),
        };
        metrics.recorded.get_or_create(&OutcomeLabel { outcome: label }).inc();
        if outcome == Recorded::Applied {
            let action = record.evaluation.action.as_str();
            metrics.verdicts.get_or_create(&ActionLabel { action }).inc();
            metrics.observe("total", self.deps.clock.now().since(record.comment.accept_time));
            if !record.evaluation.degraded.is_empty() {
                metrics.degraded.inc();
            }
        }
        fate
    }

    /// Which records belong to a site that is not in the directory.
    fn unknown_sites(&self, records: &[NewRecord]) -> Vec<bool> {
        let directory = self.deps.directory.snapshot();
        records.iter().map(|record| !directory.sites.contains_key(&record.comment.site)).collect()
    }

    /// Takes comments back. An unknown comment may still be on its way: it is tried again later.
    pub(crate) async fn withdraw(&self, withdrawals: &[Item<Withdrawal>]) -> Option<Vec<(Origin, Fate)>> {
        if withdrawals.is_empty() {
            return Some(Vec::new());
        }
        let batch: Vec<_> = withdrawals.iter().map(|item| item.work.clone()).collect();
        let fates = self.take_back(&batch).await?;
        Some(withdrawals.iter().map(|item| item.origin.clone()).zip(fates).collect())
    }

    async fn take_back(&self, batch: &[Withdrawal]) -> Option<Vec<Fate>> {
        let fate = |outcome| match outcome {
            Withdrawn::Applied | Withdrawn::Duplicate => Fate::Done,
            Withdrawn::Unknown => Fate::Retry("there is no such comment to withdraw".to_owned()),
        };
        match self.while_store_is_away(|| self.deps.store.withdraw(batch)).await? {
            Ok(outcomes) => Some(outcomes.into_iter().map(fate).collect()),
            Err(why) if batch.len() == 1 => Some(vec![refused(&why)]),
            Err(why) => {
                tracing::warn!(why, size = batch.len(), "the store refused withdrawals; taking back singly");
                let mut fates = Vec::with_capacity(batch.len());
                for withdrawal in batch {
                    fates.extend(Box::pin(self.take_back(std::slice::from_ref(withdrawal))).await?);
                }
                Some(fates)
            }
        }
    }

    /// Repeats a store call until the store is there. `None`: shutting down first; `Some(Err)`: the
    /// store refused the data.
    pub(crate) async fn while_store_is_away<T, F>(&self, call: impl Fn() -> F) -> Option<Result<T, String>>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let mut wait = BACKOFF.0;
        loop {
            match call().await {
                Ok(value) => {
                    self.deps.readiness.report("store", Ok(()));
                    return Some(Ok(value));
                }
                Err(StoreError::Rejected(why)) => return Some(Err(why)),
                Err(StoreError::Unavailable(why)) => self.deps.readiness.report("store", Err(why)),
            }
            tokio::select! {
                () = self.deps.shutdown.requested() => return None,
                () = tokio::time::sleep(wait) => wait = (wait * 2).min(BACKOFF.1),
            }
        }
    }
}

/// What the store refuses alone it will refuse again.
fn refused(why: &str) -> Fate {
    Fate::Dead(format!("the store refused it: {why}"))
}
