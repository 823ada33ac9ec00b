//! One method per RPC: admit the caller, read what is asked, answer.

use std::sync::Arc;

use moderato_access::{Caller, Guard};
use moderato_api::pb::query as pb;
use moderato_api::pb::query::query_service_server::QueryService;
use moderato_api::pb::types;
use moderato_api::status::Refusal;
use tokio::sync::Notify;
use tonic::{Request, Response, Status};

use crate::await_verdict::Waiting;
use crate::bells::Bells;
use crate::outage::Outage;
use crate::read::Reads;
use crate::request::{self, OfSite};
use crate::tail::Tail;
use crate::watch::{EventStream, Watching};
use crate::{QueryDeps, Rpc};

/// Serves comments, verdicts and events.
#[derive(Debug)]
pub struct Query {
    guard: Guard,
    reads: Reads,
    waiting: Waiting,
    watching: Watching,
}

impl Query {
    /// Starts the event tail, too.
    pub(crate) fn start(deps: QueryDeps) -> Self {
        let QueryDeps { store, directory, clock, metrics, shutdown, public_url, options } = deps;
        let guard = Guard::new(Arc::clone(&directory), Arc::clone(&clock));
        let outage = Arc::new(Outage::new(clock));
        let first = Arc::new(Notify::new());
        let waiters = Bells::new(options.max_waiters, Arc::clone(&first));
        let watchers = Bells::new(options.max_watchers, Arc::clone(&first));
        let tail = Tail {
            store: Arc::clone(&store),
            outage: Arc::clone(&outage),
            waiters: Arc::clone(&waiters),
            watchers: Arc::clone(&watchers),
            first,
        };
        tokio::spawn(tail.run(shutdown.clone()));
        Self {
            guard: guard.clone(),
            reads: Reads::new(Arc::clone(&store), directory, public_url, Arc::clone(&outage)),
            waiting: Waiting::new(Arc::clone(&store), Arc::clone(&outage), waiters, shutdown.clone()),
            watching: Watching { store, outage, guard, watchers, metrics, shutdown },
        }
    }

    /// The one way in: the key must be good for the RPC, the request readable, and the site the
    /// key's own. Nothing is looked up before.
    fn admit<R, A: OfSite>(
        &self,
        rpc: Rpc,
        request: &Request<R>,
        read: fn(&R) -> Result<A, Refusal>,
    ) -> Result<(Caller, A), Refusal> {
        let caller = self.guard.authenticate(request.metadata(), rpc.permission())?;
        let asked = read(request.get_ref())?;
        caller.on(asked.site())?;
        Ok((caller, asked))
    }
}

#[tonic::async_trait]
impl QueryService for Query {
    async fn get_comment(&self, request: Request<pb::GetCommentRequest>) -> Answer<types::Comment> {
        let (_, asked) = self.admit(Rpc::GetComment, &request, request::comment)?;
        Ok(Response::new(self.reads.comment(&asked).await?))
    }

    async fn list_comments(
        &self,
        request: Request<pb::ListCommentsRequest>,
    ) -> Answer<pb::ListCommentsResponse> {
        let (_, asked) = self.admit(Rpc::ListComments, &request, request::comments)?;
        Ok(Response::new(self.reads.comments(asked).await?))
    }

    async fn list_published_comments(
        &self,
        request: Request<pb::ListPublishedCommentsRequest>,
    ) -> Answer<pb::ListPublishedCommentsResponse> {
        let (_, asked) = self.admit(Rpc::ListPublishedComments, &request, request::published)?;
        Ok(Response::new(self.reads.published(asked).await?))
    }

    async fn count_published_comments(
        &self,
        request: Request<pb::CountPublishedCommentsRequest>,
    ) -> Answer<pb::CountPublishedCommentsResponse> {
        let (_, asked) = self.admit(Rpc::CountPublishedComments, &request, request::counts)?;
        Ok(Response::new(self.reads.counts(asked).await?))
    }

    async fn get_verdict(&self, request: Request<pb::GetVerdictRequest>) -> Answer<types::Verdict> {
        let (_, asked) = self.admit(Rpc::GetVerdict, &request, request::verdict)?;
        Ok(Response::new(self.reads.verdict(&asked).await?))
    }

    async fn list_verdicts(
        &self,
        request: Request<pb::ListVerdictsRequest>,
    ) -> Answer<pb::ListVerdictsResponse> {
        let (_, asked) = self.admit(Rpc::ListVerdicts, &request, request::verdicts)?;
        Ok(Response::new(self.reads.verdicts(asked).await?))
    }

    async fn await_verdict(&self, request: Request<pb::AwaitVerdictRequest>) -> Answer<types::Verdict> {
        let (_, asked) = self.admit(Rpc::AwaitVerdict, &request, request::awaited)?;
        Ok(Response::new(self.waiting.verdict(asked).await?))
    }

    type WatchEventsStream = EventStream;

    async fn watch_events(&self, request: Request<pb::WatchEventsRequest>) -> Answer<EventStream> {
        let (caller, asked) = self.admit(Rpc::WatchEvents, &request, request::watched)?;
        Ok(Response::new(self.watching.open(caller, asked).await?))
    }
}

type Answer<T> = Result<Response<T>, Status>;
