//! Queues, bulk decisions, undo, claims and what moderators see around a comment.

use std::time::Duration;

use moderato_domain::{
    Action, AuditEntry, CommentId, Decision, DecisionKind, Priority, Reason, ReviewQueue, Score, State,
    Target, TextSketch,
};
use tokio::task::JoinSet;

use super::builders::{Case, Draft, actor, at, author, comment_id, revision};
use crate::{
    CLAIM_LEASE, Claimed, DecideError, DecideRefusal, Decided, DecisionFilter, DecisionPosition,
    FILTERS_KEPT, FilterKept, Note, QueueFilter, QueueItem, QueuePosition, Sanction, SanctionPosition,
    SavedFilter, Traces, UndoError,
};

/// Waits as flagged, since that minute, for a reason of this category.
fn flagged(case: &Case, id: &str, minute: i64, category: &str) -> Draft {
    let reason = Reason {
        rule: "r".to_owned(),
        category: category.to_owned(),
        guideline: None,
        score: Score::new(5.0),
        action: Some(Action::Review),
        message: "m".to_owned(),
        note: String::new(),
        spans: Vec::new(),
    };
    let mut draft = case.draft(id).at(minute).state(State::Pending).action(Action::Review);
    draft.evaluation.reasons = vec![reason];
    draft
}

fn of(queue: ReviewQueue) -> QueueFilter {
    QueueFilter { queue: Some(queue), ..QueueFilter::default() }
}

fn item_ids(items: &[QueueItem]) -> Vec<&str> {
    items.iter().map(|item| item.comment.name.comment.as_str()).collect()
}

impl Case {
    async fn page(&self, filter: &QueueFilter, after: Option<&QueuePosition>, limit: u32) -> Vec<QueueItem> {
        self.store.queue_page(&self.site, filter, after, limit, at(50)).await.expect("read")
    }

    async fn waiting(&self) -> Vec<(ReviewQueue, u64)> {
        let counts = self.store.queue_counts(&self.site).await.expect("counted");
        assert_eq!(counts.iter().map(|count| count.queue).collect::<Vec<_>>(), ReviewQueue::ALL);
        for count in &counts {
            assert_eq!(count.oldest.is_some(), count.waiting > 0);
            let listed = self.page(&of(count.queue), None, 1_000).await;
            assert_eq!(listed.len() as u64, count.waiting, "what is counted is listed");
        }
        counts.iter().filter(|count| count.waiting > 0).map(|count| (count.queue, count.waiting)).collect()
    }

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

pub(super) async fn every_comment_waits_in_the_queue_of_its_standing(case: Case) {
    use ReviewQueue::{Escalated, Flagged, Pending, Spam};
    case.record([
        case.draft("pending").state(State::Pending),
        case.draft("published"),
        flagged(&case, "flagged", 1, "civility"),
        flagged(&case, "crisis", 2, Reason::CRISIS).state(State::Published),
        case.draft("spam").state(State::Spam).action(Action::Reject),
        case.draft("rejected").state(State::Rejected).action(Action::Reject),
    ])
    .await;
    assert_eq!(case.waiting().await, [(Escalated, 1), (Flagged, 1), (Pending, 1), (Spam, 1)]);
    let items = case.page(&of(Escalated), None, 10).await;
    assert_eq!((items[0].priority, items[0].category.as_deref()), (Priority::Crisis, Some("crisis")));
    assert_eq!(items[0].wait_since, at(2));
    assert_eq!(items[0].verdict.evaluation.reasons[0].category, "crisis");
    assert_eq!(items[0].comment, case.comment("crisis").await);

    case.withdraw(&["flagged"], at(3)).await;
    case.decide("pending", 1, DecisionKind::Reject).await;
    case.record([case.draft("published").revision(2).state(State::Pending).at(4)]).await;
    assert_eq!(case.waiting().await, [(Escalated, 1), (Pending, 1), (Spam, 1)]);
    case.decide("spam", 1, DecisionKind::Escalate).await;
    case.decide("crisis", 1, DecisionKind::Approve).await;
    assert_eq!(case.waiting().await, [(Escalated, 1), (Pending, 1)]);
    // An edit takes nothing back that a person asked for.
    case.record([case.draft("spam").revision(2).at(60)]).await;
    let items = case.page(&of(Escalated), None, 10).await;
    assert_eq!(item_ids(&items), ["spam"]);
    assert_eq!(items[0].wait_since, at(0), "who waits keeps the place");
    case.decide("published", 2, DecisionKind::Approve).await;
    case.decide("published", 2, DecisionKind::SendBack).await;
    let sent_back = case.page(&of(Pending), None, 10).await;
    assert_eq!(item_ids(&sent_back), ["published"]);
    assert_eq!((sent_back[0].wait_since, sent_back[0].comment.decided), (at(50), false));
}

pub(super) async fn queues_are_ordered_by_priority_then_age_and_stay_stable(case: Case) {
    let drafts = (0..30_i64).map(|number| {
        let category = if number % 3 == 0 { "threat" } else { "civility" };
        // Some wait since the same moment.
        flagged(&case, &format!("c{number:02}"), number / 2, category)
    });
    case.record(drafts).await;
    let everything = case.page(&QueueFilter::default(), None, 100).await;
    let mut expected: Vec<&QueueItem> = everything.iter().collect();
    expected
        .sort_by_key(|item| (std::cmp::Reverse(item.priority), item.wait_since, item.comment.name.clone()));
    assert_eq!(
        item_ids(&everything),
        expected.iter().map(|item| item.comment.name.comment.as_str()).collect::<Vec<_>>()
    );
    assert_eq!(item_ids(&case.page(&of(ReviewQueue::Flagged), None, 100).await), item_ids(&everything));

    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = case.page(&of(ReviewQueue::Flagged), after.as_ref(), 7).await;
        let Some(last) = page.last() else { break };
        after = Some(last.position());
        seen.extend(page.iter().map(|item| item.comment.name.comment.as_str().to_owned()));
        // Others arrive, and one that was seen is decided.
        let number = seen.len();
        case.record([flagged(&case, &format!("n{number:02}"), -5, "threat")]).await;
        case.decide(&seen[0], 1, DecisionKind::Approve).await;
    }
    let old: Vec<&String> = seen.iter().filter(|id| id.starts_with('c')).collect();
    assert_eq!(old.len(), 30, "every item once: {seen:?}");
}

