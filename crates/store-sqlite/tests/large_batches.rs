//! Batches that need more parameters than one statement takes.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use moderato_domain::intake::Arrival;
use moderato_domain::{
    Action, AuthorKey, CommentDraft, CommentId, Evaluation, Facts, PrivacyKey, Revision, RuleSetVersion,
    Score, SiteId, SiteSettings, State, TextFingerprint, Timestamp,
};
use moderato_store::{EventCursor, EventLog, NewRecord, Pipeline, Questions, Recorded, Traces};
use moderato_store_sqlite::{SqliteFile, SqliteOptions};

fn record(number: usize) -> NewRecord {
    let arrival = Arrival {
        site: SiteId::parse("blog").unwrap(),
        id: CommentId::parse(&format!("c{number}")).unwrap(),
        revision: Revision::FIRST,
        request_id: None,
        accept_time: Timestamp::from_millis(1_000 + number as i64),
    };
    let draft = CommentDraft {
        thread: "post".to_owned(),
        display_name: "Ada".to_owned(),
        user_id: format!("user-{number}"),
        body: format!("comment {number}"),
        ..CommentDraft::default()
    };
    let comment = draft.admit(&SiteSettings::default(), arrival).unwrap();
    NewRecord {
        content_hash: comment.content_hash(),
        submission_uid: comment.submission_uid(),
        author: AuthorKey::of(&comment, &PrivacyKey::new([1; 32])),
        mail_hash: None,
        ip_hash: None,
        ip_prefix: None,
        contact: None,
        fingerprint: TextFingerprint::of(&comment.body),
        traces: Traces::default(),
        facts: Facts::none(Timestamp::from_millis(2_000)),
        evaluation: Evaluation {
            action: Action::Allow,
            approved_by_rule: false,
            score: Score::new(0.25),
            reasons: Vec::new(),
            signals: Vec::new(),
            rule_set: RuleSetVersion::parse("v@1").unwrap(),
            degraded: Vec::new(),
        },
        state: State::Published,
        evaluate_time: Timestamp::from_millis(2_000),
        comment,
    }
}

#[tokio::test]
async fn a_batch_of_any_size_is_one_transaction() {
    let directory = tempfile::tempdir().unwrap();
    let file = SqliteFile::open(directory.path().join("m.db"), SqliteOptions::default()).await.unwrap();
    let store = file.store();
    let mut batch: Vec<NewRecord> = (0..2_500).map(record).collect();
    batch.push(record(0));

    let outcome = store.record(&batch).await.unwrap();
    assert!(outcome[..2_500].iter().all(|outcome| *outcome == Recorded::Applied));
    assert_eq!(outcome[2_500], Recorded::Duplicate);
    assert_eq!(store.event_head().await.unwrap(), EventCursor { epoch: 0, sequence: 2_500 });
    let events = store.events_after(EventCursor::default(), None, 5_000).await.unwrap();
    assert!(events.iter().zip(&batch).all(|(event, record)| event.comment == record.comment.name()));
    let authors: Vec<_> =
        batch.iter().map(|record| (record.comment.site.clone(), record.author.unwrap())).collect();
    let facts = store.facts(&Questions { authors, ..Questions::default() }).await.unwrap().authors;
    assert!(facts.iter().all(|facts| facts.is_some_and(|facts| facts.comments == 1 && facts.published == 1)));

    assert!(store.record(&batch).await.unwrap().iter().all(|outcome| *outcome == Recorded::Duplicate));
}
