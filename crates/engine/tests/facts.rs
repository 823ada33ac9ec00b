//! Fields that come from facts and from what the platform tells.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod support;

use moderato_domain::{
    Action, Attachment, AuthorFacts, Challenge, Circumstances, Comment, Email, FactKind, FactSet, Form,
    History, MissingFact, MissingPolicy, Rates, Repeats, SanctionFacts, TextFingerprint, ThreadFacts,
    ThreadState, Timestamp, Windows,
};
use moderato_engine::{Facts, evaluate, explain, listed_addresses};
use support::{NOW, comment, compile, one_rule};

const DAY_MS: i64 = 86_400_000;

fn days_ago(days: i64) -> Timestamp {
    Timestamp::from_millis(NOW.as_millis() - days * DAY_MS)
}

fn told() -> Comment {
    let circumstances = Circumstances {
        verified: true,
        form: Form { honeypot_filled: Some(true), fill_time_ms: Some(1_500), challenge: Challenge::Failed },
        attachments: vec![
            Attachment { mime_type: "image/png".into(), size_bytes: 1_000 },
            Attachment { mime_type: "application/zip".into(), size_bytes: 2_000 },
        ],
        thread: ThreadState { create_time: Some(days_ago(400)), closed: Some(true) },
    };
    Comment { circumstances, guidelines_version: Some("1".into()), ..comment("Hello everybody") }
}

fn known() -> Facts {
    Facts {
        author: Some(AuthorFacts {
            comments: 5,
            published: 2,
            rejected: 3,
            first_seen: days_ago(10),
            last_seen: days_ago(1),
            last_text: TextFingerprint::of("something else"),
        }),
        history: Some(History { settled: 4, rejected: 3 }),
        rates: Rates {
            author: Some(Windows([1, 2, 3, 4])),
            network: Some(Windows([5, 6, 7, 8])),
            thread: Some(Windows([9, 10, 11, 12])),
        },
        repeats: Some(Repeats { author: 1, site: 3, identical: 2, authors: 2, sites: 1 }),
        thread: Some(ThreadFacts { published: 7, oldest: Some(days_ago(3)) }),
        block_lists: Some(vec!["dnsbl.example".into()]),
        guidelines: Some("2".into()),
        ..Facts::none(NOW)
    }
}

fn holds(when: &str, comment: &Comment, facts: &Facts) -> bool {
    let rules = compile(&one_rule(when)).unwrap_or_else(|error| panic!("{error}"));
    !evaluate(&rules, comment, facts).reasons.is_empty()
}

#[test]
fn conditions_see_what_was_told_and_what_is_known() {
    for when in [
        "author.verified and author.known",
        "author.age > 9d and author.age < 11d",
        "author.rejection_rate == 0.75",
        "author.rate_1m == 1 and author.rate_10m == 2 and author.rate_1h == 3 and author.rate_24h == 4",
        "network.rate_1m == 5 and network.rate_24h == 8",
        "thread.rate_10m == 10 and thread.rate_1h == 11",
        "repeats.author == 1 and repeats.site == 3 and repeats.identical == 2",
        "repeats.authors == 2 and repeats.sites == 1",
        "thread.closed and thread.age > 52w and thread.comments == 7",
        "form.honeypot_filled and form.fill_time < 2s",
        "form.challenge_failed and not form.challenge_passed",
        "attachments.count == 2 and attachments.bytes == 3000",
        r#"attachments.types matches "application/""#,
        "not guidelines.accepted",
        "block_lists.count == 1",
    ] {
        assert!(holds(when, &told(), &known()), "{when}");
    }
}

#[test]
fn what_nobody_told_is_absent() {
    let (untold, nothing) = (comment("Hello everybody"), Facts::none(NOW));
    for when in [
        "author.known or author.verified",
        "author.age >= 0s",
        "author.rejection_rate >= 0",
        "author.rate_24h >= 0 or network.rate_1m >= 0 or thread.rate_1h >= 0",
        "repeats.site >= 0",
        "thread.age >= 0s or thread.comments >= 0 or thread.closed",
        "form.fill_time < 9w or form.honeypot_filled or form.challenge_failed",
        "guidelines.accepted",
        "block_lists.count >= 0",
    ] {
        assert!(!holds(when, &untold, &nothing), "{when}");
    }
    // Without the platform's word, the page is as old as what readers see on it.
    assert!(holds("thread.age > 2d and thread.age < 4d", &untold, &known()));
    // A name and address that were only typed can be anybody's.
    assert!(holds("author.comments == 5 and not author.known", &untold, &known()));
    let too_few = Facts { history: Some(History { settled: 2, rejected: 2 }), ..nothing };
    assert!(!holds("author.rejection_rate >= 0", &untold, &too_few));
}

