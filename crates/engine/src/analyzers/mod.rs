//! Analyzers: each looks at a comment for one concern and sets the fields of the schema that are
//! its own.
//!
//! To add one: a file here with a `pub(crate) const ANALYZER`, its fields in
//! [`schema`](crate::rules::schema), and a line in [`pipeline`](crate::pipeline).

pub(crate) mod accounts;
pub(crate) mod addresses;
pub(crate) mod author;
pub(crate) mod caps;
pub(crate) mod characters;
pub(crate) mod contacts;
pub(crate) mod handles;
pub(crate) mod length;
pub(crate) mod links;
pub(crate) mod lists;
pub(crate) mod names;
pub(crate) mod passages;
pub(crate) mod platform;
pub(crate) mod recent;
pub(crate) mod repetition;
pub(crate) mod scripts;
pub(crate) mod streets;

mod context;
mod observed;

pub(crate) use context::Context;
pub(crate) use lists::{look_up, pattern_spans};
pub(crate) use observed::{Observed, SPANS_MAX, Value, span};

use crate::rules::schema::FieldSet;

/// One concern.
pub(crate) struct Analyzer {
    /// The fields it sets. It runs if some rule uses one of them.
    pub(crate) provides: FieldSet,
    /// Fields of analyzers before it whose work it builds on.
    pub(crate) needs: FieldSet,
    /// Looks, and sets them.
    pub(crate) run: for<'c> fn(&'c Context<'c>, &mut Observed<'c>),
}
