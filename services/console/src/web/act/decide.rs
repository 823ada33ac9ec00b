//! Deciding about one comment or many, and taking it back.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use moderato_domain::{CommentId, Decision, DecisionId, DecisionKind, Permission, Revision, Target};
use moderato_store::{DecideError, DecideRefusal, Decided, QueueItem, UndoError};
use serde::Deserialize;
use uuid::Uuid;

use super::super::Web;
use super::super::dress::FRAGMENT;
use super::super::form::Posted;
use super::super::held::Held;
use super::super::problem::Problem;
use super::super::queue::{Changes, Last, Question, Side, at};
use super::super::session::SiteDoor;
use super::super::shell::{Shell, page};
use super::super::text::Kind;
use super::super::view::{Card, Frame, Mini, Outcome, Refused, Typed, base};
use super::super::words;
use super::{back, back_after, typed};

/// Comments that are decided about at once.
pub(crate) const MOST_TARGETS: usize = 500;

/// Comments of a bulk decision that are shown before it is made.
pub(crate) const SAMPLE: usize = 8;

/// Longest words to an author or to moderators, in characters.
const MOST_TYPED: usize = 2_000;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct DecideForm {
    decision: String,
    target: Vec<String>,
    /// The kind, and for a rejection a section after a colon.
    #[serde(rename = "do")]
    act: String,
    guideline: String,
    message: String,
    note: String,
    over_claim: String,
    back: String,
}

impl DecideForm {
    fn act(&self, frame: &Frame) -> Result<(DecisionKind, Option<String>), Problem> {
        let (kind, section) = self.act.split_once(':').unwrap_or((&self.act, &self.guideline));
        let kind = DecisionKind::parse(kind).ok_or_else(|| Problem::invalid("What shall be decided?"))?;
        let section = typed(section).filter(|_| kind == DecisionKind::Reject);
        match section {
            Some(unknown) if !frame.sections.iter().any(|section| section.id == unknown) => {
                Err(Problem::conflict(
                    "The guidelines changed meanwhile and have no such section any more. Load the page again.",
                ))
            }
            section => Ok((kind, section)),
        }
    }

    fn targets(&self) -> Result<Vec<Target>, Problem> {
        if self.target.is_empty() {
            return Err(Problem::invalid("Nothing is selected."));
        }
        if self.target.len() > MOST_TARGETS {
            return Err(Problem::invalid(format!(
                "At most {MOST_TARGETS} comments can be decided about at once."
            )));
        }
        let read = |text: &String| {
            read_target(text).ok_or_else(|| Problem::invalid("A comment is not named rightly."))
        };
        self.target.iter().map(read).collect()
    }
}

fn read_target(text: &str) -> Option<Target> {
    let mut parts = text.split(':');
    let comment = CommentId::parse(parts.next()?).ok()?;
    let revision = Revision::new(parts.next()?.parse().ok()?).ok()?;
    let version = parts.next()?.parse().ok()?;
    parts.next().is_none().then_some(Target { comment, revision, version: Some(version) })
}

pub(super) async fn decide(
    State(web): State<Arc<Web>>,
    Extension(held): Extension<Arc<Held>>,
    Path(site): Path<String>,
    headers: HeaderMap,
    Posted { signed_in, form }: Posted<DecideForm>,
) -> Result<Response, Problem> {
    let door = at(&signed_in, &site, Permission::Decide)?;
    let frame = held.frame(&web, &door, back(&form.back, &base(&door.site.id))).await?;
    let (kind, guideline) = form.act(&frame)?;
    let targets = form.targets()?;
    let id = Uuid::parse_str(&form.decision)
        .map_err(|_| Problem::invalid("This form has no decision id. Load the page again."))?;
    if form.message.chars().count() > MOST_TYPED || form.note.chars().count() > MOST_TYPED {
        return Err(Problem::invalid(format!(
            "Words to authors and moderators have at most {MOST_TYPED} characters."
        )));
    }
    let decision = Decision {
        id: DecisionId(id),
        site: door.site.id.clone(),
        targets,
        kind,
        actor: frame.me.clone(),
        guideline,
        message: typed(&form.message).filter(|_| kind == DecisionKind::Reject),
        note: typed(&form.note),
        over_claim: !form.over_claim.is_empty(),
        decide_time: frame.now,
        undo_until: frame.now.plus(web.options.undo),
    };
    let decided = web.store.decide(&decision).await.map_err(|error| match error {
        DecideError::IdTaken => Problem::conflict(
            "This form was used for another decision before, so nothing was changed. Load the page again.",
        ),
        DecideError::Store(error) => Problem::from(error),
    })?;
    Answer::of(&web, &decision, &decided, &form, &frame).await?.give(&web, &door, frame, &headers).await
}

