//! Live pages: what happens to the comments of a site, as server-sent events.
//!
//! A stream tells only *which* comments something happened to; the script fetches what it shows of
//! them. It begins where the page was made or where the connection was lost, and ends with the
//! process, with the session, or when there is no room. All streams of a site share one reader of the
//! event log: see [`feed`](super::feed).

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Extension, Router};
use futures_util::stream::{self, Stream};
use moderato_domain::{CommentId, Permission, SiteId, UserId};
use moderato_store::{EventCursor, StoreError};
use serde::Deserialize;
use tokio::time::Instant;

use super::Web;
use super::feed::{Follower, LOOK_EVERY, News};
use super::form::Asked;
use super::held::Held;
use super::problem::Problem;
use super::queue::at;
use super::session::SignedIn;

/// Live pages of a process at once: ten windows of fifty moderators.
const STREAMS: usize = 512;
/// Live pages of one person in a process at once, so that nobody takes the room of the others. The
/// script of a page that is refused tries again.
const STREAMS_OF_ONE: usize = 12;
/// When the script of a refused page may try again, in seconds.
const TRY_AGAIN_S: u64 = 15;
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
    let room = match held.rooms.enter(signed_in.user().id) {
        Ok(room) => room,
        Err(Full::Process) => return Err(Problem::unavailable("Too many pages are live at once.")),
        Err(Full::Person) => return Ok(too_many_of_one()),
    };
    let follower = held.feeds.follow(&site, cursor);
    let live = Live { web, site, signed_in, follower, looked_up: Instant::now(), _room: room };
    let keep_alive = KeepAlive::new().interval(SIGN_OF_LIFE).text("still here");
    Ok(Sse::new(live.stream()).keep_alive(keep_alive).into_response())
}

fn too_many_of_one() -> Response {
    let message = format!(
        "You have {STREAMS_OF_ONE} live pages open. This one shows what is new when you load it again, or by \
         itself once you close another."
    );
    let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "too-many", "Too many live pages", message);
    let mut response = problem.into_response();
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(TRY_AGAIN_S));
    response
}

/// Room for live pages, and who has how many open.
#[derive(Debug, Default)]
pub(crate) struct Rooms(Mutex<HashMap<UserId, usize>>);

/// Whose share is used up.
#[derive(Debug, PartialEq, Eq)]
enum Full {
    Person,
    Process,
}

/// A live page's place, until it is dropped.
#[derive(Debug)]
struct Room {
    rooms: Arc<Rooms>,
    user: UserId,
}

impl Rooms {
    fn enter(self: &Arc<Self>, user: UserId) -> Result<Room, Full> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if open.values().sum::<usize>() >= STREAMS {
            return Err(Full::Process);
        }
        let of_one = open.entry(user).or_default();
        if *of_one >= STREAMS_OF_ONE {
            return Err(Full::Person);
        }
        *of_one += 1;
        Ok(Room { rooms: Arc::clone(self), user })
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let mut open = self.rooms.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(of_one) = open.get_mut(&self.user) {
            *of_one -= 1;
            if *of_one == 0 {
                open.remove(&self.user);
            }
        }
    }
}

struct Live {
    web: Arc<Web>,
    site: SiteId,
    /// Whose session must live on.
    signed_in: SignedIn,
    follower: Follower,
    /// When the session was looked up.
    looked_up: Instant,
    _room: Room,
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
            let news = tokio::select! {
                news = self.follower.next() => news,
                () = tokio::time::sleep_until(self.looked_up + SESSION_EVERY) => continue,
            };
            match news {
                Ok(News::Changed(comments)) => {
                    let ids: Vec<&str> = comments.iter().map(CommentId::as_str).collect();
                    return Told::Event(self.event("changed", ids.join(" ")));
                }
                Ok(News::Behind) => return Told::Event(self.event("behind", String::new())),
                // The store is away: the page stays as it is, and the connection lives.
                Err(error) => {
                    tracing::debug!(%error, "live updates wait for the store");
                    tokio::time::sleep(LOOK_EVERY).await;
                }
            }
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
        Event::default().event(name).id(seal(&self.site, self.follower.cursor())).data(data)
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

    #[test]
    fn everybody_has_a_share_of_the_room() {
        let rooms = Arc::new(Rooms::default());
        let person = |number| UserId::from_uuid(uuid::Uuid::from_u128(number));
        let enter = |user| rooms.enter(user);
        let mut taken: Vec<Room> = (0..STREAMS_OF_ONE).map(|_| enter(person(1)).unwrap()).collect();
        assert_eq!(enter(person(1)).unwrap_err(), Full::Person);
        taken.push(enter(person(2)).unwrap());
        drop(taken.swap_remove(0));
        taken.push(enter(person(1)).unwrap());
        let full = loop {
            match enter(person(taken.len() as u128 + 3)) {
                Ok(room) => taken.push(room),
                Err(full) => break full,
            }
        };
        assert_eq!(full, Full::Process);
        assert_eq!(taken.len(), STREAMS);
        drop(taken);
        assert!(rooms.0.lock().unwrap().is_empty());
    }
}
