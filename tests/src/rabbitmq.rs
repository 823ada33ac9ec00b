//! A private RabbitMQ.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

use anyhow::Context as _;
use lapin::{Connection, ConnectionProperties};
use tempfile::TempDir;
use tokio::sync::OnceCell;

use crate::server_process::{Launch, ServerProcess, clean_environment, run, tail};
use crate::{ports, within};

/// Longest wait for a start on a slow machine; 6 to 8 s are usual.
const START: Duration = Duration::from_mins(2);

/// Longest wait for one handshake.
const HANDSHAKE: Duration = Duration::from_secs(5);

/// Virtual hosts made by one command: starting `rabbitmqctl` costs more than they do.
const VHOSTS_AT_ONCE: usize = 8;

/// Small, and silent but for what a failed test wants to see.
const CONFIG: &str = "\
vm_memory_high_watermark.absolute = 1GB
disk_free_limit.absolute = 50MB
raft.wal_max_size_bytes = 67108864
loopback_users.guest = true
log.console = true
log.console.level = warning
log.file = false
";

/// A RabbitMQ node of one's own, with its own epmd. Dropping it ends both and deletes its data.
#[derive(Debug)]
pub struct Server {
    // Before `folder`: the processes must be gone when their folder is deleted.
    node: Mutex<Option<ServerProcess>>,
    _epmd: ServerProcess,
    spare_vhosts: tokio::sync::Mutex<Vhosts>,
    scripts: PathBuf,
    folder: TempDir,
    amqp_port: u16,
    dist_port: u16,
    epmd_port: u16,
}

#[derive(Debug, Default)]
struct Vhosts {
    made: usize,
    spare: Vec<String>,
}

/// The server that all tests of a binary share; each takes a fresh virtual host.
pub async fn shared() -> &'static Server {
    static SHARED: OnceCell<Server> = OnceCell::const_new();
    SHARED.get_or_init(Server::start).await
}

impl Server {
    /// Starts a node without plugins.
    ///
    /// # Panics
    ///
    /// When RabbitMQ is not installed or does not start.
    pub async fn start() -> Self {
        let server = tokio::task::spawn_blocking(Self::create)
            .await
            .expect("no panic")
            .expect("rabbitmq is installed");
        server.start_again().await;
        server
    }

    fn create() -> anyhow::Result<Self> {
        let scripts = scripts()?;
        let folder = tempfile::Builder::new().prefix("moderato-rabbitmq-").tempdir()?;
        fs::write(folder.path().join("rabbitmq.conf"), CONFIG)?;
        fs::write(folder.path().join("enabled_plugins"), "[].\n")?;
        let cookie = folder.path().join(".erlang.cookie");
        fs::write(&cookie, "MODERATOTESTS")?;
        fs::set_permissions(&cookie, fs::Permissions::from_mode(0o400))?;

        let epmd_port = ports::free();
        // Ours rather than the one that the node would leave running in the background.
        let mut epmd = Command::new("epmd");
        clean_environment(&mut epmd);
        epmd.args(["-address", "127.0.0.1", "-port"]).arg(epmd_port.to_string());
        let epmd = ServerProcess::start(&Launch {
            command: epmd,
            log: folder.path().join("epmd.log"),
            folder: folder.path().to_owned(),
            end_signal: "KILL",
        })?;
        Ok(Self {
            node: Mutex::new(None),
            _epmd: epmd,
            spare_vhosts: tokio::sync::Mutex::default(),
            scripts,
            folder,
            amqp_port: ports::free(),
            dist_port: ports::free(),
            epmd_port,
        })
    }

