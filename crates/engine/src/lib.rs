//! The pure engine: a rule set, a comment and facts give an evaluation.
