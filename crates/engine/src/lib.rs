//! The pure engine: a rule set, a comment and facts give an evaluation.
//!
//! ```text
//! comment ─▶ views ─▶ signals ─▶ rules ─▶ action
//!            text/    analyzers/  rules/   pipeline.rs
//! ```
//! No I/O, no clock, no threads: what is not in the arguments does not matter, so a stored verdict
//! can be replayed. Start reading at [`evaluate`].
//!
//! # How to extend it
//! - **A rule, a word, a threshold**: edit a rule-set document; no code. [`STARTER_RULES`] shows every
//!   feature of the format, [`language`] explains it, [`schema`] lists the fields that conditions can use.
//! - **A field**: an entry in `rules/schema.rs`, set by the analyzer whose concern it is. A test says how
//!   to renew the reference, `FIELDS.md`.
//! - **An analyzer**: a file in `analyzers/`, and a line in `pipeline.rs`. It gets the comment's views
//!   and says *what is there*; whether that is bad is for rules to say.
//! - **A way to dodge word lists**: `text/`. Whatever a view changes, its byte map must still lead
//!   back to the original: the property tests in `text/mod.rs` hold it to that.
//!
//! # What it promises
//! - Equal arguments give equal evaluations.
//! - Work is linear in the length of the text, whatever the text; no pattern backtracks.
//! - Every span lies on character boundaries of the original text of its field.
//! - A document that compiles cannot fail to evaluate.

mod active;
mod analyzers;
mod bits;
mod error;
mod explain;
mod facts;
mod guidelines;
pub mod importers;
mod pipeline;
mod presets;
mod rules;
mod text;

/// The rule-set document and the conditions in it.
#[doc = include_str!("../LANGUAGE.md")]
pub mod language {}

pub use active::ActiveRules;
pub use analyzers::addresses::listed_addresses;
pub use error::{RuleSetError, RuleSetErrors, RuleSetProblem};
pub use explain::explain;
pub use facts::sketch;
pub use guidelines::{Guidelines, GuidelinesError, Section};
pub use moderato_domain::Facts;
pub use pipeline::{engine_error, evaluate};
pub use presets::{PRESETS, Preset};
pub use rules::CompiledRuleSet;
pub use rules::examples::{TestFailure, TestRun};
pub use rules::files::attach_files;
pub use rules::schema::{Cost, FieldDoc, FieldKind, field_reference, schema};
pub use rules::warnings::{Oddity, RuleSetWarning};
pub use text::confusables::latin_look_alike;

/// The rule set that a new site starts with: the first of [`PRESETS`].
pub const STARTER_RULES: &str = PRESETS[0].rules;

/// The guidelines that [`STARTER_RULES`] cite.
pub const STARTER_GUIDELINES: &str = include_str!("../../../deploy/guidelines/friendly-blog.md");
