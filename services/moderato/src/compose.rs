//! The one place that names backends: from the configuration to a store and a queue.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use moderato_domain::SystemClock;
use moderato_facts::Collector;
use moderato_facts::block_lists::{BlockListOptions, BlockLists};
use moderato_queue::rabbitmq::{RabbitMq, RabbitMqOptions};
use moderato_queue::{Queue, QueueError};
use moderato_runtime::config::{self, Config, SecretUrl, ServeRole};
use moderato_store::{Store, StoreError};
use moderato_store_postgres::{PostgresOptions, PostgresStore};
use moderato_store_sqlite::{QueueLimits, SqliteFile, SqliteOptions};

/// File of the embedded store and queue, in the data folder.
const EMBEDDED_FILE: &str = "moderato.db";

/// How long one attempt waits for a broker that does not answer.
const BROKER_PATIENCE: Duration = Duration::from_secs(5);

/// What a process works with, whichever it is.
#[derive(Debug)]
pub(crate) struct Backends {
    pub store: Arc<dyn Store>,
    /// None if no role needs it: a process that only answers questions does not wait for a broker.
    pub queue: Option<Arc<dyn Queue>>,
    pub closing: Closing,
}

/// What has to be closed at the end.
#[derive(Debug, Default)]
pub(crate) struct Closing {
    embedded: Option<SqliteFile>,
    broker: Option<Arc<RabbitMq>>,
}

impl Closing {
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

/// Opens what the roles of the configuration need, and creates what is missing.
pub(crate) async fn for_roles(config: &Config) -> Result<Backends, OpenError> {
    let (store, mut closing) = open_store(config).await?;
    if !config.runs(ServeRole::Ingest) && !config.runs(ServeRole::Worker) {
        return Ok(Backends { store, queue: None, closing });
    }
    let queue: Arc<dyn Queue> = match (&config.queue.url, &closing.embedded) {
        (Some(url), _) => {
            let broker = connect_broker(url, &config.queue).await?;
            closing.broker = Some(Arc::clone(&broker));
            broker
        }
        (None, Some(file)) => Arc::new(file.queue()),
        (None, None) => Arc::new(closing.embedded.insert(open_embedded(config).await?).queue()),
    };
    Ok(Backends { store, queue: Some(queue), closing })
}

/// Opens the store alone, for a command.
pub(crate) async fn store(config: &Config) -> Result<(Arc<dyn Store>, Closing), OpenError> {
    if config.store.url.is_none() {
        must_exist(config)?;
    }
    open_store(config).await
}

async fn open_store(config: &Config) -> Result<(Arc<dyn Store>, Closing), OpenError> {
    if let Some(url) = &config.store.url {
        return Ok((Arc::new(connect_store(url, &config.store).await?), Closing::default()));
    }
    let file = open_embedded(config).await?;
    Ok((Arc::new(file.store()), Closing { embedded: Some(file), broker: None }))
}

/// Opens the queue alone, for a command: dead letters can be looked at while the store is away.
pub(crate) async fn queue(config: &Config) -> Result<(Arc<dyn Queue>, Closing), OpenError> {
    if let Some(url) = &config.queue.url {
        let broker = connect_broker(url, &config.queue).await?;
        let queue: Arc<dyn Queue> = Arc::clone(&broker) as Arc<dyn Queue>;
        return Ok((queue, Closing { embedded: None, broker: Some(broker) }));
    }
    must_exist(config)?;
    let file = open_embedded(config).await?;
    Ok((Arc::new(file.queue()), Closing { embedded: Some(file), broker: None }))
}

/// Where the embedded file is, if anything is embedded.
pub(crate) fn embedded_file(config: &Config) -> Option<PathBuf> {
    let embedded = config.store.url.is_none() || config.queue.url.is_none();
    embedded.then(|| config.data_dir.join(EMBEDDED_FILE))
}

/// A command in the wrong folder must not make a new, empty installation there.
fn must_exist(config: &Config) -> Result<(), OpenError> {
    let file = config.data_dir.join(EMBEDDED_FILE);
    if file.exists() {
        return Ok(());
    }
    let advice = "`moderato serve` makes it; say where it is with --data-dir or --config";
    Err(OpenError::Final(format!("there is no {}: {advice}", file.display())))
}

async fn open_embedded(config: &Config) -> Result<SqliteFile, OpenError> {
    create_private(&config.data_dir).map_err(|error| {
        OpenError::Final(format!("cannot create the data folder {}: {error}", config.data_dir.display()))
    })?;
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

/// What collects facts before comments are judged.
pub(crate) fn collector(config: &Config, store: Arc<dyn Store>) -> anyhow::Result<Collector> {
    let options = &config.block_lists;
    let lists = (!options.zones.is_empty())
        .then(|| {
            let name_server = options.name_server.as_deref().map(str::parse).transpose();
            BlockLists::new(BlockListOptions {
                zones: options.zones.clone(),
                name_server: name_server.context("block_lists.name_server is not an address")?,
                budget: Duration::from_millis(options.budget_ms),
                missing: options.missing,
            })
            .context("block lists cannot be asked")
        })
        .transpose()?;
    Ok(Collector::new(store, config.facts.missing, lists))
}

#[cfg(test)]
mod tests {
    use moderato_ingest::IngestOptions;
    use moderato_query::QueryOptions;
    use moderato_queue::GroupLimits;
    use moderato_worker::WorkerOptions;

    use super::*;

    #[test]
    fn what_a_configuration_leaves_out_is_what_the_parts_do_by_themselves() {
        let Config { queue, store, ingest, worker, query, .. } = Config::default();
        let broker = RabbitMqOptions::default();
        assert_eq!((queue.max_messages, queue.max_bytes), (broker.max_length, broker.max_length_bytes));
        assert_eq!(
            (queue.prefix, queue.confirm_timeout_s),
            (broker.prefix, broker.confirm_timeout.as_secs())
        );
        let file = QueueLimits::default();
        assert_eq!((queue.max_messages, queue.max_bytes), (file.max_messages, file.max_bytes));
        assert_eq!(store.connections, PostgresOptions::default().max_connections);
        let (options, group) = (IngestOptions::default(), GroupLimits::default());
        assert_eq!((ingest.max_in_flight, ingest.max_streams), (options.max_in_flight, options.max_streams));
        assert_eq!(ingest.stream_in_flight, options.stream_in_flight);
        assert_eq!((ingest.group_items, ingest.group_bytes), (group.items, group.bytes));
        let options = WorkerOptions::default();
        assert_eq!((worker.batch, worker.prefetch), (options.batch_items, options.prefetch));
        assert_eq!(worker.batches_in_flight, options.batches_in_flight);
        let options = QueryOptions::default();
        assert_eq!((query.max_waiters, query.max_watchers), (options.max_waiters, options.max_watchers));
    }
}
