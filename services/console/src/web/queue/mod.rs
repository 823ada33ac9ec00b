//! What waits: the list of a queue, and what became of it since.

mod question;

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::get;
use axum::{Extension, Router};
use moderato_domain::{CommentId, DecisionId, Permission, Priority, ReviewQueue, SiteId, Timestamp};
use moderato_store::{DecisionRecord, QueueCount, QueueFilter, QueueItem, SavedFilter, StoreError};
use uuid::Uuid;

pub(crate) use question::{Question, lists};

use super::Web;
use super::dress::FRAGMENT;
use super::events;
use super::form::Asked;
use super::held::Held;
use super::keys::Keyboard;
use super::problem::Problem;
use super::session::{SignedIn, SiteDoor};
use super::shell::{Shell, page};
use super::text::Kind;
use super::view::{Card, Frame, Mini, Moment, Outcome, Undo, comment_id};
use super::words;

/// Items of a page: what one looks through in a few minutes.
const PAGE: u32 = 30;

/// Comments that a page asks about at once.
const CHANGES: usize = 100;

/// Categories to filter by; rule sets may have more, which an address can ask for.
const CATEGORIES: [&str; 11] = [
    "crisis",
    "evasion",
    "harassment",
    "hate",
    "history",
    "privacy",
    "profanity",
    "quality",
    "sexual",
    "spam",
    "threat",
];

pub(super) fn routes() -> Router<Arc<Web>> {
    Router::new().route("/sites/{site}/queue", get(queue)).route("/sites/{site}/queue/changes", get(changes))
}

/// The queues of a site and how much waits in each.
#[derive(Debug, Clone)]
pub(crate) struct Side {
    /// All of them together first.
    pub(crate) queues: Vec<QueueLink>,
    /// Filters that somebody saved.
    pub(crate) filters: Vec<FilterLink>,
}

/// A queue in the side list.
#[derive(Debug, Clone)]
pub(crate) struct QueueLink {
    /// Its name in addresses; `all` for all of them.
    pub(crate) id: &'static str,
    /// Its name for people.
    pub(crate) title: &'static str,
    /// Its page.
    pub(crate) href: String,
    /// Items in it.
    pub(crate) waiting: u64,
    /// Items in it, for people.
    pub(crate) count: String,
    /// How long the oldest waits; empty if none does.
    pub(crate) oldest: String,
    /// It is the one that is shown.
    pub(crate) current: bool,
    /// Somebody may be in danger.
    pub(crate) urgent: bool,
}

/// A saved filter in the side list.
#[derive(Debug, Clone)]
pub(crate) struct FilterLink {
    /// Identifies it.
    pub(crate) id: String,
    /// Its name.
    pub(crate) name: String,
    /// Its page.
    pub(crate) href: String,
    /// It is the one that is shown.
    pub(crate) current: bool,
    /// Nobody else sees it.
    pub(crate) mine: bool,
    /// Who made it, if that is known.
    pub(crate) maker: String,
    /// The person may forget it.
    pub(crate) droppable: bool,
}

impl Side {
    /// The side list of a site, beside the list of a question.
    pub(crate) async fn of(
        web: &Web,
        door: &SiteDoor,
        frame: &Frame,
        question: &Question,
    ) -> Result<Self, Problem> {
        let site = &door.site.id;
        let (counts, filters) =
            tokio::try_join!(web.store.queue_counts(site), web.store.filters(site, &frame.me.id))?;
        let admin = door.allows(Permission::Configure);
        let filters =
            filters.into_iter().map(|filter| FilterLink::of(filter, frame, question, admin)).collect();
        Ok(Self { queues: QueueLink::all(&counts, frame, question), filters })
    }

    /// How much waits in the queue of the question.
    fn waiting(&self) -> (String, String) {
        let current = self.queues.iter().find(|queue| queue.current);
        current.map(|queue| (queue.count.clone(), queue.oldest.clone())).unwrap_or_default()
    }
}

impl QueueLink {
    fn all(counts: &[QueueCount], frame: &Frame, question: &Question) -> Vec<Self> {
        let link = |queue: Option<ReviewQueue>, waiting: u64, oldest: Option<Timestamp>| {
            let id = queue.map_or("", ReviewQueue::as_str);
            Self {
                id: if id.is_empty() { "all" } else { id },
                title: queue.map_or("All that waits", words::queue),
                href: Question { queue: id.to_owned(), ..Question::default() }.path(&frame.base),
                waiting,
                count: words::number(waiting),
                oldest: oldest.map(|oldest| words::stretch(frame.now.since(oldest))).unwrap_or_default(),
                current: question.queue == id,
                urgent: queue == Some(ReviewQueue::Escalated) && waiting > 0,
            }
        };
        let all = counts.iter().map(|count| count.waiting).sum();
        let oldest = counts.iter().filter_map(|count| count.oldest).min();
        let each = counts.iter().map(|count| link(Some(count.queue), count.waiting, count.oldest));
        std::iter::once(link(None, all, oldest)).chain(each).collect()
    }
}

