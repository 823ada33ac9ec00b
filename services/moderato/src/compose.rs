//! The one place that names backends: from the configuration to a store and a queue.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use moderato_domain::SystemClock;
use moderato_queue::rabbitmq::{RabbitMq, RabbitMqOptions};
use moderato_queue::{Queue, QueueError};
use moderato_runtime::config::{self, Config, SecretUrl};
use moderato_store::{Store, StoreError};
use moderato_store_postgres::{PostgresOptions, PostgresStore};
use moderato_store_sqlite::{QueueLimits, SqliteFile, SqliteOptions};

/// File of the embedded store and queue, in the data folder.
const EMBEDDED_FILE: &str = "moderato.db";

/// How long one attempt waits for a broker that does not answer.
const BROKER_PATIENCE: Duration = Duration::from_secs(5);

/// A store and a queue, whichever they are.
#[derive(Debug)]
pub(crate) struct Backends {
    pub store: Arc<dyn Store>,
    pub queue: Arc<dyn Queue>,
    broker: Option<Arc<RabbitMq>>,
    embedded: Option<SqliteFile>,
}

/// Why they could not be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    /// A server does not answer: it may later.
    #[error("{0}")]
    Away(String),
    /// Trying again will not help.
    #[error("{0}")]
    Final(String),
}

impl Backends {
    /// Opens what the configuration names, and creates what is missing.
    pub(crate) async fn open(config: &Config) -> Result<Self, OpenError> {
        let embedded = match (&config.store.url, &config.queue.url) {
            (Some(_), Some(_)) => None,
            _ => Some(open_embedded(config).await?),
        };
        let mut store: Option<Arc<dyn Store>> = None;
        let mut queue: Option<Arc<dyn Queue>> = None;
        if let Some(file) = &embedded {
            store = Some(Arc::new(file.store()));
            queue = Some(Arc::new(file.queue()));
        }
        if let Some(url) = &config.store.url {
            store = Some(Arc::new(connect_store(url, &config.store).await?));
        }
        let mut broker = None;
        if let Some(url) = &config.queue.url {
            let connected = connect_broker(url, &config.queue).await?;
            broker = Some(Arc::clone(&connected));
            queue = Some(connected);
        }
        match (store, queue) {
            (Some(store), Some(queue)) => Ok(Self { store, queue, broker, embedded }),
            _ => Err(OpenError::Final("neither embedded nor configured: no store or no queue".to_owned())),
        }
    }

    /// Finishes what is under way and closes.
    pub(crate) async fn close(&self) {
        if let Some(broker) = &self.broker {
            broker.close().await;
        }
        if let Some(embedded) = &self.embedded {
            embedded.close().await;
        }
    }
}

/// Where the embedded file is, if anything is embedded.
pub(crate) fn embedded_file(config: &Config) -> Option<PathBuf> {
    let embedded = config.store.url.is_none() || config.queue.url.is_none();
    embedded.then(|| config.data_dir.join(EMBEDDED_FILE))
}

async fn open_embedded(config: &Config) -> Result<SqliteFile, OpenError> {
    create_private(&config.data_dir)
        .map_err(|error| OpenError::Final(format!("cannot create the data folder {}: {error}", config.data_dir.display())))?;
    let queue = QueueLimits { max_messages: config.queue.max_messages, max_bytes: config.queue.max_bytes };
    let options = SqliteOptions { queue, ..SqliteOptions::default() };
    let file = config.data_dir.join(EMBEDDED_FILE);
    SqliteFile::open(&file, options)
        .await
        .map_err(|error| OpenError::Final(format!("cannot open {}: {error}", file.display())))
}

async fn connect_store(url: &SecretUrl, options: &config::Store) -> Result<PostgresStore, OpenError> {
    let options = PostgresOptions { max_connections: options.connections };
    PostgresStore::connect(url.expose(), options, Arc::new(SystemClock)).await.map_err(|error| {
        let text = format!("the store at {url}: {error}");
        match error {
            StoreError::Unavailable(_) => OpenError::Away(text),
            StoreError::Rejected(_) => OpenError::Final(text),
        }
    })
}

async fn connect_broker(url: &SecretUrl, options: &config::Queue) -> Result<Arc<RabbitMq>, OpenError> {
    let ca_pem = options
        .ca
        .as_ref()
        .map(|file| std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display())))
        .transpose()
        .map_err(|error| OpenError::Final(format!("{error:#}")))?;
    let options = RabbitMqOptions {
        prefix: options.prefix.clone(),
        max_length: options.max_messages,
        max_length_bytes: options.max_bytes,
        confirm_timeout: Duration::from_secs(options.confirm_timeout_s),
        first_connect: BROKER_PATIENCE,
        ca_pem,
        ..RabbitMqOptions::default()
    };
    RabbitMq::connect(url.expose(), options).await.map_err(|error| {
        let text = format!("the queue at {url}: {error}");
        match error {
            QueueError::Unavailable(_) => OpenError::Away(text),
            QueueError::Topology(_) => OpenError::Final(text),
        }
    })
}

/// Creates a folder that only its owner can look into: it holds comments and a key.
pub(crate) fn create_private(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}
