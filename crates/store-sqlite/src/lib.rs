//! The store and the durable queue in one SQLite file: all that an installation on one machine
//! keeps.
//!
//! [`SqliteFile::open`] opens and migrates the file; [`SqliteFile::store`] and
//! [`SqliteFile::queue`] give the two seams. They share one writing connection, because SQLite has
//! one writer at a time anyway, and a few reading ones.
//!
//! | module | what is in it |
//! |---|---|
//! | `file` | opening, migrations, options |
//! | `database` | the two pools, and the rules for a write transaction |
//! | `turns` | transactions that share a commit |
//! | `many` | statements of many rows |
//! | `rows` | from stored columns back to domain types |
//! | `store` | one file per use case of the `Store` trait |
//! | `queue` | group commit of publishes and acknowledgements, the consumer, dead letters |
//!
//! How statements are written: sqlx hands every statement to the connection's thread, which costs
//! about 130 µs, so a batch is one statement per table. Inserts are multi-row `VALUES` in a few fixed
//! sizes (`many`); lookups and deletes take their keys as one JSON array, so their text never changes and
//! they are prepared once.
//!
//! What a batch of comments writes is mostly pages of indexes, so it must not write them twice: a statement
//! of several rows that can fail by itself makes SQLite copy every page that it changes to a temporary file
//! first (measured: 40 % of all writes). It does not if a failure ends the whole transaction, which is
//! what happens here anyway: `INSERT OR ROLLBACK`, without `DO UPDATE` and without functions.

mod database;
mod error;
mod file;
mod many;
mod queue;
mod rows;
mod store;
mod turns;

pub use file::{QueueLimits, SqliteFile, SqliteOptions};
pub use queue::SqliteQueue;
pub use store::SqliteStore;
