//! What one-time links open: the first person, an invitation, another password. Following a link
//! changes nothing, since programs that check mails do; only the form on its page does.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{FromRequest as _, Path, Request, State};
use axum::http::StatusCode;
use axum::http::header::SET_COOKIE;
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::get;
use moderato_access::{BearerSecret, NewPassword};
use moderato_domain::{DisplayName, Email, Preferences, User, UserId};
use moderato_store::{AccountKey, LinkPurpose, LinkUse, OneTimeLink};
use serde::Deserialize;
use serde_json::json;

use super::Web;
use super::client::Client;
use super::form::Fields;
use super::problem::Problem;
use super::session;
use super::shell::{Shell, page};
use super::sign_in::busy;
use crate::people::{audit_entry, named};

pub(super) fn routes() -> Router<Arc<Web>> {
    Router::new().route("/link/{token}", get(form).post(use_link))
}

#[derive(Template)]
#[template(path = "link.html")]
struct LinkPage<'p> {
    shell: Shell,
    /// Makes the first person: asks for the address too.
    is_first: bool,
    /// Chooses another password: asks for it alone.
    is_reset: bool,
    mail: &'p str,
    name: &'p str,
    refusal: Option<&'p str>,
}

#[derive(Deserialize)]
struct Chosen {
    #[serde(default)]
    mail: String,
    #[serde(default)]
    name: String,
    password: String,
    again: String,
}

/// A link with the person it is for.
struct Opened {
    link: OneTimeLink,
    user: Option<User>,
}

async fn form(State(web): State<Arc<Web>>, Path(token): Path<String>) -> Result<Response, Problem> {
    let (_, opened) = open(&token, &web).await?;
    let user = opened.user.as_ref();
    page(&LinkPage {
        shell: Shell::plain(),
        is_first: opened.link.purpose == LinkPurpose::FirstAdmin,
        is_reset: opened.link.purpose == LinkPurpose::PasswordReset,
        mail: user.map_or("", |user| user.mail.as_str()),
        name: user.map_or("", |user| user.display_name.as_str()),
        refusal: None,
    })
}

async fn use_link(
    State(web): State<Arc<Web>>,
    Path(token): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let (client, headers) = (Client::of(&parts, &web), parts.headers.clone());
    let fields = Fields::from_request(Request::from_parts(parts, body), &web).await?;
    let (token, opened) = open(&token, &web).await?;
    let chosen: Chosen = fields.parse()?;

    let read = match read(&opened, &chosen, &web) {
        Ok(read) => read,
        Err(refusal) => {
            let user = opened.user.as_ref();
            let shown = LinkPage {
                shell: Shell::plain(),
                is_first: opened.link.purpose == LinkPurpose::FirstAdmin,
                is_reset: opened.link.purpose == LinkPurpose::PasswordReset,
                mail: user.map_or(&chosen.mail, |user| user.mail.as_str()),
                name: &chosen.name,
                refusal: Some(&refusal),
            };
            return Ok((StatusCode::UNPROCESSABLE_ENTITY, page(&shown)?).into_response());
        }
    };
    let hash = web.passwords.hash(read.password, &*web.ids).await.map_err(|_| busy())?;
    let person = read.person;
    let link_use = match opened.link.purpose {
        LinkPurpose::FirstAdmin => LinkUse::FirstAdmin { user: person.clone(), password: hash },
        LinkPurpose::Invite | LinkPurpose::PasswordReset => {
            LinkUse::Password { display_name: Some(person.display_name.clone()), password: hash }
        }
    };
    let details = json!({ "purpose": opened.link.purpose.as_str() });
    let entry = audit_entry(&person.actor(), None, "link.used", &named(person.id), &details, web.clock.now());
    if web.store.use_link(&token.hash(), &link_use, &entry).await?.is_none() {
        return Err(dead());
    }
    let account = web.store.account(&AccountKey::Id(person.id)).await?.ok_or_else(dead)?;
    if account.user.disable_time.is_some() {
        return Ok(Redirect::to("/sign-in").into_response());
    }
    let cookie = session::begin(&account.user, "link", &headers, &client, &web).await?;
    Ok(([(SET_COOKIE, cookie)], Redirect::to("/")).into_response())
}

/// What was chosen, fit to be used.
struct Read {
    person: User,
    password: NewPassword,
}

/// Reads the form, or says what is wrong with it.
fn read(opened: &Opened, chosen: &Chosen, web: &Web) -> Result<Read, String> {
    let person = match &opened.user {
        None => first_person(chosen, web)?,
        Some(user) if opened.link.purpose == LinkPurpose::PasswordReset => user.clone(),
        Some(user) => User { display_name: name(&chosen.name)?, ..user.clone() },
    };
    if chosen.password != chosen.again {
        return Err("The two passwords are not the same.".to_owned());
    }
    let password =
        NewPassword::parse(&chosen.password, person.mail.as_str()).map_err(|error| sentence(&error))?;
    Ok(Read { person, password })
}

fn first_person(chosen: &Chosen, web: &Web) -> Result<User, String> {
    let mail = Email::parse(chosen.mail.trim()).and_then(|mail| Email::parse(&mail.normalized()));
    Ok(User {
        id: UserId::from_uuid(web.ids.time_ordered()),
        mail: mail.ok_or_else(|| "This is not a mail address.".to_owned())?,
        display_name: name(&chosen.name)?,
        operator: true,
        disable_time: None,
        memberships: std::collections::BTreeMap::new(),
        preferences: Preferences::default(),
        create_time: web.clock.now(),
    })
}

fn name(text: &str) -> Result<DisplayName, String> {
    DisplayName::parse(text).map_err(|error| sentence(&error))
}

/// An error's text as a sentence.
pub(super) fn sentence(error: &dyn std::error::Error) -> String {
    let text = error.to_string();
    let mut rest = text.chars();
    let first = rest.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", rest.as_str())
}

async fn open(token: &str, web: &Web) -> Result<(BearerSecret, Opened), Problem> {
    let token = BearerSecret::parse(token).ok_or_else(dead)?;
    let link = web.store.link(&token.hash(), web.clock.now()).await?.ok_or_else(dead)?;
    let user = match link.user {
        None if web.store.has_people().await? => return Err(dead()),
        None => None,
        Some(user) => Some(web.store.account(&AccountKey::Id(user)).await?.ok_or_else(dead)?.user),
    };
    Ok((token, Opened { link, user }))
}

fn dead() -> Problem {
    let message = "This link does not work: it was used, replaced by a newer one, or is too old. Ask whoever sent it \
                   for another.";
    Problem::new(StatusCode::GONE, "dead-link", "This link does not work any more", message)
}
