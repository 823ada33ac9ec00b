//! The test support itself.

use moderato_tests::{postgres, rabbitmq};

#[tokio::test]
async fn rabbitmq_starts_restarts_and_comes_back_from_a_kill() {
    let server = rabbitmq::Server::start().await;
    let first = server.fresh_vhost().await;
    assert_ne!(first, server.fresh_vhost().await);
    server.restart().await;
    server.kill().await;
    server.start_again().await;
    assert!(server.ctl(&["list_vhosts"]).await.contains("test-1"));
}

#[tokio::test]
async fn postgresql_comes_back_from_a_crash_with_its_databases() {
    let server = postgres::Server::start().await;
    server.database_url("one").await;
    server.stop_immediate().await;
    server.start_again().await;
    server.clone_database("one", "two").await;
}
