//! What every queue backend must do.
