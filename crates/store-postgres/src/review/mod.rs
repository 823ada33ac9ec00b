//! What waits for moderators, and what they make of it.
//!
//! | module | what it holds |
//! |---|---|
//! | `queue` | counts, pages, items |
//! | `cases` | comments locked, changed and put where they wait |
//! | `decide`, `undo` | decisions and taking them back |

pub(crate) mod cases;
mod decide;
mod queue;

pub(crate) use decide::{decision_about, due};

use async_trait::async_trait;
use moderato_domain::{CommentId, Decision, SiteId, Timestamp};
use moderato_store::{Decided, QueueCount, QueueFilter, QueueItem, QueuePosition, Review, StoreError};

use crate::PostgresStore;
use crate::error::in_time;

#[async_trait]
impl Review for PostgresStore {
    async fn queue_counts(&self, site: &SiteId) -> Result<Vec<QueueCount>, StoreError> {
        in_time(queue::counts(&self.pool, site)).await
    }

    async fn count_queue(&self, site: &SiteId, filter: &QueueFilter) -> Result<u64, StoreError> {
        in_time(queue::count(&self.pool, site, filter)).await
    }

    async fn queue_page(
        &self,
        site: &SiteId,
        filter: &QueueFilter,
        after: Option<&QueuePosition>,
        limit: u32,
        now: Timestamp,
    ) -> Result<Vec<QueueItem>, StoreError> {
        in_time(queue::page(&self.pool, site, filter, after, limit, now)).await
    }

    async fn queue_items(
        &self,
        site: &SiteId,
        comments: &[CommentId],
        now: Timestamp,
    ) -> Result<Vec<QueueItem>, StoreError> {
        in_time(queue::items(&self.pool, site, comments, now)).await
    }

    async fn decide(&self, decision: &Decision) -> Result<Vec<Decided>, StoreError> {
        in_time(decide::decide(&self.pool, decision)).await?
    }
}
