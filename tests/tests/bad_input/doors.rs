//! The gRPC door itself: encryption, health, reflection.

use std::path::Path;

use moderato_api::pb::ingest::ingest_service_client::IngestServiceClient;
use moderato_tests::deployment::{Deployment, moderato};
use moderato_tests::sample::submission;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};
use tonic::{Code, Request, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

use crate::support::undisturbed;

/// A certificate for this host that signs itself, and its key, as files.
fn certificate(folder: &Path, name: &str) -> (String, String) {
    let made =
        rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()]).expect("made");
    let path = |kind: &str| folder.join(format!("{name}.{kind}.pem")).display().to_string();
    std::fs::write(path("cert"), made.cert.pem()).expect("written");
    std::fs::write(path("key"), made.signing_key.serialize_pem()).expect("written");
    (path("cert"), path("key"))
}

async fn connect(url: String, trusted: Option<&str>) -> Result<Channel, tonic::transport::Error> {
    let mut endpoint = Endpoint::from_shared(url).expect("a URL");
    if let Some(file) = trusted {
        let authority = Certificate::from_pem(std::fs::read(file).expect("a file"));
        endpoint =
            endpoint.tls_config(ClientTlsConfig::new().ca_certificate(authority)).expect("a certificate");
    }
    endpoint.connect().await
}

async fn submit(channel: Channel, key: &str, request_id: &str) -> Result<String, Status> {
    let mut request = Request::new(submission(request_id, "post-1", "Over this very connection, thank you."));
    request.metadata_mut().insert("authorization", format!("Bearer {key}").parse().expect("ASCII"));
    Ok(IngestServiceClient::new(channel).submit_comment(request).await?.into_inner().name)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_encrypted_door_serves_who_trusts_it_and_refuses_plain_text() {
    let folder = tempfile::tempdir().expect("a folder");
    let (cert, key) = certificate(folder.path(), "server");
    let (other, _) = certificate(folder.path(), "other");
    let settings = [("MODERATO_TLS_CERT", cert.as_str()), ("MODERATO_TLS_KEY", key.as_str())];
    let deployment = Deployment::embedded_with(&settings).await;
    let encrypted = deployment.endpoint("ingest");
    let plain = encrypted.replace("https://", "http://");
    let api_key = deployment.key();

    let trusted = connect(encrypted.clone(), Some(&cert)).await.expect("the certificate is trusted");
    submit(trusted, &api_key, "tls-1").await.expect("accepted");
    connect(encrypted.clone(), Some(&other)).await.expect_err("another certificate is not trusted");
    // Whether it fails on connecting or on calling, nothing is answered.
    if let Ok(channel) = connect(plain, None).await {
        let refused = submit(channel, &api_key, "plain-1").await.expect_err("no plain text");
        let unanswered = [Code::Unavailable, Code::Unknown, Code::Internal, Code::Cancelled];
        assert!(unanswered.contains(&refused.code()), "{refused:?}");
    }
    // The commands on this host know the certificate from the first start.
    let checked = deployment.cli_ok(&["check", "Thank you, this was a good read."]).await;
    assert!(checked.contains("ALLOW"), "{checked}");
    let trusted = connect(encrypted, Some(&cert)).await.expect("it still serves");
    submit(trusted, &api_key, "tls-2").await.expect("accepted");
    undisturbed(&deployment, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_are_no_certificate_stop_the_start_and_are_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let (cert, key) = certificate(folder.path(), "server");
    let (other, _) = certificate(folder.path(), "other");
    let missing = folder.path().join("missing.pem").display().to_string();
    for (cert, key, expected) in [
        (&missing, &key, "missing.pem"),
        (&key, &key, "[tls]"),
        (&cert, &cert, "[tls]"),
        (&other, &key, "[tls]"),
    ] {
        let mut command = moderato();
        command.args(["serve", "--listen", "127.0.0.1:0", "--web-listen", "127.0.0.1:0"]);
        command.args(["--health-listen", "127.0.0.1:0"]);
        command.envs([("MODERATO_TLS_CERT", cert), ("MODERATO_TLS_KEY", key)]).current_dir(folder.path());
        let output =
            tokio::task::spawn_blocking(move || command.output()).await.expect("no panic").expect("it runs");
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{told}");
        assert!(told.contains(expected), "{expected:?} is missing in {told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn health_and_reflection_answer_without_a_key() {
    let deployment = Deployment::embedded().await;
    let channel = connect(deployment.endpoint("query"), None).await.expect("it listens");
    let mut health = HealthClient::new(channel.clone());
    let services = ["", "moderato.ingest.v1.IngestService", "moderato.query.v1.QueryService"];
    for service in services {
        let request = HealthCheckRequest { service: service.to_owned() };
        let answer = health.check(request).await.expect("an answer").into_inner();
        assert_eq!(answer.status(), ServingStatus::Serving, "{service:?}");
    }
    let unknown = health.check(HealthCheckRequest { service: "moderato.gossip.v1.Gossip".into() }).await;
    assert_eq!(unknown.expect_err("unknown").code(), Code::NotFound);

    let ask = |message_request| ServerReflectionRequest {
        host: String::new(),
        message_request: Some(message_request),
    };
    let questions = [
        ask(MessageRequest::ListServices(String::new())),
        ask(MessageRequest::FileContainingSymbol(services[1].to_owned())),
        ask(MessageRequest::FileContainingSymbol("moderato.gossip.v1.Gossip".to_owned())),
    ];
    let mut listed = Vec::new();
    let mut found = None;
    for question in questions {
        let stream = ServerReflectionClient::new(channel.clone())
            .server_reflection_info(tokio_stream::iter([question]))
            .await;
        let answer = stream.expect("an answer").into_inner().message().await;
        match answer.map(|answer| answer.and_then(|answer| answer.message_response)) {
            Ok(Some(MessageResponse::ListServicesResponse(list))) => {
                listed = list.service.into_iter().map(|service| service.name).collect();
            }
            Ok(Some(MessageResponse::FileDescriptorResponse(files))) => {
                found = Some(files.file_descriptor_proto.len());
            }
            Ok(Some(MessageResponse::ErrorResponse(error))) => {
                assert_eq!(Code::from(error.error_code), Code::NotFound);
            }
            Err(status) => assert_eq!(status.code(), Code::NotFound),
            answer => panic!("{answer:?}"),
        }
    }
    for service in &services[1..] {
        assert!(listed.iter().any(|listed| listed == service), "{service} is missing in {listed:?}");
    }
    assert!(found.is_some_and(|files| files > 0), "the contract itself");
    undisturbed(&deployment, 0).await;
}