impl FilterLink {
    fn of(filter: SavedFilter, frame: &Frame, question: &Question, admin: bool) -> Self {
        let asks = Question::of(&filter.filter);
        let mine = filter.owner.as_ref() == Some(&frame.me.id);
        Self {
            href: asks.path(&frame.base),
            current: asks.list() == question.list() && question.is_filtered(),
            id: filter.id,
            name: filter.name,
            mine,
            maker: filter.maker.map(|maker| maker.name).unwrap_or_default(),
            droppable: mine || admin,
        }
    }
}

/// A list of items.
#[derive(Debug, Clone)]
pub(crate) struct List {
    /// What it is called.
    pub(crate) title: String,
    /// How much waits in its queue.
    pub(crate) waiting: String,
    /// How long the oldest of its queue waits.
    pub(crate) oldest: String,
    /// Its items.
    pub(crate) cards: Vec<Card>,
    /// Where it goes on.
    pub(crate) more: Option<String>,
    /// Where the script asks what became of it.
    pub(crate) changes: String,
    /// The queue.
    pub(crate) queue: String,
    /// The page that it is filtered by.
    pub(crate) page: String,
    /// The author that it is filtered by.
    pub(crate) author: String,
    /// What else it can be filtered by.
    pub(crate) categories: Vec<Choice>,
    /// From which urgency on it can be filtered.
    pub(crate) priorities: Vec<Choice>,
    /// It shows less than its queue.
    pub(crate) filtered: bool,
    /// Its queue's whole list.
    pub(crate) unfiltered: String,
    /// The question, to be saved.
    pub(crate) question: String,
}

/// Something to choose.
#[derive(Debug, Clone)]
pub(crate) struct Choice {
    /// Its value.
    pub(crate) id: String,
    /// For people.
    pub(crate) title: String,
    /// It is chosen.
    pub(crate) chosen: bool,
}

impl Choice {
    /// A category.
    pub(crate) fn category(id: &str, chosen: bool) -> Self {
        Self { id: id.to_owned(), title: words::category(id), chosen }
    }
}

impl List {
    fn of(site: &SiteId, items: &[QueueItem], side: &Side, frame: &Frame, question: &Question) -> Self {
        let shown = &items[..items.len().min(PAGE as usize)];
        let more = (items.len() > shown.len()).then(|| shown.last()).flatten();
        let (waiting, oldest) = side.waiting();
        let saved = side.filters.iter().find(|filter| filter.current);
        let queue = ReviewQueue::parse(&question.queue).map_or("All that waits", words::queue);
        let mut categories: Vec<Choice> =
            CATEGORIES.iter().map(|id| Choice::category(id, *id == question.category)).collect();
        if !question.category.is_empty() && !categories.iter().any(|category| category.chosen) {
            categories.push(Choice::category(&question.category, true));
        }
        let priorities = Priority::ALL.into_iter().skip(1).map(|priority| Choice {
            id: priority.as_str().to_owned(),
            title: match priority {
                Priority::Low => "low",
                Priority::Normal => "flagged by a rule",
                Priority::High => "urgent",
                Priority::Crisis => "crisis",
            }
            .to_owned(),
            chosen: question.priority == priority.as_str(),
        });
        let changes = match question.list() {
            empty if empty.is_empty() => format!("{}/queue/changes", frame.base),
            list => format!("{}/queue/changes?{list}", frame.base),
        };
        Self {
            title: saved.map_or(queue, |filter| &filter.name).to_owned(),
            waiting,
            oldest,
            cards: shown.iter().map(|item| Card::of(item, frame)).collect(),
            more: more.map(|last| question.after(site.as_str(), last).path(&frame.base)),
            changes,
            queue: question.queue.clone(),
            page: question.page.clone(),
            author: question.author.clone(),
            categories,
            priorities: priorities.collect(),
            filtered: question.is_filtered(),
            unfiltered: question.unfiltered().path(&frame.base),
            question: question.list(),
        }
    }
}

/// The decision that led to a page.
#[derive(Debug, Clone)]
pub(crate) struct Last {
    /// Which one.
    pub(crate) decision: String,
    /// How many comments it was about.
    pub(crate) count: usize,
    /// What was decided.
    pub(crate) text: String,
    /// How to take it back.
    pub(crate) undo: Option<Undo>,
}

