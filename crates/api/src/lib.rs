//! The wire. Everything that crosses a process boundary is defined in `proto/` and translated here,
//! once, into the types of [`moderato_domain`].
//!
//! | module | what it does |
//! |---|---|
//! | [`pb`] | generated code |
//! | [`status`] | an [`ErrorCode`](moderato_domain::ErrorCode) as a gRPC status with `google.rpc` details |
//! | [`codec`] | protobuf whose decoding errors are typed |
//! | [`intake`] | submissions from the wire |
//! | [`view`] | comments and verdicts to the wire |
//! | [`internal`] | submissions on the work queue |
//! | [`names`] | resource names |
//! | [`token`] | opaque page tokens, bound to their request |

pub mod codec;
pub mod intake;
pub mod internal;
pub mod names;
pub mod status;
pub mod token;
pub mod view;

/// Generated code.
#[allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::pedantic,
    reason = "generated; documented in proto/"
)]
pub mod pb {
    pub mod types {
        tonic::include_proto!("moderato.types.v1");
    }
    pub mod ingest {
        tonic::include_proto!("moderato.ingest.v1");
    }
    pub mod query {
        tonic::include_proto!("moderato.query.v1");
    }
    pub mod rules {
        tonic::include_proto!("moderato.rules.v1");
    }
    pub mod review {
        tonic::include_proto!("moderato.review.v1");
    }
    pub mod internal {
        tonic::include_proto!("moderato.internal.v1");
    }
    /// Descriptors of all packages, for reflection.
    pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
}

/// Largest message that any unary call accepts, in bytes: a body of 64 KiB four times over.
pub const MAX_MESSAGE_BYTES: usize = 256 * 1024;