/// What became of a decision.
struct Answer {
    say: String,
    /// Items as they stand now, the refused ones first.
    refused: Vec<Card>,
    applied: Vec<Card>,
    minis: Vec<Mini>,
    last: Option<Last>,
}

impl Answer {
    async fn of(
        web: &Web,
        decision: &Decision,
        decided: &[Decided],
        form: &DecideForm,
        frame: &Frame,
    ) -> Result<Self, Problem> {
        let comments: Vec<CommentId> = decision.targets.iter().map(|target| target.comment.clone()).collect();
        let items = web.store.queue_items(&decision.site, &comments, frame.now).await?;
        let item = |comment: &CommentId| items.iter().find(|item| item.comment.name.comment == *comment);
        let (mut refused, mut applied, mut records, mut unknown) = (Vec::new(), Vec::new(), Vec::new(), 0);
        for (target, became) in decision.targets.iter().zip(decided) {
            match (became, item(&target.comment)) {
                (Decided::Applied { record, .. }, Some(item)) => {
                    applied.push(Card::of(item, frame).decided(Some(Outcome::of(record, frame))));
                    records.push(record.clone());
                }
                (Decided::Refused(why), Some(item)) => refused.push(refused_card(why, item, form, frame)),
                (_, None) => unknown += 1,
            }
        }
        let minis = items.iter().map(|item| Mini::of_item(item, frame)).collect();
        let not = refused.len() + unknown;
        let say = match (records.len(), not) {
            (0, 1) => refused
                .first()
                .and_then(|card| card.refused.clone())
                .map_or_else(|| "There is no such comment any more.".to_owned(), |refused| refused.text),
            (done, 0) => {
                format!(
                    "{}: {}.",
                    words::count(done as u64, "comment", "comments"),
                    words::done(decision.kind)
                )
            }
            (done, not) => format!(
                "{}: {}. {}",
                words::count(done as u64, "comment", "comments"),
                words::done(decision.kind),
                words::count(
                    not as u64,
                    "was not decided: see why below.",
                    "were not decided: see why below."
                ),
            ),
        };
        Ok(Self { say, refused, applied, minis, last: Last::of(&records, frame) })
    }

    async fn give(
        self,
        web: &Web,
        door: &SiteDoor,
        frame: Frame,
        headers: &HeaderMap,
    ) -> Result<Response, Problem> {
        let status = if self.refused.is_empty() { StatusCode::OK } else { StatusCode::CONFLICT };
        if headers.contains_key(FRAGMENT) {
            let question = asked(&frame);
            let changes = Changes::with_counts(web, door, frame, &question).await?;
            let cards = self.refused.into_iter().chain(self.applied).collect();
            let changes = Changes { say: self.say, cards, minis: self.minis, last: self.last, ..changes };
            return Ok((status, page(&changes)?).into_response());
        }
        if self.refused.is_empty()
            && let Some(last) = &self.last
        {
            return Ok(Redirect::to(&back_after(&frame.back, &last.decision)).into_response());
        }
        let partly = Partly {
            shell: door.shell(),
            site_name: door.site.display_name.clone(),
            cards: self.refused,
            say: self.say,
            last: self.last,
            frame,
        };
        Ok((StatusCode::CONFLICT, page(&partly)?).into_response())
    }
}

