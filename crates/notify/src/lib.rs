//! What leaves the house because of a decision: statements of reasons and mails.
//!
//! A decision can be undone for a while, and until then nobody outside hears of it. Then the [`Relay`]
//! writes what follows from it, statement and mails, in one transaction, and the mails wait in the
//! outbox until the mail server took them: at least once, with the same Message-ID each time, and never
//! again once that is recorded.
//!
//! | module | what it does |
//! |---|---|
//! | `effects` | what follows from a decision or from a rejection by the engine |
//! | `digest` | what waits, told to moderators who asked for it |
//! | `urgent` | what should not wait, told to them at once |
//! | `sections` | the guidelines that statements cite |
//! | `words` | what mails say |
//! | `smtp` | hands mails over |

mod digest;
mod effects;
mod sections;
mod smtp;
mod urgent;
mod words;

use std::sync::Arc;
use std::time::Duration;

use moderato_domain::{Clock, Timestamp};
use moderato_store::{Directory, Store, StoreError, TakenMail};

pub use smtp::{MailError, MailOptions, Mailer};
pub use words::sign_in;

use crate::digest::Digests;
use crate::effects::Effects;
use crate::urgent::Urgent;

/// How often is looked for what is due.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Things of one kind in hand at once.
const BATCH: u32 = 50;

/// How long a mail in hand is nobody else's: a batch whose every mail times out takes half of it.
const LEASE: Duration = Duration::from_hours(1);

/// The first wait after something failed; each next one is twice as long, up to [`RETRY_MOST`].
const RETRY_FIRST: Duration = Duration::from_mins(1);
/// The longest wait.
const RETRY_MOST: Duration = Duration::from_hours(4);
/// A mail that was not taken this often, in about two days, is given up.
const ATTEMPTS: u32 = 20;

/// Carries out what is due.
#[derive(Debug)]
pub struct Relay {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    mailer: Option<Mailer>,
    effects: Effects,
    digests: Digests,
    urgent: Urgent,
}

impl Relay {
    /// A relay whose links begin with `public_url`. Without a `mailer` statements are written and
    /// nothing is mailed.
    pub fn new(
        store: Arc<dyn Store>,
        directory: Arc<Directory>,
        clock: Arc<dyn Clock>,
        mailer: Option<Mailer>,
        public_url: String,
    ) -> Self {
        let digests = Digests::new(Arc::clone(&store), Arc::clone(&directory), public_url.clone());
        let urgent = Urgent::new(Arc::clone(&store), Arc::clone(&directory), public_url.clone());
        let effects = Effects::new(Arc::clone(&store), directory, public_url, mailer.is_some());
        Self { store, clock, mailer, effects, digests, urgent }
    }

    /// Carries out what is due as long as it is polled. While the store is away it waits.
    pub async fn run(mut self) {
        let mut ticks = tokio::time::interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut fine = true;
        loop {
            ticks.tick().await;
            let done = self.pass().await;
            if let Err(error) = &done
                && fine
            {
                tracing::warn!(%error, "what follows from decisions is held up");
            }
            fine = done.is_ok();
        }
    }

    /// Carries out what is due now. What one kind waits for, another does not; the first error is told.
    pub async fn pass(&mut self) -> Result<(), StoreError> {
        let now = self.clock.now();
        let told = [self.decisions(now).await, self.rejections(now).await, self.mails(now).await];
        told.into_iter().collect()
    }

    async fn decisions(&mut self, now: Timestamp) -> Result<(), StoreError> {
        while self.effects.of_decisions(now, BATCH).await? == BATCH as usize {}
        Ok(())
    }

    async fn rejections(&mut self, now: Timestamp) -> Result<(), StoreError> {
        while self.effects.of_rejections(now, BATCH).await? == BATCH as usize {}
        while self.effects.of_set_aside(now, BATCH).await? == BATCH as usize {}
        Ok(())
    }

    async fn mails(&mut self, now: Timestamp) -> Result<(), StoreError> {
        let Some(mailer) = &self.mailer else { return Ok(()) };
        let written = self.urgent.write(now).await.and(self.digests.write(now).await);
        let taken = self.store.take_mails(now, LEASE, BATCH).await?;
        let mut sent = Ok(());
        for mail in &taken {
            sent = sent.and(self.send(mailer, mail).await);
        }
        written.and(sent)
    }

    async fn send(&self, mailer: &Mailer, taken: &TakenMail) -> Result<(), StoreError> {
        let id = taken.mail.id;
        match mailer.send(&taken.mail).await {
            Ok(()) => self.store.mail_sent(id, self.clock.now()).await,
            Err(error) => {
                let again = !error.is_final() && taken.attempt < ATTEMPTS;
                let kind = taken.mail.kind.as_str();
                if again {
                    tracing::info!(mail.id = %id, mail.kind = kind, attempt = taken.attempt, %error, "mail not taken");
                } else {
                    tracing::warn!(mail.id = %id, mail.kind = kind, attempt = taken.attempt, %error, "mail given up");
                }
                let next = again.then(|| self.clock.now().plus(retry_after(taken.attempt)));
                self.store.mail_failed(id, &error.to_string(), next).await
            }
        }
    }
}

fn retry_after(attempt: u32) -> Duration {
    RETRY_FIRST.saturating_mul(1 << attempt.saturating_sub(1).min(16)).min(RETRY_MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_is_tried_for_two_days() {
        assert_eq!(retry_after(1), RETRY_FIRST);
        assert_eq!(retry_after(3), 4 * RETRY_FIRST);
        assert_eq!(retry_after(u32::MAX), RETRY_MOST);
        let all: Duration = (1..ATTEMPTS).map(retry_after).sum();
        assert!(all > Duration::from_hours(40) && all < Duration::from_hours(60), "{all:?}");
    }
}
