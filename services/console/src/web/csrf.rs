//! A posted form comes from our own page.
//!
//! Two independent checks. What the browser says about where a request began (`refuse_foreign`),
//! for every request that may change something, also of people who are not signed in; and a token
//! that only pages of this very session hold ([`token`]), for everybody who is.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{HOST, HeaderName, ORIGIN};
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

use super::Web;
use super::problem::Problem;

/// The field of every form that is posted.
pub const FIELD: &str = "csrf";

/// The header that the script sends instead.
pub const HEADER: HeaderName = HeaderName::from_static("x-csrf-token");

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The token of a session: derived from its secret, so that it need not be kept, ends with it, and
/// does not tell it.
pub fn token(session_secret: &str) -> String {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(session_secret.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(b"moderato.csrf");
    format!("{:x}", mac.finalize().into_bytes())
}

/// Whether the presented token is the session's, in a time that does not tell how much of it is.
pub(super) fn matches(presented: &str, expected: &str) -> bool {
    presented.as_bytes().ct_eq(expected.as_bytes()).into()
}

/// Whether a request of this method changes nothing.
pub(super) fn is_safe(method: &Method) -> bool {
    method == Method::GET || method == Method::HEAD
}

/// Refuses what a page of somebody else sent.
pub(super) async fn refuse_foreign(State(web): State<Arc<Web>>, request: Request, next: Next) -> Response {
    if is_safe(request.method()) || is_from_us(request.headers(), &web) {
        return next.run(request).await;
    }
    Problem::forged().into_response()
}

/// What the browser says. One that says nothing is no browser of the last years, and still needs the
/// session's token.
fn is_from_us(headers: &HeaderMap, web: &Web) -> bool {
    if let Some(site) = headers.get(FETCH_SITE) {
        return site == "same-origin" || site == "none";
    }
    let Some(origin) = headers.get(ORIGIN) else { return true };
    let Ok(origin) = origin.to_str() else { return false };
    if web.options.public_url_is_certain && origin == web.options.public_url {
        return true;
    }
    let authority = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    authority.is_some() && authority == host
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_belongs_to_one_session_and_does_not_tell_its_secret() {
        let (one, other) = (token("one"), token("other"));
        assert_eq!(one.len(), 64);
        assert!(matches(&token("one"), &one) && !matches(&other, &one) && !matches("", &one));
        assert!(!matches(&one[..63], &one));
    }
}
