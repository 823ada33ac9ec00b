//! The real binary, running: embedded in one process, or one process per role on RabbitMQ and
//! PostgreSQL. A scenario takes a [`Deployment`] and cannot tell which it is.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{LazyLock, Mutex};
use std::time::Duration;

use moderato_api::pb::ingest::SubmitCommentRequest;
use moderato_api::pb::ingest::ingest_service_client::IngestServiceClient;
use moderato_api::pb::query::CountPublishedCommentsRequest;
use moderato_api::pb::query::query_service_client::QueryServiceClient;
use moderato_api::pb::review::review_service_client::ReviewServiceClient;
use moderato_api::pb::rules::rule_set_service_client::RuleSetServiceClient;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};
use tonic::{Request, Status};

use crate::server_process::{Launch, ServerProcess, clean_environment, run, tail};
use crate::{eventually, ports, sample, within};

/// Longest wait for a role to be ready; under 1 s is usual, a loaded machine needs more.
const START: Duration = Duration::from_mins(1);

/// The site that the first start makes.
pub const SITE: &str = "sites/blog";

/// The setting that encrypts the doors.
const CERTIFICATE: &str = "MODERATO_TLS_CERT";

/// Adds an API key to every call.
#[derive(Debug, Clone)]
pub struct Bearer(Option<MetadataValue<Ascii>>);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(key) = &self.0 {
            request.metadata_mut().insert("authorization", key.clone());
        }
        Ok(request)
    }
}

/// A client's end of the wire.
pub type Wire = InterceptedService<Channel, Bearer>;

/// One process of a deployment.
#[derive(Debug)]
struct Role {
    name: &'static str,
    grpc_port: u16,
    web_port: u16,
    health_port: u16,
    process: Mutex<Option<ServerProcess>>,
}

/// A running installation. Dropping it ends its processes and deletes its data.
#[derive(Debug)]
pub struct Deployment {
    // Before `folder`: the processes must be gone when their folder is deleted.
    roles: Vec<Role>,
    folder: TempDir,
    environment: Vec<(String, String)>,
}

impl Deployment {
    /// All roles in one process, on SQLite.
    pub async fn embedded() -> Self {
        Self::embedded_with(&[]).await
    }

    /// The same, with settings such as `("MODERATO_WORKER_BATCH", "16")`.
    pub async fn embedded_with(settings: &[(&str, &str)]) -> Self {
        Self::start(&["all"], owned(settings)).await
    }

    /// One process per role, all on the same SQLite file, with settings.
    pub async fn split_on_one_file_with(settings: &[(&str, &str)]) -> Self {
        Self::start(&["ingest", "worker", "query"], owned(settings)).await
    }

    /// One process per role, on this broker and database, with settings.
    pub async fn distributed_with(amqp_url: &str, database_url: &str, settings: &[(&str, &str)]) -> Self {
        let servers = [("AMQP_URL", amqp_url), ("DATABASE_URL", database_url)];
        Self::start(&["ingest", "worker", "query"], owned(&[&servers[..], settings].concat())).await
    }

    /// One process per role, on a fresh part of the servers that this test binary shares.
    pub async fn distributed_on_shared_servers() -> Self {
        Self::distributed_on_shared_servers_with(&[]).await
    }

    /// The same, with settings.
    pub async fn distributed_on_shared_servers_with(settings: &[(&str, &str)]) -> Self {
        static DATABASES: AtomicU32 = AtomicU32::new(1);
        let amqp_url = crate::rabbitmq::shared().await.fresh_vhost().await;
        let database = format!("deployment_{}", DATABASES.fetch_add(1, Ordering::Relaxed));
        let database_url = crate::postgres::shared().await.database_url(&database).await;
        Self::distributed_with(&amqp_url, &database_url, settings).await
    }

