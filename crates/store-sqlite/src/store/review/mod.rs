//! What waits for moderators, and what they make of it.
//!
//! | module | what it holds |
//! |---|---|
//! | `queue` | counts, pages, items |
//! | `cases` | comments read for a change, and put where they wait after it |
//! | `decide`, `undo` | decisions and taking them back |
//! | `claims` | who is looking at what |
//! | `around` | conversation, campaign, author's history |
//! | `records` | decisions as they are kept, notes |
//! | `sanctions`, `filters` | bans; filters under names |

mod around;
pub(crate) mod cases;
mod claims;
mod decide;
mod filters;
mod queue;
mod records;
mod sanctions;
mod undo;

pub(crate) use decide::decision_about;

use async_trait::async_trait;
use moderato_domain::{
    Actor, AuditEntry, AuthorKey, CommentId, CommentName, Decision, DecisionId, SiteId, Timestamp,
};
use moderato_store::{
    AuthorHistory, Claimed, Conversation, DecideError, Decided, DecisionFilter, DecisionPosition,
    DecisionRecord, FilterKept, KeptStanding, Note, QueueCount, QueueFilter, QueueItem, QueuePosition,
    Review, Sanction, SanctionPosition, SavedFilter, StoreError, StoredComment, UndoError,
};

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

    async fn standings(
        &self,
        after: Option<&CommentName>,
        limit: u32,
    ) -> Result<Vec<KeptStanding>, StoreError> {
        cases::standings(&self.database, after, limit).await.map_err(store_error)
    }

    async fn decide(&self, decision: &Decision) -> Result<Vec<Decided>, DecideError> {
        decide::decide(&self.database, decision).await.map_err(store_error)?
    }

    async fn foresee(&self, decision: &Decision) -> Result<Vec<Decided>, DecideError> {
        decide::foresee(&self.database, decision).await.map_err(store_error)?
    }

    async fn campaign(&self, name: &CommentName, limit: u32) -> Result<Vec<StoredComment>, StoreError> {
        around::campaign(&self.database, name, limit).await.map_err(store_error)
    }

    async fn conversation(&self, name: &CommentName) -> Result<Conversation, StoreError> {
        around::conversation(&self.database, name).await.map_err(store_error)
    }

    async fn author_history(
        &self,
        site: &SiteId,
        author: &AuthorKey,
        limit: u32,
        now: Timestamp,
    ) -> Result<AuthorHistory, StoreError> {
        around::author_history(&self.database, site, author, limit, now).await.map_err(store_error)
    }

    async fn undo(
        &self,
        site: &SiteId,
        decision: DecisionId,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Vec<StoredComment>, UndoError> {
        undo::undo(&self.database, site, decision, actor, now).await.map_err(store_error)?
    }

    async fn claim(
        &self,
        site: &SiteId,
        comments: &[CommentId],
        holder: &Actor,
        steal: bool,
        now: Timestamp,
    ) -> Result<Vec<Claimed>, StoreError> {
        claims::claim(&self.database, site, comments, holder, steal, now).await.map_err(store_error)
    }

    async fn release(
        &self,
        site: &SiteId,
        comments: &[CommentId],
        holder: &Actor,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        claims::release(&self.database, site, comments, holder, now).await.map_err(store_error)
    }

    async fn decisions(
        &self,
        site: &SiteId,
        filter: &DecisionFilter,
        after: Option<&DecisionPosition>,
        limit: u32,
    ) -> Result<Vec<DecisionRecord>, StoreError> {
        records::newest_first(&self.database, site, filter, after, limit).await.map_err(store_error)
    }

    async fn decision(&self, site: &SiteId, id: DecisionId) -> Result<Vec<DecisionRecord>, StoreError> {
        records::one(&self.database, site, id).await.map_err(store_error)
    }

    async fn newest_decisions(
        &self,
        site: &SiteId,
        comments: &[CommentId],
    ) -> Result<Vec<DecisionRecord>, StoreError> {
        records::newest(&self.database, site, comments).await.map_err(store_error)
    }

    async fn add_note(&self, note: &Note) -> Result<bool, StoreError> {
        records::add_note(&self.database, note).await.map_err(store_error)
    }

    async fn notes(&self, name: &CommentName) -> Result<Vec<Note>, StoreError> {
        records::notes(&self.database, name).await.map_err(store_error)
    }

    async fn put_sanction(&self, site: &SiteId, sanction: &Sanction) -> Result<(), StoreError> {
        sanctions::put(&self.database, site, sanction).await.map_err(store_error)
    }

    async fn lift_sanction(
        &self,
        site: &SiteId,
        author: &AuthorKey,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        sanctions::lift(&self.database, site, author, actor, now).await.map_err(store_error)
    }

    async fn sanctions(
        &self,
        site: &SiteId,
        now: Timestamp,
        after: Option<&SanctionPosition>,
        limit: u32,
    ) -> Result<Vec<Sanction>, StoreError> {
        sanctions::in_force(&self.database, site, now, after, limit).await.map_err(store_error)
    }

    async fn put_filter(
        &self,
        site: &SiteId,
        filter: &SavedFilter,
        entry: &AuditEntry,
    ) -> Result<FilterKept, StoreError> {
        filters::put(&self.database, site, filter, entry).await.map_err(store_error)
    }

    async fn drop_filter(
        &self,
        site: &SiteId,
        id: &str,
        owner: &str,
        entry: &AuditEntry,
    ) -> Result<bool, StoreError> {
        filters::drop(&self.database, site, id, owner, entry).await.map_err(store_error)
    }

    async fn filters(&self, site: &SiteId, owner: &str) -> Result<Vec<SavedFilter>, StoreError> {
        filters::of(&self.database, site, owner).await.map_err(store_error)
    }
}
