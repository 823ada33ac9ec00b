//! The door itself: encrypted, with clients that say nothing, and closed in good order.

use std::time::Duration;

use axum::Router;
use axum::extract::Extension;
use axum::routing::get;
use moderato_runtime::config::Tls;
use moderato_runtime::server::ServerError;
use moderato_runtime::shutdown;
use moderato_runtime::web::{Peer, serve, tls};
use reqwest::{Certificate, Client};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

#[tokio::test]
async fn pages_are_encrypted_with_the_installations_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let (cert, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    std::fs::write(&cert, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let files = |cert, key| Tls { cert: Some(cert), key: Some(key), client_ca: None };
    let door = tls(&files(cert.clone(), key.clone())).await.unwrap();
    assert!(door.is_some() && tls(&Tls::default()).await.unwrap().is_none());
    let swapped = tls(&files(key.clone(), cert.clone())).await;
    assert!(matches!(swapped, Err(ServerError::Tls(_))), "{swapped:?}");
    let missing = tls(&files(folder.path().join("none.pem"), key)).await;
    assert!(matches!(missing, Err(ServerError::TlsFile { .. })), "{missing:?}");

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (trigger, token) = shutdown::channel();
    let from = async |Extension(peer): Extension<Peer>| peer.address.to_string();
    let serving = tokio::spawn(serve(listener, door, Router::new().route("/", get(from)), token));

    // Clients that say nothing, or not what they should, hold nobody up.
    let _silent = TcpStream::connect(address).await.unwrap();
    let mut plain = TcpStream::connect(address).await.unwrap();
    plain.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP"), "nothing in clear");

    let trusted = Certificate::from_pem(&std::fs::read(&cert).unwrap()).unwrap();
    let client = Client::builder().tls_certs_only([trusted]).build().unwrap();
    let page = client.get(format!("https://{address}/")).send().await.unwrap();
    assert_eq!(page.text().await.unwrap(), "127.0.0.1");
    assert!(Client::new().get(format!("https://{address}/")).send().await.is_err(), "signed by nobody");

    // Idle connections do not keep the process from ending.
    trigger.fire();
    tokio::time::timeout(Duration::from_secs(20), serving).await.expect("it ends").unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}
