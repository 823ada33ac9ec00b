//! Comments taken back.

use moderato_domain::{DecisionKind, State};

use super::builders::{Case, at, revision, thread};
use crate::Recorded;
use crate::Withdrawn::{Applied, Duplicate, Unknown};

pub(super) async fn a_withdrawn_comment_is_gone_for_readers(case: Case) {
    case.record([case.draft("c1"), case.draft("c2")]).await;
    assert_eq!(case.withdraw(&["c1"], at(4)).await, [Applied]);
    let comment = case.comment("c1").await;
    assert_eq!((comment.state, comment.update_time, comment.version), (State::Withdrawn, at(4), 2));
    let published = case.store.published(&case.site, &thread("post"), None, 10).await.expect("read");
    assert_eq!(published, [case.comment("c2").await]);
    assert_eq!(case.store.count_published(&case.site, &[thread("post")]).await.expect("read"), [1]);
    assert_eq!(case.judged("c1").await, [1]);
}

pub(super) async fn withdrawn_stays_withdrawn_when_a_newer_revision_arrives(case: Case) {
    case.record([case.draft("c1")]).await;
    case.decide("c1", 1, DecisionKind::Approve).await;
    case.withdraw(&["c1"], at(4)).await;
    assert_eq!(case.record([case.draft("c1").revision(2)]).await, [Recorded::Applied]);
    let comment = case.comment("c1").await;
    assert_eq!((comment.state, comment.revision, comment.decided), (State::Withdrawn, revision(2), false));
    assert_eq!(case.withdraw(&["c1"], at(5)).await, [Duplicate]);
}

pub(super) async fn a_batch_tells_applied_from_duplicate_and_unknown(case: Case) {
    case.record([case.draft("c1"), case.draft("c2")]).await;
    case.withdraw(&["c2"], at(1)).await;
    let before = case.comment("c2").await;
    let outcomes = case.withdraw(&["c3", "c1", "c2", "c1", "c3"], at(2)).await;
    assert_eq!(outcomes, [Unknown, Applied, Duplicate, Duplicate, Unknown]);
    assert_eq!(case.comment("c1").await.version, 2);
    assert_eq!(case.comment("c2").await, before);
    // What was unknown is not remembered.
    case.record([case.draft("c3")]).await;
    assert_eq!(case.comment("c3").await.state, State::Published);
}
