//! `moderato serve`: the roles of this process, from opening the doors to the last acknowledgement.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use moderato_access::Passwords;
use moderato_console::web::oidc::{OidcOptions, Provider};
use moderato_console::web::{Web, WebOptions};
use moderato_console::{ConsoleDeps, PeopleDesk, RuleDesk};
use moderato_domain::{SystemClock, SystemIds};
use moderato_engine::{ActiveRules, CompiledRuleSet};
use moderato_facts::Collector;
use moderato_ingest::{IngestDeps, IngestOptions};
use moderato_notify::{MailOptions, Mailer, Relay};
use moderato_query::{QueryDeps, QueryOptions};
use moderato_queue::{GroupLimits, Queue};
use moderato_runtime::config::{Config, ServeRole};
use moderato_runtime::health::{self, Readiness};
use moderato_runtime::metrics::Metrics;
use moderato_runtime::server::{self, Door};
use moderato_runtime::shutdown::{self, Shutdown, ShutdownTrigger};
use moderato_runtime::telemetry;
use moderato_runtime::web::{self, WebTls};
use moderato_store::{Directory, StoreError};
use moderato_worker::{WorkerDeps, WorkerOptions};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tonic::transport::ServerTlsConfig;

use crate::announce;
use crate::compose::{self, Backends, OpenError};
use crate::config_args::ConfigArgs;
use crate::first_start::{self, Firsts};
use crate::loops::{self, Kept};

/// Wait between attempts to reach a store or queue that is away at the start.
const RETRY_EVERY: Duration = Duration::from_secs(1);

/// Longest wait for store and queue to close, after all work is done: the last confirms are out.
const CLOSE_LIMIT: Duration = Duration::from_secs(7);

/// Runs the service: all roles in this process, unless told otherwise.
#[derive(Debug, Default, clap::Args)]
#[command(
    after_help = "Examples:\n  moderato serve\n  moderato serve --listen 127.0.0.1:0 --data-dir /var/lib/moderato\n  \
                        moderato serve --roles worker --config /etc/moderato.toml"
)]
pub(crate) struct ServeArgs {
    /// Roles of this process: ingest, query, console, worker
    #[arg(long, value_name = "ROLE,…")]
    roles: Option<String>,
    /// Address of the gRPC door; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// Address of the moderators' pages
    #[arg(long, value_name = "ADDRESS")]
    web_listen: Option<String>,
    /// Address of health and metrics
    #[arg(long, value_name = "ADDRESS")]
    health_listen: Option<String>,
    #[command(flatten)]
    config: ConfigArgs,
}

impl ServeArgs {
    fn config(&self) -> anyhow::Result<Config> {
        let flags = [
            ("roles", &self.roles),
            ("listen.grpc", &self.listen),
            ("listen.web", &self.web_listen),
            ("listen.health", &self.health_listen),
        ];
        let given = flags.into_iter().filter_map(|(key, value)| Some((key, value.clone()?))).collect();
        self.config.load_with(given)
    }
}

/// Serves until SIGINT or SIGTERM.
pub(crate) async fn run(args: ServeArgs) -> anyhow::Result<()> {
    let config = args.config()?;
    telemetry::init(&config.log)?;
    for contradiction in config.contradictions() {
        tracing::warn!("{contradiction}");
    }

    // The doors are bound first: a second process on the same ports must not touch the data.
    let tls = server::tls(&config.tls).await?;
    let grpc = if config.has_grpc_door() { Some(server::bind(config.listen.grpc).await?) } else { None };
    let web_tls = web::tls(&config.tls).await?;
    let web =
        if config.runs(ServeRole::Console) { Some(server::bind(config.listen.web).await?) } else { None };
    let health = health::bind(config.listen.health)
        .await
        .with_context(|| format!("cannot listen on {}", config.listen.health))?;
    let doors = announce::Doors {
        grpc: grpc.as_ref().map(TcpListener::local_addr).transpose()?,
        web: web.as_ref().map(TcpListener::local_addr).transpose()?,
        health: health.local_addr()?,
    };

    let metrics = Metrics::new();
    let readiness = Readiness::new();
    readiness.report("process", Err("starting".to_owned()));
    let (trigger, shutdown) = shutdown::channel();
    let (last_trigger, last_shutdown) = shutdown::channel();
    let health =
        tokio::spawn(health::serve(health, Arc::clone(&metrics), Arc::clone(&readiness), last_shutdown));
    spawn_signals(trigger, Arc::clone(&readiness));

    let opened = tokio::select! {
        opened = open_patiently(&config, &readiness) => opened?,
        () = shutdown.requested() => return Ok(()),
    };
    let process = Process { config, metrics, readiness, shutdown };
    let Opened { backends, rules, firsts } = opened;
    let open =
        Open { grpc: grpc.map(|listener| (listener, tls)), web: web.map(|listener| (listener, web_tls)) };
    let served = process.serve(&backends, rules, &firsts, open, doors).await;

    // Everything is answered and acknowledged: close, and let the health door go last.
    if timeout(CLOSE_LIMIT, backends.closing.close()).await.is_err() {
        tracing::warn!("store and queue did not close in time");
    }
    last_trigger.fire();
    let _ = timeout(Duration::from_secs(1), health).await;
    tracing::info!("stopped");
    served
}

