//! Statements of reasons, appeals, and mails.

use std::time::Duration;

use moderato_domain::redress::statement::{Rejection, Restricted};
use moderato_domain::{
    Action, AppealStatus, AppealText, CitedSection, Decision, DecisionId, DecisionKind, Ids as _,
    ReviewQueue, Source, State, Statement, SystemIds, Timestamp, Verdict,
};

use super::builders::{Case, actor, at, comment_id};
use crate::{
    Appealed, DecideRefusal, Decided, DecisionRecord, Effect, EventCursor, Mail, MailKind, StatementPosition,
    UndoError,
};

/// Longer than any case takes.
const LEASE: Duration = Duration::from_hours(1);

fn section(id: &str) -> Option<CitedSection> {
    (id == "civility").then(|| CitedSection {
        id: id.to_owned(),
        title: "Be civil".to_owned(),
        text: "Please.".to_owned(),
    })
}

async fn verdict(case: &Case, id: &str) -> Verdict {
    case.store.verdict(&case.name(id), None).await.expect("read").expect("there is one")
}

/// What its author is told about a rejection, at that minute.
async fn stated(case: &Case, id: &str, decision: &Decision, minute: i64) -> Statement {
    let rejection = Rejection {
        decision: decision.id,
        guideline: decision.guideline.as_deref(),
        message: Some("please rephrase"),
        time: decision.decide_time,
        source: Source::Report,
    };
    let verdict = verdict(case, id).await;
    let restricted = Restricted { verdict: &verdict, language: Some("de"), content_time: at(0) };
    Statement::of_rejection(restricted, rejection, section, at(minute))
}

fn mail(case: &Case, due: Timestamp) -> Mail {
    Mail {
        id: SystemIds.time_ordered(),
        kind: MailKind::Statement,
        site: Some(case.site.clone()),
        recipient: "ada@example.org".to_owned(),
        subject: "Your comment".to_owned(),
        body: "Line\n.\nLine".to_owned(),
        due,
    }
}

/// A rejected comment whose author was told why.
async fn rejected(case: &Case, id: &str) -> (Decision, Statement) {
    case.record([case.draft(id).state(State::Pending).action(Action::Review)]).await;
    reject(case, id).await
}

/// Rejects a comment and tells its author why.
pub(super) async fn reject(case: &Case, id: &str) -> (Decision, Statement) {
    let decision = case.decision(id, 1, DecisionKind::Reject);
    case.apply(&decision).await;
    let statement = stated(case, id, &decision, 61).await;
    let effect = Effect {
        decision: decision.id,
        comment: case.name(id),
        statement: Some(statement.clone()),
        mails: Vec::new(),
    };
    case.store.carry_out(&[effect], at(61)).await.expect("carried out");
    (decision, statement)
}

async fn due(case: &Case, now: Timestamp) -> Vec<DecisionRecord> {
    let due = case.store.due_effects(now, 10_000).await.expect("read");
    due.into_iter().filter(|decision| decision.comment.site == case.site).collect()
}

pub(super) async fn appeal(case: &Case, id: &str, statement: &Statement) -> Appealed {
    let text = AppealText::parse("It was a joke.").expect("words");
    case.store.file_appeal(&statement.puid, &case.name(id), &text, at(70)).await.expect("filed")
}

async fn queue(case: &Case, id: &str) -> Option<ReviewQueue> {
    case.store.queue_items(&case.site, &[comment_id(id)], at(100)).await.expect("read").remove(0).queue
}

fn by(case: &Case, name: &str, kind: DecisionKind) -> Decision {
    Decision { actor: actor(name), decide_time: at(80), undo_until: at(90), ..case.decision("c1", 1, kind) }
}

