//! A failing store: one answer for callers, few lines in the log.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use moderato_api::status::Refusal;
use moderato_domain::{Clock, ErrorCode, Timestamp};
use moderato_store::StoreError;

/// An outage fails thousands of reads; it is logged when it begins and then this often.
const LOG_EVERY: Duration = Duration::from_secs(10);

/// Turns store errors into refusals. What the store said goes to the log, not to the caller.
#[derive(Debug)]
pub(crate) struct Outage {
    clock: Arc<dyn Clock>,
    last_logged: AtomicI64,
}

impl Outage {
    /// Nothing has failed yet.
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, last_logged: AtomicI64::new(i64::MIN) }
    }

    /// What the store answered, or what the caller is told instead.
    pub(crate) fn check<T>(&self, answer: Result<T, StoreError>) -> Result<T, Refusal> {
        answer.map_err(|error| {
            self.log(&error);
            match error {
                StoreError::Unavailable(_) => Refusal::Error(
                    ErrorCode::StoreUnavailable,
                    "the store does not answer; try again shortly".to_owned(),
                ),
                StoreError::Rejected(_) => Refusal::Error(
                    ErrorCode::Internal,
                    "the store could not read this; the log says why".to_owned(),
                ),
            }
        })
    }

    fn log(&self, error: &StoreError) {
        if self.is_due() {
            tracing::warn!(error = %error, "reading the store fails");
        }
    }

    /// Whether it is time for a line; of many callers at once, one is told so.
    fn is_due(&self) -> bool {
        let now = self.clock.now();
        let last = self.last_logged.load(Ordering::Relaxed);
        let due = last == i64::MIN || now.since(Timestamp::from_millis(last)) >= LOG_EVERY;
        due && self
            .last_logged
            .compare_exchange(last, now.as_millis(), Ordering::Relaxed, Ordering::Relaxed)
            .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use moderato_domain::ManualClock;

    use super::*;

    #[test]
    fn an_outage_is_logged_when_it_begins_and_then_rarely() {
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1)));
        let outage = Outage::new(Arc::clone(&clock) as Arc<dyn Clock>);
        assert!(outage.is_due());
        assert!(!outage.is_due());
        clock.advance(LOG_EVERY);
        assert!(outage.is_due());
        assert!(!outage.is_due());
    }

    #[test]
    fn callers_are_not_told_what_the_store_said() {
        let outage = Outage::new(Arc::new(ManualClock::default()));
        let refusal =
            outage.check::<()>(Err(StoreError::Unavailable("db.internal:5432".into()))).unwrap_err();
        assert_eq!(refusal.code(), ErrorCode::StoreUnavailable);
        assert!(!format!("{refusal:?}").contains("db.internal"));
    }
}
