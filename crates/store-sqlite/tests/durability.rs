//! What survives: closing the file, a full queue, a file that cannot be written, callers that give up.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use moderato_domain::{ManualClock, RuleSetVersion, Timestamp};
use moderato_queue::{ConsumeOptions, DeadSelection, Delivery, Envelope, PublishError, Queue, Route};
use moderato_store::{EventLog, RuleSetDocument, RuleSets, Slot, Store, StoreError};
use moderato_store_sqlite::{QueueLimits, SqliteFile, SqliteOptions};
use tokio::time::timeout;
use uuid::Uuid;

const SOON: Duration = Duration::from_secs(20);

fn message(number: u128) -> Envelope {
    let body = Bytes::from(vec![b'x'; 1000]);
    Envelope::submissions(Uuid::from_u128(number), 1, Timestamp::from_millis(1_000), body)
}

fn rule_set(number: usize) -> RuleSetDocument {
    RuleSetDocument {
        version: RuleSetVersion::parse(&format!("v@{number}")).unwrap(),
        document: "x".repeat(20_000),
        guidelines: String::new(),
        create_time: Timestamp::from_millis(1),
    }
}

async fn open(path: &Path) -> SqliteFile {
    SqliteFile::open(path, SqliteOptions::default()).await.unwrap()
}

async fn take(queue: &dyn Queue, count: usize) -> Vec<Delivery> {
    let mut consumer = queue.consume(ConsumeOptions { prefetch: 100 }).await.unwrap();
    let mut taken = Vec::new();
    while taken.len() < count {
        taken.extend(timeout(SOON, consumer.next_batch(count - taken.len())).await.unwrap().unwrap());
    }
    taken
}

#[tokio::test]
async fn messages_and_delivery_counts_survive_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("m.db");
    for delivered_before in 0..3 {
        let file = open(&path).await;
        let queue = file.queue();
        if delivered_before == 0 {
            queue.publish(Route::Work, message(1)).await.unwrap();
            queue.publish(Route::Work, message(2)).await.unwrap();
        }
        let taken = take(&queue, 2).await;
        assert_eq!(taken[0].envelope, message(1));
        assert!(taken.iter().all(|delivery| delivery.delivery_count == delivered_before), "{taken:?}");
        assert_eq!(queue.depth().await.unwrap().ready, 0, "both are in hand");
        file.close().await;
    }
    let file = open(&path).await;
    assert_eq!(file.queue().depth().await.unwrap().ready, 2);
    for delivery in take(&file.queue(), 2).await {
        delivery.ack().await.unwrap();
    }
    file.close().await;
    assert_eq!(open(&path).await.queue().depth().await.unwrap().ready, 0);
}

#[tokio::test]
async fn a_full_queue_stays_full_across_a_restart_and_recovers() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("m.db");
    for limits in [
        QueueLimits { max_messages: 3, ..QueueLimits::default() },
        QueueLimits { max_bytes: 3_500, ..QueueLimits::default() },
    ] {
        let options = SqliteOptions { queue: limits, ..SqliteOptions::default() };
        let file = SqliteFile::open(&path, options.clone()).await.unwrap();
        for number in 1..=3 {
            file.queue().publish(Route::Work, message(number)).await.unwrap();
        }
        assert_eq!(file.queue().publish(Route::Work, message(4)).await, Err(PublishError::Full));
        file.close().await;

        let file = SqliteFile::open(&path, options).await.unwrap();
        let queue = file.queue();
        assert_eq!(queue.publish(Route::Work, message(4)).await, Err(PublishError::Full));
        queue.publish(Route::Retry(SOON), message(5)).await.expect("a retry was accepted before");
        queue.publish(Route::Dead, message(6)).await.expect("so was a dead letter");
        for delivery in take(&queue, 3).await {
            delivery.ack().await.unwrap();
        }
        queue.publish(Route::Work, message(4)).await.unwrap();
        take(&queue, 1).await.remove(0).ack().await.unwrap();
        assert_eq!(queue.drop_dead(&DeadSelection::All).await.unwrap(), 1);
        file.close().await;
        std::fs::remove_file(&path).unwrap();
    }
}

#[tokio::test]
async fn a_message_larger_than_any_queue_takes_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let queue = open(&directory.path().join("m.db")).await.queue();
    let huge = Envelope { body: Bytes::from(vec![0; 16 * 1024 * 1024 + 1]), ..message(1) };
    assert_eq!(queue.publish(Route::Work, huge).await, Err(PublishError::TooLarge));
}

#[tokio::test]
async fn a_file_that_cannot_be_written_is_unavailable() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("m.db");
    open(&path).await.close().await;

    let mut permissions = std::fs::metadata(&path).unwrap().permissions();
    permissions.set_readonly(true);
    std::fs::set_permissions(&path, permissions).unwrap();
    // Permissions do not bind root.
    if std::fs::OpenOptions::new().write(true).open(&path).is_err() {
        let read_only = SqliteFile::open(&path, SqliteOptions::default()).await;
        assert!(matches!(read_only, Err(StoreError::Unavailable(_))), "{read_only:?}");
    }

    let missing = SqliteFile::open(directory.path().join("no/such/m.db"), SqliteOptions::default()).await;
    assert!(matches!(missing, Err(StoreError::Unavailable(_))), "{missing:?}");
}

