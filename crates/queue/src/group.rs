//! Group publish, like a database's group commit: while messages are in flight, submissions that
//! arrive wait together and leave as one message.
//!
//! A broker's work is per message, whatever the message holds; 64 comments in one cost it little
//! more than one does. At low load nothing waits: a submission that finds nothing in flight leaves
//! at once and alone.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use moderato_domain::Timestamp;
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use crate::derived_id::derived_id;
use crate::{Envelope, PublishError, Queue, Route};

/// How much one message may hold.
#[derive(Debug, Clone, Copy)]
pub struct GroupLimits {
    /// Submissions in one message.
    pub items: usize,
    /// Bytes of one message. A single submission that is larger travels alone.
    pub bytes: usize,
    /// Messages in flight at once. A small number makes groups; a large one makes single messages.
    pub in_flight: usize,
    /// Submissions waiting for their turn. Beyond it callers wait to be let in.
    pub waiting: usize,
}

impl Default for GroupLimits {
    fn default() -> Self {
        Self { items: 64, bytes: 256 * 1024, in_flight: 2, waiting: 4096 }
    }
}

/// One submission, encoded.
#[derive(Debug, Clone)]
pub struct GroupItem {
    /// Its identity.
    pub uid: Uuid,
    /// When it was accepted.
    pub accept_time: Timestamp,
    /// The caller's request id.
    pub request_id: Option<String>,
    /// An encoded `Submissions` of one. Encodings of a message with one repeated field, put one
    /// after the other, are the encoding of the merged message: grouping copies bytes and decodes
    /// nothing.
    pub body: Bytes,
}

/// Gathers submissions into messages. Clones share the groups; when the last is dropped, what was
/// let in still leaves.
#[derive(Clone)]
pub struct GroupPublisher {
    waiting: mpsc::Sender<Waiting>,
}

struct Waiting {
    item: GroupItem,
    answer: oneshot::Sender<Result<(), PublishError>>,
}

/// A submission on its way: resolves when its message is confirmed or refused. Dropping it before
/// its message has left withdraws the submission.
#[derive(Debug)]
pub struct Pending(oneshot::Receiver<Result<(), PublishError>>);

impl GroupPublisher {
    /// Starts the publisher's task; call it within a runtime.
    pub fn start(queue: Arc<dyn Queue>, limits: GroupLimits) -> Self {
        let (waiting, arrivals) = mpsc::channel(limits.waiting.max(1));
        tokio::spawn(publish_groups(queue, limits, arrivals));
        Self { waiting }
    }

    /// Durable when it returns `Ok`.
    pub async fn publish(&self, item: GroupItem) -> Result<(), PublishError> {
        self.enqueue(item).await?.await
    }

    /// Returns as soon as the submission is let in; the confirm comes through [`Pending`]. For
    /// callers with many submissions, such as a stream: no task per submission is needed.
    pub async fn enqueue(&self, item: GroupItem) -> Result<Pending, PublishError> {
        let (answer, pending) = oneshot::channel();
        self.waiting.send(Waiting { item, answer }).await.map_err(|_| PublishError::Unavailable)?;
        Ok(Pending(pending))
    }
}

impl fmt::Debug for GroupPublisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waiting = self.waiting.max_capacity() - self.waiting.capacity();
        f.debug_struct("GroupPublisher").field("waiting", &waiting).finish()
    }
}

impl Future for Pending {
    type Output = Result<(), PublishError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // The sender is gone without an answer only if the runtime is going down.
        Pin::new(&mut self.0).poll(context).map(|answer| answer.unwrap_or(Err(PublishError::Ambiguous)))
    }
}

async fn publish_groups(queue: Arc<dyn Queue>, limits: GroupLimits, mut arrivals: mpsc::Receiver<Waiting>) {
    let mut in_flight = FuturesUnordered::new();
    let mut next = None;
    loop {
        tokio::select! {
            Some(()) = in_flight.next() => {}
            arrival = arrivals.recv(), if next.is_none() && in_flight.len() < limits.in_flight.max(1) => {
                match arrival {
                    Some(first) => next = Some(first),
                    None => break,
                }
            }
        }
        while in_flight.len() < limits.in_flight.max(1)
            && let Some(group) = Group::gather(&mut next, &mut arrivals, &limits)
        {
            in_flight.push(group.publish(queue.as_ref()));
        }
    }
    while in_flight.next().await.is_some() {}
}

/// The submissions of one message.
struct Group {
    items: Vec<Waiting>,
    bytes: usize,
}

impl Group {
    /// Takes what waits, as much as fits; what does not fit any more stays in `next`.
    fn gather(next: &mut Option<Waiting>, arrivals: &mut mpsc::Receiver<Waiting>, limits: &GroupLimits) -> Option<Self> {
        let mut group = Self { items: Vec::new(), bytes: 0 };
        while group.items.len() < limits.items.max(1) {
            let Some(waiting) = next.take().or_else(|| arrivals.try_recv().ok()) else { break };
            if waiting.answer.is_closed() {
                // The caller is gone: nobody would learn that it was stored.
                continue;
            }
            let bytes = group.bytes + waiting.item.body.len();
            if bytes > limits.bytes && !group.items.is_empty() {
                *next = Some(waiting);
                break;
            }
            group.bytes = bytes;
            group.items.push(waiting);
        }
        (!group.items.is_empty()).then_some(group)
    }

    async fn publish(self, queue: &dyn Queue) {
        let result = match self.envelope() {
            Some(envelope) => queue.publish(Route::Work, envelope).await,
            None => Ok(()),
        };
        for waiting in self.items {
            // The caller may have gone away; its neighbours are not concerned.
            let _ = waiting.answer.send(result);
        }
    }

    /// One submission keeps its identity; a group gets an id derived from its members'.
    fn envelope(&self) -> Option<Envelope> {
        let first = &self.items.first()?.item;
        let (message_id, body) = if self.items.len() == 1 {
            (first.uid, first.body.clone())
        } else {
            let mut body = BytesMut::with_capacity(self.bytes);
            for waiting in &self.items {
                body.extend_from_slice(&waiting.item.body);
            }
            (derived_id(&self.items.iter().map(|waiting| waiting.item.uid)), body.freeze())
        };
        let first_accept = self.items.iter().map(|waiting| waiting.item.accept_time).min()?;
        let mut envelope = Envelope::submissions(message_id, self.items.len() as u32, first_accept, body);
        envelope.correlation_id.clone_from(&first.request_id);
        Some(envelope)
    }
}
