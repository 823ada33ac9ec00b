//! Signing in with the organisation's identity provider (OpenID Connect): authorization code with PKCE.
//!
//! Off unless configured. Somebody who comes back is known by issuer and subject; the first time, by the
//! verified address of somebody who was invited here and has not chosen a password. Nobody gets an
//! account or a role by it: that is what inviting is for.
//!
//! State, nonce and verifier are derived from one secret in a cookie of ten minutes, so that an answer
//! counts only in the browser that asked, and nothing is kept here until somebody is in.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::get;
use hmac::{Hmac, Mac as _};
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use moderato_access::BearerSecret;
use moderato_domain::{Email, Timestamp, User};
use moderato_store::{Account, AccountKey, ForeignIdentity, UserChange};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use tokio::sync::{Mutex, OnceCell};

use super::Web;
use super::client::Client;
use super::csrf;
use super::form::{Asked, own_path};
use super::problem::Problem;
use super::session;
use crate::people::{audit_entry, named};

/// Longest wait for an answer of the provider.
const PATIENCE: Duration = Duration::from_secs(8);

/// Largest answer of the provider, in bytes.
const MAX_ANSWER_BYTES: usize = 256 * 1024;

/// How long what the provider says about itself is taken for granted.
const METADATA_KEPT: Duration = Duration::from_hours(1);

/// A key that is not known makes us ask again, but not more often than this.
const KEYS_ASKED_EVERY: Duration = Duration::from_mins(1);

/// Longest time that somebody takes to sign in at the provider.
const ROUND_TRIP: Duration = Duration::from_mins(10);

/// How far the provider's clock may be from ours, in seconds.
const LEEWAY_S: i64 = 60;

/// Signatures that a provider makes with a key that only it has.
const ALGORITHMS: [Algorithm; 5] =
    [Algorithm::RS256, Algorithm::PS256, Algorithm::ES256, Algorithm::ES384, Algorithm::EdDSA];

pub(super) fn routes() -> Router<Arc<Web>> {
    Router::new().route("/sign-in/oidc", get(depart)).route("/sign-in/oidc/callback", get(come_back))
}

/// How the provider is reached and whom it may let in.
#[derive(Clone)]
pub struct OidcOptions {
    /// The provider, exactly as it names itself.
    pub issuer: String,
    /// Who we are there.
    pub client_id: String,
    /// Our password there; empty: none, PKCE alone.
    pub client_secret: String,
    /// The claim that lists a person's groups or roles.
    pub roles_claim: String,
    /// What must stand in it; empty: nothing.
    pub required_role: String,
}

/// Without the secret.
impl std::fmt::Debug for OidcOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OidcOptions").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

/// The configured provider.
#[derive(Debug)]
pub struct Provider {
    options: OidcOptions,
    /// Made when the first person comes: it holds the system's certificates.
    http: OnceCell<reqwest::Client>,
    known: Mutex<Option<Known>>,
}

/// What a provider says about itself.
#[derive(Debug, Clone)]
struct Known {
    metadata: Arc<Metadata>,
    keys: Arc<JwkSet>,
    at: Timestamp,
}

#[derive(Debug, Deserialize)]
struct Metadata {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Vec<String>,
}

/// Why somebody does not get in this way.
#[derive(Debug, thiserror::Error)]
enum OidcError {
    /// The provider does not answer, or not with what it should.
    #[error("the identity provider: {0}")]
    Provider(String),
    /// What it says about the person cannot be trusted.
    #[error("the identity provider's token: {0}")]
    Token(&'static str),
}

/// What the provider says about a person.
#[derive(Debug, Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: OneOrMany,
    #[serde(default)]
    azp: Option<String>,
    exp: i64,
    #[serde(default)]
    iat: i64,
    #[serde(default)]
    nonce: String,
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    email_verified: bool,
    #[serde(flatten)]
    others: Map<String, Value>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    fn as_slice(&self) -> &[String] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }
}

impl Provider {
    /// A provider that is asked when the first person comes.
    pub fn new(options: OidcOptions) -> Self {
        Self { options, http: OnceCell::new(), known: Mutex::new(None) }
    }

    /// What it says about itself; with a key of this name, if it has one.
    async fn known(&self, key: Option<&str>, now: Timestamp) -> Result<Known, OidcError> {
        let mut known = self.known.lock().await;
        if let Some(seen) = &*known {
            let age = now.since(seen.at);
            let has_key = key.is_none_or(|key| seen.keys.find(key).is_some());
            if age < KEYS_ASKED_EVERY || (has_key && age < METADATA_KEPT) {
                return Ok(seen.clone());
            }
        }
        let issuer = self.options.issuer.trim_end_matches('/');
        let metadata: Metadata = self.get(&format!("{issuer}/.well-known/openid-configuration")).await?;
        if metadata.issuer != self.options.issuer {
            return Err(OidcError::Provider("it names itself otherwise than configured".to_owned()));
        }
        let encrypted = issuer.starts_with("https://");
        for endpoint in [&metadata.authorization_endpoint, &metadata.token_endpoint, &metadata.jwks_uri] {
            if encrypted && !endpoint.starts_with("https://") {
                return Err(OidcError::Provider("an endpoint is not encrypted".to_owned()));
            }
        }
        let keys: JwkSet = self.get(&metadata.jwks_uri).await?;
        let fresh = Known { metadata: Arc::new(metadata), keys: Arc::new(keys), at: now };
        *known = Some(fresh.clone());
        Ok(fresh)
    }

