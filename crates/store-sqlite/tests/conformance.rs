//! The store and the queue keep the contracts of their seams.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::sync::Arc;

use moderato_store_sqlite::{QueueLimits, SqliteFile, SqliteOptions};
use tempfile::TempDir;

async fn file(directory: &TempDir, name: &str, queue: QueueLimits) -> SqliteFile {
    let options = SqliteOptions { queue, ..SqliteOptions::default() };
    SqliteFile::open(directory.path().join(name), options).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_store_conforms() {
    let directory = tempfile::tempdir().unwrap();
    let file = file(&directory, "store.db", QueueLimits::default()).await;
    moderato_store::conformance::run(Arc::new(file.store())).await;
    file.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_queue_conforms() {
    let directory = tempfile::tempdir().unwrap();
    let number = std::cell::Cell::new(0);
    moderato_queue::conformance::run(async |setup| {
        number.set(number.get() + 1);
        let defaults = QueueLimits::default();
        let limits =
            QueueLimits { max_messages: setup.max_length.unwrap_or(defaults.max_messages), ..defaults };
        let file = file(&directory, &format!("queue-{}.db", number.get()), limits).await;
        Arc::new(file.queue()) as Arc<dyn moderato_queue::Queue>
    })
    .await;
}
