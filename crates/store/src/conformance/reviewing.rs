//! Queues, claims and filters.

use moderato_domain::{
    Action, AuditEntry, CommentId, DecisionKind, Priority, Reason, ReviewQueue, Score, State,
};

use super::builders::{Case, Draft, actor, at, author, comment_id};
use crate::{
    CLAIM_LEASE, Claimed, DecideRefusal, Decided, FILTERS_KEPT, FilterKept, QueueFilter, QueueItem,
    QueuePosition, SavedFilter,
};

/// Waits as flagged, since that minute, for a reason of this category.
pub(super) fn flagged(case: &Case, id: &str, minute: i64, category: &str) -> Draft {
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
    pub(super) async fn page(
        &self,
        filter: &QueueFilter,
        after: Option<&QueuePosition>,
        limit: u32,
    ) -> Vec<QueueItem> {
        self.store.queue_page(&self.site, filter, after, limit, at(50)).await.expect("read")
    }

    pub(super) async fn waiting(&self) -> Vec<(ReviewQueue, u64)> {
        let counts = self.store.queue_counts(&self.site).await.expect("counted");
        assert_eq!(counts.iter().map(|count| count.queue).collect::<Vec<_>>(), ReviewQueue::ALL);
        for count in &counts {
            assert_eq!(count.oldest.is_some(), count.waiting > 0);
            let listed = self.page(&of(count.queue), None, 1_000).await;
            assert_eq!(listed.len() as u64, count.waiting, "what is counted is listed");
        }
        counts.iter().filter(|count| count.waiting > 0).map(|count| (count.queue, count.waiting)).collect()
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
