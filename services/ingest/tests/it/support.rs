//! An ingest role behind a real connection, with a store and a queue in two SQLite files, so that
//! each can be away for itself.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use moderato_access::{ApiKeySecret, mint};
use moderato_api::internal::{self, Submission};
use moderato_api::pb::ingest::ingest_service_client::IngestServiceClient;
use moderato_api::pb::ingest::{Author, Client, CommentDraft, EditCommentRequest, SubmitCommentRequest};
use moderato_domain::{
    MissingPolicy, PrivacyKey, Role, RuleSetVersion, Site, SiteId, SiteSettings, State, SystemClock,
    SystemIds, TextFingerprint,
};
use moderato_engine::{
    ActiveRules, CompiledRuleSet, Guidelines, STARTER_GUIDELINES, STARTER_RULES, engine_error,
};
use moderato_facts::Collector;
use moderato_ingest::{IngestDeps, IngestOptions, service};
use moderato_queue::{
    ConsumeOptions, Consumer, DeadLetter, DeadSelection, Depth, Envelope, PublishError, Queue, QueueError,
    Route,
};
use moderato_runtime::metrics::Metrics;
use moderato_runtime::shutdown::{self, ShutdownTrigger};
use moderato_store::{ApiKeyId, Directory, NewRecord, Pipeline as _, Reading as _, Tenants as _};
use moderato_store_sqlite::{SqliteFile, SqliteOptions, SqliteStore};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Request, Status};

pub(crate) type IngestClient = IngestServiceClient<InterceptedService<Channel, Bearer>>;

/// Sends a key with every call, if there is one.
#[derive(Clone)]
pub(crate) struct Bearer(Option<String>);

impl tonic::service::Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(key) = &self.0 {
            request.metadata_mut().insert("authorization", format!("Bearer {key}").parse().unwrap());
        }
        Ok(request)
    }
}

/// A running role. Sites `blog` and `shop` exist.
pub(crate) struct RunningRole {
    pub(crate) address: SocketAddr,
    pub(crate) key: ApiKeySecret,
    pub(crate) store: SqliteStore,
    pub(crate) queue: Arc<Gate>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) trigger: ShutdownTrigger,
    store_file: SqliteFile,
    _folder: tempfile::TempDir,
}

pub(crate) async fn start() -> RunningRole {
    start_with(IngestOptions::default()).await
}

