//! A long backlog costs no more per message than a short one.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use moderato_domain::{Stopwatch, Timestamp};
use moderato_queue::{ConsumeOptions, Consumer, Envelope, Queue, Route};
use moderato_store_sqlite::{SqliteFile, SqliteOptions, SqliteQueue};
use uuid::Uuid;

const BACKLOG: u128 = 20_000;

async fn fill(queue: &SqliteQueue, numbers: std::ops::Range<u128>) {
    let queue = Arc::new(queue.clone());
    let mut publishing = tokio::task::JoinSet::new();
    for number in numbers {
        let queue = Arc::clone(&queue);
        publishing.spawn(async move {
            let message = Envelope::submissions(
                Uuid::from_u128(number),
                1,
                Timestamp::from_millis(1),
                Bytes::from(vec![0; 2_000]),
            );
            queue.publish(Route::Work, message).await.unwrap();
        });
    }
    publishing.join_all().await;
}

/// The fastest of a few single takes: the work itself, not what else the machine does.
async fn time_to_take_one(consumer: &mut Box<dyn Consumer>) -> Duration {
    let mut fastest = Duration::MAX;
    for _ in 0..20 {
        let watch = Stopwatch::start();
        let mut batch = consumer.next_batch(1).await.unwrap();
        fastest = fastest.min(watch.elapsed());
        batch.remove(0).ack().await.unwrap();
    }
    fastest
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn taking_a_message_does_not_look_at_the_whole_backlog() {
    let directory = tempfile::tempdir().unwrap();
    let file = SqliteFile::open(directory.path().join("m.db"), SqliteOptions::default()).await.unwrap();
    let queue = file.queue();
    let mut consumer = queue.consume(ConsumeOptions { prefetch: 10 }).await.unwrap();
    fill(&queue, 0..50).await;
    let few = time_to_take_one(&mut consumer).await;
    fill(&queue, 50..BACKLOG).await;
    let many = time_to_take_one(&mut consumer).await;
    // Measured in a debug build: 0.8 ms both times; 15 ms when the backlog is copied first.
    assert!(many < few * 4, "{few:?} with few messages, {many:?} with {BACKLOG}");
    assert_eq!(u128::from(queue.depth().await.unwrap().ready), BACKLOG - 40);
}
