//! Who may not ask, and what cannot be asked.

use std::sync::atomic::Ordering::SeqCst;

use moderato_api::pb::query as pb;
use moderato_query::Rpc;
use tonic::{Request, Status};
use tonic_types::StatusExt as _;

use crate::harness::{Running, draft, reason, start, with_key};

/// Calls an RPC about a comment of a site, with or without a key.
async fn call(role: &Running, rpc: Rpc, key: Option<&str>, site: &str, comment: &str) -> Result<(), Status> {
    fn keyed<T>(key: Option<&str>, message: T) -> Request<T> {
        match key {
            Some(key) => with_key(key, message),
            None => Request::new(message),
        }
    }
    let (parent, comment) = (format!("sites/{site}"), format!("sites/{site}/comments/{comment}"));
    let client = &mut role.client.clone();
    match rpc {
        Rpc::GetComment => {
            client.get_comment(keyed(key, pb::GetCommentRequest { name: comment })).await.map(drop)
        }
        Rpc::ListComments => {
            let ask = pb::ListCommentsRequest { parent, ..Default::default() };
            client.list_comments(keyed(key, ask)).await.map(drop)
        }
        Rpc::ListPublishedComments => {
            let ask =
                pb::ListPublishedCommentsRequest { parent: parent + "/threads/post-1", ..Default::default() };
            client.list_published_comments(keyed(key, ask)).await.map(drop)
        }
        Rpc::CountPublishedComments => {
            let ask = pb::CountPublishedCommentsRequest { parent, threads: vec!["post-1".into()] };
            client.count_published_comments(keyed(key, ask)).await.map(drop)
        }
        Rpc::GetVerdict => {
            client.get_verdict(keyed(key, pb::GetVerdictRequest { comment, revision: 0 })).await.map(drop)
        }
        Rpc::ListVerdicts => {
            let ask = pb::ListVerdictsRequest { parent: comment, ..Default::default() };
            client.list_verdicts(keyed(key, ask)).await.map(drop)
        }
        Rpc::AwaitVerdict => {
            let ask = pb::AwaitVerdictRequest { comment, ..Default::default() };
            client.await_verdict(keyed(key, ask)).await.map(drop)
        }
        Rpc::WatchEvents => {
            let ask = pb::WatchEventsRequest { parent, ..Default::default() };
            client.watch_events(keyed(key, ask)).await.map(drop)
        }
    }
}

#[tokio::test]
async fn a_key_reads_its_own_site_and_a_refusal_tells_nothing_about_another() {
    let role = start().await;
    role.record([draft("c1")]).await;
    for rpc in Rpc::ALL {
        assert!(call(&role, rpc, Some(&role.keys.blog), "blog", "c1").await.is_ok(), "{rpc:?}");
    }
    // Of a role where nobody listens: a tail that still looks for the last listener would be counted, too.
    let role = start().await;
    role.record([draft("c1")]).await;
    let before = role.store.reads.load(SeqCst);
    for rpc in Rpc::ALL {
        let exists = call(&role, rpc, Some(&role.keys.other), "blog", "c1").await.unwrap_err();
        let missing = call(&role, rpc, Some(&role.keys.other), "blog", "c2").await.unwrap_err();
        assert_eq!((exists.code(), exists.message()), (missing.code(), missing.message()), "{rpc:?}");
        assert_eq!(reason::<()>(Err(exists)), "PERMISSION_DENIED", "{rpc:?}");
        let submitting = call(&role, rpc, Some(&role.keys.submit), "blog", "c1").await;
        assert_eq!(reason(submitting), "PERMISSION_DENIED", "{rpc:?}");
        assert_eq!(reason(call(&role, rpc, None, "blog", "c1").await), "KEY_MISSING", "{rpc:?}");
        let unknown = format!("mk_{}.{}", "0".repeat(12), "0".repeat(64));
        assert_eq!(reason(call(&role, rpc, Some(&unknown), "blog", "c1").await), "KEY_REJECTED", "{rpc:?}");
    }
    assert_eq!(role.store.reads.load(SeqCst), before, "nothing was read for them");
}

#[tokio::test]
async fn what_is_wrong_is_told_at_once_with_what_would_be_right() {
    let mut role = start().await;
    let ask = pb::ListCommentsRequest {
        parent: "sites/Blog".into(),
        page_size: -1,
        filter: "state = PENDIN".into(),
        ..Default::default()
    };
    let status = role.client.list_comments(role.ask(ask)).await.unwrap_err();
    let violations = status.get_details_bad_request().unwrap().field_violations;
    let fields: Vec<&str> = violations.iter().map(|v| v.field.as_str()).collect();
    assert_eq!(fields, ["parent", "page_size", "filter"]);
    assert!(violations[2].description.ends_with("did you mean PENDING?"), "{}", violations[2].description);

    let threads = vec!["no/thread".to_owned(); 500];
    let ask = pb::CountPublishedCommentsRequest { parent: "sites/blog".into(), threads };
    let status = role.client.count_published_comments(role.ask(ask)).await.unwrap_err();
    assert!(!status.get_details_bad_request().unwrap().field_violations.is_empty());
}
