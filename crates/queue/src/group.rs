//! Group publish, like a database's group commit.
use crate::{PublishError, Queue};
use std::sync::Arc;
use bytes::Bytes;
use moderato_domain::Timestamp;
use uuid::Uuid;

/// How much one message may hold.
#[derive(Debug, Clone, Copy)]
pub struct GroupLimits {
    /// Submissions in one message.
    pub items: usize,
    /// Bytes of one message.
    pub bytes: usize,
    /// Messages in flight at once.
    pub in_flight: usize,
    /// Submissions waiting for their turn.
    pub waiting: usize,
}

impl Default for GroupLimits {
    fn default() -> Self {
        Self { items: 64, bytes: 256 * 1024, in_flight: 2, waiting: 4096 }
    }
}

/// One submission, encoded.
#[derive(Debug, Clone)]
pub struct GroupItem {
    /// Its identity.
    pub uid: Uuid,
    /// When it was accepted.
    pub accept_time: Timestamp,
    /// The caller's request id.
    pub request_id: Option<String>,
    /// An encoded `Submissions` of one.
    pub body: Bytes,
}

/// Gathers submissions into messages.
#[derive(Debug, Clone)]
pub struct GroupPublisher;

impl GroupPublisher {
    /// Starts the publisher.
    pub fn start(_queue: Arc<dyn Queue>, _limits: GroupLimits) -> Self { Self }
    /// Durable when it returns `Ok`.
    pub async fn publish(&self, _item: GroupItem) -> Result<(), PublishError> { Err(PublishError::Unavailable) }
}
