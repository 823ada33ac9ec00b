//! Two sites with their keys, a store on a temporary file, and a server in front of it.

use std::sync::Arc;
use std::time::Duration;

use moderato_access::mint;
use moderato_api::pb::query::query_service_client::QueryServiceClient;
use moderato_api::status::reason_of;
use moderato_domain::{
    Action, Author, Circumstances, Client, Comment, CommentId, CommentName, Email, Evaluation, Facts, Field,
    PrivacyKey, Reason, Revision, Role, RuleSetVersion, Score, Signal, SignalValue, Site, SiteId,
    SiteSettings, Span, State, SystemClock, SystemIds, TextFingerprint, ThreadId, Timestamp,
};
use moderato_query::{QueryDeps, QueryOptions};
use moderato_runtime::metrics::Metrics;
use moderato_runtime::shutdown::{self, ShutdownTrigger};
use moderato_store::{ApiKeyId, Contact, Directory, NewRecord, Recorded, Store, Tenants as _, Traces};
use moderato_store_sqlite::{SqliteFile, SqliteOptions};
use tokio::net::TcpListener;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Server};
use tonic::{Request, Status};

use crate::instrumented::Instrumented;

/// What no answer may hold.
pub(crate) const MAIL: &str = "ada@secret.example";
pub(crate) const IP: &str = "203.0.113.77";
pub(crate) const IP_PREFIX: &str = "203.0.113.";

/// A running query role. Dropping it stops the server.
pub(crate) struct Running {
    pub(crate) store: Arc<Instrumented>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) trigger: ShutdownTrigger,
    pub(crate) client: QueryServiceClient<Channel>,
    pub(crate) keys: Keys,
    _file: tempfile::TempDir,
}

/// Keys in clear.
pub(crate) struct Keys {
    /// May read everything on `sites/blog`.
    pub(crate) blog: String,
    pub(crate) blog_id: ApiKeyId,
    /// May read everything on `sites/other`.
    pub(crate) other: String,
    /// May submit to `sites/blog`.
    pub(crate) submit: String,
}

pub(crate) async fn start() -> Running {
    start_with(QueryOptions::default()).await
}

pub(crate) async fn start_with(options: QueryOptions) -> Running {
    let file = tempfile::tempdir().unwrap();
    let sqlite = SqliteFile::open(file.path().join("query.db"), SqliteOptions::default()).await.unwrap();
    let store = Instrumented::new(Arc::new(sqlite.store()));
    let (blog_id, blog) = key(&store, "blog", Role::Reader).await;
    let (_, other) = key(&store, "other", Role::Reader).await;
    let (_, submit) = key(&store, "blog", Role::Ingest).await;
    let directory = Arc::new(Directory::load(store.as_ref()).await.unwrap());
    let metrics = Metrics::new();
    let (trigger, shutdown) = shutdown::channel();
    let service = moderato_query::service(QueryDeps {
        store: Arc::clone(&store) as Arc<dyn Store>,
        directory: Arc::clone(&directory),
        clock: Arc::new(SystemClock),
        metrics: Arc::clone(&metrics),
        shutdown: shutdown.clone(),
        public_url: Some("https://moderation.example".to_owned()),
        options,
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let stop = async move { shutdown.requested().await };
        // Small answers must not wait for the acknowledgement of the one before.
        let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
        Server::builder().add_service(service).serve_with_incoming_shutdown(incoming, stop).await.unwrap();
    });
    let channel = Channel::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap();
    let keys = Keys { blog, blog_id, other, submit };
    Running {
        store,
        directory,
        metrics,
        trigger,
        client: QueryServiceClient::new(channel),
        keys,
        _file: file,
    }
}

async fn key(store: &Instrumented, site: &str, role: Role) -> (ApiKeyId, String) {
    let id = SiteId::parse(site).unwrap();
    let site = Site {
        id: id.clone(),
        display_name: site.to_owned(),
        settings: SiteSettings::default(),
        privacy_key: PrivacyKey::new([7; 32]),
    };
    store.put_site(&site).await.unwrap();
    let (key, secret) = mint(&SystemIds, id, "test", vec![role], &SystemClock);
    store.add_key(&key).await.unwrap();
    (key.id, secret.expose().to_owned())
}

