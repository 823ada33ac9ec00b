//! Waiting for a condition.

use std::time::Duration;

use moderato_domain::Stopwatch;

/// How often a condition is asked again.
const STEP: Duration = Duration::from_millis(20);

/// Asks until the answer is `Some`, and returns it; `None` when the deadline passes first.
pub async fn within<T>(deadline: Duration, mut ask: impl AsyncFnMut() -> Option<T>) -> Option<T> {
    let stopwatch = Stopwatch::start();
    loop {
        if let Some(answer) = ask().await {
            return Some(answer);
        }
        if stopwatch.elapsed() >= deadline {
            return None;
        }
        tokio::time::sleep(STEP).await;
    }
}

/// Asks until the answer is `Some`, and returns it.
///
/// # Panics
///
/// When the deadline passes first; the message says what was waited for.
pub async fn eventually<T>(what: &str, deadline: Duration, ask: impl AsyncFnMut() -> Option<T>) -> T {
    match within(deadline, ask).await {
        Some(answer) => answer,
        None => panic!("{what}: not within {deadline:?}"),
    }
}