    async fn http(&self) -> Result<&reqwest::Client, OidcError> {
        self.http
            .get_or_try_init(async || {
                reqwest::Client::builder()
                    .timeout(PATIENCE)
                    .redirect(reqwest::redirect::Policy::none())
                    .pool_max_idle_per_host(0)
                    .build()
            })
            .await
            .map_err(|error| unreachable(&error))
    }

    async fn get<T: DeserializeOwned>(&self, url: &str) -> Result<T, OidcError> {
        let response = self.http().await?.get(url).send().await.map_err(|error| unreachable(&error))?;
        read(response).await
    }

    /// The claims of the person that the code stands for.
    async fn redeem(
        &self,
        code: &str,
        attempt: &BearerSecret,
        redirect_uri: &str,
        now: Timestamp,
    ) -> Result<Claims, OidcError> {
        #[derive(Deserialize)]
        struct Tokens {
            id_token: String,
        }
        let OidcOptions { client_id, client_secret, .. } = &self.options;
        let metadata = self.known(None, now).await?.metadata;
        let verifier = derived(attempt, "verifier");
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", redirect_uri),
            ("code_verifier", verifier.as_str()),
            ("client_id", client_id.as_str()),
        ];
        let mut request = self.http().await?.post(&metadata.token_endpoint);
        // The basic scheme is what every provider takes that does not say otherwise.
        let methods = &metadata.token_endpoint_auth_methods_supported;
        let by_form = !methods.is_empty() && !methods.iter().any(|method| method == "client_secret_basic");
        if by_form && !client_secret.is_empty() {
            form.push(("client_secret", client_secret));
        } else if !client_secret.is_empty() {
            request = request.basic_auth(client_id, Some(client_secret));
        }
        let response = request.form(&form).send().await.map_err(|error| unreachable(&error))?;
        let tokens: Tokens = read(response).await?;
        self.verify(&tokens.id_token, attempt, now).await
    }

    /// Checks a token as the specification asks (OpenID Connect Core §3.1.3.7).
    async fn verify(&self, token: &str, attempt: &BearerSecret, now: Timestamp) -> Result<Claims, OidcError> {
        let refused = OidcError::Token;
        let header = jsonwebtoken::decode_header(token).map_err(|_| refused("it is not one"))?;
        if !ALGORITHMS.contains(&header.alg) {
            return Err(refused("it is not signed with a key that only the provider has"));
        }
        let keys = self.known(header.kid.as_deref(), now).await?.keys;
        let key = match (&header.kid, keys.keys.as_slice()) {
            (Some(kid), _) => keys.find(kid),
            (None, [only]) => Some(only),
            (None, _) => None,
        };
        let key = key.ok_or(refused("its key is none of the provider's"))?;
        let mut validation = Validation::new(header.alg);
        validation.set_audience(&[&self.options.client_id]);
        validation.set_issuer(&[&self.options.issuer]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        // By our own clock, below.
        validation.validate_exp = false;
        let claims = decode(token, key, &validation)?;

        let now_s = now.as_millis() / 1000;
        if claims.exp + LEEWAY_S <= now_s {
            return Err(refused("it has expired"));
        }
        if claims.iat > now_s + LEEWAY_S {
            return Err(refused("it is from the future"));
        }
        if claims.azp.as_ref().is_some_and(|party| *party != self.options.client_id)
            || (claims.aud.as_slice().len() > 1 && claims.azp.is_none())
        {
            return Err(refused("it was given to somebody else"));
        }
        if !csrf::matches(&claims.nonce, &derived(attempt, "nonce")) {
            return Err(refused("it answers another attempt"));
        }
        Ok(claims)
    }

    /// Whether the person has the role that is asked for.
    fn admits(&self, claims: &Claims) -> bool {
        let OidcOptions { roles_claim, required_role, .. } = &self.options;
        if required_role.is_empty() {
            return true;
        }
        match claims.others.get(roles_claim) {
            Some(Value::String(role)) => role == required_role,
            Some(Value::Array(roles)) => roles.iter().any(|role| role.as_str() == Some(required_role)),
            _ => false,
        }
    }
}

