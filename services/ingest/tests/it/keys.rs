//! Who may hand in comments.

use moderato_domain::Role;

use crate::support::{reason, start, submission};

#[tokio::test]
async fn without_a_good_key_nothing_is_accepted() {
    let role = start().await;
    let key = role.key.expose().to_owned();
    let wrong_secret =
        format!("{}{}", &key[..key.len() - 4], if key.ends_with("0000") { "1111" } else { "0000" });
    for (key, expected) in [
        (None, "KEY_MISSING"),
        (Some(wrong_secret.as_str()), "KEY_REJECTED"),
        (Some("mk_000000000000.secret"), "KEY_REJECTED"),
    ] {
        let answer = role.client_with(key).submit_comment(submission("r", "hello")).await;
        assert_eq!(reason(answer), expected, "{key:?}");
    }
    role.revoke(&role.key).await;
    assert_eq!(reason(role.client().submit_comment(submission("r", "hello")).await), "KEY_REJECTED");
    assert!(role.taken().await.is_empty());
}

#[tokio::test]
async fn a_key_works_on_its_own_site_and_for_its_roles_only() {
    let role = start().await;
    let shop = role.key_for("shop", &[Role::Ingest]).await;
    let reader = role.key_for("blog", &[Role::Reader]).await;
    for key in [shop, reader] {
        let answer = role.client_with(Some(key.expose())).submit_comment(submission("r", "hello")).await;
        assert_eq!(reason(answer), "PERMISSION_DENIED");
    }
    assert!(role.taken().await.is_empty());
}

#[tokio::test]
async fn after_shutdown_was_requested_calls_are_sent_elsewhere() {
    let role = start().await;
    let mut client = role.client();
    client.submit_comment(submission("r-1", "hello")).await.unwrap();
    role.trigger.fire();
    assert_eq!(reason(client.submit_comment(submission("r-2", "hello")).await), "SHUTTING_DOWN");
    let stream = client.submit_comments(tokio_stream::empty()).await;
    assert_eq!(reason(stream), "SHUTTING_DOWN");
}
