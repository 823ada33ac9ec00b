//! A rule set's way, as an operator and an administrator's tools go it: refused while its own tests
//! fail, tried as a shadow, tried on what is stored, put in force under load, taken back. Each
//! scenario runs on both deployments.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use moderato_api::pb::ingest::Form;
use moderato_api::pb::query::{AwaitVerdictRequest, ListVerdictsRequest};
use moderato_api::pb::rules::{
    ActivateRuleSetRequest, BacktestReport, BacktestRuleSetRequest, CreateRuleSetRequest,
    ExplainCommentRequest, GetRuleSetRequest, GetRuleStatsRequest, ListRuleSetsRequest,
    ListShadowDifferencesRequest, RollbackRuleSetRequest, RuleSet, Slot, TestRuleSetRequest,
    backtest_rule_set_request::RuleSet as Tried, backtest_rule_set_response::News, test_rule_set_request,
};
use moderato_api::pb::types::{Action, Verdict};
use moderato_tests::deployment::{Deployment, SITE};
use moderato_tests::sample::{EMAIL, IP, submission};
use moderato_tests::{eventually, on_both_deployments};
use tonic::Code;
use tonic_types::StatusExt as _;

on_both_deployments!(
    mistakes_and_failing_tests_keep_a_rule_set_out_of_force,
    a_shadow_tells_where_it_differs_and_decides_nothing,
    rules_change_under_load_and_no_comment_is_lost,
    a_backtest_tells_what_would_be_different_and_ends_with_its_caller,
    a_stored_verdict_is_made_again_to_the_byte,
    a_verdict_for_an_address_is_made_again_without_it,
    rules_know_what_happened_before_and_how_a_comment_was_sent,
);

const SOON: Duration = Duration::from_secs(30);

/// A rule set that holds what contains the word, and says so of itself.
fn rules(name: &str, word: &str, passes: bool) -> String {
    let expected = if passes { "review" } else { "reject" };
    format!(
        r#"name = "{name}"
guidelines = "friendly-blog"

[thresholds]
review = 2.0
reject = 5.0

[lists.words]
kind = "phrases"
entries = ["{word}"]

[[rule]]
id = "words.held"
category = "civility"
when = 'body has list("words")'
score = 3.0
message = "A moderator will look at your comment."

[[rule]]
id = "length.short"
category = "quality"
when = 'body.chars < 3'
score = 1.0
message = "Please say a little more."

[[test]]
body = "this is a {word}, is it not"
action = "{expected}"
"#
    )
}

/// A key that may do everything on the site.
async fn admin(deployment: &Deployment) -> String {
    let printed = deployment
        .cli_ok(&["keys", "create", "--site", "blog", "--label", "admin", "--roles", "admin"])
        .await;
    let key = printed.split_whitespace().find(|word| word.starts_with("mk_")).unwrap().to_owned();
    eventually("the key works", SOON, async || {
        deployment.rules_as(&key).list_rule_sets(ListRuleSetsRequest::default()).await.ok()
    })
    .await;
    key
}

async fn create(deployment: &Deployment, key: &str, document: String) -> RuleSet {
    let rule_set = Some(RuleSet { document, ..RuleSet::default() });
    let request = CreateRuleSetRequest { rule_set, validate_only: false };
    deployment.rules_as(key).create_rule_set(request).await.expect("stored").into_inner()
}

async fn activate(deployment: &Deployment, key: &str, name: &str, slot: Slot) {
    let request = ActivateRuleSetRequest { name: name.to_owned(), slot: slot as i32 };
    let told = deployment.rules_as(key).activate_rule_set(request).await.expect("activated").into_inner();
    assert_eq!(told.slot(), slot);
}

