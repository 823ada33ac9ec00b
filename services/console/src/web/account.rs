//! One's own name, colours, password and sessions.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, SET_COOKIE};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use moderato_access::NewPassword;
use moderato_domain::{DisplayName, Preferences, Theme};
use moderato_store::{AccountKey, Attempt, AttemptLimit, EndSessions, SecretHash, UserChange};
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::Web;
use super::form::{Asked, Posted};
use super::link::sentence;
use super::problem::Problem;
use super::session::{self, SignedIn};
use super::shell::{Shell, page};
use super::sign_in::busy;
use super::words::ago;

/// Wrong old passwords without a wait: a session that was left open is no place to guess.
const PASSWORDS: (u32, std::time::Duration) = (5, std::time::Duration::from_mins(15));

pub(super) fn routes() -> Router<Arc<Web>> {
    Router::new()
        .route("/account", get(account))
        .route("/account/profile", post(change_profile))
        .route("/account/password", post(change_password))
        .route("/account/sessions/end", post(end_sessions))
        .route("/session", get(session_state))
}

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage {
    shell: Shell,
    csrf: String,
    mail: String,
    name: String,
    theme: Theme,
    has_password: bool,
    /// Comes from the identity provider, too.
    is_linked: bool,
    /// There is an identity provider.
    has_provider: bool,
    sessions: Vec<OwnSession>,
    told: Option<&'static str>,
    refusal: Option<String>,
}

struct OwnSession {
    id: String,
    agent: String,
    network: String,
    seen: String,
    is_this: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Question {
    /// What was just done.
    told: String,
}

async fn account(
    State(web): State<Arc<Web>>,
    Asked(question): Asked<Question>,
    signed_in: SignedIn,
) -> Result<Response, Problem> {
    let told = match question.told.as_str() {
        "linked" => Some("From now on you can sign in with your organisation."),
        "unlinked" => Some("From now on you sign in with your password only."),
        _ => None,
    };
    page(&AccountPage { told, ..read(&signed_in, &web).await? })
}

async fn read(signed_in: &SignedIn, web: &Web) -> Result<AccountPage, Problem> {
    let user = signed_in.user();
    let now = web.clock.now();
    let stored = web.store.account(&AccountKey::Id(user.id)).await?;
    let sessions = web.store.sessions(user.id, now).await?;
    Ok(AccountPage {
        shell: Shell::of(signed_in),
        csrf: signed_in.csrf().to_owned(),
        mail: user.mail.as_str().to_owned(),
        name: user.display_name.to_string(),
        theme: user.preferences.theme,
        has_password: stored.as_ref().is_some_and(|account| account.password.is_some()),
        is_linked: stored.is_some_and(|account| account.identity.is_some()),
        has_provider: web.oidc.is_some(),
        sessions: sessions
            .into_iter()
            .map(|session| OwnSession {
                id: id_text(&session.id),
                is_this: session.id == *signed_in.session(),
                agent: session.agent,
                network: session.network,
                seen: ago(session.seen_time, now),
            })
            .collect(),
        told: None,
        refusal: None,
    })
}

/// The page again, with what is wrong with the form.
async fn again(signed_in: &SignedIn, web: &Web, refusal: String) -> Result<Response, Problem> {
    let shown = AccountPage { refusal: Some(refusal), ..read(signed_in, web).await? };
    Ok((StatusCode::UNPROCESSABLE_ENTITY, page(&shown)?).into_response())
}

#[derive(Deserialize)]
struct Profile {
    name: String,
    theme: String,
    /// The theme that the form was shown with.
    #[serde(default)]
    shown_theme: String,
}

async fn change_profile(
    State(web): State<Arc<Web>>,
    Posted { signed_in, form }: Posted<Profile>,
) -> Result<Response, Problem> {
    let user = signed_in.user();
    let theme = Theme::parse(&form.theme).ok_or_else(|| Problem::invalid("There is no such theme."))?;
    let name = match DisplayName::parse(&form.name) {
        Ok(name) => name,
        Err(error) => return again(&signed_in, &web, sentence(&error)).await,
    };
    if name != user.display_name {
        let details = json!({ "from": user.display_name.as_str(), "to": name.as_str() });
        let entry = signed_in.entry(None, "user.name_set", &signed_in.named(), &details);
        web.store.change_user(user.id, &UserChange::DisplayName(name), None, Some(&entry)).await?;
    }
    let now = &user.preferences;
    let shown = Preferences { theme: Theme::parse(&form.shown_theme).unwrap_or(now.theme), ..now.clone() };
    let chosen = Preferences { theme, ..now.clone() };
    web.store.change_user(user.id, &UserChange::Preferences { shown, chosen }, None, None).await?;
    Ok(Redirect::to("/account").into_response())
}

#[derive(Deserialize)]
struct PasswordChange {
    old: String,
    password: String,
    again: String,
}

async fn change_password(
    State(web): State<Arc<Web>>,
    Posted { signed_in, form }: Posted<PasswordChange>,
) -> Result<Response, Problem> {
    let user = signed_in.user();
    if let Err(refusal) = check_password(&signed_in, form.old, &web).await? {
        return again(&signed_in, &web, refusal.to_owned()).await;
    }
    if form.password != form.again {
        return again(&signed_in, &web, "The two new passwords are not the same.".to_owned()).await;
    }
    let password = match NewPassword::parse(&form.password, user.mail.as_str()) {
        Ok(password) => password,
        Err(error) => return again(&signed_in, &web, sentence(&error)).await,
    };
    let hash = web.passwords.hash(password, &*web.ids).await.map_err(|_| busy())?;
    let entry = signed_in.entry(None, "user.password_set", &signed_in.named(), &json!({}));
    let change = UserChange::Password(Some(hash));
    web.store.change_user(user.id, &change, Some(signed_in.session()), Some(&entry)).await?;
    let told = "Your password is changed. Every other session of yours has ended.";
    page(&AccountPage { told: Some(told), ..read(&signed_in, &web).await? })
}

/// Whether this is the person's password; the refusal, if not. Before another way to sign in is opened:
/// whoever finds a session open must not be able to stay.
pub(super) async fn check_password(
    signed_in: &SignedIn,
    typed: String,
    web: &Web,
) -> Result<Result<(), &'static str>, Problem> {
    let user = signed_in.user();
    let limit = AttemptLimit {
        subject: Sha256::digest(format!("password\0{}", user.id)).into(),
        free: PASSWORDS.0,
        longest: PASSWORDS.1,
    };
    let attempted = web.clock.now();
    if let Attempt::Wait(_) = web.store.attempt(&[limit], attempted).await? {
        return Ok(Err("Too many attempts; wait a moment."));
    }
    let stored = web.store.account(&AccountKey::Id(user.id)).await?.and_then(|account| account.password);
    if !web.passwords.verify(stored.as_ref(), typed, &*web.ids).await.map_err(|_| busy())? {
        return Ok(Err("This is not your password."));
    }
    web.store.forgive_attempt(&limit.subject, &limit.subject, attempted).await?;
    Ok(Ok(()))
}

