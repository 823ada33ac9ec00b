//! What a request asks for, or what is wrong with it.

use std::collections::HashSet;

use moderato_api::pb::review as pb;
use moderato_api::status::Refusal;
use moderato_api::{names, token};
use moderato_domain::{
    Actor, AuthorKey, CommentId, CommentName, Decision, DecisionId, DecisionKind, ErrorCode, Priority,
    ReviewQueue, Revision, SiteId, Target, Timestamp, Violation,
};
use moderato_store::{
    DecisionFilter, DecisionPosition, QueueFilter, QueuePosition, SanctionPosition, UNDO_WINDOW,
};
use uuid::Uuid;

use super::Rpc;

/// Items of a page if the caller does not say.
const DEFAULT_PAGE: u32 = 50;
/// Most items of a page: each comes with its verdict.
const MAX_PAGE: u32 = 200;
/// Most comments of a bulk: they are locked together, for some ten milliseconds.
const MAX_BULK: usize = 500;
/// Longest text, in characters.
const MAX_TEXT: usize = 2_000;

/// A page of what waits.
pub(crate) struct Queue {
    pub(crate) site: SiteId,
    pub(crate) filter: QueueFilter,
    pub(crate) after: Option<QueuePosition>,
    pub(crate) size: u32,
}

/// A page of decisions.
pub(crate) struct Decisions {
    pub(crate) site: SiteId,
    pub(crate) filter: DecisionFilter,
    pub(crate) after: Option<DecisionPosition>,
    pub(crate) size: u32,
}

pub(crate) fn site(parent: &str) -> Result<SiteId, Refusal> {
    names::site("parent", parent).map_err(one)
}

pub(crate) fn comment(field: &'static str, name: &str) -> Result<CommentName, Refusal> {
    names::comment(field, name).map_err(one)
}

pub(crate) fn author(name: &str) -> Result<(SiteId, AuthorKey), Refusal> {
    names::author("author", name).map_err(one)
}

pub(crate) fn queue(request: &pb::ListQueueRequest) -> Result<Queue, Refusal> {
    let site = site(&request.parent)?;
    let mut filter = QueueFilter {
        queue: queue_of(request.queue)?,
        category: text("category", request.category.clone())?,
        at_least: priority(request.min_priority)?,
        ..QueueFilter::default()
    };
    if !request.thread.is_empty() {
        let (of, thread) = names::thread("thread", &request.thread).map_err(one)?;
        must_be_on("thread", &of, &site)?;
        filter.thread = Some(thread.as_str().to_owned());
    }
    if !request.author.is_empty() {
        let (of, key) = author(&request.author)?;
        must_be_on("author", &of, &site)?;
        filter.author = Some(key);
    }
    let size = page_size(request.page_size)?;
    let after = opened(&queue_scope(&site, &filter), &request.page_token, |payload| {
        let mut parts = payload.splitn(3, ':');
        let priority = Priority::from_i16(parts.next()?.parse().ok()?)?;
        let wait_since = Timestamp::from_millis(parts.next()?.parse().ok()?);
        Some(QueuePosition { priority, wait_since, comment: CommentId::parse(parts.next()?).ok()? })
    })?;
    Ok(Queue { site, filter, after, size })
}

impl Queue {
    /// The token of the page after an item.
    pub(crate) fn after(&self, last: &QueuePosition) -> String {
        let QueuePosition { priority, wait_since, comment } = last;
        let payload = format!("{}:{}:{comment}", priority.as_i16(), wait_since.as_millis());
        sealed(&queue_scope(&self.site, &self.filter), &payload)
    }
}

/// A token is bound to every part of the filter.
fn queue_scope(site: &SiteId, filter: &QueueFilter) -> [String; 7] {
    let text = |part: Option<&str>| part.unwrap_or_default().to_owned();
    [
        Rpc::ListQueue.name().to_owned(),
        site.to_string(),
        text(filter.queue.map(ReviewQueue::as_str)),
        text(filter.category.as_deref()),
        text(filter.thread.as_deref()),
        filter.author.map(|author| author.to_string()).unwrap_or_default(),
        text(filter.at_least.map(Priority::as_str)),
    ]
}

pub(crate) fn decisions(request: &pb::ListDecisionsRequest) -> Result<Decisions, Refusal> {
    let site = site(&request.parent)?;
    let mut filter =
        DecisionFilter { actor: text("actor", request.actor.clone())?, ..DecisionFilter::default() };
    if !request.comment.is_empty() {
        let name = comment("comment", &request.comment)?;
        must_be_on("comment", &name.site, &site)?;
        filter.comment = Some(name.comment);
    }
    let size = page_size(request.page_size)?;
    let after = opened(&decisions_scope(&site, &filter), &request.page_token, |payload| {
        let mut parts = payload.splitn(3, ':');
        let time = Timestamp::from_millis(parts.next()?.parse().ok()?);
        let decision = DecisionId(Uuid::parse_str(parts.next()?).ok()?);
        Some(DecisionPosition { time, decision, comment: CommentId::parse(parts.next()?).ok()? })
    })?;
    Ok(Decisions { site, filter, after, size })
}

