//! What a lead asks: how much was decided and by whom, how fast, and how well.
//!
//! Names of moderators stand beside their numbers, so these pages are for admins of the site.

mod csv;
mod kept;
mod plot;
mod report;

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Extension, Router};
use moderato_domain::{Permission, SiteId, Timestamp};
use moderato_store::Period;
use serde::Deserialize;

pub(crate) use self::kept::Reports;
use self::plot::Plot;
use self::report::Report;
use super::Web;
use super::form::Asked;
use super::held::Held;
use super::problem::Problem;
use super::session::SignedIn;
use super::shell::{Shell, page};

/// Periods to choose from, in days: a day, a week, a month, a quarter.
const PERIODS: [u32; 4] = [1, 7, 30, 90];

/// What is shown first: a week shows the weekly rhythm of a blog once.
const FIRST_PERIOD: u32 = 7;

const DAY: Duration = Duration::from_hours(24);

pub(super) fn routes() -> Router<Arc<Web>> {
    Router::new()
        .route("/sites/{site}/numbers", get(show))
        .route("/sites/{site}/numbers/{table}", get(download))
}

#[derive(Debug, Deserialize)]
struct Question {
    days: Option<u32>,
}

impl Question {
    fn days(&self) -> u32 {
        self.days.filter(|days| PERIODS.contains(days)).unwrap_or(FIRST_PERIOD)
    }
}

/// The last so many days, today included, so that the plots begin with a whole day.
fn period(days: u32, now: Timestamp) -> Period {
    let day = i64::try_from(DAY.as_millis()).unwrap_or(i64::MAX);
    let today = Timestamp::from_millis(now.as_millis().div_euclid(day) * day);
    // The end does not belong to a period; a decision of this very moment does.
    Period { since: today.minus(DAY * (days - 1)), until: now.plus(Duration::from_millis(1)) }
}

#[derive(Template)]
#[template(path = "numbers/page.html")]
struct NumbersPage {
    shell: Shell,
    site: SiteId,
    days: u32,
    periods: [u32; 4],
    report: Arc<Report>,
    /// Up to when was counted, if that is not now.
    counted: Option<String>,
    work: Plot,
    waits: Plot,
    second_look_percent: u8,
}

async fn show(
    State(web): State<Arc<Web>>,
    Extension(held): Extension<Arc<Held>>,
    signed_in: SignedIn,
    Path(site): Path<SiteId>,
    Asked(question): Asked<Question>,
) -> Result<Response, Problem> {
    let door = signed_in.on(&site, Permission::Configure)?;
    let days = question.days();
    let now = web.clock.now();
    let (period, report) = held.reports.of(&*web.store, &site, days, now).await?;
    let counted = (period.until < now).then(|| report::written(period.until, "%H:%M:%S"));
    page(&NumbersPage {
        shell: door.shell(),
        site,
        days,
        periods: PERIODS,
        work: report.work_plot(period, days),
        waits: report.waits_plot(period, days),
        report,
        counted,
        second_look_percent: door.site.settings.second_look_percent,
    })
}

async fn download(
    State(web): State<Arc<Web>>,
    signed_in: SignedIn,
    Path((site, table)): Path<(SiteId, String)>,
    Asked(question): Asked<Question>,
) -> Result<Response, Problem> {
    signed_in.on(&site, Permission::Configure)?;
    let period = period(question.days(), web.clock.now());
    let content = csv::table(&*web.store, &site, period, &table).await?.ok_or_else(Problem::not_found)?;
    let name = HeaderValue::from_str(&format!("attachment; filename=\"{site}-{table}\""))
        .map_err(|_| Problem::not_found())?;
    let kind = HeaderValue::from_static("text/csv; charset=utf-8; header=present");
    Ok(([(CONTENT_TYPE, kind), (CONTENT_DISPOSITION, name)], content).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_begins_with_a_day_and_ends_now() {
        let now = Timestamp::from_millis(3 * 86_400_000 + 5);
        let (one, two) = (period(1, now), period(2, now));
        assert_eq!((one.since.as_millis(), one.until.as_millis()), (3 * 86_400_000, 3 * 86_400_000 + 6));
        assert_eq!(two.since.as_millis(), 2 * 86_400_000);
        assert_eq!(Question { days: Some(4_000_000) }.days(), FIRST_PERIOD);
        assert_eq!(Question { days: Some(90) }.days(), 90);
    }
}
