//! What authors and readers can do, from the report to the comment that is back, on both deployments
//! and with a real mail server.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::sync::Arc;
use std::time::Duration;

use moderato_api::pb::ingest::report_comment_response::Outcome;
use moderato_api::pb::ingest::{Notice, Report, ReportCommentRequest, ReportReason, Reporter};
use moderato_api::pb::query::{AwaitVerdictRequest, GetCommentRequest, ListPublishedCommentsRequest};
use moderato_api::pb::types::{Comment, State};
use moderato_api::status::reason_of;
use moderato_domain::{
    Actor, Clock as _, CommentName, Decision, DecisionId, DecisionKind, Ids as _, ReviewQueue, Revision,
    SystemClock, SystemIds, Target,
};
use moderato_store::{DecideRefusal, Decided, Store};
use moderato_store_postgres::{PostgresOptions, PostgresStore};
use moderato_store_sqlite::{SqliteFile, SqliteOptions};
use moderato_tests::deployment::{Deployment, SITE};
use moderato_tests::eventually;
use moderato_tests::mail_sink::MailSink;
use moderato_tests::sample::{EMAIL, submission};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tonic::Code;
use tonic_types::StatusExt as _;

const PATIENCE: Duration = Duration::from_secs(30);

/// How long a decision of these moderators can be undone.
const UNDO: Duration = Duration::from_secs(2);

