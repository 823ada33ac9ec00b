//! Hands in comments over a few `SubmitComments` streams.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::{Stream, stream};
use moderato_api::pb::ingest as pb;
use moderato_api::pb::ingest::submit_result::Result as Answer;
use moderato_api::status::reason_of;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::run::Run;
use crate::client::Client;

/// Pause before a broken stream is opened again.
const AGAIN: Duration = Duration::from_millis(500);

/// Sends until the schedule ends and everything is answered. Each client is one connection with one
/// stream; `in_flight` comments are unanswered at most, over all streams.
pub(super) async fn submit(run: &Arc<Run>, clients: &[Client], in_flight: usize) {
    let window = (in_flight / clients.len().max(1)).max(1);
    let mut streams = JoinSet::new();
    for client in clients {
        let (run, client) = (Arc::clone(run), client.clone());
        streams.spawn(async move {
            loop {
                one_stream(&run, client.clone(), window).await;
                if run.schedule.is_over() {
                    return;
                }
                tokio::time::sleep(AGAIN).await;
            }
        });
    }
    while streams.join_next().await.is_some() {}
}

/// What one stream has sent and not been answered.
#[derive(Debug)]
struct Unanswered {
    room: Semaphore,
    /// Number of the comment by its position in the stream.
    comments: Mutex<(u64, HashMap<u64, u64>)>,
}

impl Unanswered {
    fn new(window: usize) -> Self {
        Self { room: Semaphore::new(window), comments: Mutex::default() }
    }

    fn push(&self, number: u64) {
        let mut comments = self.comments.lock().unwrap_or_else(PoisonError::into_inner);
        let sequence = comments.0;
        comments.0 += 1;
        comments.1.insert(sequence, number);
    }

    fn take(&self, sequence: u64) -> Option<u64> {
        let number = self.comments.lock().unwrap_or_else(PoisonError::into_inner).1.remove(&sequence);
        if number.is_some() {
            self.room.add_permits(1);
        }
        number
    }

    fn count(&self) -> u64 {
        self.comments.lock().unwrap_or_else(PoisonError::into_inner).1.len() as u64
    }
}

async fn one_stream(run: &Arc<Run>, mut client: Client, window: usize) {
    let unanswered = Arc::new(Unanswered::new(window));
    let requests = requests(Arc::clone(run), Arc::clone(&unanswered));
    let broken = async {
        let mut answers = client.ingest.submit_comments(requests).await?.into_inner();
        while let Some(answer) = answers.message().await? {
            for result in answer.results {
                settle(run, &unanswered, result).await;
            }
        }
        Ok::<_, tonic::Status>(())
    };
    if let Err(status) = broken.await {
        let reason = reason_of(&status).unwrap_or_else(|| format!("{:?}", status.code()));
        run.ledger.refused(&format!("stream broke: {reason}"), unanswered.count());
    }
}

/// The comments, each when it is due and there is room.
fn requests(
    run: Arc<Run>,
    unanswered: Arc<Unanswered>,
) -> impl Stream<Item = pb::SubmitCommentsRequest> + Send + 'static {
    stream::unfold((run, unanswered), |(run, unanswered)| async move {
        unanswered.room.acquire().await.ok()?.forget();
        let number = run.next_comment().await?;
        unanswered.push(number);
        let request = pb::SubmitCommentsRequest { submission: Some(run.comments.submission(number)) };
        Some((request, (run, unanswered)))
    })
}

async fn settle(run: &Run, unanswered: &Unanswered, result: pb::SubmitResult) {
    let Some(number) = unanswered.take(result.sequence) else { return };
    match result.result {
        Some(Answer::Accepted(_)) => run.ledger.accepted(number),
        Some(Answer::Refused(refusal)) => {
            run.ledger.refused(&refusal.reason, 1);
            run.back_off().await;
        }
        None => run.ledger.refused("no result", 1),
    }
}
