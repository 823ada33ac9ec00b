//! What the engine is told besides the comment itself.

use moderato_domain::{AuthorFacts, Timestamp};

/// What was known before judging. The engine asks nobody: its caller collects the facts.
#[derive(Debug, Clone)]
pub struct Facts {
    /// What the site knows about the author; `None`: never seen, without identity, or not available
    /// (see [`unavailable`](Self::unavailable)).
    pub author: Option<AuthorFacts>,
    /// The time that "within 24 hours" is counted back from.
    pub now: Timestamp,
    /// Facts that should have been there and could not be had, such as `facts.author`. They mark the
    /// evaluation as degraded.
    pub unavailable: Vec<&'static str>,
}

impl Facts {
    /// No facts, and none were to be had: a first comment.
    pub const fn none(now: Timestamp) -> Self {
        Self { author: None, now, unavailable: Vec::new() }
    }
}
