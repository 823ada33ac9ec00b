//! A worker's end of the queue.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::{FutureExt as _, StreamExt as _};
use lapin::options::{
    BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicNackOptions, BasicQosOptions,
};
use lapin::types::{FieldTable, ShortString};
use lapin::{Acker, Channel};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::{error, info, warn};

use crate::rabbitmq::session::{Session, State, answer};
use crate::rabbitmq::topology::short;
use crate::rabbitmq::{Link, wire};
use crate::{ConsumeOptions, Consumer, Delivery, QueueError, Settle};

/// How long stopping may take before what is prefetched is left to the channel's end.
const STOP: Duration = Duration::from_secs(5);

const REQUEUE: BasicNackOptions = BasicNackOptions { multiple: false, requeue: true };

/// A consumer that attaches to whatever session there is.
pub(super) struct RabbitConsumer {
    link: Arc<Link>,
    state: watch::Receiver<State>,
    options: ConsumeOptions,
    attachment: Attachment,
    /// Sessions that there had been when it started.
    /// Received but not handed out: it did not fit into the last batch.
    held: VecDeque<Delivery>,
    stopped: bool,
}

enum Attachment {
    Attached(Attached),
    /// A task of its own: whoever waits for a batch may stop at any time, and a consumer that was
    /// attached by half would hold messages that nobody is given. A set of one, which ends with the
    /// consumer.
    Attaching(JoinSet<Option<Attached>>),
    /// The queue is closed for good.
    Over,
}

struct Attached {
    /// The session that it belongs to.
    generation: u64,
    /// Shared with the deliveries: it must stay open as long as one of them can be settled.
    channel: Arc<Channel>,
    stream: lapin::Consumer,
}

impl RabbitConsumer {
    pub(super) async fn attach(link: Arc<Link>, options: ConsumeOptions) -> Result<Self, QueueError> {
        let session = link.session()?;
        let attached = Attached::open(&session, link.topology.work(), options).await?;
        Ok(Self {
            state: link.state.clone(),
            attachment: Attachment::Attached(attached),
            held: VecDeque::new(),
            stopped: false,
            link,
            options,
        })
    }

    /// Waits for a message, through any number of sessions. `None` when the queue is closed for
    /// good. Dropping the future loses nothing.
    async fn receive(&mut self) -> Option<Delivery> {
        loop {
            let attached = match &mut self.attachment {
                Attachment::Attached(attached) => attached,
                Attachment::Attaching(attaching) => {
                    self.attachment = match attaching.join_next().await {
                        Some(Ok(Some(attached))) => Attachment::Attached(attached),
                        Some(Ok(None)) | None => Attachment::Over,
                        Some(Err(error)) => {
                            error!(%error, "the consumer cannot attach again");
                            Attachment::Over
                        }
                    };
                    continue;
                }
                Attachment::Over => return None,
            };
            let generation = attached.generation;
            let session_ended = self
                .state
                .wait_for(|state| !matches!(state, State::Up(session) if session.generation == generation));
            tokio::select! {
                biased;
                next = attached.stream.next() => match next {
                    Some(Ok(delivery)) => return Some(attached.take(delivery)),
                    ended => self.lost(generation, &why_ended(ended)),
                },
                () = session_ended.map(|_| ()) => self.reattach(generation),
            }
        }
    }

    /// The stream ended while the session did not know: the queue may be gone, so the topology must
    /// be declared again.
    fn lost(&mut self, generation: u64, why: &str) {
        if let Ok(session) = self.link.session()
            && session.generation == generation
        {
            self.link.report(&session, why);
        }
        self.reattach(generation);
    }

    /// Starts to attach to the session that follows `last`.
    fn reattach(&mut self, last: u64) {
        // What is held belonged to the old session: the broker has it back.
        self.held.clear();
        let (link, state) = (self.link.clone(), self.state.clone());
        let mut attaching = JoinSet::new();
        attaching.spawn(Attached::to_another(link, state, self.options, last));
        self.attachment = Attachment::Attaching(attaching);
    }

    /// What is there now, without waiting.
    fn receive_ready(&mut self) -> Option<Delivery> {
        if let Some(delivery) = self.held.pop_front() {
            return Some(delivery);
        }
        let Attachment::Attached(attached) = &mut self.attachment else { return None };
        match attached.stream.next().now_or_never()? {
            Some(Ok(delivery)) => Some(attached.take(delivery)),
            ended => {
                let generation = attached.generation;
                self.lost(generation, &why_ended(ended));
                None
            }
        }
    }
}

