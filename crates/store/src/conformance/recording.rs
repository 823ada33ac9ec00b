//! Evaluated revisions: applied, duplicate, stale, conflict; verdicts that can be replayed.

use std::net::{IpAddr, Ipv4Addr};

use moderato_domain::{
    Action, Author, Client, Email, Evaluation, Field, Reason, RequestId, Revision, Score, Signal,
    SignalValue, Span, State,
};
use tokio::task::JoinSet;

use super::builders::{Case, Draft, at, author, comment_id, evaluation, revision, rule_set, shuffled};
use crate::Recorded::{Applied, Conflict, Duplicate, Stale};
use crate::{Answers, Contact, EventCursor, NewRecord, Questions, StoreError, StoredComment};

pub(super) async fn a_new_comment_is_applied_and_reads_back_whole(case: Case) {
    let (record, expected) = filled_in(&case);
    assert_eq!(case.store.record(std::slice::from_ref(&record)).await.expect("recorded"), [Applied]);
    assert_eq!(case.comment("c1").await, expected);
    assert_eq!(case.store.comment(&case.name("c2")).await.expect("read"), None);
}

/// Backends may write many new comments at once in another way than a few.
pub(super) async fn in_a_crowd_of_new_comments_each_reads_back_whole(case: Case) {
    let (record, expected) = filled_in(&case);
    let mut batch = crowd(&case, "crowd");
    batch.insert(CROWD / 2, record);
    assert_eq!(case.store.record(&batch).await.expect("recorded"), vec![Applied; CROWD + 1]);
    assert_eq!(case.comment("c1").await, expected);
    for record in &batch {
        let stored = case.store.comment(&record.comment.name()).await.expect("read").expect("stored");
        assert_eq!((stored.body, stored.state), (record.comment.body.clone(), record.state));
    }
}

pub(super) async fn a_crowd_can_hold_every_outcome(case: Case) {
    let known = case.draft("known");
    let edited = case.draft("edited").revision(2);
    assert_eq!(case.record([known, edited]).await, [Applied; 2]);

    let mut batch = crowd(&case, "crowd");
    let new = batch.len();
    batch.extend(
        [
            case.draft("known"),
            case.draft("known").body("other"),
            case.draft("edited"),
            case.draft("edited").revision(3),
            case.draft("fresh"),
            case.draft("fresh").revision(2),
            case.draft("fresh"),
        ]
        .map(Draft::build),
    );
    let outcomes = case.store.record(&batch).await.expect("recorded");
    assert!(outcomes[..new].iter().all(|outcome| *outcome == Applied));
    assert_eq!(outcomes[new..], [Duplicate, Conflict, Stale, Applied, Applied, Applied, Duplicate]);
    assert_eq!(case.comment("edited").await.revision, revision(3));
    assert_eq!(case.comment("fresh").await.revision, revision(2));
    assert_eq!(case.store.record(&batch[..new]).await.expect("recorded"), vec![Duplicate; new]);

    let mut batch = crowd(&case, "second");
    batch.insert(CROWD / 2, case.draft("edited").revision(4).build());
    assert_eq!(case.store.record(&batch).await.expect("recorded"), vec![Applied; CROWD + 1]);
    assert_eq!(case.comment("edited").await.revision, revision(4));
}

/// More than any backend calls a few.
const CROWD: usize = 40;

fn crowd(case: &Case, name: &str) -> Vec<NewRecord> {
    let draft = |number| case.draft(&format!("{name}-{number}")).body(&format!("comment {number}")).build();
    (0..CROWD).map(draft).collect()
}

