//! What a page was asked ([`Asked`]) and what was posted to it ([`Posted`]).

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, REFERER};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::Web;
use super::csrf;
use super::problem::{Kept, Problem};
use super::session::SignedIn;

/// Fields that hold what a person typed at length: a refused form gives them back.
const TYPED: &[&str] = &["note", "message", "text", "reason"];

/// The question of an address (`?queue=flagged&label=a&label=b`), read; a name may come more than
/// once.
#[derive(Debug)]
pub struct Asked<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<Arc<Web>> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Web>) -> Result<Self, Problem> {
        let query = parts.uri.query().unwrap_or_default();
        serde_html_form::from_str(query).map(Self).map_err(|error| {
            let message = format!("The address of this page has a question that cannot be read: {error}.");
            Problem::new(StatusCode::BAD_REQUEST, "invalid", "That did not work", message)
        })
    }
}

/// A form that a signed-in person posted from a page of this session, read; a name may come more than
/// once. Who is not signed in any more gets back what was typed.
#[derive(Debug)]
pub struct Posted<T> {
    /// Who posted it.
    pub signed_in: SignedIn,
    /// What was posted.
    pub form: T,
}

impl<T: DeserializeOwned> FromRequest<Arc<Web>> for Posted<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, web: &Arc<Web>) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let session = SignedIn::look_up(&parts.headers, web).await;
        let header = parts.headers.get(csrf::HEADER).and_then(|token| token.to_str().ok()).map(str::to_owned);
        let next = own_referer(&parts);
        let fields = Fields::read(Request::from_parts(parts, body), web).await?;

        let refuse = |problem: Problem| problem.keeping(fields.typed());
        let signed_in = session?.ok_or_else(|| refuse(Problem::signed_out(next.as_deref())))?;
        let presented = header.or_else(|| fields.first(csrf::FIELD).map(str::to_owned)).unwrap_or_default();
        if !csrf::matches(&presented, signed_in.csrf()) {
            return Err(refuse(Problem::forged()));
        }
        let form = fields.parse().map_err(refuse)?;
        Ok(Self { signed_in, form })
    }
}

/// A posted form, as its fields. For forms of people who are not signed in; others take [`Posted`].
#[derive(Debug, Default)]
pub struct Fields {
    text: String,
    pairs: Vec<(String, String)>,
}

impl Fields {
    async fn read(request: Request, web: &Arc<Web>) -> Result<Self, Problem> {
        let kind =
            request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if !kind.starts_with("application/x-www-form-urlencoded") {
            let message = "This page takes forms only.";
            return Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "invalid",
                "That did not work",
                message,
            ));
        }
        let body =
            Bytes::from_request(request, web).await.map_err(|error| match error.into_response_status() {
                StatusCode::PAYLOAD_TOO_LARGE => Problem::too_large(),
                _ => Problem::invalid("The form was cut off on its way."),
            })?;
        let unreadable = || Problem::invalid("The form is not readable text.");
        let text = String::from_utf8(body.to_vec()).map_err(|_| unreadable())?;
        let pairs = serde_html_form::from_str(&text).map_err(|_| unreadable())?;
        Ok(Self { text, pairs })
    }

    /// The first field of that name.
    pub fn first(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(field, _)| field == name).map(|(_, text)| text.as_str())
    }

    /// The fields as a form.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        serde_html_form::from_str(&self.text)
            .map_err(|error| Problem::invalid(format!("The form cannot be read: {error}.")))
    }

    /// What was typed at length.
    pub fn typed(&self) -> Vec<Kept> {
        let typed =
            |(name, text): &&(String, String)| TYPED.contains(&name.as_str()) && !text.trim().is_empty();
        let kept = self.pairs.iter().filter(typed);
        kept.map(|(name, text)| Kept { name: name.clone(), text: text.clone() }).collect()
    }
}

impl FromRequest<Arc<Web>> for Fields {
    type Rejection = Problem;

    async fn from_request(request: Request, web: &Arc<Web>) -> Result<Self, Problem> {
        Self::read(request, web).await
    }
}

trait RejectionStatus {
    fn into_response_status(self) -> StatusCode;
}

impl<R: axum::response::IntoResponse> RejectionStatus for R {
    fn into_response_status(self) -> StatusCode {
        self.into_response().status()
    }
}

/// A path of ours to go on at, if that is what the text is: not another host's, however written.
pub fn own_path(text: &str) -> Option<&str> {
    let fits = text.len() <= 1024
        && text.starts_with('/')
        && !text.starts_with("//")
        && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    fits.then_some(text)
}

/// Where to sign in, and go on afterwards.
pub fn sign_in_path(next: Option<&str>) -> String {
    match next.and_then(own_path) {
        Some(next) if next != "/" => format!("/sign-in?{}", next_pair(next)),
        _ => "/sign-in".to_owned(),
    }
}

/// A path as the question of a sign-in.
pub(super) fn next_pair(next: &str) -> String {
    // A pair of texts cannot fail to be written.
    serde_html_form::to_string([("next", next)]).unwrap_or_default()
}

/// The page of ours that a form was sent from.
fn own_referer(parts: &Parts) -> Option<String> {
    let referer = parts.headers.get(REFERER)?.to_str().ok()?;
    let (_, rest) = referer.split_once("://")?;
    let path = &rest[rest.find('/')?..];
    own_path(path).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_of_ours_are_gone_on_at() {
        for ours in ["/", "/sites/blog/queue?queue=flagged&label=a%20b"] {
            assert_eq!(own_path(ours), Some(ours));
        }
        for foreign in [
            "",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "javascript:alert(1)",
            "/a\r\nb",
            "/\t/evil.example",
            "evil",
            " /a",
        ] {
            assert_eq!(own_path(foreign), None, "{foreign:?}");
        }
        assert_eq!(sign_in_path(Some("/a?b=c&d")), "/sign-in?next=%2Fa%3Fb%3Dc%26d");
        assert_eq!(sign_in_path(Some("//evil")), "/sign-in");
    }
}
