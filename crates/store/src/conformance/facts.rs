//! The log of recent comments, and what is known from it.

use moderato_domain::{
    Attachment, Circumstances, DecisionKind, FactKind, Facts, Form, History, LogKey, MissingFact,
    MissingPolicy, Rates, State, TextSketch, ThreadFacts, ThreadState, Timestamp, Windows,
};

use super::builders::{Case, Draft, at, author, thread};
use crate::{Answers, Questions, Traces};

/// A text of which two versions are variants of each other.
fn sketch(version: &str) -> TextSketch {
    let text = format!("earn {version} dollars a day from home ask me how on whatsapp right now friends");
    TextSketch::of_words(text.split(' ')).expect("there are words")
}

/// A key of this case's own: the log is one for all sites.
fn key(case: &Case, name: &str) -> LogKey {
    LogKey::of_thread(&case.site, &thread(name))
}

fn logged(case: &Case, id: &str, counted: [Option<LogKey>; 3], minute: i64) -> Draft {
    let mut draft = case.draft(id).at(minute);
    draft.traces.counted = counted;
    draft
}

pub(super) async fn rates_count_what_came_before_the_asked_moment(case: Case) {
    let (ada, network, page) = (key(&case, "ada"), key(&case, "network"), key(&case, "page"));
    let batch = [
        logged(&case, "c1", [Some(ada), Some(network), Some(page)], 0),
        logged(&case, "c2", [Some(ada), None, None], 5),
        logged(&case, "c3", [Some(ada), Some(network), None], 50),
        logged(&case, "c4", [Some(ada), None, None], 50),
        // Nobody asked about this one.
        logged(&case, "c5", [None; 3], 50),
    ];
    case.record(batch).await;
    case.record([logged(&case, "c6", [Some(ada), None, None], 52)]).await;
    let questions = Questions {
        rates: [
            vec![(ada, at(50)), (key(&case, "bob"), at(50)), (ada, at(0))],
            vec![(network, at(51))],
            vec![(page, at(24 * 60))],
        ],
        ..Questions::default()
    };
    let answers = case.facts(&questions).await;
    assert_eq!(answers.rates[0], [Windows([2, 2, 4, 4]), Windows::default(), Windows([1, 1, 1, 1])]);
    assert_eq!(answers.rates[1], [Windows([0, 1, 2, 2])]);
    // A day later to the minute it is a day ago.
    assert_eq!(answers.rates[2], [Windows::default()]);
    assert_eq!(answers.authors, Answers::default().authors);
}

pub(super) async fn texts_are_found_by_either_probe(case: Case) {
    let other = Case::new(case.store.clone(), 97);
    let (first, second) = (sketch("500"), sketch("900"));
    let with_text = |case: &Case, id: &str, sketch: &TextSketch, minute| {
        let mut draft = case.draft(id).at(minute);
        draft.traces =
            Traces { writer: Some(key(case, "ada")), text: Some(sketch.clone()), ..Traces::default() };
        draft
    };
    case.record([with_text(&case, "c1", &first, 1), with_text(&case, "c2", &second, 2)]).await;
    other.record([with_text(&other, "c9", &first, 3)]).await;
    let questions = Questions {
        texts: first.probes().map(|probe| vec![(probe, at(10)), (probe, at(1)), (probe ^ 1, at(10))]),
        ..Questions::default()
    };
    let answers = case.facts(&questions).await;
    for (probe, answers) in answers.texts.iter().enumerate() {
        // Other runs may have left the same text.
        let ours = |case: &Case, texts: &[crate::RecentText]| {
            let found = texts.iter().filter(|text| text.comment.site == case.site);
            let mut ids: Vec<_> = found.map(|text| text.comment.comment.to_string()).collect();
            ids.sort();
            ids
        };
        let shared = first.probes()[probe] == second.probes()[probe];
        assert_eq!(ours(&case, &answers[0]), if shared { vec!["c1", "c2"] } else { vec!["c1"] });
        assert_eq!(ours(&other, &answers[0]), ["c9"]);
        assert_eq!(ours(&case, &answers[1]), ["c1"], "what came later is not before");
        assert_eq!(ours(&case, &answers[2]), Vec::<String>::new());
        let text = answers[1].iter().find(|text| text.comment.site == case.site).expect("found");
        assert_eq!((&text.sketch, text.writer), (&first, Some(key(&case, "ada"))));
    }
}

pub(super) async fn a_history_follows_what_becomes_of_comments(case: Case) {
    let ada = key(&case, "ada");
    let history = async |minute| {
        let questions = Questions { histories: vec![(ada, at(minute))], ..Questions::default() };
        case.facts(&questions).await.histories[0]
    };
    let states = [State::Published, State::Pending, State::Spam, State::Rejected];
    let drafts = (0..).zip(states).map(|(minute, state)| {
        logged(&case, &format!("c{minute}"), [Some(ada), None, None], minute).state(state)
    });
    case.record(drafts).await;
    assert_eq!(history(60).await, History { settled: 3, rejected: 2 });
    assert_eq!(history(2).await, History { settled: 2, rejected: 1 });
    case.decide("c2", 1, DecisionKind::Approve).await;
    case.withdraw(&["c3"], at(9)).await;
    assert_eq!(history(60).await, History { settled: 2, rejected: 0 });
}