/// The question of the page that a form came from.
fn asked(frame: &Frame) -> Question {
    let text = frame.back.split_once('?').map_or("", |(_, question)| question);
    let question: Question = serde_html_form::from_str(text).unwrap_or_default();
    if question.filter().is_ok() { question } else { Question::default() }
}

#[derive(Template)]
#[template(path = "partly.html")]
struct Partly {
    shell: Shell,
    site_name: String,
    frame: Frame,
    say: String,
    cards: Vec<Card>,
    last: Option<Last>,
}

fn refused_card(why: &DecideRefusal, item: &QueueItem, form: &DecideForm, frame: &Frame) -> Card {
    let mut over_claim = None;
    let text = match why {
        DecideRefusal::Unknown => "There is no such comment any more.".to_owned(),
        DecideRefusal::Stale(_) => {
            "The author edited it after you opened it. This is the new text; nothing was decided.".to_owned()
        }
        DecideRefusal::Withdrawn => "It was taken back meanwhile; there is nothing left to decide.".to_owned(),
        DecideRefusal::AlreadyDecided { by } => {
            let outcome = Outcome::of(by, frame);
            let did = outcome.did("it");
            let Outcome { who, section, when, .. } = outcome;
            let section = if section.is_empty() { section } else { format!(" ({section})") };
            format!("{who} {did} {}{section}. Your decision changed nothing; decide again if you see it otherwise.", when.ago)
        }
        DecideRefusal::OwnDecision => {
            "The author appeals against a decision of yours, so somebody else has to answer. Nothing was decided."
                .to_owned()
        }
        DecideRefusal::Changed => {
            "Something about it changed after you opened it, such as a new report. Nothing was decided; look again."
                .to_owned()
        }
        DecideRefusal::Claimed(claim) => {
            over_claim = Some(form.act.clone());
            format!(
                "{} is looking at it, until {} at the latest. Nothing was decided.",
                claim.holder.name,
                words::clock(claim.expire_time)
            )
        }
    };
    let typed = Typed { message: form.message.clone(), note: form.note.clone() };
    Card::of(item, frame).refused(Refused { text, over_claim }, typed)
}

/// A decision about several comments, to be confirmed.
#[derive(Debug, Clone)]
pub(crate) struct Confirm {
    /// The question.
    pub(crate) title: String,
    /// What is decided.
    pub(crate) act: &'static str,
    /// It asks for a reason.
    pub(crate) rejects: bool,
    /// What the button says.
    pub(crate) button: String,
    /// The id of the decision.
    pub(crate) decision: String,
    /// What it is about.
    pub(crate) targets: Vec<String>,
    /// The first of them.
    pub(crate) sample: Vec<Mini>,
    /// How many more there are.
    pub(crate) rest: usize,
    /// How many are not there any more.
    pub(crate) missing: usize,
}

#[derive(Template)]
#[template(path = "confirm.html")]
struct ConfirmPage {
    shell: Shell,
    site_name: String,
    frame: Frame,
    confirm: Confirm,
}

#[derive(Template)]
#[template(path = "confirm_fragment.html")]
struct ConfirmFragment {
    frame: Frame,
    confirm: Confirm,
}

impl Confirm {
    /// The question whether these shall be decided so; the first of them are shown.
    pub(crate) fn of(
        kind: DecisionKind,
        targets: Vec<String>,
        first: &[QueueItem],
        missing: usize,
        frame: &Frame,
    ) -> Self {
        let what = words::count(targets.len() as u64, "comment", "comments");
        let act = match kind {
            DecisionKind::Spam => format!("Mark {what} as spam"),
            kind => format!("{} {what}", words::act(kind)),
        };
        let sample: Vec<Mini> = first.iter().take(SAMPLE).map(|item| Mini::of_item(item, frame)).collect();
        Self {
            title: format!("{act}?"),
            act: kind.as_str(),
            rejects: kind == DecisionKind::Reject,
            button: act,
            decision: frame.decision(),
            rest: targets.len().saturating_sub(sample.len()),
            targets,
            sample,
            missing,
        }
    }