pub(super) async fn filters_narrow_a_queue_and_its_count(case: Case) {
    case.record([
        flagged(&case, "c1", 1, "threat").by(author(1)),
        flagged(&case, "c2", 2, "civility").by(author(1)).thread("other"),
        flagged(&case, "c3", 3, "civility").by(author(2)),
        case.draft("c4").state(State::Pending).by(author(1)).at(4),
    ])
    .await;
    let check = async |filter: QueueFilter, expected: &[&str]| {
        assert_eq!(item_ids(&case.page(&filter, None, 10).await), expected);
        let count = case.store.count_queue(&case.site, &filter).await.expect("counted");
        assert_eq!(count, expected.len() as u64);
    };
    let all = QueueFilter::default;
    check(all(), &["c1", "c2", "c3", "c4"]).await;
    check(QueueFilter { category: Some("civility".into()), ..all() }, &["c2", "c3"]).await;
    check(QueueFilter { author: Some(author(1)), ..all() }, &["c1", "c2", "c4"]).await;
    check(QueueFilter { thread: Some("other".into()), author: Some(author(1)), ..all() }, &["c2"]).await;
    check(QueueFilter { at_least: Some(Priority::High), ..all() }, &["c1"]).await;
    check(QueueFilter { at_least: Some(Priority::Normal), ..of(ReviewQueue::Pending) }, &[]).await;
    let asked = [comment_id("c3"), comment_id("gone"), comment_id("c1")];
    let items = case.store.queue_items(&case.site, &asked, at(50)).await.expect("read");
    assert_eq!(item_ids(&items), ["c3", "c1"]);
    assert_eq!(items[0].author, Some(author(2)));
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

pub(super) async fn a_claim_is_a_lease(case: Case) {
    case.record([flagged(&case, "c1", 1, "x"), flagged(&case, "c2", 2, "x")]).await;
    let ids: Vec<CommentId> = ["c1", "nobody", "c2"].map(comment_id).into();
    let claim = async |who: &str, steal, minute| {
        case.store.claim(&case.site, &ids, &actor(who), steal, at(minute)).await.expect("the store answers")
    };
    let holders = |claimed: &[Claimed]| -> Vec<String> {
        let holder = |claimed: &Claimed| match claimed {
            Claimed::Held(claim) => format!("held by {}", claim.holder.name),
            Claimed::Taken(claim) => format!("taken by {}", claim.holder.name),
            Claimed::Unknown => "unknown".to_owned(),
        };
        claimed.iter().map(holder).collect()
    };
    let held_by = |who: &str| [format!("held by {who}"), "unknown".to_owned(), format!("held by {who}")];
    let first = claim("ann", false, 48).await;
    assert_eq!(holders(&first), held_by("ann"));
    assert_eq!(holders(&claim("bob", false, 49).await)[0], "taken by ann");
    let shown = case.page(&QueueFilter::default(), None, 1).await.remove(0).claim;
    assert_eq!(shown, None, "two minutes are over at minute 50");

    let Claimed::Held(renewed) = claim("ann", false, 49).await.remove(0) else { panic!("it is hers") };
    assert_eq!((renewed.claim_time, renewed.expire_time), (at(48), at(49).plus(CLAIM_LEASE)));
    let shown = case.page(&QueueFilter::default(), None, 1).await.remove(0).claim;
    assert_eq!(shown, Some(renewed.clone()));

    let mut decision = case.decision("c1", 1, DecisionKind::Approve);
    decision.actor = actor("bob");
    assert_eq!(case.refused(&decision).await, DecideRefusal::Claimed(renewed));
    decision.over_claim = true;
    assert!(matches!(case.apply(&decision).await[0], Decided::Applied { .. }));
    assert_eq!(holders(&claim("bob", false, 50).await)[0], "held by bob", "a decision ends the claim");
    assert_eq!(holders(&claim("bob", false, 50).await)[2], "taken by ann");
    assert_eq!(holders(&claim("bob", true, 50).await), held_by("bob"));
    // Somebody else's stay.
    case.store.release(&case.site, &ids, &actor("ann"), at(50)).await.expect("released");
    assert_eq!(holders(&claim("ann", false, 50).await)[2], "taken by bob");
    case.store.release(&case.site, &ids, &actor("bob"), at(50)).await.expect("released");
    assert_eq!(holders(&claim("ann", false, 50).await), held_by("ann"));
    // Nobody heard of her since.
    assert_eq!(holders(&claim("bob", false, 52).await), held_by("bob"));
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

pub(super) async fn a_campaign_is_the_same_text_and_its_variants(case: Case) {
    let text = "i earn five hundred dollars a day from home ask me how on whatsapp";
    let draft = |id: &str, minute: i64, text: &str, sketched: bool| {
        let sketch = TextSketch::of_words(text.split(' ')).filter(|_| sketched);
        let mut draft = flagged(&case, id, minute, "x").body(text);
        draft.traces = Traces { text: sketch, ..Traces::default() };
        draft
    };
    case.record([
        draft("c1", 1, text, true),
        draft("c2", 2, &format!("{text} today"), true),
        draft("c3", 3, text, false),
        draft("c4", 4, "thank you for this post it helped me a lot at home", true),
        draft("c5", 5, text, true).state(State::Rejected).action(Action::Reject),
    ])
    .await;
    let campaign = async |id: &str| {
        let found = case.store.campaign(&case.name(id), 10).await.expect("read");
        super::builders::ids(&found).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(campaign("c1").await, ["c1", "c2", "c3"]);
    assert_eq!(campaign("c3").await, ["c1", "c3"], "no rule had a sketch made of it");
    assert_eq!(campaign("c4").await, ["c4"]);
    assert_eq!(campaign("c5").await, ["c1", "c3", "c5"], "of what does not wait no sketch is kept");
    assert_eq!(campaign("nobody").await, [""; 0]);
    let items = case.page(&QueueFilter::default(), None, 10).await;
    assert_eq!(items.iter().map(|item| item.campaign).collect::<Vec<_>>(), [3, 2, 2, 1]);
    // Variants of a text are found from both sides, and the same ones by either probe once.
    let variants = (0..3).map(|number| draft(&format!("v{number}"), 5, &format!("{text} {number}"), true));
    case.record(variants).await;
    let sizes = case.page(&QueueFilter::default(), None, 10).await;
    let sizes: Vec<u32> = sizes.iter().map(|item| item.campaign).collect();
    let campaigns = async |id| campaign(id).await.len() as u32;
    for (place, id) in ["c1", "c2", "c3", "c4", "v0", "v1", "v2"].into_iter().enumerate() {
        assert_eq!(sizes[place], campaigns(id).await, "{id}");
    }
    case.withdraw(&["v0", "v1", "v2"], at(6)).await;
    case.decide("c1", 1, DecisionKind::Spam).await;
    assert_eq!(campaign("c3").await, ["c3"]);
}

pub(super) async fn a_conversation_is_shown_around_a_comment(case: Case) {
    let reply = |id: &str, to: &str, minute: i64| {
        let mut draft = case.draft(id).at(minute);
        draft.comment.parent = Some(comment_id(to));
        draft
    };
    case.record([
        case.draft("top").at(1),
        case.draft("before").at(0).state(State::Rejected),
        case.draft("after").at(2).state(State::Pending),
        case.draft("elsewhere").at(2).thread("other"),
        reply("a", "top", 3),
        reply("b", "top", 4).state(State::Spam),
        reply("c", "top", 5),
        reply("b1", "b", 6),
        reply("b2", "b", 7).state(State::Pending),
        reply("b11", "b1", 8),
    ])
    .await;
    let around = async |id: &str| {
        let found = case.store.conversation(&case.name(id)).await.expect("read");
        let ids = |comments: &[crate::StoredComment]| super::builders::ids(comments).join(" ");
        (ids(&found.parents), ids(&found.siblings), ids(&found.replies))
    };
    let told = |parents: &str, siblings: &str, replies: &str| {
        (parents.to_owned(), siblings.to_owned(), replies.to_owned())
    };
    assert_eq!(around("top").await, told("", "before after", "a b c"));
    assert_eq!(around("b").await, told("top", "a c", "b1 b2"));
    assert_eq!(around("b11").await, told("top b b1", "", ""));
    assert_eq!(around("nobody").await, told("", "", ""));
    // A circle has no end, and is shown once.
    case.record([reply("x", "y", 9), reply("y", "x", 10)]).await;
    assert_eq!(around("x").await, told("y", "", "y"));
}

pub(super) async fn an_authors_history_is_shown(case: Case) {
    let history =
        async |number| case.store.author_history(&case.site, &author(number), 2, at(50)).await.expect("read");
    let nobody = history(9).await;
    assert_eq!((nobody.comments, nobody.first_seen, nobody.recent.len()), (0, None, 0));
    case.record([
        case.draft("c1").by(author(1)).at(1),
        case.draft("c2").by(author(1)).at(2).state(State::Spam),
        flagged(&case, "c3", 3, "x").by(author(1)),
        case.draft("c4").by(author(2)).at(4),
    ])
    .await;
    let known = history(1).await;
    assert_eq!((known.comments, known.published, known.rejected), (3, 1, 1));
    assert_eq!(known.first_seen, Some(at(1)));
    assert_eq!(super::builders::ids(&known.recent), ["c3", "c2"]);
    assert_eq!(known.sanction, None);
}

pub(super) async fn notes_are_kept_in_order(case: Case) {
    case.record([case.draft("c1")]).await;
    let note = |id: &str, who: &str, text: &str, minute| Note {
        comment: case.name(id),
        actor: actor(who),
        text: text.to_owned(),
        time: at(minute),
    };
    let notes = [note("c1", "ann", "known from last week", 1), note("c1", "bob", "agreed", 2)];
    for note in &notes {
        assert!(case.store.add_note(note).await.expect("added"));
    }
    assert!(!case.store.add_note(&note("c2", "ann", "about nothing", 1)).await.expect("answered"));
    assert_eq!(case.store.notes(&case.name("c1")).await.expect("read"), notes);
    assert_eq!(case.comment("c1").await.version, 1, "a note changes nothing about the comment");
}

pub(super) async fn sanctions_reach_the_directory_and_expire(case: Case) {
    let sanction = |number, until| Sanction {
        author: author(number),
        display_name: "Mallory".to_owned(),
        until,
        reason: "threats, twice".to_owned(),
        actor: actor("mo"),
        time: at(10 + i64::from(number)),
    };
    let in_force = async |minute| case.store.sanctions(&case.site, at(minute), None, 10).await.expect("read");
    let (ban, pause) = (sanction(1, None), sanction(2, Some(at(30))));
    let version = case.store.directory(None).await.expect("read").expect("some").version;
    case.store.put_sanction(&case.site, &ban).await.expect("put");
    case.store.put_sanction(&case.site, &pause).await.expect("put");
    assert_eq!(in_force(20).await, [pause.clone(), ban.clone()]);
    assert_eq!(in_force(30).await, std::slice::from_ref(&ban));
    let third = Sanction { time: pause.time, ..sanction(3, None) };
    case.store.put_sanction(&case.site, &third).await.expect("put");
    let (mut paged, mut after) = (Vec::new(), None);
    loop {
        let page = case.store.sanctions(&case.site, at(20), after.as_ref(), 1).await.expect("read");
        let Some(one) = page.first() else { break };
        after = Some(SanctionPosition::from(one));
        paged.extend(page);
    }
    assert_eq!(paged, [third, pause.clone(), ban.clone()], "two of one moment, too");
    case.store.lift_sanction(&case.site, &author(3), &actor("mo"), at(20)).await.expect("lifted");

    let directory = case.store.directory(Some(version)).await.expect("read").expect("it changed");
    let known = |number: u8, minute| directory.sanction(&case.site, Some(&author(number)), at(minute));
    assert!(known(1, 99).is_some_and(|sanction| sanction.until.is_none()));
    assert!(known(2, 29).is_some_and(|sanction| sanction.until == Some(at(30))));
    assert_eq!((known(2, 30), known(3, 0)), (None, None));
    assert_eq!(directory.sanction(&case.site, None, at(0)), None);

    let longer = Sanction { until: Some(at(90)), ..ban.clone() };
    case.store.put_sanction(&case.site, &longer).await.expect("put");
    let history = case.store.author_history(&case.site, &author(1), 1, at(50)).await.expect("read");
    assert_eq!(history.sanction, Some(longer));
    let lift = async |number, minute| {
        case.store
            .lift_sanction(&case.site, &author(number), &actor("mo"), at(minute))
            .await
            .expect("answered")
    };
    assert!(lift(1, 40).await);
    assert!(!lift(1, 40).await && !lift(2, 40).await, "nothing to lift any more");
    assert_eq!(in_force(20).await.len(), 1);
}

pub(super) async fn filters_are_somebodys_or_everybodys(case: Case) {
    let saved = |id: &str, owner: Option<&str>| SavedFilter {
        id: id.to_owned(),
        name: format!("the {id}"),
        owner: owner.map(str::to_owned),
        maker: Some(actor("mo")),
        filter: QueueFilter {
            category: Some("threat".into()),
            at_least: Some(Priority::High),
            ..of(ReviewQueue::Flagged)
        },
    };
    let list = async |owner: &str| {
        let filters = case.store.filters(&case.site, owner).await.expect("read");
        filters.into_iter().map(|filter| filter.id).collect::<Vec<_>>()
    };
    let entry = |action: &str| AuditEntry {
        site: Some(case.site.clone()),
        actor: actor("mo"),
        action: action.to_owned(),
        subject: "filters".to_owned(),
        details: "{}".to_owned(),
        time: at(1),
    };
    let put = async |filter: &SavedFilter| {
        case.store.put_filter(&case.site, filter, &entry("filter.shared")).await.expect("answered")
    };
    let drop = async |id: &str, owner: &str| {
        case.store.drop_filter(&case.site, id, owner, &entry("filter.dropped")).await.expect("answered")
    };
    for filter in [saved("mine", Some("ann")), saved("ours", None), saved("yours", Some("bob"))] {
        assert_eq!(put(&filter).await, FilterKept::Kept);
    }
    assert_eq!(list("ann").await, ["mine", "ours"]);
    assert_eq!(case.store.filters(&case.site, "ann").await.expect("read")[0], saved("mine", Some("ann")));
    // Another's filter can be neither replaced nor forgotten.
    assert_eq!(put(&saved("mine", Some("bob"))).await, FilterKept::SomebodyElses);
    assert!(!drop("mine", "bob").await);
    assert_eq!((list("ann").await.len(), list("bob").await), (2, vec!["ours".into(), "yours".into()]));
    assert!(drop("mine", "ann").await);
    assert!(drop("ours", "ann").await);
    assert_eq!(list("bob").await, ["yours"]);
    // What concerns all of them is in the log.
    let log = case.store.audit_entries(Some(&case.site), 0, 1_000).await.expect("read");
    let actions: Vec<&str> = log.iter().map(|record| record.entry.action.as_str()).collect();
    assert_eq!(actions, ["filter.shared", "filter.dropped"]);

    // Each has room for some, also of many at once; to replace one takes no more.
    for number in 0..FILTERS_KEPT - 1 {
        assert_eq!(put(&saved(&format!("of-all-{number}"), None)).await, FilterKept::Kept);
    }
    let crowd = (0..4).map(|number| {
        let (store, site) = (std::sync::Arc::clone(&case.store), case.site.clone());
        let (filter, entry) = (saved(&format!("late-{number}"), None), entry("filter.shared"));
        tokio::spawn(async move { store.put_filter(&site, &filter, &entry).await.expect("answered") })
    });
    let mut kept = 0;
    for put in crowd.collect::<Vec<_>>() {
        kept += usize::from(put.await.expect("no panic") == FilterKept::Kept);
    }
    assert_eq!(kept, 1);
    assert_eq!(put(&saved("of-all-0", None)).await, FilterKept::Kept);
    assert_eq!(put(&saved("mine", Some("ann"))).await, FilterKept::Kept, "one's own are counted apart");
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