    async fn start(names: &[&'static str], environment: Vec<(String, String)>) -> Self {
        let folder = tempfile::Builder::new().prefix("moderato-deployment-").tempdir().expect("a folder");
        let role = |name| Role {
            name,
            grpc_port: ports::free(),
            web_port: ports::free(),
            health_port: ports::free(),
            process: Mutex::default(),
        };
        let roles = names.iter().copied().map(role).collect();
        let deployment = Self { roles, folder, environment };
        for name in names {
            deployment.start_role(name);
        }
        for name in names {
            deployment.until_ready(name).await;
        }
        deployment.until_key_works().await;
        deployment
    }

    /// Waits until every role knows the first key: a role that started before the key was made learns
    /// of it with its next look at the directory, within 2 s.
    async fn until_key_works(&self) {
        eventually("the first key works", START, async || {
            let check =
                SubmitCommentRequest { validate_only: true, ..sample::submission("check", "post-1", "Hi") };
            self.ingest().submit_comment(check).await.ok()?;
            let count = CountPublishedCommentsRequest { parent: SITE.to_owned(), threads: Vec::new() };
            self.query().count_published_comments(count).await.ok()
        })
        .await;
    }

    /// Starts a role's process, on the same ports and data as before.
    pub fn start_role(&self, name: &str) {
        let role = self.role(name);
        let mut command = self.command();
        command.arg("serve").arg("--data-dir").arg(self.data_dir());
        match role.name {
            "all" => {}
            // One process less to start: the console reads the same store as the query role.
            "query" => _ = command.args(["--roles", "query,console"]),
            name => _ = command.args(["--roles", name]),
        }
        command.args(["--listen", &format!("127.0.0.1:{}", role.grpc_port)]);
        command.args(["--web-listen", &format!("127.0.0.1:{}", role.web_port)]);
        command.args(["--health-listen", &format!("127.0.0.1:{}", role.health_port)]);
        let launch = Launch {
            command,
            log: self.log(name),
            folder: self.folder.path().to_owned(),
            end_signal: "KILL",
        };
        let process = ServerProcess::start(&launch).expect("the role starts");
        *role.process.lock().expect("not poisoned") = Some(process);
    }

    /// `kill -9`.
    pub async fn kill(&self, name: &str) {
        self.end(name, "KILL").await;
    }

    /// Asks the process to stop and waits until it has.
    pub async fn terminate(&self, name: &str) {
        self.end(name, "TERM").await;
    }

    async fn end(&self, name: &str, signal: &'static str) {
        let process = self.role(name).process.lock().expect("not poisoned").take().expect("it runs");
        tokio::task::spawn_blocking(move || process.stop(signal)).await.expect("no panic").expect("it stops");
    }

    /// Waits until a role says that it is ready.
    pub async fn until_ready(&self, name: &str) {
        let ready =
            within(START, async || self.health(name, "/readyz").await.filter(|(code, _)| *code == 200)).await;
        assert!(ready.is_some(), "{name} is not ready:\n{}", tail(&self.log(name)));
    }

    /// Asks a role's health door: status code and body; `None` if nobody answers.
    pub async fn health(&self, name: &str, path: &str) -> Option<(u16, String)> {
        http_get(self.role(name).health_port, path).await
    }

    /// The value of a metric of a role, labels included in the name; 0 if it was never counted.
    pub async fn metric(&self, name: &str, metric: &str) -> f64 {
        let (_, text) = self.health(name, "/metrics").await.unwrap_or_default();
        let value = |line: &str| line.strip_prefix(metric)?.strip_prefix(' ')?.trim().parse().ok();
        text.lines().find_map(value).unwrap_or(0.0)
    }

    /// The roles' names: `all`, or one per process.
    pub fn roles(&self) -> Vec<&'static str> {
        self.roles.iter().map(|role| role.name).collect()
    }

    /// Where the moderators' pages are, without a path at the end.
    pub fn console_url(&self) -> String {
        let role = self.roles.iter().find(|role| matches!(role.name, "all" | "query")).expect("a console");
        format!("http://127.0.0.1:{}", role.web_port)
    }

