//! Humans' decisions: one by one, in bulk, undone, listed.

use std::time::Duration;

use moderato_domain::{Action, CommentId, Decision, DecisionKind, Reason, State, Target};
use tokio::task::JoinSet;

use super::builders::{Case, actor, at, author, comment_id, revision};
use super::reviewing::flagged;
use crate::Recorded::{Applied, Duplicate};
use crate::{DecideError, DecideRefusal, Decided, DecisionFilter, DecisionPosition, UndoError};

const KINDS: [(DecisionKind, State); 3] = [
    (DecisionKind::Approve, State::Published),
    (DecisionKind::Reject, State::Rejected),
    (DecisionKind::Spam, State::Spam),
];

impl Case {
    /// As [`decision`](Self::decision), about many.
    fn bulk(&self, ids: &[&str], kind: DecisionKind) -> Decision {
        let mut decision = self.decision("none", 1, kind);
        let target = |id: &&str| Target { comment: comment_id(id), revision: revision(1), version: None };
        decision.targets = ids.iter().map(target).collect();
        decision
    }

    async fn undo(&self, decision: &Decision, minute: i64) -> Result<usize, UndoError> {
        let undone = self.store.undo(&self.site, decision.id, &actor("mo"), at(minute)).await?;
        Ok(undone.len())
    }
}

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

pub(super) async fn a_bulk_decision_applies_what_it_can_once(case: Case) {
    case.record([flagged(&case, "c1", 1, "x"), flagged(&case, "c2", 2, "x"), flagged(&case, "c3", 3, "x")])
        .await;
    case.withdraw(&["c3"], at(4)).await;
    let decision = case.bulk(&["c2", "c3", "nobody", "c1", "c2"], DecisionKind::Spam);
    let first = case.apply(&decision).await;
    let state = |decided: &Decided| match decided {
        Decided::Applied { comment, .. } => Ok((comment.name.comment.as_str().to_owned(), comment.state)),
        Decided::Refused(refusal) => Err(refusal.clone()),
    };
    let told: Vec<_> = first.iter().map(state).collect();
    let spam = |id: &str| Ok((id.to_owned(), State::Spam));
    let refused = [Err(DecideRefusal::Withdrawn), Err(DecideRefusal::Unknown)];
    let [withdrawn, unknown] = refused;
    assert_eq!(told, [spam("c2"), withdrawn, unknown, spam("c1"), spam("c2")]);
    // Sent twice, and answered the same.
    assert_eq!(case.apply(&decision).await, first);
    assert_eq!(case.comment("c1").await.version, 2);
    let kept = case.store.decisions(&case.site, &DecisionFilter::default(), None, 10).await.expect("read");
    assert_eq!(kept.len(), 2);
    assert_eq!(kept[0].waited, Duration::from_mins(48), "c2, since minute 2");
    // The id stands for this decision alone.
    let other = Decision { kind: DecisionKind::Approve, ..decision.clone() };
    assert!(matches!(case.store.decide(&other).await, Err(DecideError::IdTaken)));
    assert!(matches!(case.store.foresee(&other).await, Err(DecideError::IdTaken)));
    // A repetition is told what is kept, not what it asks for.
    let late = Decision { undo_until: at(90), ..decision };
    for decided in case.apply(&late).await {
        let Decided::Applied { record, .. } = decided else { continue };
        assert_eq!(record.undo_until, at(60));
    }
    assert_eq!(case.waiting().await, []);
}

pub(super) async fn a_decision_about_what_changed_meanwhile_is_refused(case: Case) {
    case.record([flagged(&case, "c1", 1, "x"), flagged(&case, "c2", 2, "x")]).await;
    let at_version = |id: &str, version| {
        let mut decision = case.decision(id, 1, DecisionKind::Reject);
        decision.targets[0].version = Some(version);
        decision
    };
    let first = at_version("c1", 1);
    case.apply(&first).await;
    match case.refused(&at_version("c1", 1)).await {
        DecideRefusal::AlreadyDecided { by } => assert_eq!((by.id, by.actor.id), (first.id, actor("mo").id)),
        other => panic!("{other}"),
    }
    // Escalating settles nothing.
    case.decide("c2", 1, DecisionKind::Escalate).await;
    assert_eq!(case.refused(&at_version("c2", 1)).await, DecideRefusal::Changed);
    assert!(matches!(case.apply(&at_version("c2", 2)).await[0], Decided::Applied { .. }));
    // Whoever names no version decides about the revision, whatever happened.
    case.decide("c1", 1, DecisionKind::Approve).await;
}

