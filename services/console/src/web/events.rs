//! Live pages: what happens to the comments of a site, as server-sent events.
//!
//! A stream tells only *which* comments something happened to; the script fetches what it shows of
//! them. It begins where the page was made or where the connection was lost, and ends with the
//! process, with the session, or when there is no room.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Extension, Router};
use futures_util::stream::{self, Stream};
use moderato_domain::{Permission, SiteId};
use moderato_store::{EventCursor, StoreError};
use serde::Deserialize;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::Instant;

use super::Web;
use super::form::Asked;
use super::held::Held;
use super::problem::Problem;
use super::queue::at;
use super::session::SignedIn;

/// Events that are told at once. Who is further behind is told to load the page again.
const AT_ONCE: u32 = 200;
/// Between two looks: events that come together are told together.
const GATHER: Duration = Duration::from_millis(150);
/// A look without a hint.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often a connection without events shows that it lives, for proxies that end silent ones.
const SIGN_OF_LIFE: Duration = Duration::from_secs(15);
/// How often the session is looked up again.
const SESSION_EVERY: Duration = Duration::from_secs(5);

pub(super) fn routes() -> Router<Arc<Web>> {
    Router::new().route("/sites/{site}/events", get(events))
}

/// Where the events after this moment are told.
pub(super) async fn path(web: &Web, site: &SiteId) -> Result<String, StoreError> {
    let head = web.store.event_head().await?;
    Ok(format!("/sites/{site}/events?after={}", seal(site, head)))
}

fn seal(site: &SiteId, cursor: EventCursor) -> String {
    let payload = format!("{}.{}", cursor.epoch, cursor.sequence);
    moderato_api::token::seal(&["console.events", site.as_str()], &payload)
}

fn open(site: &SiteId, token: &str) -> Option<EventCursor> {
    let payload = moderato_api::token::open(&["console.events", site.as_str()], token).ok()?;
    let (epoch, sequence) = payload.split_once('.')?;
    Some(EventCursor { epoch: epoch.parse().ok()?, sequence: sequence.parse().ok()? })
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Begin {
    after: String,
}

async fn events(
    State(web): State<Arc<Web>>,
    Extension(held): Extension<Arc<Held>>,
    signed_in: SignedIn,
    Path(site): Path<String>,
    Asked(begin): Asked<Begin>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let door = at(&signed_in, &site, Permission::ReadAll)?;
    let site = door.site.id.clone();
    let resumed = headers.get("last-event-id").and_then(|token| token.to_str().ok());
    let token = resumed.filter(|token| !token.is_empty()).unwrap_or(&begin.after);
    let cursor = open(&site, token)
        .ok_or_else(|| Problem::invalid("These live updates begin nowhere. Load the page again."))?;
    let Ok(room) = Arc::clone(&held.streams).try_acquire_owned() else {
        return Err(Problem::unavailable("Too many pages are live at once."));
    };
    let hint = web.store.event_hint();
    let live = Live { web, site, signed_in, cursor, hint, looked_up: Instant::now(), _room: room };
    let keep_alive = KeepAlive::new().interval(SIGN_OF_LIFE).text("still here");
    Ok(Sse::new(live.stream()).keep_alive(keep_alive).into_response())
}

struct Live {
    web: Arc<Web>,
    site: SiteId,
    /// Whose session must live on.
    signed_in: SignedIn,
    cursor: EventCursor,
    hint: watch::Receiver<u64>,
    /// When the session was looked up.
    looked_up: Instant,
    _room: OwnedSemaphorePermit,
}

impl Live {
    fn stream(self) -> impl Stream<Item = Result<Event, Infallible>> {
        stream::unfold(Some(self), |live| async {
            let mut live = live?;
            match live.next().await {
                Told::Event(event) => Some((Ok(event), Some(live))),
                Told::Last(event) => Some((Ok(event), None)),
                Told::End => None,
            }
        })
    }

    async fn next(&mut self) -> Told {
        let shutdown = self.web.shutdown.clone();
        tokio::select! {
            () = shutdown.requested() => Told::End,
            told = self.look() => told,
        }
    }

    async fn look(&mut self) -> Told {
        loop {
            if self.looked_up.elapsed() >= SESSION_EVERY {
                self.looked_up = Instant::now();
                if !self.may_go_on().await {
                    return Told::Last(Event::default().event("ended").data("session"));
                }
            }
            match self.web.store.events_after(self.cursor, Some(&self.site), AT_ONCE).await {
                Ok(events) if events.is_empty() => self.wait().await,
                Ok(events) => {
                    let behind = events.len() == AT_ONCE as usize;
                    if let Some(last) = events.last() {
                        self.cursor = last.cursor;
                    }
                    if behind && let Ok(head) = self.web.store.event_head().await {
                        self.cursor = head;
                        return Told::Event(self.event("behind", String::new()));
                    }
                    let mut ids: Vec<&str> =
                        events.iter().map(|event| event.comment.comment.as_str()).collect();
                    ids.sort_unstable();
                    ids.dedup();
                    return Told::Event(self.event("changed", ids.join(" ")));
                }
                // The store is away: the page stays as it is, and the connection lives.
                Err(error) => {
                    tracing::debug!(%error, "live updates wait for the store");
                    self.wait().await;
                }
            }
        }
    }

    async fn wait(&mut self) {
        let hinted = async {
            if self.hint.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            () = hinted => tokio::time::sleep(GATHER).await,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }

    async fn may_go_on(&self) -> bool {
        match self.signed_in.renewed().await {
            Ok(Some(signed_in)) => signed_in.on(&self.site, Permission::ReadAll).is_ok(),
            Ok(None) => false,
            // Nobody can tell; the next look will.
            Err(_) => true,
        }
    }

    fn event(&self, name: &str, data: String) -> Event {
        Event::default().event(name).id(seal(&self.site, self.cursor)).data(data)
    }
}

enum Told {
    Event(Event),
    /// And then nothing more.
    Last(Event),
    End,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_in_the_log_belongs_to_one_site() {
        let (blog, other) = (SiteId::parse("blog").unwrap(), SiteId::parse("other").unwrap());
        let cursor = EventCursor { epoch: 7, sequence: 9 };
        assert_eq!(open(&blog, &seal(&blog, cursor)), Some(cursor));
        assert_eq!(open(&other, &seal(&blog, cursor)), None);
        assert_eq!(open(&blog, "7.9"), None);
    }
}
