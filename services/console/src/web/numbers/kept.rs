//! Reports that are counted once for all who look.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use moderato_domain::{SiteId, Timestamp};
use moderato_store::{Period, Store, StoreError};
use tokio::sync::OnceCell;

use super::period;
use super::report::Report;

/// A period of more days than this has too many decisions to count them at every look.
const LONG_DAYS: u32 = 7;

/// For how long a report about a long period is good enough.
const KEPT: Duration = Duration::from_mins(1);

/// Reports about long periods, by site and days: two at most of each site, forgotten when they are old.
#[derive(Debug, Default)]
pub(crate) struct Reports {
    kept: Mutex<HashMap<(SiteId, u32), Kept>>,
}

/// A period, and its report once somebody has counted it.
#[derive(Debug, Clone)]
struct Kept {
    period: Period,
    report: Arc<OnceCell<Arc<Report>>>,
}

impl Reports {
    /// What was decided on a site in the last so many days, up to now or, if that is long, up to a minute
    /// ago at most: the period, and the report. Who asks while it is counted waits for the same counting.
    pub(super) async fn of(
        &self,
        store: &dyn Store,
        site: &SiteId,
        days: u32,
        now: Timestamp,
    ) -> Result<(Period, Arc<Report>), StoreError> {
        if days <= LONG_DAYS {
            let period = period(days, now);
            return Ok((period, Arc::new(Report::read(store, site, period).await?)));
        }
        let Kept { period, report } = self.kept(site, days, now);
        let report = report.get_or_try_init(async || Report::read(store, site, period).await.map(Arc::new));
        Ok((period, Arc::clone(report.await?)))
    }

    fn kept(&self, site: &SiteId, days: u32, now: Timestamp) -> Kept {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|_, kept| now.since(kept.period.until) < KEPT);
        let fresh = || Kept { period: period(days, now), report: Arc::default() };
        kept.entry((site.clone(), days)).or_insert_with(fresh).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_period_is_counted_once_a_minute() {
        let (reports, site) = (Reports::default(), SiteId::parse("blog").unwrap());
        let at = |seconds: i64| Timestamp::from_millis(90 * 86_400_000 + seconds * 1_000);
        let first = reports.kept(&site, 90, at(0));
        let again = reports.kept(&site, 90, at(59));
        assert!(Arc::ptr_eq(&first.report, &again.report));
        let other = reports.kept(&SiteId::parse("news").unwrap(), 90, at(59));
        assert!(!Arc::ptr_eq(&first.report, &other.report));
        let later = reports.kept(&site, 90, at(61));
        assert!(!Arc::ptr_eq(&first.report, &later.report));
        assert_eq!(later.period.until, period(90, at(61)).until);
    }
}
