//! The configuration: one typed value from defaults, a file, the environment and flags.
//!
//! `deploy/moderato.toml` is the reference: it explains every key and shows every default. A test
//! keeps it true.
//!
//! | module | what it does |
//! |---|---|
//! | `keys` | every key with what it accepts |
//! | `load` | layers the sources and says precisely what is wrong with them |
//! | `contradictions` | settings that are each fine and together are not |
//! | `secret` | addresses that may hold a password |

mod contradictions;
mod keys;
mod load;
mod secret;

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use moderato_domain::MissingPolicy;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use load::{ConfigError, OTHER_VARIABLES, Sources};
pub use secret::{SecretText, SecretUrl};

/// What a process is configured to do. Built by [`Sources::load`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Folder of everything that this host keeps: the embedded store and queue, import journals, the
    /// CLI's credentials.
    pub data_dir: PathBuf,
    /// The roles that `serve` runs.
    pub roles: Vec<ServeRole>,
    /// Addresses to listen on.
    pub listen: Listen,
    /// Encryption of the gRPC door and of the pages.
    pub tls: Tls,
    /// The queue.
    pub queue: Queue,
    /// The store.
    pub store: Store,
    /// Limits of the ingest role.
    pub ingest: Ingest,
    /// Limits of the worker role.
    pub worker: Worker,
    /// Limits of the query role.
    pub query: Query,
    /// The moderators' pages.
    pub console: Console,
    /// Mails to authors and moderators.
    pub mail: Mail,
    /// The organisation's identity provider.
    pub oidc: Oidc,
    /// What is known before judging.
    pub facts: Facts,
    /// Public block lists of addresses.
    pub block_lists: BlockLists,
    /// The rules that are in force from the start.
    pub rules: Rules,
    /// Logs.
    pub log: Log,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::from("data"),
            roles: ServeRole::ALL.to_vec(),
            listen: Listen::default(),
            tls: Tls::default(),
            queue: Queue::default(),
            store: Store::default(),
            ingest: Ingest::default(),
            worker: Worker::default(),
            query: Query::default(),
            console: Console::default(),
            mail: Mail::default(),
            oidc: Oidc::default(),
            facts: Facts::default(),
            block_lists: BlockLists::default(),
            rules: Rules::default(),
            log: Log::default(),
        }
    }
}

impl Config {
    /// Whether this process runs the role.
    pub fn runs(&self, role: ServeRole) -> bool {
        self.roles.contains(&role)
    }

    /// Whether this process has a gRPC door.
    pub fn has_grpc_door(&self) -> bool {
        self.roles.iter().any(|role| *role != ServeRole::Worker)
    }

    /// As a TOML document, with passwords left out.
    pub fn to_toml(&self) -> String {
        // Every field is a plain value, so this cannot fail; an empty text would show it if it did.
        toml::to_string(self).unwrap_or_default()
    }
}

/// What a process can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ServeRole {
    /// Accepts comments.
    Ingest,
    /// Answers questions about comments.
    Query,
    /// Where moderators work and people change rule sets.
    Console,
    /// Judges comments.
    Worker,
}

impl ServeRole {
    /// Every role.
    pub const ALL: [Self; 4] = [Self::Ingest, Self::Query, Self::Console, Self::Worker];

    /// The role as text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Query => "query",
            Self::Console => "console",
            Self::Worker => "worker",
        }
    }
}

impl fmt::Display for ServeRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Addresses to listen on. Port 0 takes any free port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Listen {
    /// The one door of all gRPC roles of this process.
    pub grpc: SocketAddr,
    /// The moderators' pages; of the console role.
    pub web: SocketAddr,
    /// `/livez`, `/readyz`, `/metrics`.
    pub health: SocketAddr,
    /// Calls that one connection may have open at once.
    pub streams_per_connection: u32,
}

impl Default for Listen {
    fn default() -> Self {
        Self {
            grpc: SocketAddr::from((Ipv4Addr::LOCALHOST, 50051)),
            web: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            health: SocketAddr::from((Ipv4Addr::LOCALHOST, 9464)),
            streams_per_connection: 1024,
        }
    }
}

/// Encryption of the gRPC door and of the pages: off without `cert` and `key`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tls {
    /// Certificate chain, PEM.
    #[serde(deserialize_with = "none_if_empty", serialize_with = "empty_if_none")]
    pub cert: Option<PathBuf>,
    /// Its private key, PEM.
    #[serde(deserialize_with = "none_if_empty", serialize_with = "empty_if_none")]
    pub key: Option<PathBuf>,
    /// If given, callers over gRPC need a certificate that this authority signed. People sign in.
    #[serde(deserialize_with = "none_if_empty", serialize_with = "empty_if_none")]
    pub client_ca: Option<PathBuf>,
}

