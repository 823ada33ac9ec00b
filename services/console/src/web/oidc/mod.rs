//! Signing in with the organisation's identity provider (OpenID Connect): authorization code with PKCE.
//!
//! Off unless configured. Somebody who comes back is known by issuer and subject; the first time, by the
//! verified address of somebody who was invited here and has not chosen a password. Whoever has one links
//! the two on their own account's page. Nobody gets an account or a role by it: that is what inviting is
//! for.
//!
//! State, nonce and verifier are derived from one secret in a cookie of ten minutes, so that an answer
//! counts only in the browser that asked, and nothing is kept here until somebody is in. The state says
//! what the answer is for: somebody's sign-in, or linking the account of the very person who asked.

mod provider;

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{COOKIE, REFRESH, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use moderato_access::BearerSecret;
use moderato_domain::{Email, UserId};
use moderato_store::{Account, AccountKey, ForeignIdentity};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

pub use provider::{OidcOptions, Provider};

use self::provider::{Claims, OidcError, derived};
use super::Web;
use super::account::check_password;
use super::client::Client;
use super::csrf;
use super::form::{Asked, Posted, own_path};
use super::problem::Problem;
use super::session::{self, SignedIn};
use super::shell::{Shell, page};

/// Longest time that somebody takes to sign in at the provider.
const ROUND_TRIP: Duration = Duration::from_mins(10);

pub(super) fn routes() -> Router<Arc<Web>> {
    Router::new()
        .route("/sign-in/oidc", get(depart))
        .route("/sign-in/oidc/callback", get(come_back))
        .route("/account/identity", get(confirm).post(depart_to_link))
        .route("/account/identity/unlink", post(unlink))
}

/// What the provider is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// Letting somebody in.
    SignIn,
    /// Linking the account of this person, who is in.
    Link(UserId),
}

