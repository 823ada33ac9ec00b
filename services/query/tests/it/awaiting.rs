//! `AwaitVerdict`.

use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use moderato_api::pb::query as pb;
use moderato_api::pb::types::Verdict;
use moderato_domain::Stopwatch;
use moderato_query::QueryOptions;
use moderato_store::Recorded;
use tokio::task::{JoinHandle, JoinSet};
use tonic::Status;
use tonic_types::StatusExt as _;

use crate::harness::{Draft, Running, draft, reason, soon, start, start_with};

/// Less than the second after which a lost hint, and the five after which a lost wake-up, is made up for.
const AT_ONCE: Duration = Duration::from_millis(900);

fn ask(role: &Running, id: &str, revision: i64, seconds: i64) -> JoinHandle<Result<Verdict, Status>> {
    let request = role.ask(pb::AwaitVerdictRequest {
        comment: format!("sites/blog/comments/{id}"),
        revision,
        timeout: Some(prost_types::Duration { seconds, nanos: 0 }),
    });
    let mut client = role.client.clone();
    tokio::spawn(async move { client.await_verdict(request).await.map(tonic::Response::into_inner) })
}

async fn pause(millis: u64) {
    tokio::time::sleep(Duration::from_millis(millis)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_waiter_is_answered_as_soon_as_the_verdict_is_there() {
    let role = start().await;
    for round in 0..5 {
        let id = format!("c{round}");
        let newest = ask(&role, &id, 0, 10);
        let given = ask(&role, &id, 1, 10);
        pause(50 + round * 37).await;
        assert!(!newest.is_finished() && !given.is_finished());
        role.record([draft(&id)]).await;
        let watch = Stopwatch::start();
        assert_eq!(newest.await.unwrap().unwrap().revision, 1);
        assert_eq!(given.await.unwrap().unwrap().revision, 1);
        assert!(watch.elapsed() < AT_ONCE, "{:?}", watch.elapsed());
    }
    // What is there already is not waited for.
    assert_eq!(soon(ask(&role, "c0", 0, 10)).await.unwrap().unwrap().revision, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hundreds_wait_cheaply_and_none_misses_its_verdict() {
    const WAITERS: usize = 600;
    let role = start().await;
    let mut waiters = JoinSet::new();
    let writer = async {
        for batch in 0..WAITERS / 20 {
            // Some are recorded before they are waited for, some while, some after.
            role.record((0..20).map(|n| draft(format!("c{}", batch * 20 + n)))).await;
            pause(3).await;
        }
    };
    for n in 0..WAITERS {
        let waiter = ask(&role, &format!("c{n}"), 1, 20);
        waiters.spawn(async move { waiter.await.unwrap().unwrap() });
    }
    let watch = Stopwatch::start();
    writer.await;
    let answered = soon(waiters.join_all()).await;
    assert_eq!(answered.len(), WAITERS);
    assert!(watch.elapsed() < Duration::from_secs(4), "{:?}", watch.elapsed());
}

#[tokio::test]
async fn a_revision_that_was_overtaken_is_still_awaited() {
    let role = start().await;
    role.record([Draft { revision: 3, ..draft("c1") }]).await;
    let older = ask(&role, "c1", 2, 10);
    let newer = ask(&role, "c1", 4, 10);
    pause(100).await;
    assert_eq!(role.record([Draft { revision: 2, ..draft("c1") }]).await, [Recorded::Stale]);
    let watch = Stopwatch::start();
    assert_eq!(soon(older).await.unwrap().unwrap().revision, 2);
    assert!(watch.elapsed() < Duration::from_millis(2500), "{:?}", watch.elapsed());
    assert!(!newer.is_finished());
    role.record([Draft { revision: 4, ..draft("c1") }]).await;
    assert_eq!(soon(newer).await.unwrap().unwrap().revision, 4);
}

#[tokio::test]
async fn who_waits_too_long_is_told_to_ask_again() {
    let role = start().await;
    let status = soon(ask(&role, "c1", 1, 1)).await.unwrap().unwrap_err();
    assert_eq!(status.code(), tonic::Code::DeadlineExceeded);
    assert!(status.get_details_retry_info().is_some());
    assert_eq!(reason::<()>(Err(status)), "DEADLINE_EXCEEDED");
}

#[tokio::test]
async fn there_is_room_for_so_many_waiters() {
    let role = start_with(QueryOptions { max_waiters: 1, ..QueryOptions::default() }).await;
    let first = ask(&role, "c1", 1, 10);
    pause(100).await;
    assert_eq!(reason(soon(ask(&role, "c2", 1, 10)).await.unwrap()), "OVERLOADED");
    role.record([draft("c1"), draft("c2")]).await;
    soon(first).await.unwrap().unwrap();
    soon(ask(&role, "c2", 1, 10)).await.unwrap().unwrap();
}

#[tokio::test]
async fn the_log_is_not_read_for_nobody() {
    let role = start().await;
    role.record([draft("c1")]).await;
    pause(1200).await;
    assert_eq!(role.store.reads.load(SeqCst), 0);
    // One that gave up is forgotten.
    let waiter = ask(&role, "c2", 1, 10);
    pause(100).await;
    waiter.abort();
    pause(1300).await;
    let before = role.store.reads.load(SeqCst);
    role.record([draft("c3")]).await;
    pause(1200).await;
    assert_eq!(role.store.reads.load(SeqCst), before);
}

#[tokio::test]
async fn an_outage_between_two_looks_costs_no_waiter_its_verdict() {
    let role = start().await;
    let waiter = ask(&role, "c1", 1, 10);
    pause(100).await;
    role.store.down.store(true, SeqCst);
    pause(1500).await;
    role.record([draft("c1")]).await;
    pause(100).await;
    role.store.down.store(false, SeqCst);
    let watch = Stopwatch::start();
    assert_eq!(soon(waiter).await.unwrap().unwrap().revision, 1);
    assert!(watch.elapsed() < Duration::from_millis(2500), "{:?}", watch.elapsed());
}

#[tokio::test]
async fn shutdown_sends_waiters_elsewhere() {
    let role = start().await;
    let waiter = ask(&role, "c1", 1, 10);
    pause(100).await;
    role.trigger.fire();
    assert_eq!(reason(soon(waiter).await.unwrap()), "SHUTTING_DOWN");
}