pub(super) async fn a_page_shows_what_readers_see(case: Case) {
    case.record([
        case.draft("c1").thread("a").at(5),
        case.draft("c2").thread("a").at(3),
        case.draft("c3").thread("a").at(1).state(State::Pending),
        case.draft("c4").thread("b").at(1).state(State::Spam),
    ])
    .await;
    let asked = ["b", "a", "never"].map(|id| (case.site.clone(), thread(id))).to_vec();
    let answers = case.facts(&Questions { threads: asked, ..Questions::default() }).await;
    let shown = ThreadFacts { published: 2, oldest: Some(at(3)) };
    assert_eq!(answers.threads, [ThreadFacts::default(), shown, ThreadFacts::default()]);
}

pub(super) async fn one_call_answers_questions_of_every_kind(case: Case) {
    let ada = key(&case, "ada");
    let mut draft = logged(&case, "c1", [Some(ada); 3], 0).by(author(1)).thread("a");
    draft.traces.text = Some(sketch("700"));
    case.record([draft]).await;
    let questions = Questions {
        authors: vec![(case.site.clone(), author(2)), (case.site.clone(), author(1))],
        histories: vec![(ada, at(1))],
        rates: [vec![(ada, at(1))], vec![(ada, at(1))], vec![(ada, at(1))]],
        texts: sketch("700").probes().map(|probe| vec![(probe, at(1))]),
        threads: vec![(case.site.clone(), thread("a"))],
    };
    let answers = case.facts(&questions).await;
    assert_eq!(answers.authors.iter().map(Option::is_some).collect::<Vec<_>>(), [false, true]);
    assert_eq!(answers.histories, [History { settled: 1, rejected: 0 }]);
    assert!(answers.rates.iter().all(|rates| rates == &[Windows([0, 1, 1, 1])]));
    assert!(answers.texts.iter().all(|texts| texts[0].iter().any(|text| text.comment == case.name("c1"))));
    assert_eq!(answers.threads[0].published, 1);
}

pub(super) async fn the_log_forgets_by_age(case: Case) {
    const LONG_AGO: Timestamp = Timestamp::from_millis(1_000_000);
    let ada = key(&case, "ada");
    let mut old = logged(&case, "c1", [Some(ada), None, None], 0);
    old.comment.accept_time = LONG_AGO;
    case.record([old]).await;
    case.record([logged(&case, "c2", [Some(ada), None, None], 0)]).await;
    let asked =
        Questions { rates: [vec![(ada, LONG_AGO), (ada, at(0))], vec![], vec![]], ..Questions::default() };
    assert_eq!(case.facts(&asked).await.rates[0], [Windows([1; 4]), Windows([1; 4])]);
    let before = Timestamp::from_millis(LONG_AGO.as_millis() + 1);
    // Rows of other cases may stand before it.
    case.store.forget_recent(before, 100_000).await.expect("deleted");
    assert_eq!(case.facts(&asked).await.rates[0], [Windows::default(), Windows([1; 4])]);
    assert_eq!(case.store.forget_recent(before, 100_000).await.expect("deleted"), 0);
}

pub(super) async fn a_verdict_keeps_the_facts_it_was_given_with(case: Case) {
    let facts = Facts {
        rates: Rates { author: Some(Windows([1, 2, 3, 4])), ..Rates::default() },
        history: Some(History { settled: 3, rejected: 1 }),
        block_lists: Some(vec!["dnsbl.example".to_owned()]),
        missing: vec![MissingFact {
            fact: FactKind::Repeats,
            why: "timeout".to_owned(),
            policy: MissingPolicy::Hold,
        }],
        ..Facts::none(at(3))
    };
    let mut with_facts = case.draft("c1").at(3);
    with_facts.facts = Some(facts.clone());
    case.record([with_facts, case.draft("c2").at(4)]).await;
    let stored = async |id: &str| {
        let verdict = case.store.verdict(&case.name(id), None).await.expect("read");
        verdict.expect("judged").facts
    };
    assert_eq!(stored("c1").await, facts);
    assert_eq!(stored("c2").await, Facts::none(at(4)));
}

pub(super) async fn circumstances_read_back_for_replays(case: Case) {
    let mut told = case.draft("c1");
    told.comment.circumstances = Circumstances {
        verified: true,
        form: Form { honeypot_filled: Some(true), fill_time_ms: Some(7), ..Form::default() },
        attachments: vec![Attachment { mime_type: "image/png".to_owned(), size_bytes: 9 }],
        thread: ThreadState { create_time: Some(at(1)), closed: None },
    };
    let told = told.build();
    case.store.record(std::slice::from_ref(&told)).await.expect("recorded");
    case.record([case.draft("c2")]).await;
    let read = async |id: &str| {
        let judged = case.store.judged_comment(&case.name(id), None).await.expect("read");
        judged.expect("judged").comment.circumstances
    };
    assert_eq!(read("c1").await, told.comment.circumstances);
    assert!(read("c2").await.is_untold());
}