#[test]
fn only_facts_that_rules_use_are_asked_for() {
    let needs = |when: &str| compile(&one_rule(when)).unwrap().needs_facts();
    assert_eq!(needs("links.count >= 1 and form.honeypot_filled"), FactSet::NONE);
    assert_eq!(
        needs("author.rate_1m > 3 or repeats.site > 2"),
        FactSet::NONE.with(FactKind::AuthorRate).with(FactKind::Repeats)
    );
    assert_eq!(needs("not author.known").iter().collect::<Vec<_>>(), [FactKind::Author]);
    let evaluation = evaluate(&compile(&one_rule("author.rate_1m >= 1")).unwrap(), &told(), &known());
    let signals: Vec<_> = evaluation.signals.iter().map(|signal| signal.id.as_ref()).collect();
    assert_eq!(signals, ["author.rate_1m"], "others would only make the verdict longer");
}

#[test]
fn a_missing_fact_matters_only_to_rules_that_ask_for_it() {
    let missing =
        MissingFact { fact: FactKind::BlockLists, why: "timeout".into(), policy: MissingPolicy::Closed };
    let facts = Facts { missing: vec![missing], ..Facts::none(NOW) };
    let judged =
        |when: &str| evaluate(&compile(&one_rule(when)).unwrap(), &comment("Hello everybody"), &facts);
    let asks = judged("block_lists.count >= 1");
    assert_eq!((asks.action, asks.degraded.len()), (Action::Reject, 1));
    let does_not = judged("links.count >= 1");
    assert_eq!((does_not.action, does_not.degraded.len()), (Action::Allow, 0));
}

#[test]
fn a_banned_author_is_rejected_whatever_the_rules_say() {
    let harmless = comment("Thank you, that helped a lot!");
    let rules = compile(&one_rule("body.lines > 1000")).unwrap();
    assert_eq!(evaluate(&rules, &harmless, &Facts::none(NOW)).action, Action::Allow);
    let sanction = Some(SanctionFacts { until: None });
    let facts = Facts { sanction, ..Facts::none(NOW) };
    let judged = evaluate(&rules, &harmless, &facts);
    assert_eq!(judged.action, Action::Reject);
    assert_eq!(
        (judged.reasons[0].rule.as_str(), judged.reasons[0].category.as_str()),
        ("author_banned", "sanction")
    );
    assert!(!judged.is_spam() && !judged.approved_by_rule);
    // Replayed from what is stored with the verdict.
    let stored: Facts = serde_json::from_str(&serde_json::to_string(&facts).unwrap()).unwrap();
    assert_eq!(evaluate(&rules, &harmless, &stored), judged);
}

#[test]
fn what_lists_say_of_addresses_stands_in_for_them() {
    let document = r#"
        name = "addresses"
        guidelines = "friendly-blog"
        thresholds = { review = 2.0, reject = 5.0 }
        [lists.networks]
        kind = "addresses"
        entries = ["203.0.113.77", "203.0.113.0/24", { value = "203.0.0.0/16", expires = 2001-01-01 }]
        [lists.people]
        kind = "authors"
        entries = ["ada.secret@mail.example", "Ada", "somebody@else.example"]
        [[rule]]
        id = "network.twice"
        category = "spam"
        when = 'client.ip has 2 of list("networks")'
        score = 1.0
        message = "No."
        [[rule]]
        id = "network.thrice"
        category = "spam"
        when = 'client.ip has 3 of list("networks")'
        score = 1.0
        message = "No."
        [[rule]]
        id = "person.twice"
        category = "spam"
        when = 'author has 2 of list("people")'
        score = 2.5
        message = "No."
        note = "{matches}"
        "#;
    let rules = compile(document).unwrap_or_else(|error| panic!("{error}"));
    let mut told = comment("Hello everybody");
    told.author.display_name = "Ada".into();
    told.author.email = Email::parse("ada.secret@mail.example");
    told.client.ip = "203.0.113.77".parse().ok();
    let judged = evaluate(&rules, &told, &Facts::none(NOW));
    let matched: Vec<&str> = judged.reasons.iter().map(|reason| reason.rule.as_str()).collect();
    assert_eq!(matched, ["person.twice", "network.twice"]);

    let mut kept = told.clone();
    kept.author.email = None;
    kept.client.ip = None;
    let facts = Facts { listed: listed_addresses(&rules, &told, NOW), ..Facts::none(NOW) };
    assert_eq!(evaluate(&rules, &kept, &facts), judged);
    assert_ne!(evaluate(&rules, &kept, &Facts::none(NOW)), judged);
    let stored = serde_json::to_string(&facts).unwrap();
    assert!(!stored.contains("203.0.113") && !stored.contains("ada"), "{stored}");
    assert_eq!(serde_json::from_str::<Facts>(&stored).unwrap(), facts);

    let explanation = explain(&rules, &kept, &facts);
    assert_eq!(explanation.evaluation, judged);
    let entries = |rule: usize| {
        let entries = &explanation.rules[rule].condition.entries;
        entries.iter().map(|entry| entry.entry.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(entries(0), ["an IP address or network"; 2]);
    assert_eq!(entries(2), ["Ada", "a mail address"]);

    // What other rules' lists say is another matter.
    let other = compile(&document.replacen("addresses", "others", 1)).unwrap();
    assert!(evaluate(&other, &kept, &facts).reasons.is_empty());
    assert_eq!(listed_addresses(&rules, &comment("Hello everybody"), NOW), None);
}
