//! The second limit, "the batch insert": what the database does when it is given finished batches.
//!
//! `Pipeline::record` with batches of [`BATCH`] comments that were judged beforehand, by
//! [`CALLERS`] callers at once, into a database of its own beside the real one: the same server, the
//! same disk, the same statements, and nothing else to do.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use moderato_domain::identity::{ip_prefix, keyed_hash};
use moderato_domain::{
    AuthorKey, Clock as _, CommentId, Email, ModerationMode, PrivacyKey, Site, SiteId, SiteSettings, State,
    Stopwatch, SystemClock, TextFingerprint,
};
use moderato_engine::{CompiledRuleSet, Facts, Guidelines, STARTER_GUIDELINES, STARTER_RULES, evaluate};
use moderato_runtime::shutdown::Shutdown;
use moderato_store::{NewRecord, Recorded, RuleSetDocument, Store, Traces};
use moderato_store_postgres::{PostgresOptions, PostgresStore};
use moderato_store_sqlite::{SqliteFile, SqliteOptions};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, Executor as _};

use super::comments::Comments;
use super::report::InsertLimit;

/// Comments per call: what a busy worker commits at once.
const BATCH: u64 = 200;
/// Calls at once: two reach PostgreSQL's limit, and SQLite has one writer anyway.
const CALLERS: u64 = 2;
/// Judged batches per caller. They are stored again and again under new ids, so that judging does
/// not disturb the measurement and memory stays small.
const BATCHES: u64 = 10;

/// Where the real data is.
#[derive(Debug, Clone)]
pub(super) enum Place {
    /// The URL of the database.
    Postgres(String),
    /// The folder of the file.
    Sqlite(PathBuf),
}

/// Creates a scratch database called `name`, measures for `time`, and drops it.
pub(super) async fn measure(
    place: &Place,
    name: &str,
    comments: &Comments,
    site: &SiteId,
    time: Duration,
    stop: &Shutdown,
) -> anyhow::Result<InsertLimit> {
    match place {
        Place::Postgres(url) => {
            let scratch = postgres_create(url, name).await?;
            let measured = async {
                let store =
                    PostgresStore::connect(&scratch, PostgresOptions::default(), Arc::new(SystemClock))
                        .await?;
                insert(Arc::new(store), comments, site, time, stop).await
            }
            .await;
            let dropped = postgres_drop(url, name).await;
            let limit = measured?;
            dropped.map(|()| limit)
        }
        Place::Sqlite(folder) => {
            let file = folder.join(format!("{name}.db"));
            let measured = async {
                let opened = SqliteFile::open(&file, SqliteOptions::default()).await?;
                let limit = insert(Arc::new(opened.store()), comments, site, time, stop).await;
                opened.close().await;
                limit
            }
            .await;
            remove_sqlite(&file);
            measured
        }
    }
}

async fn insert(
    store: Arc<dyn Store>,
    comments: &Comments,
    site: &SiteId,
    time: Duration,
    stop: &Shutdown,
) -> anyhow::Result<InsertLimit> {
    let judge = Judge::new(site.clone())?;
    judge.prepare(&*store).await?;
    let mut callers = Vec::new();
    for caller in 0..CALLERS {
        let first = caller * BATCHES * BATCH;
        let batches: anyhow::Result<Vec<Vec<NewRecord>>> = (0..BATCHES)
            .map(|batch| {
                let first = first + batch * BATCH;
                (first..first + BATCH).map(|number| judge.record(comments, number)).collect()
            })
            .collect();
        callers.push((caller, batches?));
    }
    let watch = Stopwatch::start();
    let running: Vec<_> = callers
        .into_iter()
        .map(|(caller, batches)| {
            let (store, comments, stop) = (Arc::clone(&store), comments.clone(), stop.clone());
            tokio::spawn(async move { call(&*store, caller, batches, &comments, time, &stop).await })
        })
        .collect();
    let mut stored = 0;
    for caller in running {
        stored += caller.await??;
    }
    let per_second = stored as f64 / watch.elapsed().as_secs_f64().max(f64::EPSILON);
    Ok(InsertLimit { comments: stored, comments_per_second: per_second })
}

