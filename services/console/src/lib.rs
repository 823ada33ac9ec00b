//! The console role: where moderators resolve what was flagged and people change rule sets.
//!
//! | module | what it does |
//! |---|---|
//! | [`people`] | who may sign in |
//! | [`rules`] | rule sets: changed, tried, explained |
//! | [`review`] | what waits, decided by tools of moderators |
//! | [`web`] | the moderators' pages |

pub mod people;
pub mod review;
pub mod rules;
pub mod web;

use std::sync::Arc;

use moderato_access::{Oversize, OversizeLayer};
use moderato_api::pb::review::review_service_server::ReviewServiceServer;
use moderato_api::pb::rules::rule_set_service_server::RuleSetServiceServer;
use moderato_domain::Clock;
use moderato_runtime::shutdown::Shutdown;
use moderato_store::{Directory, Store};
use tonic::codec::CompressionEncoding;
use tower::Layer as _;

pub use people::{Invitation, PeopleDesk, PeopleError};
pub use review::ReviewDesk;
pub use rules::{Change, Console, DeskError, Draft, Mistake, RuleDesk, Unfit};

/// Largest message, in bytes: a rule-set document of 4 MiB with its guidelines.
const MAX_MESSAGE_BYTES: usize = 5 * 1024 * 1024;

/// What the role needs from its process.
#[derive(Debug, Clone)]
pub struct ConsoleDeps {
    /// Rule sets and what they did.
    pub store: Arc<dyn Store>,
    /// Sites and keys; somebody else keeps it fresh.
    pub directory: Arc<Directory>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Ends backtests.
    pub shutdown: Shutdown,
}

/// The service that changes rule sets, ready for a server.
pub fn rule_sets(deps: ConsoleDeps) -> Oversize<RuleSetServiceServer<Console>> {
    let server = RuleSetServiceServer::new(Console::new(deps))
        .max_decoding_message_size(MAX_MESSAGE_BYTES)
        .accept_compressed(CompressionEncoding::Gzip)
        .send_compressed(CompressionEncoding::Gzip);
    OversizeLayer.layer(server)
}

/// The service of what waits, ready for a server.
pub fn reviews(deps: ConsoleDeps) -> Oversize<ReviewServiceServer<ReviewDesk>> {
    let server = ReviewServiceServer::new(ReviewDesk::new(deps))
        .max_decoding_message_size(MAX_MESSAGE_BYTES)
        .accept_compressed(CompressionEncoding::Gzip)
        .send_compressed(CompressionEncoding::Gzip);
    OversizeLayer.layer(server)
}
