//! The rule set in force, swapped while comments are being judged.

use std::sync::{Arc, PoisonError, RwLock};

use crate::CompiledRuleSet;

/// Holds the compiled rule set in force. A judgement that has begun ends with the rules it began
/// with.
#[derive(Debug)]
pub struct ActiveRules {
    // Read once per batch, replaced on activation: the lock is held for one Arc clone.
    current: RwLock<Arc<CompiledRuleSet>>,
}

impl ActiveRules {
    /// Begins with a rule set.
    pub fn new(rules: CompiledRuleSet) -> Self {
        Self { current: RwLock::new(Arc::new(rules)) }
    }

    /// The rule set in force.
    pub fn current(&self) -> Arc<CompiledRuleSet> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts another rule set in force.
    pub fn replace(&self, rules: CompiledRuleSet) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(rules);
    }
}