#[tokio::test]
async fn a_lock_that_another_process_keeps_is_unavailable_until_it_goes() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("m.db");
    let options = SqliteOptions { busy_timeout: Duration::from_millis(300), ..SqliteOptions::default() };
    let file = SqliteFile::open(&path, options).await.unwrap();

    let other = sqlx::SqlitePool::connect(&format!("sqlite://{}", path.display())).await.unwrap();
    let lock = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
    assert_eq!(file.queue().publish(Route::Work, message(1)).await, Err(PublishError::Unavailable));
    assert!(file.queue().ready().await.is_err());
    assert!(matches!(file.store().put_rule_set(&rule_set(1)).await, Err(StoreError::Unavailable(_))));
    assert!(file.store().rules_in_force().await.is_ok(), "reading goes on");

    lock.rollback().await.unwrap();
    file.queue().publish(Route::Work, message(1)).await.unwrap();
    file.store().put_rule_set(&rule_set(1)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_that_give_up_do_not_keep_the_write_lock() {
    let directory = tempfile::tempdir().unwrap();
    let file = open(&directory.path().join("m.db")).await;
    let (store, queue) = (file.store(), file.queue());
    for attempt in 0..200 {
        // From before the first statement to after the commit, in steps of 25 µs.
        let patience = Duration::from_micros(25 * attempt as u64);
        let rules = rule_set(attempt);
        let _ = timeout(patience, store.put_rule_set(&rules)).await;
        let _ = timeout(
            patience,
            store.activate_rule_set(Slot::Active, &rules.version, Timestamp::from_millis(1)),
        )
        .await;
        let _ = timeout(patience, queue.publish(Route::Work, message(attempt as u128))).await;
    }
    timeout(SOON, store.put_rule_set(&rule_set(1_000))).await.expect("in time").unwrap();
    timeout(SOON, queue.publish(Route::Work, message(1_000))).await.expect("in time").unwrap();
    timeout(SOON, store.ready()).await.expect("in time").unwrap();
    let stored = store.rule_set(&rule_set(1_000).version).await.unwrap();
    assert!(stored.is_some(), "what was answered is committed");
}

#[tokio::test]
async fn a_consumer_that_stops_waiting_loses_no_delivery() {
    let directory = tempfile::tempdir().unwrap();
    let queue = open(&directory.path().join("m.db")).await.queue();
    for number in 0..20 {
        queue.publish(Route::Work, message(number)).await.unwrap();
    }
    let mut consumer = queue.consume(ConsumeOptions { prefetch: 100 }).await.unwrap();
    let mut taken = Vec::new();
    let mut micros = 0;
    while taken.len() < 20 {
        micros += 50;
        if let Ok(batch) = timeout(Duration::from_micros(micros), consumer.next_batch(1)).await {
            taken.extend(batch.unwrap());
        }
    }
    assert!(taken.iter().all(|delivery| delivery.delivery_count == 0), "each was handed out once: {taken:?}");
}

#[tokio::test]
async fn retries_wait_and_then_come_before_newer_work() {
    let directory = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_000_000)));
    let options = SqliteOptions { clock: Arc::clone(&clock) as _, ..SqliteOptions::default() };
    let queue = SqliteFile::open(directory.path().join("m.db"), options).await.unwrap().queue();
    queue.publish(Route::Retry(Duration::from_secs(30)), message(1).for_retry("later")).await.unwrap();
    clock.advance(Duration::from_millis(29_999));
    queue.publish(Route::Work, message(2)).await.unwrap();
    let depth = queue.depth().await.unwrap();
    assert_eq!((depth.ready, depth.retrying), (1, 1));
    assert_eq!(depth.oldest_age, Some(Duration::ZERO));

    clock.advance(Duration::from_millis(1));
    assert_eq!(queue.depth().await.unwrap().retrying, 0);
    let first = take(&queue, 1).await.remove(0);
    assert_eq!(first.envelope, message(1).for_retry("later"));
}

#[tokio::test]
async fn two_processes_share_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("m.db");
    let (server, command_line) = tokio::join!(open(&path), open(&path));
    let queue = server.queue();
    queue.publish(Route::Dead, message(1).for_dead_letter("no")).await.unwrap();
    let mut consumer = queue.consume(ConsumeOptions { prefetch: 1 }).await.unwrap();

    assert_eq!(command_line.queue().depth().await.unwrap().dead, 1);
    assert_eq!(command_line.queue().redrive(&DeadSelection::Ids(vec![Uuid::from_u128(1)])).await.unwrap(), 1);
    let batch = timeout(SOON, consumer.next_batch(1)).await.expect("noticed in time").unwrap();
    assert_eq!(batch[0].envelope, message(1));
    assert_eq!(command_line.queue().depth().await.unwrap().dead, 0);

    let mut hint = server.store().event_hint();
    hint.mark_unchanged();
    timeout(SOON, hint.changed()).await.expect("the first look is a hint").unwrap();
}