impl Decisions {
    /// The token of the page after a decision.
    pub(crate) fn after(&self, last: &DecisionPosition) -> String {
        let DecisionPosition { time, decision, comment } = last;
        let payload = format!("{}:{}:{comment}", time.as_millis(), decision.0);
        sealed(&decisions_scope(&self.site, &self.filter), &payload)
    }
}

fn decisions_scope(site: &SiteId, filter: &DecisionFilter) -> [String; 4] {
    let comment = filter.comment.as_ref().map(ToString::to_string).unwrap_or_default();
    let actor = filter.actor.clone().unwrap_or_default();
    [Rpc::ListDecisions.name().to_owned(), site.to_string(), comment, actor]
}

/// A page of bans.
pub(crate) struct Bans {
    pub(crate) site: SiteId,
    pub(crate) after: Option<SanctionPosition>,
    pub(crate) size: u32,
}

pub(crate) fn bans(request: &pb::ListBansRequest) -> Result<Bans, Refusal> {
    let site = site(&request.parent)?;
    let size = page_size(request.page_size)?;
    let after = opened(&bans_scope(&site), &request.page_token, |payload| {
        let (time, author) = payload.split_once(':')?;
        let author = AuthorKey::parse(author)?;
        Some(SanctionPosition { time: Timestamp::from_millis(time.parse().ok()?), author })
    })?;
    Ok(Bans { site, after, size })
}

impl Bans {
    /// The token of the page after a ban.
    pub(crate) fn after(&self, last: &SanctionPosition) -> String {
        let payload = format!("{}:{}", last.time.as_millis(), last.author);
        sealed(&bans_scope(&self.site), &payload)
    }
}

fn bans_scope(site: &SiteId) -> [String; 2] {
    [Rpc::ListBans.name().to_owned(), site.to_string()]
}

/// Comments of one site, each once.
pub(crate) fn comments(parent: &str, names: &[String]) -> Result<(SiteId, Vec<CommentId>), Refusal> {
    let site = site(parent)?;
    bounded("comments", names.len())?;
    let mut seen = HashSet::new();
    let mut ids = Vec::with_capacity(names.len());
    for name in names {
        let name = comment("comments", name)?;
        must_be_on("comments", &name.site, &site)?;
        if seen.insert(name.comment.clone()) {
            ids.push(name.comment);
        }
    }
    Ok((site, ids))
}

/// A decision of `actor` at `now`.
pub(crate) fn decision(
    site: SiteId,
    targets: &[pb::Target],
    ruling: Option<pb::Ruling>,
    actor: Actor,
    now: Timestamp,
) -> Result<Decision, Refusal> {
    bounded("targets", targets.len())?;
    let ruling = ruling.ok_or_else(|| wrong("ruling", "REQUIRED", "says what is decided"))?;
    let targets = targets.iter().map(|target| read_target(&site, target)).collect::<Result<Vec<_>, _>>()?;
    Ok(Decision {
        id: decision_id("ruling.decision_id", &ruling.decision_id)?,
        site,
        targets,
        kind: kind(ruling.kind)?,
        actor,
        guideline: text("ruling.guideline", ruling.guideline)?,
        message: text("ruling.message", ruling.message)?,
        note: text("ruling.note", ruling.note)?,
        over_claim: ruling.over_claim,
        decide_time: now,
        undo_until: now.plus(UNDO_WINDOW),
    })
}

fn read_target(site: &SiteId, target: &pb::Target) -> Result<Target, Refusal> {
    let name = comment("target.comment", &target.comment)?;
    must_be_on("target.comment", &name.site, site)?;
    let revision = Revision::new(target.revision)
        .map_err(|_| wrong("target.revision", "OUT_OF_RANGE", "is the revision that was looked at"))?;
    let version = match target.etag.as_str() {
        "" => None,
        etag => Some(
            etag.strip_prefix('v')
                .and_then(|version| version.parse().ok())
                .ok_or_else(|| wrong("target.etag", "MALFORMED", "is the etag of the comment"))?,
        ),
    };
    Ok(Target { comment: name.comment, revision, version })
}

pub(crate) fn decision_id(field: &'static str, id: &str) -> Result<DecisionId, Refusal> {
    match Uuid::parse_str(id) {
        Ok(id) => Ok(DecisionId(id)),
        Err(_) if id.is_empty() => Err(wrong(field, "REQUIRED", "is a UUID made up for this decision")),
        Err(_) => Err(wrong(field, "MALFORMED", "is not a UUID")),
    }
}

