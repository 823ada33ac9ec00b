//! The queue on RabbitMQ, 3.10 and later.
//!
//! ```text
//! exchange moderato.comments (direct) --submitted--> moderato.work --(20 deliveries)--> moderato.dead
//!                       moderato.retry.{5s,30s,5m,30m} --(when the time is up)--> moderato.work
//! ```
//!
//! All queues are quorum queues, and dead-lettering is at-least-once. One supervisor task owns the
//! session: a connection, the channel that publishes, and what ends them. Any error ends the
//! session: publishes in flight are answered [`PublishError::Ambiguous`], a new session is built
//! after a backoff, and consumers attach to it by themselves.
//!
//! - `topology`: what is declared, and what to do when something else is there
//! - `wire`: an envelope as AMQP properties and back
//! - `session`: the supervisor
//! - `publisher`: the task that publishes and matches confirms
//! - `consumer`: a worker's end
//! - `dead_letters`: listing, redriving and dropping

mod consumer;
mod dead_letters;
mod publisher;
mod session;
mod topology;
mod wire;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use lapin::options::QueueDeclareOptions;
use lapin::types::FieldTable;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::time::timeout;

use crate::{
    ConsumeOptions, Consumer, DeadLetter, DeadSelection, Depth, Envelope, PublishError, Queue, QueueError,
    Route,
};
use consumer::RabbitConsumer;
use publisher::Outgoing;
use session::{Session, State, Trouble};
use topology::Topology;

/// How to use a broker.
#[derive(Debug, Clone)]
pub struct RabbitMqOptions {
    /// First part of the names of all queues and exchanges.
    pub prefix: String,
    /// Most messages in the work queue; beyond it publishes are refused as [`PublishError::Full`].
    pub max_length: u64,
    /// Most bytes in the work queue, the same way.
    pub max_length_bytes: u64,
    /// Largest message. RabbitMQ 4 refuses more than 16 MiB, by closing the channel.
    pub max_message_bytes: usize,
    /// Publishes in flight at once. Beyond it callers wait.
    pub in_flight: usize,
    /// How long a publish may wait for its confirm.
    pub confirm_timeout: Duration,
    /// How long one attempt to connect may take.
    pub connect_timeout: Duration,
    /// How long [`RabbitMq::connect`] keeps trying when the broker does not answer.
    pub first_connect: Duration,
    /// Shown by the broker's tools.
    pub connection_name: String,
    /// Certificates, in PEM, that the broker's may be signed with; for `amqps://`.
    pub ca_pem: Option<String>,
}

impl Default for RabbitMqOptions {
    fn default() -> Self {
        Self {
            prefix: "moderato".to_owned(),
            // A quorum queue keeps some tens of bytes per message in memory: this bounds them, and
            // is hours of work for a worker that was down.
            max_length: 1_000_000,
            max_length_bytes: 4 << 30,
            max_message_bytes: 16 << 20,
            in_flight: 2048,
            confirm_timeout: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(10),
            first_connect: Duration::from_secs(30),
            connection_name: "moderato".to_owned(),
            ca_pem: None,
        }
    }
}

/// A connection to RabbitMQ that repairs itself.
pub struct RabbitMq {
    link: Arc<Link>,
}

/// What the queue and its consumers share. When the last goes, the supervisor closes the session.
struct Link {
    options: RabbitMqOptions,
    topology: Topology,
    state: watch::Receiver<State>,
    trouble: mpsc::Sender<Trouble>,
    in_flight: Arc<Semaphore>,
    /// Sessions built so far.
    sessions: Arc<AtomicU64>,
}

impl RabbitMq {
    /// Connects and declares the topology. While the broker does not answer it tries again, up to
    /// [`RabbitMqOptions::first_connect`]; a topology that does not fit fails at once.
    pub async fn connect(url: &str, options: RabbitMqOptions) -> Result<Arc<Self>, QueueError> {
        let topology = Topology::new(&options);
        let sessions = Arc::new(AtomicU64::new(0));
        let (state, trouble) = session::supervise(url, &options, topology.clone(), sessions.clone())?;
        let link = Link {
            topology,
            trouble,
            sessions,
            in_flight: Arc::new(Semaphore::new(options.in_flight.clamp(1, Semaphore::MAX_PERMITS))),
            state: state.clone(),
            options,
        };
        let queue = Arc::new(Self { link: Arc::new(link) });
        queue.link.first_session(state).await?;
        Ok(queue)
    }

    /// Waits for the confirms that are out, up to the confirm timeout, and closes the connection.
    /// Later publishes are refused. Stop consumers first: what they hold goes back.
    pub async fn close(&self) {
        let link = &self.link;
        let everything = u32::try_from(link.options.in_flight).unwrap_or(u32::MAX);
        let _ = timeout(link.options.confirm_timeout, link.in_flight.acquire_many(everything)).await;
        link.in_flight.close();
        let _ = link.trouble.send(Trouble::Close).await;
        let _ = link.state.clone().wait_for(|state| matches!(state, State::Closed)).await;
    }
}

