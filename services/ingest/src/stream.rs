//! Many comments over one call: one platform's import, or a gateway's steady flow.
//!
//! One task serves a stream, and none its items: an item of 430 bytes costs 4 µs of CPU, the client's
//! share included (`tests/it/streams.rs`, `what_an_item_costs`). States:
//!
//! *reading* → *ending* (the client has closed its half, or an item could not be read, or the key is
//! no longer good, or the process shuts down: nothing more is read) → *done* (every item that was
//! read is answered; then the status).
//!
//! Nothing is read while [`stream_in_flight`](crate::IngestOptions::stream_in_flight) items wait for
//! their confirm, or the client does not take its answers: HTTP/2 flow control passes that on. A
//! client that vanishes drops the whole exchange; what was confirmed stays accepted.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;

use futures_util::{FutureExt as _, Stream, StreamExt as _, stream};
use moderato_access::{Caller, Guard, framing};
use moderato_api::pb::ingest as pb;
use moderato_api::pb::ingest::submit_result::Result as Answer;
use moderato_api::status::{Refusal, reason_of};
use moderato_domain::{Clock, ErrorCode, Ids, Timestamp};
use moderato_queue::{Pending, PublishError};
use moderato_runtime::metrics::Metrics;
use moderato_runtime::shutdown::Shutdown;
use tokio::sync::OwnedSemaphorePermit;
use tonic::Status;

use crate::admit;
use crate::service::shutting_down;
use crate::submit::{Accepted, Awaiting, Begun, Submissions, refusal};

/// Answers in one response message: about 50 KiB of accepted items, and far below a client's usual
/// limit of 4 MiB even if every one is a refusal with a violation for every field.
const ANSWERS_MAX: usize = 256;

/// One stream, both ways. `S` is what the client sends.
pub(crate) struct Exchange<S> {
    input: S,
    caller: Caller,
    guard: Guard,
    submissions: Arc<Submissions>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    metrics: Arc<Metrics>,
    shutdown: Shutdown,
    shutdown_requested: Pin<Box<dyn Future<Output = ()> + Send>>,
    reading: bool,
    /// The status after the last answer; none: OK.
    status: Option<Status>,
    /// The next item's position.
    sequence: u64,
    /// Published, not confirmed, in the order of publishing: groups are confirmed in that order, but
    /// for a few that overtake.
    in_flight: VecDeque<InFlight>,
    in_flight_max: usize,
    answers: Vec<pb::SubmitResult>,
    _place: OwnedSemaphorePermit,
}

struct InFlight {
    sequence: u64,
    awaiting: Awaiting,
    confirm: Pending,
}

type Arrived = Option<Result<pb::SubmitCommentsRequest, Status>>;

/// What ended a wait.
#[expect(clippy::large_enum_variant, reason = "moved once, at once; a box would cost more than the move")]
enum Event {
    Arrived(Arrived),
    Confirmed(Result<(), PublishError>),
    ShutDown,
}

