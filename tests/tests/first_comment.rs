//! The product in one test, as a platform, a moderator and an operator use it: the best introduction
//! to what Moderato does. Each scenario runs on both deployments.

use moderato_api::pb::ingest::{EditCommentRequest, WithdrawCommentRequest};
use moderato_api::pb::query::{
    AwaitVerdictRequest, CountPublishedCommentsRequest, GetCommentRequest, ListPublishedCommentsRequest,
    ListVerdictsRequest, WatchEventsRequest, event,
};
use moderato_api::pb::types::{Action, Comment, State, Verdict};
use moderato_tests::deployment::{Deployment, SITE};
use moderato_tests::on_both_deployments;
use moderato_tests::sample::{EMAIL, IP, draft, submission};

on_both_deployments!(
    a_comment_is_submitted_judged_approved_edited_and_withdrawn,
    a_spam_comment_is_held_and_says_why,
    a_retried_submission_is_one_comment,
    a_watcher_sees_everything_once_across_reconnects,
);

async fn verdict(deployment: &Deployment, comment: &str, revision: i64) -> Verdict {
    let request = AwaitVerdictRequest { comment: comment.to_owned(), revision, timeout: None };
    deployment.query().await_verdict(request).await.expect("a verdict").into_inner()
}

async fn comment(deployment: &Deployment, name: &str) -> Comment {
    let request = GetCommentRequest { name: name.to_owned() };
    deployment.query().get_comment(request).await.expect("the comment").into_inner()
}

async fn published(deployment: &Deployment, thread: &str) -> Vec<Comment> {
    let parent = format!("{SITE}/threads/{thread}");
    let request = ListPublishedCommentsRequest { parent, ..Default::default() };
    deployment.query().list_published_comments(request).await.expect("a page").into_inner().comments
}

async fn counts(deployment: &Deployment, threads: &[&str]) -> Vec<i64> {
    let threads = threads.iter().map(ToString::to_string).collect();
    let request = CountPublishedCommentsRequest { parent: SITE.to_owned(), threads };
    let counts =
        deployment.query().count_published_comments(request).await.expect("counts").into_inner().counts;
    counts.into_iter().map(|count| count.published).collect()
}

async fn a_comment_is_submitted_judged_approved_edited_and_withdrawn(deployment: &Deployment) {
    // A page without comments shows "There are no comments posted here yet": zero is an answer.
    assert_eq!(counts(deployment, &["post-1", "post-2"]).await, [0, 0]);

    // The platform submits; the answer is the promise of a verdict.
    let request = submission("form-1", "post-1", "Thank you, that helped my daughter a lot!");
    let accepted = deployment.ingest().submit_comment(request).await.expect("accepted").into_inner();
    let name = accepted.name.as_str();
    let judged = verdict(deployment, name, 1).await;
    assert_eq!(judged.action(), Action::Allow, "{judged:?}");
    assert!(!judged.rule_set_version.is_empty());

    // The site is in mode PRE: nothing appears before a human approves it.
    assert_eq!(comment(deployment, name).await.state(), State::Pending);
    assert!(published(deployment, "post-1").await.is_empty());
    deployment.cli_ok(&["comment", "approve", name, "--by", "mod-1"]).await;
    let page = published(deployment, "post-1").await;
    assert_eq!(page.len(), 1);
    assert_eq!(page[0].body, "Thank you, that helped my daughter a lot!");
    assert!(page[0].decided);
    assert_eq!(counts(deployment, &["post-2", "post-1"]).await, [0, 1]);

    // Nobody's addresses leave through a read.
    let everything = format!("{page:?}{judged:?}{:?}", comment(deployment, name).await);
    assert!(!everything.contains(EMAIL) && !everything.contains(IP), "{everything}");

    // An edit is a new revision: judged anew, and not visible before it is approved again.
    let edit = EditCommentRequest {
        name: name.to_owned(),
        comment: Some(draft("post-1", "Thank you, that helped my son a lot!")),
        revision: 2,
        request_id: "form-1-edit".to_owned(),
        validate_only: false,
    };
    deployment.ingest().edit_comment(edit).await.expect("accepted");
    assert_eq!(verdict(deployment, name, 2).await.revision, 2);
    assert_eq!(comment(deployment, name).await.state(), State::Pending);
    assert_eq!(counts(deployment, &["post-1"]).await, [0]);
    deployment.cli_ok(&["comment", "approve", name]).await;
    assert_eq!(published(deployment, "post-1").await[0].body, "Thank you, that helped my son a lot!");

    // Each revision has exactly one verdict, newest first.
    let request = ListVerdictsRequest { parent: name.to_owned(), ..Default::default() };
    let verdicts = deployment.query().list_verdicts(request).await.expect("a page").into_inner().verdicts;
    assert_eq!(verdicts.iter().map(|v| v.revision).collect::<Vec<_>>(), [2, 1]);

    // The author takes it back, for good.
    let withdraw = WithdrawCommentRequest { name: name.to_owned(), request_id: "form-1-gone".to_owned() };
    deployment.ingest().withdraw_comment(withdraw).await.expect("accepted");
    moderato_tests::eventually("withdrawn", std::time::Duration::from_secs(20), async || {
        (comment(deployment, name).await.state() == State::Withdrawn).then_some(())
    })
    .await;
    assert_eq!(counts(deployment, &["post-1"]).await, [0]);
}

