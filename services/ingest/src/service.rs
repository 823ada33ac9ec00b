//! The RPCs, each a few lines, and the permission each one asks for.

use std::sync::Arc;

use futures_util::stream::BoxStream;
use moderato_access::{Caller, Guard};
use moderato_api::intake::to_timestamp;
use moderato_api::pb::ingest as pb;
use moderato_api::pb::ingest::ingest_service_server::IngestService;
use moderato_api::status::Refusal;
use moderato_domain::{Clock, ErrorCode, Ids, Permission, RequestId};
use moderato_queue::GroupPublisher;
use moderato_runtime::metrics::Metrics;
use moderato_runtime::shutdown::Shutdown;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status, Streaming};

use crate::amend::Amendments;
use crate::check::Check;
use crate::report::Reports;
use crate::stream::Exchange;
use crate::submit::{Accepted, Submissions};
use crate::{IngestDeps, IngestOptions, admit};

/// What SubmitComment asks for.
pub const SUBMIT_COMMENT: Permission = Permission::SubmitComments;
/// What SubmitComments asks for.
pub const SUBMIT_COMMENTS: Permission = Permission::SubmitComments;
/// What CheckComment asks for.
pub const CHECK_COMMENT: Permission = Permission::CheckComments;
/// What EditComment asks for.
pub const EDIT_COMMENT: Permission = Permission::SubmitComments;
/// What WithdrawComment asks for.
pub const WITHDRAW_COMMENT: Permission = Permission::SubmitComments;

/// What ReportComment asks for.
pub const REPORT_COMMENT: Permission = Permission::SubmitComments;

/// Every RPC with what it asks for.
pub const PERMISSIONS: [(&str, Permission); 6] = [
    ("SubmitComment", SUBMIT_COMMENT),
    ("SubmitComments", SUBMIT_COMMENTS),
    ("CheckComment", CHECK_COMMENT),
    ("EditComment", EDIT_COMMENT),
    ("WithdrawComment", WITHDRAW_COMMENT),
    ("ReportComment", REPORT_COMMENT),
];

/// The ingest role behind its generated server. Made by [`service`](crate::service()).
#[derive(Debug)]
pub struct Ingest {
    guard: Guard,
    submissions: Arc<Submissions>,
    check: Check,
    amendments: Amendments,
    reports: Reports,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    metrics: Arc<Metrics>,
    shutdown: Shutdown,
    calls: Semaphore,
    streams: Arc<Semaphore>,
    options: IngestOptions,
}

impl Ingest {
    pub(crate) fn new(deps: IngestDeps) -> Self {
        let IngestDeps { queue, store, facts, directory, rules, clock, ids, metrics, shutdown, options } =
            deps;
        let publisher = GroupPublisher::start(queue, options.group);
        let submissions = Arc::new(Submissions::new(publisher, &metrics));
        Self {
            guard: Guard::new(directory.clone(), clock.clone()),
            check: Check {
                directory,
                facts,
                rules,
                clock: clock.clone(),
                metrics: metrics.clone(),
                store_budget: options.store_budget,
            },
            reports: Reports { store: store.clone() },
            amendments: Amendments {
                store,
                submissions: submissions.clone(),
                // An edit waits for its comment anyway; taken unseen it cannot be refused any more.
                store_budget: options.appear_within / 2,
                appear_within: options.appear_within,
            },
            submissions,
            clock,
            ids,
            metrics,
            shutdown,
            calls: Semaphore::new(options.max_in_flight),
            streams: Arc::new(Semaphore::new(options.max_streams)),
            options,
        }
    }

    async fn submit(&self, request: Request<pb::SubmitCommentRequest>) -> Result<Accepted, Refusal> {
        let (caller, _place) = self.enter(request.metadata(), SUBMIT_COMMENT)?;
        let request = request.into_inner();
        let only_check = request.validate_only;
        let comment = admit::submission(request, &caller, self.clock.now(), self.ids.as_ref())?;
        if only_check {
            return Ok(Accepted::only_checked(&comment));
        }
        self.submissions.submit(comment).await
    }

