//! Pages with comments of every kind in them, also of the worst.

mod looks;
pub(super) mod sample;
