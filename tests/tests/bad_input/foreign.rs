//! Messages on the queue that ingest did not put there: each becomes a dead letter that names the
//! reason, alone.

use std::sync::Arc;

use bytes::Bytes;
use lapin::options::BasicPublishOptions;
use lapin::{BasicProperties, Connection, ConnectionProperties};
use moderato_api::internal::{Submission, encode};
use moderato_domain::intake::Arrival;
use moderato_domain::{Clock as _, CommentDraft, CommentId, Revision, SiteId, SiteSettings, SystemClock};
use moderato_queue::rabbitmq::{RabbitMq, RabbitMqOptions};
use moderato_queue::{Envelope, Queue, RETRY_DELAYS, Route, SCHEMA};
use moderato_store_sqlite::{SqliteFile, SqliteOptions};
use moderato_tests::deployment::Deployment;
use moderato_tests::{eventually, on_both_deployments};
use uuid::Uuid;

use crate::support::{DEADLINE, accepted, dead_letters, letter_with, undisturbed, until_dead, verdict};

on_both_deployments!(
    messages_that_cannot_be_read_become_dead_letters_with_the_reason,
    one_bad_submission_in_a_group_is_given_up_alone,
    a_comment_of_a_site_that_was_not_known_is_redriven_once_it_is,
);

/// The deployment's queue, from beside it.
async fn queue(deployment: &Deployment) -> Arc<dyn Queue> {
    if let Some(url) = deployment.setting("AMQP_URL") {
        return RabbitMq::connect(url, RabbitMqOptions::default()).await.expect("the broker is there");
    }
    let file = deployment.data_dir().join("moderato.db");
    Arc::new(SqliteFile::open(file, SqliteOptions::default()).await.expect("the file is there").queue())
}

fn envelope(number: u128, items: u32, body: impl Into<Bytes>) -> Envelope {
    Envelope::submissions(Uuid::from_u128(number), items, SystemClock.now(), body.into())
}

/// An encoded submission, as ingest would write it.
fn comment(site: &str, id: &str) -> Bytes {
    let draft = CommentDraft {
        thread: "post-1".into(),
        display_name: "Ada".into(),
        body: format!("A comment with the id {id}, thank you."),
        ..CommentDraft::default()
    };
    let arrival = Arrival {
        site: SiteId::parse(site).expect("an id"),
        id: CommentId::parse(id).expect("an id"),
        revision: Revision::FIRST,
        request_id: None,
        accept_time: SystemClock.now(),
    };
    let comment = draft.admit(&SiteSettings::default(), arrival).expect("a good comment");
    encode(&Submission::Comment(Box::new(comment)))
}

/// A message without any property, to the default exchange.
async fn publish_bare(amqp_url: &str, body: &[u8]) {
    let connection =
        Connection::connect(amqp_url, ConnectionProperties::default()).await.expect("the broker is there");
    let channel = connection.create_channel().await.expect("a channel");
    let (options, properties) = (BasicPublishOptions::default(), BasicProperties::default());
    let published = channel.basic_publish("".into(), "moderato.work".into(), options, body, properties).await;
    published.expect("published").await.expect("taken");
    connection.close(0, "done".into()).await.expect("closed");
}

