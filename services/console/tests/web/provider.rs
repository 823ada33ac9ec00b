//! An OpenID Connect provider: small, honest, and able to lie on request.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Form, Query, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use moderato_domain::{Ids as _, SystemIds};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;

pub(crate) const CLIENT: &str = "moderato-console";
/// `moderato-console:s3cret`, as the basic scheme writes it.
const BASIC: &str = "Basic bW9kZXJhdG8tY29uc29sZTpzM2NyZXQ=";
pub(crate) const SECRET: &str = "s3cret";

/// What it does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lie {
    Nothing,
    Nonce,
    Audience,
    Issuer,
    Expired,
    Future,
    UnknownKey,
    KeyOfSomebodyElse,
    NoSignature,
    SignedWithTheSecret,
    AnotherParty,
    Huge,
    Away,
}

pub(crate) struct Provider {
    pub(crate) issuer: String,
    pub(crate) lie: Mutex<Lie>,
    /// What it says about whoever signs in.
    pub(crate) person: Mutex<Value>,
    pub(crate) algorithm: Mutex<Algorithm>,
    /// How often it was asked about itself.
    pub(crate) asked: AtomicUsize,
    /// Has no answer about itself as long as somebody holds it.
    pub(crate) pause: tokio::sync::Mutex<()>,
    /// Grants by code; each can be redeemed once.
    grants: Mutex<HashMap<String, HashMap<String, String>>>,
    keys: HashMap<&'static str, (Algorithm, EncodingKey)>,
    now_s: i64,
}

impl Provider {
    pub(crate) async fn start(now_s: i64) -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let elliptic = || EncodingKey::from_ec_der(&rcgen::KeyPair::generate().unwrap().serialize_der());
        let rsa =
            rcgen::KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048).unwrap();
        // PKCS#8 of a 2048-bit key: 26 bytes, then the key as PKCS#1.
        let rsa = EncodingKey::from_rsa_der(&rsa.serialize_der()[26..]);
        let keys = HashMap::from([
            ("ec", (Algorithm::ES256, elliptic())),
            ("rsa", (Algorithm::RS256, rsa)),
            ("foreign", (Algorithm::ES256, elliptic())),
        ]);
        let provider = Arc::new(Self {
            issuer: format!("http://{}", listener.local_addr().unwrap()),
            lie: Mutex::new(Lie::Nothing),
            person: Mutex::new(Value::Null),
            algorithm: Mutex::new(Algorithm::ES256),
            asked: AtomicUsize::new(0),
            pause: tokio::sync::Mutex::default(),
            grants: Mutex::default(),
            keys,
            now_s,
        });
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(configuration))
            .route("/keys", get(keys_of))
            .route("/authorize", get(authorize))
            .route("/token", post(token))
            .with_state(Arc::clone(&provider));
        tokio::spawn(async move { axum::serve(listener, router).await });
        provider
    }

    pub(crate) fn lies(&self, lie: Lie) {
        *self.lie.lock().unwrap() = lie;
    }

    fn lie(&self) -> Lie {
        *self.lie.lock().unwrap()
    }

    fn id_token(&self, nonce: &str) -> String {
        let lie = self.lie();
        let mut claims = json!({
            "iss": self.issuer, "aud": CLIENT, "nonce": nonce, "iat": self.now_s, "exp": self.now_s + 300,
        });
        let person = self.person.lock().unwrap().clone();
        claims.as_object_mut().unwrap().extend(person.as_object().unwrap().clone());
        match lie {
            Lie::Nonce => claims["nonce"] = json!("0".repeat(64)),
            Lie::Audience => claims["aud"] = json!("another-client"),
            Lie::Issuer => claims["iss"] = json!("https://evil.example"),
            Lie::Expired => claims["exp"] = json!(self.now_s - 61),
            Lie::Future => claims["iat"] = json!(self.now_s + 3_600),
            Lie::AnotherParty => {
                claims["aud"] = json!([CLIENT, "another-client"]);
                claims["azp"] = json!("another-client");
            }
            _ => {}
        }
        let algorithm = *self.algorithm.lock().unwrap();
        let name = if algorithm == Algorithm::RS256 { "rsa" } else { "ec" };
        let mut header = Header::new(algorithm);
        header.kid = Some(if lie == Lie::UnknownKey { "unknown".to_owned() } else { name.to_owned() });
        match lie {
            Lie::NoSignature => {
                let payload = base64_url(claims.to_string().as_bytes());
                format!("{}.{payload}.", base64_url(br#"{"alg":"none","typ":"JWT"}"#))
            }
            Lie::SignedWithTheSecret => {
                let header = Header { kid: header.kid, ..Header::new(Algorithm::HS256) };
                encode(&header, &claims, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap()
            }
            Lie::KeyOfSomebodyElse => encode(&header, &claims, &self.keys["foreign"].1).unwrap(),
            _ => encode(&header, &claims, &self.keys[name].1).unwrap(),
        }
    }
}

fn json_answer(value: &Value) -> Response {
    ([(CONTENT_TYPE, "application/json")], value.to_string()).into_response()
}

async fn configuration(State(provider): State<Arc<Provider>>) -> Response {
    provider.asked.fetch_add(1, Ordering::SeqCst);
    drop(provider.pause.lock().await);
    match provider.lie() {
        Lie::Away => return StatusCode::BAD_GATEWAY.into_response(),
        Lie::Huge => return "x".repeat(1024 * 1024).into_response(),
        _ => {}
    }
    let issuer = &provider.issuer;
    json_answer(&json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "jwks_uri": format!("{issuer}/keys"),
        "token_endpoint_auth_methods_supported": ["client_secret_basic"],
    }))
}