fn kind(kind: i32) -> Result<DecisionKind, Refusal> {
    match pb::DecisionKind::try_from(kind) {
        Ok(pb::DecisionKind::Approve) => Ok(DecisionKind::Approve),
        Ok(pb::DecisionKind::Reject) => Ok(DecisionKind::Reject),
        Ok(pb::DecisionKind::MarkSpam) => Ok(DecisionKind::Spam),
        Ok(pb::DecisionKind::Escalate) => Ok(DecisionKind::Escalate),
        Ok(pb::DecisionKind::SendBack) => Ok(DecisionKind::SendBack),
        Ok(pb::DecisionKind::Unspecified) | Err(_) => {
            Err(wrong("ruling.kind", "REQUIRED", "is APPROVE, REJECT, MARK_SPAM, ESCALATE or SEND_BACK"))
        }
    }
}

fn queue_of(queue: i32) -> Result<Option<ReviewQueue>, Refusal> {
    match pb::Queue::try_from(queue) {
        Ok(pb::Queue::Unspecified) => Ok(None),
        Ok(pb::Queue::Escalated) => Ok(Some(ReviewQueue::Escalated)),
        Ok(pb::Queue::Appeals) => Ok(Some(ReviewQueue::Appeals)),
        Ok(pb::Queue::Reported) => Ok(Some(ReviewQueue::Reported)),
        Ok(pb::Queue::Flagged) => Ok(Some(ReviewQueue::Flagged)),
        Ok(pb::Queue::Pending) => Ok(Some(ReviewQueue::Pending)),
        Ok(pb::Queue::Spam) => Ok(Some(ReviewQueue::Spam)),
        Err(_) => Err(wrong("queue", "OUT_OF_RANGE", "is a queue")),
    }
}

fn priority(priority: i32) -> Result<Option<Priority>, Refusal> {
    match pb::Priority::try_from(priority) {
        Ok(pb::Priority::Unspecified) => Ok(None),
        Ok(pb::Priority::Low) => Ok(Some(Priority::Low)),
        Ok(pb::Priority::Normal) => Ok(Some(Priority::Normal)),
        Ok(pb::Priority::High) => Ok(Some(Priority::High)),
        Ok(pb::Priority::Crisis) => Ok(Some(Priority::Crisis)),
        Err(_) => Err(wrong("min_priority", "OUT_OF_RANGE", "is a priority")),
    }
}

/// Words of a moderator; none if empty.
pub(crate) fn text(field: &'static str, text: String) -> Result<Option<String>, Refusal> {
    if text.contains('\0') {
        return Err(wrong(field, "MALFORMED", "holds a NUL character"));
    }
    if text.chars().count() > MAX_TEXT {
        return Err(wrong(field, "TOO_LONG", "has more than 2,000 characters"));
    }
    Ok(Some(text).filter(|text| !text.trim().is_empty()))
}

/// When a ban ends: in the future, or never.
pub(crate) fn expiry(time: Option<Timestamp>, now: Timestamp) -> Result<Option<Timestamp>, Refusal> {
    match time {
        Some(time) if time <= now => Err(wrong("expire_time", "OUT_OF_RANGE", "has passed")),
        other => Ok(other),
    }
}

fn page_size(asked: i32) -> Result<u32, Refusal> {
    match u32::try_from(asked) {
        Ok(0) => Ok(DEFAULT_PAGE),
        Ok(size) => Ok(size.min(MAX_PAGE)),
        Err(_) => Err(wrong("page_size", "OUT_OF_RANGE", "is between 0 and 200")),
    }
}

fn bounded(field: &'static str, count: usize) -> Result<(), Refusal> {
    match count {
        0 => Err(wrong(field, "REQUIRED", "names at least one comment")),
        1..=MAX_BULK => Ok(()),
        _ => Err(wrong(field, "TOO_MANY", "names more than 500 comments")),
    }
}

fn must_be_on(field: &'static str, of: &SiteId, site: &SiteId) -> Result<(), Refusal> {
    if of == site { Ok(()) } else { Err(wrong(field, "OTHER_SITE", "is of another site than the rest")) }
}

fn sealed<const N: usize>(scope: &[String; N], payload: &str) -> String {
    token::seal(&scope.each_ref().map(String::as_str), payload)
}

fn opened<const N: usize, P>(
    scope: &[String; N],
    token: &str,
    read: impl FnOnce(&str) -> Option<P>,
) -> Result<Option<P>, Refusal> {
    if token.is_empty() {
        return Ok(None);
    }
    token::open(&scope.each_ref().map(String::as_str), token)
        .and_then(|payload| read(&payload).ok_or(token::InvalidToken).map(Some))
        .map_err(|error| Refusal::Error(ErrorCode::TokenInvalid, error.to_string()))
}

fn wrong(field: &'static str, reason: &'static str, description: &str) -> Refusal {
    one(Violation::new(field, reason, description))
}

fn one(violation: Violation) -> Refusal {
    Refusal::Invalid(vec![violation])
}