    /// Where a role tells its metrics.
    pub fn metrics_url(&self, name: &str) -> String {
        format!("http://127.0.0.1:{}/metrics", self.role(name).health_port)
    }

    /// The value of an environment variable that every process of the deployment has.
    pub fn setting(&self, name: &str) -> Option<&str> {
        self.environment.iter().find(|(set, _)| set == name).map(|(_, value)| value.as_str())
    }

    /// Lets no file that a role writes grow beyond this many bytes, as if the disk were full; `None`
    /// gives the space back.
    pub fn limit_file_size(&self, name: &str, bytes: Option<u64>) {
        let process = self.role(name).process.lock().expect("not poisoned");
        let pid = process.as_ref().expect("it runs").pid();
        // The soft limit alone: it can be raised again without privileges.
        let limit = bytes.map_or_else(|| "unlimited".to_owned(), |bytes| bytes.to_string());
        let mut command = Command::new("prlimit");
        command.args([format!("--pid={pid}"), format!("--fsize={limit}:")]);
        run(&mut command).expect("the limit is set");
    }

    /// The folder with the deployment's data.
    pub fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// What a role wrote to its log.
    pub fn log_text(&self, name: &str) -> String {
        std::fs::read_to_string(self.log(name)).unwrap_or_default()
    }

    fn log(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("{name}.log"))
    }

    /// The name of the process that plays a role.
    pub fn process_of(&self, role: &'static str) -> &'static str {
        if self.roles.iter().any(|r| r.name == role) { role } else { "all" }
    }

    fn role(&self, name: &str) -> &Role {
        self.roles.iter().find(|role| role.name == name).expect("a role of this deployment")
    }

    /// The API key that the first start left for the command line.
    pub fn key(&self) -> String {
        let text =
            std::fs::read_to_string(self.data_dir().join("cli.toml")).expect("the first start wrote it");
        let value = |line: &str| Some(line.strip_prefix("key = \"")?.trim_end_matches('"').to_owned());
        text.lines().find_map(value).expect("it holds a key")
    }

    /// Where a role's gRPC door is; encrypted, if the settings name a certificate.
    pub fn endpoint(&self, role: &'static str) -> String {
        let scheme = if self.setting(CERTIFICATE).is_some() { "https" } else { "http" };
        format!("{scheme}://127.0.0.1:{}", self.role(self.process_of(role)).grpc_port)
    }

    /// A client of the ingest service with the first key.
    pub fn ingest(&self) -> IngestServiceClient<Wire> {
        self.ingest_as(Some(&self.key()))
    }

    /// A client of the ingest service with this key, or none.
    pub fn ingest_as(&self, key: Option<&str>) -> IngestServiceClient<Wire> {
        IngestServiceClient::new(self.wire("ingest", key)).max_decoding_message_size(usize::MAX)
    }

    /// A client of the query service with the first key.
    pub fn query(&self) -> QueryServiceClient<Wire> {
        self.query_as(Some(&self.key()))
    }

    /// A client of the query service with this key, or none.
    pub fn query_as(&self, key: Option<&str>) -> QueryServiceClient<Wire> {
        QueryServiceClient::new(self.wire("query", key))
    }

    /// A client of the rule-set service with this key.
    pub fn rules_as(&self, key: &str) -> RuleSetServiceClient<Wire> {
        RuleSetServiceClient::new(self.wire("query", Some(key)))
    }

    /// A client of the review service with this key.
    pub fn reviews_as(&self, key: &str) -> ReviewServiceClient<Wire> {
        ReviewServiceClient::new(self.wire("query", Some(key)))
    }

    fn wire(&self, role: &'static str, key: Option<&str>) -> Wire {
        let mut endpoint = Endpoint::from_shared(self.endpoint(role)).expect("a URL");
        if let Some(file) = self.setting(CERTIFICATE) {
            let trusted = Certificate::from_pem(std::fs::read(file).expect("the certificate is there"));
            endpoint =
                endpoint.tls_config(ClientTlsConfig::new().ca_certificate(trusted)).expect("a certificate");
        }
        let channel = endpoint.connect_lazy();
        let bearer = key.map(|key| format!("Bearer {key}").parse().expect("ASCII"));
        InterceptedService::new(channel, Bearer(bearer))
    }

    /// Runs an operator's command on this deployment to its end.
    pub async fn cli(&self, arguments: &[&str]) -> Output {
        let mut command = self.command();
        command.args(arguments).arg("--data-dir").arg(self.data_dir());
        tokio::task::spawn_blocking(move || command.output()).await.expect("no panic").expect("it runs")
    }

    /// Runs an operator's command that must succeed, and returns what it printed.
    pub async fn cli_ok(&self, arguments: &[&str]) -> String {
        let output = self.cli(arguments).await;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "moderato {arguments:?}: {text}{errors}");
        text
    }

    /// A command line of the binary in this deployment's environment and folder.
    pub fn command(&self) -> Command {
        let mut command = moderato();
        command.envs(self.environment.iter().cloned()).current_dir(self.folder.path());
        command.env("MODERATO_ENDPOINT", self.endpoint("ingest"));
        command.env("MODERATO_QUERY_ENDPOINT", self.endpoint("query"));
        command.env("MODERATO_CONSOLE_ENDPOINT", self.endpoint("query"));
        command
    }

    /// Waits until nothing waits, is retried or is in a worker's hands, and returns how many dead
    /// letters there are.
    pub async fn until_drained(&self, deadline: Duration) -> u64 {
        eventually("the queue is empty", deadline, async || {
            let (_, text) = self.health(self.process_of("worker"), "/metrics").await?;
            let place = |place: &str| {
                let prefix = format!("moderato_queue_messages{{place=\"{place}\"}} ");
                text.lines().find_map(|line| line.strip_prefix(prefix.as_str())?.trim().parse::<u64>().ok())
            };
            let oldest: f64 = text.lines().find_map(|l| {
                l.strip_prefix("moderato_queue_oldest_age_seconds{place=\"in_hand\"} ")?.parse().ok()
            })?;
            (place("ready")? == 0 && place("retrying")? == 0 && oldest == 0.0)
                .then(|| place("dead"))
                .flatten()
        })
        .await
    }
}