impl Link {
    async fn first_session(&self, mut state: watch::Receiver<State>) -> Result<(), QueueError> {
        let settled = state.wait_for(|state| matches!(state, State::Up(_) | State::Misfit(_)));
        let waited = timeout(self.options.first_connect, settled).await.map(|_| ());
        match waited {
            Ok(()) => self.session().map(|_| ()),
            Err(_) => {
                Err(self.session().err().unwrap_or_else(|| QueueError::Unavailable("no answer".to_owned())))
            }
        }
    }

    fn session(&self) -> Result<Arc<Session>, QueueError> {
        match &*self.state.borrow() {
            State::Up(session) => Ok(session.clone()),
            State::Down(why) => Err(QueueError::Unavailable(why.clone())),
            State::Misfit(why) => Err(QueueError::Topology(why.clone())),
            State::Closed => Err(QueueError::Unavailable("closed".to_owned())),
        }
    }

    /// Ends this session; the supervisor builds another. A full channel means that somebody has
    /// reported it already.
    fn report(&self, session: &Session, why: &str) {
        let _ =
            self.trouble.try_send(Trouble::Session { generation: session.generation, why: why.to_owned() });
    }

    async fn publish(&self, route: Route, message: &Envelope) -> Result<(), PublishError> {
        let properties = wire::encode(message, self.options.max_message_bytes)?;
        let permit = self.in_flight.clone().acquire_owned();
        let Ok(Ok(permit)) = timeout(self.options.confirm_timeout, permit).await else {
            return Err(PublishError::Unavailable);
        };
        let session = self.session().map_err(|_| PublishError::Unavailable)?;
        if session.is_blocked() {
            return Err(PublishError::Unavailable);
        }
        let (answer, confirm) = oneshot::channel();
        let (exchange, routing_key) = self.topology.address(route);
        let body = message.body.clone();
        session.publish(Outgoing { exchange, routing_key, properties, body, answer, permit }).await?;
        if let Ok(answer) = timeout(self.options.confirm_timeout, confirm).await {
            return answer.unwrap_or(Err(PublishError::Ambiguous));
        }
        // A broker that has blocked publishers is slow on purpose; another session would be as slow.
        if !session.is_blocked() {
            self.report(&session, "no confirm in time");
        }
        Err(PublishError::Ambiguous)
    }

    async fn depth(&self) -> Result<Depth, QueueError> {
        let session = self.session()?;
        // A channel of its own: asking for a queue that is not there closes the channel.
        let channel = session.channel().await?;
        let mut depth = Depth::default();
        for queue in self.topology.queues() {
            let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
            let declare = channel.queue_declare(topology::short(queue), passive, FieldTable::default());
            let found = session::answer(declare).await?;
            let messages = u64::from(found.message_count());
            if queue == self.topology.work() {
                depth.ready = messages;
                depth.consumers = Some(u64::from(found.consumer_count()));
            } else if queue == self.topology.dead() {
                depth.dead = messages;
            } else {
                depth.retrying += messages;
            }
        }
        // `oldest_age` stays unknown: AMQP shows a message only by delivering it, which would raise
        // its delivery count.
        session::close_channel(channel).await;
        Ok(depth)
    }
}

/// The arguments that the work queue is declared with, for a tool that measures a queue like it.
pub fn work_queue_arguments(options: &RabbitMqOptions) -> FieldTable {
    Topology::new(options).work_queue_arguments()
}

#[async_trait]
impl Queue for RabbitMq {
    async fn publish(&self, route: Route, message: Envelope) -> Result<(), PublishError> {
        self.link.publish(route, &message).await
    }

    async fn consume(&self, options: ConsumeOptions) -> Result<Box<dyn Consumer>, QueueError> {
        Ok(Box::new(RabbitConsumer::attach(self.link.clone(), options).await?))
    }

    async fn depth(&self) -> Result<Depth, QueueError> {
        self.link.depth().await
    }

    async fn ready(&self) -> Result<(), QueueError> {
        if self.link.session()?.is_blocked() {
            return Err(QueueError::Unavailable(
                "the broker blocks publishers: it is short of memory or disk".to_owned(),
            ));
        }
        Ok(())
    }

    fn session_rebuilds(&self) -> u64 {
        self.link.sessions.load(Ordering::Relaxed).saturating_sub(1)
    }

    async fn dead_letters(&self, limit: usize) -> Result<Vec<DeadLetter>, QueueError> {
        dead_letters::list(&self.link, limit).await
    }

    async fn redrive(&self, selection: &DeadSelection) -> Result<u64, QueueError> {
        dead_letters::redrive(&self.link, selection).await
    }

    async fn drop_dead(&self, selection: &DeadSelection) -> Result<u64, QueueError> {
        dead_letters::drop_for_good(&self.link, selection).await
    }
}

impl fmt::Debug for RabbitMq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RabbitMq")
            .field("prefix", &self.link.options.prefix)
            .field("up", &self.link.session().is_ok())
            .field("sessions", &self.link.sessions.load(Ordering::Relaxed))
            .finish_non_exhaustive()
    }
}
