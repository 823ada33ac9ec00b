//! What is declared on the broker, and what to do when something else is there.

use std::time::Duration;

use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable, LongString, ShortString};
use lapin::{Channel, Error, ErrorKind, ExchangeKind};

use crate::rabbitmq::RabbitMqOptions;
use crate::{DELIVERY_LIMIT, QueueError, RETRY_DELAYS, Route};

const SUBMITTED: &str = "submitted";

/// Practically unlimited, and small enough for every release: RabbitMQ 4 counts to 20 where
/// nothing is said, and looking at a dead letter counts.
const NO_DELIVERY_LIMIT: u64 = 2_000_000_000;

/// Names of retry queues, in the order of [`RETRY_DELAYS`].
const RETRY_NAMES: [&str; RETRY_DELAYS.len()] = ["5s", "30s", "5m", "30m"];

/// AMQP reply code of a declaration that differs from what is there.
const PRECONDITION_FAILED: u16 = 406;

/// Queues and exchanges by name.
#[derive(Debug, Clone)]
pub(super) struct Topology {
    comments: String,
    work: String,
    retries: Vec<(Duration, String)>,
    dead: String,
    max_length: u64,
    max_length_bytes: u64,
}

impl Topology {
    pub(super) fn new(options: &RabbitMqOptions) -> Self {
        let prefix = &options.prefix;
        let retry = |(delay, name)| (delay, format!("{prefix}.retry.{name}"));
        Self {
            comments: format!("{prefix}.comments"),
            work: format!("{prefix}.work"),
            retries: RETRY_DELAYS.into_iter().zip(RETRY_NAMES).map(retry).collect(),
            dead: format!("{prefix}.dead"),
            max_length: options.max_length,
            max_length_bytes: options.max_length_bytes,
        }
    }

    pub(super) fn work(&self) -> &str {
        &self.work
    }

    pub(super) fn dead(&self) -> &str {
        &self.dead
    }

    pub(super) fn queues(&self) -> impl Iterator<Item = &str> {
        let retries = self.retries.iter().map(|(_, name)| name.as_str());
        [self.work.as_str(), self.dead.as_str()].into_iter().chain(retries)
    }

    /// Exchange and routing key.
    pub(super) fn address(&self, route: Route) -> (ShortString, ShortString) {
        match route {
            Route::Work => (short(&self.comments), SUBMITTED.into()),
            // The default exchange routes by the queue's name.
            Route::Retry(delay) => (ShortString::default(), short(self.retry_for(delay))),
            Route::Dead => (ShortString::default(), short(&self.dead)),
        }
    }

    /// The shortest delay that is not shorter than asked; the longest there is for more.
    fn retry_for(&self, delay: Duration) -> &str {
        let enough = self.retries.iter().find(|(held, _)| *held >= delay);
        enough.or(self.retries.last()).map_or(self.work.as_str(), |(_, name)| name.as_str())
    }

    /// Declares everything. Idempotent.
    pub(super) async fn declare(&self, channel: &Channel, vhost: &str) -> Result<(), QueueError> {
        let misfit = |error: Error| declare_error(&error, vhost);
        let exchange = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
        let declared = channel.exchange_declare(
            short(&self.comments),
            ExchangeKind::Direct,
            exchange,
            FieldTable::default(),
        );
        declared.await.map_err(misfit)?;
        self.queue(channel, &self.dead, dead_arguments()).await.map_err(misfit)?;
        self.queue(channel, &self.work, self.work_arguments()).await.map_err(misfit)?;
        for (delay, name) in &self.retries {
            self.queue(channel, name, self.retry_arguments(*delay)).await.map_err(misfit)?;
        }
        let (work, comments) = (short(&self.work), short(&self.comments));
        let bound = channel.queue_bind(
            work,
            comments,
            SUBMITTED.into(),
            QueueBindOptions::default(),
            FieldTable::default(),
        );
        bound.await.map_err(misfit)
    }

    async fn queue(&self, channel: &Channel, name: &str, mut arguments: FieldTable) -> Result<(), Error> {
        arguments.insert("x-queue-type".into(), text("quorum"));
        let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        channel.queue_declare(short(name), durable, arguments).await.map(|_| ())
    }

    /// What the work queue is declared with, its type included.
    pub(super) fn work_queue_arguments(&self) -> FieldTable {
        let mut arguments = self.work_arguments();
        arguments.insert("x-queue-type".into(), text("quorum"));
        arguments
    }

