//! One method per RPC: admit the caller, read what is asked, answer.

use std::sync::Arc;

use moderato_access::{Caller, Guard};
use moderato_api::intake::{from_timestamp, to_timestamp};
use moderato_api::pb::review as pb;
use moderato_api::pb::review::review_service_server::ReviewService;
use moderato_api::status::Refusal;
use moderato_api::view;
use moderato_domain::{Clock, CommentId, CommentName, ErrorCode, SiteId, Violation};
use moderato_store::{
    Claimed, DecideRefusal, Decided, DecisionFilter, DecisionPosition, Note, QueueItem, Sanction, Store,
    StoreError,
};
use tonic::{Request, Response, Status};

use super::{Rpc, present, request};
use crate::ConsoleDeps;
use crate::rules::refused;

/// Comments shown of a campaign, and of an author's history.
const SHOWN: u32 = 50;

/// Serves what waits.
#[derive(Debug)]
pub struct ReviewDesk {
    guard: Guard,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
}

impl ReviewDesk {
    pub(crate) fn new(deps: ConsoleDeps) -> Self {
        let ConsoleDeps { store, directory, clock, .. } = deps;
        Self { guard: Guard::new(directory, Arc::clone(&clock)), store, clock }
    }

    /// The key must be good for the RPC.
    fn admit<R>(&self, rpc: Rpc, request: &Request<R>) -> Result<Caller, Refusal> {
        self.guard.authenticate(request.metadata(), rpc.permission())
    }

    async fn items(&self, site: &SiteId, ids: &[CommentId]) -> Result<Vec<QueueItem>, Refusal> {
        self.store.queue_items(site, ids, self.clock.now()).await.map_err(|error| refused(&error))
    }

    /// Everything around an item.
    async fn detail(&self, name: &CommentName, item: QueueItem) -> Result<pb::QueueItemDetail, StoreError> {
        let store = &self.store;
        let conversation = store.conversation(name).await?;
        let author_history = match &item.author {
            Some(author) => {
                let history = store.author_history(&name.site, author, SHOWN, self.clock.now()).await?;
                Some(present::history(&name.site, history))
            }
            None => None,
        };
        let campaign = store.campaign(name, SHOWN).await?;
        let notes = store.notes(name).await?;
        let about = DecisionFilter { comment: Some(name.comment.clone()), ..DecisionFilter::default() };
        let decisions = store.decisions(&name.site, &about, None, SHOWN).await?;
        Ok(pb::QueueItemDetail {
            item: Some(present::item(item)),
            parents: present::comments(conversation.parents),
            siblings: present::comments(conversation.siblings),
            replies: present::comments(conversation.replies),
            author_history,
            campaign: present::comments(campaign),
            notes: notes.into_iter().map(present::note).collect(),
            decisions: decisions.into_iter().map(present::decision).collect(),
        })
    }
}

#[tonic::async_trait]
impl ReviewService for ReviewDesk {
    async fn list_queue(&self, request: Request<pb::ListQueueRequest>) -> Answer<pb::ListQueueResponse> {
        let caller = self.admit(Rpc::ListQueue, &request)?;
        let asked = request::queue(request.get_ref())?;
        caller.on(&asked.site)?;
        let now = self.clock.now();
        // One more than are shown, to know whether there is a next page.
        let page =
            self.store.queue_page(&asked.site, &asked.filter, asked.after.as_ref(), asked.size + 1, now);
        let mut items = page.await.map_err(|error| refused(&error))?;
        let more = items.len() > asked.size as usize;
        items.truncate(asked.size as usize);
        let next = items.last().filter(|_| more).map(|last| asked.after(&last.position()));
        Ok(Response::new(pb::ListQueueResponse {
            items: items.into_iter().map(present::item).collect(),
            next_page_token: next.unwrap_or_default(),
        }))
    }

    async fn get_queue_counts(&self, request: Request<pb::GetQueueCountsRequest>) -> Answer<pb::QueueCounts> {
        let caller = self.admit(Rpc::GetQueueCounts, &request)?;
        let site = request::site(&request.get_ref().parent)?;
        caller.on(&site)?;
        let counts = self.store.queue_counts(&site).await.map_err(|error| refused(&error))?;
        Ok(Response::new(pb::QueueCounts { counts: counts.iter().map(present::count).collect() }))
    }

    async fn get_queue_item(&self, request: Request<pb::GetQueueItemRequest>) -> Answer<pb::QueueItemDetail> {
        let caller = self.admit(Rpc::GetQueueItem, &request)?;
        let name = request::comment("name", &request.get_ref().name)?;
        caller.on(&name.site)?;
        let item = self.items(&name.site, std::slice::from_ref(&name.comment)).await?.pop();
        let item = item.ok_or_else(|| not_found(&name))?;
        let detail = self.detail(&name, item).await.map_err(|error| refused(&error))?;
        Ok(Response::new(detail))
    }

