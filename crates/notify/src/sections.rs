//! The guidelines that statements cite, as they read when the comment was judged or decided.

use std::collections::HashMap;
use std::sync::Arc;

use moderato_domain::{CitedSection, RuleSetVersion};
use moderato_engine::Guidelines;
use moderato_store::{Store, StoreError};

/// Versions kept in memory: the one in force and a few that comments were still judged by.
const KEPT: usize = 16;

/// Guidelines by the rule set that they belong to.
#[derive(Debug)]
pub(crate) struct Sections {
    store: Arc<dyn Store>,
    known: HashMap<RuleSetVersion, Option<Arc<Guidelines>>>,
}

impl Sections {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self { store, known: HashMap::new() }
    }

    /// The guidelines of a rule set; none if it is not stored.
    pub(crate) async fn of(
        &mut self,
        version: &RuleSetVersion,
    ) -> Result<Option<Arc<Guidelines>>, StoreError> {
        if let Some(known) = self.known.get(version) {
            return Ok(known.clone());
        }
        let document = self.store.rule_set(version).await?;
        let guidelines =
            document.and_then(|document| Guidelines::parse(&document.guidelines).ok()).map(Arc::new);
        if self.known.len() >= KEPT {
            self.known.clear();
        }
        self.known.insert(version.clone(), guidelines.clone());
        Ok(guidelines)
    }
}

/// A section of guidelines that may be missing.
pub(crate) fn cite(guidelines: Option<&Guidelines>, id: &str) -> Option<CitedSection> {
    let section = guidelines?.section(id)?;
    Some(CitedSection { id: section.id.clone(), title: section.title.clone(), text: section.text.clone() })
}