#[derive(Deserialize)]
struct EndRequest {
    /// A session, or every other one.
    #[serde(default)]
    session: String,
}

async fn end_sessions(
    State(web): State<Arc<Web>>,
    Posted { signed_in, form }: Posted<EndRequest>,
) -> Result<Response, Problem> {
    let which = if form.session.is_empty() {
        EndSessions::AllBut(*signed_in.session())
    } else {
        EndSessions::One(parse_id(&form.session).ok_or_else(Problem::not_found)?)
    };
    let entry = signed_in.entry(None, "session.ended", &signed_in.named(), &json!({}));
    web.store.end_sessions(signed_in.user().id, which, &entry).await?;
    if which == EndSessions::One(*signed_in.session()) {
        let gone = session::no_cookie(&web.options);
        return Ok(([(SET_COOKIE, gone)], Redirect::to("/sign-in")).into_response());
    }
    Ok(Redirect::to("/account").into_response())
}

/// For the script: who is signed in now and with which token, so that a form of an ended session can be
/// sent again after a new sign-in.
async fn session_state(signed_in: SignedIn) -> Response {
    let state = json!({ "csrf": signed_in.csrf(), "name": signed_in.user().display_name });
    ([(CONTENT_TYPE, "application/json")], state.to_string()).into_response()
}

fn id_text(id: &SecretHash) -> String {
    id.0.iter().fold(String::with_capacity(64), |text, byte| format!("{text}{byte:02x}"))
}

fn parse_id(text: &str) -> Option<SecretHash> {
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    let mut id = [0; 32];
    for (at, byte) in id.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(SecretHash(id))
}
