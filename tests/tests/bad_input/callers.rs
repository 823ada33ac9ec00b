//! Calls without a good key, or for another site than the key's.

use moderato_api::pb::ingest::{CheckCommentRequest, EditCommentRequest, WithdrawCommentRequest};
use moderato_api::pb::query::{
    AwaitVerdictRequest, CountPublishedCommentsRequest, GetCommentRequest, GetVerdictRequest,
    ListCommentsRequest, ListPublishedCommentsRequest, ListVerdictsRequest, WatchEventsRequest,
};
use moderato_tests::deployment::{Deployment, SITE};
use moderato_tests::eventually;
use moderato_tests::sample::{draft, submission};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status};

use crate::support::{
    DEADLINE, accepted, answers, item, name_of, new_key, refused, refused_item, stored, undisturbed,
};

/// Every call there is, on this site, with this key: the name of the call and how it was refused.
async fn every_call(
    deployment: &Deployment,
    key: Option<&str>,
    site: &str,
) -> Vec<(&'static str, Option<Status>)> {
    let (mut ingest, mut query) = (deployment.ingest_as(key), deployment.query_as(key));
    let comment = format!("{site}/comments/c1");
    let text = "May I come in?";
    let submit =
        moderato_api::pb::ingest::SubmitCommentRequest { parent: site.into(), ..submission("x", "p", text) };
    let check = CheckCommentRequest { parent: site.into(), comment: Some(draft("p", text)) };
    let edit = EditCommentRequest {
        name: comment.clone(),
        comment: Some(draft("p", text)),
        revision: 2,
        ..EditCommentRequest::default()
    };
    let withdraw = WithdrawCommentRequest { name: comment.clone(), ..WithdrawCommentRequest::default() };
    let list = ListCommentsRequest { parent: site.into(), ..ListCommentsRequest::default() };
    let published = ListPublishedCommentsRequest {
        parent: format!("{site}/threads/p"),
        ..ListPublishedCommentsRequest::default()
    };
    let count = CountPublishedCommentsRequest { parent: site.into(), threads: vec!["p".into()] };
    let await_verdict = AwaitVerdictRequest { comment: comment.clone(), ..AwaitVerdictRequest::default() };
    let verdicts = ListVerdictsRequest { parent: comment.clone(), ..ListVerdictsRequest::default() };
    let watch = WatchEventsRequest { parent: site.into(), ..WatchEventsRequest::default() };
    let verdict = GetVerdictRequest { comment: comment.clone(), revision: 0 };
    vec![
        ("SubmitComment", ingest.submit_comment(submit).await.err()),
        ("CheckComment", ingest.check_comment(check).await.err()),
        ("EditComment", ingest.edit_comment(edit).await.err()),
        ("WithdrawComment", ingest.withdraw_comment(withdraw).await.err()),
        ("GetComment", query.get_comment(GetCommentRequest { name: comment }).await.err()),
        ("ListComments", query.list_comments(list).await.err()),
        ("ListPublishedComments", query.list_published_comments(published).await.err()),
        ("CountPublishedComments", query.count_published_comments(count).await.err()),
        ("GetVerdict", query.get_verdict(verdict).await.err()),
        ("ListVerdicts", query.list_verdicts(verdicts).await.err()),
        ("AwaitVerdict", query.await_verdict(await_verdict).await.err()),
        ("WatchEvents", query.watch_events(watch).await.err()),
    ]
}

