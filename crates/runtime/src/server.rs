//! The gRPC door of a process: the services of its roles behind one address, with health,
//! reflection, encryption and bounds.
//!
//! Every service brings its own message limits and compression; what is the same for all is here.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tonic::body::Body;
use tonic::server::NamedService;
use tonic::service::Routes;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Certificate, Identity, Server, ServerTlsConfig};
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;
use tower::Service;

use crate::config::{self, Listen};
use crate::connections::bounded;
use crate::health::Readiness;
use crate::shutdown::{DRAIN_LIMIT, Shutdown};

/// Bytes of one stream that may be under way. The default of 64 KiB stalls an import over a network
/// with latency: 1 MiB is 10 ms at 100 MB/s.
const STREAM_WINDOW: u32 = 1024 * 1024;

/// Bytes of one connection that may be under way.
const CONNECTION_WINDOW: u32 = 4 * 1024 * 1024;

/// A silent connection is asked whether it lives this often, and closed if it does not answer.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(30);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// Why the door could not be opened, or closed early.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The address is taken or not ours.
    #[error("cannot listen on {address}: {problem}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        problem: std::io::Error,
    },
    /// A TLS file cannot be read.
    #[error("cannot read {}: {problem}", file.display())]
    TlsFile {
        /// The file.
        file: PathBuf,
        /// What the system says.
        problem: std::io::Error,
    },
    /// The TLS files are not what they should be.
    #[error("the certificate, key or client authority under [tls] cannot be used: {0}")]
    Tls(String),
    /// The descriptors for reflection are broken.
    #[error("reflection: {0}")]
    Reflection(String),
    /// The door failed while open.
    #[error("the gRPC door failed: {0}")]
    Transport(String),
}

/// Binds the door, so that its real port is known before anything is served.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, ServerError> {
    TcpListener::bind(address).await.map_err(|problem| ServerError::Bind { address, problem })
}

/// Reads and checks what `[tls]` names, so that a mistake stops a process before it does anything.
pub async fn tls(tls: &config::Tls) -> Result<Option<ServerTlsConfig>, ServerError> {
    let (Some(cert), Some(key)) = (&tls.cert, &tls.key) else { return Ok(None) };
    let mut config = ServerTlsConfig::new().identity(Identity::from_pem(read(cert).await?, read(key).await?));
    if let Some(authority) = &tls.client_ca {
        config = config.client_ca_root(Certificate::from_pem(read(authority).await?));
    }
    match Server::builder().tls_config(config.clone()) {
        Ok(_) => Ok(Some(config)),
        Err(error) => Err(ServerError::Tls(in_full(&error))),
    }
}

/// The services behind one door.
#[derive(Debug, Default)]
pub struct Door {
    routes: Routes,
    /// Each service with the parts of [`Readiness`] that it needs.
    services: Vec<(&'static str, &'static [&'static str])>,
}

impl Door {
    /// Adds a role's service. Its health is that of the named parts of [`Readiness`].
    #[must_use]
    pub fn with<S>(mut self, service: S, needs: &'static [&'static str]) -> Self
    where
        S: Service<tonic::codegen::http::Request<Body>, Error = Infallible>
            + NamedService
            + Clone
            + Send
            + Sync
            + 'static,
        S::Response: axum::response::IntoResponse,
        S::Future: Send + 'static,
    {
        self.routes = self.routes.add_service(service);
        self.services.push((S::NAME, needs));
        self
    }

    /// Serves until shutdown is requested and every call is answered, at most [`DRAIN_LIMIT`]
    /// longer.
    pub async fn serve(
        self,
        listener: TcpListener,
        listen: &Listen,
        tls: Option<ServerTlsConfig>,
        descriptors: &'static [u8],
        readiness: Arc<Readiness>,
        shutdown: Shutdown,
    ) -> Result<(), ServerError> {
        let described = || {
            tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(descriptors)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        };
        let broken = |error: tonic_reflection::server::Error| ServerError::Reflection(error.to_string());
        let reflection = described().build_v1().map_err(broken)?;
        // Many tools still speak this one.
        let reflection_alpha = described().build_v1alpha().map_err(broken)?;
        let (reporter, health) = tonic_health::server::health_reporter();

        let mut server = Server::builder()
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_concurrent_streams(listen.streams_per_connection)
            .http2_keepalive_interval(Some(KEEPALIVE_INTERVAL))
            .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT));
        if let Some(tls) = tls {
            server = server.tls_config(tls).map_err(|error| ServerError::Tls(in_full(&error)))?;
        }
        let routes =
            self.routes.add_service(health).add_service(reflection).add_service(reflection_alpha).prepare();
        let incoming =
            TcpIncoming::from(listener).with_nodelay(Some(true)).with_keepalive(Some(KEEPALIVE_INTERVAL));
        let incoming = bounded(incoming);

        let follow = tokio::spawn(follow_readiness(self.services, reporter, readiness, shutdown.clone()));
        let requested = shutdown.clone();
        let serving = server
            .add_routes(routes)
            .serve_with_incoming_shutdown(incoming, async move { requested.requested().await });
        let limit = async {
            shutdown.requested().await;
            tokio::time::sleep(DRAIN_LIMIT).await;
        };
        let served = tokio::select! {
            served = serving => served.map_err(|error| ServerError::Transport(in_full(&error))),
            () = limit => {
                tracing::warn!(limit_s = DRAIN_LIMIT.as_secs(), "calls were still open; closing them");
                Ok(())
            }
        };
        follow.abort();
        served
    }
}

/// Keeps the gRPC health service in step with readiness.
async fn follow_readiness(
    services: Vec<(&'static str, &'static [&'static str])>,
    reporter: HealthReporter,
    readiness: Arc<Readiness>,
    shutdown: Shutdown,
) {
    let mut changes = readiness.changes();
    loop {
        let problems = readiness.problems();
        let status = |works: bool| {
            if works && !shutdown.is_requested() { ServingStatus::Serving } else { ServingStatus::NotServing }
        };
        for (name, needs) in &services {
            let works = !problems.iter().any(|(part, _)| needs.contains(part));
            reporter.set_service_status(*name, status(works)).await;
        }
        // The empty name stands for the whole server.
        reporter.set_service_status("", status(problems.is_empty())).await;
        if shutdown.is_requested() {
            return;
        }
        tokio::select! {
            changed = changes.changed() => if changed.is_err() { return },
            () = shutdown.requested() => {}
        }
    }
}

pub(crate) async fn read(file: &Path) -> Result<Vec<u8>, ServerError> {
    tokio::fs::read(file).await.map_err(|problem| ServerError::TlsFile { file: file.to_owned(), problem })
}

/// An error with its causes: the transport's own text is only "transport error".
fn in_full(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text.push_str(": ");
        text.push_str(&next.to_string());
        cause = next.source();
    }
    text
}