pub(super) async fn effects_wait_for_the_time_to_undo_and_happen_once(case: Case) {
    case.record([case.draft("c1"), case.draft("c2")]).await;
    let decision = case.decision("c1", 1, DecisionKind::Reject);
    case.apply(&decision).await;
    let undone = case.decision("c2", 1, DecisionKind::Reject);
    case.apply(&undone).await;
    assert_eq!(due(&case, at(60)).await, [], "it can be undone up to then");
    case.store.undo(&case.site, undone.id, &actor("mo"), at(55)).await.expect("undone");
    let records = due(&case, at(61)).await;
    assert_eq!(records.iter().map(|record| record.id).collect::<Vec<_>>(), [decision.id]);

    let statement = stated(&case, "c1", &decision, 60).await;
    let mail = mail(&case, at(60));
    let effect = |decision: DecisionId, id: &str, statement: Option<&Statement>, mails: &[&Mail]| Effect {
        decision,
        comment: case.name(id),
        statement: statement.cloned(),
        mails: mails.iter().map(|mail| (*mail).clone()).collect(),
    };
    let carried = [effect(decision.id, "c1", Some(&statement), &[&mail])];
    case.store.carry_out(&carried, at(61)).await.expect("carried out");
    assert_eq!(due(&case, at(100)).await, []);
    // By a clock that is slow it could still be undone.
    let late = case.store.undo(&case.site, decision.id, &actor("mo"), at(59)).await;
    assert!(matches!(late, Err(UndoError::TooLate(_))), "{late:?}");
    assert_eq!(case.store.statement(&case.name("c1")).await.expect("read"), Some(statement.clone()));

    // Another process that had read the same decision, and one that had read the undone one.
    let other = Mail { id: SystemIds.time_ordered(), ..mail.clone() };
    let late = Statement { facts: "late".to_owned(), ..statement.clone() };
    let about_undone = Statement { comment: case.name("c2"), ..stated(&case, "c2", &undone, 60).await };
    let again = [
        effect(decision.id, "c1", Some(&late), &[&other]),
        effect(undone.id, "c2", Some(&about_undone), &[&other]),
    ];
    case.store.carry_out(&again, at(62)).await.expect("nothing to do");
    assert_eq!(case.store.statement(&case.name("c1")).await.expect("read"), Some(statement));
    assert_eq!(case.store.statement(&case.name("c2")).await.expect("read"), None);
    let taken = case.store.take_mails(at(61), LEASE, 1_000).await.expect("taken");
    let taken: Vec<_> =
        taken.into_iter().filter(|taken| taken.mail.site.as_ref() == Some(&case.site)).collect();
    assert_eq!(taken.iter().map(|taken| &taken.mail).collect::<Vec<_>>(), [&mail]);
    case.store.mail_sent(mail.id, at(62)).await.expect("noted");
}

