//! What authors were told, as a table for the DSA Transparency Database.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use futures_util::stream;
use moderato_domain::redress::transparency::{TransparencyRecord, date, midnight};
use moderato_domain::{Permission, SiteId, Timestamp};
use moderato_store::{StatementPosition, Store, StoreError};
use serde::Deserialize;

use super::Web;
use super::form::Asked;
use super::problem::Problem;
use super::session::{SignedIn, SiteDoor};
use super::shell::{Shell, page};

/// Statements read at once.
const BATCH: u32 = 500;

pub(super) fn routes() -> Router<Arc<Web>> {
    Router::new()
        .route("/sites/{site}/statements", get(form))
        .route("/sites/{site}/statements.csv", get(table))
}

#[derive(Template)]
#[template(path = "statements.html")]
struct FormPage {
    shell: Shell,
    site: SiteId,
    today: String,
}

/// Days, UTC; empty: no bound.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Days {
    since: String,
    until: String,
}

async fn form(
    State(web): State<Arc<Web>>,
    signed_in: SignedIn,
    Path(site): Path<String>,
) -> Result<Response, Problem> {
    let door = admin(&signed_in, &site)?;
    page(&FormPage { shell: door.shell(), site: door.site.id.clone(), today: date(web.clock.now()) })
}

async fn table(
    State(web): State<Arc<Web>>,
    signed_in: SignedIn,
    Path(site): Path<String>,
    Asked(days): Asked<Days>,
) -> Result<Response, Problem> {
    let door = admin(&signed_in, &site)?;
    let day = |text: &str, open: i64| match text.trim() {
        "" => Ok(Timestamp::from_millis(open)),
        text => midnight(text).ok_or_else(|| Problem::invalid("A day looks like 2026-01-31.")),
    };
    let (since, until) = (day(&days.since, 0)?, day(&days.until, i64::MAX)?);
    let site = door.site.id.clone();
    let name = format!("attachment; filename=\"statements-{site}.csv\"");
    let rows = Rows { store: Arc::clone(&web.store), site, since, until, after: None, begun: false };
    let body = Body::from_stream(stream::try_unfold(rows, Rows::next));
    Ok(([(CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()), (CONTENT_DISPOSITION, name)], body)
        .into_response())
}

fn admin(signed_in: &SignedIn, site: &str) -> Result<SiteDoor, Problem> {
    let site = SiteId::parse(site).map_err(|_| Problem::not_found())?;
    signed_in.on(&site, Permission::Configure)
}

/// The table, a batch at a time.
struct Rows {
    store: Arc<dyn Store>,
    site: SiteId,
    since: Timestamp,
    until: Timestamp,
    after: Option<StatementPosition>,
    begun: bool,
}

impl Rows {
    /// The next rows as text; with the head at first. A store that goes away ends the download with an
    /// error, not as if it were complete.
    async fn next(mut self) -> Result<Option<(Bytes, Self)>, StoreError> {
        let Self { store, site, since, until, .. } = &self;
        let statements = store.statements(site, *since, *until, self.after.as_ref(), BATCH).await?;
        if statements.is_empty() && self.begun {
            return Ok(None);
        }
        let mut text = String::new();
        if !self.begun {
            line(&mut text, &TransparencyRecord::FIELDS.map(str::to_owned));
        }
        for statement in &statements {
            line(&mut text, &TransparencyRecord::of(statement).cells());
        }
        self.begun = true;
        self.after = statements.last().map(StatementPosition::from).or(self.after);
        Ok(Some((Bytes::from(text), self)))
    }
}

/// A row (RFC 4180), every cell in quotes.
fn line(text: &mut String, cells: &[String]) {
    let quoted: Vec<String> = cells.iter().map(|cell| format!("\"{}\"", cell.replace('"', "\"\""))).collect();
    text.push_str(&quoted.join(","));
    text.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted() {
        let mut text = String::new();
        line(&mut text, &["a,b".to_owned(), "[\"x\"]".to_owned()]);
        assert_eq!(text, "\"a,b\",\"[\"\"x\"\"]\"\r\n");
    }
}
