//! The supervisor: it owns the session, ends it on any error, and builds the next one.
//!
//! ```text
//!            opened                         error, report, or channel closed
//! Down ────────────────▶ Up(session) ───────────────────────────────────────▶ Down ──backoff──▶ …
//!   └──topology differs─▶ Misfit ──backoff──▶ …          Close, or nobody left ▶ Closed
//! ```
//!
//! The client library's own recovery stays off: it does not reopen a channel that closed alone, and
//! it replays publishes that callers have been told about.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use lapin::options::ConfirmSelectOptions;
use lapin::tcp::OwnedTLSConfig;
use lapin::types::LongString;
use lapin::uri::AMQPUri;
use lapin::{Channel, Connection, ConnectionProperties, Event, runtime};
use moderato_domain::Stopwatch;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tracing::{error, info, warn};

use crate::rabbitmq::RabbitMqOptions;
use crate::rabbitmq::publisher::{self, Outgoing};
use crate::rabbitmq::topology::{Topology, check_prefix};
use crate::{PublishError, QueueError};

/// First and longest pause between attempts.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(10));

/// A session that lived this long was a good one: the next failure starts with a short pause again.
const STEADY: Duration = Duration::from_secs(10);

/// Seconds between heartbeats, unless the URL says otherwise: a broker whose machine is gone is
/// noticed after two, instead of after the two minutes of the broker's default.
const HEARTBEAT: u16 = 10;

/// How often the connection's state is looked at, should the news of its end get lost.
const LOOK: Duration = Duration::from_secs(1);

/// How long the broker may take to answer, or a command to leave. The client library fails what is
/// under way when a connection ends, but in rare cases an answer that arrives just then is lost.
const ANSWER: Duration = Duration::from_secs(10);

/// How long a farewell may take.
const FAREWELL: Duration = Duration::from_secs(2);

/// What everybody may know about the session.
#[derive(Debug, Clone)]
pub(super) enum State {
    /// There is none, and why.
    Down(String),
    Up(Arc<Session>),
    /// The broker has another topology; the text says what to do.
    Misfit(String),
    /// For good.
    Closed,
}

/// What ends a session from outside.
#[derive(Debug)]
pub(super) enum Trouble {
    /// Somebody saw this session fail.
    Session { generation: u64, why: String },
    /// Close for good.
    Close,
}

/// A connection with a channel that publishes.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) generation: u64,
    connection: Connection,
    outgoing: mpsc::Sender<Outgoing>,
}

impl Session {
    /// Hands a message to the publishing task. An error means that nothing was sent.
    pub(super) async fn publish(&self, message: Outgoing) -> Result<(), PublishError> {
        self.outgoing.send(message).await.map_err(|_| PublishError::Unavailable)
    }

    /// A channel of the caller's own; dropping it closes it.
    pub(super) async fn channel(&self) -> Result<Channel, QueueError> {
        answer(self.connection.create_channel()).await
    }

    /// Whether the broker is short of memory or disk and takes no messages.
    pub(super) fn is_blocked(&self) -> bool {
        self.connection.status().blocked()
    }
}

/// The answer to a request, in time.
pub(super) async fn answer<T>(request: impl Future<Output = lapin::Result<T>>) -> Result<T, QueueError> {
    match timeout(ANSWER, request).await {
        Ok(answer) => answer.map_err(|error| QueueError::Unavailable(error.to_string())),
        Err(_) => Err(QueueError::Unavailable(format!("no answer within {ANSWER:?}"))),
    }
}

/// Closes a channel and waits for it, so that what it held is back when this returns.
pub(super) async fn close_channel(channel: Channel) {
    // If it fails the channel is closed already.
    let _ = timeout(FAREWELL, channel.close(200, "done".into())).await;
}

/// Starts the supervisor. It ends when told to, or when the sender for trouble is dropped.
pub(super) fn supervise(
    url: &str,
    options: &RabbitMqOptions,
    topology: Topology,
    sessions: Arc<AtomicU64>,
) -> Result<(watch::Receiver<State>, mpsc::Sender<Trouble>), QueueError> {
    check_prefix(&options.prefix)?;
    let mut uri: AMQPUri =
        url.parse().map_err(|why| QueueError::Unavailable(format!("the broker's url: {why}")))?;
    uri.query.heartbeat.get_or_insert(HEARTBEAT);
    let (state, states) = watch::channel(State::Down("not connected yet".to_owned()));
    let (trouble, troubles) = mpsc::channel(16);
    let supervisor = Supervisor { uri, options: options.clone(), topology, sessions, state, troubles };
    tokio::spawn(supervisor.run());
    Ok((states, trouble))
}

struct Supervisor {
    uri: AMQPUri,
    options: RabbitMqOptions,
    topology: Topology,
    sessions: Arc<AtomicU64>,
    state: watch::Sender<State>,
    troubles: mpsc::Receiver<Trouble>,
}

/// A session with what only its supervisor needs.
struct Live {
    session: Arc<Session>,
    events: BoxStream<'static, Event>,
    publisher: JoinHandle<String>,
    /// Dropped to end the publisher.
    stop: oneshot::Sender<()>,
}

enum End {
    Broken(String),
    Close,
}

