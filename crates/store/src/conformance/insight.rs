//! What a lead asks of a site's moderation.

use std::time::Duration;

use moderato_domain::second_look::is_sampled;
use moderato_domain::{Action, Decision, DecisionKind, Evaluation, Reason, Score, State};

use super::builders::{Case, actor, at, evaluation};
use super::redressing::{appeal, reject};
use crate::{
    Agreement, HourOfWork, Period, RuleAppeals, SampleScope, SampledDecision, SecondLook, SecondLooked,
    WaitingTimes, Waits,
};

const MINUTE: Duration = Duration::from_mins(1);
const DAY: i64 = 24 * 60;

fn period(since: i64, until: i64) -> Period {
    Period { since: at(since), until: at(until) }
}

/// A comment that waits since that minute, and a decision about it.
async fn decided(case: &Case, id: &str, since: i64, by: &str, kind: DecisionKind, minute: i64) -> Decision {
    let waiting = case.draft(id).state(State::Pending).action(Action::Review).at(since);
    case.record([waiting]).await;
    again(case, id, by, kind, minute).await
}

async fn again(case: &Case, id: &str, by: &str, kind: DecisionKind, minute: i64) -> Decision {
    let decision = Decision {
        actor: actor(by),
        decide_time: at(minute),
        undo_until: at(minute + 1),
        ..case.decision(id, 1, kind)
    };
    case.apply(&decision).await;
    decision
}

pub(super) async fn work_is_counted_by_hour_and_actor(case: Case) {
    use DecisionKind::{Approve, Escalate, Reject, Spam};
    decided(&case, "c1", 0, "ada", Approve, 10).await;
    decided(&case, "c2", 0, "ada", Spam, 59).await;
    decided(&case, "c3", 0, "ben", Reject, 30).await;
    decided(&case, "c4", 0, "ada", Reject, 60).await;
    decided(&case, "c5", 0, "ada", Escalate, 61).await;
    let undone = decided(&case, "c6", 0, "ada", Reject, 62).await;
    case.store.undo(&case.site, undone.id, &actor("ada"), at(62)).await.expect("undone");
    decided(&case, "c7", 0, "ada", Approve, 120).await;

    let line =
        |hour: i64, by: &str, decisions| HourOfWork { hour: at(hour * 60), actor: actor(by), decisions };
    let work = case.store.work(&case.site, period(0, 120)).await.expect("read");
    assert_eq!(work, [line(0, "ada", 2), line(0, "ben", 1), line(1, "ada", 1)]);
    assert_eq!(case.store.work(&case.site, period(121, 999)).await.expect("read"), []);
}

pub(super) async fn waits_have_percentiles_by_day_and_in_all(case: Case) {
    // On the first day ten comments wait 1 to 10 minutes, on the second day one waits an hour.
    for minutes in 1..=10 {
        let id = format!("c{minutes}");
        decided(&case, &id, 20, "ada", DecisionKind::Approve, 20 + minutes).await;
    }
    decided(&case, "d1", DAY, "ada", DecisionKind::Spam, DAY + 60).await;

    let waits = |decisions, p50: u32, p90: u32| Waits { decisions, p50: MINUTE * p50, p90: MINUTE * p90 };
    let found = case.store.waiting_times(&case.site, period(0, 2 * DAY)).await.expect("read");
    let days = vec![(at(0), waits(10, 5, 9)), (at(DAY), waits(1, 60, 60))];
    assert_eq!(found, WaitingTimes { all: waits(11, 6, 10), days });
    let none = case.store.waiting_times(&case.site, period(5 * DAY, 6 * DAY)).await.expect("read");
    assert_eq!(none, WaitingTimes::default());
}

pub(super) async fn a_decision_is_overturned_when_somebody_else_reverses_it(case: Case) {
    use DecisionKind::{Approve, Reject, Spam};
    decided(&case, "c1", 0, "ada", Approve, 1).await;
    again(&case, "c1", "ben", Reject, 3).await;
    // One's own second thought, another word for the same outcome, and what was taken back overturn
    // nothing.
    decided(&case, "c2", 0, "ada", Approve, 1).await;
    again(&case, "c2", "ada", Reject, 3).await;
    decided(&case, "c3", 0, "ada", Reject, 1).await;
    again(&case, "c3", "ben", Spam, 3).await;
    decided(&case, "c4", 0, "ada", Reject, 1).await;
    let undone = again(&case, "c4", "ben", Approve, 3).await;
    case.store.undo(&case.site, undone.id, &actor("ben"), at(3)).await.expect("undone");

    let records = case.store.actor_records(&case.site, period(0, 60)).await.expect("read");
    let lines: Vec<_> = records
        .iter()
        .map(|record| (record.actor.name.as_str(), record.waits.decisions, record.overturned))
        .collect();
    assert_eq!(lines, [("ada", 5, 1), ("ben", 2, 0)]);
    let (p50, p90) = (records[0].waits.p50, records[0].waits.p90);
    assert!(p50 <= p90 && records.iter().all(|record| (record.appeals, record.upheld) == (0, 0)));
}

fn reason(rule: &str, score: f64) -> Reason {
    Reason {
        rule: rule.to_owned(),
        category: "spam".to_owned(),
        guideline: None,
        score: Score::new(score),
        action: None,
        message: "m".to_owned(),
        note: String::new(),
        spans: Vec::new(),
    }
}