/// The queue: embedded without `url`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Queue {
    /// `amqp://` or `amqps://` address of a RabbitMQ broker.
    #[serde(deserialize_with = "none_if_empty", serialize_with = "empty_if_none")]
    pub url: Option<SecretUrl>,
    /// Certificate of the authority that signed the broker's, PEM; for `amqps://`.
    #[serde(deserialize_with = "none_if_empty", serialize_with = "empty_if_none")]
    pub ca: Option<PathBuf>,
    /// First part of the names of all queues and exchanges on the broker.
    pub prefix: String,
    /// Longest wait for the broker to confirm a message, in seconds.
    pub confirm_timeout_s: u64,
    /// Messages that wait at most; beyond, submissions are refused as `QUEUE_FULL`.
    pub max_messages: u64,
    /// Bytes that wait at most.
    pub max_bytes: u64,
}

impl Default for Queue {
    fn default() -> Self {
        // A million messages of one comment each is a day of a very busy site.
        Self {
            url: None,
            ca: None,
            prefix: "moderato".to_owned(),
            confirm_timeout_s: 5,
            max_messages: 1_000_000,
            max_bytes: 4 * 1024 * 1024 * 1024,
        }
    }
}

/// The store: embedded without `url`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Store {
    /// `postgres://` address of a PostgreSQL database.
    #[serde(deserialize_with = "none_if_empty", serialize_with = "empty_if_none")]
    pub url: Option<SecretUrl>,
    /// Connections of this process.
    pub connections: u32,
}

impl Default for Store {
    fn default() -> Self {
        // Two connections reach the limit of a small server's writes; the rest is for reads.
        Self { url: None, connections: 10 }
    }
}

/// Limits of the ingest role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ingest {
    /// Unary calls in hand at once; beyond, they are refused as `OVERLOADED`.
    pub max_in_flight: usize,
    /// Streams at once; beyond, they are refused as `OVERLOADED`.
    pub max_streams: usize,
    /// Items in hand of one stream; beyond, the stream is not read.
    pub stream_in_flight: usize,
    /// Submissions that share one message under load.
    pub group_items: usize,
    /// Bytes of such a message.
    pub group_bytes: usize,
}

impl Default for Ingest {
    fn default() -> Self {
        Self {
            max_in_flight: 4096,
            max_streams: 256,
            stream_in_flight: 1024,
            group_items: 256,
            group_bytes: 128 * 1024,
        }
    }
}

/// Limits of the worker role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Worker {
    /// Comments that are judged and stored in one transaction, about.
    pub batch: usize,
    /// Batches between delivery and acknowledgement at once.
    pub batches_in_flight: usize,
    /// Messages held without acknowledgement, of at most `ingest.group_bytes` each or a single comment:
    /// the bound on the worker's memory.
    pub prefetch: u16,
}

impl Default for Worker {
    fn default() -> Self {
        // From about 200 rows a statement on, the cost of a row is nearly flat on both backends; what a
        // transaction costs besides is shared by more. Held messages take 16 MiB at most.
        Self { batch: 512, batches_in_flight: 4, prefetch: 128 }
    }
}

/// Limits of the query role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Query {
    /// Calls of `AwaitVerdict` at once; beyond, they are refused as `OVERLOADED`.
    pub max_waiters: usize,
    /// Streams of `WatchEvents` at once; beyond, they are refused as `OVERLOADED`.
    pub max_watchers: usize,
}

impl Default for Query {
    fn default() -> Self {
        Self { max_waiters: 4096, max_watchers: 256 }
    }
}

/// The moderators' pages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Console {
    /// How people reach the pages, such as `https://moderation.example`. Links in mails begin with it.
    #[serde(deserialize_with = "none_if_empty", serialize_with = "empty_if_none")]
    pub public_url: Option<String>,
    /// A proxy stands before the pages and names the client's address in `X-Forwarded-For`.
    pub behind_proxy: bool,
    /// A session ends after so many hours without a request.
    pub session_idle_h: u64,
    /// A session ends so many hours after its sign-in, whatever happens.
    pub session_max_h: u64,
    /// A link that invites somebody works for so many hours.
    pub invite_h: u64,
    /// A decision can be taken back for so many seconds; what follows from it waits as long.
    pub undo_s: u64,
}

impl Default for Console {
    fn default() -> Self {
        // A working day without a second sign-in, and one sign-in a week.
        Self {
            public_url: None,
            behind_proxy: false,
            session_idle_h: 12,
            session_max_h: 168,
            invite_h: 72,
            // Long enough to notice a slip, short enough that nobody waits for a published comment's mail.
            undo_s: 60,
        }
    }
}

/// Mails to authors and moderators, sent by the console role: off without `smtp`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mail {
    /// `smtp://` or `smtps://` address of a mail server.
    #[serde(deserialize_with = "none_if_empty", serialize_with = "empty_if_none")]
    pub smtp: Option<SecretUrl>,
    /// Whom mails come from.
    pub from: String,
}

