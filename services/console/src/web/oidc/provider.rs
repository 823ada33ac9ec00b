//! The organisation's identity provider: what it says about itself, and about a person.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use hmac::{Hmac, Mac as _};
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use moderato_access::BearerSecret;
use moderato_domain::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use sha2::Sha256;
use tokio::sync::{Mutex, OnceCell};

use super::super::csrf;

/// Longest wait for an answer of the provider.
const PATIENCE: Duration = Duration::from_secs(8);

/// Largest answer of the provider, in bytes.
const MAX_ANSWER_BYTES: usize = 256 * 1024;

/// How long what the provider says about itself is taken for granted.
const METADATA_KEPT: Duration = Duration::from_hours(1);

/// A key that is not known makes us ask again, but not more often than this.
const KEYS_ASKED_EVERY: Duration = Duration::from_mins(1);

/// After a failure we ask again, but not more often than this: everybody who wants to sign in would wait
/// for a provider that is away, one after the other.
const FAILED_ASKED_EVERY: Duration = Duration::from_secs(10);

/// How far the provider's clock may be from ours, in seconds.
const LEEWAY_S: i64 = 60;

/// Signatures that a provider makes with a key that only it has.
const ALGORITHMS: [Algorithm; 5] =
    [Algorithm::RS256, Algorithm::PS256, Algorithm::ES256, Algorithm::ES384, Algorithm::EdDSA];

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
    pub(super) options: OidcOptions,
    /// Made when the first person comes: it holds the system's certificates.
    http: OnceCell<reqwest::Client>,
    /// What it said last. Read by everybody; never held while the provider is asked.
    known: RwLock<Option<Known>>,
    /// Whoever asks the provider holds this, and leaves what came of a failure for those who wait.
    asking: Mutex<Option<Failure>>,
}

/// The last question was not answered.
#[derive(Debug)]
struct Failure {
    why: OidcError,
    at: Timestamp,
}

/// What a provider says about itself.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) metadata: Arc<Metadata>,
    keys: Arc<JwkSet>,
    at: Timestamp,
}

#[derive(Debug, Deserialize)]
pub(super) struct Metadata {
    issuer: String,
    pub(super) authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Vec<String>,
}

/// Why somebody does not get in this way.
#[derive(Debug, Clone, thiserror::Error)]
pub(super) enum OidcError {
    /// The provider does not answer, or not with what it should.
    #[error("the identity provider: {0}")]
    Provider(String),
    /// What it says about the person cannot be trusted.
    #[error("the identity provider's token: {0}")]
    Token(&'static str),
}

/// What the provider says about a person.
#[derive(Debug, Deserialize)]
pub(super) struct Claims {
    pub(super) iss: String,
    pub(super) sub: String,
    aud: OneOrMany,
    #[serde(default)]
    azp: Option<String>,
    exp: i64,
    #[serde(default)]
    iat: i64,
    #[serde(default)]
    nonce: String,
    #[serde(default)]
    pub(super) email: Option<String>,
    #[serde(default)]
    pub(super) email_verified: bool,
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
        Self { options, http: OnceCell::new(), known: RwLock::default(), asking: Mutex::default() }
    }

    /// What it says about itself; with a key of this name, if it has one. One asks the provider for all
    /// who need it; who needs nothing new waits for nobody.
    pub(super) async fn known(&self, key: Option<&str>, now: Timestamp) -> Result<Known, OidcError> {
        if let Some(seen) = self.seen(key, now) {
            return Ok(seen);
        }
        let mut failure = self.asking.lock().await;
        if let Some(seen) = self.seen(key, now) {
            return Ok(seen);
        }
        if let Some(failure) = failure.as_ref().filter(|failed| now.since(failed.at) < FAILED_ASKED_EVERY) {
            return Err(failure.why.clone());
        }
        match self.discover(now).await {
            Ok(fresh) => {
                *failure = None;
                *self.known.write().unwrap_or_else(PoisonError::into_inner) = Some(fresh.clone());
                Ok(fresh)
            }
            Err(why) => {
                *failure = Some(Failure { why: why.clone(), at: now });
                Err(why)
            }
        }
    }

    /// What it said last, if that will do.
    fn seen(&self, key: Option<&str>, now: Timestamp) -> Option<Known> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let seen = known.as_ref()?;
        let age = now.since(seen.at);
        let has_key = key.is_none_or(|key| seen.keys.find(key).is_some());
        (age < KEYS_ASKED_EVERY || (has_key && age < METADATA_KEPT)).then(|| seen.clone())
    }

    async fn discover(&self, now: Timestamp) -> Result<Known, OidcError> {
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
        Ok(Known { metadata: Arc::new(metadata), keys: Arc::new(keys), at: now })
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
    pub(super) async fn redeem(
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
    pub(super) fn admits(&self, claims: &Claims) -> bool {
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
pub(super) fn derived(attempt: &BearerSecret, what: &str) -> String {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(attempt.expose().as_bytes()).expect("HMAC takes keys of any length");
    mac.update(what.as_bytes());
    format!("{:x}", mac.finalize().into_bytes())
}