async fn every_call_is_refused(
    deployment: &Deployment,
    key: Option<&str>,
    site: &str,
    code: Code,
    reason: &str,
) {
    for (call, status) in every_call(deployment, key, site).await {
        refused(status.map_or(Ok(call), Err), code, reason);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_without_a_good_key_is_refused_at_every_method() {
    let deployment = Deployment::embedded().await;
    every_call_is_refused(&deployment, None, SITE, Code::Unauthenticated, "KEY_MISSING").await;

    let good = deployment.key();
    let (id, _) = good.split_once('.').expect("an id and a secret");
    let unknown = format!("mk_000000000000.{}", "0".repeat(64));
    let other_secret = format!("{id}.{}", "0".repeat(64));
    for wrong in ["letmein", &unknown, &other_secret, &good.to_uppercase(), &format!("{good}0"), id] {
        every_call_is_refused(&deployment, Some(wrong), SITE, Code::Unauthenticated, "KEY_REJECTED").await;
        let stream = deployment
            .ingest_as(Some(wrong))
            .submit_comments(tokio_stream::iter([item("x", "Hello?")]))
            .await;
        refused(stream, Code::Unauthenticated, "KEY_REJECTED");
    }
    undisturbed(&deployment, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_key_stops_working_also_in_streams_that_are_open() {
    let deployment = Deployment::embedded().await;
    let key = new_key(&deployment, "blog", "ingest,reader").await;
    let (items, receiver) = mpsc::channel(4);
    items.send(item("before", "I was here before the key was revoked.")).await.expect("open");
    let opened = deployment.ingest_as(Some(&key)).submit_comments(ReceiverStream::new(receiver)).await;
    let mut stream = opened.expect("a good key").into_inner();
    let first = stream.message().await.expect("an answer").expect("an answer");
    let name = name_of(first.results[0].result.as_ref().expect("yes or no")).to_owned();
    let watch = WatchEventsRequest { parent: SITE.into(), ..WatchEventsRequest::default() };
    let mut events =
        deployment.query_as(Some(&key)).watch_events(watch).await.expect("a good key").into_inner();

    deployment.cli_ok(&["keys", "revoke", &key]).await;
    let status = eventually("the key is refused", DEADLINE, async || {
        deployment
            .ingest_as(Some(&key))
            .submit_comment(submission("after", "post-1", "Still here?"))
            .await
            .err()
    })
    .await;
    refused::<()>(Err(status), Code::Unauthenticated, "KEY_REJECTED");

    // Whoever is inside already is shown out.
    items.send(item("inside", "And now?")).await.expect("open");
    let answer = stream.message().await;
    refused(answer, Code::Unauthenticated, "KEY_REJECTED");
    let ended = loop {
        match events.message().await {
            Ok(message) => assert!(message.is_some(), "the end of a watch is a status"),
            Err(status) => break status,
        }
    };
    refused::<()>(Err(ended), Code::Unauthenticated, "KEY_REJECTED");
    every_call_is_refused(&deployment, Some(&key), SITE, Code::Unauthenticated, "KEY_REJECTED").await;

    // What it submitted while it was good stays.
    crate::support::verdict(&deployment, &name, 1).await;
    undisturbed(&deployment, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_another_site_does_nothing_here_and_learns_nothing() {
    let deployment = Deployment::embedded().await;
    let secret = accepted(&deployment, "secret", "Nobody else's business, this bread.").await;
    crate::support::verdict(&deployment, &secret, 1).await;
    deployment.cli_ok(&["sites", "create", "news"]).await;
    let key = new_key(&deployment, "news", "ingest,reader").await;

    every_call_is_refused(&deployment, Some(&key), SITE, Code::PermissionDenied, "PERMISSION_DENIED").await;
    // Another site that exists, one that does not, a comment that exists: told in the same words.
    let ask =
        async |name: String| deployment.query_as(Some(&key)).get_comment(GetCommentRequest { name }).await;
    let exists = refused(ask(secret.clone()).await, Code::PermissionDenied, "PERMISSION_DENIED");
    let elsewhere = ask("sites/nowhere/comments/c1".to_owned()).await;
    let elsewhere = refused(elsewhere, Code::PermissionDenied, "PERMISSION_DENIED");
    assert_eq!(exists.message(), elsewhere.message().replace("sites/nowhere", SITE));

    // In a stream it is the item's own affair.
    let mut own = item("own", "A comment on the news, thank you.");
    own.submission.as_mut().expect("given").parent = "sites/news".to_owned();
    let items = [item("foreign", "I do not belong here."), own];
    let (answers, status) =
        answers(deployment.ingest_as(Some(&key)).submit_comments(tokio_stream::iter(items)).await).await;
    refused_item(&answers[0], Code::PermissionDenied, "PERMISSION_DENIED");
    assert!(name_of(&answers[1]).starts_with("sites/news/comments/"));
    assert!(status.is_none(), "{status:?}");

    assert_eq!(stored(&deployment, &secret).await.body, "Nobody else's business, this bread.");
    undisturbed(&deployment, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_does_only_what_its_roles_allow() {
    let deployment = Deployment::embedded().await;
    let reader = new_key(&deployment, "blog", "reader").await;
    let submitter = new_key(&deployment, "blog", "ingest").await;
    let writes = ["SubmitComment", "CheckComment", "EditComment", "WithdrawComment"];
    for (call, status) in every_call(&deployment, Some(&reader), SITE).await {
        let denied = status.as_ref().is_some_and(|status| status.code() == Code::PermissionDenied);
        assert_eq!(denied, writes.contains(&call), "a reader's {call}: {status:?}");
    }
    for (call, status) in every_call(&deployment, Some(&submitter), SITE).await {
        let denied = status.as_ref().is_some_and(|status| status.code() == Code::PermissionDenied);
        assert_eq!(denied, !writes.contains(&call), "a submitter's {call}: {status:?}");
    }
    let submit =
        deployment.ingest_as(Some(&reader)).submit_comment(submission("r", "post-1", "Let me write")).await;
    refused(submit, Code::PermissionDenied, "PERMISSION_DENIED");
    let stream =
        deployment.ingest_as(Some(&reader)).submit_comments(tokio_stream::iter([item("r", "Let me")])).await;
    refused(stream, Code::PermissionDenied, "PERMISSION_DENIED");
    undisturbed(&deployment, 0).await;
}
