//! The store on PostgreSQL: hand-written SQL and migrations.
