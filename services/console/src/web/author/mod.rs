//! What the author of a comment sees, without an account: what became of it, why, and a form to object.
//!
//! Whoever has the link may look: its signature cannot be guessed, and the platform or a mail gave it to
//! the author. The page shows neither the comment, so that nobody can pass a link around to show what
//! readers were not to see, nor who decided, nor by which rule. The author of unsolicited advertising
//! learns that it is not published, and nothing else.
//!
//! Forms work without a session and a script: a foreign page cannot send one (see
//! [`csrf`](super::csrf)), and it would have to know the signature. Each link may object to a statement
//! once, and may try a few times a minute.

mod pace;

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use moderato_domain::redress::transparency::date;
use moderato_domain::{
    Appeal, AppealStatus, AppealText, CommentId, CommentName, Puid, Site, SiteId, State as Visible,
    Statement, StatusLink, Timestamp,
};
use moderato_store::Appealed;

use self::pace::Pace;
use super::Web;
use super::form::Fields;
use super::problem::Problem;
use super::shell::{Shell, page};

/// Objections that one link may send in a minute.
const OBJECTIONS: u32 = 10;

/// Nothing here is for search engines.
const ROBOTS: (HeaderName, &str) = (HeaderName::from_static("x-robots-tag"), "noindex, nofollow");

pub(super) fn routes() -> Router<Arc<Web>> {
    Router::new()
        .route("/status/{site}/{comment}/{signature}", get(status))
        .route("/status/{site}/{comment}/{signature}/appeal", post(object))
        .layer(Extension(Arc::new(Pace::new(OBJECTIONS))))
}

#[derive(Template)]
#[template(path = "author.html")]
struct StatusPage {
    shell: Shell,
    site: Arc<Site>,
    state: Told,
    written: Option<String>,
    statement: Option<Reasons>,
    objection: Objection,
    most_chars: usize,
}

/// What became of the comment, as its author is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Unseen,
    Waiting,
    Published,
    NotPublished,
    Restricted,
    TakenBack,
}

impl Told {
    fn is_restricted(self) -> bool {
        self == Self::Restricted
    }

    const fn headline(self) -> &'static str {
        match self {
            Self::Unseen => "Your comment was received",
            Self::Waiting => "Your comment waits for a moderator",
            Self::Published => "Your comment is published",
            Self::NotPublished => "Your comment is not published",
            Self::Restricted => "Your comment is not shown to readers",
            Self::TakenBack => "Your comment was taken back",
        }
    }

    const fn explanation(self) -> &'static str {
        match self {
            Self::Unseen => {
                "It has not been checked yet. That usually takes a moment; reload this page to see."
            }
            Self::Waiting => "Somebody will look at it. Until then readers do not see it.",
            Self::Published => "Everybody who reads the page can see it.",
            Self::NotPublished | Self::Restricted => "",
            Self::TakenBack => "You or the site took it back. Readers do not see it any more.",
        }
    }
}

/// A statement of reasons.
struct Reasons {
    puid: Puid,
    restricted: String,
    facts: String,
    section: Option<(String, String)>,
    message: Option<String>,
    automated: bool,
    detected: bool,
}

/// What the author can do about it, or did.
enum Objection {
    None,
    Form { action: String },
    Open { since: String },
    Upheld,
    Rejected,
}

/// A link that was checked.
struct Door {
    site: Arc<Site>,
    name: CommentName,
    link: StatusLink,
}

impl Door {
    /// A wrong signature is not told from a comment that does not exist, and costs no question to the
    /// store.
    fn open(web: &Web, (site, comment, signature): &(String, String, String)) -> Result<Self, Problem> {
        let name = SiteId::parse(site)
            .and_then(|site| Ok(CommentName { site, comment: CommentId::parse(comment)? }))
            .map_err(|_| Problem::not_found())?;
        let site = web.directory.site(&name.site).ok_or_else(Problem::not_found)?;
        if !StatusLink::verify(&name, signature, &site.privacy_key) {
            return Err(Problem::not_found());
        }
        let link = StatusLink::to(&name, &site.privacy_key);
        Ok(Self { site, name, link })
    }
}

