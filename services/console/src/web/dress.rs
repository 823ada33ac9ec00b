//! What every answer has: headers that keep a hostile comment harmless, a bound on its time, and a
//! readable page where something was refused.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, REFERRER_POLICY,
    STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::Web;
use super::problem::Problem;

/// Longest time to the beginning of an answer. Live updates begin at once and go on.
const ANSWER_LIMIT: Duration = Duration::from_secs(20);

/// Nothing but our own files, and nothing inline: a comment that got through as markup would still
/// run, load and send nothing.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                      connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// Set by the script on its requests: it wants a part of a page, not a page.
pub(super) const FRAGMENT: &str = "x-fragment";

/// On every answer. The referrer is told to our own pages only: with `no-referrer`, browsers would
/// send `Origin: null` with our forms, and a forged form could not be told from ours by it.
const ALWAYS: [(HeaderName, &str); 6] = [
    (CONTENT_SECURITY_POLICY, POLICY),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=(), payment=()"),
];

/// The outermost layer.
pub(super) async fn dress(State(web): State<Arc<Web>>, request: Request, next: Next) -> Response {
    let wants = Wants::of(request.headers());
    let mut response = next.run(request).await;
    // A form that is shown again with what is wrong is a page already.
    let is_page =
        response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    if (response.status().is_client_error() || response.status().is_server_error()) && !is_page {
        response = readable(response, wants);
    }
    let headers = response.headers_mut();
    for (name, value) in ALWAYS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if web.options.secure {
        headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Ends what takes too long.
pub(super) async fn within_limit(request: Request, next: Next) -> Response {
    match tokio::time::timeout(ANSWER_LIMIT, next.run(request)).await {
        Ok(response) => response,
        Err(_elapsed) => {
            tracing::warn!(limit_s = ANSWER_LIMIT.as_secs(), "a page was not ready in time");
            Problem::unavailable("This page was not ready in time.").into_response()
        }
    }
}

/// Where there is no page.
pub(super) async fn not_found() -> Problem {
    Problem::not_found()
}

/// How a refusal is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wants {
    Page,
    Fragment,
    Text,
}

impl Wants {
    fn of(headers: &HeaderMap) -> Self {
        if headers.contains_key(FRAGMENT) {
            return Self::Fragment;
        }
        let accepts = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or("*/*");
        if accepts.contains("text/html") || accepts.contains("*/*") { Self::Page } else { Self::Text }
    }
}

/// A refusal in words. One that the framework made, such as for a broken path, has none yet.
fn readable(mut response: Response, wants: Wants) -> Response {
    let problem = response
        .extensions_mut()
        .remove::<Problem>()
        .unwrap_or_else(|| Problem::of_status(response.status()));
    let (text, kind) = match wants {
        Wants::Page => (problem.page(), "text/html; charset=utf-8"),
        Wants::Fragment => (problem.fragment(), "text/html; charset=utf-8"),
        Wants::Text => (problem.message().to_owned(), "text/plain; charset=utf-8"),
    };
    let headers = std::mem::take(response.headers_mut());
    let mut dressed = (problem.status(), text).into_response();
    // A cookie that is taken away, a time to retry after; not what described the empty body.
    for (name, value) in headers {
        if let Some(name) = name
            && name != CONTENT_TYPE
            && name != axum::http::header::CONTENT_LENGTH
        {
            dressed.headers_mut().append(name, value);
        }
    }
    dressed.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    if dressed.status() == StatusCode::SERVICE_UNAVAILABLE {
        dressed.headers_mut().insert(axum::http::header::RETRY_AFTER, HeaderValue::from_static("5"));
    }
    dressed
}
