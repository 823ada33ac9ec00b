//! Statements of reasons, appeals, and mails.

use std::time::Duration;

use moderato_domain::redress::statement::{Rejection, Restricted};
use moderato_domain::{
    Action, AppealStatus, AppealText, CitedSection, Decision, DecisionId, DecisionKind, Ids as _,
    ReviewQueue, Source, State, Statement, SystemIds, Timestamp, Verdict,
};

use super::accounts;
use super::builders::{Case, actor, at, comment_id};
use crate::{
    Appealed, DecideRefusal, Decided, DueEffect, DueRejection, Effect, EventCursor, Mail, MailKind,
    RejectionOutcome, StatedRejection, StatementPosition, UNASKED_COUNTED, UNASKED_PER_DAY, UndoError,
    UrgentItem,
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
        unasked: None,
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

async fn due(case: &Case, now: Timestamp) -> Vec<DueEffect> {
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
    let [effect] = &records[..] else { panic!("one is due: {records:?}") };
    assert_eq!((effect.decision, &effect.comment, effect.attempts), (decision.id, &case.name("c1"), 0));
    let about = async |name| case.store.decision_about(decision.id, &case.name(name)).await.expect("read");
    assert_eq!(about("c1").await.map(|record| record.kind), Some(DecisionKind::Reject));
    assert_eq!(about("c2").await, None);
    // It fails, waits, and stays due.
    case.store.set_effect_aside(effect, at(65)).await.expect("noted");
    assert_eq!(due(&case, at(64)).await, []);
    assert_eq!(due(&case, at(65)).await[0].attempts, 1);

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
        case.store.state_rejections(Some(last.0), &[]).await.expect("noted");
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
    let [(first, c1), (second, c4)] = &found[..] else { unreachable!("two are found") };
    assert_eq!([&c1.comment, &c4.comment], [&case.name("c1"), &case.name("c4")]);
    assert_eq!(case.store.rejections(1).await.expect("read").len(), 1);

    let verdict = verdict(&case, "c1").await;
    let restricted = Restricted { verdict: &verdict, language: None, content_time: at(0) };
    let statement = Statement::of_verdict(restricted, section, at(1));
    let told = |due: &DueRejection, statement: Option<&Statement>| StatedRejection {
        comment: due.comment.clone(),
        revision: due.revision,
        outcome: RejectionOutcome::Told { statement: statement.cloned().map(Box::new), mail: None },
    };
    for _ in 0..2 {
        let done = case.store.state_rejections(Some(*first), &[told(c1, Some(&statement))]).await;
        done.expect("stated");
    }
    assert_eq!(case.store.statement(&case.name("c1")).await.expect("read"), Some(statement));
    assert_eq!(case.store.rejections(10).await.expect("read"), found[1..]);

    // One that cannot be stated does not hold up the log, and is not forgotten.
    let aside = |next| StatedRejection { outcome: RejectionOutcome::SetAside { next }, ..told(c4, None) };
    case.store.state_rejections(Some(*second), &[aside(at(100))]).await.expect("set aside");
    assert_eq!(case.store.rejections(10).await.expect("read"), []);
    let set_aside = async |now| {
        let due = case.store.rejections_set_aside(now, 1_000).await.expect("read");
        due.into_iter().filter(|due| due.comment.site == case.site).collect::<Vec<_>>()
    };
    assert_eq!(set_aside(at(99)).await, []);
    assert_eq!(set_aside(at(100)).await, [DueRejection { attempts: 1, ..c4.clone() }]);
    case.store.state_rejections(None, &[aside(at(200))]).await.expect("set aside again");
    assert_eq!(set_aside(at(199)).await, []);
    assert_eq!(set_aside(at(200)).await, [DueRejection { attempts: 2, ..c4.clone() }]);
    case.store.state_rejections(None, &[told(c4, None)]).await.expect("stated");
    assert_eq!(set_aside(at(1_000)).await, []);

    // A process that was slow does not turn it back.
    case.store.state_rejections(Some(EventCursor::default()), &[]).await.expect("noted");
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

pub(super) async fn an_address_that_anybody_typed_gets_few_mails_a_day(case: Case) {
    let recipient = |number: u8| {
        let mut hash = [number; 32];
        hash[..16].copy_from_slice(SystemIds.time_ordered().as_bytes());
        Some(hash)
    };
    let (ada, bob) = (recipient(1), recipient(2));
    let unasked = |due, unasked| Mail { unasked, ..mail(&case, due) };
    let taken = async |now| {
        let taken = case.store.take_mails(now, LEASE, 1_000).await.expect("taken");
        let ours = taken.into_iter().filter(|taken| taken.mail.site.as_ref() == Some(&case.site));
        ours.map(|taken| taken.mail).collect::<Vec<_>>()
    };
    let day = |minute| at(minute).plus(UNASKED_COUNTED);
    let bombs: Vec<Mail> = (0..UNASKED_PER_DAY + 3).map(|_| unasked(at(1), ada)).collect();
    // Some at once, the others one by one; from whichever method they come.
    case.store.post(&bombs[..2]).await.expect("posted");
    for bomb in &bombs[2..] {
        let outcome = RejectionOutcome::Told { statement: None, mail: Some(bomb.clone()) };
        let revision = moderato_domain::Revision::FIRST;
        let stated = StatedRejection { comment: case.name("c1"), revision, outcome };
        case.store.state_rejections(None, &[stated]).await.expect("stated");
    }
    let others = [unasked(at(1), bob), mail(&case, at(1)), mail(&case, at(1))];
    case.store.post(&others).await.expect("posted");
    let first = taken(at(2)).await;
    let sent_to = |mails: &[Mail], hash| mails.iter().filter(|mail| mail.unasked == hash).count();
    assert_eq!(sent_to(&first, ada), UNASKED_PER_DAY as usize);
    assert_eq!((sent_to(&first, bob), sent_to(&first, None)), (1, 2), "others are not concerned");
    for mail in &first {
        case.store.mail_sent(mail.id, at(3)).await.expect("noted");
    }
    // What was too many is not sent later, and the next day begins anew.
    case.store.post(&bombs).await.expect("posted");
    case.store.post(&[unasked(day(1).minus(Duration::from_millis(1)), ada)]).await.expect("posted");
    assert_eq!(taken(day(1)).await, []);
    let next = unasked(day(1), ada);
    case.store.post(std::slice::from_ref(&next)).await.expect("posted");
    assert_eq!(taken(day(2)).await, std::slice::from_ref(&next));
    case.store.mail_sent(next.id, day(2)).await.expect("noted");

    // Of many at once no more go through.
    let crowd = recipient(3);
    let posts = (0..12).map(|_| {
        let (store, mail) = (std::sync::Arc::clone(&case.store), unasked(at(1), crowd));
        tokio::spawn(async move { store.post(&[mail]).await.expect("posted") })
    });
    for post in posts.collect::<Vec<_>>() {
        post.await.expect("no panic");
    }
    assert_eq!(taken(day(2)).await.len(), UNASKED_PER_DAY as usize);
}

pub(super) async fn a_person_is_told_of_an_urgent_item_once(case: Case) {
    let ann = accounts::added(&case, "Ann").await;
    let bob = accounts::added(&case, "Bob").await;
    for id in ["c1", "c2", "c3"] {
        case.record([case.draft(id).state(State::Pending).action(Action::Review)]).await;
    }
    let untold = async |user| {
        let items = case.store.urgent_items(&case.site, user, 10).await.expect("read");
        items.into_iter().map(|item| item.comment.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(untold(None).await, [] as [&str; 0], "nothing is urgent");
    for id in ["c1", "c2"] {
        case.apply(&case.decision(id, 1, DecisionKind::Escalate)).await;
    }
    assert_eq!(untold(Some(ann)).await, ["c1", "c2"]);
    assert_eq!(case.store.urgent_items(&case.site, Some(ann), 1).await.expect("read").len(), 1);

    let items = case.store.urgent_items(&case.site, Some(ann), 10).await.expect("read");
    let tell = async |items: &[UrgentItem], mail: &Mail| {
        case.store.tell_urgent(ann, &case.site, items, mail).await.expect("answered")
    };
    let first = mail(&case, at(70));
    assert!(tell(&items[..1], &first).await);
    assert_eq!((untold(Some(ann)).await, untold(Some(bob)).await.len()), (vec!["c2".to_owned()], 2));
    // Another process that had read both.
    assert!(!tell(&items, &mail(&case, at(70))).await);
    assert_eq!(untold(Some(ann)).await, ["c2"], "nothing of it was done");
    let second = mail(&case, at(75));
    assert!(tell(&items[1..], &second).await);
    assert_eq!(untold(Some(ann)).await, [] as [&str; 0]);
    assert_eq!(untold(None).await, ["c1", "c2"], "they wait as before");
    let mails = async |user, since| case.store.urgent_mails(user, since).await.expect("read");
    assert_eq!((mails(ann, at(0)).await, mails(ann, at(71)).await, mails(bob, at(0)).await), (2, 1, 0));

    let taken = case.store.take_mails(at(80), LEASE, 1_000).await.expect("taken");
    let ours = taken.iter().filter(|taken| taken.mail.site.as_ref() == Some(&case.site));
    assert_eq!(ours.map(|taken| &taken.mail).collect::<Vec<_>>(), [&first, &second]);
    for mail in [first, second] {
        case.store.mail_sent(mail.id, at(81)).await.expect("noted");
    }
}
