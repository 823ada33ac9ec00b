//! How much the queue takes on this machine. Not a test: run it in release mode, alone, with
//! `cargo test --release -p moderato-tests --test queue_throughput -- --ignored --nocapture`.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::future::join_all;
use futures_util::stream::FuturesUnordered;
use moderato_domain::{Stopwatch, Timestamp};
use moderato_queue::rabbitmq::{RabbitMq, RabbitMqOptions};
use moderato_queue::{ConsumeOptions, Envelope, GroupItem, GroupLimits, GroupPublisher, Queue, Route};
use moderato_tests::rabbitmq;
use uuid::Uuid;

/// A usual comment with its envelope fields, encoded.
const BODY: usize = 600;

fn rate(what: &str, count: u32, stopwatch: Stopwatch) {
    let elapsed = stopwatch.elapsed();
    println!("{what}: {:.0}/s ({count} in {elapsed:?})", f64::from(count) / elapsed.as_secs_f64());
}

async fn queue() -> Arc<RabbitMq> {
    let url = rabbitmq::shared().await.fresh_vhost().await;
    RabbitMq::connect(&url, RabbitMqOptions::default()).await.expect("rabbitmq is there")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn single_messages_with_1024_in_flight() {
    const MESSAGES: u32 = 60_000;
    let queue = queue().await;
    let body = Bytes::from(vec![b'x'; BODY]);
    let stopwatch = Stopwatch::start();
    let mut in_flight = FuturesUnordered::new();
    for number in 0..MESSAGES {
        if in_flight.len() == 1024 {
            let done: Option<Result<(), _>> = in_flight.next().await;
            done.expect("in flight").expect("confirmed");
        }
        let id = Uuid::from_u128(u128::from(number));
        let message = Envelope::submissions(id, 1, Timestamp::from_millis(0), body.clone());
        in_flight.push(queue.publish(Route::Work, message));
    }
    while let Some(done) = in_flight.next().await {
        done.expect("confirmed");
    }
    rate("confirmed single messages", MESSAGES, stopwatch);

    let mut consumer = queue.consume(ConsumeOptions { prefetch: 256 }).await.expect("a consumer attaches");
    let stopwatch = Stopwatch::start();
    let (mut taken, mut batches) = (0, 0);
    while taken < MESSAGES {
        let batch = consumer.next_batch(200).await.expect("not stopped");
        batches += 1;
        taken += batch.len() as u32;
        join_all(batch.into_iter().map(moderato_queue::Delivery::ack))
            .await
            .into_iter()
            .for_each(|acked| acked.expect("acked"));
    }
    rate(&format!("delivered and acknowledged in {batches} batches"), MESSAGES, stopwatch);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn groups_of_256_concurrent_publishers() {
    const PUBLISHERS: u32 = 256;
    const EACH: u32 = 2000;
    let queue = queue().await;
    let groups = GroupPublisher::start(queue.clone(), GroupLimits::default());
    let body = Bytes::from(vec![b'x'; BODY]);
    let stopwatch = Stopwatch::start();
    let publishers = (0..PUBLISHERS).map(|publisher| {
        let (groups, body) = (groups.clone(), body.clone());
        tokio::spawn(async move {
            for number in 0..EACH {
                let uid = Uuid::from_u64_pair(publisher.into(), number.into());
                let item = GroupItem {
                    uid,
                    accept_time: Timestamp::from_millis(0),
                    request_id: None,
                    body: body.clone(),
                };
                groups.publish(item).await.expect("confirmed");
            }
        })
    });
    join_all(publishers).await.into_iter().for_each(|done| done.expect("no panic"));
    rate("submissions in groups", PUBLISHERS * EACH, stopwatch);
    println!("messages: {}", queue.depth().await.expect("known").ready);

    let stopwatch = Stopwatch::start();
    for number in 0..500 {
        let uid = Uuid::from_u64_pair(1, number);
        let item =
            GroupItem { uid, accept_time: Timestamp::from_millis(0), request_id: None, body: body.clone() };
        groups.publish(item).await.expect("confirmed");
    }
    rate("one after the other", 500, stopwatch);
}