async fn status(
    State(web): State<Arc<Web>>,
    Path(path): Path<(String, String, String)>,
) -> Result<Response, Problem> {
    let door = Door::open(&web, &path)?;
    let comment = web.store.comment(&door.name).await?;
    let state = match comment.as_ref().map(|comment| comment.state) {
        None => Told::Unseen,
        Some(Visible::Pending) => Told::Waiting,
        Some(Visible::Published) => Told::Published,
        Some(Visible::Spam) => Told::NotPublished,
        Some(Visible::Rejected) => Told::Restricted,
        Some(Visible::Withdrawn) => Told::TakenBack,
    };
    let revision = comment.as_ref().map(|comment| comment.revision);
    let about_this = |statement: &Statement| Some(statement.revision) == revision;
    let statement = match state {
        Told::Restricted => web.store.statement(&door.name).await?.filter(about_this),
        _ => None,
    };
    let appeal = match state {
        Told::Restricted | Told::Published => web.store.appeal(&door.name).await?.map(|case| case.appeal),
        _ => None,
    };
    let objection = objection(&door, state, statement.as_ref(), appeal.as_ref());
    let rendered = page(&StatusPage {
        shell: Shell::plain(),
        site: door.site,
        state,
        written: comment.map(|comment| date(comment.create_time)),
        statement: statement.map(reasons),
        objection,
        most_chars: AppealText::MAX_CHARS,
    })?;
    Ok(unlisted(rendered))
}

fn objection(door: &Door, state: Told, statement: Option<&Statement>, appeal: Option<&Appeal>) -> Objection {
    let about_this = |appeal: &&Appeal| {
        state == Told::Published || statement.is_some_and(|statement| statement.puid == appeal.statement)
    };
    match (appeal.filter(about_this), statement) {
        (Some(appeal), _) => match appeal.status {
            AppealStatus::Open if state == Told::Restricted => {
                Objection::Open { since: date(appeal.create_time) }
            }
            AppealStatus::Upheld if state == Told::Published => Objection::Upheld,
            AppealStatus::Rejected if state == Told::Restricted => Objection::Rejected,
            _ => Objection::None,
        },
        (None, Some(_)) => Objection::Form { action: format!("{}/appeal", door.link.path()) },
        (None, None) => Objection::None,
    }
}

fn reasons(statement: Statement) -> Reasons {
    Reasons {
        puid: statement.puid,
        restricted: date(statement.restrict_time),
        facts: statement.facts,
        section: statement.guideline.map(|section| (section.title, flowing(&section.text))),
        message: statement.message,
        automated: statement.automated_decision,
        detected: statement.automated_detection,
    }
}

async fn object(
    State(web): State<Arc<Web>>,
    Path(path): Path<(String, String, String)>,
    Extension(pace): Extension<Arc<Pace>>,
    fields: Fields,
) -> Result<Response, Problem> {
    let door = Door::open(&web, &path)?;
    let keep = |problem: Problem| {
        problem.keeping(fields.typed()).with_way_on(door.link.path(), "Back to your comment")
    };
    let now: Timestamp = web.clock.now();
    if !pace.allows(&door.name, now) {
        return Err(keep(Problem::too_many("That was too often. Please wait a minute.")));
    }
    let text = AppealText::parse(fields.first("text").unwrap_or_default())
        .map_err(|error| keep(Problem::invalid(format!("Nothing was sent: {error}."))))?;
    let statement = Puid::parse(fields.first("statement").unwrap_or_default())
        .ok_or_else(|| keep(Problem::not_found()))?;
    match web
        .store
        .file_appeal(&statement, &door.name, &text, now)
        .await
        .map_err(|error| keep(error.into()))?
    {
        // Sent twice is sent once.
        Appealed::Filed | Appealed::Repeated => Ok(Redirect::to(&door.link.path()).into_response()),
        Appealed::Answered => {
            Err(keep(Problem::conflict("Your objection to this decision was answered already.")))
        }
        Appealed::Moot => {
            Err(keep(Problem::conflict("The decision you object to is not in force any more.")))
        }
        Appealed::Unknown => Err(keep(Problem::not_found())),
    }
}

fn unlisted(mut response: Response) -> Response {
    let (name, value) = ROBOTS;
    response.headers_mut().insert(name, HeaderValue::from_static(value));
    response
}

/// A text whose lines were broken for a file, with those of a paragraph joined; lists and verses that
/// begin with a sign or a number stay as they are.
fn flowing(text: &str) -> String {
    let mut flowing = String::with_capacity(text.len());
    let mut before = "";
    for line in text.lines() {
        let goes_on = !before.trim().is_empty() && line.starts_with(char::is_alphabetic);
        if !flowing.is_empty() {
            flowing.push(if goes_on { ' ' } else { '\n' });
        }
        flowing.push_str(line.trim_end());
        before = line;
    }
    flowing
}

#[cfg(test)]
mod tests {
    use super::flowing;

    #[test]
    fn lines_of_a_paragraph_are_joined_and_lists_are_not() {
        assert_eq!(flowing("One\ntwo.\n\nThree:\n- a\n- b\n  c"), "One two.\n\nThree:\n- a\n- b\n  c");
    }
}
