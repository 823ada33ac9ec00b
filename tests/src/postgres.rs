//! A private PostgreSQL.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

use anyhow::Context as _;
use tempfile::TempDir;
use tokio::sync::OnceCell;

use crate::server_process::{Launch, ServerProcess, clean_environment, run, tail};
use crate::{ports, within};

/// Longest wait for a start on a slow machine; about 2 s is usual.
const START: Duration = Duration::from_secs(90);

/// The user that owns the server and its databases.
const USER: &str = "postgres";

/// A PostgreSQL server of one's own. Dropping it ends it and deletes its data.
#[derive(Debug)]
pub struct Server {
    // Before `folder`: the process must be gone when its folder is deleted.
    process: Mutex<Option<ServerProcess>>,
    binaries: PathBuf,
    folder: TempDir,
    port: u16,
    /// Of its configuration, `name=value` each.
    settings: Vec<String>,
}

/// The server that all tests of a binary share; each takes a fresh database.
pub async fn shared() -> &'static Server {
    static SHARED: OnceCell<Server> = OnceCell::const_new();
    SHARED.get_or_init(Server::start).await
}

impl Server {
    /// Creates a small cluster and starts it, durable as in production (`fsync=on`).
    ///
    /// # Panics
    ///
    /// When PostgreSQL is not installed or does not start.
    pub async fn start() -> Self {
        Self::start_with("shared_buffers = 64MB").await
    }

    /// As [`start`](Self::start), with settings written as in `postgresql.conf`.
    ///
    /// # Panics
    ///
    /// When PostgreSQL is not installed or does not start.
    pub async fn start_with(settings: &str) -> Self {
        let settings = in_use(settings);
        let server = tokio::task::spawn_blocking(|| Self::create(settings))
            .await
            .expect("no panic")
            .expect("postgresql starts");
        server.start_again().await;
        server
    }

    fn create(settings: Vec<String>) -> anyhow::Result<Self> {
        let binaries = binaries()?;
        let folder = tempfile::Builder::new().prefix("moderato-postgres-").tempdir()?;
        if is_root() {
            let number =
                |option| run(Command::new("id").args([option, USER]))?.trim().parse::<u32>().context("id");
            chown(folder.path(), Some(number("-u")?), Some(number("-g")?))?;
        }
        let server = Self { process: Mutex::new(None), binaries, folder, port: ports::free(), settings };
        run(server
            .program("initdb")
            .args(["--no-sync", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8"])
            .args(["--username", USER, "--pgdata"])
            .arg(server.data()))?;
        Ok(server)
    }

    /// The TCP port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Creates a database and returns its URL. A name that exists already is an error.
    ///
    /// # Panics
    ///
    /// When the database cannot be created.
    pub async fn database_url(&self, name: &str) -> String {
        self.create_database(name, "template1").await
    }

    /// Creates a database as a copy of another, which nobody may be connected to: one migrated
    /// template saves every test its migrations.
    ///
    /// # Panics
    ///
    /// When the database cannot be created.
    pub async fn clone_database(&self, template: &str, name: &str) -> String {
        self.create_database(name, template).await
    }

    async fn create_database(&self, name: &str, template: &str) -> String {
        let mut createdb = self.program("createdb");
        createdb.args(["--host=127.0.0.1", "--no-password", "--template", template, "--username", USER]);
        createdb.arg("--port").arg(self.port.to_string()).arg(name);
        tokio::task::spawn_blocking(move || run(&mut createdb))
            .await
            .expect("no panic")
            .expect("createdb works");
        format!("postgres://{USER}@127.0.0.1:{}/{name}", self.port)
    }

    /// Ends the server like a crash: connections break, nothing is flushed that was not committed.
    pub async fn stop_immediate(&self) {
        self.stop("QUIT").await;
    }

    /// Ends the server in order; connections are closed.
    pub async fn stop_fast(&self) {
        self.stop("INT").await;
    }

    async fn stop(&self, signal: &'static str) {
        let process = self.process.lock().expect("not poisoned").take().expect("the server runs");
        tokio::task::spawn_blocking(move || process.stop(signal)).await.expect("no panic").expect("it stops");
    }

    /// Starts the server on its data, same port, and waits until it answers.
    ///
    /// # Panics
    ///
    /// When it does not start.
    pub async fn start_again(&self) {
        let log = self.folder.path().join("log");
        let mut command = self.program("postgres");
        command.arg("-D").arg(self.data()).arg("-k").arg(self.folder.path());
        command.arg("-p").arg(self.port.to_string());
        let own = ["listen_addresses=127.0.0.1", "max_connections=100", "logging_collector=off"];
        for setting in own.into_iter().chain(self.settings.iter().map(String::as_str)) {
            command.args(["-c", setting]);
        }
        let launch =
            Launch { command, log: log.clone(), folder: self.folder.path().to_owned(), end_signal: "QUIT" };
        let process = ServerProcess::start(&launch).expect("a shell starts");
        *self.process.lock().expect("not poisoned") = Some(process);
        let started = within(START, async || self.answers().await).await;
        assert!(started.is_some(), "postgresql did not start:\n{}", tail(&log));
    }

    async fn answers(&self) -> Option<()> {
        let mut ask = self.program("pg_isready");
        ask.args(["--quiet", "--host=127.0.0.1", "--port"]).arg(self.port.to_string());
        tokio::task::spawn_blocking(move || run(&mut ask)).await.ok()?.ok().map(|_| ())
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// One of PostgreSQL's programs. The server refuses to run as root, so root steps down.
    fn program(&self, name: &str) -> Command {
        let path = self.binaries.join(name);
        let mut command = if is_root() {
            let mut setpriv = Command::new("setpriv");
            setpriv.args(["--reuid", USER, "--regid", USER, "--init-groups", "--"]).arg(path);
            setpriv
        } else {
            Command::new(path)
        };
        clean_environment(&mut command);
        command
    }
}

/// The settings of a configuration file, `name=value` each.
fn in_use(configuration: &str) -> Vec<String> {
    let uncommented = configuration.lines().map(|line| line.split('#').next().unwrap_or_default());
    let settings = uncommented.filter_map(|line| line.split_once('='));
    settings.map(|(name, value)| format!("{}={}", name.trim(), value.trim())).collect()
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|of_this_process| of_this_process.uid() == 0)
}

/// The folder of the newest installed PostgreSQL's programs: Debian keeps them out of the path.
fn binaries() -> anyhow::Result<PathBuf> {
    let has_server = |folder: &Path| folder.join("postgres").is_file() && folder.join("initdb").is_file();
    let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = debian
        .filter_map(|version| {
            let number: u32 = version.file_name().to_str()?.parse().ok()?;
            Some((number, version.path().join("bin")))
        })
        .filter(|(_, folder)| has_server(folder))
        .max();
    if let Some((_, folder)) = newest {
        return Ok(folder);
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).find(|folder| has_server(folder)).context("postgresql is not installed")
}