/// The doors that are bound, each with its encryption.
struct Open {
    grpc: Option<(TcpListener, Option<ServerTlsConfig>)>,
    web: Option<(TcpListener, Option<WebTls>)>,
}

/// What was opened and prepared.
struct Opened {
    backends: Backends,
    rules: Arc<CompiledRuleSet>,
    firsts: Firsts,
}

/// Opens store and queue. Servers that are away are waited for: they often start at the same time.
async fn open_patiently(config: &Config, readiness: &Readiness) -> anyhow::Result<Opened> {
    loop {
        let away = match compose::for_roles(config).await {
            Ok(backends) => match prepare(config, &backends).await {
                Ok((rules, firsts)) => return Ok(Opened { backends, rules, firsts }),
                // The store went away between opening and preparing: as if it had not been there.
                Err(error) => match error.downcast_ref::<StoreError>() {
                    Some(StoreError::Unavailable(why)) => why.clone(),
                    _ => return Err(error),
                },
            },
            Err(OpenError::Final(why)) => return Err(anyhow!(why)),
            Err(OpenError::Away(why)) => why,
        };
        // Logged when it changes; /readyz says it all the time.
        readiness.report("process", Err(away));
        sleep(RETRY_EVERY).await;
    }
}

/// Rules in force and, where this process makes them, the first person's link and the first site. The site's
/// key is shown once, and made once: it comes last, behind all that may have to be tried again.
async fn prepare(config: &Config, backends: &Backends) -> anyhow::Result<(Arc<CompiledRuleSet>, Firsts)> {
    let desk = RuleDesk::new(Arc::clone(&backends.store), Arc::new(SystemClock));
    let rules = first_start::rules(&desk, &config.rules).await?;
    let admin_link = if config.runs(ServeRole::Console) {
        let desk = PeopleDesk::new(Arc::clone(&backends.store), Arc::new(SystemClock), Arc::new(SystemIds));
        desk.first_admin_link(Duration::from_hours(config.console.invite_h)).await?
    } else {
        None
    };
    let makes_site = config.runs(ServeRole::Ingest);
    let site = if makes_site { first_start::site(&*backends.store).await? } else { None };
    Ok((rules, Firsts { site, admin_link }))
}

/// What the roles of this process share.
struct Process {
    config: Config,
    metrics: Arc<Metrics>,
    readiness: Arc<Readiness>,
    shutdown: Shutdown,
}

