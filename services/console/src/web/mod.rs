//! The moderators' pages.
//!
//! | module | what it does |
//! |---|---|
//! | `shell` | what every page has: the frame, the stylesheet, the script |
//! | `session` | who is signed in, and may they |
//! | `form` | what a page was asked and what was posted to it |
//! | `csrf` | a posted form comes from our own page |
//! | `dress` | headers, bounds and the look of refusals |
//! | `problem` | what went wrong, in words for a person |
//! | `start` | choosing a site |
//! | `sign_in` | signing in and out |
//! | `oidc` | signing in with the organisation's identity provider |
//! | `link` | what one-time links open: the first person, an invitation, another password |
//! | `account` | one's own name, password, sessions |
//! | `settings` | how a person likes to work: keys, and what spares them |
//! | `people` | the people of a site |
//! | `audit` | the audit log |
//! | `client` | from where, and with what, a request came |
//! | `author` | what authors of comments see, without an account |
//! | `queue` | what waits: the list of a queue, and what became of it since |
//! | `item` | one comment with all that is known about it |
//! | `act` | deciding, taking back, holding, noting, banning |
//! | `events` | live pages: server-sent events from the event log |
//! | `feed` | the event log of a site, read once for all its live pages |
//! | `view` | comments as pages show them |
//! | `text` | what somebody typed, with matches and evasions made visible |
//! | `words` | times, numbers and names of things as people read them |
//! | `keys` | the keyboard, and what a person made of it |
//! | `held` | what the pages keep in memory |
//! | `statements` | what authors were told, as a table |
//! | `numbers` | what a lead asks: work, waits, overturns, agreement |
//! | `second_look` | a sample of decisions, decided once more |
//!
//! To add a page: a module with `pub(super) fn routes() -> Router<Arc<Web>>`, merged in [`router`]; a
//! template that extends `base.html` with a [`Shell`](shell::Shell) in it. A handler takes a
//! [`SignedIn`](session::SignedIn) and asks it for the site; one that changes something takes a
//! [`Posted`](form::Posted), which has checked that our own page sent it. Refusals are
//! [`Problem`](problem::Problem)s: as a page for people, as a fragment for the script.

mod account;
mod act;
mod audit;
mod author;
mod client;
pub mod csrf;
mod dress;
mod events;
mod feed;
pub mod form;
mod held;
mod item;
mod keys;
mod link;
mod numbers;
pub mod oidc;
mod people;
pub mod problem;
mod queue;
mod second_look;
pub mod session;
mod settings;
pub mod shell;
mod sign_in;
mod start;
mod statements;
mod text;
mod view;
mod words;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::{Extension, Router};
use moderato_access::Passwords;
use moderato_domain::{Clock, Ids};
use moderato_runtime::shutdown::Shutdown;
use moderato_store::{Directory, Store};

use crate::PeopleDesk;

/// Largest posted form, in bytes: a bulk decision about a thousand comments.
const MAX_FORM_BYTES: usize = 256 * 1024;

/// What the pages need from their process, and what their handlers share.
#[derive(Debug)]
pub struct Web {
    /// Everything that outlives the process.
    pub store: Arc<dyn Store>,
    /// Sites; somebody else keeps it fresh.
    pub directory: Arc<Directory>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Random ids and secrets.
    pub ids: Arc<dyn Ids>,
    /// Checks passwords.
    pub passwords: Passwords,
    /// The organisation's identity provider, if people sign in with one.
    pub oidc: Option<oidc::Provider>,
    /// Ends live updates.
    pub shutdown: Shutdown,
    /// How the pages are reached and how long sessions live.
    pub options: WebOptions,
}

/// How the pages are reached and how long sessions live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebOptions {
    /// How people reach the pages: scheme, host and port.
    pub public_url: String,
    /// Whether that was configured; a guess is not what an `Origin` is compared with.
    pub public_url_is_certain: bool,
    /// Whether browsers reach the pages over an encrypted connection only.
    pub secure: bool,
    /// The last address in `X-Forwarded-For` is the client's.
    pub behind_proxy: bool,
    /// A session without requests ends after this.
    pub session_idle: Duration,
    /// Every session ends after this.
    pub session_max: Duration,
    /// An invitation ends after this.
    pub invite: Duration,
    /// A decision can be taken back for so long, and what follows from it waits.
    pub undo: Duration,
    /// Whether somebody sends what is in the outbox.
    pub mails: bool,
}

impl Web {
    /// The desk at which people are invited and get roles.
    pub fn people(&self) -> PeopleDesk {
        PeopleDesk::new(Arc::clone(&self.store), Arc::clone(&self.clock), Arc::clone(&self.ids))
    }
}

/// Every page, ready for a server.
pub fn router(web: Web) -> Router {
    let web = Arc::new(web);
    let held = Arc::new(held::Held::new(&web));
    Router::new()
        .merge(shell::routes())
        .merge(start::routes())
        .merge(sign_in::routes())
        .merge(oidc::routes())
        .merge(link::routes())
        .merge(account::routes())
        .merge(author::routes())
        .merge(people::routes())
        .merge(audit::routes())
        .merge(statements::routes())
        .merge(settings::routes())
        .merge(queue::routes())
        .merge(item::routes())
        .merge(act::routes())
        .merge(events::routes())
        .merge(numbers::routes())
        .merge(second_look::routes())
        .layer(Extension(held))
        .fallback(dress::not_found)
        .layer(DefaultBodyLimit::max(MAX_FORM_BYTES))
        .layer(from_fn_with_state(Arc::clone(&web), csrf::refuse_foreign))
        .layer(from_fn(dress::within_limit))
        .layer(from_fn_with_state(Arc::clone(&web), dress::dress))
        .with_state(web)
}
