//! Lists, pages, counts.

use moderato_domain::{Action, Revision, State, Timestamp};

use super::builders::{Case, at, ids, revision, shuffled, thread};
use crate::{CommentFilter, CommentPosition, StoredComment};

const ANYTHING: CommentFilter = CommentFilter { state: None, action: None, thread: None };

pub(super) async fn counts_come_in_the_order_asked(case: Case) {
    let batch = [
        case.draft("c1").thread("a"),
        case.draft("c2").thread("b"),
        case.draft("c3").thread("b"),
        case.draft("c4").thread("b").state(State::Pending),
        case.draft("c5").thread("c").state(State::Spam),
    ];
    case.record(batch).await;
    let threads = ["c", "b", "nowhere", "a", "b"].map(thread);
    assert_eq!(case.store.count_published(&case.site, &threads).await.expect("read"), [0, 2, 0, 1, 2]);
}

pub(super) async fn published_comments_come_oldest_first(case: Case) {
    // Recorded in another order than written; three written at the same time.
    let written = [("c5", 1), ("c1", 2), ("c3", 2), ("c2", 2), ("c4", 3), ("c0", 4)];
    let drafts = written.iter().map(|(id, minute)| case.draft(id).at(*minute));
    case.record(shuffled(drafts.collect(), 7)).await;
    case.record([case.draft("c6").at(2).thread("other"), case.draft("c7").at(2).state(State::Pending)]).await;
    // An edit does not move a comment.
    case.record([case.draft("c1").at(2).revision(2).at(9)]).await;

    for limit in [1, 2, 3, 100] {
        let mut seen = Vec::new();
        let mut after = None;
        loop {
            let page =
                case.store.published(&case.site, &thread("post"), after.as_ref(), limit).await.expect("read");
            assert!(page.len() <= limit as usize);
            after = page.last().map(|last| position(last, last.create_time));
            if after.is_none() {
                break;
            }
            seen.extend(page);
        }
        assert_eq!(ids(&seen), ["c5", "c1", "c2", "c3", "c4", "c0"], "pages of {limit}");
    }
}

pub(super) async fn pages_stay_stable_while_comments_arrive(case: Case) {
    let old: Vec<String> = (0..23).map(|number| format!("old-{number}")).collect();
    // Four at a time have the same time.
    let drafts = old.iter().enumerate().map(|(number, id)| case.draft(id).at(number as i64 / 4));
    case.record(drafts).await;

    let mut seen: Vec<StoredComment> = Vec::new();
    let mut after = None;
    loop {
        let page = case.store.comments(&case.site, &ANYTHING, after.as_ref(), 3).await.expect("read");
        let Some(last) = page.last() else { break };
        after = Some(position(last, last.accept_time));
        // What arrives is newer than everything listed so far.
        case.record([case.draft(&format!("new-{}", seen.len())).at(100)]).await;
        seen.extend(page);
    }
    let keys: Vec<_> =
        seen.iter().map(|comment| (comment.accept_time, comment.name.comment.clone())).collect();
    assert!(keys.is_sorted_by(|a, b| a > b), "newest first, nothing twice: {keys:?}");
    assert_eq!(seen.len(), old.len());
    assert!(seen.iter().all(|comment| comment.name.comment.as_str().starts_with("old-")));
}

pub(super) async fn filters_combine(case: Case) {
    let mut minute = 0;
    let mut drafts = Vec::new();
    for state in [State::Pending, State::Published, State::Rejected, State::Spam] {
        for action in Action::ALL {
            for page in ["a", "b"] {
                minute += 1;
                let id = format!("{page}.{}.{}", state.as_str(), action.as_str());
                drafts.push(case.draft(&id).state(state).action(action).thread(page).at(minute));
            }
        }
    }
    case.record(shuffled(drafts, 3)).await;
    case.withdraw(&["a.spam.reject"], at(60)).await;

    let all = case.store.comments(&case.site, &ANYTHING, None, 100).await.expect("read");
    assert_eq!(all.len(), 24);
    let states = State::ALL.map(Some);
    let actions = Action::ALL.map(Some);
    for state in states.into_iter().chain([None]) {
        for action in actions.into_iter().chain([None]) {
            for page in [None, Some("a"), Some("nowhere")].map(|page| page.map(thread)) {
                let filter = CommentFilter { state, action, thread: page };
                let fits = |comment: &&StoredComment| {
                    state.is_none_or(|state| comment.state == state)
                        && action.is_none_or(|action| comment.action == action)
                        && filter.thread.as_ref().is_none_or(|thread| comment.thread == *thread)
                };
                let expected: Vec<_> = all.iter().filter(fits).cloned().collect();
                let listed = case.store.comments(&case.site, &filter, None, 100).await.expect("read");
                assert_eq!(ids(&listed), ids(&expected), "{filter:?}");
                // The second page of the same list.
                let Some(first) = expected.first() else { continue };
                let after = position(first, first.accept_time);
                let rest = case.store.comments(&case.site, &filter, Some(&after), 2).await.expect("read");
                assert_eq!(rest, expected.iter().skip(1).take(2).cloned().collect::<Vec<_>>(), "{filter:?}");
            }
        }
    }
}

pub(super) async fn verdicts_come_newest_first_in_pages(case: Case) {
    case.record((1..=5).map(|number| case.draft("c1").revision(number * 10))).await;
    case.record([case.draft("c2")]).await;
    let page = async |after: Option<Revision>, limit| {
        let verdicts = case.store.verdicts(&case.name("c1"), after, limit).await.expect("read");
        verdicts.iter().map(|verdict| verdict.revision.get()).collect::<Vec<_>>()
    };
    assert_eq!(page(None, 2).await, [50, 40]);
    assert_eq!(page(Some(revision(40)), 2).await, [30, 20]);
    assert_eq!(page(Some(revision(20)), 2).await, [10]);
    assert_eq!(page(Some(revision(10)), 2).await, [] as [i64; 0]);
}

fn position(comment: &StoredComment, time: Timestamp) -> CommentPosition {
    CommentPosition { time, comment: comment.name.comment.clone() }
}