impl Purpose {
    /// The state that only an answer to this attempt and for this purpose has.
    fn state(self, attempt: &BearerSecret) -> String {
        match self {
            Self::SignIn => derived(attempt, "state"),
            Self::Link(user) => derived(attempt, &format!("link\0{user}")),
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Departure {
    next: String,
}

async fn depart(State(web): State<Arc<Web>>, Asked(question): Asked<Departure>) -> Result<Response, Problem> {
    let provider = web.oidc.as_ref().ok_or_else(Problem::not_found)?;
    let next = own_path(&question.next).unwrap_or("/");
    let (kept, address) = begin(provider, Purpose::SignIn, next, &web).await?;
    Ok(([(SET_COOKIE, kept)], Redirect::to(&address)).into_response())
}

/// An attempt: the cookie that it is kept in, and where to go.
async fn begin(
    provider: &Provider,
    purpose: Purpose,
    next: &str,
    web: &Web,
) -> Result<(HeaderValue, String), Problem> {
    let metadata = provider.known(None, web.clock.now()).await?.metadata;
    let attempt = BearerSecret::mint(&*web.ids);
    let challenge = base64_url(&Sha256::digest(derived(&attempt, "verifier")));
    let (state, nonce) = (purpose.state(&attempt), derived(&attempt, "nonce"));
    let redirect_uri = redirect_uri(web);
    let question_text = serde_html_form::to_string([
        ("response_type", "code"),
        ("client_id", provider.options.client_id.as_str()),
        ("redirect_uri", redirect_uri.as_str()),
        ("scope", "openid email profile"),
        ("state", state.as_str()),
        ("nonce", nonce.as_str()),
        ("code_challenge", challenge.as_str()),
        ("code_challenge_method", "S256"),
    ])
    .map_err(|_| Problem::defect())?;
    let endpoint = &metadata.authorization_endpoint;
    let joint = if endpoint.contains('?') { '&' } else { '?' };
    let kept = attempt_cookie(&format!("{}.{}", attempt.expose(), hex(next)), ROUND_TRIP, web);
    Ok((kept, format!("{endpoint}{joint}{question_text}")))
}

/// Before somebody's account is linked.
#[derive(Template)]
#[template(path = "identity.html")]
struct ConfirmPage {
    shell: Shell,
    csrf: String,
    mail: String,
    issuer: String,
    refusal: Option<&'static str>,
}

impl ConfirmPage {
    fn of(signed_in: &SignedIn, provider: &Provider, refusal: Option<&'static str>) -> Self {
        Self {
            shell: Shell::of(signed_in),
            csrf: signed_in.csrf().to_owned(),
            mail: signed_in.user().mail.as_str().to_owned(),
            issuer: provider.options.issuer.clone(),
            refusal,
        }
    }
}

async fn confirm(State(web): State<Arc<Web>>, signed_in: SignedIn) -> Result<Response, Problem> {
    let provider = web.oidc.as_ref().ok_or_else(Problem::not_found)?;
    page(&ConfirmPage::of(&signed_in, provider, None))
}

/// On the way to the provider. A page, and no redirect: what a form of ours leads to must be ours.
#[derive(Template)]
#[template(path = "away.html")]
struct AwayPage {
    shell: Shell,
    address: String,
}

#[derive(Deserialize)]
struct Confirmed {
    old: String,
}

async fn depart_to_link(
    State(web): State<Arc<Web>>,
    Posted { signed_in, form }: Posted<Confirmed>,
) -> Result<Response, Problem> {
    let provider = web.oidc.as_ref().ok_or_else(Problem::not_found)?;
    if let Err(refusal) = check_password(&signed_in, form.old, &web).await? {
        let shown = ConfirmPage::of(&signed_in, provider, Some(refusal));
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, page(&shown)?).into_response());
    }
    let purpose = Purpose::Link(signed_in.user().id);
    let (kept, address) = begin(provider, purpose, "/account?told=linked", &web).await?;
    let refresh = HeaderValue::from_str(&format!("0; url={address}"));
    let mut response = page(&AwayPage { shell: Shell::of(&signed_in), address })?;
    let headers = response.headers_mut();
    headers.insert(SET_COOKIE, kept);
    if let Ok(refresh) = refresh {
        headers.insert(REFRESH, refresh);
    }
    Ok(response)
}

#[derive(Deserialize)]
struct Nothing {}

async fn unlink(
    State(web): State<Arc<Web>>,
    Posted { signed_in, form: Nothing {} }: Posted<Nothing>,
) -> Result<Response, Problem> {
    web.people().unlink_identity(signed_in.user().id, &signed_in.actor()).await?;
    Ok(Redirect::to("/account?told=unlinked").into_response())
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Return {
    code: String,
    state: String,
    error: String,
}

async fn come_back(
    State(web): State<Arc<Web>>,
    Asked(question): Asked<Return>,
    request: Request,
) -> Result<Response, Problem> {
    let provider = web.oidc.as_ref().ok_or_else(Problem::not_found)?;
    let (parts, _) = request.into_parts();
    let (attempt, next) = begun(&parts.headers, &web).ok_or_else(astray)?;
    let signed_in = SignedIn::look_up(&parts.headers, &web).await?;
    let is_for = |purpose: Purpose| csrf::matches(&question.state, &purpose.state(&attempt));
    let linking = signed_in.filter(|signed_in| is_for(Purpose::Link(signed_in.user().id)));
    if linking.is_none() && !is_for(Purpose::SignIn) {
        return Err(astray());
    }
    // The attempt is over, whatever comes of it.
    let over = attempt_cookie("", Duration::ZERO, &web);
    let arrived = async {
        let claims = answered(provider, &question, &attempt, &web).await?;
        let on = Redirect::to(&next);
        if let Some(signed_in) = &linking {
            let identity = identity_of(&claims);
            web.people().link_identity(signed_in.user().id, identity, &signed_in.actor()).await?;
            return Ok(on.into_response());
        }
        let cookie = arrive(&claims, &parts, &web).await?;
        Ok(([(SET_COOKIE, cookie)], on).into_response())
    };
    let mut response = arrived.await.unwrap_or_else(Problem::into_response);
    response.headers_mut().append(SET_COOKIE, over);
    Ok(response)
}

/// What the provider says about whoever came back from it, if it let them in.
async fn answered(
    provider: &Provider,
    question: &Return,
    attempt: &BearerSecret,
    web: &Web,
) -> Result<Claims, Problem> {
    if !question.error.is_empty() || question.code.is_empty() {
        return Err(refused("The identity provider did not sign you in."));
    }
    let claims = provider.redeem(&question.code, attempt, &redirect_uri(web), web.clock.now()).await?;
    if !provider.admits(&claims) {
        return Err(refused(
            "Your account at the identity provider does not have the role that is needed here.",
        ));
    }
    Ok(claims)
}

/// From what the provider says to the cookie of a session.
async fn arrive(
    claims: &Claims,
    parts: &axum::http::request::Parts,
    web: &Web,
) -> Result<HeaderValue, Problem> {
    let Some(account) = recognise(claims, web).await? else {
        return Err(refused(
            "Nobody here is known by that account. If you have a password here, sign in with it and link the two \
             on your account's page; otherwise ask an admin to invite you with the same mail address.",
        ));
    };
    if account.user.disable_time.is_some() {
        return Err(refused("This account may not be used here any more."));
    }
    session::begin(&account.user, "oidc", &parts.headers, &Client::of(parts, web), web).await
}

fn identity_of(claims: &Claims) -> ForeignIdentity {
    ForeignIdentity { issuer: claims.iss.clone(), subject: claims.sub.clone() }
}

/// Whose claims these are.
async fn recognise(claims: &Claims, web: &Web) -> Result<Option<Account>, Problem> {
    let identity = identity_of(claims);
    if let Some(known) = web.store.account(&AccountKey::Identity(identity.clone())).await? {
        return Ok(Some(known));
    }
    let verified = claims.email.as_deref().filter(|_| claims.email_verified).and_then(Email::parse);
    let Some(mail) = verified else { return Ok(None) };
    let invited = web.store.account(&AccountKey::Mail(mail)).await?;
    let Some(account) = invited.filter(|account| account.identity.is_none() && account.password.is_none())
    else {
        return Ok(None);
    };
    web.people().link_identity(account.user.id, identity, &account.user.actor()).await?;
    Ok(Some(account))
}

fn redirect_uri(web: &Web) -> String {
    format!("{}/sign-in/oidc/callback", web.options.public_url)
}

const fn attempt_cookie_name(secure: bool) -> &'static str {
    if secure { "__Host-moderato-oidc" } else { "moderato-oidc" }
}

fn attempt_cookie(value: &str, age: Duration, web: &Web) -> HeaderValue {
    session::set_cookie(attempt_cookie_name(web.options.secure), value, age, &web.options)
}

/// The attempt that this browser has begun, and where to go on.
fn begun(headers: &HeaderMap, web: &Web) -> Option<(BearerSecret, String)> {
    let name = attempt_cookie_name(web.options.secure);
    let texts = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut values = texts.flat_map(|text| text.split(';')).filter_map(|pair| {
        let (found, value) = pair.trim().split_once('=')?;
        (found == name).then_some(value)
    });
    let (secret, next) = values.next()?.split_once('.')?;
    let next = unhex(next)?;
    Some((BearerSecret::parse(secret)?, own_path(&next)?.to_owned()))
}

fn astray() -> Problem {
    refused("This answer belongs to no sign-in that was begun in this browser, or to one that took too long.")
}

fn refused(message: &str) -> Problem {
    let problem = Problem::new(StatusCode::FORBIDDEN, "oidc", "You are not signed in", message);
    problem.with_way_on("/sign-in".to_owned(), "Back to the sign-in")
}

impl From<OidcError> for Problem {
    fn from(error: OidcError) -> Self {
        tracing::warn!(%error, "somebody could not sign in with the identity provider");
        match error {
            OidcError::Provider(_) => {
                Self::unavailable("The identity provider does not answer as it should.")
            }
            OidcError::Token(_) => refused("The identity provider's answer cannot be trusted."),
        }
    }
}

fn hex(text: &str) -> String {
    text.bytes().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
}

fn unhex(text: &str) -> Option<String> {
    if !text.is_ascii() || !text.len().is_multiple_of(2) {
        return None;
    }
    let bytes = (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok());
    String::from_utf8(bytes.collect::<Option<Vec<u8>>>()?).ok()
}

/// Base64 for addresses, without padding (RFC 4648 §5).
fn base64_url(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let number = group.iter().fold(0_u32, |number, byte| number << 8 | u32::from(*byte))
            << (8 * (3 - group.len()));
        for place in 0..=group.len() {
            text.push(char::from(DIGITS[(number >> (18 - 6 * place)) as usize & 63]));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_is_what_the_specification_computes() {
        // RFC 7636, appendix B.
        let challenge = base64_url(&Sha256::digest("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"));
        assert_eq!(challenge, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        assert_eq!([&b""[..], b"f", b"fo", b"foo"].map(base64_url), ["", "Zg", "Zm8", "Zm9v"]);
    }

    #[test]
    fn a_path_survives_its_cookie() {
        for path in ["/", "/sites/blog/queue?queue=spam"] {
            assert_eq!(unhex(&hex(path)).as_deref(), Some(path));
        }
        for odd in ["0", "zz", "ff", "é"] {
            assert_eq!(unhex(odd), None, "{odd}");
        }
    }
}
