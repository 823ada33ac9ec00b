//! What should not wait, told at once to moderators who asked for it: somebody may be in danger, or a
//! colleague passed something on.
//!
//! A person is told of an item once. Who was told of what stands in the store, so it does not matter how
//! often, or by how many processes, is looked. In an hour in which much happens the last mail says how much
//! more waits, and what comes after it waits for the next hour's first mail. Like all mails these quote no
//! comment, and their links lead to pages behind the sign-in; nothing is decided by following one.

use std::sync::Arc;
use std::time::Duration;

use moderato_domain::{Permission, Site, Timestamp, User};
use moderato_store::{Directory, Store, StoreError};

use crate::words;

/// How often is looked: soon enough for somebody in danger, seldom enough for a store with many sites.
const LOOK_EVERY: Duration = Duration::from_secs(15);

/// Mails about urgent items to one person in an hour. The settings page names the number.
const MAILS_AN_HOUR: u32 = 6;

/// Items that one mail is about, at most. Far more than wait in a bad hour; what is beyond is told of in
/// the next mail.
const ITEMS_OF_A_MAIL: u32 = 200;

/// People read at once.
const BATCH: u32 = 200;

/// Writes mails about what is urgent.
#[derive(Debug)]
pub(crate) struct Urgent {
    store: Arc<dyn Store>,
    directory: Arc<Directory>,
    public_url: String,
    looked: Option<Timestamp>,
}

impl Urgent {
    pub(crate) fn new(store: Arc<dyn Store>, directory: Arc<Directory>, public_url: String) -> Self {
        Self { store, directory, public_url, looked: None }
    }

    /// Puts the mails that are due into the outbox.
    pub(crate) async fn write(&mut self, now: Timestamp) -> Result<(), StoreError> {
        if self.looked.is_some_and(|looked| now.since(looked) < LOOK_EVERY) {
            return Ok(());
        }
        let mut after = None;
        loop {
            let people = self.store.people(None, after.as_ref(), BATCH).await?;
            for user in people.iter().map(|account| &account.user) {
                if user.preferences.urgent && user.disable_time.is_none() {
                    self.tell(user, now).await?;
                }
            }
            match people.last() {
                Some(last) if people.len() == BATCH as usize => after = Some(last.user.mail.clone()),
                _ => break,
            }
        }
        self.looked = Some(now);
        Ok(())
    }

    async fn tell(&self, user: &User, now: Timestamp) -> Result<(), StoreError> {
        let sites = user.memberships.keys().filter(|site| user.may(site, Permission::Decide));
        for site in sites.filter_map(|site| self.directory.site(site)) {
            self.tell_of(&site, user, now).await?;
        }
        Ok(())
    }

    async fn tell_of(&self, site: &Site, user: &User, now: Timestamp) -> Result<(), StoreError> {
        let items = self.store.urgent_items(&site.id, Some(user.id), ITEMS_OF_A_MAIL).await?;
        if items.is_empty() {
            return Ok(());
        }
        if self.store.urgent_mails(user.id, now.minus(Duration::from_hours(1))).await? >= MAILS_AN_HOUR {
            return Ok(());
        }
        let mail = words::urgent(site, user, &items, &self.public_url, now);
        // If another process was faster, it told of them, and the next look tells of the rest.
        self.store.tell_urgent(user.id, &site.id, &items, &mail).await.map(|_| ())
    }
}