pub(crate) async fn start_with(options: IngestOptions) -> RunningRole {
    let folder = tempfile::tempdir().unwrap();
    let store_file =
        SqliteFile::open(folder.path().join("store.db"), SqliteOptions::default()).await.unwrap();
    let queue_file =
        SqliteFile::open(folder.path().join("queue.db"), SqliteOptions::default()).await.unwrap();
    let (store, queue) = (store_file.store(), Gate::before(Arc::new(queue_file.queue())));
    for id in ["blog", "shop"] {
        let site = Site {
            id: SiteId::parse(id).unwrap(),
            display_name: id.to_owned(),
            settings: SiteSettings::default(),
            privacy_key: PrivacyKey::new([7; 32]),
        };
        store.put_site(&site).await.unwrap();
    }
    let key = new_key(&store, "blog", &[Role::Ingest]).await;
    let directory = Arc::new(Directory::load(&store).await.unwrap());
    let guidelines = Guidelines::parse(STARTER_GUIDELINES).unwrap();
    let rules = CompiledRuleSet::compile(STARTER_RULES, &guidelines).unwrap();
    let rules = Arc::new(ActiveRules::new(Arc::new(rules)));
    let metrics = Metrics::new();
    let (trigger, shutdown) = shutdown::channel();
    let service = service(IngestDeps {
        queue: queue.clone(),
        store: Arc::new(store.clone()),
        facts: Arc::new(Collector::new(Arc::new(store.clone()), MissingPolicy::Open, None)),
        directory: directory.clone(),
        rules,
        clock: Arc::new(SystemClock),
        ids: Arc::new(SystemIds),
        metrics: metrics.clone(),
        shutdown,
        options,
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(
        Server::builder().add_service(service).serve_with_incoming(TcpListenerStream::new(listener)),
    );
    RunningRole { address, key, store, queue, directory, metrics, trigger, store_file, _folder: folder }
}

async fn new_key(store: &SqliteStore, site: &str, roles: &[Role]) -> ApiKeySecret {
    let site = SiteId::parse(site).unwrap();
    let (key, shown) = mint(&SystemIds, site, "test", roles.to_vec(), &SystemClock);
    store.add_key(&key).await.unwrap();
    shown
}

impl RunningRole {
    pub(crate) fn channel(&self) -> Channel {
        Endpoint::from_shared(format!("http://{}", self.address)).unwrap().connect_lazy()
    }

    pub(crate) fn client(&self) -> IngestClient {
        self.client_with(Some(self.key.expose()))
    }

    pub(crate) fn client_with(&self, key: Option<&str>) -> IngestClient {
        IngestServiceClient::with_interceptor(self.channel(), Bearer(key.map(str::to_owned)))
    }

    pub(crate) async fn key_for(&self, site: &str, roles: &[Role]) -> ApiKeySecret {
        let key = new_key(&self.store, site, roles).await;
        self.directory.refresh(&self.store).await.unwrap();
        key
    }

    pub(crate) async fn revoke(&self, key: &ApiKeySecret) {
        let id = ApiKeyId(key.expose().split('.').next().unwrap().to_owned());
        assert!(self.store.revoke_key(&id, moderato_domain::Timestamp::from_millis(1)).await.unwrap());
        self.directory.refresh(&self.store).await.unwrap();
    }

    /// The store goes away for good.
    pub(crate) async fn lose_store(&self) {
        self.store_file.close().await;
    }

    /// Takes everything off the queue.
    pub(crate) async fn taken(&self) -> Vec<Submission> {
        let mut consumer = self.queue.consume(ConsumeOptions { prefetch: 1000 }).await.unwrap();
        let mut all = Vec::new();
        while let Ok(Some(batch)) =
            tokio::time::timeout(Duration::from_millis(300), consumer.next_batch(1000)).await
        {
            for delivery in batch {
                let items = internal::decode(&delivery.envelope.body).unwrap();
                all.extend(items.into_iter().map(|item| item.submission.unwrap()));
                delivery.ack().await.unwrap();
            }
        }
        all
    }

    /// Does a worker's work, without judging.
    pub(crate) async fn record_all(&self) {
        for submission in self.taken().await {
            match submission {
                Submission::Comment(comment) => {
                    let record = NewRecord {
                        content_hash: comment.content_hash(),
                        submission_uid: comment.submission_uid(),
                        author: None,
                        mail_hash: None,
                        ip_hash: None,
                        ip_prefix: None,
                        contact: None,
                        fingerprint: TextFingerprint::of(&comment.body),
                        traces: moderato_store::Traces::default(),
                        facts: moderato_domain::Facts::none(comment.accept_time),
                        evaluation: engine_error(RuleSetVersion::parse("none@0").unwrap()),
                        state: State::Pending,
                        evaluate_time: comment.accept_time,
                        comment: *comment,
                    };
                    self.store.record(&[record]).await.unwrap();
                }
                Submission::Withdrawal(withdrawal) => drop(self.store.withdraw(&[withdrawal]).await.unwrap()),
            }
        }
    }

    pub(crate) async fn is_recorded(&self, name: &str) -> bool {
        self.store.comment(&moderato_domain::CommentName::parse(name).unwrap()).await.unwrap().is_some()
    }
}

pub(crate) fn draft(body: &str) -> CommentDraft {
    CommentDraft {
        thread: "post-1".to_owned(),
        author: Some(Author {
            display_name: "Ada".to_owned(),
            email: "ada@example.org".to_owned(),
            ..Author::default()
        }),
        body: body.to_owned(),
        client: Some(Client { ip: "192.0.2.7".to_owned(), ..Client::default() }),
        ..CommentDraft::default()
    }
}

pub(crate) fn submission(request_id: &str, body: &str) -> SubmitCommentRequest {
    SubmitCommentRequest {
        parent: "sites/blog".to_owned(),
        comment: Some(draft(body)),
        request_id: request_id.to_owned(),
        ..SubmitCommentRequest::default()
    }
}

pub(crate) fn edit(name: &str, revision: i64, body: &str) -> EditCommentRequest {
    EditCommentRequest {
        name: name.to_owned(),
        comment: Some(draft(body)),
        revision,
        ..EditCommentRequest::default()
    }
}

pub(crate) fn reason<T: std::fmt::Debug>(result: Result<T, Status>) -> String {
    let status = result.unwrap_err();
    moderato_api::status::reason_of(&status).unwrap_or_else(|| format!("{status:?}"))
}

/// A queue that a test can close, or make to fail.
#[derive(Debug)]
pub(crate) struct Gate {
    queue: Arc<dyn Queue>,
    failing: Mutex<Option<PublishError>>,
    open: watch::Sender<bool>,
    swallows: AtomicBool,
    arrived: watch::Sender<u64>,
}

impl Gate {
    fn before(queue: Arc<dyn Queue>) -> Arc<Self> {
        Arc::new(Self {
            queue,
            failing: Mutex::default(),
            open: watch::Sender::new(true),
            swallows: AtomicBool::default(),
            arrived: watch::Sender::default(),
        })
    }

    pub(crate) fn fail(&self, error: Option<PublishError>) {
        *self.failing.lock().unwrap() = error;
    }

    /// From now on it takes everything and keeps nothing.
    pub(crate) fn swallow(&self) {
        self.swallows.store(true, Ordering::Relaxed);
    }

    /// Waits until so many messages have come.
    pub(crate) async fn reached(&self, messages: u64) {
        self.arrived.subscribe().wait_for(|count| *count >= messages).await.unwrap();
    }

    /// While it is closed, publishing waits.
    pub(crate) fn set_open(&self, open: bool) {
        self.open.send_replace(open);
    }
}

#[async_trait]
impl Queue for Gate {
    async fn publish(&self, route: Route, message: Envelope) -> Result<(), PublishError> {
        self.arrived.send_modify(|count| *count += 1);
        let _ = self.open.subscribe().wait_for(|open| *open).await;
        let failing = *self.failing.lock().unwrap();
        match failing {
            Some(error) => Err(error),
            None if self.swallows.load(Ordering::Relaxed) => Ok(()),
            None => self.queue.publish(route, message).await,
        }
    }
    async fn consume(&self, options: ConsumeOptions) -> Result<Box<dyn Consumer>, QueueError> {
        self.queue.consume(options).await
    }
    async fn depth(&self) -> Result<Depth, QueueError> {
        self.queue.depth().await
    }
    async fn ready(&self) -> Result<(), QueueError> {
        self.queue.ready().await
    }
    async fn dead_letters(&self, limit: usize) -> Result<Vec<DeadLetter>, QueueError> {
        self.queue.dead_letters(limit).await
    }
    async fn redrive(&self, selection: &DeadSelection) -> Result<u64, QueueError> {
        self.queue.redrive(selection).await
    }
    async fn drop_dead(&self, selection: &DeadSelection) -> Result<u64, QueueError> {
        self.queue.drop_dead(selection).await
    }
}
