//! The store: one trait by use case, its types, and the conformance suite every backend passes.
