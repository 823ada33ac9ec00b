//! The first limit: what the broker does when every comment is a message of its own.
//!
//! A bare publisher and a bare consumer, nothing between them: confirmed publishes with a window of
//! [`IN_FLIGHT`], a prefetch of [`PREFETCH`], one acknowledgement for [`ACK_EVERY`] messages, into a
//! quorum queue declared like the work queue. The pipeline beats it only by sending fewer messages.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use bytes::Bytes;
use futures_util::StreamExt as _;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions, ConfirmSelectOptions,
    QueueDeclareOptions, QueueDeleteOptions,
};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, PublisherConfirm};
use moderato_domain::Stopwatch;
use moderato_queue::rabbitmq::{RabbitMqOptions, work_queue_arguments};
use moderato_runtime::shutdown::Shutdown;

use super::report::BrokerLimit;

/// Publishes whose confirm is out.
const IN_FLIGHT: usize = 1024;
/// Messages that the consumer holds.
const PREFETCH: u16 = 1000;
/// Messages per acknowledgement.
const ACK_EVERY: u64 = 100;
/// The broker deletes the scratch queue when nobody used it for this long: this process may be
/// killed.
const EXPIRES_MS: i64 = 600_000;
/// Longest wait for the consumer to catch up.
const CATCH_UP: Duration = Duration::from_mins(1);
const PERSISTENT: u8 = 2;

/// Publishes alone for half of `time`, then publishes and consumes for all of it.
pub(super) async fn measure(
    url: &str,
    queue: &str,
    bodies: &[Bytes],
    time: Duration,
    stop: &Shutdown,
) -> anyhow::Result<BrokerLimit> {
    let connection =
        Connection::connect(url, ConnectionProperties::default()).await.context("cannot reach the broker")?;
    let name = ShortString::try_new(queue)?;
    let measured: anyhow::Result<BrokerLimit> = async {
        let publish_only = {
            let channel = declare(&connection, &name).await?;
            let watch = Stopwatch::start();
            let published = publish(&channel, &name, bodies, time / 2, stop).await?;
            per_second(published, watch.elapsed())
        };
        delete(&connection, &name).await?;
        let (messages, end_to_end) = both(url, &connection, &name, bodies, time, stop).await?;
        Ok(BrokerLimit { messages, messages_per_second: end_to_end, publish_only_per_second: publish_only })
    }
    .await;
    // Also after an error: nothing is left on the broker.
    let deleted = delete(&connection, &name).await;
    let _ = connection.close(200, "done".into()).await;
    let limit = measured?;
    deleted?;
    Ok(limit)
}

/// Declared like the work queue, but that it goes away by itself.
async fn declare(connection: &Connection, name: &ShortString) -> anyhow::Result<Channel> {
    let channel = connection.create_channel().await?;
    let mut arguments = work_queue_arguments(&RabbitMqOptions::default());
    arguments.insert("x-expires".into(), AMQPValue::LongLongInt(EXPIRES_MS));
    let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    channel
        .queue_declare(name.clone(), durable, arguments)
        .await
        .context("cannot declare the scratch queue")?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    Ok(channel)
}

async fn delete(connection: &Connection, name: &ShortString) -> anyhow::Result<()> {
    let channel = connection.create_channel().await?;
    channel
        .queue_delete(name.clone(), QueueDeleteOptions::default())
        .await
        .context("cannot delete the scratch queue")?;
    Ok(())
}

/// Publishes for `time`; every message is confirmed when it returns.
async fn publish(
    channel: &Channel,
    name: &ShortString,
    bodies: &[Bytes],
    time: Duration,
    stop: &Shutdown,
) -> anyhow::Result<u64> {
    ensure!(!bodies.is_empty(), "nothing to publish");
    let properties = BasicProperties::default()
        .with_content_type("application/x-protobuf".into())
        .with_delivery_mode(PERSISTENT);
    let mut in_flight = VecDeque::with_capacity(IN_FLIGHT);
    let mut published = 0;
    let watch = Stopwatch::start();
    for body in bodies.iter().cycle() {
        if watch.elapsed() >= time || stop.is_requested() {
            break;
        }
        if in_flight.len() == IN_FLIGHT
            && let Some(oldest) = in_flight.pop_front()
        {
            confirmed(oldest).await?;
        }
        let options = BasicPublishOptions::default();
        let confirm =
            channel.basic_publish(ShortString::default(), name.clone(), options, body, properties.clone());
        in_flight.push_back(confirm.await?);
        published += 1;
    }
    for confirm in in_flight {
        confirmed(confirm).await?;
    }
    Ok(published)
}

async fn confirmed(confirm: PublisherConfirm) -> anyhow::Result<()> {
    match confirm.await? {
        Confirmation::Ack(None) => Ok(()),
        other => bail!("the broker did not take a message: {other:?}"),
    }
}

/// Publishes for `time` and consumes on a connection of its own until all of it has come through.
/// Returns how many messages, and how many a second.
async fn both(
    url: &str,
    connection: &Connection,
    name: &ShortString,
    bodies: &[Bytes],
    time: Duration,
    stop: &Shutdown,
) -> anyhow::Result<(u64, f64)> {
    let channel = declare(connection, name).await?;
    let consuming = Connection::connect(url, ConnectionProperties::default()).await?;
    let expected = Arc::new(AtomicU64::new(u64::MAX));
    let watch = Stopwatch::start();
    let consumer = tokio::spawn(consume(consuming, name.clone(), Arc::clone(&expected)));
    let published = publish(&channel, name, bodies, time, stop).await?;
    expected.store(published, Ordering::Release);
    tokio::time::timeout(CATCH_UP, consumer).await.context("the consumer does not catch up")???;
    Ok((published, per_second(published, watch.elapsed())))
}

/// Takes messages until as many as expected are acknowledged.
async fn consume(connection: Connection, name: ShortString, expected: Arc<AtomicU64>) -> anyhow::Result<()> {
    let channel = connection.create_channel().await?;
    channel.basic_qos(PREFETCH, BasicQosOptions::default()).await?;
    let options = BasicConsumeOptions::default();
    let mut deliveries =
        channel.basic_consume(name, ShortString::default(), options, FieldTable::default()).await?;
    let (mut taken, mut acknowledged) = (0, 0);
    let mut newest = 0;
    while acknowledged < expected.load(Ordering::Acquire) {
        // How many there are is known only later: look again now and then.
        let next = tokio::time::timeout(Duration::from_millis(50), deliveries.next()).await;
        if let Ok(delivery) = next {
            newest = delivery.context("the consumer was cancelled")??.delivery_tag;
            taken += 1;
        }
        if taken - acknowledged >= ACK_EVERY
            || (taken > acknowledged && taken == expected.load(Ordering::Acquire))
        {
            channel.basic_ack(newest, BasicAckOptions { multiple: true }).await?;
            acknowledged = taken;
        }
    }
    connection.close(200, "done".into()).await?;
    Ok(())
}

fn per_second(count: u64, elapsed: Duration) -> f64 {
    count as f64 / elapsed.as_secs_f64().max(f64::EPSILON)
}
