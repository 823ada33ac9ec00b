//! What the pages keep in memory.

use std::sync::{Arc, Mutex, PoisonError};

use moderato_domain::RuleSetVersion;
use moderato_engine::Guidelines;
use moderato_store::StoreError;

use super::Web;
use super::events::Rooms;
use super::feed::Feeds;
use super::numbers::Reports;
use super::problem::Problem;
use super::session::SiteDoor;
use super::view::{Frame, Section, base};
use crate::rules::RuleDesk;

/// What handlers share besides [`Web`].
#[derive(Debug)]
pub(crate) struct Held {
    /// Explains verdicts.
    pub(crate) rules: RuleDesk,
    /// Room for live pages.
    pub(crate) rooms: Arc<Rooms>,
    /// What live pages follow.
    pub(crate) feeds: Arc<Feeds>,
    /// Numbers that were counted lately.
    pub(crate) reports: Reports,
    /// Sections of the guidelines in force; they change with the rule set only.
    sections: Mutex<Option<(RuleSetVersion, Vec<Section>)>>,
}

impl Held {
    /// Nothing yet.
    pub(crate) fn new(web: &Web) -> Self {
        Self {
            rules: RuleDesk::new(Arc::clone(&web.store), Arc::clone(&web.clock)),
            rooms: Arc::default(),
            feeds: Feeds::new(Arc::clone(&web.store), web.shutdown.clone()),
            reports: Reports::default(),
            sections: Mutex::default(),
        }
    }

    /// What all parts of a page need to know.
    pub(crate) async fn frame(&self, web: &Web, door: &SiteDoor, back: String) -> Result<Frame, Problem> {
        let user = door.signed_in.user();
        Ok(Frame {
            base: base(&door.site.id),
            csrf: door.signed_in.csrf().to_owned(),
            back,
            sections: self.sections(web).await?,
            me: user.actor(),
            preferences: user.preferences.clone(),
            now: web.clock.now(),
            ids: Arc::clone(&web.ids),
        })
    }

    async fn sections(&self, web: &Web) -> Result<Vec<Section>, StoreError> {
        let Some(version) = web.store.rules_in_force().await?.active else { return Ok(Vec::new()) };
        if let Some((_, sections)) = self.known().as_ref().filter(|(known, _)| *known == version) {
            return Ok(sections.clone());
        }
        let document = web.store.rule_set(&version).await?;
        let guidelines = document.and_then(|document| Guidelines::parse(&document.guidelines).ok());
        let sections = guidelines.as_ref().map(Section::all).unwrap_or_default();
        *self.known() = Some((version, sections.clone()));
        Ok(sections)
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Option<(RuleSetVersion, Vec<Section>)>> {
        self.sections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