#[tokio::test(flavor = "multi_thread")]
async fn embedded() {
    let sink = MailSink::start().await.unwrap();
    let deployment = Deployment::embedded_with(&settings(&sink.url())).await;
    let options = SqliteOptions::default();
    let file = SqliteFile::open(&deployment.data_dir().join("moderato.db"), options).await.unwrap();
    a_reported_comment_is_rejected_and_comes_back(&deployment, Arc::new(file.store()), &sink).await;
    file.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn distributed() {
    let sink = MailSink::start().await.unwrap();
    let deployment = Deployment::distributed_on_shared_servers_with(&settings(&sink.url())).await;
    let url = deployment.setting("DATABASE_URL").unwrap();
    let store = PostgresStore::connect(url, PostgresOptions::default(), Arc::new(SystemClock)).await.unwrap();
    a_reported_comment_is_rejected_and_comes_back(&deployment, Arc::new(store), &sink).await;
}

fn settings(smtp: &str) -> [(&str, &str); 2] {
    [("MODERATO_MAIL_SMTP", smtp), ("MODERATO_MAIL_FROM", "The Blog <comments@blog.example>")]
}

async fn a_reported_comment_is_rejected_and_comes_back(
    deployment: &Deployment,
    store: Arc<dyn Store>,
    sink: &MailSink,
) {
    deployment.cli_ok(&["sites", "set", "blog", "--keep-contact-details", "true"]).await;
    let name = published_with_address(deployment, &*store).await;
    let undone = published_with_address(deployment, &*store).await;

    // Readers report; what they say is one case.
    assert_eq!(report(deployment, &name, "reader-1", ReportReason::Harassment).await, Outcome::Opened);
    assert_eq!(report(deployment, &name, "reader-2", ReportReason::OffTopic).await, Outcome::Folded);
    assert_eq!(report(deployment, &name, "reader-1", ReportReason::Spam).await, Outcome::Repeated);
    let item = store.queue_items(&name.site, std::slice::from_ref(&name.comment), SystemClock.now()).await;
    let item = item.unwrap().remove(0);
    assert_eq!((item.queue, item.reports), (Some(ReviewQueue::Reported), 2));
    what_cannot_be_a_report_is_refused(deployment, &name).await;

    // A moderator rejects it, and another one thinks better of it in time.
    decide(&*store, &name, DecisionKind::Reject, "mo").await.unwrap();
    let mistake = decide(&*store, &undone, DecisionKind::Reject, "mo").await.unwrap();
    store.undo(&undone.site, mistake, &actor("mo"), SystemClock.now()).await.unwrap();

    // The author has a link from the platform, and nobody else.
    let seen = comment(deployment, &name).await;
    let link = seen.author_status_uri.clone();
    assert!(link.starts_with(&deployment.console_url()), "{link}");
    let page = get(&link).await;
    assert!(page.starts_with("HTTP/1.1 200") && page.contains("not shown to readers"), "{page}");
    assert!(sink.arrived().is_empty(), "it can still be undone");

    // Then the mail comes, and the reasons stand on the page.
    let mail = eventually("the author is told", PATIENCE, async || sink.arrived().first().cloned()).await;
    assert_eq!(mail.recipient, EMAIL);
    assert!(mail.body().contains(&link), "{}", mail.body());
    let page = get(&link).await;
    for told in ["person decided", "Readers had reported it", "Please stay polite", "Object to this decision"]
    {
        assert!(page.contains(told), "{told}: {page}");
    }
    for untold in ["Moderator mo", "harmless remark", "<script"] {
        assert!(!page.contains(untold), "{untold}: {page}");
    }
    let signature = link.rsplit_once('/').unwrap().1;
    let forged = link.replace(signature, &"0".repeat(32));
    assert!(get(&forged).await.starts_with("HTTP/1.1 404"));

    // The author objects, once, and not from somebody else's page.
    let statement = page.split("name=\"statement\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let form = format!("statement={statement}&text=It+was+a+quote.");
    let appeal = format!("{link}/appeal");
    let foreign = post(&appeal, "https://evil.example", &form).await;
    assert!(foreign.starts_with("HTTP/1.1 403"), "{foreign}");
    let empty = post(&appeal, &deployment.console_url(), &format!("statement={statement}&text=+")).await;
    assert!(empty.starts_with("HTTP/1.1 422"), "{empty}");
    for _ in 0..2 {
        let filed = post(&appeal, &deployment.console_url(), &form).await;
        assert!(filed.starts_with("HTTP/1.1 303"), "{filed}");
    }
    assert!(get(&link).await.contains("waits. Somebody other than the one who decided"));
    let case = store.appeal(&name).await.unwrap().unwrap();
    assert_eq!(case.appeal.text, "It was a quote.");
    assert_eq!(case.original.unwrap().actor, actor("mo"));

    // Somebody else decides.
    let own = decide(&*store, &name, DecisionKind::Approve, "mo").await;
    assert_eq!(own, Err(DecideRefusal::OwnDecision));
    decide(&*store, &name, DecisionKind::Approve, "ann").await.unwrap();
    assert_eq!(comment(deployment, &name).await.state(), State::Published);
    let published = published(deployment).await;
    assert!(published.iter().any(|comment| comment.name == name.to_string()));
    assert!(published.iter().all(|comment| comment.author_status_uri.is_empty()), "links are for authors");
    assert!(get(&link).await.contains("You were right"));

    // The answer is mailed, and about the decision that was undone nothing ever was.
    let mails = eventually("the answer is mailed", PATIENCE, async || {
        Some(sink.arrived()).filter(|arrived| arrived.len() == 2)
    })
    .await;
    assert!(mails[1].body().contains("You were right"), "{}", mails[1].body());
    assert_eq!(store.statement(&undone).await.unwrap(), None);
    let due = async || {
        let due = store.due_effects(SystemClock.now(), 10).await.unwrap();
        due.is_empty().then_some(())
    };
    eventually("nothing is due any more", PATIENCE, due).await;
    assert_eq!(sink.arrived().len(), 2);

    // For the transparency database.
    let table = deployment.cli_ok(&["statements", "export", "--site", "blog"]).await;
    assert!(table.starts_with("puid,decision_visibility,") && table.contains(statement), "{table}");
    assert_eq!(table.matches("AUTOMATED_DECISION_NOT_AUTOMATED").count(), 1, "{table}");
    let json =
        deployment.cli_ok(&["statements", "export", "--format", "jsonl", "--since", "2026-01-01"]).await;
    assert!(json.contains("\"automated_decision\":\"AUTOMATED_DECISION_NOT_AUTOMATED\""), "{json}");
    assert!(!table.contains(EMAIL) && !json.contains(EMAIL) && !table.contains("Moderator"), "{table}{json}");
}

/// A comment that readers see, whose author's address the site keeps. Workers learn of the setting with
/// their next look at the directory.
async fn published_with_address(deployment: &Deployment, store: &dyn Store) -> CommentName {
    let name = eventually("the site keeps addresses", PATIENCE, async || {
        let id = SystemIds.time_ordered().to_string();
        let request = submission(&id, "post-1", "A harmless remark about the weather.");
        let name = deployment.ingest().submit_comment(request).await.ok()?.into_inner().name;
        let judged = AwaitVerdictRequest { comment: name.clone(), revision: 1, timeout: None };
        deployment.query().await_verdict(judged).await.ok()?;
        let name = CommentName::parse(&name).unwrap();
        store.author_mail(&name, Revision::FIRST).await.unwrap().map(|_| name)
    })
    .await;
    decide(store, &name, DecisionKind::Approve, "ann").await.unwrap();
    name
}

async fn what_cannot_be_a_report_is_refused(deployment: &Deployment, name: &CommentName) {
    let send = async |request: ReportCommentRequest| {
        deployment.ingest().report_comment(request).await.expect_err("refused")
    };
    let nothing = ReportCommentRequest { name: name.to_string(), ..Default::default() };
    let refused = send(nothing).await;
    assert_eq!(refused.code(), Code::InvalidArgument);
    let violations = refused.get_details_bad_request().unwrap().field_violations;
    let fields: Vec<&str> = violations.iter().map(|violation| violation.field.as_str()).collect();
    assert_eq!(fields, ["report.reporter", "report.reason"]);

    let notice = Notice { name: "Eve".to_owned(), mail: "eve".to_owned(), ..Notice::default() };
    let formal = Report { notice: Some(notice), ..by("reader-9", ReportReason::Illegal) };
    let half = ReportCommentRequest { name: name.to_string(), report: Some(formal), ..Default::default() };
    assert_eq!(send(half).await.get_details_bad_request().unwrap().field_violations.len(), 3);

    let report = Some(by("reader-9", ReportReason::Hate));
    let unknown =
        ReportCommentRequest { name: format!("{SITE}/comments/gone"), report, ..Default::default() };
    let refused = send(unknown.clone()).await;
    assert_eq!((refused.code(), reason_of(&refused).as_deref()), (Code::NotFound, Some("COMMENT_NOT_FOUND")));
    assert!(refused.get_details_retry_info().is_some());
    let elsewhere = ReportCommentRequest { name: "sites/other/comments/c".to_owned(), ..unknown };
    assert!(matches!(send(elsewhere).await.code(), Code::NotFound | Code::PermissionDenied));
}

fn by(reader: &str, reason: ReportReason) -> Report {
    let reporter = Some(Reporter { user_id: reader.to_owned(), ip: String::new() });
    Report { reporter, reason: reason as i32, text: "look at this".to_owned(), ..Report::default() }
}

async fn report(deployment: &Deployment, name: &CommentName, reader: &str, reason: ReportReason) -> Outcome {
    let request = ReportCommentRequest {
        name: name.to_string(),
        report: Some(by(reader, reason)),
        ..Default::default()
    };
    deployment.ingest().report_comment(request).await.expect("filed").into_inner().outcome()
}

fn actor(name: &str) -> Actor {
    Actor { id: format!("user:{name}"), name: format!("Moderator {name}") }
}

async fn decide(
    store: &dyn Store,
    name: &CommentName,
    kind: DecisionKind,
    who: &str,
) -> Result<DecisionId, DecideRefusal> {
    let now = SystemClock.now();
    let decision = Decision {
        id: DecisionId(SystemIds.time_ordered()),
        site: name.site.clone(),
        targets: vec![Target { comment: name.comment.clone(), revision: Revision::FIRST, version: None }],
        kind,
        actor: actor(who),
        guideline: None,
        message: Some("Please stay polite.".to_owned()),
        note: None,
        over_claim: true,
        decide_time: now,
        undo_until: now.plus(UNDO),
    };
    match store.decide(&decision).await.unwrap().remove(0) {
        Decided::Applied { .. } => Ok(decision.id),
        Decided::Refused(refusal) => Err(refusal),
    }
}

async fn comment(deployment: &Deployment, name: &CommentName) -> Comment {
    let request = GetCommentRequest { name: name.to_string() };
    deployment.query().get_comment(request).await.expect("the comment").into_inner()
}

async fn published(deployment: &Deployment) -> Vec<Comment> {
    let request =
        ListPublishedCommentsRequest { parent: format!("{SITE}/threads/post-1"), ..Default::default() };
    deployment.query().list_published_comments(request).await.expect("a page").into_inner().comments
}

async fn get(url: &str) -> String {
    exchange(url, "GET", "", "").await
}

async fn post(url: &str, origin: &str, form: &str) -> String {
    let headers = format!(
        "origin: {origin}\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n",
        form.len()
    );
    exchange(url, "POST", &headers, form).await
}

/// A browser's request, and the whole answer.
async fn exchange(url: &str, method: &str, headers: &str, body: &str) -> String {
    let (host, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let request =
        format!("{method} /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{headers}\r\n{body}");
    let mut socket = TcpStream::connect(host).await.unwrap();
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}
