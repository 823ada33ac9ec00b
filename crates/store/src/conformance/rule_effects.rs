//! What rule sets did to comments.

use moderato_domain::{
    Action, DecisionKind, Email, Evaluation, Reason, RequestId, RuleSetVersion, Score, State,
};

use super::builders::{Case, Draft, at, evaluation, revision, rule_set};
use crate::{
    CommentPosition, Comparisons, DIFFERENCES_KEPT, RuleDifference, RuleHits, RuleSetDocument,
    RuleStatistics, RuleTally, ShadowDifference, Slot, StatisticsScope,
};

const VERSION: &str = "starter@0123456789ab";

fn reason(rule: &str, score: f64, action: Option<Action>) -> Reason {
    Reason {
        rule: rule.to_owned(),
        category: "spam".to_owned(),
        guideline: None,
        score: Score::new(score),
        action,
        message: "m".to_owned(),
        note: String::new(),
        spans: Vec::new(),
    }
}

fn scope(case: &Case, slot: Slot, decided_since: i64) -> StatisticsScope {
    StatisticsScope { site: Some(case.site.clone()), version: None, slot, decided_since: at(decided_since) }
}

fn hits(case: &Case, slot: Slot, version: &str, rule: &str, hits: i64, minute: i64) -> RuleHits {
    RuleHits {
        site: case.site.clone(),
        slot,
        version: rule_set(version),
        rule: rule.to_owned(),
        hits,
        last_hit: at(minute),
    }
}

pub(super) async fn hits_add_up_by_rule_slot_and_version(case: Case) {
    let store = &case.store;
    store.add_tally(&RuleTally::default()).await.expect("nothing");
    for (number, minute) in [(2, 7), (3, 5)] {
        let tally = RuleTally {
            hits: vec![
                hits(&case, Slot::Active, "a@1", "links", number, minute),
                hits(&case, Slot::Active, "a@2", "links", 10, 1),
                hits(&case, Slot::Shadow, "a@2", "links", 100, minute),
                hits(&case, Slot::Active, "a@1", "caps", 1, minute),
            ],
            ..RuleTally::default()
        };
        store.add_tally(&tally).await.expect("added");
    }
    let line = |rule: &str, hits, minute| RuleStatistics {
        rule: rule.to_owned(),
        hits,
        last_hit: Some(at(minute)),
        decided: 0,
        overturned: 0,
    };
    let all = scope(&case, Slot::Active, 0);
    let expected = [line("caps", 2, 7), line("links", 25, 7)];
    assert_eq!(store.rule_statistics(&all).await.expect("read"), expected);
    let one = StatisticsScope { version: Some(rule_set("a@2")), ..all.clone() };
    assert_eq!(store.rule_statistics(&one).await.expect("read"), [line("links", 20, 1)]);
    let shadow = scope(&case, Slot::Shadow, 0);
    assert_eq!(store.rule_statistics(&shadow).await.expect("read"), [line("links", 200, 7)]);
}

pub(super) async fn overturns_count_the_last_decision_about_each_match(case: Case) {
    let judged = |id: &str, reasons: Vec<Reason>| Draft {
        evaluation: Evaluation { reasons, ..evaluation() },
        ..case.draft(id).state(State::Pending)
    };
    let against = || reason("against", 2.0, None);
    let outright = || reason("outright", 0.0, Some(Action::Review));
    case.record([
        judged("c1", vec![against(), reason("trusted", -1.0, None), reason("note", 0.0, None)]),
        judged("c2", vec![against(), outright()]),
        judged("c3", vec![against(), reason("vouched", 0.0, Some(Action::Allow))]),
        judged("c4", vec![against()]),
    ])
    .await;
    // The human changed their mind about c1: what counts is the approval.
    case.decide("c1", 1, DecisionKind::Spam).await;
    case.decide("c1", 1, DecisionKind::Approve).await;
    case.decide("c2", 1, DecisionKind::Reject).await;
    case.decide("c3", 1, DecisionKind::Spam).await;

    let line = |rule: &str, decided, overturned| RuleStatistics {
        rule: rule.to_owned(),
        hits: 0,
        last_hit: None,
        decided,
        overturned,
    };
    let found = case.store.rule_statistics(&scope(&case, Slot::Active, 50)).await.expect("read");
    let expected =
        [line("against", 3, 1), line("outright", 1, 0), line("trusted", 1, 0), line("vouched", 1, 1)];
    assert_eq!(found, expected);
    let later = case.store.rule_statistics(&scope(&case, Slot::Active, 51)).await.expect("read");
    assert_eq!(later, [], "decisions of before do not count");
    let other = StatisticsScope { version: Some(rule_set("b@1")), ..scope(&case, Slot::Active, 0) };
    assert_eq!(case.store.rule_statistics(&other).await.expect("read"), []);
}

fn difference(case: &Case, version: &RuleSetVersion, id: &str) -> ShadowDifference {
    ShadowDifference {
        comment: case.name(id),
        revision: revision(1),
        version: version.clone(),
        active_version: rule_set(VERSION),
        active: Action::Allow,
        shadow: Action::Reject,
        rules: RuleDifference { only_active: vec!["a".to_owned()], only_shadow: vec!["b".to_owned()] },
        time: at(3),
    }
}

