//! Who is signed in, and may they.
//!
//! The browser holds a random secret in a cookie that scripts cannot read; the store holds its hash, so
//! a session can be ended anywhere and is ended at once. A sign-in always begins a new session: a secret
//! that somebody planted in a browser never becomes a signed-in one.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::header::COOKIE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use cookie::{Cookie, SameSite};
use moderato_access::BearerSecret;
use moderato_domain::{Actor, AuditEntry, Permission, Role, Site, SiteId, Theme, User};
use moderato_store::{SecretHash, Session};
use serde_json::Value;

use super::client::Client;
use super::csrf;
use super::keys::Keyboard;
use super::problem::Problem;
use super::shell::{Person, Shell};
use super::{Web, WebOptions};
use crate::people::{audit_entry, named};

/// A use is noted this often: a moderator makes a request every few seconds.
const TOUCH_EVERY: Duration = Duration::from_mins(1);

/// Cookies of our name that are looked at. There is one, unless somebody plants others.
const COOKIES_TRIED: usize = 4;

/// A signed-in person. As an argument of a handler it sends everybody else to the sign-in page, and
/// refuses what may change something without the session's token in its header; forms are read by
/// [`Posted`](super::form::Posted).
#[derive(Debug, Clone)]
pub struct SignedIn {
    user: Arc<User>,
    session: SecretHash,
    csrf: Arc<str>,
    web: Arc<Web>,
}

impl SignedIn {
    /// Whoever the request's cookie says it is, if that session lives.
    pub(super) async fn look_up(headers: &HeaderMap, web: &Arc<Web>) -> Result<Option<Self>, Problem> {
        let now = web.clock.now();
        for secret in presented(headers, &web.options) {
            let Some((session, user)) = web.store.session(&secret.hash(), now).await? else { continue };
            if now.since(session.seen_time) >= TOUCH_EVERY {
                web.store.touch_session(&session.id, now, now.plus(web.options.session_idle)).await?;
            }
            return Ok(Some(Self {
                user: Arc::new(user),
                session: session.id,
                csrf: csrf::token(secret.expose()).into(),
                web: Arc::clone(web),
            }));
        }
        Ok(None)
    }

    /// Looks again: who it is now; `None` if the session has ended. For what goes on for long, such as
    /// live updates.
    pub async fn renewed(&self) -> Result<Option<Self>, Problem> {
        let found = self.web.store.session(&self.session, self.web.clock.now()).await?;
        Ok(found.map(|(_, user)| Self { user: Arc::new(user), ..self.clone() }))
    }

    /// Who it is.
    pub fn user(&self) -> &User {
        &self.user
    }

    /// Who it is, for decisions and the audit log.
    pub fn actor(&self) -> Actor {
        self.user.actor()
    }

    /// The session.
    pub fn session(&self) -> &SecretHash {
        &self.session
    }

    /// The token of the session's forms.
    pub fn csrf(&self) -> &str {
        &self.csrf
    }

    /// A site on which the person may do this. A site of others is not told from one that does not
    /// exist.
    pub fn on(&self, site: &SiteId, permission: Permission) -> Result<SiteDoor, Problem> {
        let role = self.user.role_on(site).ok_or_else(Problem::not_found)?;
        let site = self.web.directory.site(site).ok_or_else(Problem::not_found)?;
        if !role.allows(permission) {
            let message = format!("As a {} of this site you cannot do this; an admin can.", role.as_str());
            return Err(Problem::forbidden(message));
        }
        Ok(SiteDoor { site, role, signed_in: self.clone() })
    }

    /// The sites that the person works on, by name.
    pub fn sites(&self) -> Vec<Arc<Site>> {
        let directory = self.web.directory.snapshot();
        let mut sites: Vec<Arc<Site>> =
            directory.sites.values().filter(|site| self.user.role_on(&site.id).is_some()).cloned().collect();
        sites.sort_by(|left, right| left.display_name.cmp(&right.display_name).then(left.id.cmp(&right.id)));
        sites
    }

    /// For pages about the whole installation.
    pub fn as_operator(&self) -> Result<(), Problem> {
        if self.user.operator { Ok(()) } else { Err(Problem::not_found()) }
    }

    /// An entry of the audit log about what this person does now.
    pub fn entry(&self, site: Option<&SiteId>, action: &str, subject: &str, details: &Value) -> AuditEntry {
        audit_entry(&self.actor(), site, action, subject, details, self.web.clock.now())
    }

    /// The person's own name in the audit log.
    pub(super) fn named(&self) -> String {
        named(self.user.id)
    }

    /// The person as pages show them.
    pub(super) fn person(&self) -> Person {
        Person {
            name: self.user.display_name.to_string(),
            csrf: self.csrf.to_string(),
            theme: match self.user.preferences.theme {
                Theme::System => "",
                theme => theme.as_str(),
            },
            operator: self.user.operator,
            keys: Keyboard::of(&self.user.preferences).json(),
            keys_off: self.user.preferences.keys_off,
        }
    }
}

/// A site with somebody who may do what was asked for there.
#[derive(Debug, Clone)]
pub struct SiteDoor {
    /// The site.
    pub site: Arc<Site>,
    /// What the person is there.
    pub role: Role,
    /// Who it is.
    pub signed_in: SignedIn,
}

impl SiteDoor {
    /// The frame of a page about the site.
    pub fn shell(&self) -> Shell {
        Shell {
            site: Some(Arc::clone(&self.site)),
            configures: self.role.allows(Permission::Configure),
            ..Shell::of(&self.signed_in)
        }
    }

    /// Whether the person may also do this here.
    pub fn allows(&self, permission: Permission) -> bool {
        self.role.allows(permission)
    }
}

