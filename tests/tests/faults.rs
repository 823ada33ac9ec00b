//! The promise under faults: real processes are killed and real servers stopped under load, then
//! everything is counted. Every acknowledged comment has exactly one current verdict; none is lost,
//! none recorded twice, and nothing innocent is among the dead letters.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use moderato_api::pb::query::{ListVerdictsRequest, WatchEventsRequest};
use moderato_tests::deployment::{Deployment, SITE};
use moderato_tests::sample::submission;
use moderato_tests::{eventually, postgres, rabbitmq};
use tokio::task::JoinSet;

/// Longest wait until everything accepted is recorded: a broker restart costs about 10 s, redelivery
/// of what a killed worker held a few more.
const DRAIN: Duration = Duration::from_mins(3);

/// Clients that submit, each one call after the other, retrying what was not acknowledged with the
/// same request id, as a platform does.
struct Load {
    stop: Arc<AtomicBool>,
    acknowledged: Arc<AtomicUsize>,
    clients: JoinSet<Vec<String>>,
}

impl Load {
    fn start(deployment: &Arc<Deployment>, clients: usize) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let acknowledged = Arc::new(AtomicUsize::new(0));
        let mut tasks = JoinSet::new();
        for client in 0..clients {
            let (deployment, stop, acknowledged) =
                (Arc::clone(deployment), Arc::clone(&stop), Arc::clone(&acknowledged));
            tasks.spawn(async move {
                let mut ingest = deployment.ingest();
                let mut names = Vec::new();
                let mut number = 0;
                while !stop.load(Ordering::Relaxed) {
                    let request_id = format!("load-{client}-{number}");
                    let body = format!("Hello from client {client}, this is my comment number {number}.");
                    match ingest.submit_comment(submission(&request_id, "post-1", &body)).await {
                        Ok(accepted) => {
                            names.push(accepted.into_inner().name);
                            acknowledged.fetch_add(1, Ordering::Relaxed);
                            number += 1;
                        }
                        // Not acknowledged: the same comment again, after a breath.
                        Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                    }
                }
                names
            });
        }
        Self { stop, acknowledged, clients: tasks }
    }

    /// Waits until this many more comments are acknowledged: the system is alive.
    async fn until_more(&self, more: usize) {
        let goal = self.acknowledged.load(Ordering::Relaxed) + more;
        eventually("comments are acknowledged", Duration::from_mins(2), async || {
            (self.acknowledged.load(Ordering::Relaxed) >= goal).then_some(())
        })
        .await;
    }

    /// Stops the clients and returns the names of all acknowledged comments.
    async fn finish(self) -> Vec<String> {
        self.stop.store(true, Ordering::Relaxed);
        self.clients.join_all().await.into_iter().flatten().collect()
    }
}

/// Reads the whole event log and the verdicts of every acknowledged comment, and counts.
async fn count(deployment: &Deployment, acknowledged: Vec<String>) {
    let dead = deployment.until_drained(DRAIN).await;
    let acknowledged: BTreeSet<String> = acknowledged.into_iter().collect();
    let events = events(deployment).await;
    let lost = acknowledged.iter().filter(|name| !events.contains_key(*name)).count();
    let twice = events.values().filter(|&&times| times > 1).count();
    let mut query = deployment.query();
    let mut odd = 0;
    for name in &acknowledged {
        let request = ListVerdictsRequest { parent: name.clone(), ..Default::default() };
        let verdicts = query.list_verdicts(request).await.map(|answer| answer.into_inner().verdicts.len());
        odd += usize::from(!matches!(verdicts, Ok(1)));
    }
    println!(
        "acknowledged {}, verdicts {}, lost {lost}, twice {twice}, without exactly one {odd}, dead letters {dead}",
        acknowledged.len(),
        events.len()
    );
    assert_eq!((lost, twice, odd, dead), (0, 0, 0, 0));
}

/// How many events there are of each comment, up to that of one which is submitted now: the last.
async fn events(deployment: &Deployment) -> BTreeMap<String, usize> {
    let last = submission("the-last", "post-1", "This is the last comment.");
    let last = deployment.ingest().submit_comment(last).await.expect("all is well again").into_inner().name;
    let request = WatchEventsRequest { parent: SITE.to_owned(), from_start: true, ..Default::default() };
    let mut stream = deployment.query().watch_events(request).await.expect("a stream").into_inner();
    let mut events: BTreeMap<String, usize> = BTreeMap::new();
    while !events.contains_key(&last) {
        let message = tokio::time::timeout(DRAIN, stream.message()).await.expect("the last event");
        for event in message.expect("an open stream").expect("an open stream").events {
            *events.entry(event.comment).or_default() += 1;
        }
    }
    events
}

#[tokio::test(flavor = "multi_thread")]
async fn distributed_nothing_is_lost_while_worker_broker_and_database_die() {
    let (broker, database) = (rabbitmq::Server::start().await, postgres::Server::start().await);
    let deployment = Arc::new(
        Deployment::distributed_with(&broker.url(), &database.database_url("moderato").await, &[]).await,
    );
    let load = Load::start(&deployment, 16);
    load.until_more(200).await;

    // kill -9 the worker, twice, in the middle of its work.
    for _ in 0..2 {
        deployment.kill("worker").await;
        load.until_more(100).await;
        deployment.start_role("worker");
        load.until_more(100).await;
    }

    // The database stops as in a crash: ingest goes on accepting, the worker waits.
    database.stop_immediate().await;
    load.until_more(200).await;
    database.start_again().await;
    load.until_more(100).await;

    // The broker restarts: callers are told to retry, sessions are rebuilt.
    broker.restart().await;
    load.until_more(100).await;
    eventually("the new session is counted", DRAIN, async || {
        (deployment.metric("ingest", "moderato_session_rebuilds_total").await > 0.0).then_some(())
    })
    .await;

    // And once more by force.
    broker.kill().await;
    broker.start_again().await;
    load.until_more(100).await;

    // Ingest and query die too.
    for role in ["ingest", "query"] {
        deployment.kill(role).await;
        deployment.start_role(role);
        deployment.until_ready(role).await;
    }
    load.until_more(100).await;

    for role in deployment.roles() {
        deployment.until_ready(role).await;
    }
    count(&deployment, load.finish().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn embedded_nothing_is_lost_when_the_process_dies_again_and_again() {
    let deployment = Arc::new(Deployment::embedded().await);
    let load = Load::start(&deployment, 16);
    for _ in 0..4 {
        load.until_more(300).await;
        deployment.kill("all").await;
        deployment.start_role("all");
    }
    load.until_more(100).await;
    deployment.terminate("all").await;
    deployment.start_role("all");
    load.until_more(100).await;
    deployment.until_ready("all").await;
    count(&deployment, load.finish().await).await;
}