impl Process {
    async fn serve(
        &self,
        backends: &Backends,
        rules: Arc<CompiledRuleSet>,
        firsts: &Firsts,
        open: Open,
        doors: announce::Doors,
    ) -> anyhow::Result<()> {
        let config = &self.config;
        let version = rules.version().clone();
        let kept = Kept {
            store: Arc::clone(&backends.store),
            queue: backends.queue.clone(),
            // Filled by its loop within a moment if the store has just gone away.
            directory: Arc::new(Directory::load(&*backends.store).await.unwrap_or_default()),
            rules: Arc::new(ActiveRules::new(rules)),
            metrics: Arc::clone(&self.metrics),
            readiness: Arc::clone(&self.readiness),
            signs_people_in: config.runs(ServeRole::Console),
            // Ingest accepts from memory and queue alone.
            needs_store: config.roles.iter().any(|role| *role != ServeRole::Ingest),
        };
        let facts = Arc::new(compose::collector(config, Arc::clone(&backends.store))?);
        let loops = loops::start(&kept);

        let mut roles: JoinSet<anyhow::Result<()>> = JoinSet::new();
        if let Some((listener, tls)) = open.grpc {
            let door = self.door(&kept, &facts, doors);
            let listen = config.listen.clone();
            let (readiness, shutdown) = (Arc::clone(&self.readiness), self.shutdown.clone());
            roles.spawn(async move {
                let descriptors = moderato_api::pb::DESCRIPTORS;
                Ok(door.serve(listener, &listen, tls, descriptors, readiness, shutdown).await?)
            });
        }
        if let Some((listener, tls)) = open.web {
            let pages = moderato_console::web::router(self.web(&kept, doors));
            let shutdown = self.shutdown.clone();
            roles.spawn(async move {
                web::serve(listener, tls, pages, shutdown).await;
                Ok(())
            });
        }
        if config.runs(ServeRole::Console) {
            let relay = self.relay(&kept, doors)?;
            let shutdown = self.shutdown.clone();
            roles.spawn(async move {
                // What it was about to do is found again at the next start.
                tokio::select! {
                    () = relay.run() => {}
                    () = shutdown.requested() => {}
                }
                Ok(())
            });
        }
        if config.runs(ServeRole::Worker)
            && let Some(queue) = &kept.queue
        {
            let worker = moderato_worker::run(self.worker(&kept, queue, &facts));
            roles.spawn(async move {
                worker.await;
                Ok(())
            });
        }
        announce::started(config, doors, &version, firsts)?;
        if !self.shutdown.is_requested() {
            self.readiness.report("process", Ok(()));
        }

        let ended = self.until_done(&mut roles).await;
        drop(loops);
        ended
    }

    /// Waits until every role has ended, which they do when asked to. One that ends by itself ends
    /// the process.
    async fn until_done(&self, roles: &mut JoinSet<anyhow::Result<()>>) -> anyhow::Result<()> {
        while let Some(ended) = roles.join_next().await {
            ended.context("a role panicked")??;
            if !self.shutdown.is_requested() {
                return Err(anyhow!("a role ended without being asked to"));
            }
        }
        Ok(())
    }

    fn door(&self, kept: &Kept, facts: &Arc<Collector>, doors: announce::Doors) -> Door {
        let mut door = Door::default();
        if self.config.runs(ServeRole::Ingest)
            && let Some(queue) = &kept.queue
        {
            door =
                door.with(moderato_ingest::service(self.ingest(kept, queue, facts)), &["process", "queue"]);
        }
        if self.config.runs(ServeRole::Query) {
            door = door.with(moderato_query::service(self.query(kept, doors)), &["process", "store"]);
        }
        if self.config.runs(ServeRole::Console) {
            let console = self.console(kept);
            door = door.with(moderato_console::rule_sets(console.clone()), &["process", "store"]);
            door = door.with(moderato_console::reviews(console), &["process", "store"]);
        }
        door
    }

    fn ingest(&self, kept: &Kept, queue: &Arc<dyn Queue>, facts: &Arc<Collector>) -> IngestDeps {
        let limits = &self.config.ingest;
        IngestDeps {
            queue: Arc::clone(queue),
            store: Arc::clone(&kept.store),
            facts: Arc::clone(facts),
            directory: Arc::clone(&kept.directory),
            rules: Arc::clone(&kept.rules),
            clock: Arc::new(SystemClock),
            ids: Arc::new(SystemIds),
            metrics: Arc::clone(&self.metrics),
            shutdown: self.shutdown.clone(),
            options: IngestOptions {
                max_in_flight: limits.max_in_flight,
                max_streams: limits.max_streams,
                stream_in_flight: limits.stream_in_flight,
                group: GroupLimits {
                    items: limits.group_items,
                    bytes: limits.group_bytes,
                    ..GroupLimits::default()
                },
                ..IngestOptions::default()
            },
        }
    }

    fn query(&self, kept: &Kept, doors: announce::Doors) -> QueryDeps {
        let limits = &self.config.query;
        // Of pages that another process serves, only the configuration knows the address.
        let known = self.config.console.public_url.is_some() || self.config.runs(ServeRole::Console);
        QueryDeps {
            store: Arc::clone(&kept.store),
            directory: Arc::clone(&kept.directory),
            clock: Arc::new(SystemClock),
            metrics: Arc::clone(&self.metrics),
            shutdown: self.shutdown.clone(),
            public_url: known.then(|| announce::public_url(&self.config, doors)),
            options: QueryOptions { max_waiters: limits.max_waiters, max_watchers: limits.max_watchers },
        }
    }

