//! What a caller's program sees of a refusal, and what must go on beside it.

use std::fmt::Debug;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use moderato_api::pb::ingest::submit_result::Result as Answer;
use moderato_api::pb::ingest::{SubmitCommentsRequest, SubmitCommentsResponse};
use moderato_api::pb::query::{AwaitVerdictRequest, GetCommentRequest};
use moderato_api::pb::types::{Action, Comment, Field, Refusal, Verdict};
use moderato_domain::ErrorCode;
use moderato_tests::deployment::Deployment;
use moderato_tests::eventually;
use moderato_tests::sample::submission;
use tonic::{Code, Response, Status, Streaming};
use tonic_types::StatusExt as _;

/// Longest wait for anything that is bound to come; most of it comes within a second.
pub(crate) const DEADLINE: Duration = Duration::from_mins(1);

/// Asserts that a call was refused with this code and this reason of the closed set, and that it
/// says when to retry if, and only if, that helps.
pub(crate) fn refused<T: Debug>(result: Result<T, Status>, code: Code, reason: &str) -> Status {
    let status = result.expect_err(reason);
    let told = status.get_details_error_info().unwrap_or_else(|| panic!("no ErrorInfo: {status:?}"));
    assert_eq!((status.code(), told.reason.as_str()), (code, reason), "{status:?}");
    assert_eq!(told.domain, "moderato");
    assert!(!status.message().is_empty());
    assert_eq!(status.get_details_retry_info().is_some(), retry_helps(reason), "{status:?}");
    status
}

/// The same for an item of a stream.
pub(crate) fn refused_item(answer: &Answer, code: Code, reason: &str) -> Refusal {
    let Answer::Refused(refusal) = answer else { panic!("not refused as {reason}: {answer:?}") };
    assert_eq!((Code::from(refusal.code), refusal.reason.as_str()), (code, reason), "{refusal:?}");
    assert_eq!(refusal.retry_delay.is_some(), retry_helps(reason), "{refusal:?}");
    refusal.clone()
}

fn retry_helps(reason: &str) -> bool {
    let code = ErrorCode::ALL.into_iter().find(|code| code.as_str() == reason);
    code.unwrap_or_else(|| panic!("{reason} is not in the closed set")).retry_helps()
}

/// Path and reason of every field violation of a refused call.
pub(crate) fn violations(status: &Status) -> Vec<(String, String)> {
    let bad = status.get_details_bad_request().unwrap_or_else(|| panic!("no BadRequest: {status:?}"));
    for violation in &bad.field_violations {
        assert!(!violation.description.is_empty(), "{violation:?}");
    }
    bad.field_violations.into_iter().map(|violation| (violation.field, violation.reason)).collect()
}

/// What [`violations`] is compared with.
pub(crate) fn fields(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(field, reason)| ((*field).to_owned(), (*reason).to_owned())).collect()
}

/// The verdict of a revision, waited for.
pub(crate) async fn verdict(deployment: &Deployment, comment: &str, revision: i64) -> Verdict {
    let request =
        AwaitVerdictRequest { comment: comment.to_owned(), revision, timeout: DEADLINE.try_into().ok() };
    deployment
        .query()
        .await_verdict(request)
        .await
        .unwrap_or_else(|status| panic!("{comment}: {status:?}"))
        .into_inner()
}

/// A comment that is stored.
pub(crate) async fn stored(deployment: &Deployment, name: &str) -> Comment {
    let request = GetCommentRequest { name: name.to_owned() };
    deployment.query().get_comment(request).await.expect("the comment").into_inner()
}

/// Submits a comment that must be accepted; its name.
pub(crate) async fn accepted(deployment: &Deployment, request_id: &str, body: &str) -> String {
    let request = submission(request_id, "post-1", body);
    deployment.ingest().submit_comment(request).await.expect("accepted").into_inner().name
}

/// Asserts that nothing was disturbed: every role is ready, a good comment gets its verdict, and there
/// are this many dead letters.
pub(crate) async fn undisturbed(deployment: &Deployment, dead: usize) {
    static COMMENTS: AtomicU32 = AtomicU32::new(1);
    for role in deployment.roles() {
        let (code, body) = deployment.health(role, "/readyz").await.expect("the role lives");
        assert_eq!(code, 200, "{role}: {body}");
    }
    let number = COMMENTS.fetch_add(1, Ordering::Relaxed);
    let mut request =
        submission(&format!("good-{number}"), "post-1", "Thank you, this was a good read about bread.");
    // Nobody who has said this before.
    let author = request.comment.as_mut().and_then(|comment| comment.author.as_mut()).expect("given");
    author.email = format!("reader-{number}@mail.example");
    let name = deployment.ingest().submit_comment(request).await.expect("accepted").into_inner().name;
    assert_eq!(verdict(deployment, &name, 1).await.action(), Action::Allow);
    let letters = dead_letters(deployment).await;
    assert_eq!(letters.len(), dead, "{letters:#?}");
}

