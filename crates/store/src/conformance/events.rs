//! The log of what happened.

use std::collections::HashSet;
use std::time::Duration;

use moderato_domain::{Action, DecisionKind, State};
use tokio::task::JoinSet;

use super::builders::{Case, at, revision, thread};
use crate::{Event, EventCursor, EventKind};

pub(super) async fn every_change_leaves_one_event(case: Case) {
    let draft = || case.draft("c1").thread("t").action(Action::Review);
    case.record([draft().state(State::Pending).at(1)]).await;
    case.record([draft().state(State::Pending).at(1)]).await;
    case.decide("c1", 1, DecisionKind::Approve).await;
    case.record([draft().revision(2).state(State::Spam).action(Action::Reject).at(2)]).await;
    case.withdraw(&["c1", "c2"], at(3)).await;
    case.withdraw(&["c1"], at(3)).await;
    case.record([draft().revision(3).at(4)]).await;

    let events = case.events(EventCursor::default(), 5).await;
    let expected = [
        (EventKind::VerdictRecorded, 1, Action::Review, State::Pending, at(1)),
        (EventKind::DecisionMade, 1, Action::Review, State::Published, at(50)),
        (EventKind::VerdictRecorded, 2, Action::Reject, State::Spam, at(2)),
        (EventKind::CommentWithdrawn, 2, Action::Reject, State::Withdrawn, at(3)),
        (EventKind::VerdictRecorded, 3, Action::Review, State::Withdrawn, at(4)),
    ];
    assert_eq!(events.len(), expected.len());
    for (event, (kind, number, action, state, time)) in events.iter().zip(expected) {
        let expected = Event {
            cursor: event.cursor,
            kind,
            comment: case.name("c1"),
            thread: thread("t"),
            revision: revision(number),
            action,
            state,
            time,
        };
        assert_eq!(*event, expected);
    }
    assert!(events.is_sorted_by(|a, b| a.cursor < b.cursor));
}

pub(super) async fn a_batch_of_any_size_leaves_its_events_in_its_order(case: Case) {
    let mut seen = EventCursor::default();
    for (batch, size) in [1, 20, 300].into_iter().enumerate() {
        let id = |number: usize| format!("{batch}-{number}");
        let draft = |number| case.draft(&id(number)).thread("t").state(State::Spam).action(Action::Reject);
        case.record((0..size).map(|number| draft(number).at(number as i64))).await;
        let events = case.events(seen, size).await;
        assert_eq!(events.len(), size);
        for (number, event) in events.iter().enumerate() {
            let expected = Event {
                cursor: event.cursor,
                kind: EventKind::VerdictRecorded,
                comment: case.name(&id(number)),
                thread: thread("t"),
                revision: revision(1),
                action: Action::Reject,
                state: State::Spam,
                time: at(number as i64),
            };
            assert_eq!(*event, expected);
        }
        seen = events.last().expect("one at least").cursor;
    }
}

pub(super) async fn the_head_is_followed_by_what_happens_next(case: Case) {
    case.record([case.draft("before")]).await;
    case.events(EventCursor::default(), 1).await;
    let head = case.store.event_head().await.expect("read");
    assert!(case.store.events_after(head, Some(&case.site), 10).await.expect("read").is_empty());
    case.record([case.draft("after-1"), case.draft("after-2")]).await;
    let events = case.events(head, 2).await;
    let ids: Vec<_> = events.iter().map(|event| event.comment.comment.as_str()).collect();
    assert_eq!(ids, ["after-1", "after-2"]);

    let all = case.store.events_after(head, None, 10).await.expect("read");
    assert_eq!(all, events);
    let other = Case::new(case.store.clone(), 97);
    assert!(case.store.events_after(head, Some(&other.site), 10).await.expect("read").is_empty());
    // The head never runs ahead of what has been handed out.
    let head = case.store.event_head().await.expect("read");
    assert!(head >= events[1].cursor);
}

/// Writers of batches of many sizes and a reader that follows them with small pages.
pub(super) async fn a_follower_sees_every_event_exactly_once(case: Case) {
    const WRITERS: usize = 5;
    const BATCHES: usize = 20;
    let start = case.store.event_head().await.expect("read");
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let case = case.clone();
        writers.spawn(async move {
            for batch in 0..BATCHES {
                let size = 1 + (writer * 7 + batch * 3) % 9;
                let id = |number| format!("c{writer}-{batch}-{number}");
                case.record((0..size).map(|number| case.draft(&id(number)))).await;
                if batch % 5 == 0 {
                    case.withdraw(&[&id(0)], at(1)).await;
                }
            }
        });
    }
    let expected: usize =
        (0..WRITERS * BATCHES).map(|n| 1 + (n / BATCHES * 7 + n % BATCHES * 3) % 9).sum::<usize>()
            + WRITERS * BATCHES / 5;

    let follow = async {
        let mut followed: Vec<Event> = Vec::new();
        let mut cursor = start;
        while followed.len() < expected {
            let page = case.store.events_after(cursor, Some(&case.site), 7).await.expect("read");
            match page.last() {
                Some(last) => cursor = last.cursor,
                None => tokio::time::sleep(Duration::from_millis(1)).await,
            }
            followed.extend(page);
        }
        followed
    };
    let followed =
        tokio::time::timeout(Duration::from_mins(1), follow).await.expect("every event is seen in time");
    writers.join_all().await;

    assert!(followed.is_sorted_by(|a, b| a.cursor < b.cursor), "in order, none twice");
    let distinct: HashSet<_> =
        followed.iter().map(|event| (event.comment.clone(), event.kind.as_str())).collect();
    assert_eq!((followed.len(), distinct.len()), (expected, expected));
    // Whoever reads again reads the same, from the start or from any place in between.
    let again = case.events(start, expected).await;
    assert_eq!(again, followed);
    for place in (0..expected).step_by(17) {
        let rest =
            case.store.events_after(followed[place].cursor, Some(&case.site), 1000).await.expect("read");
        assert_eq!(rest, followed[place + 1..]);
    }
}

pub(super) async fn a_hint_tells_that_the_log_grew(case: Case) {
    let mut hint = case.store.event_hint();
    let mut cursor = case.store.event_head().await.expect("read");
    for round in 0..3 {
        hint.mark_unchanged();
        case.record([case.draft(&format!("c{round}"))]).await;
        let told = async {
            loop {
                hint.changed().await.expect("the store lives");
                let events = case.store.events_after(cursor, Some(&case.site), 10).await.expect("read");
                if let Some(last) = events.last() {
                    break last.cursor;
                }
            }
        };
        cursor = tokio::time::timeout(Duration::from_secs(5), told)
            .await
            .expect("a hint comes when there is something");
    }
}