    fn console(&self, kept: &Kept) -> ConsoleDeps {
        ConsoleDeps {
            store: Arc::clone(&kept.store),
            directory: Arc::clone(&kept.directory),
            clock: Arc::new(SystemClock),
            shutdown: self.shutdown.clone(),
        }
    }

    fn relay(&self, kept: &Kept, doors: announce::Doors) -> anyhow::Result<Relay> {
        let options = &self.config.mail;
        let mailer = options.smtp.as_ref().map(|smtp| {
            Mailer::new(&MailOptions { smtp: smtp.expose().to_owned(), from: options.from.clone() })
        });
        Ok(Relay::new(
            Arc::clone(&kept.store),
            Arc::clone(&kept.directory),
            Arc::new(SystemClock),
            mailer.transpose()?,
            announce::public_url(&self.config, doors),
        ))
    }

    fn oidc(&self) -> Option<Provider> {
        let configured = &self.config.oidc;
        let secret = configured.client_secret.as_ref();
        Some(Provider::new(OidcOptions {
            issuer: configured.issuer.clone()?,
            client_id: configured.client_id.clone(),
            client_secret: secret.map(|secret| secret.expose().to_owned()).unwrap_or_default(),
            roles_claim: configured.roles_claim.clone(),
            required_role: configured.required_role.clone(),
        }))
    }

    fn web(&self, kept: &Kept, doors: announce::Doors) -> Web {
        let options = &self.config.console;
        let public_url = announce::public_url(&self.config, doors);
        Web {
            store: Arc::clone(&kept.store),
            directory: Arc::clone(&kept.directory),
            clock: Arc::new(SystemClock),
            ids: Arc::new(SystemIds),
            passwords: Passwords::default(),
            oidc: self.oidc(),
            shutdown: self.shutdown.clone(),
            options: WebOptions {
                secure: public_url.starts_with("https://"),
                public_url,
                public_url_is_certain: options.public_url.is_some(),
                behind_proxy: options.behind_proxy,
                session_idle: Duration::from_hours(options.session_idle_h),
                session_max: Duration::from_hours(options.session_max_h),
                invite: Duration::from_hours(options.invite_h),
                undo: Duration::from_secs(options.undo_s),
                mails: self.config.mail.smtp.is_some(),
            },
        }
    }

    fn worker(&self, kept: &Kept, queue: &Arc<dyn Queue>, facts: &Arc<Collector>) -> WorkerDeps {
        let limits = &self.config.worker;
        WorkerDeps {
            queue: Arc::clone(queue),
            store: Arc::clone(&kept.store),
            facts: Arc::clone(facts),
            directory: Arc::clone(&kept.directory),
            rules: Arc::clone(&kept.rules),
            clock: Arc::new(SystemClock),
            metrics: Arc::clone(&self.metrics),
            readiness: Arc::clone(&self.readiness),
            shutdown: self.shutdown.clone(),
            options: WorkerOptions {
                batch_items: limits.batch,
                batches_in_flight: limits.batches_in_flight,
                prefetch: limits.prefetch,
            },
        }
    }
}

/// The first signal drains, the second ends at once.
fn spawn_signals(trigger: ShutdownTrigger, readiness: Arc<Readiness>) {
    tokio::spawn(async move {
        if let Err(error) = shutdown::signal().await {
            tracing::error!(%error, "signals cannot be caught; stopping");
        }
        readiness.report("process", Err("stopping".to_owned()));
        trigger.fire();
        let _ = shutdown::signal().await;
        tracing::warn!("second signal: ending at once; work in hand will be delivered again");
        std::process::exit(1);
    });
}

/// How a client on this host reaches a listener.
pub(crate) fn local(address: SocketAddr) -> SocketAddr {
    let mut local = address;
    if address.ip().is_unspecified() {
        local.set_ip(if address.is_ipv4() {
            [127, 0, 0, 1].into()
        } else {
            std::net::Ipv6Addr::LOCALHOST.into()
        });
    }
    local
}
