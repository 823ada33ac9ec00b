//! Page and resume tokens that belong to another request, or to none.

use moderato_api::pb::query::{
    ListCommentsRequest, ListPublishedCommentsRequest, ListVerdictsRequest, WatchEventsRequest,
};
use moderato_tests::deployment::{Deployment, SITE};
use tonic::Code;

use crate::support::{accepted, new_key, refused, undisturbed, verdict};

#[tokio::test(flavor = "multi_thread")]
async fn a_page_token_is_good_for_its_own_list_only() {
    let deployment = Deployment::embedded().await;
    let mut names = Vec::new();
    for number in 0..3 {
        names.push(
            accepted(&deployment, &format!("p-{number}"), &format!("Comment {number}, thank you.")).await,
        );
    }
    for name in &names {
        verdict(&deployment, name, 1).await;
    }
    let list = |filter: &str, page_token: &str| ListCommentsRequest {
        parent: SITE.into(),
        page_size: 1,
        filter: filter.into(),
        page_token: page_token.into(),
    };
    let mut query = deployment.query();
    let page = query.list_comments(list("state = PENDING", "")).await.expect("a page").into_inner();
    let token = page.next_page_token;
    // The same filter in other spelling is the same list.
    query.list_comments(list("state=PENDING", &token)).await.expect("the next page");

    let long = "ab".repeat(100_000);
    let cut = &token[..token.len() - 2];
    let changed = token.replace(&token[20..22], "zz");
    let garbage = ["garbage", "ffff", "00", "🍞", " ", cut, &changed, &token.to_uppercase()[1..], &long];
    for wrong in garbage {
        refused(
            query.list_comments(list("state = PENDING", wrong)).await,
            Code::InvalidArgument,
            "TOKEN_INVALID",
        );
    }
    for filter in ["", "state = SPAM", "state = PENDING AND thread = post-1"] {
        refused(query.list_comments(list(filter, &token)).await, Code::InvalidArgument, "TOKEN_INVALID");
    }
    let verdicts = ListVerdictsRequest {
        parent: names[0].clone(),
        page_token: token.clone(),
        ..ListVerdictsRequest::default()
    };
    refused(query.list_verdicts(verdicts).await, Code::InvalidArgument, "TOKEN_INVALID");
    let parent = format!("{SITE}/threads/post-1");
    let published = ListPublishedCommentsRequest {
        parent,
        page_token: token.clone(),
        ..ListPublishedCommentsRequest::default()
    };
    refused(query.list_published_comments(published).await, Code::InvalidArgument, "TOKEN_INVALID");
    let watch = WatchEventsRequest { parent: SITE.into(), resume_token: token, from_start: false };
    refused(query.watch_events(watch).await, Code::InvalidArgument, "TOKEN_INVALID");
    undisturbed(&deployment, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resume_token_is_good_for_its_own_site_only() {
    let deployment = Deployment::embedded().await;
    deployment.cli_ok(&["sites", "create", "news"]).await;
    let key = new_key(&deployment, "news", "reader").await;
    let watch = |site: &str, resume_token: &str| WatchEventsRequest {
        parent: site.into(),
        resume_token: resume_token.into(),
        from_start: false,
    };
    let mut news = deployment
        .query_as(Some(&key))
        .watch_events(watch("sites/news", ""))
        .await
        .expect("a stream")
        .into_inner();
    let token = news.message().await.expect("open").expect("open").resume_token;
    deployment.query_as(Some(&key)).watch_events(watch("sites/news", &token)).await.expect("its own");

    let mut blog = deployment.query();
    for wrong in [token.as_str(), "garbage", "01", &"0".repeat(4096)] {
        refused(blog.watch_events(watch(SITE, wrong)).await, Code::InvalidArgument, "TOKEN_INVALID");
        let list = ListCommentsRequest {
            parent: SITE.into(),
            page_token: wrong.into(),
            ..ListCommentsRequest::default()
        };
        refused(blog.list_comments(list).await, Code::InvalidArgument, "TOKEN_INVALID");
    }
    undisturbed(&deployment, 0).await;
}
