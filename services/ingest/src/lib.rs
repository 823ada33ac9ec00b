//! The ingest role: where platforms hand in comments.
//!
//! A comment is accepted once the queue has it on disk, and not before. To accept, ingest needs the
//! queue alone: sites, keys and rules are held in memory and served stale while the store is away.
//! Readers' reports are the exception: they are stored at once.
//!
//! | module | what it does |
//! |---|---|
//! | [`mod@service`] | the RPCs, each a few lines, and the permission each one asks for |
//! | `admit` | a request becomes a valid comment, or every violation at once |
//! | `submit` | a valid comment is published, once |
//! | `memory` | which submissions were accepted lately, so that a retry is recognised |
//! | `stream` | many comments over one call |
//! | `check` | a provisional verdict, nothing stored |
//! | `amend` | edits and withdrawals of comments that are known |
//! | `report` | readers' reports of comments that are known |
//!
//! To add an RPC: the proto, its permission in [`service::PERMISSIONS`], a method in `service` that
//! reads like the others, and its work in the module whose concern it is.

mod admit;
mod amend;
mod check;
mod memory;
mod report;
pub mod service;
mod stream;
mod submit;

use std::sync::Arc;
use std::time::Duration;

use moderato_access::{Oversize, OversizeLayer};
use moderato_api::MAX_MESSAGE_BYTES;
use moderato_api::pb::ingest::ingest_service_server::IngestServiceServer;
use moderato_domain::{Clock, Ids};
use moderato_engine::ActiveRules;
use moderato_facts::Collector;
use moderato_queue::{GroupLimits, Queue};
use moderato_runtime::metrics::Metrics;
use moderato_runtime::shutdown::Shutdown;
use moderato_store::{Directory, Store};
use tonic::codec::CompressionEncoding;
use tower::Layer as _;

pub use service::Ingest;

/// What the role works with.
#[derive(Debug)]
pub struct IngestDeps {
    /// Where comments go.
    pub queue: Arc<dyn Queue>,
    /// What is known of comments; may be away.
    pub store: Arc<dyn Store>,
    /// What is known before judging.
    pub facts: Arc<Collector>,
    /// Sites and keys.
    pub directory: Arc<Directory>,
    /// The rules in force.
    pub rules: Arc<ActiveRules>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Random ids.
    pub ids: Arc<dyn Ids>,
    /// Counters of the process.
    pub metrics: Arc<Metrics>,
    /// When to stop.
    pub shutdown: Shutdown,
    /// Bounds.
    pub options: IngestOptions,
}

/// The role's bounds.
#[derive(Debug, Clone, Copy)]
pub struct IngestOptions {
    /// Unary calls at once; beyond it calls are refused as `OVERLOADED`, not queued.
    pub max_in_flight: usize,
    /// Streams at once; beyond it streams are refused as `OVERLOADED`.
    pub max_streams: usize,
    /// Items of one stream that wait for their confirm; beyond it the stream is not read.
    pub stream_in_flight: usize,
    /// How long one question to the store may take before the answer is given without it.
    pub store_budget: Duration,
    /// How long an edit or withdrawal waits for a comment that may have been accepted just now.
    pub appear_within: Duration,
    /// How submissions are gathered into messages.
    pub group: GroupLimits,
}

impl Default for IngestOptions {
    fn default() -> Self {
        Self {
            // As many as the group publisher lets wait: more could only queue up behind it. What waits
            // takes 1 GiB with the largest messages, 4 MiB with usual ones (1 KiB).
            max_in_flight: 4096,
            max_streams: 256,
            // Four messages of 256: enough to keep the two that are in flight full.
            stream_in_flight: 1024,
            store_budget: Duration::from_millis(50),
            appear_within: Duration::from_secs(1),
            group: GroupLimits::default(),
        }
    }
}

/// The service, ready to be added to a gRPC server. Call it within a runtime: it starts the task
/// that publishes.
pub fn service(deps: IngestDeps) -> Oversize<IngestServiceServer<Ingest>> {
    let server = IngestServiceServer::new(Ingest::new(deps))
        .max_decoding_message_size(MAX_MESSAGE_BYTES)
        .accept_compressed(CompressionEncoding::Gzip)
        .send_compressed(CompressionEncoding::Gzip);
    OversizeLayer.layer(server)
}