    async fn claim_comments(
        &self,
        request: Request<pb::ClaimCommentsRequest>,
    ) -> Answer<pb::ClaimCommentsResponse> {
        let caller = self.admit(Rpc::ClaimComments, &request)?;
        let pb::ClaimCommentsRequest { parent, comments, take_over } = request.into_inner();
        let (site, ids) = request::comments(&parent, &comments)?;
        caller.on(&site)?;
        let now = self.clock.now();
        let claimed = self.store.claim(&site, &ids, &caller.actor(), take_over, now).await;
        let claimed = claimed.map_err(|error| refused(&error))?;
        let result = |(id, claimed): (&CommentId, Claimed)| {
            let (held, claim) = match claimed {
                Claimed::Held(claim) => (true, Some(claim)),
                Claimed::Taken(claim) => (false, Some(claim)),
                Claimed::Unknown => (false, None),
            };
            pb::claim_comments_response::Result {
                comment: moderato_api::names::comment_name(&site, id),
                held,
                claim: claim.map(present::claim),
            }
        };
        let results = ids.iter().zip(claimed).map(result).collect();
        Ok(Response::new(pb::ClaimCommentsResponse { results }))
    }

    async fn release_comments(
        &self,
        request: Request<pb::ReleaseCommentsRequest>,
    ) -> Answer<pb::ReleaseCommentsResponse> {
        let caller = self.admit(Rpc::ReleaseComments, &request)?;
        let (site, ids) = request::comments(&request.get_ref().parent, &request.get_ref().comments)?;
        caller.on(&site)?;
        let released = self.store.release(&site, &ids, &caller.actor(), self.clock.now()).await;
        released.map_err(|error| refused(&error))?;
        Ok(Response::new(pb::ReleaseCommentsResponse {}))
    }

    async fn decide_comment(
        &self,
        request: Request<pb::DecideCommentRequest>,
    ) -> Answer<pb::DecideCommentResponse> {
        let caller = self.admit(Rpc::DecideComment, &request)?;
        let pb::DecideCommentRequest { target, ruling } = request.into_inner();
        let name = request::comment("target.comment", target.as_ref().map_or("", |target| &target.comment))?;
        caller.on(&name.site)?;
        let decision =
            request::decision(name.site, target.as_slice(), ruling, caller.actor(), self.clock.now())?;
        let mut decided =
            self.store.decide(&decision).await.map_err(|error| present::decide_refusal(&error))?;
        match decided.pop() {
            Some(Decided::Applied { comment, record }) => Ok(Response::new(pb::DecideCommentResponse {
                comment: Some(view::comment(comment)),
                undo_until: Some(to_timestamp(record.undo_until)),
            })),
            Some(Decided::Refused(refusal)) => Err(present::refusal(&refusal).into()),
            None => Err(present::refusal(&DecideRefusal::Unknown).into()),
        }
    }

    async fn batch_decide_comments(
        &self,
        request: Request<pb::BatchDecideCommentsRequest>,
    ) -> Answer<pb::BatchDecideCommentsResponse> {
        let caller = self.admit(Rpc::BatchDecideComments, &request)?;
        let pb::BatchDecideCommentsRequest { parent, targets, ruling, validate_only } = request.into_inner();
        let site = request::site(&parent)?;
        caller.on(&site)?;
        let decision = request::decision(site, &targets, ruling, caller.actor(), self.clock.now())?;
        let outcomes = if validate_only {
            self.store.foresee(&decision).await
        } else {
            self.store.decide(&decision).await
        };
        let outcomes = outcomes.map_err(|error| present::decide_refusal(&error))?;
        let mut results = Vec::with_capacity(outcomes.len());
        let (mut decided_count, mut undo_until) = (0, decision.undo_until);
        for (name, outcome) in decision.comments().zip(outcomes) {
            let (decided, refusal) = match outcome {
                Decided::Applied { comment, record } => {
                    undo_until = record.undo_until;
                    (Some(view::comment(comment)), None)
                }
                Decided::Refused(refusal) => (None, Some(present::refusal(&refusal).into_pb())),
            };
            decided_count += i32::from(decided.is_some());
            let comment = name.to_string();
            results.push(pb::batch_decide_comments_response::Result { comment, decided, refusal });
        }
        let undo_until = (!validate_only).then(|| to_timestamp(undo_until));
        Ok(Response::new(pb::BatchDecideCommentsResponse { results, decided_count, undo_until }))
    }

    async fn undo_decision(
        &self,
        request: Request<pb::UndoDecisionRequest>,
    ) -> Answer<pb::UndoDecisionResponse> {
        let caller = self.admit(Rpc::UndoDecision, &request)?;
        let site = request::site(&request.get_ref().parent)?;
        let decision = request::decision_id("decision_id", &request.get_ref().decision_id)?;
        caller.on(&site)?;
        let undone = self.store.undo(&site, decision, &caller.actor(), self.clock.now()).await;
        let comments = undone.map_err(|error| present::undo_refusal(&error))?;
        Ok(Response::new(pb::UndoDecisionResponse { comments: present::comments(comments) }))
    }