    fn exchange(
        &self,
        request: Request<Streaming<pb::SubmitCommentsRequest>>,
    ) -> Result<Exchange<Streaming<pb::SubmitCommentsRequest>>, Refusal> {
        self.open()?;
        let place = self.stream_place()?;
        let caller = self.guard.authenticate(request.metadata(), SUBMIT_COMMENTS)?;
        Ok(Exchange::new(
            request.into_inner(),
            caller,
            self.guard.clone(),
            self.submissions.clone(),
            self.clock.clone(),
            self.ids.clone(),
            self.metrics.clone(),
            self.shutdown.clone(),
            self.options.stream_in_flight,
            place,
        ))
    }

    async fn check(
        &self,
        request: Request<pb::CheckCommentRequest>,
    ) -> Result<pb::CheckCommentResponse, Refusal> {
        let (caller, _place) = self.enter(request.metadata(), CHECK_COMMENT)?;
        let comment = admit::check(request.into_inner(), &caller, self.clock.now(), self.ids.as_ref())?;
        let verdict = self.check.verdict(&comment, caller.site()).await;
        Ok(pb::CheckCommentResponse { verdict: Some(verdict) })
    }

    async fn edit(&self, request: Request<pb::EditCommentRequest>) -> Result<Accepted, Refusal> {
        let (caller, _place) = self.enter(request.metadata(), EDIT_COMMENT)?;
        let request = request.into_inner();
        let only_check = request.validate_only;
        let comment = admit::edit(request, &caller, self.clock.now(), self.ids.as_ref())?;
        if only_check {
            return Ok(Accepted::only_checked(&comment));
        }
        self.amendments.edit(comment).await
    }

    async fn withdraw(
        &self,
        request: Request<pb::WithdrawCommentRequest>,
    ) -> Result<pb::WithdrawCommentResponse, Refusal> {
        let (caller, _place) = self.enter(request.metadata(), WITHDRAW_COMMENT)?;
        let (comment, request_id) = admit::withdrawal(request.get_ref(), &caller)?;
        let accept_time = self.amendments.withdraw(comment, request_id, self.clock.now()).await?;
        Ok(pb::WithdrawCommentResponse { accept_time: Some(to_timestamp(accept_time)) })
    }

    async fn report(
        &self,
        request: Request<pb::ReportCommentRequest>,
    ) -> Result<pb::ReportCommentResponse, Refusal> {
        let (caller, _place) = self.enter(request.metadata(), REPORT_COMMENT)?;
        let request = request.into_inner();
        let only_check = request.validate_only;
        let report = admit::report(request, &caller, self.clock.now())?;
        if only_check {
            return Ok(pb::ReportCommentResponse::default());
        }
        self.reports.file(&report).await
    }

    /// The caller, and a place among the calls in flight.
    fn enter(
        &self,
        metadata: &MetadataMap,
        permission: Permission,
    ) -> Result<(Caller, SemaphorePermit<'_>), Refusal> {
        self.open()?;
        let place = self.calls.try_acquire().map_err(|_| overloaded("too many calls are in flight"))?;
        Ok((self.guard.authenticate(metadata, permission)?, place))
    }

    fn open(&self) -> Result<(), Refusal> {
        if self.shutdown.is_requested() { Err(shutting_down()) } else { Ok(()) }
    }

    fn stream_place(&self) -> Result<OwnedSemaphorePermit, Refusal> {
        self.streams.clone().try_acquire_owned().map_err(|_| overloaded("too many streams are open"))
    }

    /// A refusal is counted and told once, here.
    fn told(&self, rpc: &'static str, request_id: Option<&RequestId>, refusal: Refusal) -> Status {
        let reason = refusal.code().as_str();
        let request_id = request_id.map(RequestId::as_str);
        self.metrics.refuse(reason);
        if is_our_trouble(refusal.code()) {
            tracing::warn!(rpc, reason, request_id, "call refused");
        } else {
            tracing::debug!(rpc, reason, request_id, "call refused");
        }
        refusal.into()
    }
}