pub(super) async fn an_id_stands_for_one_decision_also_of_two_at_once(case: Case) {
    const PAIRS: usize = 12;
    let id = |number: usize| format!("c{number:02}");
    case.record((0..2 * PAIRS).map(|number| flagged(&case, &id(number), number as i64, "x"))).await;
    for pair in 0..PAIRS {
        let [mut one, mut other] = [2 * pair, 2 * pair + 1].map(|number| {
            let mut decision = case.decision(&id(number), 1, DecisionKind::Approve);
            decision.actor = actor("ann");
            decision
        });
        other.id = one.id;
        (one.note, other.note) = (Some("one".into()), Some("other".into()));
        let (one, other) = tokio::join!(case.store.decide(&one), case.store.decide(&other));
        assert_eq!(usize::from(one.is_ok()) + usize::from(other.is_ok()), 1, "{one:?} {other:?}");
    }
}

pub(super) async fn what_a_decision_comes_to_can_be_foreseen(case: Case) {
    let ids = ["applied", "edited", "gone", "decided", "claimed", "nobody"];
    case.record(ids[..5].iter().map(|id| flagged(&case, id, 1, "x"))).await;
    case.record([flagged(&case, "edited", 2, "x").revision(2)]).await;
    case.withdraw(&["gone"], at(3)).await;
    case.decide("decided", 1, DecisionKind::Spam).await;
    case.store
        .claim(&case.site, &[comment_id("claimed")], &actor("ann"), false, at(49))
        .await
        .expect("claimed");
    let mut decision = case.bulk(&ids, DecisionKind::Approve);
    decision.targets[3].version = Some(1);
    let before = case.waiting().await;
    let foreseen = case.store.foresee(&decision).await.expect("read");
    assert_eq!(case.waiting().await, before, "nothing changed");
    let kept = case.store.decision(&case.site, decision.id).await.expect("read");
    assert_eq!(kept, [], "nothing is kept");

    let decided = case.apply(&decision).await;
    for (foreseen, decided) in foreseen.iter().zip(&decided) {
        match (foreseen, decided) {
            (Decided::Applied { record: foreseen, comment }, Decided::Applied { record, .. }) => {
                assert_eq!((foreseen, comment.version), (record, 1), "as it stands");
            }
            (Decided::Refused(foreseen), Decided::Refused(refused)) => assert_eq!(foreseen, refused),
            other => panic!("{other:?}"),
        }
    }
    let applied = decided.iter().filter(|decided| matches!(decided, Decided::Applied { .. })).count();
    assert_eq!(applied, 1);
    assert!(matches!(decided[3], Decided::Refused(DecideRefusal::AlreadyDecided { .. })));
    assert!(matches!(decided[4], Decided::Refused(DecideRefusal::Claimed(_))));
    // Asked again, both say that it is done.
    assert_eq!(case.store.foresee(&decision).await.expect("read"), case.apply(&decision).await);
}

pub(super) async fn decisions_are_found_by_id_and_by_comment(case: Case) {
    case.record((1..=4).map(|number| flagged(&case, &format!("c{number}"), number, "x"))).await;
    let bulk = case.bulk(&["c3", "c1", "c2"], DecisionKind::Reject);
    case.apply(&bulk).await;
    let mut later = case.decision("c1", 1, DecisionKind::Approve);
    later.decide_time = at(51);
    case.apply(&later).await;
    let about = |records: &[crate::DecisionRecord]| {
        records.iter().map(|record| record.comment.comment.to_string()).collect::<Vec<_>>()
    };
    let found = case.store.decision(&case.site, bulk.id).await.expect("read");
    assert_eq!(about(&found), ["c1", "c2", "c3"]);
    assert!(found.iter().all(|record| record.id == bulk.id));
    let elsewhere = Case::new(case.store.clone(), 98);
    assert_eq!(elsewhere.store.decision(&elsewhere.site, bulk.id).await.expect("read"), []);

    let newest = async |ids: &[&str]| {
        let ids: Vec<CommentId> = ids.iter().map(|id| comment_id(id)).collect();
        let mut found = case.store.newest_decisions(&case.site, &ids).await.expect("read");
        found.sort_by(|a, b| a.comment.cmp(&b.comment));
        found
    };
    let found = newest(&["c4", "c2", "c1", "nobody"]).await;
    assert_eq!(about(&found), ["c1", "c2"]);
    assert_eq!(found.iter().map(|record| record.id).collect::<Vec<_>>(), [later.id, bulk.id]);
    case.undo(&later, 52).await.expect("undone");
    assert!(newest(&["c1"]).await[0].undone.is_some());
    assert_eq!(newest(&[]).await, []);
}

