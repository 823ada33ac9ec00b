//! Comments, counts and verdicts.

use moderato_api::pb::query as pb;
use moderato_api::pb::types;
use moderato_domain::{
    Action, Actor, Decision, DecisionId, DecisionKind, Ids as _, Revision, State, SystemIds, Target,
    Timestamp,
};
use moderato_store::Review as _;
use prost::Message as _;
use tonic::Code;

use crate::harness::{self, Draft, IP, IP_PREFIX, MAIL, draft, name, reason, start, with_key};

fn get(id: &str) -> pb::GetCommentRequest {
    pb::GetCommentRequest { name: format!("sites/blog/comments/{id}") }
}

fn list(filter: &str, page_size: i32, page_token: &str) -> pb::ListCommentsRequest {
    pb::ListCommentsRequest {
        parent: "sites/blog".into(),
        page_size,
        page_token: page_token.into(),
        filter: filter.into(),
    }
}

fn ids(comments: &[types::Comment]) -> Vec<&str> {
    comments.iter().map(|c| c.name.rsplit_once('/').unwrap().1).collect()
}

fn approve(id: &str) -> Decision {
    let name = name(id);
    let decide_time = Timestamp::from_millis(1_722_470_500_000);
    Decision {
        id: DecisionId(SystemIds.time_ordered()),
        site: name.site,
        targets: vec![Target { comment: name.comment, revision: Revision::FIRST, version: None }],
        kind: DecisionKind::Approve,
        actor: Actor::operator(),
        guideline: None,
        message: None,
        note: None,
        over_claim: false,
        decide_time,
        undo_until: decide_time,
    }
}

#[tokio::test]
async fn a_comment_is_shown_as_it_is_and_its_etag_changes_with_it() {
    let mut role = start().await;
    role.record([Draft { state: State::Pending, action: Action::Review, ..draft("c1") }]).await;
    let before = role.client.get_comment(role.ask(get("c1"))).await.unwrap().into_inner();
    assert_eq!(before.name, "sites/blog/comments/c1");
    assert_eq!(before.thread, "sites/blog/threads/post-1");
    assert_eq!(before.body, "revision 1 of c1");
    assert_eq!(
        (before.state(), before.action(), before.decided),
        (types::State::Pending, types::Action::Review, false)
    );
    role.store.decide(&approve("c1")).await.unwrap();
    let after = role.client.get_comment(role.ask(get("c1"))).await.unwrap().into_inner();
    assert_eq!((after.state(), after.decided), (types::State::Published, true));
    assert_ne!(after.etag, before.etag);
}

#[tokio::test]
async fn what_is_missing_is_said() {
    let mut role = start().await;
    role.record([draft("c1")]).await;
    assert_eq!(reason(role.client.get_comment(role.ask(get("c2"))).await), "COMMENT_NOT_FOUND");
    let verdict = |id: &str, revision| pb::GetVerdictRequest { comment: get(id).name, revision };
    assert_eq!(reason(role.client.get_verdict(role.ask(verdict("c2", 0))).await), "COMMENT_NOT_FOUND");
    assert_eq!(reason(role.client.get_verdict(role.ask(verdict("c1", 2))).await), "VERDICT_NOT_FOUND");
    let verdicts = pb::ListVerdictsRequest { parent: get("c2").name, ..Default::default() };
    assert_eq!(reason(role.client.list_verdicts(role.ask(verdicts)).await), "COMMENT_NOT_FOUND");
    let found = role.client.get_verdict(role.ask(verdict("c1", 1))).await.unwrap().into_inner();
    assert_eq!((found.comment.as_str(), found.revision), ("sites/blog/comments/c1", 1));
    assert_eq!(found.reasons[0].rule, "throwaway-mail");
}

