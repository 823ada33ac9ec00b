//! Texts that nobody can see, and texts that are made to deceive.

use moderato_api::pb::ingest::{
    Attachment, Author, CheckCommentRequest, Client, CommentDraft, EditCommentRequest, Form,
    SubmitCommentRequest,
};
use moderato_api::pb::query::ListCommentsRequest;
use moderato_api::pb::types::Action;
use moderato_tests::deployment::{Deployment, SITE};
use moderato_tests::sample::{draft, submission};
use tonic::Code;

use crate::support::{
    accepted, answers, assert_spans_slice, fields, item, name_of, refused, refused_item, stored, undisturbed,
    verdict, violations,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_nobody_could_see_is_refused() {
    let deployment = Deployment::embedded().await;
    let invisible = [
        "",
        " \n\t\r ",
        "\u{a0}\u{2003}\u{3000}",
        "\u{200b}\u{200d}\u{feff}",
        "\u{202e}\u{2066}\u{2069}",
        "\u{2800}\u{ad}\u{3164}",
        "\u{e0041}\u{e007f}",
    ];
    for body in invisible {
        let submit = deployment.ingest().submit_comment(submission("empty", "post-1", body)).await;
        let submit = refused(submit, Code::InvalidArgument, "INVALID_FIELDS");
        assert_eq!(violations(&submit), fields(&[("comment.body", "REQUIRED")]), "{body:?}");
        let check = CheckCommentRequest { parent: SITE.into(), comment: Some(draft("post-1", body)) };
        refused(deployment.ingest().check_comment(check).await, Code::InvalidArgument, "INVALID_FIELDS");
    }
    // In a stream the others go through.
    let mut items: Vec<_> = invisible.iter().map(|body| item("empty", body)).collect();
    items.insert(3, item("seen", "I can be seen, thank you."));
    let (answers, status) =
        answers(deployment.ingest().submit_comments(tokio_stream::iter(items)).await).await;
    assert!(status.is_none(), "{status:?}");
    for (index, answer) in answers.iter().enumerate() {
        if index == 3 {
            verdict(&deployment, name_of(answer), 1).await;
        } else {
            let refusal = refused_item(answer, Code::InvalidArgument, "INVALID_FIELDS");
            assert_eq!(refusal.violations[0].field, "comment.body");
        }
    }
    undisturbed(&deployment, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_violation_comes_at_once_under_its_path() {
    let deployment = Deployment::embedded().await;
    let bad = CommentDraft {
        thread: "a/b".into(),
        parent: "c d".into(),
        author: Some(Author {
            display_name: "\u{200b}".into(),
            user_id: "u\u{0}".into(),
            email: "nobody".into(),
            url: "javascript:alert(1)".into(),
            verified: false,
        }),
        body: "\u{1b}[31m".into(),
        language: "not a language".into(),
        permalink: "/relative".into(),
        client: Some(Client { ip: "300.1.1.1".into(), ..Client::default() }),
        guidelines_version: "v\n1".into(),
        create_time: None,
        form: Some(Form { challenge: 9, ..Form::default() }),
        attachments: vec![Attachment { mime_type: "png".into(), size_bytes: -1 }],
        thread_state: None,
    };
    let of_the_draft = [
        ("comment.thread", "MALFORMED"),
        ("comment.parent", "MALFORMED"),
        ("comment.author.display_name", "REQUIRED"),
        ("comment.author.user_id", "CONTROL_CHARACTER"),
        ("comment.author.email", "MALFORMED"),
        ("comment.author.url", "MALFORMED"),
        ("comment.permalink", "MALFORMED"),
        ("comment.body", "CONTROL_CHARACTER"),
        ("comment.language", "MALFORMED"),
        ("comment.client.ip", "MALFORMED"),
        ("comment.guidelines_version", "CONTROL_CHARACTER"),
        ("comment.form.challenge", "UNKNOWN"),
        ("comment.attachments[0].mime_type", "MALFORMED"),
        ("comment.attachments[0].size_bytes", "OUT_OF_RANGE"),
    ];
    let sorted = |mut found: Vec<(String, String)>| {
        found.sort();
        found
    };
    let expected = |before: &[(&str, &str)]| sorted(fields(&[before, &of_the_draft].concat()));

    let submit = SubmitCommentRequest {
        parent: "blog".into(),
        comment: Some(bad.clone()),
        comment_id: "a b".into(),
        request_id: "\u{e4}".into(),
        validate_only: false,
    };
    let submit =
        refused(deployment.ingest().submit_comment(submit).await, Code::InvalidArgument, "INVALID_FIELDS");
    let around = [("parent", "MALFORMED"), ("comment_id", "MALFORMED"), ("request_id", "MALFORMED")];
    assert_eq!(sorted(violations(&submit)), expected(&around));

    let edit = EditCommentRequest { name: "c1".into(), comment: Some(bad), ..EditCommentRequest::default() };
    let edit = refused(deployment.ingest().edit_comment(edit).await, Code::InvalidArgument, "INVALID_FIELDS");
    assert_eq!(sorted(violations(&edit)), expected(&[("name", "MALFORMED"), ("revision", "REQUIRED")]));

    let nothing = deployment.ingest().submit_comment(SubmitCommentRequest::default()).await;
    let nothing = refused(nothing, Code::InvalidArgument, "INVALID_FIELDS");
    let required = [
        ("comment.author.display_name", "REQUIRED"),
        ("comment.body", "REQUIRED"),
        ("comment.thread", "REQUIRED"),
        ("parent", "MALFORMED"),
    ];
    assert_eq!(sorted(violations(&nothing)), fields(&required));

    let list = ListCommentsRequest {
        parent: "blog".into(),
        page_size: -1,
        filter: "sate = PENDING".into(),
        ..ListCommentsRequest::default()
    };
    let list = refused(deployment.query().list_comments(list).await, Code::InvalidArgument, "INVALID_FIELDS");
    let expected = [("filter", "UNKNOWN_FIELD"), ("page_size", "OUT_OF_RANGE"), ("parent", "MALFORMED")];
    assert_eq!(sorted(violations(&list)), fields(&expected));
    undisturbed(&deployment, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_hidden_characters_is_kept_as_typed_and_not_let_through() {
    let deployment = Deployment::embedded().await;
    let hidden_between =
        |text: &str, hidden: char| text.chars().flat_map(|c| [c, hidden]).collect::<String>();
    let floods = [
        format!("Nice post{}", "\u{202e}\u{202d}\u{2066}\u{2069}".repeat(500)),
        format!("\u{202e}{}\u{202c} thank you", hidden_between("moc.elpmaxe", '\u{202e}')),
        hidden_between("Buy cheap viagra now", '\u{200b}'),
        hidden_between("a perfectly ordinary sentence about bread", '\u{2060}'),
        format!("hello{}", "\u{200b}".repeat(10_000 - 5)),
        format!("hello {}", "\u{feff}\u{200d}\u{ad}".repeat(3_000)),
    ];
    for (number, body) in floods.iter().enumerate() {
        let name = accepted(&deployment, &format!("flood-{number}"), body).await;
        let judged = verdict(&deployment, &name, 1).await;
        assert_ne!(judged.action(), Action::Allow, "{body:?}: {judged:?}");
        assert!(!judged.reasons.is_empty());
        assert_spans_slice(body, &judged);
        assert_eq!(&stored(&deployment, &name).await.body, body, "kept as typed");
    }
    undisturbed(&deployment, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_at_the_edge_of_unicode_are_judged_and_their_spans_are_valid() {
    let deployment = Deployment::embedded().await;
    let texts = [
        "\u{10ffff}\u{fffe}\u{fdd0} noncharacters, https://bit.ly/x".to_owned(),
        format!("stacked {}", "e\u{301}\u{302}\u{303}\u{304}".repeat(1_000)),
        "👩\u{200d}👩\u{200d}👧\u{200d}👦".repeat(200),
        "İstanbul ß ﬁ ﷺ 가 \u{1100}\u{1161} саsіnо casino".to_owned(),
        "<a href=\"http://x.example\">".repeat(300),
        "&#x110000; &#xd800; &#0; &amp".repeat(100),
        "xn--a.example xn--.example http://[::1] http://例え.テスト".to_owned(),
    ];
    for (number, body) in texts.iter().enumerate() {
        let name = accepted(&deployment, &format!("edge-{number}"), body).await;
        let judged = verdict(&deployment, &name, 1).await;
        assert!(judged.reasons.iter().all(|reason| reason.rule != "engine_error"), "{body:?}: {judged:?}");
        assert_spans_slice(body, &judged);
        assert_eq!(&stored(&deployment, &name).await.body, body, "kept as typed");
        deployment.cli_ok(&["comment", "explain", &name]).await;
    }
    undisturbed(&deployment, 0).await;
}
