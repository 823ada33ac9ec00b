//! Humans' decisions.

use moderato_domain::{Action, DecisionKind, State};
use tokio::task::JoinSet;

use super::builders::{Case, at, revision};
use crate::DecideRefusal;
use crate::Recorded::{Applied, Duplicate};

const KINDS: [(DecisionKind, State); 3] = [
    (DecisionKind::Approve, State::Published),
    (DecisionKind::Reject, State::Rejected),
    (DecisionKind::Spam, State::Spam),
];

pub(super) async fn a_decision_sets_what_readers_see(case: Case) {
    case.record([case.draft("c1").state(State::Pending).action(Action::Review)]).await;
    let mut version = case.comment("c1").await.version;
    // A human may change their mind, too.
    for (kind, state) in KINDS {
        let decided = case.decide("c1", 1, kind).await;
        assert_eq!((decided.state, decided.decided, decided.action), (state, true, Action::Review));
        assert_eq!((decided.update_time, decided.accept_time), (at(50), at(0)));
        assert!(decided.version > version);
        version = decided.version;
        assert_eq!(case.comment("c1").await, decided);
    }
    assert_eq!(case.judged("c1").await, [1]);
}

pub(super) async fn a_decision_outranks_the_engine_on_its_revision(case: Case) {
    let draft = || case.draft("c1").revision(2).state(State::Pending);
    assert_eq!(case.record([draft()]).await, [Applied]);
    let decided = case.decide("c1", 2, DecisionKind::Reject).await;
    // The same revision delivered again, and an older one that was late.
    assert_eq!(case.record([draft().state(State::Published)]).await, [Duplicate]);
    case.record([case.draft("c1").revision(1).state(State::Published)]).await;
    assert_eq!(case.comment("c1").await, decided);
}

pub(super) async fn an_edit_after_a_decision_is_judged_anew(case: Case) {
    case.record([case.draft("c1").state(State::Pending)]).await;
    case.decide("c1", 1, DecisionKind::Approve).await;
    assert_eq!(case.record([case.draft("c1").revision(2).state(State::Pending)]).await, [Applied]);
    let edited = case.comment("c1").await;
    assert_eq!((edited.state, edited.decided), (State::Pending, false));
    let decided = case.decide("c1", 2, DecisionKind::Spam).await;
    assert_eq!((decided.state, decided.decided), (State::Spam, true));
}

pub(super) async fn a_decision_about_something_else_is_refused(case: Case) {
    case.record([case.draft("c1"), case.draft("c1").revision(4), case.draft("c2")]).await;
    case.withdraw(&["c2"], at(1)).await;
    let (edited, withdrawn) = (case.comment("c1").await, case.comment("c2").await);

    let refusal = async |id, number| case.refused(&case.decision(id, number, DecisionKind::Spam)).await;
    assert_eq!(refusal("c1", 1).await, DecideRefusal::Stale(revision(4)));
    assert_eq!(refusal("c2", 1).await, DecideRefusal::Withdrawn);
    assert_eq!(refusal("c3", 1).await, DecideRefusal::Unknown);
    // Nobody can have seen a revision that is not there yet.
    assert_eq!(refusal("c1", 5).await, DecideRefusal::Unknown);

    assert_eq!(case.comment("c1").await, edited);
    assert_eq!(case.comment("c2").await, withdrawn);
}

pub(super) async fn concurrent_decisions_are_applied_one_after_the_other(case: Case) {
    case.record([case.draft("c1").state(State::Pending)]).await;
    let mut tasks = JoinSet::new();
    for (kind, _) in KINDS {
        let case = case.clone();
        tasks.spawn(async move { case.decide("c1", 1, kind).await });
    }
    let mut answers = tasks.join_all().await;
    answers.sort_by_key(|comment| comment.version);
    let versions: Vec<i64> = answers.iter().map(|comment| comment.version).collect();
    assert_eq!(versions, [2, 3, 4]);
    assert_eq!(answers.last(), Some(&case.comment("c1").await));
}