/// A record with every field filled in, and how it reads back.
fn filled_in(case: &Case) -> (NewRecord, StoredComment) {
    let mut draft =
        case.draft("c1").thread("post.7").state(State::Pending).action(Action::Review).by(author(1));
    let comment = &mut draft.comment;
    comment.parent = Some(comment_id("c0"));
    comment.author = Author {
        display_name: "Zoë 'Z' \"x\"".to_owned(),
        user_id: Some("user-1".to_owned()),
        email: Email::parse("zoe@mail.example"),
        url: Some("https://zoe.example/".to_owned()),
    };
    "grüße,\n\t'quoted' \\ %s {} $1 🦀".clone_into(&mut comment.body);
    comment.language = Some("de".to_owned());
    comment.permalink = Some("https://blog.example/post-7#c1".to_owned());
    comment.client = Client {
        ip: Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7))),
        user_agent: Some("agent".to_owned()),
        referrer: Some("https://blog.example/".to_owned()),
    };
    comment.guidelines_version = Some("2".to_owned());
    comment.request_id = RequestId::parse("r-1").ok();
    comment.create_time = at(1);
    comment.accept_time = at(2);
    draft.evaluation.score = Score::new(3.25);
    let mut record = draft.build();
    record.mail_hash = Some([1; 16]);
    record.ip_hash = Some([2; 16]);
    record.ip_prefix = Some("192.0.2.0/24".to_owned());
    record.contact =
        Some(Contact { email: Some("zoe@mail.example".to_owned()), ip: Some("192.0.2.7".to_owned()) });

    let comment = record.comment.clone();
    let expected = StoredComment {
        name: comment.name(),
        thread: comment.thread,
        parent: comment.parent,
        revision: Revision::FIRST,
        content_hash: record.content_hash,
        display_name: comment.author.display_name,
        author_url: comment.author.url,
        guest: false,
        body: comment.body,
        language: comment.language,
        permalink: comment.permalink,
        state: State::Pending,
        action: Action::Review,
        score: Score::new(3.25),
        decided: false,
        create_time: at(1),
        accept_time: at(2),
        update_time: at(2),
        version: 1,
    };
    (record, expected)
}

pub(super) async fn the_same_submission_again_is_a_duplicate(case: Case) {
    assert_eq!(case.record([case.draft("c1")]).await, [Applied]);
    let before = case.comment("c1").await;
    // A retry may be evaluated anew, later, by other rules.
    let mut again = case.draft("c1").state(State::Spam).action(Action::Reject).at(5);
    again.evaluation.rule_set = rule_set("other@0");
    assert_eq!(case.record([again]).await, [Duplicate]);
    assert_eq!(case.comment("c1").await, before);
    let verdict = case.store.verdict(&case.name("c1"), None).await.expect("read").expect("judged");
    assert_eq!(verdict.evaluation, evaluation());
    assert_eq!(case.events(EventCursor::default(), 1).await.len(), 1);
}

pub(super) async fn other_content_under_the_same_revision_is_a_conflict(case: Case) {
    assert_eq!(case.record([case.draft("c1").body("first")]).await, [Applied]);
    assert_eq!(case.record([case.draft("c1").body("second").state(State::Spam)]).await, [Conflict]);
    let comment = case.comment("c1").await;
    assert_eq!((comment.body.as_str(), comment.state, comment.version), ("first", State::Published, 1));
    assert_eq!(case.judged("c1").await, [1]);
}

pub(super) async fn an_older_revision_is_stale_but_kept(case: Case) {
    assert_eq!(case.record([case.draft("c1").revision(7)]).await, [Applied]);
    let before = case.comment("c1").await;
    assert_eq!(case.record([case.draft("c1").revision(3).state(State::Spam)]).await, [Stale]);
    assert_eq!(case.comment("c1").await, before);
    assert_eq!(case.judged("c1").await, [7, 3]);
    let newest = case.store.verdict(&case.name("c1"), None).await.expect("read").expect("judged");
    assert_eq!(newest.revision.get(), 7);
    // Known by now, like any other revision.
    assert_eq!(case.record([case.draft("c1").revision(3)]).await, [Duplicate]);
    assert_eq!(case.record([case.draft("c1").revision(3).body("other")]).await, [Conflict]);
    assert_eq!(case.events(EventCursor::default(), 1).await.len(), 1);
}

pub(super) async fn one_batch_can_hold_every_outcome(case: Case) {
    let c1 = || case.draft("c1");
    let batch = [
        c1(),
        c1(),
        c1().body("other"),
        c1().revision(3),
        case.draft("c2"),
        c1().revision(2),
        c1().revision(3),
        c1().revision(2).body("other"),
    ];
    let outcomes = [Applied, Duplicate, Conflict, Applied, Applied, Stale, Duplicate, Conflict];
    assert_eq!(case.record(batch).await, outcomes);
    let comment = case.comment("c1").await;
    assert_eq!((comment.revision, comment.version), (revision(3), 2));
    assert_eq!(case.judged("c1").await, [3, 2, 1]);
    let events = case.events(EventCursor::default(), 3).await;
    let seen: Vec<_> =
        events.iter().map(|event| (event.comment.comment.as_str(), event.revision.get())).collect();
    assert_eq!(seen, [("c1", 1), ("c1", 3), ("c2", 1)]);
}

