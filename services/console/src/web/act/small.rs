//! Holding an item, writing a note, keeping a filter, and looking back.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Redirect, Response};
use moderato_domain::{CommentId, DecisionId, Permission};
use moderato_store::{Claimed, DecisionFilter, DecisionRecord, FILTERS_KEPT, FilterKept, Note, SavedFilter};
use serde::Deserialize;
use serde_json::json;

use super::super::Web;
use super::super::dress::FRAGMENT;
use super::super::form::Posted;
use super::super::held::Held;
use super::super::item::named;
use super::super::problem::Problem;
use super::super::queue::{Question, at};
use super::super::session::SignedIn;
use super::super::shell::{Shell, page};
use super::super::view::{Frame, Held as HeldBy, Moment, Outcome, Undo, base, comment_id};
use super::super::words;
use super::{back, typed};

/// Decisions that one can go back to.
const LOOKED_BACK: usize = 20;
/// Records in which they are found: some decisions are about many comments.
const LOOKED_THROUGH: u32 = 200;
/// Items that are held at once: an open one, and the ones around it.
const HELD: usize = 20;
/// Longest note, in characters.
const MOST_NOTED: usize = 2_000;
/// Longest name of a filter, in characters.
const LONGEST_NAME: usize = 60;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ClaimForm {
    comment: Vec<String>,
    /// `claim`, `steal` or `release`.
    #[serde(rename = "do")]
    act: String,
    back: String,
}

/// Who holds which item.
#[derive(Template)]
#[template(
    source = r#"{% for (id, claim) in held %}<span id="held-{{ id }}" data-held>{% if let Some(claim) = claim %}<span class="tag held">{% if claim.mine %}you are looking{% else %}{{ claim.name }} is looking{% endif %}</span>{% endif %}</span>{% endfor %}"#,
    ext = "html"
)]
struct HeldFragment {
    held: Vec<(String, Option<HeldBy>)>,
}

