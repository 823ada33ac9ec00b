//! What every role runs on: configuration, telemetry, metrics, servers, readiness, shutdown.
