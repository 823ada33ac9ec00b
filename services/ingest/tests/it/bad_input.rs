//! What must be refused, and in which words.

use bytes::{Buf as _, BufMut as _, Bytes};
use moderato_api::pb::ingest::{CheckCommentRequest, CommentDraft, SubmitCommentRequest};
use prost::Message as _;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;

use crate::support::{RunningRole, draft, reason, start, submission};

fn violations(status: &Status) -> Vec<(String, String)> {
    let request = status.get_details_bad_request().expect("field violations");
    request.field_violations.into_iter().map(|violation| (violation.field, violation.reason)).collect()
}

#[tokio::test]
async fn all_violations_come_at_once() {
    let role = start().await;
    let bad = SubmitCommentRequest {
        parent: "blog".to_owned(),
        comment: Some(CommentDraft { thread: "a/b".to_owned(), ..CommentDraft::default() }),
        comment_id: "a b".to_owned(),
        request_id: "\u{e4}".to_owned(),
        validate_only: false,
    };
    let status = role.client().submit_comment(bad).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    let fields = [
        ("parent", "MALFORMED"),
        ("comment_id", "MALFORMED"),
        ("request_id", "MALFORMED"),
        ("comment.thread", "MALFORMED"),
        ("comment.author.display_name", "REQUIRED"),
        ("comment.body", "REQUIRED"),
    ];
    assert_eq!(violations(&status), fields.map(|(field, reason)| (field.to_owned(), reason.to_owned())));
}

#[tokio::test]
async fn a_body_that_nobody_could_see_is_refused() {
    let role = start().await;
    for body in ["", "  \n\t ", "\u{200b}\u{200d}\u{feff}", "\u{2800}\u{ad}"] {
        let status = role.client().submit_comment(submission("r", body)).await.unwrap_err();
        assert_eq!(violations(&status), [("comment.body".to_owned(), "REQUIRED".to_owned())], "{body:?}");
        let check = CheckCommentRequest { parent: "sites/blog".to_owned(), comment: Some(draft(body)) };
        assert_eq!(reason(role.client().check_comment(check).await), "INVALID_FIELDS");
    }
    assert!(role.taken().await.is_empty());
    assert!(role.metrics.encode().contains("moderato_refused_total{reason=\"INVALID_FIELDS\"} 8"));
}

#[tokio::test]
async fn ten_megabytes_are_too_large() {
    let role = start().await;
    let status = role.client().submit_comment(submission("r", &"x".repeat(10_000_000))).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert_eq!(moderato_api::status::reason_of(&status).as_deref(), Some("MESSAGE_TOO_LARGE"));
    // What inflates to too much is too large as well.
    let mut client = role.client().send_compressed(tonic::codec::CompressionEncoding::Gzip);
    assert_eq!(
        reason(client.submit_comment(submission("r", &"x".repeat(10_000_000))).await),
        "MESSAGE_TOO_LARGE"
    );
    client.submit_comment(submission("r", &"x".repeat(9_000))).await.unwrap();
}

#[tokio::test]
async fn bytes_that_are_no_message_are_malformed() {
    let role = start().await;
    // Field 1 (parent), two bytes that are not UTF-8; then a field that ends too early.
    for bytes in [&b"\x0a\x02\xff\xfe"[..], b"\x0a\x7fshort"] {
        assert_eq!(reason(send_raw(&role, Bytes::from_static(bytes)).await), "MALFORMED_MESSAGE");
    }
    let good = submission("r", "hello").encode_to_vec();
    assert!(send_raw(&role, good.into()).await.is_ok());
}

/// A SubmitComment of any bytes.
async fn send_raw(role: &RunningRole, bytes: Bytes) -> Result<Bytes, Status> {
    let mut grpc = tonic::client::Grpc::new(role.channel());
    grpc.ready().await.unwrap();
    let mut request = Request::new(bytes);
    request.metadata_mut().insert("authorization", format!("Bearer {}", role.key.expose()).parse().unwrap());
    let path = "/moderato.ingest.v1.IngestService/SubmitComment".parse().unwrap();
    grpc.unary(request, path, Raw).await.map(tonic::Response::into_inner)
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
