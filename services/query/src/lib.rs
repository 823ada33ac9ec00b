//! The query role: serves comments, verdicts and events. It reads the store and nothing else, so
//! any number of processes can serve it side by side.
//!
//! | module | what it does |
//! |---|---|
//! | `service` | one method per RPC: admit the caller, read the request, answer |
//! | `request` | what a request asks for, or everything that is wrong with it |
//! | `filter` | the filter grammar of `ListComments` |
//! | `page` | keyset pages and their tokens |
//! | `read` | the unary reads |
//! | `present` | events on the wire |
//! | `await_verdict` | waits until a revision has its verdict |
//! | `watch` | follows what happens on a site |
//! | `tail` | the one reader of the event log that wakes them both |
//! | `bells` | who waits for what, without lost wake-ups |
//! | `outage` | a failing store: one answer for callers, few lines in the log |
//!
//! To add an RPC: a line in [`Rpc`] with its permission, a reader in `request`, a method in
//! `service`. A test compares [`Rpc::ALL`] with the contract.

mod await_verdict;
mod bells;
mod filter;
mod outage;
mod page;
mod present;
mod read;
mod request;
mod service;
mod tail;
mod watch;

use std::sync::Arc;

use moderato_access::{Oversize, OversizeLayer};
use moderato_api::pb::query::query_service_server::QueryServiceServer;
use moderato_domain::{Clock, Permission};
use moderato_runtime::metrics::Metrics;
use moderato_runtime::shutdown::Shutdown;
use moderato_store::{Directory, Store};
use tonic::codec::CompressionEncoding;
use tower::Layer as _;

pub use service::Query;

/// What the role needs from its process.
#[derive(Debug)]
pub struct QueryDeps {
    /// Comments, verdicts and events.
    pub store: Arc<dyn Store>,
    /// Sites and keys; somebody else keeps it fresh.
    pub directory: Arc<Directory>,
    /// Tells whether a key has expired.
    pub clock: Arc<dyn Clock>,
    /// Where open streams are counted.
    pub metrics: Arc<Metrics>,
    /// Ends waiting calls and streams.
    pub shutdown: Shutdown,
    /// How authors reach the console role's pages, if that is known.
    pub public_url: Option<String>,
    /// Bounds.
    pub options: QueryOptions,
}

/// Bounds of one process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueryOptions {
    /// Most calls of `AwaitVerdict` at a time; more are refused with `OVERLOADED`.
    pub max_waiters: usize,
    /// Most streams of `WatchEvents` at a time; more are refused with `OVERLOADED`.
    pub max_watchers: usize,
}

impl Default for QueryOptions {
    /// A waiter costs an HTTP/2 stream, an entry in a map and one look into the store every five
    /// seconds: 4,096 of them 800 primary-key reads a second, a twentieth of what PostgreSQL does on
    /// two cores. A watcher of a busy site reads up to a hundred times a second.
    fn default() -> Self {
        Self { max_waiters: 4096, max_watchers: 256 }
    }
}

/// The service, ready for a server, and the event tail behind it, which runs until shutdown. Must be
/// called within a tokio runtime.
pub fn service(deps: QueryDeps) -> Oversize<QueryServiceServer<Query>> {
    let server = QueryServiceServer::new(Query::start(deps))
        .max_decoding_message_size(moderato_api::MAX_MESSAGE_BYTES)
        .accept_compressed(CompressionEncoding::Gzip)
        .send_compressed(CompressionEncoding::Gzip);
    OversizeLayer.layer(server)
}

/// Every RPC of the role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "documented in the contract")]
pub enum Rpc {
    GetComment,
    ListComments,
    ListPublishedComments,
    CountPublishedComments,
    GetVerdict,
    ListVerdicts,
    AwaitVerdict,
    WatchEvents,
}

impl Rpc {
    /// Every RPC, in the order of the contract.
    pub const ALL: [Self; 8] = [
        Self::GetComment,
        Self::ListComments,
        Self::ListPublishedComments,
        Self::CountPublishedComments,
        Self::GetVerdict,
        Self::ListVerdicts,
        Self::AwaitVerdict,
        Self::WatchEvents,
    ];

    /// The permission table: what a key must allow on the site that the request names.
    pub const fn permission(self) -> Permission {
        match self {
            Self::ListPublishedComments | Self::CountPublishedComments => Permission::ReadPublished,
            Self::GetComment
            | Self::ListComments
            | Self::GetVerdict
            | Self::ListVerdicts
            | Self::AwaitVerdict
            | Self::WatchEvents => Permission::ReadAll,
        }
    }

    /// The name in the contract; also the scope of its tokens.
    pub const fn name(self) -> &'static str {
        match self {
            Self::GetComment => "GetComment",
            Self::ListComments => "ListComments",
            Self::ListPublishedComments => "ListPublishedComments",
            Self::CountPublishedComments => "CountPublishedComments",
            Self::GetVerdict => "GetVerdict",
            Self::ListVerdicts => "ListVerdicts",
            Self::AwaitVerdict => "AwaitVerdict",
            Self::WatchEvents => "WatchEvents",
        }
    }
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;

    #[test]
    fn every_rpc_of_the_contract_has_its_line_in_the_permission_table() {
        let files = prost_types::FileDescriptorSet::decode(moderato_api::pb::DESCRIPTORS).unwrap();
        let service =
            files.file.iter().flat_map(|f| &f.service).find(|s| s.name() == "QueryService").unwrap();
        let contract: Vec<&str> =
            service.method.iter().map(prost_types::MethodDescriptorProto::name).collect();
        assert_eq!(contract, Rpc::ALL.map(Rpc::name));
    }
}
