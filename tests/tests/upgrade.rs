//! An installation of the release before there was a review: its comments, verdicts and decisions wait
//! where they should after the upgrade, and what was decided then stays decided.

use std::path::Path;
use std::sync::Arc;

use moderato_domain::{
    Actor, Clock as _, Decision, DecisionId, DecisionKind, Ids as _, Priority, ReviewQueue, SiteId,
    SystemClock, SystemIds, Target, Timestamp,
};
use moderato_store::{Decided, DecisionFilter, KeptStanding, QueueFilter, Store, UNDO_WINDOW, UndoError};
use moderato_store_postgres::{PostgresOptions, PostgresStore};
use moderato_store_sqlite::{SqliteFile, SqliteOptions};
use moderato_tests::postgres;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, PgConnection};

/// The newest migration of that release.
const BEFORE: usize = 3;

/// A comment of that release, and where it waits from now on.
struct Old {
    id: &'static str,
    state: &'static str,
    action: &'static str,
    decided: bool,
    category: &'static str,
    waits: Option<ReviewQueue>,
}

const fn old(
    id: &'static str,
    state: &'static str,
    action: &'static str,
    category: &'static str,
    waits: Option<ReviewQueue>,
) -> Old {
    Old { id, state, action, decided: false, category, waits }
}

const COMMENTS: [Old; 11] = [
    old("pending", "pending", "allow", "", Some(ReviewQueue::Pending)),
    old("published", "published", "allow", "", None),
    old("flagged", "pending", "review", "quality", Some(ReviewQueue::Flagged)),
    old("checked-later", "published", "review", "threat", Some(ReviewQueue::Flagged)),
    old("crisis", "published", "review", "crisis", Some(ReviewQueue::Escalated)),
    old("spam", "spam", "reject", "spam", Some(ReviewQueue::Spam)),
    old("rejected", "rejected", "reject", "hate", None),
    old("withdrawn", "withdrawn", "review", "crisis", None),
    Old { decided: true, ..old("approved", "published", "review", "quality", None) },
    Old { decided: true, ..old("refused", "rejected", "allow", "", None) },
    Old { decided: true, ..old("danger-over", "published", "review", "crisis", None) },
];

/// What the backends say differently.
struct Dialect {
    /// A column that only this backend has.
    key: &'static str,
    uid: &'static str,
    hash: &'static str,
}

const POSTGRES: Dialect = Dialect {
    key: "",
    uid: "'00000000-0000-0000-0000-000000000000'::uuid",
    hash: "decode(repeat('00', 32), 'hex')",
};

const SQLITE: Dialect = Dialect { key: "comment_seq, ", uid: "zeroblob(16)", hash: "zeroblob(32)" };

impl Dialect {
    /// What that release stored, minute by minute.
    fn stored(&self) -> Vec<String> {
        let mut statements = Vec::new();
        for (number, Old { id, state, action, decided, category, .. }) in (1_i64..).zip(&COMMENTS) {
            let Self { key, uid, hash } = self;
            let own = if key.is_empty() { String::new() } else { format!("{number}, ") };
            let time = number * 60_000;
            let reasons = match *category {
                "" => "[]".to_owned(),
                category => format!(r#"[{{"rule":"r","category":"{category}","score":1.5,"message":"m"}}]"#),
            };
            statements.push(format!(
                "INSERT INTO comments ({key}site_id, comment_id, thread_id, revision, state, action, score,
                     decided, create_time_ms, accept_time_ms, update_time_ms, version)
                 VALUES ({own}'blog', '{id}', 'post-1', 1, '{state}', '{action}', 1.5, {decided}, {time}, {time},
                     {time}, 1)"
            ));
            statements.push(format!(
                "INSERT INTO comment_revisions ({key}site_id, comment_id, revision, submission_uid, content_hash,
                     display_name, body, fingerprint, create_time_ms, accept_time_ms)
                 VALUES ({own}'blog', '{id}', 1, {uid}, {hash}, 'Ada', 'as before', 77, {time}, {time})"
            ));
            statements.push(format!(
                "INSERT INTO verdicts ({key}site_id, comment_id, revision, rule_set_version, action, score,
                     approved_by_rule, reasons, signals, degraded, evaluate_time_ms)
                 VALUES ({own}'blog', '{id}', 1, 'starter@0123456789ab', '{action}', 1.5, false, '{reasons}', '[]',
                     '[]', {time})"
            ));
        }
        for (id, kind) in [("approved", "approve"), ("refused", "reject"), ("danger-over", "approve")] {
            statements.push(format!(
                "INSERT INTO decisions (site_id, comment_id, revision, kind, moderator, note, decide_time_ms)
                 VALUES ('blog', '{id}', 1, '{kind}', 'Mo', 'seen', 900000)"
            ));
        }
        statements
    }
}

