//! Rule sets and which one is in force. They belong to no site, so this is one case.

use super::builders::{Case, at, rule_set};
use crate::RuleSetDocument;

pub(super) async fn a_rule_set_is_stored_once_and_activated_at_will(case: Case) {
    let version = |name: &str| rule_set(&format!("{name}-{}@0", case.site));
    let document = |name: &str| RuleSetDocument {
        version: version(name),
        document: format!("# {name}\n[[rule]]\nid = \"a\"\n"),
        guidelines: "# Be kind\n§ 1 …".to_owned(),
        create_time: at(1),
    };
    let store = &case.store;
    for name in ["a", "b"] {
        store.put_rule_set(&document(name)).await.expect("stored");
    }
    // A version is immutable: what comes second under its name changes nothing.
    let other = RuleSetDocument { document: "other".to_owned(), create_time: at(2), ..document("a") };
    store.put_rule_set(&other).await.expect("nothing happens");
    assert_eq!(store.rule_set(&version("a")).await.expect("read"), Some(document("a")));
    assert_eq!(store.rule_set(&version("c")).await.expect("read"), None);
    assert_ne!(store.active_rule_set().await.expect("read"), Some(version("a")), "stored is not in force");

    // Forth, again, and back; the times do not decide.
    for name in ["a", "a", "b", "a"] {
        store.activate_rule_set(&version(name), at(3)).await.expect("activated");
        assert_eq!(store.active_rule_set().await.expect("read"), Some(version(name)));
    }
    store.activate_rule_set(&version("c"), at(4)).await.expect_err("a version that is not stored");
    assert_eq!(store.active_rule_set().await.expect("read"), Some(version("a")));
}
