//! Deliveries for tests, of which it does not matter how they are settled.

use async_trait::async_trait;
use bytes::Bytes;
use moderato_domain::Timestamp;
use moderato_queue::{Delivery, Envelope, QueueError, Settle};
use uuid::Uuid;

struct Nowhere;

#[async_trait]
impl Settle for Nowhere {
    async fn ack(self: Box<Self>) -> Result<(), QueueError> {
        Ok(())
    }
    async fn requeue(self: Box<Self>) -> Result<(), QueueError> {
        Ok(())
    }
}

/// A message of so many submissions, delivered so often before.
pub(crate) fn delivery(number: u128, items: u32, delivery_count: u32) -> Delivery {
    let id = Uuid::from_u128(number);
    let envelope = Envelope::submissions(id, items, Timestamp::from_millis(0), Bytes::new());
    Delivery::new(envelope, delivery_count, Box::new(Nowhere))
}
