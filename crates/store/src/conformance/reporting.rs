//! Readers' reports.

use moderato_domain::{
    DecisionKind, Notice, Priority, Report, ReportReason, Reporter, RequestId, ReviewQueue, State,
};

use super::builders::{Case, actor, at, comment_id, revision};
use crate::{QueueItem, ReportFold, Reported};

fn report(case: &Case, id: &str, reporter: u8, reason: ReportReason) -> Report {
    Report {
        comment: case.name(id),
        revision: None,
        reporter: Reporter::from_bytes([reporter; 16]),
        reason,
        text: None,
        notice: None,
        request_id: None,
        time: at(10 + i64::from(reporter)),
    }
}

fn notice() -> Notice {
    Notice { name: "Eve".to_owned(), mail: "eve@example.org".to_owned(), legal_reason: "§ 185".to_owned() }
}

async fn file(case: &Case, report: &Report) -> Reported {
    case.store.report(report).await.expect("filed")
}

async fn item(case: &Case, id: &str) -> QueueItem {
    case.store.queue_items(&case.site, &[comment_id(id)], at(100)).await.expect("read").remove(0)
}

async fn folds(case: &Case, id: &str) -> Vec<ReportFold> {
    case.store.reports(&case.name(id)).await.expect("read")
}

pub(super) async fn the_first_report_opens_a_case_and_the_others_join_it(case: Case) {
    case.record([case.draft("c1")]).await;
    let before = case.comment("c1").await;
    let spam = |reporter| report(&case, "c1", reporter, ReportReason::Spam);
    assert_eq!(file(&case, &spam(1)).await, Reported::Opened);
    let opened = item(&case, "c1").await;
    assert_eq!((opened.queue, opened.reports), (Some(ReviewQueue::Reported), 1));
    assert_eq!((opened.priority, opened.wait_since), (Priority::Normal, at(11)));
    assert_eq!(opened.comment.state, State::Published, "readers see it until somebody decides");
    assert!(opened.comment.version > before.version);

    // The same person again, and the same call again.
    assert_eq!(file(&case, &spam(1)).await, Reported::Repeated);
    let request_id = RequestId::parse("r-1").ok();
    let retried = Report { request_id, text: Some("buy".to_owned()), ..spam(2) };
    assert_eq!(file(&case, &retried).await, Reported::Folded);
    assert_eq!(file(&case, &retried).await, Reported::Folded);
    assert_eq!(item(&case, "c1").await.reports, 2);

    let hate = report(&case, "c1", 3, ReportReason::Hate);
    assert_eq!(file(&case, &hate).await, Reported::Folded);
    let crowded = item(&case, "c1").await;
    assert_eq!((crowded.reports, crowded.priority, crowded.wait_since), (3, Priority::High, at(11)));

    let folds = folds(&case, "c1").await;
    let told: Vec<_> = folds.iter().map(|fold| (fold.reason, fold.open, fold.all, fold.newest)).collect();
    assert_eq!(told, [(ReportReason::Spam, 2, 2, at(12)), (ReportReason::Hate, 1, 1, at(13))]);
    assert_eq!(folds[0].texts, ["buy"]);
}

pub(super) async fn a_decision_answers_what_readers_said(case: Case) {
    case.record([case.draft("c1")]).await;
    let spam = |reporter| report(&case, "c1", reporter, ReportReason::Spam);
    file(&case, &spam(1)).await;
    let formal = Report { notice: Some(notice()), ..spam(1) };
    assert_eq!(file(&case, &formal).await, Reported::Folded, "a notice counts beside a plain report");

    let approval = case.decision("c1", 1, DecisionKind::Approve);
    case.apply(&approval).await;
    assert_eq!((item(&case, "c1").await.queue, item(&case, "c1").await.reports), (None, 0));
    assert_eq!(folds(&case, "c1").await[0].open, 0);
    let answered = case.store.answered_notices(&case.name("c1"), approval.id).await.expect("read");
    assert_eq!(answered, [notice()]);

    // The same reason about the same text has its answer; another reason is another question.
    assert_eq!(file(&case, &spam(2)).await, Reported::Answered);
    assert_eq!(item(&case, "c1").await.queue, None);
    assert_eq!(file(&case, &report(&case, "c1", 2, ReportReason::Threat)).await, Reported::Repeated);
    assert_eq!(file(&case, &report(&case, "c1", 3, ReportReason::Threat)).await, Reported::Opened);
    assert_eq!(item(&case, "c1").await.priority, Priority::High);
    // A notice of illegal content is always looked at.
    assert_eq!(file(&case, &Report { notice: Some(notice()), ..spam(4) }).await, Reported::Folded);
    // So is another text.
    case.record([case.draft("c1").revision(2)]).await;
    assert_eq!(item(&case, "c1").await.reports, 2, "an edit does not take reports away");
    assert_eq!(file(&case, &spam(2)).await, Reported::Folded);
}

pub(super) async fn undoing_a_decision_opens_reports_again(case: Case) {
    case.record([case.draft("c1")]).await;
    let spam = |reporter| report(&case, "c1", reporter, ReportReason::Spam);
    file(&case, &spam(1)).await;
    let rejection = case.decision("c1", 1, DecisionKind::Reject);
    case.apply(&rejection).await;
    assert_eq!(file(&case, &spam(2)).await, Reported::Hidden);
    assert_eq!((item(&case, "c1").await.queue, folds(&case, "c1").await[0].open), (None, 0));

    case.store.undo(&case.site, rejection.id, &actor("mo"), at(55)).await.expect("undone");
    let again = item(&case, "c1").await;
    assert_eq!((again.queue, again.reports), (Some(ReviewQueue::Reported), 2));
    assert_eq!(folds(&case, "c1").await[0].open, 2);
}

pub(super) async fn a_report_of_what_nobody_sees_is_filed_or_refused(case: Case) {
    case.record([case.draft("c1").state(State::Spam), case.draft("c2"), case.draft("c3").revision(3)]).await;
    case.withdraw(&["c2"], at(1)).await;
    let outcome = async |id: &str| file(&case, &report(&case, id, 1, ReportReason::Other)).await;
    assert_eq!(outcome("c1").await, Reported::Hidden);
    assert_eq!(folds(&case, "c1").await[0].all, 1);
    assert_eq!(outcome("c2").await, Reported::Withdrawn);
    assert_eq!(outcome("c4").await, Reported::Unknown);
    // Of an older text, and of one that is not here yet.
    for (reporter, number) in [(1, 1), (2, 9)] {
        let revision = Some(revision(number));
        let seen = Report { revision, ..report(&case, "c3", reporter, ReportReason::Hate) };
        assert!(matches!(file(&case, &seen).await, Reported::Opened | Reported::Folded));
    }
    assert_eq!(item(&case, "c3").await.reports, 2);
}

pub(super) async fn of_concurrent_reports_one_opens_the_case(case: Case) {
    case.record([case.draft("c1")]).await;
    let mut tasks = tokio::task::JoinSet::new();
    for reporter in 1..=8 {
        let case = case.clone();
        // Each person twice.
        let reason = ReportReason::Harassment;
        tasks
            .spawn(async move { file(&case, &report(&case, "c1", u8::div_ceil(reporter, 2), reason)).await });
    }
    let mut outcomes: Vec<&str> = tasks.join_all().await.into_iter().map(Reported::as_str).collect();
    outcomes.sort_unstable();
    assert_eq!(
        outcomes,
        ["folded", "folded", "folded", "opened", "repeated", "repeated", "repeated", "repeated"]
    );
    assert_eq!(item(&case, "c1").await.reports, 4);
}
