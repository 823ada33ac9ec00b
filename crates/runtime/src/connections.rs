//! The connections of the gRPC door: so many at once, and none that holds a place without a word.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::stream::{Stream, StreamExt as _, unfold};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Sleep, sleep};
use tonic::transport::server::{Connected, TcpConnectInfo, TcpIncoming};

/// Connections at once; more wait in the system's queue. A platform keeps one or a few for each of its
/// processes.
const MAX_CONNECTIONS: usize = 4096;

/// Longest wait for a greeting. Silence behind it is the business of HTTP/2's keep-alive.
const GREETING_LIMIT: Duration = Duration::from_secs(10);

/// Bytes of a greeting: of HTTP/2's preface (RFC 9113 §3.4). With TLS a handshake begins with more.
const GREETING_BYTES: usize = 24;

/// Wait after a failed accept, which means that this process has too many files open.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// Accepts connections as places become free. Never ends, and never fails.
pub(crate) fn bounded(incoming: TcpIncoming) -> impl Stream<Item = io::Result<Bounded>> {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    unfold((incoming, places), |(mut incoming, places)| async {
        loop {
            let place = Arc::clone(&places).acquire_owned().await.ok()?;
            match incoming.next().await? {
                Ok(stream) => return Some((Ok(Bounded::new(stream, place)), (incoming, places))),
                // The client's business, before anybody talked to it.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) => {
                    tracing::warn!(%error, "the gRPC door cannot accept a connection");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    })
}

/// A connection in its place.
#[derive(Debug)]
pub(crate) struct Bounded {
    stream: TcpStream,
    /// Until the greeting has come: how long it may take, and how much of it is missing.
    greeting: Option<(Pin<Box<Sleep>>, usize)>,
    /// Free when the connection is gone.
    _place: OwnedSemaphorePermit,
}

impl Bounded {
    fn new(stream: TcpStream, place: OwnedSemaphorePermit) -> Self {
        let greeting = (Box::pin(sleep(GREETING_LIMIT)), GREETING_BYTES);
        Self { stream, greeting: Some(greeting), _place: place }
    }
}

impl Connected for Bounded {
    type ConnectInfo = TcpConnectInfo;

    fn connect_info(&self) -> TcpConnectInfo {
        self.stream.connect_info()
    }
}

impl AsyncRead for Bounded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        let Some((limit, missing)) = &mut self.greeting else { return read };
        *missing = missing.saturating_sub(buffer.filled().len() - before);
        if *missing == 0 {
            self.greeting = None;
        } else if read.is_pending() && limit.as_mut().poll(context).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        read
    }
}

impl AsyncWrite for Bounded {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    /// A connection, seen by the door and by its client.
    async fn connection() -> (Bounded, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut incoming = Box::pin(bounded(TcpIncoming::from(listener)));
        let (accepted, client) = tokio::join!(incoming.next(), TcpStream::connect(address));
        (accepted.unwrap().unwrap(), client.unwrap())
    }

    // Where time is paused it goes on by itself once everybody waits.
    #[tokio::test(start_paused = true)]
    async fn who_says_nothing_or_only_half_a_greeting_loses_the_place() {
        for said in [&b""[..], b"PRI * HTTP"] {
            let (mut door, mut client) = connection().await;
            client.write_all(said).await.unwrap();
            let error = door.read_exact(&mut [0; GREETING_BYTES]).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_greeted_may_be_silent() {
        let (mut door, mut client) = connection().await;
        client.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
        door.read_exact(&mut [0; GREETING_BYTES]).await.unwrap();
        let mut rest = [0; 8];
        let waited = tokio::time::timeout(10 * GREETING_LIMIT, door.read(&mut rest)).await;
        assert!(waited.is_err(), "still open");
    }
}