/// A line of `moderato queue dead list`.
#[derive(Debug, Clone)]
pub(crate) struct ListedLetter {
    pub(crate) id: String,
    pub(crate) line: String,
}

/// The dead letters, as an operator sees them.
pub(crate) async fn dead_letters(deployment: &Deployment) -> Vec<ListedLetter> {
    let listed = deployment.cli_ok(&["queue", "dead", "list"]).await;
    let letter = |line: &str| {
        let id = line.split_whitespace().next()?;
        uuid::Uuid::parse_str(id).ok()?;
        Some(ListedLetter { id: id.to_owned(), line: line.to_owned() })
    };
    listed.lines().filter_map(letter).collect()
}

/// Waits until there are this many dead letters.
pub(crate) async fn until_dead(deployment: &Deployment, count: usize) -> Vec<ListedLetter> {
    eventually(&format!("{count} dead letters"), DEADLINE, async || {
        let letters = dead_letters(deployment).await;
        (letters.len() == count).then_some(letters)
    })
    .await
}

/// The one letter whose line holds this text.
pub(crate) fn letter_with<'a>(letters: &'a [ListedLetter], text: &str) -> &'a ListedLetter {
    let mut found = letters.iter().filter(|letter| letter.line.contains(text));
    let letter = found.next().unwrap_or_else(|| panic!("no dead letter says {text:?}: {letters:#?}"));
    assert!(found.next().is_none(), "more than one dead letter says {text:?}: {letters:#?}");
    letter
}

/// Makes a key and waits until it is known at the doors.
pub(crate) async fn new_key(deployment: &Deployment, site: &str, roles: &str) -> String {
    let printed = deployment.cli_ok(&["keys", "create", "--site", site, "--roles", roles]).await;
    let key = printed.trim().to_owned();
    // A call that the key may or may not make: what matters is that the key is known.
    eventually("the key is known", DEADLINE, async || {
        let known = |status: Status| status.code() != Code::Unauthenticated;
        let request = GetCommentRequest { name: format!("sites/{site}/comments/none") };
        let read = deployment.query_as(Some(&key)).get_comment(request).await.err().is_none_or(known);
        let mut request = submission("known", "post-1", "Is this key known?");
        request.validate_only = true;
        let checked = deployment.ingest_as(Some(&key)).submit_comment(request).await.err().is_none_or(known);
        (read && checked).then_some(())
    })
    .await;
    key
}

/// An item of a stream.
pub(crate) fn item(request_id: &str, body: &str) -> SubmitCommentsRequest {
    SubmitCommentsRequest { submission: Some(submission(request_id, "post-1", body)) }
}

/// Reads a stream to its end: answers by sequence, and the status if it is not OK.
pub(crate) async fn answers(
    stream: Result<Response<Streaming<SubmitCommentsResponse>>, Status>,
) -> (Vec<Answer>, Option<Status>) {
    let mut stream = stream.expect("the stream opens").into_inner();
    let mut answers = Vec::new();
    let status = loop {
        match stream.message().await {
            Ok(Some(response)) => answers.extend(response.results),
            Ok(None) => break None,
            Err(status) => break Some(status),
        }
    };
    answers.sort_by_key(|answer| answer.sequence);
    let sequences: Vec<u64> = answers.iter().map(|answer| answer.sequence).collect();
    assert_eq!(sequences, (0..answers.len() as u64).collect::<Vec<_>>(), "each item is answered once");
    (answers.into_iter().map(|answer| answer.result.expect("yes or no")).collect(), status)
}

/// The comment's name of an accepted item.
pub(crate) fn name_of(answer: &Answer) -> &str {
    match answer {
        Answer::Accepted(accepted) => &accepted.name,
        Answer::Refused(refusal) => panic!("refused: {refusal:?}"),
    }
}

/// Asserts that every span of a verdict slices the text that the author wrote.
pub(crate) fn assert_spans_slice(body: &str, verdict: &Verdict) {
    let reasons = verdict.reasons.iter().flat_map(|reason| &reason.spans);
    let signals = verdict.signals.iter().flat_map(|signal| &signal.spans);
    for span in reasons.chain(signals).filter(|span| span.field() == Field::Body) {
        let part = body.get(span.start as usize..span.end as usize);
        assert!(part.is_some_and(|part| !part.is_empty()), "{span:?}");
    }
}