pub(super) async fn an_empty_batch_is_nothing(case: Case) {
    assert_eq!(case.record([]).await, []);
    assert_eq!(case.withdraw(&[], at(0)).await, []);
    assert_eq!(case.facts(&Questions::default()).await, Answers::default());
    assert_eq!(case.store.count_published(&case.site, &[]).await.expect("read"), Vec::<i64>::new());
}

pub(super) async fn a_poisoned_batch_leaves_nothing_behind(case: Case) {
    // No constructor makes such a revision, a damaged message might.
    let zero: Revision = serde_json::from_str("0").expect("a number");
    let mut poison = case.draft("c2");
    poison.comment.revision = zero;
    let batch = [case.draft("c1").by(author(1)), poison, case.draft("c3")].map(Draft::build);

    let refused = case.store.record(&batch).await.expect_err("a revision below 1 is refused");
    assert!(matches!(refused, StoreError::Rejected(_)), "{refused}");
    for id in ["c1", "c2", "c3"] {
        assert_eq!(case.store.comment(&case.name(id)).await.expect("read"), None);
        assert_eq!(case.judged(id).await, Vec::<i64>::new());
    }
    let facts = case.authors(&[(case.site.clone(), author(1))]).await;
    assert_eq!(facts, [None]);
    // Its neighbours are well without it.
    assert_eq!(case.record([case.draft("c1"), case.draft("c3")]).await, [Applied, Applied]);
    assert_eq!(case.events(EventCursor::default(), 2).await.len(), 2);
}

pub(super) async fn a_verdict_reads_back_exactly_as_it_was(case: Case) {
    let span = |field, start, end| Span { field, start, end };
    let signal = |id: &'static str, value, spans| Signal { id: id.into(), value, spans };
    let evaluation = Evaluation {
        action: Action::Reject,
        approved_by_rule: true,
        score: Score::new(-12.35),
        reasons: vec![
            Reason {
                rule: "links.many".to_owned(),
                category: "spam".to_owned(),
                guideline: Some("§ 3 „Werbung“".to_owned()),
                score: Score::new(0.1),
                action: Some(Action::Reject),
                message: "too many links \u{0}\u{1F980}\\\"".to_owned(),
                note: "5 links\n\tto x.example".to_owned(),
                spans: vec![span(Field::Body, 0, 4), span(Field::AuthorUrl, 3, u32::MAX)],
            },
            Reason {
                rule: "tone".to_owned(),
                category: "civility".to_owned(),
                guideline: None,
                score: Score::default(),
                action: None,
                message: String::new(),
                note: String::new(),
                spans: Vec::new(),
            },
        ],
        signals: vec![
            signal("author.guest", SignalValue::Flag(true), Vec::new()),
            signal("links.count", SignalValue::Count(i64::MAX), vec![span(Field::AuthorName, 1, 2)]),
            signal("text.upper", SignalValue::Number(0.1 + 0.2), Vec::new()),
            signal("text.entropy", SignalValue::Number(2.0), Vec::new()),
            // Two that a parser which rounds once too often reads as their neighbours.
            signal("text.a", SignalValue::Number(1.222_933_274_435_385_5), Vec::new()),
            signal("text.b", SignalValue::Number(7.120_190_517_612_959e-5), Vec::new()),
            signal("text.language", SignalValue::Text("de".to_owned()), vec![span(Field::AuthorEmail, 0, 0)]),
        ],
        rule_set: rule_set("strict@fedcba987654"),
        degraded: vec!["facts.author".to_owned(), "dns".to_owned()],
    };
    let mut draft = case.draft("c1").at(3);
    draft.evaluation = evaluation.clone();
    case.record([draft]).await;
    for asked in [None, Some(Revision::FIRST)] {
        let verdict = case.store.verdict(&case.name("c1"), asked).await.expect("read").expect("judged");
        assert_eq!(verdict.evaluation, evaluation);
        assert_eq!((verdict.comment, verdict.revision), (case.name("c1"), Revision::FIRST));
        assert_eq!(verdict.evaluate_time, at(3));
    }
    assert_eq!(case.store.verdict(&case.name("c1"), Some(revision(2))).await.expect("read"), None);
    assert_eq!(case.store.verdict(&case.name("c2"), None).await.expect("read"), None);
}

pub(super) async fn the_same_id_on_two_sites_is_two_comments(case: Case) {
    let other = Case::new(case.store.clone(), 99);
    let batch = [case.draft("c1").body("here"), other.draft("c1").body("there")];
    assert_eq!(case.record(batch).await, [Applied, Applied]);
    other.withdraw(&["c1"], at(1)).await;
    assert_eq!(case.comment("c1").await.state, State::Published);
    assert_eq!(case.comment("c1").await.body, "here");
    assert_eq!(other.comment("c1").await.body, "there");
}