#[async_trait]
impl Consumer for RabbitConsumer {
    async fn next_batch(&mut self, max_items: usize) -> Option<Vec<Delivery>> {
        if self.stopped {
            return None;
        }
        if self.held.is_empty() {
            let first = self.receive().await?;
            self.held.push_back(first);
        }
        let mut batch = Vec::new();
        let mut items = 0;
        while let Some(delivery) = self.receive_ready() {
            let more = delivery.envelope.items as usize;
            if !batch.is_empty() && items + more > max_items {
                self.held.push_front(delivery);
                break;
            }
            items += more;
            batch.push(delivery);
        }
        Some(batch)
    }

    async fn stop(&mut self) {
        self.stopped = true;
        for delivery in std::mem::take(&mut self.held) {
            // If it fails, the channel is gone and the broker has it back.
            let _ = delivery.requeue().await;
        }
        // One that is being attached ends here; what the broker has sent to it, it has back when the
        // channel ends.
        if let Attachment::Attached(attached) = std::mem::replace(&mut self.attachment, Attachment::Over)
            && timeout(STOP, attached.give_back()).await.is_err()
        {
            warn!(
                "the consumer did not stop in time; the broker takes back what it holds when the connection ends"
            );
        }
    }
}

impl Attached {
    async fn open(session: &Session, queue: &str, options: ConsumeOptions) -> Result<Self, QueueError> {
        let channel = session.channel().await?;
        // Before the consumer starts, or it would be sent everything; for each consumer, not for
        // the channel, which quorum queues do not know.
        answer(channel.basic_qos(options.prefetch, BasicQosOptions::default())).await?;
        let (tag, consume) = (ShortString::default(), BasicConsumeOptions::default());
        let stream = answer(channel.basic_consume(short(queue), tag, consume, FieldTable::default())).await?;
        Ok(Self { generation: session.generation, channel: Arc::new(channel), stream })
    }

    /// Attaches to the session after `last`; if that fails, to the one after it. `None` when the queue is
    /// closed for good.
    async fn to_another(
        link: Arc<Link>,
        mut state: watch::Receiver<State>,
        options: ConsumeOptions,
        mut last: u64,
    ) -> Option<Self> {
        loop {
            let news = |state: &State| match state {
                State::Up(session) => session.generation != last,
                State::Closed => true,
                State::Down(_) | State::Misfit(_) => false,
            };
            let session = match &*state.wait_for(news).await.ok()? {
                State::Up(session) => session.clone(),
                State::Down(_) | State::Misfit(_) | State::Closed => return None,
            };
            last = session.generation;
            match Self::open(&session, link.topology.work(), options).await {
                Ok(attached) => {
                    info!(queue.session = last, "the consumer is attached again");
                    return Some(attached);
                }
                Err(error) => link.report(&session, &error.to_string()),
            }
        }
    }

    fn take(&self, delivery: lapin::message::Delivery) -> Delivery {
        let (envelope, delivery_count) = wire::decode(&delivery.properties, delivery.data);
        let settle = RabbitSettle { acker: Some(delivery.acker), _channel: self.channel.clone() };
        Delivery::new(envelope, delivery_count, Box::new(settle))
    }

    /// Ends the consumer and returns what it was sent and nobody has.
    async fn give_back(mut self) {
        let tag = self.stream.tag();
        if self.channel.basic_cancel(tag, BasicCancelOptions::default()).await.is_err() {
            return;
        }
        while let Some(Ok(delivery)) = self.stream.next().await {
            let _ = delivery.acker.nack(REQUEUE).await;
        }
    }
}

/// Finishes a delivery on the channel that it came through.
struct RabbitSettle {
    acker: Option<Acker>,
    _channel: Arc<Channel>,
}

#[async_trait]
impl Settle for RabbitSettle {
    async fn ack(mut self: Box<Self>) -> Result<(), QueueError> {
        match self.acker.take() {
            Some(acker) => settled(answer(acker.ack(BasicAckOptions::default())).await),
            None => settled(Ok(false)),
        }
    }

    async fn requeue(mut self: Box<Self>) -> Result<(), QueueError> {
        match self.acker.take() {
            Some(acker) => settled(answer(acker.nack(REQUEUE)).await),
            None => settled(Ok(false)),
        }
    }
}

impl Drop for RabbitSettle {
    fn drop(&mut self) {
        if let Some(acker) = self.acker.take() {
            // Not settled: it must not occupy a place in the prefetch window until the channel
            // ends. The first poll hands the command to the connection's task.
            let _ = acker.nack(REQUEUE).now_or_never();
        }
    }
}

fn settled(sent: Result<bool, QueueError>) -> Result<(), QueueError> {
    if sent? {
        return Ok(());
    }
    Err(QueueError::Unavailable("the delivery's session is over; it will be delivered again".to_owned()))
}

fn why_ended(last: Option<lapin::Result<lapin::message::Delivery>>) -> String {
    match last {
        Some(Err(error)) => error.to_string(),
        _ => "the broker cancelled the consumer".to_owned(),
    }
}
