//! `/livez`, `/readyz`, `/metrics`, and what readiness means.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::metrics::Metrics;
use crate::shutdown::Shutdown;

/// What must hold before this process should get traffic: each part reports under its own name.
#[derive(Debug, Default)]
pub struct Readiness {
    // Held for a map look-up, never across an await.
    parts: Mutex<BTreeMap<&'static str, Result<(), String>>>,
    changed: watch::Sender<()>,
}

impl Readiness {
    /// Nothing is required yet.
    pub fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    /// A part reports that it works, or why not. Reporting makes it required.
    #[expect(clippy::needless_pass_by_value, reason = "callers build the state for this call")]
    pub fn report(&self, part: &'static str, state: Result<(), String>) {
        let before = self.parts.lock().unwrap_or_else(PoisonError::into_inner).insert(part, state.clone());
        if before.as_ref() != Some(&state) {
            match &state {
                Ok(()) => tracing::info!(part, "ready"),
                // Before it ever worked, that is how things start.
                Err(why) if before.is_none() => tracing::info!(part, why, "not ready yet"),
                Err(why) => tracing::warn!(part, why, "not ready"),
            }
            self.changed.send_replace(());
        }
    }

    /// Every part that does not work, with the reason.
    pub fn problems(&self) -> Vec<(&'static str, String)> {
        let parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        parts.iter().filter_map(|(part, state)| Some((*part, state.as_ref().err()?.clone()))).collect()
    }

    /// Fires when any part changed.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }
}

#[derive(Clone)]
struct Door {
    metrics: Arc<Metrics>,
    readiness: Arc<Readiness>,
}

/// Serves health and metrics until shutdown is requested and done.
pub async fn serve(
    listener: TcpListener,
    metrics: Arc<Metrics>,
    readiness: Arc<Readiness>,
    shutdown: Shutdown,
) -> std::io::Result<()> {
    let router = Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics_text))
        .with_state(Door { metrics, readiness });
    axum::serve(listener, router).with_graceful_shutdown(async move { shutdown.requested().await }).await
}

/// Binds the health door.
pub async fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    TcpListener::bind(address).await
}

async fn ready(State(door): State<Door>) -> impl IntoResponse {
    let problems = door.readiness.problems();
    if problems.is_empty() {
        return (StatusCode::OK, "ready\n".to_owned());
    }
    let lines: Vec<String> = problems.iter().map(|(part, why)| format!("{part}: {why}\n")).collect();
    let text = lines.concat();
    (StatusCode::SERVICE_UNAVAILABLE, text)
}

async fn metrics_text(State(door): State<Door>) -> impl IntoResponse {
    let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, content_type)], door.metrics.encode())
}
