//! Rule sets and which ones are in use. They belong to no site, so the cases, which run one after the
//! other, tell theirs apart by name.

use moderato_domain::RuleSetVersion;

use super::builders::{Case, at, rule_set};
use crate::{Activation, RuleSetDocument, Slot};

fn version(case: &Case, name: &str) -> RuleSetVersion {
    rule_set(&format!("{name}-{}@0", case.site))
}

fn document(case: &Case, name: &str, minute: i64) -> RuleSetDocument {
    RuleSetDocument {
        version: version(case, name),
        document: format!("# {name}\n[[rule]]\nid = \"a\"\n"),
        guidelines: "# Be kind\n§ 1 …".to_owned(),
        create_time: at(minute),
    }
}

pub(super) async fn a_rule_set_is_stored_once_and_activated_at_will(case: Case) {
    let version = |name: &str| version(&case, name);
    let document = |name: &str| document(&case, name, 1);
    let store = &case.store;
    let active = async || store.rules_in_force().await.expect("read").active;
    for name in ["a", "b"] {
        store.put_rule_set(&document(name)).await.expect("stored");
    }
    // A version is immutable: what comes second under its name changes nothing.
    let other = RuleSetDocument { document: "other".to_owned(), create_time: at(2), ..document("a") };
    store.put_rule_set(&other).await.expect("nothing happens");
    assert_eq!(store.rule_set(&version("a")).await.expect("read"), Some(document("a")));
    assert_eq!(store.rule_set(&version("c")).await.expect("read"), None);
    assert_ne!(active().await, Some(version("a")), "stored is not in force");

    // Forth, again, and back; the times do not decide.
    for name in ["a", "a", "b", "a"] {
        store.activate_rule_set(Slot::Active, &version(name), at(3)).await.expect("activated");
        assert_eq!(active().await, Some(version(name)));
    }
    let unknown = store.activate_rule_set(Slot::Active, &version("c"), at(4)).await;
    unknown.expect_err("a version that is not stored");
    assert_eq!(active().await, Some(version("a")));

    let history = store.activations(Slot::Active, 3).await.expect("read");
    let held = |name: &str| Activation { version: Some(version(name)), time: at(3) };
    assert_eq!(history, [held("a"), held("b"), held("a")], "the second time was no change");
}

pub(super) async fn a_shadow_comes_and_goes_beside_the_active_one(case: Case) {
    let store = &case.store;
    for name in ["a", "s"] {
        store.put_rule_set(&document(&case, name, 1)).await.expect("stored");
    }
    store.activate_rule_set(Slot::Active, &version(&case, "a"), at(1)).await.expect("activated");
    let shadow = version(&case, "s");
    for _ in 0..2 {
        store.activate_rule_set(Slot::Shadow, &shadow, at(2)).await.expect("begun");
    }
    let in_force = store.rules_in_force().await.expect("read");
    assert_eq!((in_force.active, in_force.shadow), (Some(version(&case, "a")), Some(shadow.clone())));
    for _ in 0..2 {
        store.end_shadow(at(3)).await.expect("ended");
    }
    let in_force = store.rules_in_force().await.expect("read");
    assert_eq!((in_force.active, in_force.shadow), (Some(version(&case, "a")), None));
    let history = store.activations(Slot::Shadow, 2).await.expect("read");
    let expected =
        [Activation { version: None, time: at(3) }, Activation { version: Some(shadow), time: at(2) }];
    assert_eq!(history, expected);
    let unknown = store.activate_rule_set(Slot::Shadow, &version(&case, "none"), at(4)).await;
    unknown.expect_err("a version that is not stored");
}

pub(super) async fn rule_sets_are_listed_newest_first_in_pages(case: Case) {
    // Later than every other case's.
    let names = ["p1", "p2", "p3"];
    for (name, minute) in names.into_iter().zip([900, 902, 901]) {
        case.store.put_rule_set(&document(&case, name, minute)).await.expect("stored");
    }
    let first = case.store.rule_sets(None, 2).await.expect("read");
    let second = case.store.rule_sets(first.last(), 1).await.expect("read");
    let listed: Vec<_> = first.iter().chain(&second).map(|entry| entry.version.clone()).collect();
    assert_eq!(listed, ["p2", "p3", "p1"].map(|name| version(&case, name)));
}