    /// The AMQP port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.amqp_port
    }

    /// The default virtual host.
    pub fn url(&self) -> String {
        self.vhost_url("%2f")
    }

    fn vhost_url(&self, vhost: &str) -> String {
        format!("amqp://guest:guest@127.0.0.1:{}/{vhost}", self.amqp_port)
    }

    /// A virtual host that nobody has used.
    ///
    /// # Panics
    ///
    /// When it cannot be made.
    pub async fn fresh_vhost(&self) -> String {
        let mut vhosts = self.spare_vhosts.lock().await;
        if vhosts.spare.is_empty() {
            let first = vhosts.made + 1;
            vhosts.made += VHOSTS_AT_ONCE;
            vhosts.spare = (first..=vhosts.made).rev().map(|number| format!("test-{number}")).collect();
            let erlang = vhosts.spare.iter().map(|name| create_vhost(name)).collect::<Vec<_>>().join(", ");
            self.eval(&format!("{erlang}.")).await;
        }
        let vhost = vhosts.spare.pop().expect("just made");
        self.vhost_url(&vhost)
    }

    /// Runs an Erlang expression in the node.
    ///
    /// # Panics
    ///
    /// When it fails.
    pub async fn eval(&self, erlang: &str) -> String {
        self.ctl(&["eval", erlang]).await
    }

    /// Runs `rabbitmqctl` with these arguments and returns what it printed.
    ///
    /// # Panics
    ///
    /// When it fails.
    pub async fn ctl(&self, arguments: &[&str]) -> String {
        let mut ctl = self.script("rabbitmqctl");
        ctl.args(["--node", &self.node_name(), "--quiet"]).args(arguments);
        tokio::task::spawn_blocking(move || run(&mut ctl))
            .await
            .expect("no panic")
            .expect("rabbitmqctl works")
    }

    /// Stops the node in order and starts it again on the same data.
    pub async fn restart(&self) {
        self.stop().await;
        self.start_again().await;
    }

    /// Stops the node in order.
    pub async fn stop(&self) {
        self.end("TERM").await;
    }

    /// Kills the node (`kill -9`).
    pub async fn kill(&self) {
        self.end("KILL").await;
    }

    async fn end(&self, signal: &'static str) {
        let node = self.node.lock().expect("not poisoned").take().expect("the node runs");
        tokio::task::spawn_blocking(move || node.stop(signal)).await.expect("no panic").expect("it stops");
    }

    /// Starts the node on its data, same ports, and waits until a client can connect.
    ///
    /// # Panics
    ///
    /// When it does not start.
    pub async fn start_again(&self) {
        let log = self.folder.path().join("node.log");
        let launch = Launch {
            command: self.script("rabbitmq-server"),
            log: log.clone(),
            folder: self.folder.path().to_owned(),
            end_signal: "KILL",
        };
        let node = ServerProcess::start(&launch).expect("a shell starts");
        *self.node.lock().expect("not poisoned") = Some(node);
        let started = within(START, async || self.answers().await).await;
        assert!(started.is_some(), "rabbitmq did not start:\n{}", tail(&log));
    }

    async fn answers(&self) -> Option<()> {
        let url = self.url();
        let handshake = async {
            let connection = Connection::connect(&url, ConnectionProperties::default()).await?;
            connection.close(200, "ready".into()).await
        };
        // The client may wait for ever when the node closes a connection that is being made.
        tokio::time::timeout(HANDSHAKE, handshake).await.ok()?.ok()
    }

    fn node_name(&self) -> String {
        format!("moderato-{}@localhost", self.amqp_port)
    }

    /// One of RabbitMQ's own scripts, not Debian's wrappers, which want a certain user.
    fn script(&self, name: &str) -> Command {
        let folder = self.folder.path();
        let mut command = Command::new(self.scripts.join(name));
        clean_environment(&mut command);
        command
            .env("HOME", folder)
            .env("ERL_EPMD_ADDRESS", "127.0.0.1")
            .env("ERL_EPMD_PORT", self.epmd_port.to_string())
            .env("RABBITMQ_NODENAME", self.node_name())
            .env("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1")
            .env("RABBITMQ_NODE_PORT", self.amqp_port.to_string())
            .env("RABBITMQ_DIST_PORT", self.dist_port.to_string())
            .env("RABBITMQ_CONF_ENV_FILE", folder.join("no-environment-file"))
            .env("RABBITMQ_CONFIG_FILE", folder.join("rabbitmq.conf"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", folder.join("enabled_plugins"))
            .env("RABBITMQ_MNESIA_BASE", folder.join("mnesia"))
            .env("RABBITMQ_LOG_BASE", folder.join("log"))
            // Two schedulers, whatever the machine has.
            .env("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "+S 2:2")
            // The script then becomes the server instead of standing before it, so that a signal
            // reaches the server.
            .env("RUNNING_UNDER_SYSTEMD", "true");
        command
    }
}

fn create_vhost(name: &str) -> String {
    format!(
        "rabbit_vhost:add(<<\"{name}\">>, <<\"tests\">>), \
         rabbit_auth_backend_internal:set_permissions(<<\"guest\">>, <<\"{name}\">>, <<\".*\">>, <<\".*\">>, <<\".*\">>, <<\"tests\">>)"
    )
}

/// The folder of RabbitMQ's scripts: Debian's place, or beside the `rabbitmq-server` in the path.
fn scripts() -> anyhow::Result<PathBuf> {
    let has_server =
        |folder: &Path| folder.join("rabbitmq-server").is_file() && folder.join("rabbitmqctl").is_file();
    let debian = fs::read_dir("/usr/lib/rabbitmq/lib").into_iter().flatten().flatten();
    if let Some(folder) =
        debian.map(|version| version.path().join("sbin")).filter(|folder| has_server(folder)).max()
    {
        return Ok(folder);
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).find(|folder| has_server(folder)).context("rabbitmq is not installed")
}
