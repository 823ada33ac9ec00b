//! The store and the durable queue in one SQLite file.
