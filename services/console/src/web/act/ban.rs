//! Banning an author, after a question, for a time.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::Extension;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Redirect, Response};
use moderato_domain::Permission;
use moderato_store::{QueueFilter, Sanction};
use serde::Deserialize;

use super::super::Web;
use super::super::dress::FRAGMENT;
use super::super::form::Posted;
use super::super::held::Held;
use super::super::item::{found, in_force, named};
use super::super::problem::Problem;
use super::super::queue::at;
use super::super::session::SignedIn;
use super::super::shell::{Shell, page};
use super::super::text::Text;
use super::super::view::{Frame, base};
use super::super::words;
use super::{back, typed};

/// Longest reason, in characters.
const LONGEST_REASON: usize = 1_000;

/// The question whether an author shall be banned.
struct Ban {
    href: String,
    author_words: String,
    in_force: Option<String>,
    waiting: String,
    reason: String,
}

#[derive(Template)]
#[template(path = "ban.html")]
struct BanPage {
    shell: Shell,
    site_name: String,
    frame: Frame,
    ban: Ban,
}

#[derive(Template)]
#[template(path = "ban_fragment.html")]
struct BanFragment {
    frame: Frame,
    ban: Ban,
}

pub(super) async fn ask(
    State(web): State<Arc<Web>>,
    Extension(held): Extension<Arc<Held>>,
    signed_in: SignedIn,
    Path((site, comment)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let door = at(&signed_in, &site, Permission::Decide)?;
    let name = named(&door, &comment)?;
    let href = format!("{}/comments/{comment}", base(&door.site.id));
    let frame = held.frame(&web, &door, href.clone()).await?;
    let item = found(&web, &name, &frame).await?;
    let author = item.author.ok_or_else(unrecognised)?;
    let theirs = QueueFilter { author: Some(author), ..QueueFilter::default() };
    let (history, waiting) = tokio::try_join!(
        web.store.author_history(&name.site, &author, 1, frame.now),
        web.store.count_queue(&name.site, &theirs),
    )?;
    let ban = Ban {
        href,
        author_words: Text::plain(&item.comment.display_name).words(),
        in_force: history.sanction.as_ref().map(in_force),
        waiting: match waiting {
            0 => "nothing of this author waits".to_owned(),
            1 => "one comment of this author waits and still has to be decided".to_owned(),
            many => {
                format!("{} comments of this author wait and still have to be decided", words::number(many))
            }
        },
        reason: history.sanction.map(|sanction| sanction.reason).unwrap_or_default(),
    };
    if headers.contains_key(FRAGMENT) {
        return page(&BanFragment { frame, ban });
    }
    page(&BanPage { shell: door.shell(), site_name: door.site.display_name.clone(), frame, ban })
}

fn unrecognised() -> Problem {
    Problem::invalid(
        "The site cannot tell this author from others: there is no account and no address to go by.",
    )
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct BanForm {
    /// For how many days; 0: until it is lifted.
    days: String,
    reason: String,
    back: String,
}

pub(super) async fn ban(
    State(web): State<Arc<Web>>,
    Extension(held): Extension<Arc<Held>>,
    Path((site, comment)): Path<(String, String)>,
    Posted { signed_in, form }: Posted<BanForm>,
) -> Result<Response, Problem> {
    let door = at(&signed_in, &site, Permission::Decide)?;
    let name = named(&door, &comment)?;
    let reason = typed(&form.reason).filter(|reason| reason.chars().count() <= LONGEST_REASON);
    let reason = reason.ok_or_else(|| {
        Problem::invalid(format!("A ban has a reason of 1 to {LONGEST_REASON} characters."))
    })?;
    let days: u64 = form
        .days
        .parse()
        .ok()
        .filter(|days| *days <= 3_650)
        .ok_or_else(|| Problem::invalid("For how long?"))?;
    let frame = held.frame(&web, &door, back(&form.back, &base(&door.site.id))).await?;
    let item = found(&web, &name, &frame).await?;
    let sanction = Sanction {
        author: item.author.ok_or_else(unrecognised)?,
        display_name: item.comment.display_name.clone(),
        until: (days > 0).then(|| frame.now.plus(Duration::from_hours(24 * days))),
        reason,
        actor: frame.me.clone(),
        time: frame.now,
    };
    web.store.put_sanction(&name.site, &sanction).await?;
    Ok(Redirect::to(&format!("{}#author", frame.back)).into_response())
}

pub(super) async fn lift(
    State(web): State<Arc<Web>>,
    Extension(held): Extension<Arc<Held>>,
    Path((site, comment)): Path<(String, String)>,
    Posted { signed_in, form }: Posted<BanForm>,
) -> Result<Response, Problem> {
    let door = at(&signed_in, &site, Permission::Decide)?;
    let name = named(&door, &comment)?;
    let frame = held.frame(&web, &door, back(&form.back, &base(&door.site.id))).await?;
    let item = found(&web, &name, &frame).await?;
    let author = item.author.ok_or_else(unrecognised)?;
    if !web.store.lift_sanction(&name.site, &author, &frame.me, frame.now).await? {
        return Err(Problem::conflict("Nothing is in force against this author any more."));
    }
    Ok(Redirect::to(&format!("{}#author", frame.back)).into_response())
}
