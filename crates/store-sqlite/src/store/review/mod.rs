//! What waits for moderators, and what they make of it.
//!
//! | module | what it holds |
//! |---|---|
//! | `queue` | counts, pages, items |
//! | `cases` | comments read for a change, and put where they wait after it |
//! | `decide` | decisions |

pub(crate) mod cases;
mod decide;
mod queue;

pub(crate) use decide::{decision_about, due};

use async_trait::async_trait;
use moderato_domain::{CommentId, Decision, SiteId, Timestamp};
use moderato_store::{Decided, QueueCount, QueueFilter, QueueItem, QueuePosition, Review, StoreError};

use super::SqliteStore;
use crate::error::store_error;

#[async_trait]
impl Review for SqliteStore {
    async fn queue_counts(&self, site: &SiteId) -> Result<Vec<QueueCount>, StoreError> {
        queue::counts(&self.database, site).await.map_err(store_error)
    }

    async fn count_queue(&self, site: &SiteId, filter: &QueueFilter) -> Result<u64, StoreError> {
        queue::count(&self.database, site, filter).await.map_err(store_error)
    }

    async fn queue_page(
        &self,
        site: &SiteId,
        filter: &QueueFilter,
        after: Option<&QueuePosition>,
        limit: u32,
        now: Timestamp,
    ) -> Result<Vec<QueueItem>, StoreError> {
        queue::page(&self.database, site, filter, after, limit, now).await.map_err(store_error)
    }

    async fn queue_items(
        &self,
        site: &SiteId,
        comments: &[CommentId],
        now: Timestamp,
    ) -> Result<Vec<QueueItem>, StoreError> {
        queue::items(&self.database, site, comments, now).await.map_err(store_error)
    }

    async fn decide(&self, decision: &Decision) -> Result<Vec<Decided>, StoreError> {
        decide::decide(&self.database, decision).await.map_err(store_error)?
    }
}