#[tonic::async_trait]
impl IngestService for Ingest {
    type SubmitCommentsStream = BoxStream<'static, Result<pb::SubmitCommentsResponse, Status>>;

    async fn submit_comment(
        &self,
        request: Request<pb::SubmitCommentRequest>,
    ) -> Result<Response<pb::SubmitCommentResponse>, Status> {
        let id = RequestId::parse(&request.get_ref().request_id).ok();
        let accepted =
            self.submit(request).await.map_err(|refusal| self.told("SubmitComment", id.as_ref(), refusal))?;
        Ok(Response::new(accepted.into()))
    }

    async fn submit_comments(
        &self,
        request: Request<Streaming<pb::SubmitCommentsRequest>>,
    ) -> Result<Response<Self::SubmitCommentsStream>, Status> {
        let exchange =
            self.exchange(request).map_err(|refusal| self.told("SubmitComments", None, refusal))?;
        Ok(Response::new(Box::pin(exchange.answers())))
    }

    async fn check_comment(
        &self,
        request: Request<pb::CheckCommentRequest>,
    ) -> Result<Response<pb::CheckCommentResponse>, Status> {
        let checked =
            self.check(request).await.map_err(|refusal| self.told("CheckComment", None, refusal))?;
        Ok(Response::new(checked))
    }

    async fn edit_comment(
        &self,
        request: Request<pb::EditCommentRequest>,
    ) -> Result<Response<pb::EditCommentResponse>, Status> {
        let id = RequestId::parse(&request.get_ref().request_id).ok();
        let accepted =
            self.edit(request).await.map_err(|refusal| self.told("EditComment", id.as_ref(), refusal))?;
        Ok(Response::new(accepted.into()))
    }

    async fn withdraw_comment(
        &self,
        request: Request<pb::WithdrawCommentRequest>,
    ) -> Result<Response<pb::WithdrawCommentResponse>, Status> {
        let id = RequestId::parse(&request.get_ref().request_id).ok();
        let done = self
            .withdraw(request)
            .await
            .map_err(|refusal| self.told("WithdrawComment", id.as_ref(), refusal))?;
        Ok(Response::new(done))
    }

    async fn report_comment(
        &self,
        request: Request<pb::ReportCommentRequest>,
    ) -> Result<Response<pb::ReportCommentResponse>, Status> {
        let id = RequestId::parse(&request.get_ref().request_id).ok();
        let filed =
            self.report(request).await.map_err(|refusal| self.told("ReportComment", id.as_ref(), refusal))?;
        Ok(Response::new(filed))
    }
}

/// Whether an operator should know of it; the rest are callers' own mistakes.
const fn is_our_trouble(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::QueueFull
            | ErrorCode::QueueUnavailable
            | ErrorCode::StoreUnavailable
            | ErrorCode::Overloaded
            | ErrorCode::Internal
    )
}

fn overloaded(what: &str) -> Refusal {
    Refusal::Error(ErrorCode::Overloaded, format!("{what}; retry later or use another instance"))
}

pub(crate) fn shutting_down() -> Refusal {
    let message = "this instance is shutting down; retry, another one will answer";
    Refusal::Error(ErrorCode::ShuttingDown, message.to_owned())
}

#[cfg(test)]
mod tests {
    use prost::Message as _;
    use prost_types::FileDescriptorSet;

    use super::*;

    #[test]
    fn every_rpc_of_the_contract_has_a_permission() {
        let contract = FileDescriptorSet::decode(moderato_api::pb::DESCRIPTORS).unwrap();
        let service =
            contract.file.iter().flat_map(|file| &file.service).find(|s| s.name() == "IngestService");
        let rpcs: Vec<&str> =
            service.unwrap().method.iter().map(prost_types::MethodDescriptorProto::name).collect();
        assert_eq!(rpcs, PERMISSIONS.map(|(rpc, _)| rpc));
    }
}
