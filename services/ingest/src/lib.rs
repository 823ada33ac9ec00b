//! The ingest role: validates comments at the door and publishes them durably.