/// One caller: one batch after another, until the time is up.
async fn call(
    store: &dyn Store,
    caller: u64,
    mut batches: Vec<Vec<NewRecord>>,
    comments: &Comments,
    time: Duration,
    stop: &Shutdown,
) -> anyhow::Result<u64> {
    let mut stored = 0;
    let watch = Stopwatch::start();
    loop {
        for batch in &mut batches {
            if watch.elapsed() >= time || stop.is_requested() {
                return Ok(stored);
            }
            let now = SystemClock.now();
            for (record, place) in batch.iter_mut().zip(0..) {
                // Each caller counts in numbers of its own.
                let number = caller + CALLERS * (stored + place);
                record.comment.id = CommentId::parse(&comments.id(number))?;
                record.submission_uid = record.comment.submission_uid();
                record.comment.accept_time = now;
                record.evaluate_time = now;
            }
            let outcomes = store.record(batch).await?;
            ensure!(
                outcomes.iter().all(|outcome| *outcome == Recorded::Applied),
                "a new comment was not new"
            );
            stored += outcomes.len() as u64;
        }
    }
}

/// Judges comments as a worker does, with the starter rules.
struct Judge {
    site: Site,
    rules: CompiledRuleSet,
}

impl Judge {
    fn new(id: SiteId) -> anyhow::Result<Self> {
        let settings = SiteSettings { mode: ModerationMode::Auto, ..SiteSettings::default() };
        let display_name = "scratch".to_owned();
        let site = Site { id, display_name, settings, privacy_key: PrivacyKey::new([7; 32]) };
        let rules = CompiledRuleSet::compile(STARTER_RULES, &Guidelines::parse(STARTER_GUIDELINES)?)?;
        Ok(Self { site, rules })
    }

    /// Stores what records refer to.
    async fn prepare(&self, store: &dyn Store) -> anyhow::Result<()> {
        store.put_site(&self.site).await?;
        let document = RuleSetDocument {
            version: self.rules.version().clone(),
            document: STARTER_RULES.to_owned(),
            guidelines: STARTER_GUIDELINES.to_owned(),
            create_time: SystemClock.now(),
        };
        store.put_rule_set(&document).await?;
        Ok(())
    }

    fn record(&self, comments: &Comments, number: u64) -> anyhow::Result<NewRecord> {
        let now = SystemClock.now();
        let comment = comments.admitted(number, now)?;
        let facts = Facts::none(now);
        let evaluation = evaluate(&self.rules, &comment, &facts);
        let key = &self.site.privacy_key;
        let hash = |label: &str, value: String| keyed_hash(key, label, value.as_bytes());
        Ok(NewRecord {
            content_hash: comment.content_hash(),
            submission_uid: comment.submission_uid(),
            author: AuthorKey::of(&comment, key),
            mail_hash: comment.author.email.as_ref().map(Email::normalized).map(|mail| hash("mail", mail)),
            ip_hash: comment.client.ip.map(|ip| hash("ip", ip.to_string())),
            ip_prefix: comment.client.ip.map(ip_prefix),
            contact: None,
            fingerprint: TextFingerprint::of(&comment.body),
            state: State::after(self.site.settings.mode, &evaluation),
            traces: Traces::default(),
            evaluation,
            facts,
            evaluate_time: now,
            comment,
        })
    }
}

/// Creates the database and returns its URL. `name` is one of ours: lower-case letters, digits, `_`.
async fn postgres_create(url: &str, name: &str) -> anyhow::Result<String> {
    let server: PgConnectOptions = url.parse().context("the database's URL cannot be read")?;
    let mut connection = server.connect().await.context("cannot reach the database")?;
    let created = connection.execute(format!("CREATE DATABASE {name}").as_str()).await;
    created.context("cannot create a scratch database; the user needs CREATEDB")?;
    connection.close().await?;
    Ok(server.database(name).to_url_lossy().to_string())
}

/// Drops the database, whoever is connected to it.
async fn postgres_drop(url: &str, name: &str) -> anyhow::Result<()> {
    let server: PgConnectOptions = url.parse().context("the database's URL cannot be read")?;
    let mut connection = server.connect().await.context("cannot reach the database")?;
    let dropped = connection.execute(format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)").as_str()).await;
    dropped.with_context(|| format!("cannot drop the scratch database {name}"))?;
    connection.close().await?;
    Ok(())
}

fn remove_sqlite(file: &Path) {
    for suffix in ["", "-wal", "-shm"] {
        let mut path = file.as_os_str().to_owned();
        path.push(suffix);
        // One that is not there is fine.
        let _ = std::fs::remove_file(path);
    }
}