pub(super) async fn differences_of_a_shadow_are_kept_newest_first_and_bounded(case: Case) {
    let shadow = rule_set(&format!("s-{}@1", case.site));
    let report = async |from: u32, to: u32| {
        let tally = RuleTally {
            comparisons: vec![Comparisons {
                site: case.site.clone(),
                version: shadow.clone(),
                compared: 5_000,
                differing: i64::from(to - from),
            }],
            differences: (from..to).map(|n| difference(&case, &shadow, &format!("c{n}"))).collect(),
            ..RuleTally::default()
        };
        case.store.add_tally(&tally).await.expect("added");
    };
    let kept =
        async |limit| case.store.shadow_differences(Some(&case.site), &shadow, limit).await.expect("read");
    report(0, 3).await;
    report(2, 3).await;
    assert_eq!(kept(2).await, [difference(&case, &shadow, "c2"), difference(&case, &shadow, "c1")]);
    report(3, DIFFERENCES_KEPT + 2).await;
    assert_eq!(kept(DIFFERENCES_KEPT * 2).await.len(), DIFFERENCES_KEPT as usize);

    let counts = case.store.comparisons(None, &shadow).await.expect("read");
    assert_eq!((counts.len(), counts[0].compared), (1, 15_000));
    assert_eq!(counts[0].differing, i64::from(DIFFERENCES_KEPT) + 3);
}

pub(super) async fn the_next_shadow_forgets_the_differences_of_the_last(case: Case) {
    let version = |name: &str| rule_set(&format!("{name}-{}@1", case.site));
    for name in ["old", "new"] {
        let document = RuleSetDocument {
            version: version(name),
            document: String::new(),
            guidelines: String::new(),
            create_time: at(0),
        };
        case.store.put_rule_set(&document).await.expect("stored");
        case.store.activate_rule_set(Slot::Shadow, &version(name), at(1)).await.expect("begun");
        let tally =
            RuleTally { differences: vec![difference(&case, &version(name), "c")], ..RuleTally::default() };
        case.store.add_tally(&tally).await.expect("added");
    }
    for (name, kept) in [("old", 0), ("new", 1)] {
        let found = case.store.shadow_differences(None, &version(name), 10).await.expect("read");
        assert_eq!(found.len(), kept, "{name}");
    }
    case.store.end_shadow(at(2)).await.expect("ended");
}

pub(super) async fn judged_comments_come_newest_first_with_what_was_said(case: Case) {
    let mut whole = case.draft("c1").at(1).by(super::builders::author(1));
    whole.evaluation.reasons = vec![reason("links", 2.5, None)];
    whole.comment.author.user_id = Some("u".to_owned());
    whole.comment.author.url = Some("https://ada.example".to_owned());
    whole.comment.language = Some("en".to_owned());
    whole.comment.permalink = Some("https://blog.example/1".to_owned());
    whole.comment.client.user_agent = Some("Browser/1".to_owned());
    whole.comment.client.referrer = Some("https://elsewhere.example".to_owned());
    whole.comment.guidelines_version = Some("g@1".to_owned());
    whole.comment.request_id = Some(RequestId::parse("form-1").expect("an id"));
    whole.comment.author.email = Email::parse("ada@mail.example");
    let mut expected = whole.comment.clone();
    // Its site does not keep addresses, so the store was not given one.
    expected.author.email = None;

    case.record([whole, case.draft("c2").at(2), case.draft("c3").at(3), case.draft("c4").at(4)]).await;
    case.record([case.draft("c2").revision(2).at(5)]).await;
    case.withdraw(&["c3"], at(6)).await;
    case.decide("c1", 1, DecisionKind::Approve).await;
    case.decide("c1", 1, DecisionKind::Spam).await;

    let page = async |after: Option<&CommentPosition>, since: i64, limit| {
        case.store.judged_comments(&case.site, at(since), after, limit).await.expect("read")
    };
    let ids = |page: &[crate::JudgedComment]| -> Vec<String> {
        page.iter().map(|judged| format!("{}/{}", judged.comment.id, judged.comment.revision)).collect()
    };
    let first = page(None, 0, 2).await;
    assert_eq!(ids(&first), ["c2/2", "c4/1"]);
    let last = &first[1].comment;
    let after = CommentPosition { time: last.accept_time, comment: last.id.clone() };
    let second = page(Some(&after), 0, 2).await;
    assert_eq!(ids(&second), ["c1/1"]);
    assert_eq!(ids(&page(None, 4, 9).await), ["c2/2", "c4/1"]);
    assert_eq!(case.store.count_judged(&case.site, at(0)).await.expect("read"), 4);

    assert_eq!(second[0].comment, expected);
    assert_eq!(second[0].decision, Some(DecisionKind::Spam));
    let verdict = case.store.verdict(&case.name("c1"), None).await.expect("read");
    assert_eq!(Some(&second[0].verdict), verdict.as_ref());

    let one = async |id: &str, number| case.store.judged_comment(&case.name(id), number).await.expect("read");
    assert_eq!(one("c1", None).await.as_ref(), Some(&second[0]));
    let older = one("c2", Some(revision(1))).await.expect("kept");
    assert_eq!((older.comment.revision, older.decision), (revision(1), None));
    assert_eq!(older.comment.body, "text of c2");
    assert!(one("c2", Some(revision(3))).await.is_none() && one("c9", None).await.is_none());
}
