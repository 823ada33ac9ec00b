//! A second look at a sample of decisions, by somebody who does not know the first outcome.
//!
//! What the page shows must not tell it either: no state, no link to the comment, no decisions.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::get;
use moderato_domain::second_look::is_sampled;
use moderato_domain::{
    Actor, Comment, CommentId, CommentName, DecisionId, DecisionKind, Permission, Reason, SiteId,
};
use moderato_store::{Period, SampleScope, SecondLook, SecondLooked};
use serde::Deserialize;
use uuid::Uuid;

use super::Web;
use super::form::{Asked, Posted};
use super::problem::Problem;
use super::session::{SignedIn, SiteDoor};
use super::shell::{Shell, page};

/// Decisions of this time are looked at again: what is older says little about today's guidelines.
const LOOKED_BACK: Duration = Duration::from_hours(14 * 24);

/// Counted up to here; more than anybody takes at a sitting.
const COUNTED: u32 = 50;

pub(super) fn routes() -> Router<Arc<Web>> {
    Router::new().route("/sites/{site}/second-look", get(show).post(look))
}

/// How the last one came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Outcome {
    Agreed,
    Differed,
    Taken,
}

#[derive(Debug, Deserialize)]
struct Question {
    last: Option<Outcome>,
    comment: Option<CommentId>,
}

#[derive(Debug, Deserialize)]
struct Answer {
    decision: Uuid,
    comment: CommentId,
    kind: DecisionKind,
}

#[derive(Template)]
#[template(path = "second_look.html")]
struct SecondLookPage {
    shell: Shell,
    site: SiteId,
    percent: u8,
    csrf: String,
    last: Option<Outcome>,
    /// The comment of the last one, to read up on where the outcomes differ.
    last_comment: Option<CommentId>,
    item: Option<Item>,
    waiting: usize,
    /// There may be more than were counted.
    more: bool,
}

/// What is to be decided once more.
#[derive(Debug)]
struct Item {
    decision: Uuid,
    comment: Comment,
    reasons: Vec<Reason>,
}

async fn show(
    State(web): State<Arc<Web>>,
    signed_in: SignedIn,
    Path(site): Path<SiteId>,
    Asked(question): Asked<Question>,
) -> Result<Response, Problem> {
    let door = signed_in.on(&site, Permission::Decide)?;
    let percent = door.site.settings.second_look_percent;
    let now = web.clock.now();
    let period = Period { since: now.minus(LOOKED_BACK), until: now };
    let scope = SampleScope { looker: looker(&door), percent, period, now };
    let sampled = match percent {
        0 => Vec::new(),
        _ => web.store.sampled_decisions(&site, &scope, COUNTED).await?,
    };
    let mut item = None;
    for sample in &sampled {
        let Some(judged) = web.store.judged_comment(&sample.comment, Some(sample.revision)).await? else {
            continue;
        };
        let mut reasons = judged.verdict.evaluation.reasons;
        reasons.retain(|reason| !reason.message.is_empty());
        item = Some(Item { decision: sample.decision.0, comment: judged.comment, reasons });
        break;
    }
    page(&SecondLookPage {
        shell: door.shell(),
        csrf: signed_in.csrf().to_owned(),
        site,
        percent,
        last: question.last,
        last_comment: question.comment.filter(|_| question.last == Some(Outcome::Differed)),
        waiting: sampled.len(),
        more: sampled.len() >= COUNTED as usize,
        item,
    })
}

async fn look(
    State(web): State<Arc<Web>>,
    Path(site): Path<SiteId>,
    posted: Posted<Answer>,
) -> Result<Response, Problem> {
    let Posted { signed_in, form } = posted;
    let door = signed_in.on(&site, Permission::Decide)?;
    let Answer { decision, comment, kind } = form;
    let decision = DecisionId(decision);
    let percent = door.site.settings.second_look_percent;
    if !kind.settles() || !is_sampled(decision, &comment, percent) {
        return Err(Problem::invalid("This is not a decision that waits for a second look."));
    }
    let look = SecondLook {
        decision,
        comment: CommentName { site: site.clone(), comment: comment.clone() },
        actor: looker(&door),
        kind,
        time: web.clock.now(),
    };
    let last = match web.store.look_again(&look).await? {
        SecondLooked::Counted(first) if first == kind => "agreed".to_owned(),
        SecondLooked::Counted(_) => format!("differed&comment={comment}"),
        SecondLooked::Taken => "taken".to_owned(),
        SecondLooked::Unknown => {
            return Err(Problem::conflict(
                "This decision was taken back or is your own; nothing was counted.",
            ));
        }
    };
    Ok(Redirect::to(&format!("/sites/{site}/second-look?last={last}")).into_response())
}

fn looker(door: &SiteDoor) -> Actor {
    door.signed_in.user().actor()
}
