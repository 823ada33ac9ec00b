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

use crate::PostgresStore;
use crate::error::in_time;

#[async_trait]
impl Accounts for PostgresStore {
    async fn has_people(&self) -> Result<bool, StoreError> {
        in_time(people::has_people(&self.pool)).await
    }

    async fn account(&self, key: &AccountKey) -> Result<Option<Account>, StoreError> {
        in_time(people::account(&self.pool, key)).await
    }

    async fn people(
        &self,
        site: Option<&SiteId>,
        after: Option<&Email>,
        limit: u32,
    ) -> Result<Vec<Account>, StoreError> {
        in_time(people::people(&self.pool, site, after, limit)).await
    }

    async fn add_user(&self, user: &User, entry: &AuditEntry) -> Result<bool, StoreError> {
        in_time(people::add_user(&self.pool, user, entry)).await
    }

    async fn change_user(
        &self,
        user: UserId,
        change: &UserChange,
        keep: Option<&SecretHash>,
        entry: Option<&AuditEntry>,
    ) -> Result<Changed, StoreError> {
        in_time(people::change_user(&self.pool, user, change, keep, entry)).await
    }

    async fn begin_session(
        &self,
        session: &Session,
        replaces: Option<&SecretHash>,
        entry: &AuditEntry,
    ) -> Result<(), StoreError> {
        in_time(sessions::begin_session(&self.pool, session, replaces, entry)).await
    }

    async fn session(&self, id: &SecretHash, now: Timestamp) -> Result<Option<(Session, User)>, StoreError> {
        in_time(sessions::session(&self.pool, id, now)).await
    }

    async fn touch_session(
        &self,
        id: &SecretHash,
        now: Timestamp,
        idle_end: Timestamp,
    ) -> Result<(), StoreError> {
        in_time(sessions::touch_session(&self.pool, id, now, idle_end)).await
    }

    async fn sessions(&self, user: UserId, now: Timestamp) -> Result<Vec<Session>, StoreError> {
        in_time(sessions::sessions(&self.pool, user, now)).await
    }

    async fn end_sessions(
        &self,
        user: UserId,
        which: EndSessions,
        entry: &AuditEntry,
    ) -> Result<u64, StoreError> {
        in_time(sessions::end_sessions(&self.pool, user, which, entry)).await
    }

    async fn put_link(&self, link: &OneTimeLink, entry: &AuditEntry) -> Result<(), StoreError> {
        in_time(links::put_link(&self.pool, link, entry)).await
    }

    async fn link(&self, token: &SecretHash, now: Timestamp) -> Result<Option<OneTimeLink>, StoreError> {
        in_time(links::link(&self.pool, token, now)).await
    }

    async fn use_link(
        &self,
        token: &SecretHash,
        link_use: &LinkUse,
        entry: &AuditEntry,
    ) -> Result<Option<UserId>, StoreError> {
        in_time(links::use_link(&self.pool, token, link_use, entry)).await
    }

    async fn attempt(&self, limits: &[AttemptLimit], now: Timestamp) -> Result<Attempt, StoreError> {
        in_time(attempts::attempt(&self.pool, limits, now)).await
    }

    async fn forgive_attempt(
        &self,
        cleared: &[u8; 32],
        eased: &[u8; 32],
        attempted: Timestamp,
    ) -> Result<(), StoreError> {
        in_time(attempts::forgive_attempt(&self.pool, cleared, eased, attempted)).await
    }

    async fn forget_ended(&self, now: Timestamp) -> Result<u64, StoreError> {
        in_time(attempts::forget_ended(&self.pool, now)).await
    }
}