pub(super) async fn rejections_by_the_engine_are_found_in_order_and_stated_once(case: Case) {
    // What other cases left behind.
    loop {
        let before = case.store.rejections(1_000).await.expect("read");
        let Some(last) = before.last() else { break };
        case.store.state_rejections(last.cursor, &[], &[]).await.expect("noted");
    }
    let draft = |id: &str, state| case.draft(id).state(state).action(Action::Reject);
    case.record([draft("c1", State::Rejected)]).await;
    case.record([draft("c2", State::Spam), case.draft("c3")]).await;
    case.record([draft("c4", State::Rejected)]).await;
    // As soon as nothing earlier can still be committed.
    let found = async {
        loop {
            let found = case.store.rejections(10).await.expect("read");
            if found.len() == 2 {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let found = tokio::time::timeout(Duration::from_secs(10), found).await.expect("both are found");
    assert_eq!([&found[0].comment, &found[1].comment], [&case.name("c1"), &case.name("c4")]);
    assert_eq!(case.store.rejections(1).await.expect("read").len(), 1);

    let verdict = verdict(&case, "c1").await;
    let restricted = Restricted { verdict: &verdict, language: None, content_time: at(0) };
    let statement = Statement::of_verdict(restricted, section, at(1));
    for _ in 0..2 {
        let done = case.store.state_rejections(found[0].cursor, std::slice::from_ref(&statement), &[]).await;
        done.expect("stated");
    }
    assert_eq!(case.store.statement(&case.name("c1")).await.expect("read"), Some(statement));
    assert_eq!(case.store.rejections(10).await.expect("read"), found[1..]);
    case.store.state_rejections(found[1].cursor, &[], &[]).await.expect("noted");
    // A process that was slow does not turn it back.
    case.store.state_rejections(EventCursor::default(), &[], &[]).await.expect("noted");
    assert_eq!(case.store.rejections(10).await.expect("read"), []);
}

pub(super) async fn statements_are_listed_oldest_first_in_pages(case: Case) {
    let mut expected = Vec::new();
    for (id, minute) in [("c1", 61), ("c2", 61), ("c3", 62), ("c4", 70)] {
        case.record([case.draft(id)]).await;
        let decision = case.decision(id, 1, DecisionKind::Reject);
        case.apply(&decision).await;
        let statement = stated(&case, id, &decision, minute).await;
        let effect = Effect {
            decision: decision.id,
            comment: case.name(id),
            statement: Some(statement.clone()),
            mails: Vec::new(),
        };
        case.store.carry_out(&[effect], at(minute)).await.expect("carried out");
        expected.push(statement);
    }
    expected.sort_by_key(|statement| (statement.create_time, statement.puid.clone()));
    let page = async |since, until, after: Option<&Statement>, limit| {
        let after = after.map(StatementPosition::from);
        case.store.statements(&case.site, since, until, after.as_ref(), limit).await.expect("read")
    };
    assert_eq!(page(at(0), at(1_000), None, 10).await, expected);
    assert_eq!(page(at(0), at(1_000), Some(&expected[0]), 2).await, expected[1..3]);
    assert_eq!(page(at(62), at(70), None, 10).await, expected[2..3]);
}

pub(super) async fn an_appeal_reaches_somebody_else_and_can_bring_the_comment_back(case: Case) {
    let (decision, statement) = rejected(&case, "c1").await;
    assert_eq!(queue(&case, "c1").await, None);
    assert_eq!(appeal(&case, "c1", &statement).await, Appealed::Filed);
    assert_eq!(appeal(&case, "c1", &statement).await, Appealed::Repeated);
    assert_eq!(queue(&case, "c1").await, Some(ReviewQueue::Appeals));
    let filed = case.store.appeal(&case.name("c1")).await.expect("read").expect("there is one");
    assert_eq!((filed.appeal.status, filed.appeal.text.as_str()), (AppealStatus::Open, "It was a joke."));
    assert_eq!(filed.statement, statement);
    assert_eq!(
        filed.original.map(|original| (original.id, original.actor)),
        Some((decision.id, actor("mo")))
    );

    // Whoever decided may pass it on, and not answer it.
    for kind in [DecisionKind::Approve, DecisionKind::Reject] {
        assert_eq!(case.refused(&by(&case, "mo", kind)).await, DecideRefusal::OwnDecision);
    }
    case.apply(&by(&case, "mo", DecisionKind::Escalate)).await;
    assert_eq!(queue(&case, "c1").await, Some(ReviewQueue::Escalated));

    let answer = by(&case, "ann", DecisionKind::Approve);
    assert!(
        matches!(&case.apply(&answer).await[..], [Decided::Applied { comment, .. }] if comment.state == State::Published)
    );
    let answered = case.store.appeal(&case.name("c1")).await.expect("read").expect("there is one").appeal;
    assert_eq!((answered.status, answered.resolution), (AppealStatus::Upheld, Some(answer.id)));
    assert_eq!(answered.resolve_time, Some(at(80)));
    assert_eq!(appeal(&case, "c1", &statement).await, Appealed::Answered);

    // Undone, it is open again, and only for somebody else.
    case.store.undo(&case.site, answer.id, &actor("ann"), at(85)).await.expect("undone");
    let again = case.store.appeal(&case.name("c1")).await.expect("read").expect("there is one").appeal;
    assert_eq!((again.status, again.resolution), (AppealStatus::Open, None));
    assert_eq!(case.comment("c1").await.state, State::Rejected);
    assert_eq!(case.refused(&by(&case, "mo", DecisionKind::Approve)).await, DecideRefusal::OwnDecision);
    case.apply(&by(&case, "ann", DecisionKind::Reject)).await;
    let stands = case.store.appeal(&case.name("c1")).await.expect("read").expect("there is one").appeal;
    assert_eq!(stands.status, AppealStatus::Rejected);
    assert_eq!(queue(&case, "c1").await, None);
}

pub(super) async fn an_appeal_is_about_a_restriction_in_force(case: Case) {
    let (_, statement) = rejected(&case, "c1").await;
    assert_eq!(appeal(&case, "c2", &statement).await, Appealed::Unknown);
    let (_, other) = rejected(&case, "c2").await;
    assert_eq!(appeal(&case, "c1", &other).await, Appealed::Unknown);
    case.apply(&by(&case, "ann", DecisionKind::Approve)).await;
    assert_eq!(appeal(&case, "c1", &statement).await, Appealed::Moot);
    case.record([case.draft("c2").revision(2).state(State::Rejected)]).await;
    assert_eq!(appeal(&case, "c2", &other).await, Appealed::Moot);
    assert_eq!(case.store.appeal(&case.name("c1")).await.expect("read"), None);
}

pub(super) async fn a_mail_is_taken_by_one_until_it_is_sent_or_given_up(case: Case) {
    let (first, second) = (mail(&case, at(1)), mail(&case, at(2)));
    for _ in 0..2 {
        case.store.post(&[second.clone(), first.clone()]).await.expect("posted");
    }
    let take = async |now| {
        let taken = case.store.take_mails(now, LEASE, 1_000).await.expect("taken");
        taken
            .into_iter()
            .filter(|taken| taken.mail.site.as_ref() == Some(&case.site))
            .map(|taken| (taken.mail, taken.attempt))
            .collect::<Vec<_>>()
    };
    assert_eq!(take(at(0)).await, []);
    assert_eq!(take(at(2)).await, [(first.clone(), 1), (second.clone(), 1)]);
    assert_eq!(take(at(3)).await, [], "somebody has them");

    case.store.mail_sent(first.id, at(3)).await.expect("noted");
    case.store.mail_failed(second.id, "451", Some(at(10))).await.expect("noted");
    // Too late: it was sent.
    case.store.mail_failed(first.id, "timeout", Some(at(4))).await.expect("noted");
    case.store.post(std::slice::from_ref(&first)).await.expect("posted");
    assert_eq!(take(at(9)).await, []);
    assert_eq!(take(at(10)).await, [(second.clone(), 2)]);
    // Its taker died: the lease runs out.
    assert_eq!(take(at(71)).await, [(second.clone(), 3)]);
    case.store.mail_failed(second.id, "550", None).await.expect("noted");
    assert_eq!(take(at(10_000)).await, []);
}