/// The first migrations of a backend, as that release ran them.
fn migrator(backend: &str) -> Migrator {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates").join(backend).join("migrations");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("the folder of migrations")
        .map(|file| file.expect("a file").path())
        .collect();
    files.sort();
    let migrations = (1..).zip(&files[..BEFORE]).map(|(number, file)| {
        let name = file.file_stem().expect("a name").to_string_lossy()[5..].to_owned();
        let sql = std::fs::read_to_string(file).expect("readable");
        Migration::new(number, name.into(), MigrationType::Simple, sql.into(), false)
    });
    Migrator { migrations: migrations.collect(), ..Migrator::DEFAULT }
}

macro_rules! install {
    ($connection:expr, $backend:literal, $dialect:expr) => {{
        let mut connection = $connection;
        migrator($backend).run_direct(&mut connection).await.expect("migrated");
        for statement in $dialect.stored() {
            sqlx::query(&statement).execute(&mut connection).await.expect("stored");
        }
        connection.close().await.expect("closed");
    }};
}

async fn standings(store: &dyn Store) -> Vec<KeptStanding> {
    store.standings(None, 100).await.expect("read")
}

async fn check(store: &dyn Store) {
    let site = SiteId::parse("blog").expect("a site");
    let now = SystemClock.now();
    let kept = standings(store).await;
    assert_eq!(kept.len(), COMMENTS.len());
    for kept in &kept {
        let expected = COMMENTS.iter().find(|old| old.id == kept.comment.comment.as_str()).expect("known");
        assert_eq!(kept.queue, expected.waits, "{}", expected.id);
        assert_eq!(kept.queue, kept.case.queue(), "{}", expected.id);
    }
    for count in store.queue_counts(&site).await.expect("counted") {
        let waiting = COMMENTS.iter().filter(|old| old.waits == Some(count.queue)).count() as u64;
        assert_eq!(count.waiting, waiting, "{:?}", count.queue);
    }
    let page = store.queue_page(&site, &QueueFilter::default(), None, 20, now).await.expect("read");
    let ids: Vec<&str> = page.iter().map(|item| item.comment.name.comment.as_str()).collect();
    assert_eq!(ids, ["crisis", "checked-later", "flagged", "spam", "pending"]);
    assert_eq!((page[0].priority, page[1].priority), (Priority::Crisis, Priority::High));
    assert_eq!(page[1].category.as_deref(), Some("threat"));
    assert_eq!(page[2].wait_since, Timestamp::from_millis(3 * 60_000));
    assert!(page.iter().all(|item| item.campaign == 5), "the same text, as fingerprints tell");

    // What was decided then is kept and final, and nobody is mailed about it now.
    let decisions = store.decisions(&site, &DecisionFilter::default(), None, 9).await.expect("read");
    assert_eq!(decisions.len(), 3);
    for decision in &decisions {
        assert_eq!((decision.actor.name.as_str(), decision.note.as_deref()), ("Mo", Some("seen")));
        let undone = store.undo(&site, decision.id, &Actor::operator(), now).await;
        assert!(matches!(undone, Err(UndoError::TooLate(_))), "{undone:?}");
        let then = Timestamp::from_millis(900_000);
        let undone = store.undo(&site, decision.id, &Actor::operator(), then).await;
        assert!(matches!(undone, Err(UndoError::TooLate(_))), "also by a clock that is late: {undone:?}");
    }
    assert_eq!(store.due_effects(now, 9).await.expect("read"), []);
    assert_eq!(store.rejections(9).await.expect("read"), []);

    // From here on everything goes its way.
    let item = &page[2].comment;
    let decision = Decision {
        id: DecisionId(SystemIds.time_ordered()),
        site: site.clone(),
        targets: vec![Target {
            comment: item.name.comment.clone(),
            revision: item.revision,
            version: Some(item.version),
        }],
        kind: DecisionKind::Reject,
        actor: Actor::operator(),
        guideline: None,
        message: None,
        note: None,
        over_claim: false,
        decide_time: now,
        undo_until: now.plus(UNDO_WINDOW),
    };
    let decided = store.decide(&decision).await.expect("decided");
    assert!(matches!(decided[..], [Decided::Applied { .. }]), "{decided:?}");
    store.undo(&site, decision.id, &Actor::operator(), now).await.expect("undone");
    for (before, after) in kept.iter().zip(standings(store).await) {
        assert_eq!((before.queue, before.case), (after.queue, after.case), "{}", after.comment);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn postgresql_of_an_earlier_release_is_brought_up_to_date() {
    let url = postgres::shared().await.database_url("earlier").await;
    install!(PgConnection::connect(&url).await.expect("connected"), "store-postgres", POSTGRES);
    let store = PostgresStore::connect(&url, PostgresOptions::default(), Arc::new(SystemClock)).await;
    check(&store.expect("upgraded")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_an_earlier_release_is_brought_up_to_date() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("earlier.db");
    let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
    install!(options.connect().await.expect("created"), "store-sqlite", SQLITE);
    let file = SqliteFile::open(&path, SqliteOptions::default()).await.expect("upgraded");
    check(&file.store()).await;
    file.close().await;
}
