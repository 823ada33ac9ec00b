//! Sites and keys, held in memory and served stale while the store is away, so that ingest needs
//! nothing but the queue.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::RwLock;
use std::time::Duration;

use moderato_domain::{AuthorKey, SanctionFacts, Site, SiteId, Timestamp};

use crate::Tenants;
use crate::types::{ApiKey, ApiKeyId, StoreError};

/// How old a directory may be while the store answers: a revoked key works no longer than this.
pub const REFRESH_EVERY: Duration = Duration::from_secs(2);

/// All sites and keys at one moment.
#[derive(Debug, Clone, Default)]
pub struct DirectorySnapshot {
    /// Changes with every change of sites or keys.
    pub version: i64,
    /// Every site.
    pub sites: HashMap<SiteId, Arc<Site>>,
    /// Every key that is not revoked (it may have expired).
    pub keys: HashMap<ApiKeyId, Arc<ApiKey>>,
    /// Banned and suspended authors, and until when (it may have passed).
    pub sanctions: HashMap<SiteId, HashMap<AuthorKey, Option<Timestamp>>>,
}

impl DirectorySnapshot {
    /// What is in force at `now` against an author.
    pub fn sanction(
        &self,
        site: &SiteId,
        author: Option<&AuthorKey>,
        now: Timestamp,
    ) -> Option<SanctionFacts> {
        let until = *self.sanctions.get(site)?.get(author?)?;
        until.is_none_or(|until| until > now).then_some(SanctionFacts { until })
    }
}

/// The newest snapshot this process has seen.
#[derive(Debug, Default)]
pub struct Directory {
    // Read on every call, replaced every few seconds at most: the lock is held for one Arc clone.
    snapshot: RwLock<Arc<DirectorySnapshot>>,
}

impl Directory {
    /// A directory that is filled from the store, which must answer.
    pub async fn load(store: &dyn Tenants) -> Result<Self, StoreError> {
        let directory = Self::default();
        if let Some(snapshot) = store.directory(None).await? {
            directory.replace(snapshot);
        }
        Ok(directory)
    }

    /// The newest snapshot.
    pub fn snapshot(&self) -> Arc<DirectorySnapshot> {
        Arc::clone(&self.snapshot.read().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// A site by id.
    pub fn site(&self, id: &SiteId) -> Option<Arc<Site>> {
        self.snapshot().sites.get(id).cloned()
    }

    /// Asks the store for a newer snapshot once. On an error the old one stays.
    pub async fn refresh(&self, store: &dyn Tenants) -> Result<(), StoreError> {
        let known = self.snapshot().version;
        if let Some(snapshot) = store.directory(Some(known)).await? {
            self.replace(snapshot);
        }
        Ok(())
    }

    fn replace(&self, snapshot: DirectorySnapshot) {
        *self.snapshot.write().unwrap_or_else(std::sync::PoisonError::into_inner) = Arc::new(snapshot);
    }
}
