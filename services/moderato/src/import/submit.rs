//! Sends rows through one `SubmitComments` stream after the other until each is answered.
//!
//! At most [`WINDOW`] rows are unanswered; they are kept, and sent again when a stream breaks. A
//! refusal that may pass later pauses the import for as long as the service asks.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use anyhow::{anyhow, bail};
use moderato_api::pb::ingest as pb;
use moderato_api::pb::ingest::submit_result::Result as Answer;
use moderato_api::pb::types::Refusal;
use moderato_domain::Stopwatch;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status, Streaming};

use super::read::{Item, Row, Unusable};
use crate::client::{self, Client};

/// Rows that may be unanswered: enough to hide a network's latency, little enough to hold in memory
/// (64 KiB each at most).
const WINDOW: usize = 1024;

/// Waits between attempts to reach the service.
const FIRST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// What became of a row, or of the connection.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It will be judged.
    Accepted { position: u64 },
    /// It was not accepted for good.
    Refused { line: u64, why: Vec<Unusable> },
    /// It will be sent again.
    Retried,
    /// No row's, but the connection's: it is lost, and tried again.
    Disconnected { why: String },
}

/// A row under way.
#[derive(Debug)]
struct Pending {
    position: u64,
    line: u64,
    item: Item,
}

/// Sends rows until each has its answer.
pub(crate) struct Submitter<'c> {
    client: &'c Client,
    rows: mpsc::Receiver<anyhow::Result<Row>>,
    rows_left: bool,
    /// To be sent (again) before any new row.
    again: VecDeque<Pending>,
    /// No sending before.
    pause_until: Option<Instant>,
    give_up_after: Duration,
}

/// How a stream ended.
enum End {
    /// Every row is answered.
    Done,
    /// It broke; whether any row was answered before.
    Broken { status: Status, progress: bool },
}

impl<'c> Submitter<'c> {
    pub(crate) fn new(
        client: &'c Client,
        rows: mpsc::Receiver<anyhow::Result<Row>>,
        give_up_after: Duration,
    ) -> Self {
        Self { client, rows, rows_left: true, again: VecDeque::new(), pause_until: None, give_up_after }
    }

    /// Reports what became of every row. Fails if the service stays away, or refuses the import as a
    /// whole.
    pub(crate) async fn run(
        mut self,
        mut report: impl FnMut(Outcome) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let mut wait = FIRST_WAIT;
        let mut silence = Stopwatch::start();
        loop {
            match self.one_stream(&mut report).await? {
                End::Done => return Ok(()),
                End::Broken { status, progress } => {
                    if is_final(&status) {
                        return Err(client::explain(&status));
                    }
                    if progress {
                        wait = FIRST_WAIT;
                        silence = Stopwatch::start();
                    } else if silence.elapsed() > self.give_up_after {
                        bail!(
                            "the service did not come back for {} s: {:#}; run the same command again to go on",
                            silence.elapsed().as_secs(),
                            client::explain(&status)
                        );
                    }
                    report(Outcome::Disconnected { why: format!("{:#}", client::explain(&status)) })?;
                    sleep(wait).await;
                    wait = (wait * 2).min(LONGEST_WAIT);
                }
            }
        }
    }

