//! A TCP proxy that breaks connections on command.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

#[derive(Debug, Clone, Copy, Default)]
struct Weather {
    /// Connections made under an older generation are cut.
    generation: u64,
    paused: bool,
    refusing: bool,
}

/// Stands before a server; connect to [`address`](Self::address) instead of the server's own.
/// Dropping it cuts everything.
#[derive(Debug)]
pub struct ChaosProxy {
    address: SocketAddr,
    weather: Arc<watch::Sender<Weather>>,
    _tasks: JoinSet<()>,
}

impl ChaosProxy {
    /// Starts a proxy before the server on this port of 127.0.0.1.
    ///
    /// # Panics
    ///
    /// When no port can be bound.
    pub async fn start(server_port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", crate::ports::free())).await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let weather = Arc::new(watch::Sender::new(Weather::default()));
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, server_port, weather.clone()));
        Self { address, weather, _tasks: tasks }
    }

    /// Where clients connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The same URL, through the proxy.
    ///
    /// # Panics
    ///
    /// When the URL does not name a port of 127.0.0.1.
    pub fn through(&self, url: &str) -> String {
        let (before, after) = url.split_once("127.0.0.1:").expect("a url of a local server");
        let rest = after.trim_start_matches(|digit: char| digit.is_ascii_digit());
        format!("{before}{}{rest}", self.address)
    }

    /// Drops all connections. New ones are served.
    pub fn cut(&self) {
        self.weather.send_modify(|weather| weather.generation += 1);
    }

    /// Holds back all bytes in both directions; connections stay open.
    pub fn pause(&self) {
        self.weather.send_modify(|weather| weather.paused = true);
    }

    /// Lets bytes flow again.
    pub fn resume(&self) {
        self.weather.send_modify(|weather| weather.paused = false);
    }

    /// Closes new connections at once.
    pub fn refuse(&self) {
        self.weather.send_modify(|weather| weather.refusing = true);
    }

    /// Serves new connections again.
    pub fn accept(&self) {
        self.weather.send_modify(|weather| weather.refusing = false);
    }
}

async fn accept(listener: TcpListener, server_port: u16, weather: Arc<watch::Sender<Weather>>) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
        };
        let Ok((client, _)) = accepted else {
            // Out of file descriptors: others will end.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        if !weather.borrow().refusing {
            connections.spawn(serve(client, server_port, weather.subscribe()));
        }
    }
}

async fn serve(client: TcpStream, server_port: u16, mut weather: watch::Receiver<Weather>) {
    let born = weather.borrow_and_update().generation;
    let Ok(server) = TcpStream::connect(("127.0.0.1", server_port)).await else { return };
    let _ = client.set_nodelay(true);
    let _ = server.set_nodelay(true);
    let (client_read, client_write) = client.into_split();
    let (server_read, server_write) = server.into_split();
    let there = pump(client_read, server_write, weather.clone());
    let back = pump(server_read, client_write, weather.clone());
    // Both sides are dropped when either ends or the connection is cut.
    tokio::select! {
        _ = there => {}
        _ = back => {}
        _ = weather.wait_for(|now| now.generation != born) => {}
    }
}

async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut weather: watch::Receiver<Weather>,
) -> io::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let length = from.read(&mut buffer).await?;
        if length == 0 || weather.wait_for(|now| !now.paused).await.is_err() {
            return Ok(());
        }
        to.write_all(&buffer[..length]).await?;
    }
}
