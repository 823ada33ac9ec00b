//! The dependency direction of the house plan, checked over `cargo metadata`: a crate may use only
//! what stands in its row. Backends are named by the binary alone.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// Workspace crates that each crate may depend on (dev-dependencies aside).
const ALLOWED: &[(&str, &[&str])] = &[
    ("moderato-domain", &[]),
    ("moderato-engine", &["domain"]),
    ("moderato-api", &["domain"]),
    ("moderato-queue", &["domain"]),
    ("moderato-store", &["domain"]),
    ("moderato-store-postgres", &["domain", "store"]),
    ("moderato-store-sqlite", &["domain", "store", "queue"]),
    ("moderato-facts", &["domain", "store"]),
    ("moderato-access", &["domain", "store", "api"]),
    ("moderato-notify", &["domain", "engine", "store"]),
    ("moderato-runtime", &["domain"]),
    ("moderato-ingest", &["domain", "engine", "api", "access", "facts", "queue", "store", "runtime"]),
    ("moderato-worker", &["domain", "engine", "api", "facts", "queue", "store", "runtime"]),
    ("moderato-query", &["domain", "api", "access", "store", "runtime"]),
    ("moderato-console", &["domain", "engine", "api", "access", "notify", "store", "runtime"]),
];

/// Crates that do I/O or need an executor: the pure crates have none of them.
const IMPURE: &[&str] = &["tokio", "tonic", "sqlx", "lapin", "axum", "async-trait", "futures-util"];

/// What each crate of the workspace uses, dev-dependencies aside. Asked of cargo itself and not through
/// a library, whose features would make the binary's dependencies build twice.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new("cargo")
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let packages = metadata["packages"].as_array().unwrap().iter();
    packages
        .map(|package| {
            let uses = package["dependencies"].as_array().unwrap().iter();
            let uses = uses.filter(|used| used["kind"] != "dev").map(|used| text(&used["name"]));
            (text(&package["name"]), uses.collect())
        })
        .collect()
}

#[test]
fn each_crate_depends_only_on_what_the_plan_allows() {
    let mut violations = Vec::new();
    for (name, uses) in dependencies() {
        // The composition root and the tests of the whole may use everything.
        if matches!(name.as_str(), "moderato" | "moderato-tests") {
            continue;
        }
        let Some((_, allowed)) = ALLOWED.iter().find(|(known, _)| *known == name) else {
            violations.push(format!("{name} has no row in the plan"));
            continue;
        };
        for used in uses.iter().filter_map(|used| used.strip_prefix("moderato-")) {
            if !allowed.contains(&used) {
                violations.push(format!("{name} uses {used}"));
            }
        }
    }
    assert!(violations.is_empty(), "{violations:#?}");
}

#[test]
fn domain_and_engine_are_pure() {
    let dependencies = dependencies();
    for pure in ["moderato-domain", "moderato-engine"] {
        let impure: Vec<_> =
            dependencies[pure].iter().filter(|used| IMPURE.contains(&used.as_str())).collect();
        assert!(impure.is_empty(), "{pure} uses {impure:?}");
    }
}
