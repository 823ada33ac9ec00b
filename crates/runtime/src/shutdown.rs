//! From the first signal to the last acknowledged message.
//!
//! States: *running* → *draining* (readiness is withdrawn, doors close, consumers stop, work in hand
//! is finished and acknowledged, at the latest after [`DRAIN_LIMIT`]) → *done*, once store and queue are
//! closed: some seconds more at most.

use std::time::Duration;

use tokio::sync::watch;

/// Longest wait for work in hand. What is not finished by then is delivered again elsewhere.
pub const DRAIN_LIMIT: Duration = Duration::from_secs(30);

/// Tells everybody that the process is about to stop. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Shutdown(watch::Receiver<bool>);

/// Starts the shutdown.
#[derive(Debug)]
pub struct ShutdownTrigger(watch::Sender<bool>);

/// A trigger and the token it fires.
pub fn channel() -> (ShutdownTrigger, Shutdown) {
    let (sender, receiver) = watch::channel(false);
    (ShutdownTrigger(sender), Shutdown(receiver))
}

impl ShutdownTrigger {
    /// Begins draining.
    pub fn fire(&self) {
        self.0.send_replace(true);
    }
}

impl Shutdown {
    /// Waits until draining begins (also when the trigger is gone).
    pub async fn requested(&self) {
        let mut receiver = self.0.clone();
        let _ = receiver.wait_for(|stop| *stop).await;
    }

    /// Whether draining has begun.
    pub fn is_requested(&self) -> bool {
        *self.0.borrow()
    }
}

/// Waits for SIGINT or SIGTERM.
pub async fn signal() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}