impl Last {
    /// From what is kept of a decision: one record for each comment.
    pub(crate) fn of(records: &[DecisionRecord], frame: &Frame) -> Option<Self> {
        let first = records.first()?;
        let outcome = Outcome::of(first, frame);
        let what = words::count(records.len() as u64, "comment", "comments");
        let section =
            if outcome.section.is_empty() { String::new() } else { format!(": {}", outcome.section) };
        let undone = outcome.undone.as_ref().map(|undone| format!(" It was {undone}.")).unwrap_or_default();
        Some(Self {
            decision: first.id.0.to_string(),
            count: records.len(),
            text: format!("{} {}{section}.{undone}", outcome.who, outcome.did(&what)),
            undo: outcome.undo,
        })
    }
}

#[derive(Template)]
#[template(path = "queue.html")]
struct QueuePage {
    shell: Shell,
    site_name: String,
    frame: Frame,
    keyboard: Keyboard,
    side: Side,
    list: List,
    last: Option<Last>,
    events: String,
}

#[derive(Template)]
#[template(path = "cards_fragment.html")]
struct CardsFragment {
    frame: Frame,
    list: List,
}

async fn queue(
    State(web): State<Arc<Web>>,
    Extension(held): Extension<Arc<Held>>,
    signed_in: SignedIn,
    Path(site): Path<String>,
    Asked(question): Asked<Question>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let door = at(&signed_in, &site, Permission::ReadAll)?;
    let site = &door.site.id;
    let (filter, after) = (question.filter()?, question.position(site.as_str())?);
    let frame = held.frame(&web, &door, question.path(&super::view::base(site))).await?;
    // Before anything is read: what happens from here on is told live.
    let events = events::path(&web, site).await?;
    let (side, items) = tokio::try_join!(Side::of(&web, &door, &frame, &question), async {
        Ok(web.store.queue_page(site, &filter, after.as_ref(), PAGE + 1, frame.now).await?)
    },)?;
    let list = List::of(site, &items, &side, &frame, &question);
    if headers.contains_key(FRAGMENT) {
        return page(&CardsFragment { frame, list });
    }
    let last = last(&web, site, &frame, &question.done).await?;
    page(&QueuePage {
        shell: door.shell(),
        site_name: door.site.display_name.clone(),
        keyboard: Keyboard::of(&frame.preferences),
        frame,
        side,
        list,
        last,
        events,
    })
}

/// The decision of that id, if it is one of the person.
pub(super) async fn last(web: &Web, site: &SiteId, frame: &Frame, id: &str) -> Result<Option<Last>, Problem> {
    let Ok(id) = Uuid::parse_str(id).map(DecisionId) else { return Ok(None) };
    let mut records = web.store.decision(site, id).await?;
    records.retain(|record| record.actor.id == frame.me.id);
    Ok(Last::of(&records, frame))
}

/// A site where the person may do this.
pub(super) fn at(signed_in: &SignedIn, site: &str, permission: Permission) -> Result<SiteDoor, Problem> {
    let site = SiteId::parse(site).map_err(|_| Problem::not_found())?;
    signed_in.on(&site, permission)
}

/// Parts of a page that changed.
#[derive(Template)]
#[template(path = "changes_fragment.html")]
pub(super) struct Changes {
    /// What everything needs to know.
    pub(crate) frame: Frame,
    /// For the live region.
    pub(crate) say: String,
    /// How much waits in the list, in words.
    pub(crate) waiting: String,
    /// Items, in their places.
    pub(crate) cards: Vec<Card>,
    /// Comments around the one that is looked at.
    pub(crate) minis: Vec<Mini>,
    /// Items that are not there any more.
    pub(crate) gone: Vec<String>,
    /// The side list.
    pub(crate) side: Side,
    /// The decision that led here.
    pub(crate) last: Option<Last>,
}

impl Changes {
    /// With the counts of now.
    pub(super) async fn with_counts(
        web: &Web,
        door: &SiteDoor,
        frame: Frame,
        question: &Question,
    ) -> Result<Self, Problem> {
        let side = Side::of(web, door, &frame, question).await?;
        let (count, oldest) = side.waiting();
        let waiting = if oldest.is_empty() {
            format!("{count} waiting")
        } else {
            format!("{count} waiting, oldest {oldest}")
        };
        Ok(Self {
            frame,
            say: String::new(),
            waiting,
            cards: Vec::new(),
            minis: Vec::new(),
            gone: Vec::new(),
            side,
            last: None,
        })
    }
}