    async fn add_note(&self, request: Request<pb::AddNoteRequest>) -> Answer<pb::Note> {
        let caller = self.admit(Rpc::AddNote, &request)?;
        let pb::AddNoteRequest { comment, text } = request.into_inner();
        let comment = request::comment("comment", &comment)?;
        caller.on(&comment.site)?;
        let text = request::text("text", text)?.ok_or_else(|| {
            Refusal::Invalid(vec![Violation::new("text", "REQUIRED", "says something".to_owned())])
        })?;
        let note = Note { comment, actor: caller.actor(), text, time: self.clock.now() };
        if !self.store.add_note(&note).await.map_err(|error| refused(&error))? {
            return Err(not_found(&note.comment).into());
        }
        Ok(Response::new(present::note(note)))
    }

    async fn list_decisions(
        &self,
        request: Request<pb::ListDecisionsRequest>,
    ) -> Answer<pb::ListDecisionsResponse> {
        let caller = self.admit(Rpc::ListDecisions, &request)?;
        let asked = request::decisions(request.get_ref())?;
        caller.on(&asked.site)?;
        let page = self.store.decisions(&asked.site, &asked.filter, asked.after.as_ref(), asked.size + 1);
        let mut records = page.await.map_err(|error| refused(&error))?;
        let more = records.len() > asked.size as usize;
        records.truncate(asked.size as usize);
        let position = |last: &moderato_store::DecisionRecord| DecisionPosition {
            time: last.decide_time,
            decision: last.id,
            comment: last.comment.comment.clone(),
        };
        let next = records.last().filter(|_| more).map(|last| asked.after(&position(last)));
        Ok(Response::new(pb::ListDecisionsResponse {
            decisions: records.into_iter().map(present::decision).collect(),
            next_page_token: next.unwrap_or_default(),
        }))
    }

    async fn ban_author(&self, request: Request<pb::BanAuthorRequest>) -> Answer<pb::Ban> {
        let caller = self.admit(Rpc::BanAuthor, &request)?;
        let now = self.clock.now();
        let pb::BanAuthorRequest { author, expire_time, reason } = request.into_inner();
        let (site, author) = request::author(&author)?;
        caller.on(&site)?;
        let until = request::expiry(expire_time.as_ref().map(from_timestamp), now)?;
        let reason = request::text("reason", reason)?.ok_or_else(|| {
            let why = "says why, for other moderators".to_owned();
            Refusal::Invalid(vec![Violation::new("reason", "REQUIRED", why)])
        })?;
        let history = self.store.author_history(&site, &author, 1, now).await;
        let newest = history.map_err(|error| refused(&error))?.recent.pop();
        let newest = newest.ok_or_else(|| {
            let nobody = "wrote nothing on this site".to_owned();
            Refusal::Invalid(vec![Violation::new("author", "UNKNOWN", nobody)])
        })?;
        let sanction = Sanction {
            author,
            display_name: newest.display_name,
            until,
            reason,
            actor: caller.actor(),
            time: now,
        };
        self.store.put_sanction(&site, &sanction).await.map_err(|error| refused(&error))?;
        Ok(Response::new(present::ban(&site, sanction)))
    }

    async fn lift_ban(&self, request: Request<pb::LiftBanRequest>) -> Answer<pb::LiftBanResponse> {
        let caller = self.admit(Rpc::LiftBan, &request)?;
        let (site, author) = request::author(&request.get_ref().author)?;
        caller.on(&site)?;
        let lifted = self.store.lift_sanction(&site, &author, &caller.actor(), self.clock.now()).await;
        let lifted = lifted.map_err(|error| refused(&error))?;
        Ok(Response::new(pb::LiftBanResponse { lifted }))
    }

    async fn list_bans(&self, request: Request<pb::ListBansRequest>) -> Answer<pb::ListBansResponse> {
        let caller = self.admit(Rpc::ListBans, &request)?;
        let asked = request::bans(request.get_ref())?;
        caller.on(&asked.site)?;
        let now = self.clock.now();
        let page = self.store.sanctions(&asked.site, now, asked.after.as_ref(), asked.size + 1).await;
        let mut bans = page.map_err(|error| refused(&error))?;
        let more = bans.len() > asked.size as usize;
        bans.truncate(asked.size as usize);
        let next = bans.last().filter(|_| more).map(|last| asked.after(&last.into()));
        Ok(Response::new(pb::ListBansResponse {
            bans: bans.into_iter().map(|sanction| present::ban(&asked.site, sanction)).collect(),
            next_page_token: next.unwrap_or_default(),
        }))
    }
}

type Answer<T> = Result<Response<T>, Status>;

fn not_found(name: &CommentName) -> Refusal {
    Refusal::Error(ErrorCode::CommentNotFound, format!("there is no comment {name}"))
}
