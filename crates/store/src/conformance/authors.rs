//! What is known about authors.

use moderato_domain::{AuthorFacts, AuthorKey, DecisionKind, State, TextFingerprint};
use tokio::task::JoinSet;

use super::builders::{Case, at, author};

pub(super) async fn counters_follow_record_edit_decide_withdraw(case: Case) {
    let counts =
        async || facts(&case, author(1)).await.map(|facts| (facts.comments, facts.published, facts.rejected));
    assert_eq!(counts().await, None);

    let draft = |id: &str| case.draft(id).by(author(1));
    case.record([draft("c1").at(1)]).await;
    assert_eq!(counts().await, Some((1, 1, 0)));
    let batch = [
        draft("c2").state(State::Pending).at(2),
        draft("c3").state(State::Rejected).at(3),
        draft("c4").state(State::Spam).at(4),
        case.draft("c5").by(author(2)),
        case.draft("c6"),
    ];
    case.record(batch).await;
    let known = facts(&case, author(1)).await.expect("known");
    let expected = AuthorFacts {
        comments: 4,
        published: 1,
        rejected: 2,
        first_seen: at(1),
        last_seen: at(4),
        last_text: TextFingerprint::of("text of c4"),
    };
    assert_eq!(known, expected);

    // A comment that was accepted earlier and recorded later is not the newest text.
    case.record([draft("c0").at(0)]).await;
    let known = facts(&case, author(1)).await.expect("known");
    assert_eq!(known, AuthorFacts { comments: 5, published: 2, first_seen: at(0), ..expected });

    // Duplicates and stale revisions count for nothing.
    case.record([draft("c1").at(1), draft("c2").revision(3).state(State::Pending).at(2)]).await;
    case.record([draft("c2").revision(2).at(2)]).await;
    assert_eq!(counts().await, Some((5, 2, 2)));

    case.decide("c2", 3, DecisionKind::Approve).await;
    assert_eq!(counts().await, Some((5, 3, 2)));
    case.decide("c2", 3, DecisionKind::Spam).await;
    assert_eq!(counts().await, Some((5, 2, 3)));
    case.decide("c2", 3, DecisionKind::Reject).await;
    assert_eq!(counts().await, Some((5, 2, 3)));
    case.record([draft("c2").revision(4).state(State::Published).at(2)]).await;
    assert_eq!(counts().await, Some((5, 3, 2)));

    case.withdraw(&["c1", "c3", "c1"], at(9)).await;
    assert_eq!(counts().await, Some((5, 2, 1)));
    case.withdraw(&["c1"], at(9)).await;
    case.record([draft("c1").revision(2).at(3)]).await;
    assert_eq!(counts().await, Some((5, 2, 1)));
    let known = facts(&case, author(1)).await.expect("known");
    assert_eq!((known.first_seen, known.last_seen), (at(0), at(4)));
}

pub(super) async fn facts_come_in_the_order_asked(case: Case) {
    let other = Case::new(case.store.clone(), 98);
    case.record([
        case.draft("c1").by(author(1)),
        case.draft("c2").by(author(2)),
        case.draft("c3").by(author(2)),
    ])
    .await;
    other.record([other.draft("c1").by(author(1)).state(State::Spam)]).await;
    let asked = [
        (case.site.clone(), author(2)),
        (case.site.clone(), author(3)),
        (other.site.clone(), author(1)),
        (case.site.clone(), author(1)),
        (other.site.clone(), author(2)),
        (case.site.clone(), author(2)),
    ];
    let facts = case.authors(&asked).await;
    let counts: Vec<_> =
        facts.iter().map(|facts| facts.map(|facts| (facts.comments, facts.rejected))).collect();
    assert_eq!(counts, [Some((2, 0)), None, Some((1, 1)), Some((1, 0)), None, Some((2, 0))]);
}

/// A guest is recognised by network and name, so an edit from elsewhere is another author's.
pub(super) async fn an_edit_by_another_author_moves_the_comment(case: Case) {
    let counts =
        async |number| facts(&case, author(number)).await.map(|facts| (facts.comments, facts.published));
    case.record([case.draft("c1").by(author(1)), case.draft("c2").by(author(1))]).await;
    case.record([case.draft("c1").revision(2).by(author(2))]).await;
    assert_eq!((counts(1).await, counts(2).await), (Some((1, 1)), Some((1, 1))));
    case.withdraw(&["c1"], at(9)).await;
    assert_eq!((counts(1).await, counts(2).await), (Some((1, 1)), Some((1, 0))));
    // Within one batch, and to nobody.
    let edits = [case.draft("c2").revision(2).by(author(2)), case.draft("c2").revision(3)];
    case.record(edits).await;
    assert_eq!((counts(1).await, counts(2).await), (Some((0, 0)), Some((1, 0))));
}

pub(super) async fn concurrent_batches_lose_no_count(case: Case) {
    const TASKS: u8 = 6;
    const ROUNDS: u8 = 10;
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let case = case.clone();
        tasks.spawn(async move {
            for round in 0..ROUNDS {
                // Every batch meets every author, each task in another order.
                let drafts = (0..4).map(|number| {
                    let who = author((number + task) % 4);
                    let state = if round % 2 == 0 { State::Published } else { State::Spam };
                    case.draft(&format!("c{task}-{round}-{number}")).by(who).state(state)
                });
                case.record(drafts).await;
            }
        });
    }
    tasks.join_all().await;
    for number in 0..4 {
        let known = facts(&case, author(number)).await.expect("known");
        let half = i64::from(TASKS) * i64::from(ROUNDS) / 2;
        assert_eq!((known.comments, known.published, known.rejected), (2 * half, half, half));
    }
}

async fn facts(case: &Case, author: AuthorKey) -> Option<AuthorFacts> {
    let facts = case.authors(&[(case.site.clone(), author)]).await;
    assert_eq!(facts.len(), 1);
    facts[0]
}
