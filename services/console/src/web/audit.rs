//! The audit log, newest first: of one site for its admins, of everything for operators.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use moderato_domain::{Permission, SiteId};
use moderato_store::AuditRecord;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::Web;
use super::form::Asked;
use super::problem::Problem;
use super::session::SignedIn;
use super::shell::{Shell, page};
use super::words::iso;

/// Entries on one page.
const PAGE: u32 = 100;

pub(super) fn routes() -> Router<Arc<Web>> {
    Router::new().route("/audit", get(audit))
}

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage {
    shell: Shell,
    site: Option<SiteId>,
    entries: Vec<Shown>,
    /// The number before which the next page begins.
    more: Option<i64>,
}

struct Shown {
    sequence: i64,
    time: String,
    site: Option<SiteId>,
    actor: String,
    actor_id: String,
    action: String,
    subject: String,
    details: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Question {
    site: Option<SiteId>,
    before: Option<i64>,
}

async fn audit(
    State(web): State<Arc<Web>>,
    Asked(question): Asked<Question>,
    signed_in: SignedIn,
) -> Result<Response, Problem> {
    let (shell, site) = if let Some(site) = &question.site {
        let door = signed_in.on(site, Permission::Configure)?;
        (door.shell(), Some(site.clone()))
    } else {
        signed_in.as_operator()?;
        (Shell::of(&signed_in), None)
    };
    let entries = web.store.newest_audit_entries(site.as_ref(), question.before, PAGE).await?;
    let is_full = entries.len() == PAGE as usize;
    page(&AuditPage {
        shell,
        site,
        more: entries.last().filter(|_| is_full).map(|last| last.sequence),
        entries: entries.into_iter().map(shown).collect(),
    })
}

fn shown(AuditRecord { sequence, entry, .. }: AuditRecord) -> Shown {
    Shown {
        sequence,
        time: iso(entry.time),
        site: entry.site,
        actor: entry.actor.name,
        actor_id: entry.actor.id,
        action: entry.action,
        subject: entry.subject,
        details: in_words(&entry.details),
    }
}

/// `{"role":"admin"}` as `role admin`.
fn in_words(details: &str) -> String {
    let Ok(fields) = serde_json::from_str::<Map<String, Value>>(details) else { return details.to_owned() };
    let one = |(name, value): (&String, &Value)| match value {
        Value::String(text) => format!("{name} {text}"),
        other => format!("{name} {other}"),
    };
    fields.iter().map(one).collect::<Vec<_>>().join(", ")
}
