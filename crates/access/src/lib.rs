//! API keys and permissions at the gRPC door.