impl Supervisor {
    async fn run(mut self) {
        let mut failures = 0;
        loop {
            match self.open().await {
                Ok(mut live) => {
                    let lived = Stopwatch::start();
                    self.state.send_replace(State::Up(live.session.clone()));
                    info!(queue.session = live.session.generation, "the queue's session is up");
                    let end = self.until_end(&mut live).await;
                    let why = match &end {
                        End::Broken(why) => why.clone(),
                        End::Close => "closing".to_owned(),
                    };
                    self.state.send_replace(State::Down(why.clone()));
                    live.end();
                    match end {
                        End::Close => break,
                        End::Broken(_) => {
                            error!(error = %why, "the queue's session ended; another will be built");
                        }
                    }
                    failures = if lived.elapsed() >= STEADY { 0 } else { failures + 1 };
                }
                Err(QueueError::Topology(why)) => {
                    error!(error = %why, "the queue's topology does not fit");
                    self.state.send_replace(State::Misfit(why));
                    failures += 1;
                }
                Err(QueueError::Unavailable(why)) => {
                    warn!(error = %why, "no session with the queue");
                    self.state.send_replace(State::Down(why));
                    failures += 1;
                }
            }
            if self.pause(failures).await.is_break() {
                break;
            }
        }
        self.state.send_replace(State::Closed);
    }

    async fn open(&self) -> Result<Live, QueueError> {
        let limit = self.options.connect_timeout;
        let late = |what: &str| QueueError::Unavailable(format!("{what}: no answer within {limit:?}"));
        let broken = |error: lapin::Error| QueueError::Unavailable(error.to_string());

        let name = LongString::from(self.options.connection_name.as_str());
        let properties = ConnectionProperties::default().with_connection_name(name);
        let tls = OwnedTLSConfig { identity: None, cert_chain: self.options.ca_pem.clone() };
        let runtime = runtime::default_runtime().map_err(broken)?;
        let connecting = Connection::connect_uri_with_config(self.uri.clone(), properties, tls, runtime);
        let connection = timeout(limit, connecting).await.map_err(|_| late("connecting"))?.map_err(broken)?;
        let events = connection.events_listener().boxed();
        let channel =
            timeout(limit, self.prepare(&connection)).await.map_err(|_| late("declaring the topology"))??;

        let (outgoing, arrivals) = mpsc::channel(self.options.in_flight.max(1));
        let (stop, stopped) = oneshot::channel();
        let publisher = tokio::spawn(publisher::publish(channel, arrivals, stopped));
        let generation = self.sessions.fetch_add(1, Ordering::Relaxed) + 1;
        let session = Arc::new(Session { generation, connection, outgoing });
        Ok(Live { session, events, publisher, stop })
    }

    /// Declares the topology; the channel goes on as the one that publishes.
    async fn prepare(&self, connection: &Connection) -> Result<Channel, QueueError> {
        let broken = |error: lapin::Error| QueueError::Unavailable(error.to_string());
        let channel = connection.create_channel().await.map_err(broken)?;
        self.topology.declare(&channel, &self.uri.vhost).await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await.map_err(broken)?;
        Ok(channel)
    }

    async fn until_end(&mut self, live: &mut Live) -> End {
        let mut look = tokio::time::interval(LOOK);
        loop {
            tokio::select! {
                event = live.events.next() => match event {
                    Some(Event::Error(error)) => return End::Broken(error.to_string()),
                    None => return End::Broken("the connection is gone".to_owned()),
                    Some(Event::ConnectionBlocked(why)) => warn!(reason = %why, "the broker blocks publishers"),
                    Some(Event::ConnectionUnblocked) => info!("the broker takes messages again"),
                    Some(_) => {}
                },
                why = &mut live.publisher => {
                    return End::Broken(why.unwrap_or_else(|_| "the publishing task panicked".to_owned()));
                }
                trouble = self.troubles.recv() => match trouble {
                    Some(Trouble::Session { generation, why }) if generation == live.session.generation => {
                        return End::Broken(why);
                    }
                    Some(Trouble::Session { .. }) => {} // of a session that is gone
                    Some(Trouble::Close) | None => return End::Close,
                },
                _ = look.tick() => {
                    if !live.session.connection.status().connected() {
                        return End::Broken("the connection is closed".to_owned());
                    }
                }
            }
        }
    }

    /// Waits before the next attempt, unless there is to be none.
    async fn pause(&mut self, failures: u32) -> std::ops::ControlFlow<()> {
        let pause = tokio::time::sleep(backoff(failures, random()));
        tokio::pin!(pause);
        loop {
            tokio::select! {
                () = &mut pause => return std::ops::ControlFlow::Continue(()),
                trouble = self.troubles.recv() => match trouble {
                    Some(Trouble::Session { .. }) => {}
                    Some(Trouble::Close) | None => return std::ops::ControlFlow::Break(()),
                },
            }
        }
    }
}

impl Live {
    /// Ends the session. Consumers and deliveries still hold channels, which would keep the
    /// connection open, so it is closed by hand, in the background: the broker may not answer.
    fn end(self) {
        drop(self.stop);
        tokio::spawn(async move {
            let _ = timeout(FAREWELL, self.session.connection.close(200, "goodbye".into())).await;
        });
    }
}

/// The pause after this many failures in a row: doubling, of which a random half is left out so
/// that many processes do not come back at once.
fn backoff(failures: u32, random: u32) -> Duration {
    let (first, longest) = BACKOFF;
    let pause = first.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(longest);
    pause.mul_f64(0.5 + 0.5 * f64::from(random) / f64::from(u32::MAX))
}

fn random() -> u32 {
    // Without a random source all processes pause alike, which is no reason to fail.
    getrandom::u32().unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_doubles_up_to_ten_seconds_and_jitters_down_to_half() {
        assert_eq!(backoff(0, u32::MAX), Duration::from_millis(100));
        assert_eq!(backoff(1, 0), Duration::from_millis(50));
        assert_eq!(backoff(4, u32::MAX), Duration::from_millis(800));
        assert_eq!(backoff(1000, u32::MAX), Duration::from_secs(10));
    }
}