impl<S> Exchange<S>
where
    S: Stream<Item = Result<pb::SubmitCommentsRequest, Status>> + Unpin + Send + 'static,
{
    #[expect(clippy::too_many_arguments, reason = "a stream uses all that a unary call uses")]
    pub(crate) fn new(
        input: S,
        caller: Caller,
        guard: Guard,
        submissions: Arc<Submissions>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
        metrics: Arc<Metrics>,
        shutdown: Shutdown,
        in_flight_max: usize,
        place: OwnedSemaphorePermit,
    ) -> Self {
        let requested = shutdown.clone();
        Self {
            input,
            caller,
            guard,
            submissions,
            clock,
            ids,
            metrics,
            shutdown,
            shutdown_requested: Box::pin(async move { requested.requested().await }),
            reading: true,
            status: None,
            sequence: 0,
            in_flight: VecDeque::new(),
            in_flight_max: in_flight_max.max(1),
            answers: Vec::new(),
            _place: place,
        }
    }

    /// The client's side of the exchange. It is driven by whoever takes the answers.
    pub(crate) fn answers(
        self,
    ) -> impl Stream<Item = Result<pb::SubmitCommentsResponse, Status>> + Send + 'static {
        stream::unfold(self, |mut exchange| async move {
            let answer = exchange.next_answer().await?;
            Some((answer, exchange))
        })
    }

    /// What is done since the last answer, at once; waits only if nothing is.
    async fn next_answer(&mut self) -> Option<Result<pb::SubmitCommentsResponse, Status>> {
        loop {
            if self.may_read()
                && let Some(first) = self.input.next().now_or_never()
            {
                self.read(first).await;
            }
            self.collect();
            if !self.answers.is_empty() {
                return Some(Ok(pb::SubmitCommentsResponse { results: std::mem::take(&mut self.answers) }));
            }
            if !self.reading && self.in_flight.is_empty() {
                return self.status.take().map(Err);
            }
            match self.wait().await {
                Event::Arrived(first) => self.read(first).await,
                Event::Confirmed(outcome) => self.settle_oldest(outcome),
                Event::ShutDown => self.end(shutting_down().into()),
            }
        }
    }

    /// Takes in `first` and whatever else has arrived, as far as there is room. Key, site and time
    /// are looked at once for all of it.
    async fn read(&mut self, first: Arrived) {
        if self.shutdown.is_requested() {
            return self.end(shutting_down().into());
        }
        if let Err(refusal) = self.guard.renew(&mut self.caller) {
            return self.end(refusal.into());
        }
        let now = self.clock.now();
        let mut next = Some(first);
        while let Some(arrived) = next {
            match arrived {
                Some(Ok(item)) => self.take(item, now).await,
                Some(Err(unreadable)) => return self.end(framing::typed(unreadable)),
                None => {
                    self.reading = false;
                    return;
                }
            }
            next = if self.may_read() { self.input.next().now_or_never() } else { None };
        }
    }

    async fn take(&mut self, item: pb::SubmitCommentsRequest, now: Timestamp) {
        let sequence = self.sequence;
        self.sequence += 1;
        let request = item.submission.unwrap_or_default();
        let only_check = request.validate_only;
        let comment = match admit::submission(request, &self.caller, now, self.ids.as_ref()) {
            Ok(comment) if only_check => return self.accept(sequence, Accepted::only_checked(&comment)),
            Ok(comment) => comment,
            Err(refusal) => return self.refuse(sequence, refusal),
        };
        match self.submissions.begin(comment) {
            Ok(Begun::New(submission, awaiting)) => {
                match self.submissions.publisher.enqueue(submission).await {
                    Ok(confirm) => self.in_flight.push_back(InFlight { sequence, awaiting, confirm }),
                    Err(error) => self.refuse(sequence, refusal(error)),
                }
            }
            Ok(Begun::Before(accepted)) => self.accept(sequence, accepted),
            Err(refusal) => self.refuse(sequence, refusal),
        }
    }

    /// Answers everything that is confirmed, oldest first.
    fn collect(&mut self) {
        while self.answers.len() < ANSWERS_MAX
            && let Some(outcome) =
                self.in_flight.front_mut().and_then(|oldest| (&mut oldest.confirm).now_or_never())
        {
            self.settle_oldest(outcome);
        }
    }

    async fn wait(&mut self) -> Event {
        let may_read = self.may_read();
        let Self { input, in_flight, shutdown_requested, reading, .. } = self;
        let confirmed = async {
            match in_flight.front_mut() {
                Some(oldest) => (&mut oldest.confirm).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            outcome = confirmed => Event::Confirmed(outcome),
            arrived = input.next(), if may_read => Event::Arrived(arrived),
            () = shutdown_requested, if *reading => Event::ShutDown,
        }
    }

    fn may_read(&self) -> bool {
        self.reading && self.in_flight.len() < self.in_flight_max && self.answers.len() < ANSWERS_MAX
    }

    fn settle_oldest(&mut self, outcome: Result<(), PublishError>) {
        let Some(InFlight { sequence, awaiting, .. }) = self.in_flight.pop_front() else { return };
        match outcome {
            Ok(()) => {
                let accepted = self.submissions.confirmed(awaiting);
                self.accept(sequence, accepted);
            }
            Err(error) => self.refuse(sequence, refusal(error)),
        }
    }

    fn accept(&mut self, sequence: u64, accepted: Accepted) {
        self.answers.push(pb::SubmitResult { sequence, result: Some(Answer::Accepted(accepted.into())) });
    }

    fn refuse(&mut self, sequence: u64, refusal: Refusal) {
        self.metrics.refuse(refusal.code().as_str());
        self.answers.push(pb::SubmitResult { sequence, result: Some(Answer::Refused(refusal.into_pb())) });
    }

    /// Reads nothing more; what was read is still answered, then the status.
    fn end(&mut self, status: Status) {
        let reason = reason_of(&status);
        let code = ErrorCode::ALL.into_iter().find(|code| reason.as_deref() == Some(code.as_str()));
        if let Some(code) = code {
            self.metrics.refuse(code.as_str());
        }
        tracing::debug!(
            rpc = "SubmitComments",
            reason = code.map(ErrorCode::as_str),
            items = self.sequence,
            in_flight = self.in_flight.len(),
            "stream ended early"
        );
        self.reading = false;
        self.status = Some(status);
    }
}