/// The organisation's identity provider (OpenID Connect), for signing in to the pages: off without
/// `issuer`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Oidc {
    /// The provider, exactly as it names itself.
    #[serde(deserialize_with = "none_if_empty", serialize_with = "empty_if_none")]
    pub issuer: Option<String>,
    /// Who this installation is there.
    pub client_id: String,
    /// Its password there; none: PKCE alone.
    #[serde(deserialize_with = "none_if_empty", serialize_with = "empty_if_none")]
    pub client_secret: Option<SecretText>,
    /// The claim that lists a person's groups or roles.
    pub roles_claim: String,
    /// What must stand in it for a person to get in; nothing, if empty.
    pub required_role: String,
}

/// What is known before judging.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Facts {
    /// What follows for a comment if the store does not tell what is known in time.
    pub missing: MissingPolicy,
}

/// Public block lists of addresses (DNSBL): off without zones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BlockLists {
    /// The lists' zones.
    pub zones: Vec<String>,
    /// Whom to ask; the system's name servers if not given.
    #[serde(deserialize_with = "none_if_empty", serialize_with = "empty_if_none")]
    pub name_server: Option<String>,
    /// How long a batch of comments waits for answers, in milliseconds.
    pub budget_ms: u64,
    /// What follows for a comment if an answer does not come.
    pub missing: MissingPolicy,
}

impl Default for BlockLists {
    fn default() -> Self {
        // A list nearby answers within 50 ms, from the cache in none.
        Self { zones: Vec::new(), name_server: None, budget_ms: 300, missing: MissingPolicy::Open }
    }
}

/// The rules that are in force from the start: without `file`, the ones in the store, at first the
/// built-in starter set.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rules {
    /// Rule-set document, TOML.
    #[serde(deserialize_with = "none_if_empty", serialize_with = "empty_if_none")]
    pub file: Option<PathBuf>,
    /// The guidelines it cites, Markdown; the built-in ones if not given.
    #[serde(deserialize_with = "none_if_empty", serialize_with = "empty_if_none")]
    pub guidelines: Option<PathBuf>,
}

/// Logs, on standard error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// How a line looks.
    pub format: LogFormat,
    /// What is logged.
    pub filter: String,
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::Text, filter: "info,sqlx=warn".to_owned() }
    }
}

/// How a line of the log looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people; with colours on a terminal.
    Text,
    /// One JSON object.
    Json,
}

/// In the file and the environment, empty text means "not set".
fn none_if_empty<'de, D: Deserializer<'de>, T: From<String>>(deserializer: D) -> Result<Option<T>, D::Error> {
    let text = String::deserialize(deserializer)?;
    Ok((!text.is_empty()).then(|| T::from(text)))
}

#[expect(clippy::ref_option, reason = "the signature that serde calls")]
fn empty_if_none<S: Serializer, T: Serialize>(value: &Option<T>, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => value.serialize(serializer),
        None => serializer.serialize_str(""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Uncomments every `#key = value` and `#[section]`; explanations are `# ` with a space.
    fn uncommented(reference: &str) -> String {
        let key = |line: &str| {
            line.strip_prefix('#')
                .filter(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase() || c == '['))
                .map(str::to_owned)
        };
        reference.lines().map(|line| key(line).unwrap_or_else(|| line.to_owned()) + "\n").collect()
    }

    #[test]
    fn the_reference_is_true_and_complete() {
        let reference = include_str!("../../../deploy/moderato.toml");
        let as_shipped =
            Sources { file: Some(("moderato.toml".into(), reference.to_owned())), ..Sources::default() };
        assert_eq!(as_shipped.load().unwrap(), Config::default());

        let text = uncommented(reference);
        let all = Sources { file: Some(("moderato.toml".into(), text.clone())), ..Sources::default() };
        assert_eq!(all.load().unwrap(), Config::default());

        let table: toml::Table = text.parse().unwrap();
        let written: Vec<String> = load::flatten(&table).into_iter().map(|(path, _)| path).collect();
        for key in keys::KEYS {
            assert!(written.iter().any(|path| path == key.path), "{} is not in the reference", key.path);
            assert!(reference.contains(&key.variable()), "{} is not in the reference", key.variable());
        }
        assert_eq!(written.len(), keys::KEYS.len());
    }

    #[test]
    fn what_is_printed_can_be_read_again_and_holds_no_password() {
        let mut config = Config::default();
        assert_eq!(
            Sources { file: Some(("x".into(), config.to_toml())), ..Sources::default() }.load().unwrap(),
            config
        );
        config.store.url = Some(SecretUrl::from("postgres://mod:hunter2@db/moderato".to_owned()));
        for text in [config.to_toml(), format!("{config:?}")] {
            assert!(text.contains("@db/moderato") && !text.contains("hunter2"), "{text}");
        }
    }
}
