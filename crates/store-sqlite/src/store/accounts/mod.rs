//! People, their sessions, links and attempts to sign in.
//!
//! | module | what it holds |
//! |---|---|
//! | `people` | people: found, added, changed |
//! | `sessions` | browsers in which people are signed in |
//! | `links` | links that work once |
//! | `attempts` | attempts to sign in, and forgetting what has ended |

mod attempts;
mod links;
mod people;
mod sessions;

use async_trait::async_trait;
use moderato_domain::{AuditEntry, Email, SiteId, Timestamp, User, UserId};
use moderato_store::{
    Account, AccountKey, Accounts, Attempt, AttemptLimit, Changed, EndSessions, LinkUse, OneTimeLink,
    SecretHash, Session, StoreError, UserChange,
};

use super::SqliteStore;
use crate::error::store_error;

#[async_trait]
impl Accounts for SqliteStore {
    async fn has_people(&self) -> Result<bool, StoreError> {
        people::has_people(&self.database).await.map_err(store_error)
    }

    async fn account(&self, key: &AccountKey) -> Result<Option<Account>, StoreError> {
        people::account(&self.database, key).await.map_err(store_error)
    }

    async fn people(
        &self,
        site: Option<&SiteId>,
        after: Option<&Email>,
        limit: u32,
    ) -> Result<Vec<Account>, StoreError> {
        people::people(&self.database, site, after, limit).await.map_err(store_error)
    }

    async fn add_user(&self, user: &User, entry: &AuditEntry) -> Result<bool, StoreError> {
        people::add_user(&self.database, user, entry).await.map_err(store_error)
    }

    async fn change_user(
        &self,
        user: UserId,
        change: &UserChange,
        keep: Option<&SecretHash>,
        entry: Option<&AuditEntry>,
    ) -> Result<Changed, StoreError> {
        people::change_user(&self.database, user, change, keep, entry).await.map_err(store_error)
    }

    async fn begin_session(
        &self,
        session: &Session,
        replaces: Option<&SecretHash>,
        entry: &AuditEntry,
    ) -> Result<(), StoreError> {
        sessions::begin_session(&self.database, session, replaces, entry).await.map_err(store_error)
    }

    async fn session(&self, id: &SecretHash, now: Timestamp) -> Result<Option<(Session, User)>, StoreError> {
        sessions::session(&self.database, id, now).await.map_err(store_error)
    }

    async fn touch_session(
        &self,
        id: &SecretHash,
        now: Timestamp,
        idle_end: Timestamp,
    ) -> Result<(), StoreError> {
        sessions::touch_session(&self.database, id, now, idle_end).await.map_err(store_error)
    }

    async fn sessions(&self, user: UserId, now: Timestamp) -> Result<Vec<Session>, StoreError> {
        sessions::sessions(&self.database, user, now).await.map_err(store_error)
    }

    async fn end_sessions(
        &self,
        user: UserId,
        which: EndSessions,
        entry: &AuditEntry,
    ) -> Result<u64, StoreError> {
        sessions::end_sessions(&self.database, user, which, entry).await.map_err(store_error)
    }

    async fn put_link(&self, link: &OneTimeLink, entry: &AuditEntry) -> Result<(), StoreError> {
        links::put_link(&self.database, link, entry).await.map_err(store_error)
    }

    async fn link(&self, token: &SecretHash, now: Timestamp) -> Result<Option<OneTimeLink>, StoreError> {
        links::link(&self.database, token, now).await.map_err(store_error)
    }

    async fn use_link(
        &self,
        token: &SecretHash,
        link_use: &LinkUse,
        entry: &AuditEntry,
    ) -> Result<Option<UserId>, StoreError> {
        links::use_link(&self.database, token, link_use, entry).await.map_err(store_error)
    }

    async fn attempt(&self, limits: &[AttemptLimit], now: Timestamp) -> Result<Attempt, StoreError> {
        attempts::attempt(&self.database, limits, now).await.map_err(store_error)
    }

    async fn forgive_attempt(
        &self,
        cleared: &[u8; 32],
        eased: &[u8; 32],
        attempted: Timestamp,
    ) -> Result<(), StoreError> {
        attempts::forgive_attempt(&self.database, cleared, eased, attempted).await.map_err(store_error)
    }

    async fn forget_ended(&self, now: Timestamp) -> Result<u64, StoreError> {
        attempts::forget_ended(&self.database, now).await.map_err(store_error)
    }
}
