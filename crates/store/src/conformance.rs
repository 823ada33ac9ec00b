//! What every store backend must do.