impl Running {
    /// A request with the key of `sites/blog`.
    pub(crate) fn ask<T>(&self, message: T) -> Request<T> {
        with_key(&self.keys.blog, message)
    }

    pub(crate) async fn record(&self, drafts: impl IntoIterator<Item = Draft>) -> Vec<Recorded> {
        record(self.store.as_ref(), drafts).await
    }
}

pub(crate) async fn record(store: &dyn Store, drafts: impl IntoIterator<Item = Draft>) -> Vec<Recorded> {
    let batch: Vec<NewRecord> = drafts.into_iter().map(Draft::build).collect();
    store.record(&batch).await.unwrap()
}

pub(crate) fn with_key<T>(key: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", format!("Bearer {key}").parse().unwrap());
    request
}

pub(crate) fn reason<T: std::fmt::Debug>(answer: Result<T, Status>) -> String {
    reason_of(&answer.unwrap_err()).unwrap()
}

/// Waits for something that takes milliseconds, but not for ever.
pub(crate) async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(10), what).await.expect("takes too long")
}

/// A comment that was evaluated.
pub(crate) struct Draft {
    pub(crate) site: &'static str,
    pub(crate) id: String,
    pub(crate) revision: i64,
    pub(crate) thread: &'static str,
    pub(crate) state: State,
    pub(crate) action: Action,
    pub(crate) minute: i64,
}

/// A published comment in `post-1` of `sites/blog`, by somebody with a mail and an IP address.
pub(crate) fn draft(id: impl Into<String>) -> Draft {
    Draft {
        site: "blog",
        id: id.into(),
        revision: 1,
        thread: "post-1",
        state: State::Published,
        action: Action::Allow,
        minute: 0,
    }
}

pub(crate) fn name(id: &str) -> CommentName {
    CommentName { site: SiteId::parse("blog").unwrap(), comment: CommentId::parse(id).unwrap() }
}

impl Draft {
    fn build(self) -> NewRecord {
        let time = Timestamp::from_millis(1_722_470_400_000 + self.minute * 60_000);
        let comment = Comment {
            site: SiteId::parse(self.site).unwrap(),
            id: CommentId::parse(&self.id).unwrap(),
            revision: Revision::new(self.revision).unwrap(),
            thread: ThreadId::parse(self.thread).unwrap(),
            parent: None,
            author: Author {
                display_name: "Ada".to_owned(),
                email: Email::parse(MAIL),
                url: Some("https://ada.example".to_owned()),
                user_id: None,
            },
            body: format!("revision {} of {}", self.revision, self.id),
            language: Some("en".to_owned()),
            permalink: None,
            client: Client { ip: IP.parse().ok(), user_agent: Some("Browser".to_owned()), referrer: None },
            guidelines_version: None,
            circumstances: Circumstances::default(),
            request_id: None,
            create_time: time,
            accept_time: time,
        };
        NewRecord {
            content_hash: comment.content_hash(),
            submission_uid: comment.submission_uid(),
            author: None,
            mail_hash: Some([1; 16]),
            ip_hash: Some([2; 16]),
            ip_prefix: Some(format!("{IP_PREFIX}0/24")),
            contact: Some(Contact { email: Some(MAIL.to_owned()), ip: Some(IP.to_owned()) }),
            fingerprint: TextFingerprint::of(&comment.body),
            traces: Traces::default(),
            evaluation: evaluation(self.action),
            facts: Facts::none(time),
            state: self.state,
            evaluate_time: time,
            comment,
        }
    }
}

fn evaluation(action: Action) -> Evaluation {
    Evaluation {
        action,
        approved_by_rule: false,
        score: Score::new(1.5),
        reasons: vec![Reason {
            rule: "throwaway-mail".to_owned(),
            category: "spam".to_owned(),
            guideline: Some("honesty".to_owned()),
            score: Score::new(1.5),
            action: None,
            message: "your mail provider is unusual".to_owned(),
            note: "throw-away mail".to_owned(),
            spans: vec![Span { field: Field::AuthorEmail, start: 4, end: 18 }],
        }],
        signals: vec![Signal { id: "links.count".into(), value: SignalValue::Count(1), spans: Vec::new() }],
        rule_set: RuleSetVersion::parse("starter@0123456789ab").unwrap(),
        degraded: Vec::new(),
    }
}
