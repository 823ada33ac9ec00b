//! What waits, told to moderators who asked for it.
//!
//! A digest has one mail for each person, site and hour (or day): its id is derived from them, so it
//! does not matter how often, or by how many processes, is looked. Its links lead to pages behind the
//! sign-in; nothing is decided by following one.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use moderato_domain::{SiteId, Timestamp};
use moderato_store::{Directory, Mail, QueueCount, Store, StoreError, UrgentItem};

use crate::words;

/// How often is looked.
const LOOK_EVERY: Duration = Duration::from_mins(1);

/// People read at once.
const BATCH: u32 = 200;

/// Urgent items that a digest has links to; the count says how many there are.
const URGENT_LISTED: u32 = 10;

/// What waits on a site.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) counts: Vec<QueueCount>,
    /// The first of those that should not wait.
    pub(crate) urgent: Vec<UrgentItem>,
}

impl Waiting {
    pub(crate) fn total(&self) -> u64 {
        self.counts.iter().map(|count| count.waiting).sum()
    }
}

/// Writes digests.
#[derive(Debug)]
pub(crate) struct Digests {
    store: Arc<dyn Store>,
    directory: Arc<Directory>,
    public_url: String,
    looked: Option<Timestamp>,
}

impl Digests {
    pub(crate) fn new(store: Arc<dyn Store>, directory: Arc<Directory>, public_url: String) -> Self {
        Self { store, directory, public_url, looked: None }
    }

    /// Puts the digests that are due into the outbox.
    pub(crate) async fn write(&mut self, now: Timestamp) -> Result<(), StoreError> {
        if self.looked.is_some_and(|looked| now.since(looked) < LOOK_EVERY) {
            return Ok(());
        }
        let mut waiting: HashMap<SiteId, Waiting> = HashMap::new();
        let mut after = None;
        loop {
            let people = self.store.people(None, after.as_ref(), BATCH).await?;
            let mut mails: Vec<Mail> = Vec::new();
            for user in people.iter().map(|account| &account.user) {
                let Some(period) = user.preferences.digest.period() else { continue };
                if user.disable_time.is_some() {
                    continue;
                }
                for site in user.memberships.keys().filter_map(|site| self.directory.site(site)) {
                    if !waiting.contains_key(&site.id) {
                        waiting.insert(site.id.clone(), self.waiting(&site.id).await?);
                    }
                    if let Some(waiting) = waiting.get(&site.id).filter(|waiting| waiting.total() > 0) {
                        mails.push(words::digest(&site, user, period, waiting, &self.public_url, now));
                    }
                }
            }
            if !mails.is_empty() {
                self.store.post(&mails).await?;
            }
            match people.last() {
                Some(last) if people.len() == BATCH as usize => after = Some(last.user.mail.clone()),
                _ => break,
            }
        }
        self.looked = Some(now);
        Ok(())
    }

    async fn waiting(&self, site: &SiteId) -> Result<Waiting, StoreError> {
        let counts = self.store.queue_counts(site).await?;
        let urgent = self.store.urgent_items(site, None, URGENT_LISTED).await?;
        Ok(Waiting { counts, urgent })
    }
}