async fn judged(deployment: &Deployment, id: &str, body: &str) -> Verdict {
    let mut request = submission(id, "post-1", body);
    // Authors who are known already would be judged by that, too.
    request.comment.as_mut().unwrap().author.as_mut().unwrap().email = format!("{id}@mail.example");
    let name = deployment.ingest().submit_comment(request).await.expect("accepted").into_inner().name;
    let request = AwaitVerdictRequest { comment: name, revision: 1, timeout: None };
    deployment.query().await_verdict(request).await.expect("a verdict").into_inner()
}

/// Judges comments until one is judged by this version; how many it took.
async fn until_judged_by(deployment: &Deployment, rule_set: &str, label: &str) -> i64 {
    let version = rule_set.strip_prefix("ruleSets/").unwrap();
    let mut number = 0;
    eventually("the rules are in force everywhere", SOON, async || {
        number += 1;
        let verdict = judged(deployment, &format!("{label}-{number}"), "Is it in force already?").await;
        (verdict.rule_set_version == version).then_some(())
    })
    .await;
    number
}

/// Rules in force that hold nothing these scenarios say; how many comments it took to see them so.
async fn calm_rules(deployment: &Deployment, key: &str) -> i64 {
    let calm = create(deployment, key, rules("calm", "nonesuch", true)).await;
    activate(deployment, key, &calm.name, Slot::Active).await;
    until_judged_by(deployment, &calm.name, "calm").await
}