#[tokio::test]
async fn pages_hold_every_comment_once_newest_first() {
    let mut role = start().await;
    // Three were accepted in the same millisecond each.
    role.record((0..8).map(|n| Draft { minute: n / 3, ..draft(format!("c{n}")) })).await;
    let mut seen = Vec::new();
    let mut token = String::new();
    loop {
        let page = role.client.list_comments(role.ask(list("", 3, &token))).await.unwrap().into_inner();
        assert!(page.comments.len() <= 3);
        seen.extend(page.comments);
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    let mut sorted = ids(&seen);
    sorted.sort_unstable();
    assert_eq!(sorted, ["c0", "c1", "c2", "c3", "c4", "c5", "c6", "c7"]);
    let times: Vec<i64> = seen.iter().map(|c| c.accept_time.unwrap().seconds).collect();
    assert!(times.is_sorted_by(|a, b| a >= b), "{times:?}");
}

#[tokio::test]
async fn a_filter_chooses_and_its_tokens_serve_no_other_request() {
    let mut role = start().await;
    let pending =
        |n: i64| Draft { state: State::Pending, action: Action::Review, minute: n, ..draft(format!("p{n}")) };
    role.record((0..3).map(pending)).await;
    role.record([draft("c1"), Draft { thread: "post-2", ..pending(9) }]).await;
    let filter = "state = PENDING AND thread = post-1";
    let first = role.client.list_comments(role.ask(list(filter, 2, ""))).await.unwrap().into_inner();
    assert_eq!(ids(&first.comments), ["p2", "p1"]);
    let token = first.next_page_token;

    let same = list("thread=\"post-1\" AND state=PENDING", 1, &token);
    let second = role.client.list_comments(role.ask(same)).await.unwrap().into_inner();
    assert_eq!((ids(&second.comments), second.next_page_token), (vec!["p0"], String::new()));

    for other in ["", "state = PENDING", "state = SPAM AND thread = post-1"] {
        let refused = role.client.list_comments(role.ask(list(other, 2, &token))).await;
        assert_eq!(reason(refused), "TOKEN_INVALID", "{other}");
    }
    let published = pb::ListPublishedCommentsRequest {
        parent: "sites/blog/threads/post-1".into(),
        page_token: token.clone(),
        page_size: 2,
    };
    assert_eq!(reason(role.client.list_published_comments(role.ask(published)).await), "TOKEN_INVALID");
    let foreign = pb::ListCommentsRequest { parent: "sites/other".into(), ..list(filter, 2, &token) };
    let refused = role.client.list_comments(with_key(&role.keys.other, foreign)).await;
    assert_eq!(reason(refused), "TOKEN_INVALID");
}

#[tokio::test]
async fn readers_of_a_thread_see_what_is_published_oldest_first() {
    let mut role = start().await;
    role.record((0..5).map(|n| Draft { minute: n, ..draft(format!("c{n}")) })).await;
    role.record([
        Draft { state: State::Spam, ..draft("spam") },
        Draft { state: State::Pending, ..draft("pending") },
        Draft { thread: "post-2", ..draft("elsewhere") },
        Draft { site: "other", ..draft("foreign") },
    ])
    .await;
    let ask = |page_token| pb::ListPublishedCommentsRequest {
        parent: "sites/blog/threads/post-1".into(),
        page_size: 3,
        page_token,
    };
    let first = role.client.list_published_comments(role.ask(ask(String::new()))).await.unwrap().into_inner();
    assert_eq!(ids(&first.comments), ["c0", "c1", "c2"]);
    let last =
        role.client.list_published_comments(role.ask(ask(first.next_page_token))).await.unwrap().into_inner();
    assert_eq!(ids(&last.comments), ["c3", "c4"]);
    assert_eq!(last.next_page_token, "");

    let threads = ["post-2", "empty", "post-1", "post-2"].map(String::from).to_vec();
    let counts = pb::CountPublishedCommentsRequest { parent: "sites/blog".into(), threads };
    let counts = role.client.count_published_comments(role.ask(counts)).await.unwrap().into_inner().counts;
    let counts: Vec<(&str, i64)> = counts.iter().map(|c| (c.thread.as_str(), c.published)).collect();
    assert_eq!(counts, [("post-2", 1), ("empty", 0), ("post-1", 5), ("post-2", 1)]);
}

#[tokio::test]
async fn verdicts_come_newest_revision_first_in_pages() {
    let mut role = start().await;
    for revision in [1, 4, 2] {
        role.record([Draft { revision, ..draft("c1") }]).await;
    }
    let ask = |page_token| pb::ListVerdictsRequest { parent: get("c1").name, page_size: 2, page_token };
    let first = role.client.list_verdicts(role.ask(ask(String::new()))).await.unwrap().into_inner();
    let last = role.client.list_verdicts(role.ask(ask(first.next_page_token))).await.unwrap().into_inner();
    let revisions: Vec<i64> = first.verdicts.iter().chain(&last.verdicts).map(|v| v.revision).collect();
    assert_eq!((revisions, last.next_page_token), (vec![4, 2, 1], String::new()));
}

#[tokio::test]
async fn a_failing_store_is_said_without_its_words() {
    let mut role = start().await;
    role.store.down.store(true, std::sync::atomic::Ordering::SeqCst);
    let status = role.client.get_comment(role.ask(get("c1"))).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert!(!status.message().contains("db.internal"), "{status:?}");
    assert_eq!(reason::<()>(Err(status)), "STORE_UNAVAILABLE");
}

#[tokio::test]
async fn no_answer_holds_a_mail_or_ip_address() {
    let role = start().await;
    role.record([draft("c1")]).await;
    let comment = get("c1").name;
    let mut told: Vec<u8> = Vec::new();
    let client = &mut role.client.clone();
    told.extend(client.get_comment(role.ask(get("c1"))).await.unwrap().into_inner().encode_to_vec());
    told.extend(client.list_comments(role.ask(list("", 0, ""))).await.unwrap().into_inner().encode_to_vec());
    let published =
        pb::ListPublishedCommentsRequest { parent: "sites/blog/threads/post-1".into(), ..Default::default() };
    told.extend(
        client.list_published_comments(role.ask(published)).await.unwrap().into_inner().encode_to_vec(),
    );
    let counts =
        pb::CountPublishedCommentsRequest { parent: "sites/blog".into(), threads: vec!["post-1".into()] };
    told.extend(
        client.count_published_comments(role.ask(counts)).await.unwrap().into_inner().encode_to_vec(),
    );
    let verdict = pb::GetVerdictRequest { comment: comment.clone(), revision: 0 };
    told.extend(client.get_verdict(role.ask(verdict)).await.unwrap().into_inner().encode_to_vec());
    let verdicts = pb::ListVerdictsRequest { parent: comment.clone(), ..Default::default() };
    told.extend(client.list_verdicts(role.ask(verdicts)).await.unwrap().into_inner().encode_to_vec());
    let awaited = pb::AwaitVerdictRequest { comment, ..Default::default() };
    told.extend(client.await_verdict(role.ask(awaited)).await.unwrap().into_inner().encode_to_vec());
    let watched =
        pb::WatchEventsRequest { parent: "sites/blog".into(), from_start: true, ..Default::default() };
    let mut events = client.watch_events(role.ask(watched)).await.unwrap().into_inner();
    let message = harness::soon(events.message()).await.unwrap().unwrap();
    assert_eq!(message.events.len(), 1);
    told.extend(message.encode_to_vec());

    let holds = |secret: &str| told.windows(secret.len()).any(|bytes| bytes == secret.as_bytes());
    assert!(holds("Ada") && holds("revision 1 of c1"), "the search works");
    for secret in [MAIL, "secret.example", IP, IP_PREFIX] {
        assert!(!holds(secret), "{secret}");
    }
}