pub(super) async fn answered_appeals_count_for_who_decided_and_for_the_rules(case: Case) {
    for id in ["c1", "c2", "c3"] {
        let mut waiting = case.draft(id).state(State::Pending);
        let reasons = vec![reason("links", 2.0), reason("trusted", -1.0)];
        waiting.evaluation = Evaluation { action: Action::Review, reasons, ..evaluation() };
        case.record([waiting]).await;
        let (_, statement) = reject(&case, id).await;
        appeal(&case, id, &statement).await;
    }
    again(&case, "c1", "ann", DecisionKind::Approve, 80).await;
    again(&case, "c2", "ann", DecisionKind::Reject, 81).await;

    let records = case.store.actor_records(&case.site, period(0, 90)).await.expect("read");
    let lines: Vec<_> = records
        .iter()
        .map(|record| (record.actor.name.as_str(), record.overturned, record.appeals, record.upheld))
        .collect();
    assert_eq!(lines, [("ann", 0, 0, 0), ("mo", 1, 2, 1)]);
    let rules = case.store.rule_appeals(&case.site, period(0, 90)).await.expect("read");
    assert_eq!(rules, [RuleAppeals { rule: "links".to_owned(), appeals: 2, upheld: 1 }]);
    assert_eq!(case.store.rule_appeals(&case.site, period(0, 80)).await.expect("read"), []);
}

fn scope(looker: &str, percent: u8, now: i64) -> SampleScope {
    SampleScope { looker: actor(looker), percent, period: period(0, 60), now: at(now) }
}

pub(super) async fn others_look_again_at_a_sample(case: Case) {
    for number in 0..20 {
        decided(&case, &format!("c{number:02}"), 0, "ada", DecisionKind::Reject, 1 + number).await;
    }
    decided(&case, "mine", 0, "ben", DecisionKind::Reject, 30).await;
    decided(&case, "passed-on", 0, "ada", DecisionKind::Escalate, 30).await;
    let undone = decided(&case, "undone", 0, "ada", DecisionKind::Reject, 31).await;
    case.store.undo(&case.site, undone.id, &actor("ada"), at(31)).await.expect("undone");
    case.withdraw(&["c19"], at(32)).await;
    let sampled = async |looker, percent, now, limit| {
        let scope = scope(looker, percent, now);
        case.store.sampled_decisions(&case.site, &scope, limit).await.expect("read")
    };
    let ids = |found: &[SampledDecision]| -> Vec<String> {
        found.iter().map(|sample| sample.comment.comment.to_string()).collect()
    };

    let all = sampled("ben", 100, 40, 100).await;
    let expected: Vec<String> = (0..19).map(|number| format!("c{number:02}")).collect();
    assert_eq!(ids(&all), expected, "oldest first");
    assert_eq!((all[3].revision.get(), all[3].decide_time), (1, at(4)));
    assert_eq!(sampled("ben", 100, 40, 3).await, all[..3]);
    assert_eq!(ids(&sampled("ada", 100, 40, 100).await), ["mine"]);
    assert_eq!(sampled("ben", 100, 5, 100).await.len(), 4, "what can be undone is left out");
    assert_eq!(sampled("ben", 0, 40, 100).await, []);
    let half = sampled("ben", 50, 40, 100).await;
    let drawn: Vec<_> = all
        .iter()
        .filter(|sample| is_sampled(sample.decision, &sample.comment.comment, 50))
        .cloned()
        .collect();
    assert_eq!(half, drawn);
}

pub(super) async fn a_second_look_counts_once_and_changes_nothing(case: Case) {
    let mut waiting = case.draft("c1").state(State::Pending);
    waiting.evaluation =
        Evaluation { action: Action::Review, reasons: vec![reason("links", 2.0)], ..evaluation() };
    case.record([waiting]).await;
    let first = again(&case, "c1", "ada", DecisionKind::Reject, 1).await;
    let plain = decided(&case, "c2", 0, "ada", DecisionKind::Approve, 2).await;
    let before = case.comment("c1").await;

    let look = async |decision: &Decision, id: &str, by: &str, kind| {
        let comment = case.name(id);
        let look = SecondLook { decision: decision.id, comment, actor: actor(by), kind, time: at(9) };
        case.store.look_again(&look).await.expect("kept")
    };
    assert_eq!(look(&first, "c1", "ada", DecisionKind::Reject).await, SecondLooked::Unknown, "one's own");
    assert_eq!(look(&first, "c2", "ben", DecisionKind::Reject).await, SecondLooked::Unknown);
    let counted = SecondLooked::Counted(DecisionKind::Reject);
    assert_eq!(look(&first, "c1", "ben", DecisionKind::Spam).await, counted);
    assert_eq!(look(&first, "c1", "ben", DecisionKind::Approve).await, counted, "a repeated request");
    assert_eq!(look(&first, "c1", "cyd", DecisionKind::Approve).await, SecondLooked::Taken);
    look(&plain, "c2", "ben", DecisionKind::Approve).await;

    assert_eq!(case.comment("c1").await, before);
    let log = case.store.audit_entries(Some(&case.site), 0, 20).await.expect("read");
    let looks = log.iter().filter(|record| record.entry.action == "decision.looked_at_again");
    let looks: Vec<_> = looks.map(|record| (record.entry.actor.clone(), record.entry.time)).collect();
    assert_eq!(looks, [(actor("ben"), at(9)), (actor("ben"), at(9))], "what counts stands in the log, once");
    let waiting = case.store.sampled_decisions(&case.site, &scope("cyd", 100, 40), 9).await.expect("read");
    assert_eq!(waiting, [], "each decision is looked at once");
    let line = |category: Option<&str>, first, second| Agreement {
        category: category.map(str::to_owned),
        first,
        second,
        looks: 1,
    };
    let found = case.store.agreement(&case.site, period(0, 60)).await.expect("read");
    let expected = [
        line(None, DecisionKind::Approve, DecisionKind::Approve),
        line(Some("spam"), DecisionKind::Reject, DecisionKind::Spam),
    ];
    assert_eq!(found, expected);
    assert_eq!(case.store.agreement(&case.site, period(0, 9)).await.expect("read"), []);
}
