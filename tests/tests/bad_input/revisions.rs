//! Retries with other content; edits of the wrong comment, or too late.

use moderato_api::pb::ingest::{EditCommentRequest, WithdrawCommentRequest};
use moderato_api::pb::query::{
    AwaitVerdictRequest, GetCommentRequest, GetVerdictRequest, ListVerdictsRequest,
};
use moderato_api::pb::types::State;
use moderato_tests::deployment::{Deployment, SITE};
use moderato_tests::eventually;
use moderato_tests::sample::{draft, submission};
use tonic::Code;

use crate::support::{
    DEADLINE, accepted, fields, refused, stored, undisturbed, until_dead, verdict, violations,
};

const FIRST: &str = "The first text, thank you.";
const OTHER: &str = "Another text, thank you.";

fn edit(name: &str, revision: i64, body: &str) -> EditCommentRequest {
    EditCommentRequest {
        name: name.to_owned(),
        comment: Some(draft("post-1", body)),
        revision,
        ..EditCommentRequest::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_request_id_with_another_text_is_a_conflict() {
    let deployment = Deployment::embedded().await;
    let name = accepted(&deployment, "once", FIRST).await;
    let again = deployment.ingest().submit_comment(submission("once", "post-1", OTHER)).await;
    refused(again, Code::AlreadyExists, "CONTENT_CONFLICT");
    let elsewhere = deployment.ingest().submit_comment(submission("once", "post-2", FIRST)).await;
    refused(elsewhere, Code::AlreadyExists, "CONTENT_CONFLICT");
    verdict(&deployment, &name, 1).await;
    assert_eq!(stored(&deployment, &name).await.body, FIRST);
    undisturbed(&deployment, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_that_ingest_cannot_know_becomes_a_dead_letter_and_the_first_verdict_stays() {
    let deployment = Deployment::embedded().await;
    let name = accepted(&deployment, "once", FIRST).await;
    let first = verdict(&deployment, &name, 1).await;

    // The new process has no memory of it.
    deployment.terminate("all").await;
    deployment.start_role("all");
    deployment.until_ready("all").await;
    assert_eq!(accepted(&deployment, "once", OTHER).await, name);

    let letters = until_dead(&deployment, 1).await;
    assert!(
        letters[0].line.contains("recorded before with other content; the first one stays"),
        "{letters:?}"
    );
    let shown = deployment.cli_ok(&["queue", "dead", "show", &letters[0].id]).await;
    assert!(shown.contains(&name) && shown.contains(OTHER), "{shown}");
    assert_eq!(stored(&deployment, &name).await.body, FIRST);
    let request = ListVerdictsRequest { parent: name, ..ListVerdictsRequest::default() };
    let verdicts = deployment.query().list_verdicts(request).await.expect("a page").into_inner().verdicts;
    assert_eq!(verdicts, [first]);
    undisturbed(&deployment, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_not_found_and_may_be_asked_for_again() {
    let deployment = Deployment::embedded().await;
    let nobody = format!("{SITE}/comments/nobody");
    let mut ingest = deployment.ingest();
    refused(ingest.edit_comment(edit(&nobody, 2, OTHER)).await, Code::NotFound, "COMMENT_NOT_FOUND");
    let withdraw = WithdrawCommentRequest { name: nobody.clone(), ..WithdrawCommentRequest::default() };
    refused(ingest.withdraw_comment(withdraw).await, Code::NotFound, "COMMENT_NOT_FOUND");
    let mut query = deployment.query();
    let get = query.get_comment(GetCommentRequest { name: nobody.clone() }).await;
    refused(get, Code::NotFound, "COMMENT_NOT_FOUND");
    let get = query.get_verdict(GetVerdictRequest { comment: nobody.clone(), revision: 0 }).await;
    refused(get, Code::NotFound, "COMMENT_NOT_FOUND");
    let known = accepted(&deployment, "known", FIRST).await;
    verdict(&deployment, &known, 1).await;
    let get = query.get_verdict(GetVerdictRequest { comment: known, revision: 7 }).await;
    refused(get, Code::NotFound, "VERDICT_NOT_FOUND");
    let timeout = std::time::Duration::from_millis(100).try_into().ok();
    let wait = query.await_verdict(AwaitVerdictRequest { comment: nobody, revision: 1, timeout }).await;
    refused(wait, Code::DeadlineExceeded, "DEADLINE_EXCEEDED");
    undisturbed(&deployment, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn edits_follow_their_revisions() {
    let deployment = Deployment::embedded().await;
    let name = accepted(&deployment, "edited", FIRST).await;
    verdict(&deployment, &name, 1).await;
    let mut ingest = deployment.ingest();
    for (revision, reason) in [(0, "REQUIRED"), (1, "OUT_OF_RANGE"), (-5, "OUT_OF_RANGE")] {
        let wrong = ingest.edit_comment(edit(&name, revision, OTHER)).await;
        let wrong = refused(wrong, Code::InvalidArgument, "INVALID_FIELDS");
        assert_eq!(violations(&wrong), fields(&[("revision", reason)]));
    }
    ingest.edit_comment(edit(&name, 3, OTHER)).await.expect("accepted");
    verdict(&deployment, &name, 3).await;

    let older = ingest.edit_comment(edit(&name, 2, "Too late.")).await;
    let older = refused(older, Code::FailedPrecondition, "REVISION_STALE");
    assert!(older.message().contains("revision 3"), "{older:?}");
    let other = ingest.edit_comment(edit(&name, 3, "The same number, another text.")).await;
    refused(other, Code::AlreadyExists, "CONTENT_CONFLICT");
    ingest.edit_comment(edit(&name, 3, OTHER)).await.expect("a retry");
    assert_eq!(stored(&deployment, &name).await.body, OTHER);

    let withdraw = WithdrawCommentRequest { name: name.clone(), ..WithdrawCommentRequest::default() };
    ingest.withdraw_comment(withdraw.clone()).await.expect("accepted");
    eventually("withdrawn", DEADLINE, async || {
        (stored(&deployment, &name).await.state() == State::Withdrawn).then_some(())
    })
    .await;
    let after = ingest.edit_comment(edit(&name, 4, "Take it back back.")).await;
    refused(after, Code::FailedPrecondition, "ALREADY_SETTLED");
    ingest.withdraw_comment(withdraw).await.expect("once more is no harm");
    assert_eq!(stored(&deployment, &name).await.state(), State::Withdrawn);
    undisturbed(&deployment, 0).await;
}