/// A command line of the binary in an empty environment, for what needs no deployment.
pub fn moderato() -> Command {
    let mut command = Command::new(binary());
    clean_environment(&mut command);
    command
}

fn owned(settings: &[(&str, &str)]) -> Vec<(String, String)> {
    settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// The `moderato` binary of this build. Built once per test process, so that a test never runs an
/// old one; a moment's work if `make test` has built it.
fn binary() -> &'static Path {
    static BINARY: LazyLock<PathBuf> = LazyLock::new(|| {
        // A test is …/target/<profile>/deps/<test>, a program …/target/<profile>/<program>.
        let own = std::env::current_exe().expect("a path");
        let folder = own.parent().expect("a folder");
        let profile =
            if folder.ends_with("deps") { folder.parent().expect("a target folder") } else { folder };
        let mut build = Command::new("cargo");
        build
            .args(["build", "--quiet", "--locked", "--package", "moderato"])
            .current_dir(env!("CARGO_MANIFEST_DIR"));
        build.arg("--target-dir").arg(profile.parent().expect("a target folder"));
        if profile.ends_with("release") {
            build.arg("--release");
        }
        assert!(build.status().expect("cargo runs").success(), "the binary does not build");
        profile.join("moderato")
    });
    &BINARY
}

/// A minimal HTTP/1.0 GET.
async fn http_get(port: u16, path: &str) -> Option<(u16, String)> {
    let mut socket = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.ok()?;
    let request = format!("GET {path} HTTP/1.0\r\nhost: localhost\r\n\r\n");
    socket.write_all(request.as_bytes()).await.ok()?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let code = head.split_whitespace().nth(1)?.parse().ok()?;
    Some((code, body.to_owned()))
}
