//! RabbitMQ when things break: connections that are cut, brokers that go away, queues that are not
//! what they should be.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::join_all;
use lapin::options::{BasicPublishOptions, QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use moderato_domain::Timestamp;
use moderato_queue::rabbitmq::{RabbitMq, RabbitMqOptions};
use moderato_queue::{
    ConsumeOptions, Consumer, Envelope, GroupItem, GroupLimits, GroupPublisher, PublishError, Queue,
    QueueError, Route,
};
use moderato_tests::proxy::ChaosProxy;
use moderato_tests::{eventually, rabbitmq};
use tokio::time::timeout;
use uuid::Uuid;

const DEADLINE: Duration = Duration::from_mins(1);

fn message(number: u32) -> Envelope {
    let id = Uuid::from_u128(u128::from(number) + 1);
    Envelope::submissions(id, 1, Timestamp::from_millis(1_700_000_000_000), Bytes::from(vec![7; 600]))
}

fn number_of(message: &Envelope) -> u32 {
    u32::try_from(message.message_id.as_u128() - 1).expect("made by message()")
}

async fn connect(url: &str) -> Arc<RabbitMq> {
    RabbitMq::connect(url, RabbitMqOptions::default()).await.expect("rabbitmq is there")
}

async fn ready(queue: &RabbitMq) {
    eventually("the session is rebuilt", DEADLINE, async || queue.ready().await.ok()).await;
}

/// A plain client beside the backend.
async fn plain_channel(url: &str) -> (Connection, Channel) {
    let connection =
        Connection::connect(url, ConnectionProperties::default()).await.expect("rabbitmq is there");
    let channel = connection.create_channel().await.expect("a channel");
    (connection, channel)
}

/// Takes and acknowledges until all of these have been seen; duplicates are fine.
async fn drain(consumer: &mut Box<dyn Consumer>, mut expected: BTreeSet<u32>) {
    while !expected.is_empty() {
        let batch = timeout(DEADLINE, consumer.next_batch(100)).await;
        let batch = batch.unwrap_or_else(|_| {
            panic!("{} messages are lost, such as {:?}", expected.len(), expected.first())
        });
        for delivery in batch.expect("not stopped") {
            expected.remove(&number_of(&delivery.envelope));
            // Fails when the session ended since: it comes again.
            let _ = delivery.ack().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_was_confirmed_is_lost_when_connections_are_cut() {
    let server = rabbitmq::shared().await;
    let proxy = ChaosProxy::start(server.port()).await;
    let queue = connect(&proxy.through(&server.fresh_vhost().await)).await;
    let mut consumer = queue.consume(ConsumeOptions { prefetch: 50 }).await.expect("a consumer attaches");

    let mut confirmed = BTreeSet::new();
    let mut failed = 0;
    for round in 0..4 {
        let numbers = round * 1000..(round + 1) * 1000;
        let publishes = join_all(numbers.map(|number| {
            let queue = queue.clone();
            async move { (number, queue.publish(Route::Work, message(number)).await) }
        }));
        let cut = async {
            // In the middle of it: as soon as some have arrived.
            let mut first =
                timeout(DEADLINE, consumer.next_batch(1)).await.expect("a message").expect("not stopped");
            proxy.cut();
            (number_of(&first[0].envelope), first.remove(0))
        };
        let (results, (number, delivery)) = tokio::join!(publishes, cut);
        eventually("another session", DEADLINE, async || {
            (queue.session_rebuilds() > u64::from(round)).then_some(())
        })
        .await;
        assert!(delivery.ack().await.is_err(), "the delivery's session is over");
        ready(&queue).await;
        confirmed.insert(number);
        for (number, result) in results {
            match result {
                Ok(()) => _ = confirmed.insert(number),
                Err(PublishError::Ambiguous | PublishError::Unavailable) => failed += 1,
                Err(error) => panic!("a cut connection is not: {error}"),
            }
        }
    }
    assert!(failed > 0, "no cut met a publish in flight");
    drain(&mut consumer, confirmed).await;
    queue.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_stops_waiting_while_the_consumer_attaches_again_gets_the_message_later() {
    let server = rabbitmq::shared().await;
    let proxy = ChaosProxy::start(server.port()).await;
    let queue = connect(&proxy.through(&server.fresh_vhost().await)).await;
    let mut consumer = queue.consume(ConsumeOptions { prefetch: 10 }).await.expect("a consumer attaches");
    proxy.cut();
    let rebuilt = async || (queue.session_rebuilds() > 0).then_some(());
    eventually("another session", DEADLINE, rebuilt).await;
    ready(&queue).await;
    queue.publish(Route::Work, message(1)).await.expect("the new session works");
    // Each time it waits for something, it is left.
    let look = async || consumer.next_batch(1).now_or_never().flatten();
    let batch = eventually("the message", DEADLINE, look).await;
    assert_eq!(number_of(&batch[0].envelope), 1);
    queue.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_does_not_answer_makes_publishes_ambiguous_in_time() {
    let server = rabbitmq::shared().await;
    let proxy = ChaosProxy::start(server.port()).await;
    let options = RabbitMqOptions {
        confirm_timeout: Duration::from_millis(500),
        connect_timeout: Duration::from_secs(2),
        ..RabbitMqOptions::default()
    };
    let queue = RabbitMq::connect(&proxy.through(&server.fresh_vhost().await), options)
        .await
        .expect("rabbitmq is there");

    proxy.pause();
    let answer = timeout(DEADLINE, queue.publish(Route::Work, message(1))).await.expect("an answer in time");
    assert_eq!(answer, Err(PublishError::Ambiguous));
    eventually("the session is given up", DEADLINE, async || queue.ready().await.err()).await;
    assert_eq!(queue.publish(Route::Work, message(2)).await, Err(PublishError::Unavailable));
    proxy.resume();
    ready(&queue).await;
    queue.publish(Route::Work, message(3)).await.expect("the new session works");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn consumers_and_messages_survive_a_restart_and_a_kill_of_the_broker() {
    let server = rabbitmq::Server::start().await;
    let queue = connect(&server.url()).await;
    let mut consumer = queue.consume(ConsumeOptions { prefetch: 10 }).await.expect("a consumer attaches");
    for number in 0..40 {
        queue.publish(Route::Work, message(number)).await.expect("confirmed");
    }
    server.restart().await;
    ready(&queue).await;
    for number in 40..80 {
        queue.publish(Route::Work, message(number)).await.expect("confirmed");
    }
    server.kill().await;
    eventually("the session is down", DEADLINE, async || queue.ready().await.err()).await;
    assert_eq!(queue.publish(Route::Work, message(1000)).await, Err(PublishError::Unavailable));
    server.start_again().await;
    drain(&mut consumer, (0..80).collect()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topology_that_differs_says_what_and_how_to_fix_it() {
    let url = rabbitmq::shared().await.fresh_vhost().await;
    connect(&url).await.close().await;
    let options = RabbitMqOptions { max_length: 5, ..RabbitMqOptions::default() };
    let error = RabbitMq::connect(&url, options).await.expect_err("the queue is there with another limit");
    let QueueError::Topology(text) = error else { panic!("not a topology error: {error}") };
    assert!(text.contains("x-max-length of queue 'moderato.work' differs"), "{text}");
    assert!(text.contains("wants '5' and the broker has '1000000'"), "{text}");
    assert!(text.contains("delete_queue moderato.work"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unroutable_message_is_not_accepted_and_the_topology_comes_back() {
    let url = rabbitmq::shared().await.fresh_vhost().await;
    let queue = connect(&url).await;
    let mut consumer = queue.consume(ConsumeOptions { prefetch: 10 }).await.expect("a consumer attaches");
    queue.publish(Route::Work, message(0)).await.expect("confirmed");
    let (_connection, channel) = plain_channel(&url).await;
    channel.queue_delete("moderato.retry.5s".into(), QueueDeleteOptions::default()).await.expect("deleted");

    let lost = (0..20).map(|number| queue.publish(Route::Retry(Duration::ZERO), message(number)));
    for result in join_all(lost).await {
        assert!(matches!(result, Err(PublishError::Unavailable | PublishError::Ambiguous)), "{result:?}");
    }
    eventually("the queue is there again", DEADLINE, async || {
        queue.publish(Route::Retry(Duration::ZERO), message(21)).await.ok()
    })
    .await;

    // The same for the queue that is consumed: the consumer attaches to the new one.
    channel.queue_delete("moderato.work".into(), QueueDeleteOptions::default()).await.expect("deleted");
    eventually("the queue is there again", DEADLINE, async || {
        queue.publish(Route::Work, message(22)).await.ok()
    })
    .await;
    drain(&mut consumer, [22].into()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_put_there_by_hand_is_delivered_with_what_it_has() {
    let url = rabbitmq::shared().await.fresh_vhost().await;
    let queue = connect(&url).await;
    let (_connection, channel) = plain_channel(&url).await;
    let publish = channel.basic_publish(
        "".into(),
        "moderato.work".into(),
        BasicPublishOptions::default(),
        b"what is this?",
        BasicProperties::default().with_message_id("42".into()),
    );
    publish.await.expect("published");
    let mut consumer = queue.consume(ConsumeOptions { prefetch: 10 }).await.expect("a consumer attaches");
    let mut batch =
        timeout(DEADLINE, consumer.next_batch(10)).await.expect("a message").expect("not stopped");
    let delivery = batch.remove(0);
    assert_eq!((delivery.envelope.kind.as_str(), delivery.envelope.schema), ("", 0));
    let queue: Arc<dyn Queue> = queue;
    delivery.dead_letter(&queue, "unknown kind").await.expect("stored");
    let letters = queue.dead_letters(10).await.expect("readable");
    assert_eq!(letters[0].envelope.last_error.as_deref(), Some("unknown kind"));
    assert_eq!(letters[0].envelope.body, "what is this?");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_the_broker_gave_up_says_so() {
    let url = rabbitmq::shared().await.fresh_vhost().await;
    let queue = connect(&url).await;
    let mut tried = message(1);
    tried.last_error = Some("tried before".to_owned());
    queue.publish(Route::Work, tried).await.expect("confirmed");
    let mut consumer = queue.consume(ConsumeOptions { prefetch: 10 }).await.expect("a consumer attaches");
    let requeue = async {
        while let Some(batch) = consumer.next_batch(10).await {
            for delivery in batch {
                delivery.requeue().await.expect("it goes back");
            }
        }
    };
    let letter = eventually("a dead letter", DEADLINE, async || queue.dead_letters(1).await.ok()?.pop());
    let letter = tokio::select! {
        letter = letter => letter,
        () = requeue => unreachable!("nobody stops the consumer"),
    };
    let expected = "given up by the broker: delivery_limit; before: tried before";
    assert_eq!(letter.envelope.last_error.as_deref(), Some(expected));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_large_is_told_before_anything_is_sent() {
    let queue = connect(&rabbitmq::shared().await.fresh_vhost().await).await;
    let huge = Envelope { body: Bytes::from(vec![0; 17 << 20]), ..message(1) };
    assert_eq!(queue.publish(Route::Work, huge).await, Err(PublishError::TooLarge));
    let large = Envelope { body: Bytes::from(vec![0; 3 << 20]), ..message(2) };
    queue.publish(Route::Work, large.clone()).await.expect("many frames");
    let mut consumer = queue.consume(ConsumeOptions { prefetch: 10 }).await.expect("a consumer attaches");
    let batch = timeout(DEADLINE, consumer.next_batch(10)).await.expect("a message").expect("not stopped");
    assert_eq!(batch[0].envelope, large);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn close_ends_consumers_and_refuses_publishes() {
    let url = rabbitmq::shared().await.fresh_vhost().await;
    let queue = connect(&url).await;
    let mut consumer = queue.consume(ConsumeOptions { prefetch: 10 }).await.expect("a consumer attaches");
    queue.close().await;
    assert!(timeout(DEADLINE, consumer.next_batch(10)).await.expect("it ends").is_none());
    assert_eq!(queue.publish(Route::Work, message(1)).await, Err(PublishError::Unavailable));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_nobody_holds_any_more_closes_its_connection() {
    let url = rabbitmq::shared().await.fresh_vhost().await;
    drop(connect(&url).await);
    let (_connection, channel) = plain_channel(&url).await;
    let exclusive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
    let found = channel.queue_declare("moderato.work".into(), exclusive, FieldTable::default()).await;
    assert_eq!(found.expect("declared before").consumer_count(), 0);
    let vhost = url.rsplit('/').next().expect("a vhost").to_owned();
    eventually("one connection, this test's own", DEADLINE, async || {
        let text = rabbitmq::shared().await.ctl(&["list_connections", "vhost", "--no-table-headers"]).await;
        (text.lines().filter(|line| line.trim() == vhost).count() == 1).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn grouped_submissions_all_arrive_and_callers_that_left_harm_nobody() {
    const PUBLISHERS: u32 = 64;
    const EACH: u32 = 50;
    let queue = connect(&rabbitmq::shared().await.fresh_vhost().await).await;
    let groups = GroupPublisher::start(queue.clone(), GroupLimits::default());
    let publishers = (0..PUBLISHERS).map(|publisher| {
        let groups = groups.clone();
        tokio::spawn(async move {
            for number in publisher * EACH..(publisher + 1) * EACH {
                let leaving = GroupItem { uid: Uuid::from_u128(u128::from(number)), ..item(u32::MAX) };
                drop(groups.enqueue(leaving).await.expect("let in"));
                groups.publish(item(number)).await.expect("confirmed");
            }
        })
    });
    join_all(publishers).await.into_iter().for_each(|done| done.expect("no panic"));
    drop(groups);

    let mut consumer = queue.consume(ConsumeOptions { prefetch: 100 }).await.expect("a consumer attaches");
    let mut expected: BTreeSet<u32> = (0..PUBLISHERS * EACH).collect();
    let mut messages = 0;
    while !expected.is_empty() {
        let batch = timeout(DEADLINE, consumer.next_batch(500)).await.expect("a batch").expect("not stopped");
        for delivery in batch {
            messages += 1;
            let numbers: Vec<u32> = delivery
                .envelope
                .body
                .chunks(4)
                .map(|four| u32::from_be_bytes(four.try_into().expect("4")))
                .collect();
            assert_eq!(numbers.len(), delivery.envelope.items as usize);
            for number in numbers {
                assert!(expected.remove(&number) || number == u32::MAX, "submission {number} came twice");
            }
            delivery.ack().await.expect("acknowledged");
        }
    }
    assert!(messages < PUBLISHERS * EACH / 4, "{messages} messages: hardly grouped");
}

/// A submission whose body is its number.
fn item(number: u32) -> GroupItem {
    GroupItem {
        uid: Uuid::from_u128(u128::from(number) + 1),
        accept_time: Timestamp::from_millis(1_700_000_000_000),
        request_id: None,
        body: Bytes::copy_from_slice(&number.to_be_bytes()),
    }
}
