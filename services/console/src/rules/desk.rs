//! Changing which rule sets are in use. What does not compile or fails its own tests never gets in.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use moderato_domain::{Clock, RuleSetVersion};
use moderato_store::{Slot, Store, StoreError};
use tokio::sync::Semaphore;

use crate::rules::draft::{Draft, Unfit};

/// Compilations and test runs of one desk at a time: each keeps a core busy for up to a second or two.
const COMPUTING_AT_ONCE: usize = 2;

/// Stored versions that are kept compiled: the one in force and the one that is looked at. A large
/// one takes tens of megabytes.
const KEPT_COMPILED: usize = 2;

/// Where rule sets are stored, put into use and taken back: by the service and by the operators'
/// command line alike.
#[derive(Debug, Clone)]
pub struct RuleDesk {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    computing: Arc<Semaphore>,
    /// The most recently used last.
    compiled: Arc<Mutex<VecDeque<Draft>>>,
}

/// Why nothing changed.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// The rule set is not fit for use.
    #[error(transparent)]
    Unfit(#[from] Unfit),
    /// No such version.
    #[error("there is no rule set {0}")]
    Unknown(RuleSetVersion),
    /// Nothing to roll back to.
    #[error("no other rule set was in force before this one")]
    NothingBefore,
    /// The engine fails on this very rule set or comment, as it did when a worker judged it.
    #[error("this cannot be done because of a fault in the engine")]
    EngineFault,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What became of a wish to use a rule set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What the slot holds now.
    pub version: RuleSetVersion,
    /// What it held before; the same if nothing changed.
    pub before: Option<RuleSetVersion>,
}

impl Change {
    /// Whether anything changed.
    pub fn changed(&self) -> bool {
        self.before.as_ref() != Some(&self.version)
    }
}

impl RuleDesk {
    /// A desk at this store.
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        let computing = Arc::new(Semaphore::new(COMPUTING_AT_ONCE));
        Self { store, clock, computing, compiled: Arc::default() }
    }

    /// The store.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// The clock.
    pub fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// Compiles documents, away from the threads that serve.
    pub async fn compile(&self, document: String, guidelines: String) -> Result<Draft, DeskError> {
        let now = self.clock.now();
        Ok(self.compute(move || Draft::compile(&document, &guidelines, now)).await??)
    }

    /// Stores a rule set that compiles. Its tests may fail: it is not in use yet.
    pub async fn create(&self, draft: &Draft) -> Result<(), DeskError> {
        Ok(self.store.put_rule_set(&draft.document).await?)
    }

    /// A stored rule set, compiled.
    pub async fn stored(&self, version: &RuleSetVersion) -> Result<Draft, DeskError> {
        if let Some(draft) = self.kept(version) {
            return Ok(draft);
        }
        let document = self.store.rule_set(version).await?;
        let document = document.ok_or_else(|| DeskError::Unknown(version.clone()))?;
        let draft = self.compute(move || Draft::of_stored(document)).await??;
        self.keep(draft.clone());
        Ok(draft)
    }

    /// A version that is kept compiled; it is the most recently used one then.
    fn kept(&self, version: &RuleSetVersion) -> Option<Draft> {
        let mut compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        let place = compiled.iter().position(|draft| draft.document.version == *version)?;
        let draft = compiled.remove(place)?;
        compiled.push_back(draft.clone());
        Some(draft)
    }

    fn keep(&self, draft: Draft) {
        let mut compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        compiled.push_back(draft);
        if compiled.len() > KEPT_COMPILED {
            compiled.pop_front();
        }
    }

    /// The rule set in force, compiled.
    pub async fn active(&self) -> Result<Draft, DeskError> {
        let version = self.store.rules_in_force().await?.active.ok_or(DeskError::NothingBefore)?;
        self.stored(&version).await
    }

    /// Runs a rule set's own tests: how many there are.
    pub async fn test(&self, draft: Draft) -> Result<usize, DeskError> {
        let now = self.clock.now();
        Ok(self.compute(move || draft.test(now)).await??)
    }

    /// A stored rule set that compiles and passes its own tests.
    pub async fn fit(&self, version: &RuleSetVersion) -> Result<Draft, DeskError> {
        let draft = self.stored(version).await?;
        let now = self.clock.now();
        Ok(self.compute(move || draft.test(now).map(|_| draft)).await??)
    }

    /// Puts a stored version into a slot if it compiles and passes its own tests.
    pub async fn activate(&self, slot: Slot, version: &RuleSetVersion) -> Result<Change, DeskError> {
        self.fit(version).await?;
        let in_force = self.store.rules_in_force().await?;
        let before = match slot {
            Slot::Active => in_force.active,
            Slot::Shadow => in_force.shadow,
        };
        self.store.activate_rule_set(slot, version, self.clock.now()).await?;
        Ok(Change { version: version.clone(), before })
    }

    /// Puts the version in force that was so before the current one. Doing it twice is doing it not
    /// at all.
    pub async fn roll_back(&self) -> Result<Change, DeskError> {
        let mut history = self.store.activations(Slot::Active, 2).await?;
        let before = history.pop().filter(|_| !history.is_empty()).and_then(|earlier| earlier.version);
        self.activate(Slot::Active, &before.ok_or(DeskError::NothingBefore)?).await
    }

    /// Runs what computes for long when it is its turn.
    async fn compute<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, DeskError> {
        // The semaphore is never closed; without a turn it would only be less fair.
        let _turn = self.computing.acquire().await.ok();
        blocking(work).await
    }

    /// Stops trying a rule set; its statistics stay. Which one it was.
    pub async fn end_shadow(&self) -> Result<Option<RuleSetVersion>, DeskError> {
        let shadow = self.store.rules_in_force().await?.shadow;
        self.store.end_shadow(self.clock.now()).await?;
        Ok(shadow)
    }
}

/// Runs what computes for long where it holds up nobody.
///
/// # Errors
/// It panicked.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, DeskError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| DeskError::EngineFault)
}
