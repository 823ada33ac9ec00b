//! The behavioural suites of the seams, on the backends that need a server.

use std::sync::Arc;

use moderato_domain::SystemClock;
use moderato_queue::conformance::Setup;
use moderato_queue::rabbitmq::{RabbitMq, RabbitMqOptions};
use moderato_queue::{Queue, conformance};
use moderato_store_postgres::{PostgresOptions, PostgresStore};
use moderato_tests::{postgres, rabbitmq};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rabbitmq_conforms() {
    conformance::run(async |setup: Setup| {
        let usual = RabbitMqOptions::default();
        let options = RabbitMqOptions { max_length: setup.max_length.unwrap_or(usual.max_length), ..usual };
        let url = rabbitmq::shared().await.fresh_vhost().await;
        let queue: Arc<dyn Queue> = RabbitMq::connect(&url, options).await.expect("rabbitmq is there");
        queue
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgresql_conforms() {
    let url = postgres::shared().await.database_url("conformance").await;
    let store = PostgresStore::connect(&url, PostgresOptions::default(), Arc::new(SystemClock)).await;
    moderato_store::conformance::run(Arc::new(store.expect("postgresql is there"))).await;
}