impl FromRequestParts<Arc<Web>> for SignedIn {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, web: &Arc<Web>) -> Result<Self, Refused> {
        let signed_in = Self::look_up(&parts.headers, web).await.map_err(Refused::Problem)?;
        let may_change = !csrf::is_safe(&parts.method);
        let Some(signed_in) = signed_in else {
            return Err(Refused::signed_out(parts, may_change));
        };
        let presented = parts.headers.get(csrf::HEADER).and_then(|token| token.to_str().ok());
        if may_change && !csrf::matches(presented.unwrap_or_default(), signed_in.csrf()) {
            return Err(Refused::Problem(Problem::forged()));
        }
        Ok(signed_in)
    }
}

/// Why nobody is let in.
#[derive(Debug)]
pub enum Refused {
    /// A person who follows a link signs in first and goes on there.
    SignIn(String),
    /// Everything else.
    Problem(Problem),
}

impl Refused {
    fn signed_out(parts: &Parts, may_change: bool) -> Self {
        let here = parts.uri.path_and_query().map(axum::http::uri::PathAndQuery::as_str);
        if may_change || parts.headers.contains_key(super::dress::FRAGMENT) {
            return Self::Problem(Problem::signed_out(None));
        }
        Self::SignIn(super::form::sign_in_path(here))
    }
}

impl axum::response::IntoResponse for Refused {
    fn into_response(self) -> axum::response::Response {
        match self {
            Self::SignIn(path) => axum::response::Redirect::to(&path).into_response(),
            Self::Problem(problem) => problem.into_response(),
        }
    }
}

/// Begins a session for somebody who has just shown who they are, in place of the browser's earlier one;
/// the cookie that opens it.
pub(super) async fn begin(
    user: &User,
    how: &'static str,
    headers: &HeaderMap,
    client: &Client,
    web: &Web,
) -> Result<HeaderValue, Problem> {
    let secret = BearerSecret::mint(&*web.ids);
    let now = web.clock.now();
    let session = Session {
        id: secret.hash(),
        user: user.id,
        create_time: now,
        seen_time: now,
        idle_end: now.plus(web.options.session_idle),
        end_time: now.plus(web.options.session_max),
        network: client.network(),
        agent: client.agent.clone(),
    };
    let details = serde_json::json!({ "how": how, "network": session.network, "agent": session.agent });
    let entry = audit_entry(&user.actor(), None, "session.begun", &named(user.id), &details, now);
    let replaces = presented(headers, &web.options).next().map(|secret| secret.hash());
    web.store.begin_session(&session, replaces.as_ref(), &entry).await?;
    Ok(cookie(secret.expose(), web.options.session_max, &web.options))
}

/// A cookie that takes the browser's one away.
pub(super) fn no_cookie(options: &WebOptions) -> HeaderValue {
    cookie("", Duration::ZERO, options)
}

/// With the prefix, browsers take the cookie only from this very host and only encrypted.
const fn cookie_name(options: &WebOptions) -> &'static str {
    if options.secure { "__Host-moderato" } else { "moderato" }
}

fn cookie(value: &str, age: Duration, options: &WebOptions) -> HeaderValue {
    set_cookie(cookie_name(options), value, age, options)
}

/// A cookie that no script can read and no other site can send along with a form.
pub(super) fn set_cookie(name: &str, value: &str, age: Duration, options: &WebOptions) -> HeaderValue {
    let cookie = Cookie::build((name, value))
        .path("/")
        .http_only(true)
        .secure(options.secure)
        // Lax, not Strict: a link in a mail leads to the page and not to the sign-in.
        .same_site(SameSite::Lax)
        .build()
        .to_string();
    HeaderValue::from_str(&format!("{cookie}; Max-Age={}", age.as_secs()))
        .expect("hex digits and our own words are a header's value")
}

/// Secrets in cookies of our name.
fn presented<'h>(headers: &'h HeaderMap, options: &WebOptions) -> impl Iterator<Item = BearerSecret> + 'h {
    let name = cookie_name(options);
    let texts = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    texts
        .flat_map(|text| text.split(';'))
        .filter_map(move |pair| {
            let (found, value) = pair.trim().split_once('=')?;
            if found == name { BearerSecret::parse(value) } else { None }
        })
        .take(COOKIES_TRIED)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(secure: bool) -> WebOptions {
        let hour = Duration::from_hours(1);
        WebOptions {
            public_url: "http://127.0.0.1:1".to_owned(),
            public_url_is_certain: false,
            secure,
            behind_proxy: false,
            session_idle: hour,
            session_max: hour,
            invite: hour,
            undo: Duration::from_mins(1),
            mails: false,
        }
    }

    #[test]
    fn cookies_are_for_this_host_and_no_script() {
        let secure = cookie("ab", Duration::from_mins(1), &options(true));
        assert_eq!(secure, "__Host-moderato=ab; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=60");
        assert_eq!(no_cookie(&options(false)), "moderato=; HttpOnly; SameSite=Lax; Path=/; Max-Age=0");
    }

    #[test]
    fn odd_cookies_are_nobodys() {
        let secret = "a".repeat(64);
        let found = |text: &str| {
            let mut headers = HeaderMap::new();
            if let Ok(value) = HeaderValue::from_bytes(text.as_bytes()) {
                headers.insert(COOKIE, value);
            }
            presented(&headers, &options(false)).count()
        };
        assert_eq!(found(&format!("x=1; moderato={secret};;=; moderato=short")), 1);
        assert_eq!(found(&format!("moderato={secret}; ").repeat(50)), COOKIES_TRIED);
        for odd in ["", "moderato", "moderato=", "moderato=\"é\"", &format!("Moderato={secret}"), ";;;=;"] {
            assert_eq!(found(odd), 0, "{odd:?}");
        }
    }
}
