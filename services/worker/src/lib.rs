//! The worker role: takes batches, collects facts, evaluates, records, acknowledges.
