//! `WatchEvents`.

use std::sync::Arc;
use std::time::Duration;

use moderato_api::pb::query as pb;
use moderato_domain::{Action, Clock as _, SiteId, State, Stopwatch, SystemClock, Withdrawal};
use moderato_query::QueryOptions;
use moderato_store::{EventCursor, EventLog as _, Pipeline as _, Store, Tenants as _};
use tokio::task::JoinSet;
use tonic::Streaming;

use crate::harness::{Draft, Running, draft, name, reason, record, soon, start, start_with, with_key};

fn from(resume_token: &str, from_start: bool) -> pb::WatchEventsRequest {
    pb::WatchEventsRequest { parent: "sites/blog".into(), resume_token: resume_token.into(), from_start }
}

async fn watch(role: &Running, request: pb::WatchEventsRequest) -> Streaming<pb::WatchEventsResponse> {
    role.client.clone().watch_events(role.ask(request)).await.unwrap().into_inner()
}

async fn next(stream: &mut Streaming<pb::WatchEventsResponse>) -> pb::WatchEventsResponse {
    soon(stream.message()).await.unwrap().expect("the stream goes on")
}

fn comments(message: &pb::WatchEventsResponse) -> Vec<&str> {
    message.events.iter().map(|e| e.comment.rsplit_once('/').unwrap().1).collect()
}

#[tokio::test]
async fn a_watcher_is_told_what_happens_from_now_on() {
    let role = start().await;
    role.record([draft("before")]).await;
    let mut stream = watch(&role, from("", false)).await;
    let first = next(&mut stream).await;
    assert!(first.events.is_empty() && !first.resume_token.is_empty());

    role.record([Draft { state: State::Pending, action: Action::Review, ..draft("c1") }]).await;
    let since = Stopwatch::start();
    let told = next(&mut stream).await;
    assert!(since.elapsed() < Duration::from_millis(900), "{:?}", since.elapsed());
    let event = &told.events[0];
    assert_eq!(event.kind(), pb::event::Kind::VerdictRecorded);
    assert_eq!(
        (event.comment.as_str(), event.thread.as_str()),
        ("sites/blog/comments/c1", "sites/blog/threads/post-1")
    );
    assert_eq!(
        (event.revision, event.action(), event.state()),
        (1, 2.try_into().unwrap(), 1.try_into().unwrap())
    );

    role.store.withdraw(&[Withdrawal { comment: name("c1"), accept_time: SystemClock.now() }]).await.unwrap();
    assert_eq!(next(&mut stream).await.events[0].kind(), pb::event::Kind::CommentWithdrawn);
}

#[tokio::test]
async fn a_token_resumes_after_its_event_and_the_first_message_carries_one() {
    let role = start().await;
    role.record([Draft { site: "other", ..draft("foreign") }, draft("a"), draft("b"), draft("c")]).await;
    let mut stream = watch(&role, from("", true)).await;
    let all = next(&mut stream).await;
    assert_eq!(comments(&all), ["a", "b", "c"]);
    let mut stream = watch(&role, from(&all.events[0].resume_token, true)).await;
    assert_eq!(comments(&next(&mut stream).await), ["b", "c"]);
    // After the last event the first message is empty, and resumes there.
    let mut stream = watch(&role, from(&all.resume_token, false)).await;
    let first = next(&mut stream).await;
    assert_eq!((first.events.len(), &first.resume_token), (0, &all.resume_token));
    drop(stream);
    role.record([draft("d")]).await;
    let mut stream = watch(&role, from(&first.resume_token, false)).await;
    assert_eq!(comments(&next(&mut stream).await), ["d"]);

    let foreign = pb::WatchEventsRequest { parent: "sites/other".into(), ..from(&all.resume_token, false) };
    let refused = role.client.clone().watch_events(with_key(&role.keys.other, foreign)).await;
    assert_eq!(reason(refused.map(drop)), "TOKEN_INVALID");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watcher_that_reconnects_misses_nothing_and_sees_nothing_twice() {
    const WRITERS: usize = 4;
    const BATCHES: usize = 40;
    const SIZE: usize = 25;
    let role = start().await;
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let store = Arc::clone(&role.store) as Arc<dyn Store>;
        writers.spawn(async move {
            for batch in 0..BATCHES {
                let draft = |n| Draft {
                    site: if n % 5 == 0 { "other" } else { "blog" },
                    ..draft(format!("c{writer}-{batch}-{n}"))
                };
                record(store.as_ref(), (0..SIZE).map(draft)).await;
            }
        });
    }
    let expected = WRITERS * BATCHES * SIZE * 4 / 5;
    let mut seen = Vec::new();
    let mut token = String::new();
    let mut connections = 0;
    while seen.len() < expected {
        connections += 1;
        let mut stream = watch(&role, from(&token, true)).await;
        // Breaks off after a few messages, and now and then in the middle of one.
        for messages in 0..=connections % 4 {
            let message = next(&mut stream).await;
            let keep = if messages == 1 { message.events.len() / 2 } else { message.events.len() };
            let whole = keep == message.events.len();
            token = if whole { message.resume_token } else { token };
            for event in message.events.into_iter().take(keep) {
                token.clone_from(&event.resume_token);
                seen.push(event.comment);
            }
            if !whole || seen.len() >= expected {
                break;
            }
        }
    }
    writers.join_all().await;
    assert!(connections > 5, "{connections}");
    let site = SiteId::parse("blog").unwrap();
    let log = role.store.events_after(EventCursor::default(), Some(&site), 100_000).await.unwrap();
    let log: Vec<String> = log.into_iter().map(|event| event.comment.to_string()).collect();
    assert!(seen == log, "{} seen, {} in the log", seen.len(), log.len());
}

#[tokio::test]
async fn a_revoked_key_ends_its_stream() {
    let role = start().await;
    let mut stream = watch(&role, from("", false)).await;
    next(&mut stream).await;
    role.store.revoke_key(&role.keys.blog_id, SystemClock.now()).await.unwrap();
    role.directory.refresh(role.store.as_ref()).await.unwrap();
    role.record([draft("c1")]).await;
    assert_eq!(reason(soon(stream.message()).await), "KEY_REJECTED");
}

#[tokio::test]
async fn shutdown_sends_watchers_elsewhere() {
    let role = start().await;
    let mut stream = watch(&role, from("", false)).await;
    next(&mut stream).await;
    role.trigger.fire();
    assert_eq!(reason(soon(stream.message()).await), "SHUTTING_DOWN");
}

#[tokio::test]
async fn open_streams_are_counted_and_bounded() {
    let role = start_with(QueryOptions { max_watchers: 1, ..QueryOptions::default() }).await;
    let mut stream = watch(&role, from("", false)).await;
    next(&mut stream).await;
    assert_eq!(role.metrics.watchers.get(), 1);
    let second = role.client.clone().watch_events(role.ask(from("", false))).await;
    assert_eq!(reason(second.map(drop)), "OVERLOADED");
    drop(stream);
    let closed = async {
        while role.metrics.watchers.get() > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    soon(closed).await;
    watch(&role, from("", false)).await;
}
