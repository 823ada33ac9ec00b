//! What every backend carries: a body nobody here looks into, and what is needed to route it.

use bytes::Bytes;
use moderato_domain::Timestamp;
use uuid::Uuid;

/// The `type` of messages whose body is `moderato.internal.v1.Submissions`.
pub const KIND_SUBMISSIONS: &str = "moderato.submissions";

/// The newest body schema that this release writes and reads.
pub const SCHEMA: u32 = 1;

/// Longest reason kept with a message, in bytes: it travels in an AMQP header (frame limit 128 KiB).
const MAX_REASON: usize = 1024;

/// A message. Kind and schema are whatever the queue holds: the worker decides what it can read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// Identity of the message. For one submission: its submission uid.
    pub message_id: Uuid,
    /// What the body is, such as [`KIND_SUBMISSIONS`].
    pub kind: String,
    /// Version of the body's schema.
    pub schema: u32,
    /// Submissions in the body.
    pub items: u32,
    /// When the oldest submission in it was accepted; kept across retries.
    pub first_accept: Timestamp,
    /// How often it was retried with a delay.
    pub attempt: u32,
    /// Why it was retried or given up last.
    pub last_error: Option<String>,
    /// The first submission's request id, for correlation across logs.
    pub correlation_id: Option<String>,
    /// W3C `traceparent` of the request that published it.
    pub traceparent: Option<String>,
    /// The encoded submissions.
    pub body: Bytes,
}

impl Envelope {
    /// A message of encoded `moderato.internal.v1.Submissions`.
    pub fn submissions(message_id: Uuid, items: u32, first_accept: Timestamp, body: Bytes) -> Self {
        Self {
            message_id,
            kind: KIND_SUBMISSIONS.to_owned(),
            schema: SCHEMA,
            items,
            first_accept,
            attempt: 0,
            last_error: None,
            correlation_id: None,
            traceparent: None,
            body,
        }
    }

    /// The same message, one attempt later.
    #[must_use]
    pub fn for_retry(&self, why: &str) -> Self {
        Self { attempt: self.attempt + 1, ..self.for_dead_letter(why) }
    }

    /// The same message with the reason why it was given up.
    #[must_use]
    pub fn for_dead_letter(&self, why: &str) -> Self {
        let mut end = why.len().min(MAX_REASON);
        while !why.is_char_boundary(end) {
            end -= 1;
        }
        Self { last_error: Some(why[..end].to_owned()), ..self.clone() }
    }

    /// The same message, fresh, as a redrive queues it.
    #[must_use]
    pub fn for_redrive(&self) -> Self {
        Self { attempt: 0, last_error: None, ..self.clone() }
    }
}