async fn changes(
    State(web): State<Arc<Web>>,
    Extension(held): Extension<Arc<Held>>,
    signed_in: SignedIn,
    Path(site): Path<String>,
    Asked(pairs): Asked<Vec<(String, String)>>,
) -> Result<Response, Problem> {
    let door = at(&signed_in, &site, Permission::ReadAll)?;
    let (asked, rest): (Vec<_>, Vec<_>) = pairs.into_iter().partition(|(name, _)| name == "id");
    let text = serde_html_form::to_string(&rest).unwrap_or_default();
    let question: Question = serde_html_form::from_str(&text).unwrap_or_default();
    let filter = question.filter()?;
    let comments: Vec<CommentId> = asked.iter().take(CHANGES).filter_map(|(_, id)| comment_id(id)).collect();

    let frame = held.frame(&web, &door, question.path(&super::view::base(&door.site.id))).await?;
    let items = web.store.queue_items(&door.site.id, &comments, frame.now).await?;
    let known: Vec<&CommentId> = items.iter().map(|item| &item.comment.name.comment).collect();
    let gone = comments.iter().filter(|id| !known.contains(id)).map(ToString::to_string).collect();
    let cards = cards(&web, &door.site.id, &items, &filter, &frame).await?;
    let changes = Changes::with_counts(&web, &door, frame, &question).await?;
    page(&Changes { cards, gone, ..changes })
}

/// Items as a list shows them, also those that left it, with what was decided about them.
async fn cards(
    web: &Web,
    site: &SiteId,
    items: &[QueueItem],
    filter: &QueueFilter,
    frame: &Frame,
) -> Result<Vec<Card>, StoreError> {
    let left = items.iter().filter(|item| !lists(filter, item));
    let left: Vec<CommentId> = left.map(|item| item.comment.name.comment.clone()).collect();
    let decisions = web.store.newest_decisions(site, &left).await?;
    let card = |item: &QueueItem| {
        let (card, id) = (Card::of(item, frame), &item.comment.name.comment);
        if !left.contains(id) {
            return card;
        }
        let newest = decisions.iter().find(|record| record.comment.comment == *id);
        card.decided(Some(outcome(newest, item, frame)))
    };
    Ok(items.iter().map(card).collect())
}

/// What became of an item that left a list, by the newest decision about it.
pub(super) fn outcome(newest: Option<&DecisionRecord>, item: &QueueItem, frame: &Frame) -> Outcome {
    match newest.filter(|record| record.undone.is_none()) {
        Some(record) => Outcome::of(record, frame),
        None => Outcome {
            who: "Something".to_owned(),
            kind: None,
            section: String::new(),
            when: Moment::of(item.comment.update_time, frame.now),
            note: String::new(),
            message: String::new(),
            undone: None,
            undo: None,
        },
    }
}

/// The page of the sample, as somebody called Ann sees it.
#[cfg(test)]
pub(super) fn sample_page(question: &Question) -> String {
    use super::shell::Person;
    use super::tests::sample;
    let frame = sample::frame();
    let items = sample::items();
    let counts = ReviewQueue::ALL.map(|queue| {
        let of = items.iter().filter(|item| item.queue == Some(queue));
        QueueCount { queue, waiting: of.clone().count() as u64, oldest: of.map(|item| item.wait_since).min() }
    });
    let side = Side { queues: QueueLink::all(&counts, &frame, question), filters: Vec::new() };
    let mut list = List::of(&SiteId::parse("blog").unwrap(), &items, &side, &frame, question);
    let record = moderato_store::DecisionRecord {
        id: DecisionId(Uuid::nil()),
        comment: items[3].comment.name.clone(),
        revision: items[3].comment.revision,
        kind: moderato_domain::DecisionKind::Reject,
        actor: frame.me.clone(),
        guideline: Some("advertising".to_owned()),
        message: None,
        note: None,
        decide_time: frame.now,
        waited: std::time::Duration::ZERO,
        undo_until: frame.now.plus(std::time::Duration::from_mins(1)),
        undone: None,
    };
    list.cards[3] = list.cards[3].clone().decided(Some(Outcome::of(&record, &frame)));
    let keyboard = Keyboard::of(&frame.preferences);
    let person = Person {
        name: "Ann".to_owned(),
        csrf: "token".to_owned(),
        theme: "",
        operator: false,
        keys: keyboard.json(),
        keys_off: false,
    };
    let page = QueuePage {
        shell: Shell { person: Some(person), ..Shell::plain() },
        site_name: "Blog".to_owned(),
        frame,
        keyboard,
        side,
        list,
        last: None,
        events: "/sites/blog/events?after=00".to_owned(),
    };
    page.render().unwrap()
}