async fn keys_of(State(provider): State<Arc<Provider>>) -> Response {
    let public = ["ec", "rsa"].map(|name| {
        let (algorithm, key) = &provider.keys[name];
        let mut key = Jwk::from_encoding_key(key, *algorithm).unwrap();
        key.common.key_id = Some(name.to_owned());
        key
    });
    json_answer(&serde_json::to_value(JwkSet { keys: public.to_vec() }).unwrap())
}

/// Whoever comes is signed in already: the answer is the code.
async fn authorize(
    State(provider): State<Arc<Provider>>,
    Query(asked): Query<HashMap<String, String>>,
) -> Response {
    let is = |name: &str, value: &str| asked.get(name).is_some_and(|found| found == value);
    let fits = is("response_type", "code") && is("client_id", CLIENT) && is("code_challenge_method", "S256");
    if !fits || !asked["scope"].split(' ').any(|scope| scope == "openid") {
        return StatusCode::BAD_REQUEST.into_response();
    }
    let code = SystemIds.time_ordered().simple().to_string();
    let back = format!("{}?code={code}&state={}", asked["redirect_uri"], asked["state"]);
    provider.grants.lock().unwrap().insert(code, asked);
    Redirect::to(&back).into_response()
}

async fn token(
    State(provider): State<Arc<Provider>>,
    headers: HeaderMap,
    Form(form): Form<HashMap<String, String>>,
) -> Response {
    if headers.get(AUTHORIZATION).is_none_or(|given| given != BASIC) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let grant = form.get("code").and_then(|code| provider.grants.lock().unwrap().remove(code));
    let Some(grant) = grant else { return StatusCode::BAD_REQUEST.into_response() };
    let challenge = base64_url(&Sha256::digest(form["code_verifier"].as_bytes()));
    if grant["code_challenge"] != challenge || grant["redirect_uri"] != form["redirect_uri"] {
        return StatusCode::BAD_REQUEST.into_response();
    }
    let id_token = provider.id_token(&grant["nonce"]);
    json_answer(&json!({ "access_token": "unused", "token_type": "Bearer", "id_token": id_token }))
}

fn base64_url(bytes: &[u8]) -> String {
    let bits = bytes.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1)).collect::<Vec<_>>();
    let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let digit = |six: &[u8]| {
        let number = six.iter().fold(0, |number, bit| number << 1 | usize::from(*bit)) << (6 - six.len());
        char::from(digits[number])
    };
    bits.chunks(6).map(digit).collect()
}