async fn a_spam_comment_is_held_and_says_why(deployment: &Deployment) {
    let body =
        "Hello! Buy cheap v\u{200B}iagra at https://bit.ly/x1 and https://bit.ly/x2 and https://bit.ly/x3";
    let accepted = deployment
        .ingest()
        .submit_comment(submission("spam-1", "post-1", body))
        .await
        .expect("accepted")
        .into_inner();
    let judged = verdict(deployment, &accepted.name, 1).await;
    assert_ne!(judged.action(), Action::Allow, "{judged:?}");
    for reason in &judged.reasons {
        assert!(!reason.message.is_empty() && !reason.rule.is_empty(), "{reason:?}");
    }
    // A reason points at what the author typed, disguise included.
    let seen: Vec<&str> = judged
        .reasons
        .iter()
        .flat_map(|reason| &reason.spans)
        .filter_map(|span| body.get(span.start as usize..span.end as usize))
        .collect();
    assert!(seen.contains(&"v\u{200B}iagra"), "{seen:?}");

    // The operator's command line says the same in words.
    let explained = deployment.cli_ok(&["comment", "explain", &accepted.name]).await;
    for reason in &judged.reasons {
        assert!(explained.contains(&reason.rule), "{} is missing in\n{explained}", reason.rule);
    }
    assert!(published(deployment, "post-1").await.is_empty());
}

async fn a_retried_submission_is_one_comment(deployment: &Deployment) {
    let mut names = Vec::new();
    for _ in 0..3 {
        let request = submission("retry-1", "post-3", "Could you tell us more about the evening course?");
        let answer = deployment.ingest().submit_comment(request).await.expect("accepted").into_inner();
        names.push((answer.name, answer.submission_uid));
    }
    names.dedup();
    assert_eq!(names.len(), 1, "{names:?}");
    verdict(deployment, &names[0].0, 1).await;
    let request = ListVerdictsRequest { parent: names[0].0.clone(), ..Default::default() };
    let verdicts = deployment.query().list_verdicts(request).await.expect("a page").into_inner().verdicts;
    assert_eq!(verdicts.len(), 1);
}

async fn a_watcher_sees_everything_once_across_reconnects(deployment: &Deployment) {
    const COMMENTS: usize = 60;
    let watch = |resume_token: String, from_start| WatchEventsRequest {
        parent: SITE.to_owned(),
        resume_token,
        from_start,
    };
    let mut submitted = Vec::new();
    for number in 0..COMMENTS {
        let request =
            submission(&format!("watch-{number}"), "post-4", &format!("Comment number {number}, thank you"));
        submitted
            .push(deployment.ingest().submit_comment(request).await.expect("accepted").into_inner().name);
    }
    let (mut token, mut seen) = (String::new(), Vec::new());
    while seen.len() < COMMENTS {
        // A new connection for every message: each resumes after the last event it was sent.
        let request = watch(token.clone(), token.is_empty());
        let mut stream = deployment.query().watch_events(request).await.expect("a stream").into_inner();
        loop {
            let message = stream.message().await.expect("an open stream").expect("an open stream");
            token.clone_from(&message.resume_token);
            let had_events = !message.events.is_empty();
            for event in message.events {
                assert_eq!(event.kind(), event::Kind::VerdictRecorded);
                seen.push(event.comment);
            }
            if had_events {
                break;
            }
        }
    }
    seen.sort();
    submitted.sort();
    assert_eq!(seen, submitted, "everything once");
}