    async fn one_stream(
        &mut self,
        report: &mut impl FnMut(Outcome) -> anyhow::Result<()>,
    ) -> anyhow::Result<End> {
        let (sender, receiver) = mpsc::channel(64);
        let mut taken = true;
        let mut ingest = self.client.ingest.clone();
        // Opened beside sending: a server may answer only when the first item is there.
        let mut open = Box::pin(async move { ingest.submit_comments(ReceiverStream::new(receiver)).await });
        let mut answers: Option<Streaming<pb::SubmitCommentsResponse>> = None;
        let mut unanswered: HashMap<u64, Pending> = HashMap::with_capacity(WINDOW);
        let mut sequence = 0;
        let mut progress = false;

        let status = loop {
            if !self.rows_left && self.again.is_empty() && unanswered.is_empty() {
                return Ok(End::Done);
            }
            let room = unanswered.len() < WINDOW && self.pause_until.is_none();
            tokio::select! {
                opened = &mut open, if answers.is_none() => match opened {
                    Ok(response) => answers = Some(response.into_inner()),
                    Err(status) => break status,
                },
                answer = next(&mut answers), if answers.is_some() => match answer {
                    Ok(Some(response)) => {
                        for result in response.results {
                            let Some(pending) = unanswered.remove(&result.sequence) else { continue };
                            progress = true;
                            self.settle(pending, result.result, report)?;
                        }
                    }
                    Ok(None) => break Status::unavailable("the service ended the stream"),
                    Err(status) => break status,
                },
                () = until(self.pause_until), if self.pause_until.is_some() => self.pause_until = None,
                permit = sender.reserve(), if room && taken && !self.again.is_empty() => match permit {
                    Ok(permit) => if let Some(pending) = self.again.pop_front() {
                        permit.send(self.request(&pending.item));
                        unanswered.insert(sequence, pending);
                        sequence += 1;
                    },
                    // The call is over; its answer says why.
                    Err(_) => taken = false,
                },
                row = self.rows.recv(), if room && self.rows_left && self.again.is_empty() => match row {
                    None => self.rows_left = false,
                    Some(row) => {
                        let Row { position, line, content } = row?;
                        match content {
                            Ok(item) => self.again.push_back(Pending { position, line, item }),
                            Err(why) => report(Outcome::Refused { line, why: vec![why] })?,
                        }
                    }
                },
            }
        };
        // In the order they were sent.
        let mut back: Vec<(u64, Pending)> = unanswered.into_iter().collect();
        back.sort_unstable_by_key(|(sequence, _)| *sequence);
        for (_, pending) in back.into_iter().rev() {
            self.again.push_front(pending);
        }
        Ok(End::Broken { status, progress })
    }

    fn settle(
        &mut self,
        pending: Pending,
        answer: Option<Answer>,
        report: &mut impl FnMut(Outcome) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        match answer {
            Some(Answer::Accepted(_)) => report(Outcome::Accepted { position: pending.position }),
            Some(Answer::Refused(Refusal { retry_delay: Some(delay), .. })) => {
                let delay = Duration::try_from(delay).unwrap_or(FIRST_WAIT).clamp(FIRST_WAIT, LONGEST_WAIT);
                self.pause_until = Some(Instant::now() + delay);
                self.again.push_back(pending);
                report(Outcome::Retried)
            }
            Some(Answer::Refused(refusal)) => {
                if matches!(Code::from(refusal.code), Code::Unauthenticated | Code::PermissionDenied) {
                    return Err(anyhow!("{} ({})", refusal.message, refusal.reason));
                }
                report(Outcome::Refused { line: pending.line, why: reasons(refusal) })
            }
            None => {
                Err(anyhow!("the service answered a row with neither yes nor no; is it a newer release?"))
            }
        }
    }

    fn request(&self, item: &Item) -> pb::SubmitCommentsRequest {
        pb::SubmitCommentsRequest {
            submission: Some(pb::SubmitCommentRequest {
                parent: self.client.parent(),
                comment: Some(item.comment.clone()),
                request_id: item.request_id.clone(),
                ..pb::SubmitCommentRequest::default()
            }),
        }
    }
}

async fn next(
    answers: &mut Option<Streaming<pb::SubmitCommentsResponse>>,
) -> Result<Option<pb::SubmitCommentsResponse>, Status> {
    match answers {
        Some(answers) => answers.message().await,
        None => std::future::pending().await,
    }
}

async fn until(instant: Option<Instant>) {
    match instant {
        Some(instant) => sleep_until(instant).await,
        None => std::future::pending().await,
    }
}

/// Whether sending the same again is pointless.
fn is_final(status: &Status) -> bool {
    matches!(
        status.code(),
        Code::Unauthenticated
            | Code::PermissionDenied
            | Code::NotFound
            | Code::InvalidArgument
            | Code::Unimplemented
    )
}

fn reasons(refusal: Refusal) -> Vec<Unusable> {
    if refusal.violations.is_empty() {
        return vec![Unusable {
            field: "row".into(),
            reason: refusal.reason.into(),
            description: refusal.message,
        }];
    }
    refusal
        .violations
        .into_iter()
        .map(|v| Unusable { field: v.field.into(), reason: v.reason.into(), description: v.description })
        .collect()
}
