//! Signing in and out.
//!
//! One answer, after about the same time, for an unknown address, a wrong password and somebody who may
//! not sign in any more. Attempts count before they are made, in the store, so that many at once and at
//! many processes are no way around the waits.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::Router;
use axum::extract::{FromRequest as _, Request, State};
use axum::http::header::{RETRY_AFTER, SET_COOKIE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use moderato_domain::{Actor, Email, Timestamp};
use moderato_store::{Account, AccountKey, Attempt, AttemptLimit, EndSessions};
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::Web;
use super::client::Client;
use super::form::{Asked, Fields, Posted, next_pair, own_path};
use super::problem::Problem;
use super::session::{self, SignedIn};
use super::shell::{Shell, page};
use crate::people::{audit_entry, named};

/// Wrong passwords for one account without a wait, and the longest wait: short enough that somebody who
/// guesses cannot keep its owner out.
const ACCOUNT_FREE: u32 = 5;
const ACCOUNT_LONGEST: Duration = Duration::from_mins(5);

/// The same for one network, where a whole office may sit.
const NETWORK_FREE: u32 = 20;
const NETWORK_LONGEST: Duration = Duration::from_mins(15);

pub(super) fn routes() -> Router<Arc<Web>> {
    Router::new().route("/sign-in", get(form).post(sign_in)).route("/sign-out", post(sign_out))
}

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage<'p> {
    shell: Shell,
    mail: &'p str,
    next: &'p str,
    refusal: Option<&'p str>,
    /// Where to sign in with the identity provider instead, if there is one.
    elsewhere: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Question {
    next: String,
}

#[derive(Deserialize)]
struct Credentials {
    mail: String,
    password: String,
    #[serde(default)]
    next: String,
}

async fn form(
    State(web): State<Arc<Web>>,
    Asked(question): Asked<Question>,
    request: Request,
) -> Result<Response, Problem> {
    let next = own_path(&question.next).unwrap_or_default();
    if SignedIn::look_up(request.headers(), &web).await?.is_some() {
        return Ok(Redirect::to(if next.is_empty() { "/" } else { next }).into_response());
    }
    page(&SignInPage {
        shell: Shell::plain(),
        mail: "",
        next,
        refusal: None,
        elsewhere: elsewhere(next, &web),
    })
}

fn elsewhere(next: &str, web: &Web) -> Option<String> {
    web.oidc.as_ref()?;
    Some(if next.is_empty() {
        "/sign-in/oidc".to_owned()
    } else {
        format!("/sign-in/oidc?{}", next_pair(next))
    })
}

async fn sign_in(State(web): State<Arc<Web>>, request: Request) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let client = Client::of(&parts, &web);
    let headers = parts.headers.clone();
    let fields = Fields::from_request(Request::from_parts(parts, body), &web).await?;
    let Credentials { mail, password, next } = fields.parse()?;
    let next = own_path(&next).unwrap_or_default();
    let again = |status: StatusCode, refusal: &str| -> Result<Response, Problem> {
        let shown = SignInPage {
            shell: Shell::plain(),
            mail: &mail,
            next,
            refusal: Some(refusal),
            elsewhere: elsewhere(next, &web),
        };
        Ok((status, page(&shown)?).into_response())
    };

    let limits = limits(&mail, &client);
    let attempted = web.clock.now();
    let begins_burst = match web.store.attempt(&limits, attempted).await? {
        Attempt::Admitted { begins_burst } => begins_burst,
        Attempt::Wait(until) => {
            let seconds = seconds_until(until, attempted);
            let refusal = format!("Too many attempts. Try again in {seconds} seconds.");
            let mut response = again(StatusCode::TOO_MANY_REQUESTS, &refusal)?;
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
            return Ok(response);
        }
    };
    let Some(account) = authenticate(&mail, password, &web).await? else {
        if begins_burst {
            note_burst(&mail, &client, &web).await?;
        }
        return again(StatusCode::UNPROCESSABLE_ENTITY, "This address and password do not belong together.");
    };
    // Of the network only this attempt: with an account of one's own one could guess others' for ever.
    web.store.forgive_attempt(&limits[0].subject, &limits[1].subject, attempted).await?;
    let cookie = session::begin(&account.user, "password", &headers, &client, &web).await?;
    let next = if next.is_empty() { "/" } else { next };
    Ok(([(SET_COOKIE, cookie)], Redirect::to(next)).into_response())
}

/// The account, if this is its password and it may be used.
async fn authenticate(mail: &str, password: String, web: &Web) -> Result<Option<Account>, Problem> {
    let account = match Email::parse(mail.trim()) {
        Some(mail) => web.store.account(&AccountKey::Mail(mail)).await?,
        None => None,
    };
    let stored = account.as_ref().and_then(|account| account.password.as_ref());
    let fits = web.passwords.verify(stored, password, &*web.ids).await.map_err(|_| busy())?;
    Ok(account.filter(|account| fits && account.user.disable_time.is_none()))
}

pub(super) fn busy() -> Problem {
    Problem::unavailable("Many people are signing in just now.")
}

/// The account's first, then the network's.
fn limits(mail: &str, client: &Client) -> [AttemptLimit; 2] {
    let account = Sha256::digest(format!("account\0{}", mail.trim().to_lowercase())).into();
    [
        AttemptLimit { subject: account, free: ACCOUNT_FREE, longest: ACCOUNT_LONGEST },
        AttemptLimit { subject: client.attempts_subject(), free: NETWORK_FREE, longest: NETWORK_LONGEST },
    ]
}

fn seconds_until(until: Timestamp, now: Timestamp) -> u64 {
    until.since(now).as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX)
}

/// Somebody guesses: once for each burst, so that guessing cannot fill the log.
async fn note_burst(mail: &str, client: &Client, web: &Web) -> Result<(), Problem> {
    let known = match Email::parse(mail.trim()) {
        Some(mail) => web.store.account(&AccountKey::Mail(mail)).await?,
        None => None,
    };
    // What strangers typed is not kept.
    let subject = known.map_or_else(|| "users".to_owned(), |account| named(account.user.id));
    let nobody = Actor { id: "system".to_owned(), name: "sign-in".to_owned() };
    let details = json!({ "network": client.network() });
    let now = web.clock.now();
    web.store.append_audit(&audit_entry(&nobody, None, "sign_in.burst", &subject, &details, now)).await?;
    Ok(())
}

#[derive(Deserialize)]
struct Nothing {}

async fn sign_out(
    State(web): State<Arc<Web>>,
    Posted { signed_in, form: Nothing {} }: Posted<Nothing>,
) -> Result<Response, Problem> {
    let entry = signed_in.entry(None, "session.ended", &signed_in.named(), &json!({}));
    web.store.end_sessions(signed_in.user().id, EndSessions::One(*signed_in.session()), &entry).await?;
    Ok(([(SET_COOKIE, session::no_cookie(&web.options))], Redirect::to("/sign-in")).into_response())
}