async fn mistakes_and_failing_tests_keep_a_rule_set_out_of_force(deployment: &Deployment) {
    let key = admin(deployment).await;
    let before = deployment.cli_ok(&["rules", "active"]).await;

    // A mistake is shown where it stands.
    let broken = rules("broken", "gizmo", true).replace("body.chars", "body.cahrs");
    let rule_set = Some(RuleSet { document: broken, ..RuleSet::default() });
    let request = CreateRuleSetRequest { rule_set, validate_only: true };
    let refused = deployment.rules_as(&key).create_rule_set(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    let violations = refused.get_error_details().bad_request().unwrap().field_violations.clone();
    assert_eq!(violations[0].field, "rule_set.document");
    for part in ["line 22", "body.cahrs", "did you mean `body.chars`?", "^"] {
        assert!(violations[0].description.contains(part), "{part}: {}", violations[0].description);
    }

    // What fails its own tests can be stored and looked at, and never gets in.
    let failing = create(deployment, &key, rules("failing", "gizmo", false)).await;
    let tested =
        TestRuleSetRequest { rule_set: Some(test_rule_set_request::RuleSet::Name(failing.name.clone())) };
    let run = deployment.rules_as(&key).test_rule_set(tested).await.unwrap().into_inner();
    assert_eq!((run.tests, run.failures.len()), (1, 1));
    for slot in [Slot::Active, Slot::Shadow] {
        let request = ActivateRuleSetRequest { name: failing.name.clone(), slot: slot as i32 };
        let refused = deployment.rules_as(&key).activate_rule_set(request).await.unwrap_err();
        assert_eq!(refused.code(), Code::FailedPrecondition, "{refused:?}");
        assert_eq!(refused.get_error_details().error_info().unwrap().reason, "RULE_SET_UNFIT");
    }
    let version = failing.name.strip_prefix("ruleSets/").unwrap();
    assert!(!deployment.cli(&["rules", "activate", version]).await.status.success());
    assert_eq!(deployment.cli_ok(&["rules", "active"]).await, before);

    // A moderator's key sees which versions there are, and changes nothing.
    let reader = deployment.key();
    let request = ActivateRuleSetRequest { name: failing.name.clone(), slot: 0 };
    let refused = deployment.rules_as(&reader).activate_rule_set(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    let listed = deployment.rules_as(&reader).list_rule_sets(ListRuleSetsRequest::default()).await;
    assert!(listed.unwrap().into_inner().rule_sets.iter().any(|listed| listed.name == failing.name));

    // A document is for admins: lists can name people of any site.
    let request = GetRuleSetRequest { name: failing.name.clone() };
    let refused = deployment.rules_as(&reader).get_rule_set(request.clone()).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    let told = deployment.rules_as(&key).get_rule_set(request).await.unwrap().into_inner();
    assert_eq!(told.document, rules("failing", "gizmo", false));

    // Rules are for all sites: with a second one, a key of the first cannot change them.
    let good = create(deployment, &key, rules("good", "gizmo", true)).await;
    deployment.cli_ok(&["sites", "create", "other"]).await;
    eventually("the second site is known", SOON, async || {
        let request = ActivateRuleSetRequest { name: good.name.clone(), slot: Slot::Shadow as i32 };
        let answer = deployment.rules_as(&key).activate_rule_set(request).await;
        answer.err().filter(|refused| refused.code() == Code::PermissionDenied)
    })
    .await;
}

async fn a_shadow_tells_where_it_differs_and_decides_nothing(deployment: &Deployment) {
    let key = admin(deployment).await;
    calm_rules(deployment, &key).await;
    let shadow = create(deployment, &key, rules("tried", "gizmo", true)).await;
    activate(deployment, &key, &shadow.name, Slot::Shadow).await;

    let mut number = 0;
    let differences = eventually("a difference is told", SOON, async || {
        number += 1;
        let verdict = judged(deployment, &format!("shadow-{number}"), "I bought a gizmo for my son.").await;
        assert_eq!(verdict.action(), Action::Allow, "the shadow decides nothing");
        let request = ListShadowDifferencesRequest { parent: SITE.to_owned(), page_size: 0 };
        let told = deployment.rules_as(&key).list_shadow_differences(request).await.unwrap().into_inner();
        (!told.differences.is_empty()).then_some(told.differences)
    })
    .await;
    let difference = &differences[0];
    assert_eq!((difference.active(), difference.shadow()), (Action::Allow, Action::Review));
    assert_eq!(difference.only_shadow, ["words.held"]);

    let request =
        GetRuleStatsRequest { parent: SITE.to_owned(), slot: Slot::Shadow as i32, ..Default::default() };
    let stats = deployment.rules_as(&key).get_rule_stats(request).await.unwrap().into_inner();
    assert!(stats.differing >= 1 && stats.compared >= stats.differing, "{stats:?}");
    assert!(stats.rules.iter().any(|rule| rule.rule == "words.held" && rule.hits >= 1), "{stats:?}");
    let report = deployment.cli_ok(&["rules", "shadow"]).await;
    assert!(report.contains("+words.held"), "{report}");
    deployment.cli_ok(&["rules", "shadow", "--end"]).await;
    assert_eq!(deployment.cli_ok(&["rules", "shadow"]).await, "there is no shadow\n");
}

/// Comments that are on their way while rules change, however fast that goes.
const LOAD_MIN: usize = 20;

async fn rules_change_under_load_and_no_comment_is_lost(deployment: &Deployment) {
    let key = admin(deployment).await;
    let first = deployment.cli_ok(&["rules", "active"]).await.trim().to_owned();
    let new = create(deployment, &key, rules("new", "gizmo", true)).await;
    let version = new.name.strip_prefix("ruleSets/").unwrap();

    let changed = AtomicBool::new(false);
    let load = async {
        let mut names = Vec::new();
        while !changed.load(Ordering::Relaxed) || names.len() < LOAD_MIN {
            let number = names.len();
            let request =
                submission(&format!("load-{number}"), "post-9", &format!("Comment {number}, thanks"));
            names
                .push(deployment.ingest().submit_comment(request).await.expect("accepted").into_inner().name);
            // The pace of the load: nothing is waited for.
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        names
    };
    let change = async {
        judged(deployment, "before", "Before the change.").await;
        activate(deployment, &key, &new.name, Slot::Active).await;
        until_judged_by(deployment, &new.name, "changed").await;
        judged(deployment, "after", "After the change.").await;
        changed.store(true, Ordering::Relaxed);
    };
    let (names, ()) = tokio::join!(load, change);
    let mut versions = Vec::new();
    for comment in names {
        let request = AwaitVerdictRequest { comment: comment.clone(), revision: 1, timeout: None };
        deployment.query().await_verdict(request).await.expect("a verdict");
        let request = ListVerdictsRequest { parent: comment, ..Default::default() };
        let verdicts = deployment.query().list_verdicts(request).await.unwrap().into_inner().verdicts;
        assert_eq!(verdicts.len(), 1, "exactly one verdict each");
        versions.extend(verdicts.into_iter().map(|verdict| verdict.rule_set_version));
    }
    versions.sort();
    versions.dedup();
    let mut expected = [first.clone(), version.to_owned()];
    expected.sort();
    assert_eq!(versions, expected, "both judged, and nothing else");
    assert_eq!(deployment.until_drained(SOON).await, 0);

    // And back.
    let back = deployment.rules_as(&key).rollback_rule_set(RollbackRuleSetRequest {}).await.unwrap();
    assert_eq!(back.into_inner().name, format!("ruleSets/{first}"));
    until_judged_by(deployment, &format!("ruleSets/{first}"), "back").await;
    let again = deployment.cli_ok(&["rules", "rollback"]).await;
    assert!(again.starts_with(version), "{again}");
}

async fn a_backtest_tells_what_would_be_different_and_ends_with_its_caller(deployment: &Deployment) {
    let key = admin(deployment).await;
    let others = calm_rules(deployment, &key).await;
    let mut held = Vec::new();
    for number in 0..30 {
        let body = if number % 3 == 0 { "A gizmo, for you." } else { "A fine day, is it not?" };
        let verdict = judged(deployment, &format!("back-{number}"), body).await;
        if number % 3 == 0 {
            held.push(verdict.comment);
        }
    }
    // Of ten comments that would be held, humans hid one and approved one.
    deployment.cli_ok(&["comment", "reject", &held[0]]).await;
    deployment.cli_ok(&["comment", "approve", &held[1]]).await;
    let tried = create(deployment, &key, rules("tried", "gizmo", true)).await;

    let stored = || Tried::Name(tried.name.clone());
    let report = backtest(deployment, &key, stored()).await.expect("a report");
    assert_eq!((report.comments, report.changed), (30 + others, 10));
    let rule = report.rules.iter().find(|rule| rule.rule == "words.held").unwrap();
    assert_eq!((rule.before, rule.after, rule.hidden, rule.approved), (0, 10, 1, 1));
    let after = report.after.unwrap();
    assert_eq!((after.held_hidden, after.held_approved), (1, 1));
    assert_eq!((report.sterner.len(), report.milder.len()), (10, 0));
    assert!(report.sterner.iter().all(|example| held.contains(&example.comment)));
    assert_eq!((report.above.len(), report.below.len()), (10, 10));
    // A document that is not stored is tried in the same way; what is no rule set is told so.
    let draft = RuleSet { document: rules("drafted", "gizmo", true), ..RuleSet::default() };
    let drafted = backtest(deployment, &key, Tried::Draft(draft)).await.expect("a report");
    assert_eq!(drafted, report);
    let draft = RuleSet { document: "gizmo".to_owned(), ..RuleSet::default() };
    let request = BacktestRuleSetRequest {
        parent: SITE.to_owned(),
        rule_set: Some(Tried::Draft(draft)),
        ..Default::default()
    };
    let refused = deployment.rules_as(&key).backtest_rule_set(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    let violations = refused.get_error_details().bad_request().unwrap().field_violations.clone();
    assert_eq!(violations[0].field, "draft.document");
    let version = tried.name.strip_prefix("ruleSets/").unwrap();
    let printed = deployment.cli_ok(&["rules", "backtest", version]).await;
    assert!(printed.contains("comments, 10 would get another action"), "{printed}");

    // A caller who goes away frees the place for the next one, every time.
    for _ in 0..4 {
        let request = BacktestRuleSetRequest {
            parent: SITE.to_owned(),
            rule_set: Some(stored()),
            ..Default::default()
        };
        let mut stream = eventually("a place for a backtest", SOON, async || {
            deployment.rules_as(&key).backtest_rule_set(request.clone()).await.ok()
        })
        .await
        .into_inner();
        stream.message().await.expect("an open stream");
    }
    eventually("the places are free again", SOON, async || backtest(deployment, &key, stored()).await).await;
}

/// Reads a backtest to its end.
async fn backtest(deployment: &Deployment, key: &str, rules: Tried) -> Option<BacktestReport> {
    let request =
        BacktestRuleSetRequest { parent: SITE.to_owned(), rule_set: Some(rules), ..Default::default() };
    let mut stream = deployment.rules_as(key).backtest_rule_set(request).await.ok()?.into_inner();
    let mut progress = 0;
    while let Some(message) = stream.message().await.expect("an open stream") {
        match message.news.expect("news") {
            News::Progress(told) => progress = told.done,
            News::Report(report) => {
                assert!(progress <= report.comments);
                return Some(report);
            }
        }
    }
    None
}

async fn a_stored_verdict_is_made_again_to_the_byte(deployment: &Deployment) {
    let key = admin(deployment).await;
    let mut verdicts = Vec::new();
    for (number, body) in
        ["See https://bit.ly/3xYz and http://a.example.com", "Thank you!", "What a load of bullshit"]
            .into_iter()
            .chain(["Thank you!"])
            .enumerate()
    {
        verdicts.push(judged(deployment, &format!("again-{number}"), body).await);
    }
    let new = create(deployment, &key, rules("new", "thank", true)).await;
    activate(deployment, &key, &new.name, Slot::Active).await;
    for verdict in &verdicts {
        let replayed = deployment.cli_ok(&["comment", "replay", &verdict.comment]).await;
        assert!(replayed.ends_with("identical\n"), "{replayed}");
    }
    let today = deployment.cli_ok(&["comment", "replay", &verdicts[1].comment, "--against", "active"]).await;
    assert!(today.contains("is   REVIEW") && today.contains("+ +3 words.held"), "{today}");

    // The explanation is by the rules of the verdict, not of today.
    let request = ExplainCommentRequest { comment: verdicts[0].comment.clone(), revision: 0 };
    let explained = deployment.rules_as(&key).explain_comment(request).await.unwrap().into_inner();
    assert_eq!(explained.verdict.as_ref(), Some(&verdicts[0]));
    let matched: Vec<&str> =
        explained.rules.iter().filter(|rule| rule.matched).map(|rule| rule.rule.as_str()).collect();
    let mut reasons: Vec<&str> = verdicts[0].reasons.iter().map(|reason| reason.rule.as_str()).collect();
    reasons.sort_by_key(|rule| matched.iter().position(|matched| matched == rule));
    assert_eq!(matched, reasons);
    let tree = deployment.cli_ok(&["comment", "explain", &verdicts[0].comment, "--rules"]).await;
    assert!(tree.contains("yes links.shortener"), "{tree}");
}

async fn a_verdict_for_an_address_is_made_again_without_it(deployment: &Deployment) {
    let key = admin(deployment).await;
    let document = format!(
        r#"name = "addresses"
guidelines = "friendly-blog"
thresholds = {{ review = 2.0, reject = 9.0 }}
[lists.networks]
kind = "addresses"
entries = ["{IP}", "203.0.113.0/24"]
[lists.people]
kind = "authors"
entries = ["{EMAIL}"]
[lists.hosts]
kind = "domains"
entries = ["mail.example"]
[[rule]]
id = "client.listed"
category = "spam"
when = 'client.ip has 2 of list("networks")'
score = 2.0
message = "A moderator will look at your comment."
[[rule]]
id = "author.listed"
category = "spam"
when = 'author has list("people") and author.email_domain has list("hosts")'
score = 2.0
message = "A moderator will look at your comment."
note = "{{matches}}"
"#
    );
    let rules = create(deployment, &key, document).await;
    activate(deployment, &key, &rules.name, Slot::Active).await;
    until_judged_by(deployment, &rules.name, "addresses").await;
    let request = submission("listed", "post-1", "Hello");
    let name = deployment.ingest().submit_comment(request).await.expect("accepted").into_inner().name;
    let request = AwaitVerdictRequest { comment: name.clone(), revision: 1, timeout: None };
    let verdict = deployment.query().await_verdict(request).await.expect("a verdict").into_inner();
    assert_eq!(verdict.reasons.len(), 2, "{verdict:?}");

    let replayed = deployment.cli_ok(&["comment", "replay", &name]).await;
    assert!(replayed.ends_with("identical\n"), "{replayed}");
    let request = ExplainCommentRequest { comment: name.clone(), revision: 0 };
    let explained = deployment.rules_as(&key).explain_comment(request).await.unwrap().into_inner();
    assert!(explained.rules.iter().all(|rule| rule.matched), "{explained:?}");
    let tree = deployment.cli_ok(&["comment", "explain", &name, "--rules"]).await;
    assert!(tree.contains("yes client.listed") && tree.contains("yes author.listed"), "{tree}");
    assert!(!tree.contains(IP) && !tree.contains(EMAIL), "{tree}");
}

async fn rules_know_what_happened_before_and_how_a_comment_was_sent(deployment: &Deployment) {
    let strict = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/rules/strict.toml");
    let activated = deployment.cli_ok(&["rules", "activate", strict]).await;
    let version = activated.split_whitespace().find(|word| word.starts_with("strict@")).unwrap().to_owned();
    until_judged_by(deployment, &format!("ruleSets/{version}"), "strict").await;
    let matched = |verdict: &Verdict, rule: &str| verdict.reasons.iter().any(|reason| reason.rule == rule);

    // The same offer under other names, varied a little.
    let mut campaign = Vec::new();
    for (number, sum) in ["five", "six", "nine", "five"].into_iter().enumerate() {
        let body = format!(
            "Earn {sum} hundred a day from home, just ask me how it works for you, and bring your friends along to our group."
        );
        campaign.push(judged(deployment, &format!("campaign-{number}"), &body).await);
    }
    let held: Vec<bool> =
        campaign.iter().map(|verdict| matched(verdict, "strict.same-text-by-others")).collect();
    assert_eq!(held, [false, false, true, true]);
    let repeated = campaign[3].signals.iter().any(|signal| signal.id == "repeats.authors");
    assert!(repeated, "the verdict tells what it was given by");

    // One author who cannot stop.
    let flood = async |number: usize| {
        let body = format!("Message number {number} of many to come.");
        let request = submission(&format!("flood-{number}"), "post-1", &body);
        let name = deployment.ingest().submit_comment(request).await.unwrap().into_inner().name;
        let request = AwaitVerdictRequest { comment: name, revision: 1, timeout: None };
        deployment.query().await_verdict(request).await.unwrap().into_inner()
    };
    let mut floods = Vec::new();
    for number in 0..4 {
        floods.push(matched(&flood(number).await, "strict.flood"));
    }
    assert_eq!(floods, [false, false, false, true]);

    // A form that a machine filled in.
    let mut request = submission("trap", "post-2", "Thank you for the article.");
    request.comment.as_mut().unwrap().form = Some(Form { honeypot_filled: Some(true), ..Form::default() });
    let name = deployment.ingest().submit_comment(request).await.unwrap().into_inner().name;
    let request = AwaitVerdictRequest { comment: name, revision: 1, timeout: None };
    let trapped = deployment.query().await_verdict(request).await.unwrap().into_inner();
    assert_eq!((trapped.action(), matched(&trapped, "strict.trap")), (Action::Reject, true));

    // What was known then is kept: the verdicts can be made again.
    for verdict in campaign.iter().chain([&trapped]) {
        let replayed = deployment.cli_ok(&["comment", "replay", &verdict.comment]).await;
        assert!(replayed.ends_with("identical\n"), "{replayed}");
    }
}
