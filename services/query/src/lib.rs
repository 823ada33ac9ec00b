//! The query role: serves comments, verdicts and events.
