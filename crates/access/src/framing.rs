//! What the transport says about unreadable messages, in our error codes. It finds them before any
//! method of ours runs, so its words are replaced on their way out.

use std::convert::Infallible;
use std::task::{Context, Poll};

use http::{Request, Response};
use moderato_api::status;
use moderato_domain::ErrorCode;
use tonic::body::Body;
use tonic::server::NamedService;
use tonic::{Code, Status};
use tower::util::{MapResponse, MapResponseLayer};
use tower::{Layer, Service};

/// Answers `MESSAGE_TOO_LARGE` and `MALFORMED_MESSAGE` with details where the transport alone would
/// answer `OUT_OF_RANGE` or `INTERNAL` without.
#[derive(Debug, Clone, Copy, Default)]
pub struct OversizeLayer;

impl<S> Layer<S> for OversizeLayer {
    type Service = Oversize<S>;

    fn layer(&self, inner: S) -> Oversize<S> {
        let retell: Retell = retell;
        Oversize(MapResponseLayer::new(retell).layer(inner))
    }
}

/// A gRPC service behind [`OversizeLayer`], still under its own name.
#[derive(Debug, Clone)]
pub struct Oversize<S>(MapResponse<S, Retell>);

type Retell = fn(Response<Body>) -> Response<Body>;

impl<S> Service<Request<Body>> for Oversize<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = <MapResponse<S, Retell> as Service<Request<Body>>>::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        self.0.call(request)
    }
}

impl<S: NamedService> NamedService for Oversize<S> {
    const NAME: &'static str = S::NAME;
}

/// The transport's complaint about a message's frame in our words; any other status as it is. For
/// streams, whose methods see the complaint as an item.
pub fn typed(complaint: Status) -> Status {
    code_of(complaint.code(), complaint.message()).map_or(complaint, |code| {
        let message = match code {
            ErrorCode::MessageTooLarge => {
                format!(
                    "the message is larger than the {} bytes that are accepted",
                    moderato_api::MAX_MESSAGE_BYTES
                )
            }
            _ => "the message is cut off, or not framed or compressed as its headers say".to_owned(),
        };
        status::error(code, message)
    })
}

fn retell(response: Response<Body>) -> Response<Body> {
    // Only a response that ends with its headers can be about a request nobody has read.
    if !response.headers().contains_key(Status::GRPC_STATUS) {
        return response;
    }
    let Some(told) = Status::from_header_map(response.headers()) else { return response };
    if code_of(told.code(), told.message()).is_none() {
        return response;
    }
    typed(told).into_http()
}

/// Recognises the complaints of tonic 0.14 (`codec/decode.rs`), which have no type of their own; a
/// test over the wire notices when their words change.
fn code_of(code: Code, message: &str) -> Option<ErrorCode> {
    let too_large = match code {
        Code::OutOfRange => message.contains("decoded message length too large"),
        Code::ResourceExhausted => message.starts_with("Error decompressing: size limit"),
        _ => false,
    };
    let broken = code == Code::Internal
        && [
            "protocol error: received message with",
            "Error decompressing:",
            "Unexpected EOF decoding",
            "Missing request message",
        ]
        .iter()
        .any(|start| message.starts_with(start));
    if too_large { Some(ErrorCode::MessageTooLarge) } else { broken.then_some(ErrorCode::MalformedMessage) }
}

#[cfg(test)]
mod tests {
    use moderato_api::status::reason_of;

    use super::*;

    fn reason_after(status: Status) -> Option<String> {
        let told = Status::from_header_map(retell(status.into_http()).headers()).unwrap();
        reason_of(&told)
    }

    #[test]
    fn complaints_about_frames_become_typed() {
        let large = Status::out_of_range(
            "Error, decoded message length too large: found 9 bytes, the limit is: 8 bytes",
        );
        assert_eq!(reason_after(large).as_deref(), Some("MESSAGE_TOO_LARGE"));
        let inflated =
            Status::resource_exhausted("Error decompressing: size limit, of 8 bytes, exceeded while …");
        assert_eq!(reason_after(inflated).as_deref(), Some("MESSAGE_TOO_LARGE"));
        let cut = Status::internal("Unexpected EOF decoding stream.");
        assert_eq!(reason_after(cut).as_deref(), Some("MALFORMED_MESSAGE"));
    }

    #[test]
    fn other_statuses_and_answers_pass_unchanged() {
        let ours = status::error(ErrorCode::QueueFull, "the queue is full");
        assert_eq!(reason_after(ours).as_deref(), Some("QUEUE_FULL"));
        assert_eq!(reason_after(Status::out_of_range("page 9")), None);
        let answer = retell(Response::new(Body::empty()));
        assert!(!answer.headers().contains_key(Status::GRPC_STATUS));
    }
}