fn decode(token: &str, key: &Jwk, validation: &Validation) -> Result<Claims, OidcError> {
    let refused = |_| OidcError::Token("its signature, issuer or audience is wrong");
    let key = DecodingKey::from_jwk(key).map_err(refused)?;
    Ok(jsonwebtoken::decode::<Claims>(token, &key, validation).map_err(refused)?.claims)
}

fn unreachable(error: &reqwest::Error) -> OidcError {
    // Without the address, which holds the code.
    let what = if error.is_timeout() {
        "it did not answer in time"
    } else if error.is_connect() {
        "it cannot be reached"
    } else {
        "its answer broke off"
    };
    OidcError::Provider(what.to_owned())
}

/// A JSON answer, no larger than it may be.
async fn read<T: DeserializeOwned>(mut response: reqwest::Response) -> Result<T, OidcError> {
    if !response.status().is_success() {
        return Err(OidcError::Provider(format!("it answered {}", response.status())));
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| unreachable(&error))? {
        if body.len() + chunk.len() > MAX_ANSWER_BYTES {
            return Err(OidcError::Provider("its answer is too large".to_owned()));
        }
        body.extend_from_slice(&chunk);
    }
    serde_json::from_slice(&body)
        .map_err(|_| OidcError::Provider("its answer is not what it should be".to_owned()))
}

/// A value that belongs to one attempt, and does not tell its secret or the other values.
fn derived(attempt: &BearerSecret, what: &str) -> String {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(attempt.expose().as_bytes()).expect("HMAC takes keys of any length");
    mac.update(what.as_bytes());
    format!("{:x}", mac.finalize().into_bytes())
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Departure {
    next: String,
}

async fn depart(State(web): State<Arc<Web>>, Asked(question): Asked<Departure>) -> Result<Response, Problem> {
    let provider = web.oidc.as_ref().ok_or_else(Problem::not_found)?;
    let metadata = provider.known(None, web.clock.now()).await?.metadata;
    let attempt = BearerSecret::mint(&*web.ids);
    let challenge = base64_url(&Sha256::digest(derived(&attempt, "verifier")));
    let (state, nonce) = (derived(&attempt, "state"), derived(&attempt, "nonce"));
    let redirect_uri = redirect_uri(&web);
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
    let away = Redirect::to(&format!("{endpoint}{joint}{question_text}"));
    let next = own_path(&question.next).unwrap_or("/");
    let kept = attempt_cookie(&format!("{}.{}", attempt.expose(), hex(next)), ROUND_TRIP, &web);
    Ok(([(SET_COOKIE, kept)], away).into_response())
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
    if !csrf::matches(&question.state, &derived(&attempt, "state")) {
        return Err(astray());
    }
    // The attempt is over, whatever comes of it.
    let over = attempt_cookie("", Duration::ZERO, &web);
    let arrived = arrive(provider, &question, &attempt, &parts, &web).await;
    let mut response = match arrived {
        Ok(cookie) => ([(SET_COOKIE, cookie)], Redirect::to(&next)).into_response(),
        Err(problem) => problem.into_response(),
    };
    response.headers_mut().append(SET_COOKIE, over);
    Ok(response)
}

/// From the provider's answer to the cookie of a session.
async fn arrive(
    provider: &Provider,
    question: &Return,
    attempt: &BearerSecret,
    parts: &axum::http::request::Parts,
    web: &Web,
) -> Result<HeaderValue, Problem> {
    if !question.error.is_empty() || question.code.is_empty() {
        return Err(refused("The identity provider did not sign you in."));
    }
    let claims = provider.redeem(&question.code, attempt, &redirect_uri(web), web.clock.now()).await?;
    if !provider.admits(&claims) {
        return Err(refused(
            "Your account at the identity provider does not have the role that is needed here.",
        ));
    }
    let Some(account) = recognise(&claims, web).await? else {
        return Err(refused(
            "Nobody here is known by that account. Ask an admin to invite you with the same mail address.",
        ));
    };
    if account.user.disable_time.is_some() {
        return Err(refused("This account may not be used here any more."));
    }
    session::begin(&account.user, "oidc", &parts.headers, &Client::of(parts, web), web).await
}

/// Whose claims these are.
async fn recognise(claims: &Claims, web: &Web) -> Result<Option<Account>, Problem> {
    let identity = ForeignIdentity { issuer: claims.iss.clone(), subject: claims.sub.clone() };
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
    link_identity(&account.user, identity, web).await?;
    Ok(Some(account))
}

async fn link_identity(user: &User, identity: ForeignIdentity, web: &Web) -> Result<(), Problem> {
    let details = json!({ "issuer": identity.issuer });
    let now = web.clock.now();
    let entry = audit_entry(&user.actor(), None, "user.identity_linked", &named(user.id), &details, now);
    web.store.change_user(user.id, &UserChange::Identity(identity), None, Some(&entry)).await?;
    Ok(())
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