pub(super) async fn undo_restores_what_was(case: Case) {
    case.record([
        flagged(&case, "c1", 1, "x").by(author(1)),
        case.draft("c2").at(2).by(author(1)),
        flagged(&case, "c3", 3, Reason::CRISIS),
    ])
    .await;
    case.decide("c2", 1, DecisionKind::Escalate).await;
    let look = async || {
        let asked = ["c1", "c2", "c3"].map(comment_id);
        let mut items = case.store.queue_items(&case.site, &asked, at(50)).await.expect("read");
        let authors = case.authors(&[(case.site.clone(), author(1))]).await;
        for item in &mut items {
            (item.comment.version, item.comment.update_time) = (0, at(0));
        }
        (items, authors, case.waiting().await)
    };
    let before = look().await;
    for kind in DecisionKind::ALL {
        let decision = case.bulk(&["c1", "c2", "c3"], kind);
        assert!(case.apply(&decision).await.iter().all(|decided| matches!(decided, Decided::Applied { .. })));
        assert_eq!(case.undo(&decision, 55).await.expect("undone"), 3);
        assert_eq!(look().await, before, "{kind:?}");
        let kept = case.store.standings(Some(&case.name("c0")), 3).await.expect("read");
        assert_eq!(
            kept.iter().map(|kept| kept.comment.comment.as_str()).collect::<Vec<_>>(),
            ["c1", "c2", "c3"]
        );
        assert!(kept.iter().all(|kept| kept.queue == kept.case.queue()), "{kept:?}");
        assert!(matches!(case.undo(&decision, 55).await, Err(UndoError::AlreadyUndone)));
        let kept = case.store.decisions(&case.site, &DecisionFilter::default(), None, 1).await.expect("read");
        let (time, by) = kept[0].undone.clone().expect("undone");
        assert_eq!((time, by), (at(55), actor("mo")));
    }
    // What was taken back stands in nobody's way.
    let mut again = case.decision("c1", 1, DecisionKind::Approve);
    again.targets[0].version = Some(case.comment("c1").await.version);
    assert!(matches!(case.apply(&again).await[0], Decided::Applied { .. }));
}

pub(super) async fn an_undo_is_refused_whole(case: Case) {
    case.record([flagged(&case, "c1", 1, "x"), flagged(&case, "c2", 2, "x"), flagged(&case, "c3", 3, "x")])
        .await;
    let decision = case.bulk(&["c1", "c2", "c3"], DecisionKind::Reject);
    assert!(matches!(case.undo(&decision, 55).await, Err(UndoError::Unknown)));
    case.apply(&decision).await;
    let elsewhere = Case::new(case.store.clone(), 97);
    assert!(matches!(elsewhere.undo(&decision, 55).await, Err(UndoError::Unknown)));
    assert!(matches!(case.undo(&decision, 61).await, Err(UndoError::TooLate(until)) if until == at(60)));

    let later = case.decision("c1", 1, DecisionKind::Approve);
    case.apply(&later).await;
    case.record([flagged(&case, "c2", 4, "x").revision(2)]).await;
    assert!(matches!(case.undo(&decision, 55).await, Err(UndoError::Overtaken(2))));
    assert_eq!(case.comment("c3").await.state, State::Rejected);
    assert_eq!(case.comment("c1").await.state, State::Published);
    // The later one first.
    case.undo(&later, 55).await.expect("undone");
    assert_eq!(case.comment("c1").await.state, State::Rejected);
    case.withdraw(&["c3"], at(56)).await;
    assert!(matches!(case.undo(&decision, 57).await, Err(UndoError::Overtaken(2))));
}