pub(super) async fn of_concurrent_equals_exactly_one_is_applied(case: Case) {
    const TASKS: u64 = 6;
    const COMMENTS: usize = 40;
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let case = case.clone();
        tasks.spawn(async move {
            let order = shuffled((0..COMMENTS).collect(), task + 1);
            let drafts = order.iter().map(|number| case.draft(&format!("c{number}")).by(author(1)));
            let outcomes = case.record(drafts).await;
            order.into_iter().zip(outcomes).collect::<Vec<_>>()
        });
    }
    let outcomes: Vec<_> = tasks.join_all().await.into_iter().flatten().collect();
    for number in 0..COMMENTS {
        let of = |wanted| outcomes.iter().filter(|outcome| **outcome == (number, wanted)).count();
        assert_eq!((of(Applied), of(Duplicate)), (1, TASKS as usize - 1), "c{number}");
        assert_eq!(case.judged(&format!("c{number}")).await, [1]);
    }
    let facts = case.authors(&[(case.site.clone(), author(1))]).await;
    assert_eq!(
        facts[0].map(|facts| (facts.comments, facts.published)),
        Some((COMMENTS as i64, COMMENTS as i64))
    );
    assert_eq!(case.events(EventCursor::default(), COMMENTS).await.len(), COMMENTS);
}

pub(super) async fn of_concurrent_revisions_the_newest_stays(case: Case) {
    const REVISIONS: i64 = 6;
    const COMMENTS: i64 = 12;
    let mut tasks = JoinSet::new();
    for number in 1..=REVISIONS {
        let case = case.clone();
        let state = if number % 2 == 0 { State::Published } else { State::Rejected };
        tasks.spawn(async move {
            let drafts = (0..COMMENTS)
                .map(|id| case.draft(&format!("c{id}")).revision(number).state(state).by(author(1)));
            let drafts = shuffled(drafts.collect(), number.unsigned_abs());
            case.record(drafts).await
        });
    }
    let outcomes: Vec<_> = tasks.join_all().await.into_iter().flatten().collect();
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Applied | Stale)), "{outcomes:?}");
    for id in 0..COMMENTS {
        let comment = case.comment(&format!("c{id}")).await;
        assert_eq!((comment.revision, comment.state), (revision(REVISIONS), State::Published));
        assert_eq!(case.judged(&format!("c{id}")).await, [6, 5, 4, 3, 2, 1]);
    }
    let facts = case.authors(&[(case.site.clone(), author(1))]).await;
    let facts = facts[0].expect("known");
    assert_eq!((facts.comments, facts.published, facts.rejected), (COMMENTS, COMMENTS, 0));
    let applied = outcomes.iter().filter(|outcome| **outcome == Applied).count();
    assert_eq!(case.events(EventCursor::default(), applied).await.len(), applied);
}

pub(super) async fn any_order_of_revisions_ends_with_the_newest(case: Case) {
    const ORDERS: u64 = 60;
    for seed in 0..ORDERS {
        let id = format!("c{seed}");
        // Each revision one to three times, cut into one to four batches.
        let copies = (1..=5).flat_map(|number| vec![number; 1 + (seed as usize + number as usize) % 3]);
        let order: Vec<i64> = shuffled(copies.collect(), seed);
        let mut applied = Vec::new();
        for batch in order.chunks(1 + order.len() / (1 + seed as usize % 4)) {
            let outcomes = case.record(batch.iter().map(|number| case.draft(&id).revision(*number))).await;
            let pairs = batch.iter().zip(outcomes);
            applied.extend(pairs.filter(|(_, outcome)| *outcome == Applied).map(|(number, _)| *number));
        }
        let comment = case.comment(&id).await;
        assert_eq!(comment.revision.get(), 5, "{order:?}");
        assert_eq!(comment.body, format!("text of {id} as of 5"), "{order:?}");
        assert_eq!(case.judged(&id).await, [5, 4, 3, 2, 1], "{order:?}");
        // Readers saw the revisions that were, at their time, the newest.
        let records = order.iter().scan(0, |newest, number| {
            let rises = *number > *newest;
            *newest = *number.max(newest);
            Some(rises.then_some(*number))
        });
        assert_eq!(applied, records.flatten().collect::<Vec<_>>(), "{order:?}");
        assert_eq!(comment.version, applied.len() as i64, "{order:?}");
    }
}