    /// As a page, or for the script's dialog.
    pub(crate) fn answer(
        self,
        door: &SiteDoor,
        frame: Frame,
        headers: &HeaderMap,
    ) -> Result<Response, Problem> {
        if headers.contains_key(FRAGMENT) {
            return page(&ConfirmFragment { frame, confirm: self });
        }
        page(&ConfirmPage {
            shell: door.shell(),
            site_name: door.site.display_name.clone(),
            frame,
            confirm: self,
        })
    }
}

/// Counts what a bulk decision is about. Nothing is changed.
pub(super) async fn preview(
    State(web): State<Arc<Web>>,
    Extension(held): Extension<Arc<Held>>,
    Path(site): Path<String>,
    headers: HeaderMap,
    Posted { signed_in, form }: Posted<DecideForm>,
) -> Result<Response, Problem> {
    let door = at(&signed_in, &site, Permission::Decide)?;
    let frame = held.frame(&web, &door, back(&form.back, &base(&door.site.id))).await?;
    let (kind, _) = form.act(&frame)?;
    let targets = form.targets()?;
    let ids: Vec<CommentId> = targets.iter().map(|target| target.comment.clone()).collect();
    let items = web.store.queue_items(&door.site.id, &ids, frame.now).await?;
    if items.is_empty() {
        return Err(Problem::conflict("None of these comments is there any more."));
    }
    let missing = targets.len() - items.len();
    // As they were seen, not as they are now: what changed since is refused, and told.
    let seen: Vec<String> = form
        .target
        .iter()
        .filter(|target| {
            items.iter().any(|item| target.split(':').next() == Some(item.comment.name.comment.as_str()))
        })
        .cloned()
        .collect();
    Confirm::of(kind, seen, &items, missing, &frame).answer(&door, frame, &headers)
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct UndoForm {
    decision: String,
    back: String,
}

pub(super) async fn undo(
    State(web): State<Arc<Web>>,
    Extension(held): Extension<Arc<Held>>,
    Path(site): Path<String>,
    headers: HeaderMap,
    Posted { signed_in, form }: Posted<UndoForm>,
) -> Result<Response, Problem> {
    let door = at(&signed_in, &site, Permission::Decide)?;
    let frame = held.frame(&web, &door, back(&form.back, &base(&door.site.id))).await?;
    let id = Uuid::parse_str(&form.decision).map(DecisionId).map_err(|_| Problem::not_found())?;
    let comments =
        web.store.undo(&door.site.id, id, &frame.me, frame.now).await.map_err(|error| match error {
            UndoError::Unknown => Problem::conflict("There is no such decision on this site."),
            UndoError::TooLate(_) => Problem::conflict(
                "The time to undo it has passed: what follows from it is on its way. Decide anew instead.",
            ),
            UndoError::AlreadyUndone => Problem::conflict("It was taken back before."),
            UndoError::Overtaken(count) => Problem::conflict(format!(
                "{} of it changed since, so all of it stays as it is.",
                words::count(count as u64, "comment", "comments")
            )),
            UndoError::Store(error) => Problem::from(error),
        })?;
    if !headers.contains_key(FRAGMENT) {
        return Ok(Redirect::to(&back_after(&frame.back, &form.decision)).into_response());
    }
    let ids: Vec<CommentId> = comments.iter().map(|comment| comment.name.comment.clone()).collect();
    let items = web.store.queue_items(&door.site.id, &ids, frame.now).await?;
    let cards = items.iter().map(|item| Card::of(item, &frame)).collect();
    let minis = items.iter().map(|item| Mini::of_item(item, &frame)).collect();
    let say = format!(
        "Taken back: {} again.",
        words::count(comments.len() as u64, "comment waits", "comments wait")
    );
    let question = asked(&frame);
    let side: Side = Side::of(&web, &door, &frame, &question).await?;
    let changes = Changes::with_counts(&web, &door, frame, &question).await?;
    page(&Changes { say, cards, minis, side, last: None, ..changes })
}