async fn messages_that_cannot_be_read_become_dead_letters_with_the_reason(deployment: &Deployment) {
    let queue = queue(deployment).await;
    let good = comment("blog", "good");
    let mut messages = vec![
        Envelope { kind: "somebody.else".into(), ..envelope(1, 1, good.clone()) },
        Envelope { schema: SCHEMA + 1, ..envelope(2, 1, good.clone()) },
        envelope(3, 1, &b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"[..]),
        envelope(4, 1, Bytes::new()),
        // Cut in the middle.
        envelope(5, 1, good.slice(..good.len() / 2)),
    ];
    match deployment.setting("AMQP_URL") {
        Some(url) => publish_bare(url, b"what is this?").await,
        None => messages.push(Envelope {
            kind: String::new(),
            schema: 0,
            ..envelope(6, 1, &b"what is this?"[..])
        }),
    }
    for message in messages {
        queue.publish(Route::Work, message).await.expect("stored");
        // In between them, as if nothing was.
        let number = Uuid::from_u128(7).as_u128();
        queue.publish(Route::Work, envelope(number, 1, good.clone())).await.expect("stored");
    }
    verdict(deployment, "sites/blog/comments/good", 1).await;

    let letters = until_dead(deployment, 6).await;
    let reasons = [
        r#"unknown message type "somebody.else"; this release reads "moderato.submissions""#,
        "schema 2 is not readable by this release, which reads 1 to 1",
        "the body is not a list of submissions",
        "the body holds no submission",
        "it ends in the middle of a field",
        r#"unknown message type "";"#,
    ];
    for reason in reasons {
        // Two of them are no list of submissions, each for a reason of its own.
        let letter = letters.iter().find(|letter| letter.line.contains(reason));
        let letter = letter.unwrap_or_else(|| panic!("no dead letter says {reason:?}: {letters:#?}"));
        let shown = deployment.cli_ok(&["queue", "dead", "show", &letter.id]).await;
        assert!(shown.contains(reason), "{reason:?} is missing in\n{shown}");
    }
    undisturbed(deployment, 6).await;

    // Back to work is back to the dead letters: nothing has changed about them.
    let one = &letter_with(&letters, "somebody.else").id;
    assert_eq!(deployment.cli_ok(&["queue", "dead", "redrive", one]).await.trim(), "1 back to work");
    until_dead(deployment, 6).await;
    assert_eq!(deployment.cli_ok(&["queue", "dead", "drop", one]).await.trim(), "1 deleted");
    assert!(dead_letters(deployment).await.iter().all(|letter| letter.id != *one));
    let again = deployment.cli(&["queue", "dead", "drop", one]).await;
    assert!(!again.status.success(), "it is gone");
    assert_eq!(deployment.cli_ok(&["queue", "dead", "drop", "--all"]).await.trim(), "5 deleted");
    undisturbed(deployment, 0).await;
}

async fn one_bad_submission_in_a_group_is_given_up_alone(deployment: &Deployment) {
    let queue = queue(deployment).await;
    // Submissions { items: [{ comment: { site: "BLOG" } }] }: what ingest would never let in.
    let bad = b"\x0a\x08\x0a\x06\x0a\x04BLOG";
    let group = [&comment("blog", "before")[..], bad, b"\x0a\x00", &comment("blog", "after")].concat();
    queue.publish(Route::Work, envelope(1, 4, group)).await.expect("stored");

    for neighbour in ["before", "after"] {
        verdict(deployment, &format!("sites/blog/comments/{neighbour}"), 1).await;
    }
    let letters = until_dead(deployment, 2).await;
    letter_with(&letters, "submission 1: site: a site id has");
    letter_with(&letters, "submission 2: neither a comment nor a withdrawal");
    for letter in &letters {
        let shown = deployment.cli_ok(&["queue", "dead", "show", &letter.id]).await;
        assert!(shown.contains("1 submissions"), "alone: {shown}");
        assert!(
            !shown.contains("id before") && !shown.contains("id after"),
            "without its neighbours: {shown}"
        );
    }
    undisturbed(deployment, 2).await;
}

async fn a_comment_of_a_site_that_was_not_known_is_redriven_once_it_is(deployment: &Deployment) {
    let queue = queue(deployment).await;
    // It has been held back as often as anything is.
    let attempt = u32::try_from(RETRY_DELAYS.len()).expect("a few");
    let message = Envelope { attempt, ..envelope(1, 1, comment("later", "early-bird")) };
    queue.publish(Route::Work, message).await.expect("stored");
    let letters = until_dead(deployment, 1).await;
    assert!(
        letters[0].line.contains("the site is not known to this worker; gave up after 4 retries"),
        "{letters:?}"
    );

    deployment.cli_ok(&["sites", "create", "later"]).await;
    let key = crate::support::new_key(deployment, "later", "reader").await;
    let request = || moderato_api::pb::query::GetVerdictRequest {
        comment: "sites/later/comments/early-bird".to_owned(),
        revision: 0,
    };
    // The worker learns of the site within seconds; until then the letter comes back, after a retry.
    eventually("the worker knows the site", DEADLINE, async || {
        deployment.cli_ok(&["queue", "dead", "redrive", "--all"]).await;
        deployment.query_as(Some(&key)).get_verdict(request()).await.ok()
    })
    .await;
    let name = accepted(deployment, "beside", "Meanwhile on another site, thank you.").await;
    verdict(deployment, &name, 1).await;
    undisturbed(deployment, 0).await;
}
