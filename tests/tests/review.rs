//! Moderators at work: what waits is listed, claimed, decided and taken back, and nothing is decided
//! twice. Each scenario runs on both deployments.

use std::time::Duration;

use moderato_api::pb::query::{
    AwaitVerdictRequest, ListPublishedCommentsRequest, WatchEventsRequest, WatchEventsResponse, event,
};
use moderato_api::pb::review::{
    BanAuthorRequest, ClaimCommentsRequest, DecideCommentRequest, DecisionKind, GetQueueCountsRequest,
    GetQueueItemRequest, LiftBanRequest, ListDecisionsRequest, ListQueueRequest, Queue, QueueItem, Ruling,
    Target, UndoDecisionRequest,
};
use moderato_api::pb::types::{Action, Comment, Verdict};
use moderato_api::status::reason_of;
use moderato_domain::{Ids as _, Stopwatch, SystemIds};
use moderato_tests::deployment::{Deployment, SITE};
use moderato_tests::sample::submission;
use moderato_tests::{eventually, on_both_deployments};
use tokio::task::JoinSet;
use tonic::{Status, Streaming};

on_both_deployments!(
    what_waits_is_claimed_decided_and_taken_back,
    of_fifty_moderators_none_decides_what_another_did,
    a_banned_author_is_rejected_until_the_ban_is_lifted,
    a_persons_key_decides_under_their_name_until_they_are_disabled,
);

const SOON: Duration = Duration::from_secs(20);

/// From a decision until whoever watches is told.
const TOLD_WITHIN: Duration = Duration::from_millis(500);

/// A moderator's key.
async fn moderator(deployment: &Deployment) -> String {
    let arguments = ["keys", "create", "--site", "blog", "--label", "mo", "--roles", "moderator"];
    let printed = deployment.cli_ok(&arguments).await;
    let key = printed.split_whitespace().find(|word| word.starts_with("mk_")).expect("a key").to_owned();
    eventually("the key works", SOON, async || {
        let request = GetQueueCountsRequest { parent: SITE.to_owned() };
        deployment.reviews_as(&key).get_queue_counts(request).await.ok()
    })
    .await;
    key
}

/// Submits a comment and waits for its verdict; its name.
async fn submit(deployment: &Deployment, id: &str, body: &str) -> (String, Verdict) {
    let request = submission(id, "post-1", body);
    let name = deployment.ingest().submit_comment(request).await.expect("accepted").into_inner().name;
    let request = AwaitVerdictRequest { comment: name.clone(), revision: 1, timeout: None };
    let verdict = deployment.query().await_verdict(request).await.expect("a verdict").into_inner();
    (name, verdict)
}

async fn published(deployment: &Deployment) -> Vec<Comment> {
    let parent = format!("{SITE}/threads/post-1");
    let request = ListPublishedCommentsRequest { parent, ..Default::default() };
    deployment.query().list_published_comments(request).await.expect("a page").into_inner().comments
}

async fn waiting(deployment: &Deployment, key: &str) -> Vec<QueueItem> {
    let request = ListQueueRequest { parent: SITE.to_owned(), page_size: 200, ..Default::default() };
    deployment.reviews_as(key).list_queue(request).await.expect("a page").into_inner().items
}

fn decide(comment: &Comment, kind: DecisionKind) -> DecideCommentRequest {
    DecideCommentRequest {
        target: Some(Target {
            comment: comment.name.clone(),
            revision: comment.revision,
            etag: comment.etag.clone(),
        }),
        ruling: Some(Ruling {
            decision_id: SystemIds.time_ordered().to_string(),
            kind: kind as i32,
            ..Default::default()
        }),
    }
}

/// The next event on the stream, of which anything else would be a surprise.
async fn next_event(stream: &mut Streaming<WatchEventsResponse>) -> event::Kind {
    loop {
        let message = stream.message().await.expect("an open stream").expect("an open stream");
        if let [event] = &message.events[..] {
            return event.kind();
        }
        assert!(message.events.is_empty(), "{message:?}");
    }
}

async fn what_waits_is_claimed_decided_and_taken_back(deployment: &Deployment) {
    let key = moderator(deployment).await;
    let mut desk = deployment.reviews_as(&key);
    let (name, _) = submit(deployment, "form-1", "Thank you, that helped my daughter a lot!").await;
    let items = waiting(deployment, &key).await;
    assert_eq!(items.len(), 1);
    assert_eq!(items[0].queue(), Queue::Pending);
    let comment = items[0].comment.clone().expect("a comment");
    assert_eq!(comment.name, name);

    // A platform watches from now on.
    let watch = WatchEventsRequest { parent: SITE.to_owned(), ..Default::default() };
    let mut stream = deployment.query().watch_events(watch).await.expect("a stream").into_inner();
    stream.message().await.expect("open").expect("open");

    let claim =
        ClaimCommentsRequest { parent: SITE.to_owned(), comments: vec![name.clone()], take_over: false };
    assert!(desk.claim_comments(claim).await.expect("claimed").into_inner().results[0].held);
    let approve = decide(&comment, DecisionKind::Approve);
    let clicked = Stopwatch::start();
    desk.decide_comment(approve.clone()).await.expect("decided");
    assert_eq!(published(deployment).await.len(), 1, "at once");
    // Who claims is nothing to a platform.
    assert_eq!(next_event(&mut stream).await, event::Kind::DecisionMade);
    assert!(clicked.elapsed() < TOLD_WITHIN, "told after {:?}", clicked.elapsed());
    assert!(waiting(deployment, &key).await.is_empty());

    let decision_id = approve.ruling.expect("a ruling").decision_id;
    let undo = UndoDecisionRequest { parent: SITE.to_owned(), decision_id };
    desk.undo_decision(undo).await.expect("undone");
    assert!(published(deployment).await.is_empty());
    assert_eq!(next_event(&mut stream).await, event::Kind::DecisionUndone);
    assert_eq!(waiting(deployment, &key).await.len(), 1);

    // The operator's checks agree.
    deployment.cli_ok(&["audit", "verify"]).await;
    let checked = deployment.cli_ok(&["doctor"]).await;
    assert!(checked.contains("1 comment, 1 pending"), "{checked}");
}

