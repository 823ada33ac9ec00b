//! What waits for moderators, and what they make of it.
//!
//! | module | what it holds |
//! |---|---|
//! | `queue` | counts, pages, items |
//! | `cases` | comments locked, changed and put where they wait |
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

    async fn standings(
        &self,
        after: Option<&CommentName>,
        limit: u32,
    ) -> Result<Vec<KeptStanding>, StoreError> {
        in_time(cases::standings(&self.pool, after, limit)).await
    }

    async fn decide(&self, decision: &Decision) -> Result<Vec<Decided>, DecideError> {
        in_time(decide::decide(&self.pool, decision)).await?
    }

    async fn foresee(&self, decision: &Decision) -> Result<Vec<Decided>, DecideError> {
        in_time(decide::foresee(&self.pool, decision)).await?
    }

    async fn campaign(&self, name: &CommentName, limit: u32) -> Result<Vec<StoredComment>, StoreError> {
        in_time(around::campaign(&self.pool, name, limit)).await
    }

    async fn conversation(&self, name: &CommentName) -> Result<Conversation, StoreError> {
        in_time(around::conversation(&self.pool, name)).await
    }

    async fn author_history(
        &self,
        site: &SiteId,
        author: &AuthorKey,
        limit: u32,
        now: Timestamp,
    ) -> Result<AuthorHistory, StoreError> {
        in_time(around::author_history(&self.pool, site, author, limit, now)).await
    }

    async fn undo(
        &self,
        site: &SiteId,
        decision: DecisionId,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Vec<StoredComment>, UndoError> {
        in_time(undo::undo(&self.pool, site, decision, actor, now)).await?
    }

    async fn claim(
        &self,
        site: &SiteId,
        comments: &[CommentId],
        holder: &Actor,
        steal: bool,
        now: Timestamp,
    ) -> Result<Vec<Claimed>, StoreError> {
        in_time(claims::claim(&self.pool, site, comments, holder, steal, now)).await
    }

    async fn release(
        &self,
        site: &SiteId,
        comments: &[CommentId],
        holder: &Actor,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        in_time(claims::release(&self.pool, site, comments, holder, now)).await
    }

    async fn decisions(
        &self,
        site: &SiteId,
        filter: &DecisionFilter,
        after: Option<&DecisionPosition>,
        limit: u32,
    ) -> Result<Vec<DecisionRecord>, StoreError> {
        in_time(records::newest_first(&self.pool, site, filter, after, limit)).await
    }

    async fn decision(&self, site: &SiteId, id: DecisionId) -> Result<Vec<DecisionRecord>, StoreError> {
        in_time(records::one(&self.pool, site, id)).await
    }

    async fn newest_decisions(
        &self,
        site: &SiteId,
        comments: &[CommentId],
    ) -> Result<Vec<DecisionRecord>, StoreError> {
        in_time(records::newest(&self.pool, site, comments)).await
    }

    async fn add_note(&self, note: &Note) -> Result<bool, StoreError> {
        in_time(records::add_note(&self.pool, note)).await
    }

    async fn notes(&self, name: &CommentName) -> Result<Vec<Note>, StoreError> {
        in_time(records::notes(&self.pool, name)).await
    }

    async fn put_sanction(&self, site: &SiteId, sanction: &Sanction) -> Result<(), StoreError> {
        in_time(sanctions::put(&self.pool, site, sanction)).await
    }

    async fn lift_sanction(
        &self,
        site: &SiteId,
        author: &AuthorKey,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        in_time(sanctions::lift(&self.pool, site, author, actor, now)).await
    }

    async fn sanctions(
        &self,
        site: &SiteId,
        now: Timestamp,
        after: Option<&SanctionPosition>,
        limit: u32,
    ) -> Result<Vec<Sanction>, StoreError> {
        in_time(sanctions::in_force(&self.pool, site, now, after, limit)).await
    }

    async fn put_filter(
        &self,
        site: &SiteId,
        filter: &SavedFilter,
        entry: &AuditEntry,
    ) -> Result<FilterKept, StoreError> {
        in_time(filters::put(&self.pool, site, filter, entry)).await
    }

    async fn drop_filter(
        &self,
        site: &SiteId,
        id: &str,
        owner: &str,
        entry: &AuditEntry,
    ) -> Result<bool, StoreError> {
        in_time(filters::drop(&self.pool, site, id, owner, entry)).await
    }

    async fn filters(&self, site: &SiteId, owner: &str) -> Result<Vec<SavedFilter>, StoreError> {
        in_time(filters::of(&self.pool, site, owner)).await
    }
}
