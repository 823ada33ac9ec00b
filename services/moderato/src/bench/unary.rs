//! Hands in comments by many callers of `SubmitComment`, one call per comment.

use std::sync::Arc;

use moderato_api::pb::query as pb;
use moderato_api::status::reason_of;
use tokio::task::JoinSet;
use tonic::Status;

use super::run::Run;
use crate::client::Client;

/// Longest wait of a caller who asks for the verdict, in seconds.
const AWAIT_SECONDS: i64 = 30;

/// Sends until the schedule ends and everything is answered. `callers` share the clients'
/// connections. Every `await_every`th comment, its caller goes on to wait for the verdict.
pub(super) async fn submit(run: &Arc<Run>, clients: &[Client], callers: usize, await_every: Option<u64>) {
    let mut tasks = JoinSet::new();
    for client in clients.iter().cycle().take(callers) {
        tasks.spawn(caller(Arc::clone(run), client.clone(), await_every));
    }
    while tasks.join_next().await.is_some() {}
}

async fn caller(run: Arc<Run>, mut client: Client, await_every: Option<u64>) {
    while let Some(number) = run.next_comment().await {
        match client.ingest.submit_comment(run.comments.submission(number)).await {
            Ok(answer) => {
                run.ledger.accepted(number);
                if await_every.is_some_and(|every| number.is_multiple_of(every)) {
                    wait_for_verdict(&run, &mut client, number, answer.into_inner().name).await;
                }
            }
            Err(status) => {
                run.ledger.refused(&reason(&status), 1);
                run.back_off().await;
            }
        }
    }
}

async fn wait_for_verdict(run: &Run, client: &mut Client, number: u64, comment: String) {
    let timeout = Some(prost_types::Duration { seconds: AWAIT_SECONDS, nanos: 0 });
    let request = pb::AwaitVerdictRequest { comment, revision: 1, timeout };
    match client.query.await_verdict(request).await {
        Ok(_) => run.ledger.waited(number),
        Err(status) => run.ledger.refused(&format!("AwaitVerdict: {}", reason(&status)), 0),
    }
}

fn reason(status: &Status) -> String {
    reason_of(status).unwrap_or_else(|| format!("{:?}", status.code()))
}