pub(super) async fn of_fifty_who_decide_at_once_one_does(case: Case) {
    const ITEMS: usize = 20;
    let id = |number: usize| format!("c{number:02}");
    case.record((0..ITEMS).map(|number| flagged(&case, &id(number), 1, "x"))).await;
    let mut tasks = JoinSet::new();
    for moderator in 0..50_usize {
        let case = case.clone();
        tasks.spawn(async move {
            let mut applied = 0;
            // Each goes through the items in bulks, in another order.
            for start in 0..4 {
                let kind = if moderator % 2 == 0 { DecisionKind::Approve } else { DecisionKind::Reject };
                let mut decision = case.decision("none", 1, kind);
                decision.actor = actor(&format!("m{moderator}"));
                let targets = (0..5).map(|place| (moderator * 7 + start * 5 + place * 3) % ITEMS);
                decision.targets = targets
                    .map(|number| Target {
                        comment: comment_id(&format!("c{number:02}")),
                        revision: revision(1),
                        version: Some(1),
                    })
                    .collect();
                for decided in case.apply(&decision).await {
                    match decided {
                        Decided::Applied { .. } => applied += 1,
                        Decided::Refused(DecideRefusal::AlreadyDecided { .. }) => {}
                        Decided::Refused(other) => panic!("{other}"),
                    }
                }
            }
            applied
        });
    }
    let applied: usize = tasks.join_all().await.into_iter().sum();
    let kept = case.store.decisions(&case.site, &DecisionFilter::default(), None, 1_000).await.expect("read");
    assert_eq!((applied, kept.len()), (ITEMS, ITEMS), "no item was decided twice");
    for number in 0..ITEMS {
        assert_eq!(case.comment(&id(number)).await.version, 2);
    }
}

pub(super) async fn decisions_are_listed_newest_first_in_pages(case: Case) {
    case.record((1..=6).map(|number| flagged(&case, &format!("c{number}"), number, "x"))).await;
    let mut bulk = case.bulk(&["c1", "c2", "c3"], DecisionKind::Reject);
    (bulk.note, bulk.message) = (Some("again".into()), Some("please be kind".into()));
    case.apply(&bulk).await;
    for id in ["c4", "c5", "c1"] {
        let mut decision = case.decision(id, 1, DecisionKind::Approve);
        (decision.actor, decision.decide_time) = (actor("ann"), at(51));
        case.apply(&decision).await;
    }
    let list = async |filter: DecisionFilter, limit: u32| {
        let (mut ids, mut after) = (Vec::new(), None);
        loop {
            let page = case.store.decisions(&case.site, &filter, after.as_ref(), limit).await.expect("read");
            let Some(last) = page.last() else { return ids };
            after = Some(DecisionPosition {
                time: last.decide_time,
                decision: last.id,
                comment: last.comment.comment.clone(),
            });
            ids.extend(page.iter().map(|record| record.comment.comment.as_str().to_owned()));
        }
    };
    assert_eq!(list(DecisionFilter::default(), 2).await, ["c1", "c5", "c4", "c3", "c2", "c1"]);
    let of_c1 = DecisionFilter { comment: Some(comment_id("c1")), ..DecisionFilter::default() };
    assert_eq!(list(of_c1.clone(), 1).await, ["c1", "c1"]);
    let of_ann = DecisionFilter { actor: Some(actor("ann").id), ..DecisionFilter::default() };
    assert_eq!(list(of_ann, 10).await, ["c1", "c5", "c4"]);
    let first = case.store.decisions(&case.site, &of_c1, None, 10).await.expect("read").remove(1);
    assert_eq!((first.id, first.kind, first.revision), (bulk.id, DecisionKind::Reject, revision(1)));
    assert_eq!((first.note, first.message, first.guideline), (bulk.note, bulk.message, bulk.guideline));
    assert_eq!((first.decide_time, first.undo_until, first.undone), (at(50), at(60), None));
}

pub(super) async fn only_what_stands_counts_for_rules(case: Case) {
    case.record([flagged(&case, "c1", 1, "x")]).await;
    case.decide("c1", 1, DecisionKind::Escalate).await;
    let opinion = async || {
        let judged = case.store.judged_comment(&case.name("c1"), None).await.expect("read");
        judged.expect("it is there").decision
    };
    assert_eq!(opinion().await, None);
    let decision = case.decision("c1", 1, DecisionKind::Approve);
    case.apply(&decision).await;
    assert_eq!(opinion().await, Some(DecisionKind::Approve));
    case.undo(&decision, 51).await.expect("undone");
    assert_eq!(opinion().await, None);
}
