//! What went wrong, in words for a person: what happened, that nothing changed, what to do now.

use askama::Template;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use moderato_store::StoreError;

use super::shell::Shell;

/// Tells the script what kind of problem it was.
pub const PROBLEM: HeaderName = HeaderName::from_static("x-problem");

/// Something that was refused. Shown as a page, or as a fragment to the script.
#[derive(Debug, Clone, PartialEq, Eq)]
// In a box, since it is the unlikely half of every handler's result.
pub struct Problem(Box<Told>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Told {
    status: StatusCode,
    /// For the script; never renamed.
    kind: &'static str,
    title: &'static str,
    message: String,
    /// What was typed into the form that was refused.
    kept: Vec<Kept>,
    /// Where to go on.
    way_on: Option<WayOn>,
}

/// A field of a refused form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its name.
    pub name: String,
    /// What was typed.
    pub text: String,
}

/// A link that helps.
#[derive(Debug, Clone, PartialEq, Eq)]
struct WayOn {
    path: String,
    label: &'static str,
}

impl Problem {
    /// Any refusal. `kind` is for the script: lower-case words with hyphens.
    pub fn new(
        status: StatusCode,
        kind: &'static str,
        title: &'static str,
        message: impl Into<String>,
    ) -> Self {
        Self(Box::new(Told { status, kind, title, message: message.into(), kept: Vec::new(), way_on: None }))
    }

    /// There is nothing here, or nothing that this person may know of.
    pub fn not_found() -> Self {
        let message = "There is no such page, or it is not for you.";
        Self::new(StatusCode::NOT_FOUND, "not-found", "Not found", message)
    }

    /// The person is known here and may not do this.
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", "Not allowed", message)
    }

    /// What was asked or typed cannot be used.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", "That did not work", message)
    }

    /// Somebody else was faster, or what the page showed is not so any more.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "conflict", "Something changed meanwhile", message)
    }

    /// Too many of these, for now.
    pub fn too_many(message: impl Into<String>) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "too-many", "Too many attempts", message)
    }

    /// The posted form is larger than any of ours.
    pub fn too_large() -> Self {
        let message = "What was sent is larger than this page accepts. Nothing was changed.";
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "Too large", message)
    }

    /// It may work later.
    pub fn unavailable(message: &str) -> Self {
        let message = format!("{message} Nothing is lost; try again in a moment.");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Not available right now", message)
    }

    /// A defect of ours. The log has the details.
    pub fn defect() -> Self {
        let message = "Something broke on our side; the log of this service says what.";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "defect", "Something broke", message)
    }

    /// Nobody is signed in (any more).
    pub fn signed_out(next: Option<&str>) -> Self {
        let message =
            "You are not signed in any more: your session has ended or was ended. Nothing was changed.";
        let problem = Self::new(StatusCode::UNAUTHORIZED, "signed-out", "Please sign in again", message);
        problem.with_way_on(super::form::sign_in_path(next), "Sign in")
    }

    /// The form did not come from a page of this session.
    pub fn forged() -> Self {
        let message = "This form is not from a page of your current session, so nothing was changed. Reload the page \
                       and send it again.";
        Self::new(StatusCode::FORBIDDEN, "forged", "This form cannot be used", message)
    }

    /// From an answer that the framework made.
    pub(super) fn of_status(status: StatusCode) -> Self {
        match status {
            StatusCode::PAYLOAD_TOO_LARGE => Self::too_large(),
            StatusCode::METHOD_NOT_ALLOWED => {
                let message = "This address cannot be used that way.";
                Self::new(status, "method", "Not here", message)
            }
            // A path or question that cannot be read names nothing.
            status if status.is_client_error() => Self::not_found(),
            _ => Self::defect(),
        }
    }

    /// Keeps what was typed.
    #[must_use]
    pub fn keeping(mut self, kept: Vec<Kept>) -> Self {
        self.0.kept = kept;
        self
    }

    /// Adds a link that helps.
    #[must_use]
    pub fn with_way_on(mut self, path: String, label: &'static str) -> Self {
        self.0.way_on = Some(WayOn { path, label });
        self
    }

    /// The status of the answer.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// What happened, in a sentence or two.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    pub(super) fn page(&self) -> String {
        let page = ProblemPage { shell: Shell::plain(), problem: &self.0 };
        page.render().unwrap_or_else(|_| self.0.message.clone())
    }

    pub(super) fn fragment(&self) -> String {
        ProblemFragment { problem: &self.0 }.render().unwrap_or_else(|_| self.0.message.clone())
    }
}

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage<'p> {
    shell: Shell,
    problem: &'p Told,
}

#[derive(Template)]
#[template(path = "problem_fragment.html")]
struct ProblemFragment<'p> {
    problem: &'p Told,
}

impl IntoResponse for Problem {
    /// Without words yet: the outermost layer knows whether a page or a fragment is wanted.
    fn into_response(self) -> Response {
        let mut response = self.0.status.into_response();
        response.headers_mut().insert(PROBLEM, HeaderValue::from_static(self.0.kind));
        response.extensions_mut().insert(self);
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(why) => {
                tracing::warn!(why, "a page could not ask the store");
                Self::unavailable("The database does not answer.")
            }
            StoreError::Rejected(why) => {
                tracing::error!(why, "the store refused what a page asked");
                Self::defect()
            }
        }
    }
}

impl From<askama::Error> for Problem {
    fn from(error: askama::Error) -> Self {
        tracing::error!(%error, "a page cannot be rendered");
        Self::defect()
    }
}