async fn of_fifty_moderators_none_decides_what_another_did(deployment: &Deployment) {
    const ITEMS: usize = 20;
    let key = moderator(deployment).await;
    for number in 0..ITEMS {
        submit(deployment, &format!("crowd-{number}"), &format!("Thank you for number {number}!")).await;
    }
    let items = waiting(deployment, &key).await;
    let comments: Vec<Comment> = items.into_iter().filter_map(|item| item.comment).collect();
    assert_eq!(comments.len(), ITEMS);
    let mut tasks = JoinSet::new();
    for moderator in 0..50_usize {
        let mut desk = deployment.reviews_as(&key);
        let comments = comments.clone();
        tasks.spawn(async move {
            let kind = if moderator % 2 == 0 { DecisionKind::Approve } else { DecisionKind::Reject };
            let mut decided = 0;
            for turn in 0..ITEMS {
                // Each in another order.
                let comment = &comments[(turn * 3 + moderator) % ITEMS];
                match desk.decide_comment(decide(comment, kind)).await {
                    Ok(_) => decided += 1,
                    Err(late) => assert_eq!(reason(&late), "ALREADY_SETTLED", "{late}"),
                }
            }
            decided
        });
    }
    let decided: usize = tasks.join_all().await.into_iter().sum();
    assert_eq!(decided, ITEMS);
    let request = ListDecisionsRequest { parent: SITE.to_owned(), page_size: 200, ..Default::default() };
    let kept = deployment.reviews_as(&key).list_decisions(request).await.expect("a page").into_inner();
    assert_eq!(kept.decisions.len(), ITEMS);
    deployment.cli_ok(&["audit", "verify"]).await;
}

fn reason(status: &Status) -> String {
    reason_of(status).unwrap_or_default()
}

async fn a_banned_author_is_rejected_until_the_ban_is_lifted(deployment: &Deployment) {
    let key = moderator(deployment).await;
    let mut desk = deployment.reviews_as(&key);
    let (name, verdict) = submit(deployment, "first", "Thank you, that helped a lot!").await;
    assert_eq!(verdict.action(), Action::Allow);
    let item = desk.get_queue_item(GetQueueItemRequest { name }).await.expect("it").into_inner().item;
    let author = item.expect("an item").author;
    let ban = BanAuthorRequest { author: author.clone(), reason: "threats".into(), ..Default::default() };
    desk.ban_author(ban).await.expect("banned");
    let mut tries = 0;
    let banned = eventually("the worker knows", SOON, async || {
        tries += 1;
        let body = format!("Thank you for part {tries} of this series!");
        let (_, verdict) = submit(deployment, &format!("banned-{tries}"), &body).await;
        (verdict.action() == Action::Reject).then_some(verdict)
    })
    .await;
    assert_eq!(banned.reasons[0].rule, "author_banned");

    desk.lift_ban(LiftBanRequest { author }).await.expect("lifted");
    eventually("the worker forgets", SOON, async || {
        tries += 1;
        let body = format!("Thank you for part {tries} of this series!");
        let (_, verdict) = submit(deployment, &format!("lifted-{tries}"), &body).await;
        (verdict.action() != Action::Reject).then_some(())
    })
    .await;
}

async fn a_persons_key_decides_under_their_name_until_they_are_disabled(deployment: &Deployment) {
    let mail = "mo@example.org";
    deployment.cli_ok(&["users", "add", mail, "--name", "Mo", "--site", "blog", "--role", "moderator"]).await;
    let create = ["keys", "create", "--roles", "moderator", "--for"];
    for refused in [["nobody@example.org"].as_slice(), &[mail, "--roles", "admin"]] {
        let output = deployment.cli(&[&create[..], refused].concat()).await;
        assert!(!output.status.success(), "{refused:?}");
    }
    let printed = deployment.cli_ok(&[&create[..], &[mail]].concat()).await;
    let key = printed.split_whitespace().find(|word| word.starts_with("mk_")).expect("a key").to_owned();
    let (name, _) = submit(deployment, "first", "Thank you, that helped a lot!").await;
    let mut desk = deployment.reviews_as(&key);
    let item = eventually("the key works", SOON, async || {
        let request = GetQueueItemRequest { name: name.clone() };
        deployment.reviews_as(&key).get_queue_item(request).await.ok()?.into_inner().item
    })
    .await;
    let comment = item.comment.expect("a comment");
    desk.decide_comment(decide(&comment, DecisionKind::Approve)).await.expect("decided");
    let request = ListDecisionsRequest { parent: SITE.to_owned(), ..Default::default() };
    let made = desk.list_decisions(request).await.expect("a page").into_inner().decisions.remove(0);
    let actor = made.actor.expect("an actor");
    assert!(actor.id.starts_with("user:") && actor.display_name == "Mo", "{actor:?}");

    deployment.cli_ok(&["users", "disable", mail]).await;
    eventually("the key stops working", SOON, async || {
        let request = GetQueueCountsRequest { parent: SITE.to_owned() };
        let refused = deployment.reviews_as(&key).get_queue_counts(request).await.err()?;
        (reason(&refused) == "KEY_REJECTED").then_some(())
    })
    .await;
}