    fn work_arguments(&self) -> FieldTable {
        let mut arguments = dead_letters_to(&self.dead);
        arguments.insert("x-max-length".into(), number(self.max_length));
        arguments.insert("x-max-length-bytes".into(), number(self.max_length_bytes));
        arguments.insert("x-delivery-limit".into(), number(u64::from(DELIVERY_LIMIT)));
        arguments
    }

    fn retry_arguments(&self, delay: Duration) -> FieldTable {
        let mut arguments = dead_letters_to(&self.work);
        arguments.insert("x-message-ttl".into(), number(delay.as_secs() * 1000));
        arguments
    }
}

fn dead_arguments() -> FieldTable {
    let mut arguments = FieldTable::default();
    arguments.insert("x-delivery-limit".into(), number(NO_DELIVERY_LIMIT));
    arguments
}

/// Through the default exchange, at least once, which needs `reject-publish`.
fn dead_letters_to(queue: &str) -> FieldTable {
    let mut arguments = FieldTable::default();
    arguments.insert("x-dead-letter-exchange".into(), text(""));
    arguments.insert("x-dead-letter-routing-key".into(), text(queue));
    arguments.insert("x-dead-letter-strategy".into(), text("at-least-once"));
    arguments.insert("x-overflow".into(), text("reject-publish"));
    arguments
}

/// A name as AMQP carries it: 255 bytes at most, which [`check_prefix`] makes sure of.
pub(super) fn short(name: &str) -> ShortString {
    ShortString::try_new(name).unwrap_or_default()
}

/// The longest prefix that leaves room for every name.
pub(super) fn check_prefix(prefix: &str) -> Result<(), QueueError> {
    if prefix.is_empty() || prefix.len() > 200 {
        return Err(QueueError::Topology("the prefix of queue names has 1 to 200 bytes".to_owned()));
    }
    Ok(())
}

fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(LongString::from(value))
}

fn number(value: u64) -> AMQPValue {
    AMQPValue::LongLongInt(i64::try_from(value).unwrap_or(i64::MAX))
}

fn declare_error(error: &Error, vhost: &str) -> QueueError {
    match error.kind() {
        ErrorKind::ProtocolError(amqp) if amqp.get_id() == PRECONDITION_FAILED => {
            QueueError::Topology(explain(amqp.get_message().as_str(), vhost))
        }
        _ => QueueError::Unavailable(error.to_string()),
    }
}

/// The broker says, for example: `PRECONDITION_FAILED - inequivalent arg 'x-max-length' for queue
/// 'moderato.work' in vhost '/': received '10' but current is '20'`.
fn explain(broker_says: &str, vhost: &str) -> String {
    let quoted: Vec<&str> = broker_says.split('\'').skip(1).step_by(2).collect();
    let [argument, name, ..] = quoted[..] else { return broker_says.to_owned() };
    let wanted_and_found = match quoted[..] {
        [_, _, _, wanted, found] => {
            format!("this release or its configuration wants '{wanted}' and the broker has '{found}'")
        }
        _ => broker_says.to_owned(),
    };
    if !broker_says.contains(" for queue ") {
        return format!(
            "{argument} of exchange '{name}' differs: {wanted_and_found}; delete the exchange and start again"
        );
    }
    format!(
        "{argument} of queue '{name}' differs: {wanted_and_found}; configure the broker's value, or let workers empty the queue, \
         then run `rabbitmqctl --vhost {vhost} delete_queue {name}` (it deletes the messages that are left) and start again"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topology() -> Topology {
        Topology::new(&RabbitMqOptions::default())
    }

    #[test]
    fn a_delay_is_rounded_up_to_the_next_retry_queue() {
        let queue = |seconds| topology().address(Route::Retry(Duration::from_secs(seconds))).1.to_string();
        assert_eq!(queue(0), "moderato.retry.5s");
        assert_eq!(queue(5), "moderato.retry.5s");
        assert_eq!(queue(6), "moderato.retry.30s");
        assert_eq!(queue(86_400), "moderato.retry.30m");
    }

    #[test]
    fn a_mismatch_names_the_argument_and_the_way_out() {
        let says = "PRECONDITION_FAILED - inequivalent arg 'x-max-length' for queue 'moderato.work' in vhost '/': \
                    received '10' but current is '20'";
        let text = explain(says, "/");
        assert!(text.starts_with("x-max-length of queue 'moderato.work' differs: "), "{text}");
        assert!(text.contains("wants '10' and the broker has '20'"), "{text}");
        assert!(text.contains("`rabbitmqctl --vhost / delete_queue moderato.work`"), "{text}");
    }

    #[test]
    fn an_unknown_complaint_is_passed_on() {
        assert_eq!(explain("PRECONDITION_FAILED - no", "/"), "PRECONDITION_FAILED - no");
    }
}
