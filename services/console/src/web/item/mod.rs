//! One comment with all that is known about it.

mod objections;
mod parts;
mod tree;

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::get;
use axum::{Extension, Router};
use moderato_domain::{CommentName, DecisionKind, Permission};
use moderato_store::QueueItem;
use serde::Deserialize;

use super::Web;
use super::act::{Confirm, MOST_TARGETS, SAMPLE};
use super::dress::FRAGMENT;
use super::events;
use super::form::Asked;
use super::held::Held;
use super::keys::Keyboard;
use super::problem::Problem;
use super::queue::{Last, Question, at, last, outcome};
use super::session::{SignedIn, SiteDoor};
use super::shell::{Shell, page};
use super::text::Kind;
use super::view::{Card, Frame, comment_id, target};
use super::words;
use crate::rules::DeskError;
use parts::Parts;
pub(super) use parts::in_force;
use tree::Tree;

pub(super) fn routes() -> Router<Arc<Web>> {
    Router::new()
        .route("/sites/{site}/comments/{comment}", get(item))
        .route("/sites/{site}/comments/{comment}/why", get(why))
        .route("/sites/{site}/comments/{comment}/campaign", get(campaign))
}

#[derive(Template)]
#[template(path = "item.html")]
struct ItemPage {
    shell: Shell,
    site_name: String,
    frame: Frame,
    keyboard: Keyboard,
    card: Card,
    parts: Parts,
    last: Option<Last>,
    events: String,
    list_href: String,
    list_title: &'static str,
}

#[derive(Template)]
#[template(path = "panel.html")]
struct Panel {
    frame: Frame,
    card: Card,
    parts: Parts,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Done {
    done: String,
}

async fn item(
    State(web): State<Arc<Web>>,
    Extension(held): Extension<Arc<Held>>,
    signed_in: SignedIn,
    Path((site, comment)): Path<(String, String)>,
    Asked(Done { done }): Asked<Done>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let door = at(&signed_in, &site, Permission::ReadAll)?;
    let name = named(&door, &comment)?;
    let href = format!("{}/comments/{comment}", super::view::base(&door.site.id));
    let frame = held.frame(&web, &door, href).await?;
    let events = events::path(&web, &door.site.id).await?;
    let item = found(&web, &name, &frame).await?;
    let parts = Parts::of(&web, &item, &frame).await?;
    let settled = item.queue.is_none() && item.comment.decided;
    let outcome = if settled {
        let newest = web.store.newest_decisions(&name.site, std::slice::from_ref(&name.comment)).await?;
        Some(outcome(newest.first(), &item, &frame))
    } else {
        None
    };
    let card = Card::whole(&item, &frame).decided(outcome);
    if headers.contains_key(FRAGMENT) {
        return page(&Panel { frame, card, parts });
    }
    let last = last(&web, &door.site.id, &frame, &done).await?;
    let queue = item.queue.map(|queue| queue.as_str().to_owned()).unwrap_or_default();
    page(&ItemPage {
        shell: door.shell(),
        site_name: door.site.display_name.clone(),
        keyboard: Keyboard::of(&frame.preferences),
        list_href: Question { queue, ..Question::default() }.path(&frame.base),
        list_title: item.queue.map_or("All that waits", words::queue),
        frame,
        card,
        parts,
        last,
        events,
    })
}

/// The name of a comment in the address of a page.
pub(super) fn named(door: &SiteDoor, comment: &str) -> Result<CommentName, Problem> {
    let comment = comment_id(comment).ok_or_else(Problem::not_found)?;
    Ok(CommentName { site: door.site.id.clone(), comment })
}

/// A comment as an item.
pub(super) async fn found(web: &Web, name: &CommentName, frame: &Frame) -> Result<QueueItem, Problem> {
    let items = web.store.queue_items(&name.site, std::slice::from_ref(&name.comment), frame.now).await?;
    items.into_iter().next().ok_or_else(Problem::not_found)
}

#[derive(Template)]
#[template(path = "why.html")]
struct WhyPage {
    shell: Shell,
    site_name: String,
    href: String,
    tree: Tree,
}

#[derive(Template)]
#[template(path = "why_fragment.html")]
struct WhyFragment {
    tree: Tree,
}

/// What every rule asked: the verdict made again, by the rules and with the facts of its time.
async fn why(
    State(web): State<Arc<Web>>,
    Extension(held): Extension<Arc<Held>>,
    signed_in: SignedIn,
    Path((site, comment)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let door = at(&signed_in, &site, Permission::ReadAll)?;
    let name = named(&door, &comment)?;
    let explained = held.rules.explain(&name, None).await.map_err(|error| match error {
        DeskError::Store(error) => Problem::from(error),
        other => {
            tracing::warn!(%other, comment = %name, "a verdict cannot be explained");
            Problem::conflict("The rules of that verdict cannot be applied by this release any more.")
        }
    })?;
    let (judged, explanation) = explained.ok_or_else(Problem::not_found)?;
    drop(web);
    let tree = Tree::of(&judged, &explanation);
    if headers.contains_key(FRAGMENT) {
        return page(&WhyFragment { tree });
    }
    let href = format!("{}/comments/{comment}", super::view::base(&door.site.id));
    page(&WhyPage { shell: door.shell(), site_name: door.site.display_name.clone(), href, tree })
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Act {
    #[serde(rename = "do")]
    act: String,
}

/// A decision about a whole campaign, to be confirmed.
async fn campaign(
    State(web): State<Arc<Web>>,
    Extension(held): Extension<Arc<Held>>,
    signed_in: SignedIn,
    Path((site, comment)): Path<(String, String)>,
    Asked(Act { act }): Asked<Act>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let door = at(&signed_in, &site, Permission::Decide)?;
    let name = named(&door, &comment)?;
    let kind = DecisionKind::parse(&act).ok_or_else(|| Problem::invalid("What shall be decided?"))?;
    let frame = held.frame(&web, &door, format!("{}/queue", super::view::base(&door.site.id))).await?;
    let comments = web.store.campaign(&name, MOST_TARGETS as u32).await?;
    if comments.is_empty() {
        return Err(Problem::conflict("Nothing with this text waits any more."));
    }
    let first: Vec<_> = comments.iter().take(SAMPLE).map(|comment| comment.name.comment.clone()).collect();
    let first = web.store.queue_items(&name.site, &first, frame.now).await?;
    let targets = comments.iter().map(target).collect();
    Confirm::of(kind, targets, &first, 0, &frame).answer(&door, frame, &headers)
}
