//! More than the queue or the disk holds: refused in time, with when to retry; what was acknowledged
//! is not lost.

use std::collections::BTreeMap;

use moderato_tests::deployment::Deployment;
use moderato_tests::eventually;
use moderato_tests::sample::submission;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::support::{
    DEADLINE, accepted, answers, item, name_of, refused, refused_item, undisturbed, verdict,
};

/// What the queue of these tests holds.
const MAX_MESSAGES: (&str, &str) = ("MODERATO_QUEUE_MAX_MESSAGES", "5");

/// Submissions after which the queue must have said that it is full, or the disk; it may let a few
/// more in than it is asked to.
const ATTEMPTS: usize = 200;

/// What was let in before there was no more room.
struct Filled {
    /// The names of what was accepted, by request id.
    taken: BTreeMap<String, String>,
    /// The request id of what was refused, and how.
    refused: (String, Status),
}

/// Submits until a call is refused, also when it is repeated `times` in all. A call that shares a commit with
/// a worker's batch may be refused for the batch, and would have room alone.
async fn fill(deployment: &Deployment, prefix: &str, body: &str, times: usize) -> Filled {
    let mut taken = BTreeMap::new();
    for number in 0..ATTEMPTS {
        let request_id = format!("{prefix}-{number}");
        let mut refusals = 0;
        loop {
            match deployment.ingest().submit_comment(submission(&request_id, "post-1", body)).await {
                Ok(accepted) => {
                    taken.insert(request_id, accepted.into_inner().name);
                    break;
                }
                Err(status) => {
                    refusals += 1;
                    if refusals == times {
                        return Filled { taken, refused: (request_id, status) };
                    }
                }
            }
        }
    }
    panic!("nothing was refused in {ATTEMPTS} submissions");
}

async fn a_full_queue_refuses_until_a_worker_makes_room(deployment: &Deployment) {
    deployment.terminate("worker").await;
    let Filled { taken, refused: (_, status) } = fill(deployment, "full", "One of many, thank you.", 1).await;
    assert!(taken.len() >= 5, "{} were let in", taken.len());
    let status = refused::<()>(Err(status), Code::ResourceExhausted, "QUEUE_FULL");
    let delay = status.get_details_retry_info().and_then(|retry| retry.retry_delay).expect("when to retry");
    assert!(!delay.is_zero());

    // A full queue is no reason to send callers elsewhere, and streams go on.
    let (code, body) = deployment.health("ingest", "/readyz").await.expect("it lives");
    assert_eq!(code, 200, "{body}");
    let items = [item("full-stream-1", "Room for one more?"), item("", "")];
    let (answers, status) =
        answers(deployment.ingest().submit_comments(tokio_stream::iter(items)).await).await;
    refused_item(&answers[0], Code::ResourceExhausted, "QUEUE_FULL");
    refused_item(&answers[1], Code::InvalidArgument, "INVALID_FIELDS");
    assert!(status.is_none(), "{status:?}");
    // A retry of what was accepted is answered, whatever the queue says.
    let (request_id, name) = taken.first_key_value().expect("some were accepted");
    assert_eq!(&accepted(deployment, request_id, "One of many, thank you.").await, name);

    deployment.start_role("worker");
    deployment.until_ready("worker").await;
    for name in taken.values() {
        verdict(deployment, name, 1).await;
    }
    eventually("there is room again", DEADLINE, async || {
        deployment.ingest().submit_comment(submission("full-after", "post-1", "There is room.")).await.ok()
    })
    .await;
    undisturbed(deployment, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn embedded_a_full_queue_refuses_until_a_worker_makes_room() {
    let deployment = Deployment::split_on_one_file_with(&[MAX_MESSAGES]).await;
    a_full_queue_refuses_until_a_worker_makes_room(&deployment).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn distributed_a_full_queue_refuses_until_a_worker_makes_room() {
    let deployment = Deployment::distributed_on_shared_servers_with(&[MAX_MESSAGES]).await;
    a_full_queue_refuses_until_a_worker_makes_room(&deployment).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_until_there_is_space_and_loses_nothing_that_was_acknowledged() {
    let deployment = Deployment::embedded().await;
    let before = accepted(&deployment, "before", "Written while there was space, thank you.").await;
    verdict(&deployment, &before, 1).await;

    // No file may grow further than a little beyond what the largest has now.
    let sizes = std::fs::read_dir(deployment.data_dir()).expect("a folder");
    let largest = sizes.filter_map(|entry| Some(entry.ok()?.metadata().ok()?.len())).max().expect("files");
    deployment.limit_file_size("all", Some(largest + 512 * 1024));
    let body = "A long comment about bread, thank you. ".repeat(200);
    // Told again and again, in the same words; the process lives, and what is stored can be read.
    let Filled { taken, refused: (no_room, status) } = fill(&deployment, "disk", &body, 4).await;
    refused::<()>(Err(status), Code::Unavailable, "QUEUE_UNAVAILABLE");
    let (answers, _) =
        answers(deployment.ingest().submit_comments(tokio_stream::iter([item("s", &body)])).await).await;
    refused_item(&answers[0], Code::Unavailable, "QUEUE_UNAVAILABLE");
    assert_eq!(deployment.health("all", "/livez").await.expect("it lives").0, 200);
    verdict(&deployment, &before, 1).await;

    deployment.limit_file_size("all", None);
    for name in taken.values() {
        verdict(&deployment, name, 1).await;
    }
    deployment.until_ready("all").await;
    let again = eventually("it is taken", DEADLINE, async || {
        deployment.ingest().submit_comment(submission(&no_room, "post-1", &body)).await.ok()
    });
    verdict(&deployment, &again.await.into_inner().name, 1).await;

    // It all was on disk: also a process that is killed now brings it back.
    deployment.kill("all").await;
    deployment.start_role("all");
    deployment.until_ready("all").await;
    for name in taken.values().chain([&before]) {
        verdict(&deployment, name, 1).await;
    }
    let stream =
        deployment.ingest().submit_comments(tokio_stream::iter([item("disk-stream", "Space!")])).await;
    name_of(&crate::support::answers(stream).await.0[0]);
    undisturbed(&deployment, 0).await;
}
