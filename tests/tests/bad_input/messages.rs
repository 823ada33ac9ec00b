//! Bytes that are too many, or no message at all; clients that vanish.

use std::time::Duration;

use bytes::{Buf as _, BufMut as _, Bytes};
use moderato_api::pb::ingest::ingest_service_client::IngestServiceClient;
use moderato_api::pb::ingest::submit_result::Result as Answer;
use moderato_api::pb::ingest::{CheckCommentRequest, EditCommentRequest, SubmitCommentsResponse};
use moderato_api::pb::query::CountPublishedCommentsRequest;
use moderato_tests::deployment::{Deployment, SITE};
use moderato_tests::proxy::ChaosProxy;
use moderato_tests::sample::{draft, submission};
use prost::Message as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};

use crate::support::{accepted, answers, item, name_of, refused, undisturbed, verdict};

const TEN_MEGABYTES: usize = 10_000_000;

#[tokio::test(flavor = "multi_thread")]
async fn ten_megabytes_are_too_large_at_every_door() {
    let deployment = Deployment::embedded().await;
    let huge = "x".repeat(TEN_MEGABYTES);
    let too_large = |status: Option<Status>| {
        let status = refused(status.map_or(Ok(()), Err), Code::ResourceExhausted, "MESSAGE_TOO_LARGE");
        assert!(status.message().contains("262144"), "how much would be accepted: {status:?}");
    };
    let mut ingest = deployment.ingest();
    too_large(ingest.submit_comment(submission("huge", "post-1", &huge)).await.err());
    let check = CheckCommentRequest { parent: SITE.into(), comment: Some(draft("post-1", &huge)) };
    too_large(ingest.check_comment(check).await.err());
    let edit = EditCommentRequest { comment: Some(draft("post-1", &huge)), ..EditCommentRequest::default() };
    too_large(ingest.edit_comment(edit).await.err());
    let count = CountPublishedCommentsRequest { parent: SITE.into(), threads: vec![huge.clone()] };
    too_large(deployment.query().count_published_comments(count).await.err());

    // A small message that inflates to ten megabytes is as large.
    let mut gzip = deployment.ingest().send_compressed(CompressionEncoding::Gzip);
    too_large(gzip.submit_comment(submission("bomb", "post-1", &huge)).await.err());
    gzip.submit_comment(submission("small", "post-1", "Compressed, and small.")).await.expect("accepted");

    // Within the message's bound, beyond the text's: a field's affair.
    let long = ingest.submit_comment(submission("long", "post-1", &"x".repeat(65 * 1024))).await;
    let long = refused(long, Code::InvalidArgument, "INVALID_FIELDS");
    assert_eq!(crate::support::violations(&long), crate::support::fields(&[("comment.body", "TOO_LONG")]));
    undisturbed(&deployment, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_megabytes_in_a_stream_end_it_after_the_items_before_are_answered() {
    let deployment = Deployment::embedded().await;
    let mut items: Vec<_> =
        (0..20).map(|n| item(&format!("s-{n}"), &format!("Comment number {n}, thank you."))).collect();
    items.push(item("huge", &"x".repeat(TEN_MEGABYTES)));
    items.push(item("behind", "Nobody reads this far."));
    let (answers, status) =
        answers(deployment.ingest().submit_comments(tokio_stream::iter(items)).await).await;
    assert_eq!(answers.len(), 20);
    refused(status.map_or(Ok(()), Err), Code::ResourceExhausted, "MESSAGE_TOO_LARGE");
    for answer in &answers {
        verdict(&deployment, name_of(answer), 1).await;
    }
    undisturbed(&deployment, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_no_message_are_malformed_at_every_door() {
    let deployment = Deployment::embedded().await;
    // Field 1, two bytes that are not UTF-8; a field that ends too early; an endless varint.
    let broken: [&'static [u8]; 3] =
        [b"\x0a\x02\xff\xfe", b"\x0a\x7fshort", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"];
    for bytes in broken {
        for (role, method) in [
            ("ingest", "/moderato.ingest.v1.IngestService/SubmitComment"),
            ("ingest", "/moderato.ingest.v1.IngestService/EditComment"),
            ("ingest", "/moderato.ingest.v1.IngestService/CheckComment"),
            ("query", "/moderato.query.v1.QueryService/GetComment"),
            ("query", "/moderato.query.v1.QueryService/ListComments"),
        ] {
            let answer = call_raw(&deployment, role, method, Bytes::from_static(bytes)).await;
            refused(answer, Code::InvalidArgument, "MALFORMED_MESSAGE");
        }
    }
    // Invalid UTF-8 deep inside, in the text itself.
    let mut body = submission("utf8", "post-1", "caf?, thank you").encode_to_vec();
    let at = body.windows(4).position(|window| window == b"caf?").expect("the text") + 3;
    body[at] = 0xe9;
    let method = "/moderato.ingest.v1.IngestService/SubmitComment";
    refused(
        call_raw(&deployment, "ingest", method, body.into()).await,
        Code::InvalidArgument,
        "MALFORMED_MESSAGE",
    );
    // No such method, no such service.
    for method in ["/moderato.ingest.v1.IngestService/Moderate", "/moderato.gossip.v1.Gossip/Tell"] {
        let unknown = call_raw(&deployment, "ingest", method, Bytes::new()).await;
        assert_eq!(unknown.expect_err("unknown").code(), Code::Unimplemented);
    }
    undisturbed(&deployment, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_utf8_in_a_stream_ends_it_after_the_items_before_are_answered() {
    let deployment = Deployment::embedded().await;
    let good = |id: &str| Bytes::from(item(id, "A good comment, thank you.").encode_to_vec());
    // SubmitCommentsRequest { submission: { parent: not UTF-8 } }.
    let items = [good("u-1"), good("u-2"), Bytes::from_static(b"\x0a\x04\x0a\x02\xff\xfe"), good("u-3")];
    let mut grpc = raw(&deployment, "ingest").await;
    let mut request = Request::new(tokio_stream::iter(items));
    authorize(&deployment, &mut request);
    let path = "/moderato.ingest.v1.IngestService/SubmitComments".parse().expect("a path");
    let mut stream = grpc.streaming(request, path, Raw).await.expect("the stream opens").into_inner();
    let mut names = Vec::new();
    let status = loop {
        match stream.message().await {
            Ok(Some(bytes)) => {
                let response = SubmitCommentsResponse::decode(bytes).expect("a response");
                let answers =
                    response.results.iter().map(|result| result.result.as_ref().expect("yes or no"));
                names.extend(answers.map(|answer| name_of(answer).to_owned()));
            }
            Ok(None) => break None,
            Err(status) => break Some(status),
        }
    };
    refused(status.map_or(Ok(()), Err), Code::InvalidArgument, "MALFORMED_MESSAGE");
    assert_eq!(names.len(), 2);
    for name in names {
        verdict(&deployment, &name, 1).await;
    }
    undisturbed(&deployment, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_speak_something_else_are_closed() {
    let deployment = Deployment::embedded().await;
    let address = deployment.endpoint("ingest").replace("http://", "");
    for greeting in [
        &b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"[..],
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        &[0; 4096],
    ] {
        let mut socket = TcpStream::connect(&address).await.expect("it listens");
        socket.write_all(greeting).await.expect("written");
        let mut answer = Vec::new();
        let read = tokio::time::timeout(Duration::from_secs(30), socket.read_to_end(&mut answer)).await;
        // A reset is as good as an end.
        assert!(read.is_ok(), "the connection stays open after {greeting:?}");
    }
    undisturbed(&deployment, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_vanished_client_was_told_is_accepted_gets_its_verdict() {
    let deployment = Deployment::embedded().await;
    let url = deployment.endpoint("ingest");
    let port = url.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
    let proxy = ChaosProxy::start(port).await;
    let channel =
        Endpoint::from_shared(proxy.through(&url)).expect("a URL").connect().await.expect("it connects");

    // A client that sends on and on, and reads a few answers.
    let (items, receiver) = mpsc::channel(1);
    let sending = tokio::spawn(async move {
        for number in 0.. {
            let item = item(&format!("v-{number}"), &format!("Comment number {number}, thank you."));
            if items.send(item).await.is_err() {
                return number;
            }
        }
        0
    });
    let mut request = Request::new(ReceiverStream::new(receiver));
    authorize(&deployment, &mut request);
    let mut stream =
        IngestServiceClient::new(channel).submit_comments(request).await.expect("it opens").into_inner();
    let mut told = Vec::new();
    while told.len() < 50 {
        let message = stream.message().await.expect("an open stream").expect("an open stream");
        told.extend(message.results.into_iter().filter_map(|result| match result.result {
            Some(Answer::Accepted(accepted)) => Some(accepted.name),
            _ => None,
        }));
    }
    proxy.cut();
    let end = loop {
        match stream.message().await {
            // Answers that were on their way.
            Ok(Some(_)) => {}
            end => break end,
        }
    };
    assert!(end.is_err(), "the connection was cut");
    drop(stream);
    let sent = sending.await.expect("no panic");
    assert!(sent > told.len(), "it was in the middle of it");

    for name in &told {
        verdict(&deployment, name, 1).await;
    }
    // Its retry, as from a platform that came back, is recognised.
    assert_eq!(accepted(&deployment, "v-0", "Comment number 0, thank you.").await, told[0]);
    undisturbed(&deployment, 0).await;
}

async fn raw(deployment: &Deployment, role: &'static str) -> tonic::client::Grpc<Channel> {
    let channel = Endpoint::from_shared(deployment.endpoint(role))
        .expect("a URL")
        .connect()
        .await
        .expect("it connects");
    let mut grpc = tonic::client::Grpc::new(channel);
    grpc.ready().await.expect("connected");
    grpc
}

fn authorize<T>(deployment: &Deployment, request: &mut Request<T>) {
    let bearer = format!("Bearer {}", deployment.key()).parse().expect("ASCII");
    request.metadata_mut().insert("authorization", bearer);
}

/// A unary call of any bytes.
async fn call_raw(
    deployment: &Deployment,
    role: &'static str,
    method: &'static str,
    bytes: Bytes,
) -> Result<Bytes, Status> {
    let mut request = Request::new(bytes);
    authorize(deployment, &mut request);
    let path = method.parse().expect("a path");
    raw(deployment, role).await.unary(request, path, Raw).await.map(tonic::Response::into_inner)
}

/// Bytes as they are.
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}
