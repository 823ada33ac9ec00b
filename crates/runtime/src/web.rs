//! The web door of a process: pages over HTTP/1.1 and HTTP/2, with encryption and bounds.
//!
//! What is served is a router; what may go wrong before it sees a request is settled here: too many
//! connections, clients that never finish their headers or their handshake, the end of the process.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tower::Layer as _;
use tower::util::MapRequestLayer;

use crate::config;
use crate::server::{ServerError, read};
use crate::shutdown::{DRAIN_LIMIT, Shutdown};

/// Connections at once; more wait in the system's queue. Fifty moderators with a few pages each, six
/// connections a browser, and authors who look at their status.
const MAX_CONNECTIONS: usize = 1024;

/// Longest wait for a handshake, and for the headers of a request.
const GREETING_LIMIT: Duration = Duration::from_secs(10);

/// Streams of one HTTP/2 connection: live updates of a few pages and what they load.
const STREAMS_PER_CONNECTION: u32 = 64;

/// Wait after a failed accept, which means that this process has too many files open.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// From where a request came; an extension of every request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// The address at the other end of the connection: a client's, or a proxy's.
    pub address: IpAddr,
}

/// Encryption of the door.
#[derive(Clone)]
pub struct WebTls(TlsAcceptor);

/// Without the private key.
impl std::fmt::Debug for WebTls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WebTls(…)")
    }
}

/// Reads and checks what `[tls]` names. People sign in, so clients are not asked for certificates.
pub async fn tls(tls: &config::Tls) -> Result<Option<WebTls>, ServerError> {
    let (Some(cert), Some(key)) = (&tls.cert, &tls.key) else { return Ok(None) };
    let unusable = |problem: String| ServerError::Tls(problem);
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&read(cert).await?)
        .collect::<Result<_, _>>()
        .map_err(|error| unusable(error.to_string()))?;
    let key =
        PrivateKeyDer::from_pem_slice(&read(key).await?).map_err(|error| unusable(error.to_string()))?;
    let provider = Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(|error| unusable(error.to_string()))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Some(WebTls(TlsAcceptor::from(Arc::new(config)))))
}

/// Serves until shutdown is requested and every request is answered, at most [`DRAIN_LIMIT`] longer.
pub async fn serve(listener: TcpListener, tls: Option<WebTls>, router: Router, shutdown: Shutdown) {
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let graceful = GracefulShutdown::new();
    let accepting = async {
        loop {
            let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
            let (stream, peer) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "the web door cannot accept a connection");
                    sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let (tls, router, watcher) = (tls.clone(), router.clone(), graceful.watcher());
            let shutdown = shutdown.clone();
            tokio::spawn(async move {
                connection(stream, peer, tls, router, watcher, &shutdown).await;
                drop(slot);
            });
        }
    };
    tokio::select! {
        () = accepting => {}
        () = shutdown.requested() => {}
    }
    drop(listener);
    tokio::select! {
        () = graceful.shutdown() => {}
        () = sleep(DRAIN_LIMIT) => {
            tracing::warn!(limit_s = DRAIN_LIMIT.as_secs(), "pages were still open; closing them");
        }
    }
}

/// One connection, from the handshake to its end. What goes wrong is the client's business.
async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    tls: Option<WebTls>,
    router: Router,
    watcher: Watcher,
    shutdown: &Shutdown,
) {
    // Pages are small: waiting to fill a packet would only delay them.
    let _ = stream.set_nodelay(true);
    let from = Peer { address: peer.ip().to_canonical() };
    match tls {
        None => converse(stream, from, router, watcher).await,
        Some(WebTls(acceptor)) => {
            let greeted = tokio::select! {
                greeted = timeout(GREETING_LIMIT, acceptor.accept(stream)) => greeted,
                // Who has not said anything yet is not waited for.
                () = shutdown.requested() => return,
            };
            if let Ok(Ok(stream)) = greeted {
                converse(stream, from, router, watcher).await;
            }
        }
    }
}

async fn converse<S>(stream: S, from: Peer, router: Router, watcher: Watcher)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let tell = MapRequestLayer::new(move |mut request: Request<_>| {
        request.extensions_mut().insert(from);
        request
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(GREETING_LIMIT);
    builder.http2().timer(TokioTimer::new()).max_concurrent_streams(STREAMS_PER_CONNECTION);
    let service = TowerToHyperService::new(tell.layer(router));
    let connection = builder.serve_connection(TokioIo::new(stream), service).into_owned();
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(error, "a connection to the web door ended early");
    }
}
