//! The rule sets in use, swapped while comments are being judged.

use std::sync::{Arc, PoisonError, RwLock};

use crate::CompiledRuleSet;

/// Holds the compiled rule set in force, and the one that is tried beside it. A judgement that has
/// begun ends with the rules it began with.
#[derive(Debug)]
pub struct ActiveRules {
    // Read once per batch, replaced on activation: the locks are held for one Arc clone.
    current: RwLock<Arc<CompiledRuleSet>>,
    shadow: RwLock<Option<Arc<CompiledRuleSet>>>,
}

impl ActiveRules {
    /// Begins with a rule set, and nothing beside it.
    pub fn new(rules: Arc<CompiledRuleSet>) -> Self {
        Self { current: RwLock::new(rules), shadow: RwLock::new(None) }
    }

    /// The rule set in force.
    pub fn current(&self) -> Arc<CompiledRuleSet> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts another rule set in force.
    pub fn replace(&self, rules: Arc<CompiledRuleSet>) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = rules;
    }

    /// The rule set that is tried beside it, if any. It decides nothing.
    pub fn shadow(&self) -> Option<Arc<CompiledRuleSet>> {
        self.shadow.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Tries another rule set beside the one in force, or none.
    pub fn replace_shadow(&self, rules: Option<Arc<CompiledRuleSet>>) {
        *self.shadow.write().unwrap_or_else(PoisonError::into_inner) = rules;
    }
}