pub(super) async fn claims(
    State(web): State<Arc<Web>>,
    Path(site): Path<String>,
    headers: HeaderMap,
    Posted { signed_in, form }: Posted<ClaimForm>,
) -> Result<Response, Problem> {
    let door = at(&signed_in, &site, Permission::Decide)?;
    let (site, me, now) = (&door.site.id, signed_in.actor(), web.clock.now());
    let comments: Vec<CommentId> = form.comment.iter().take(HELD).filter_map(|id| comment_id(id)).collect();
    let mut held = Vec::new();
    if form.act == "release" {
        web.store.release(site, &comments, &me, now).await?;
        held.extend(comments.iter().map(|id| (id.to_string(), None)));
    } else {
        let claimed = web.store.claim(site, &comments, &me, form.act == "steal", now).await?;
        for (id, claimed) in comments.iter().zip(claimed) {
            match claimed {
                Claimed::Held(claim) | Claimed::Taken(claim) => {
                    held.push((id.to_string(), Some(HeldBy::of(&claim, &me))));
                }
                Claimed::Unknown => {}
            }
        }
    }
    if headers.contains_key(FRAGMENT) {
        return page(&HeldFragment { held });
    }
    Ok(Redirect::to(&back(&form.back, &base(site))).into_response())
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct NoteForm {
    text: String,
}

pub(super) async fn note(
    State(web): State<Arc<Web>>,
    Path((site, comment)): Path<(String, String)>,
    Posted { signed_in, form }: Posted<NoteForm>,
) -> Result<Response, Problem> {
    let door = at(&signed_in, &site, Permission::Decide)?;
    let name = named(&door, &comment)?;
    let text = typed(&form.text).ok_or_else(|| Problem::invalid("The note is empty."))?;
    if text.chars().count() > MOST_NOTED {
        return Err(Problem::invalid(format!("A note has at most {MOST_NOTED} characters.")));
    }
    let note = Note { comment: name, actor: signed_in.actor(), text, time: web.clock.now() };
    if !web.store.add_note(&note).await? {
        return Err(Problem::not_found());
    }
    Ok(Redirect::to(&format!("{}/comments/{comment}#notes", base(&door.site.id))).into_response())
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct FilterForm {
    name: String,
    shared: String,
    /// The question of the page it was saved on; to forget it, its id.
    filter: String,
    back: String,
}

pub(super) async fn save_filter(
    State(web): State<Arc<Web>>,
    Path(site): Path<String>,
    Posted { signed_in, form }: Posted<FilterForm>,
) -> Result<Response, Problem> {
    let door = at(&signed_in, &site, Permission::Decide)?;
    let name = typed(&form.name).filter(|name| name.chars().count() <= LONGEST_NAME);
    let name = name
        .ok_or_else(|| Problem::invalid(format!("A filter has a name of 1 to {LONGEST_NAME} characters.")))?;
    let question: Question = serde_html_form::from_str(&form.filter)
        .map_err(|_| Problem::invalid("That filter cannot be read."))?;
    let mut filter = question.filter()?;
    // An author's key is personal data, and a filter may be shared and kept for years.
    filter.author = None;
    let saved = SavedFilter {
        id: web.ids.time_ordered().to_string(),
        name,
        owner: form.shared.is_empty().then(|| signed_in.actor().id),
        maker: Some(signed_in.actor()),
        filter,
    };
    let details = json!({ "name": saved.name });
    let entry = signed_in.entry(Some(&door.site.id), "filter.shared", &filed(&saved.id), &details);
    if web.store.put_filter(&door.site.id, &saved, &entry).await? != FilterKept::Kept {
        let whose = if saved.owner.is_some() { "You have" } else { "This site shares" };
        let message = format!("{whose} {FILTERS_KEPT} filters here already; forget one of them first.");
        return Err(Problem::conflict(message));
    }
    Ok(Redirect::to(&Question::of(&saved.filter).path(&base(&door.site.id))).into_response())
}

pub(super) async fn drop_filter(
    State(web): State<Arc<Web>>,
    Path(site): Path<String>,
    Posted { signed_in, form }: Posted<FilterForm>,
) -> Result<Response, Problem> {
    let door = at(&signed_in, &site, Permission::Decide)?;
    let me = signed_in.actor();
    if !door.allows(Permission::Configure) {
        let filters = web.store.filters(&door.site.id, &me.id).await?;
        let shared = filters.iter().any(|filter| filter.id == form.filter && filter.owner.is_none());
        if shared {
            return Err(Problem::forbidden("Others work with this filter, too; an admin can forget it."));
        }
    }
    let entry = signed_in.entry(Some(&door.site.id), "filter.dropped", &filed(&form.filter), &json!({}));
    if !web.store.drop_filter(&door.site.id, &form.filter, &me.id, &entry).await? {
        return Err(Problem::conflict("There is no such filter of yours any more."));
    }
    Ok(Redirect::to(&back(&form.back, &base(&door.site.id))).into_response())
}

/// A filter's name in the audit log.
fn filed(id: &str) -> String {
    format!("filters/{id}")
}

/// A decision to go back to.
struct Entry {
    href: String,
    text: String,
    when: Moment,
    undone: Option<String>,
    undo: Option<Undo>,
}

impl Entry {
    fn of(records: &[&DecisionRecord], frame: &Frame) -> Option<Self> {
        let first = records.first()?;
        let outcome = Outcome::of(first, frame);
        let section =
            if outcome.section.is_empty() { String::new() } else { format!(": {}", outcome.section) };
        let what = match records.len() {
            1 => format!("the comment {}", first.comment.comment),
            many => words::count(many as u64, "comment", "comments"),
        };
        Some(Self {
            href: format!("{}/comments/{}", frame.base, first.comment.comment),
            text: format!("{}{section}", outcome.did(&what)),
            when: outcome.when,
            undone: outcome.undone,
            undo: outcome.undo,
        })
    }
}

#[derive(Template)]
#[template(path = "history.html")]
struct HistoryPage {
    shell: Shell,
    site_name: String,
    frame: Frame,
    entries: Vec<Entry>,
}

#[derive(Template)]
#[template(path = "history_fragment.html")]
struct HistoryFragment {
    frame: Frame,
    entries: Vec<Entry>,
}

pub(super) async fn history(
    State(web): State<Arc<Web>>,
    Extension(held): Extension<Arc<Held>>,
    signed_in: SignedIn,
    Path(site): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let door = at(&signed_in, &site, Permission::Decide)?;
    let frame = held.frame(&web, &door, format!("{}/history", base(&door.site.id))).await?;
    let mine = DecisionFilter { actor: Some(frame.me.id.clone()), ..DecisionFilter::default() };
    let records = web.store.decisions(&door.site.id, &mine, None, LOOKED_THROUGH).await?;
    let mut grouped: Vec<(DecisionId, Vec<&DecisionRecord>)> = Vec::new();
    for record in &records {
        match grouped.iter_mut().find(|(id, _)| *id == record.id) {
            Some((_, together)) => together.push(record),
            None => grouped.push((record.id, vec![record])),
        }
    }
    let entries =
        grouped.iter().take(LOOKED_BACK).filter_map(|(_, records)| Entry::of(records, &frame)).collect();
    if headers.contains_key(FRAGMENT) {
        return page(&HistoryFragment { frame, entries });
    }
    page(&HistoryPage { shell: door.shell(), site_name: door.site.display_name.clone(), frame, entries })
}
