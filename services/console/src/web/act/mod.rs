//! What moderators do: decide, take back, hold, note, ban, and keep filters.
//!
//! Everything works as a plain form that leads back to where it came from. To the script the same
//! handlers answer with the parts of the page that changed.

mod ban;
mod decide;
mod small;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

pub(crate) use decide::{Confirm, MOST_TARGETS, SAMPLE};

use super::Web;
use super::form::own_path;

pub(super) fn routes() -> Router<Arc<Web>> {
    Router::new()
        .route("/sites/{site}/decide", post(decide::decide))
        .route("/sites/{site}/decide/preview", post(decide::preview))
        .route("/sites/{site}/undo", post(decide::undo))
        .route("/sites/{site}/history", get(small::history))
        .route("/sites/{site}/claims", post(small::claims))
        .route("/sites/{site}/filters", post(small::save_filter))
        .route("/sites/{site}/filters/drop", post(small::drop_filter))
        .route("/sites/{site}/comments/{comment}/notes", post(small::note))
        .route("/sites/{site}/comments/{comment}/ban", get(ban::ask).post(ban::ban))
        .route("/sites/{site}/comments/{comment}/ban/lift", post(ban::lift))
}

/// Where a form leads back to: to a page of ours, else to the queues.
fn back(asked: &str, base: &str) -> String {
    own_path(asked).map_or_else(|| format!("{base}/queue"), str::to_owned)
}

/// The same, saying which decision led there.
fn back_after(back: &str, decision: &str) -> String {
    let (path, question) = back.split_once('?').unwrap_or((back, ""));
    let kept = question.split('&').filter(|pair| !pair.is_empty() && !pair.starts_with("done="));
    let pairs: Vec<String> = kept.map(str::to_owned).chain([format!("done={decision}")]).collect();
    format!("{path}?{}", pairs.join("&"))
}

/// What was typed, if anything was. Without NUL characters, which nobody types and not every store
/// keeps.
fn typed(text: &str) -> Option<String> {
    let text = text.replace('\0', "");
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_lead_back_to_our_own_pages_only() {
        assert_eq!(back("/sites/blog/queue?queue=spam", "/sites/blog"), "/sites/blog/queue?queue=spam");
        assert_eq!(back("https://evil.example/", "/sites/blog"), "/sites/blog/queue");
        assert_eq!(back_after("/q?a=1&done=x", "y"), "/q?a=1&done=y");
        assert_eq!(back_after("/q", "y"), "/q?done=y");
    }

    #[test]
    fn what_no_store_keeps_is_not_typed() {
        assert_eq!(typed(" a\0b "), Some("ab".to_owned()));
        assert_eq!(typed(" \0 "), None);
    }
}
