//! After the sending: waits for the verdict of every accepted row and counts them.
//!
//! The file is read a second time instead of keeping every id: memory stays bounded however long the
//! file is, and rows that an earlier run sent are counted too.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::StreamExt as _;
use moderato_api::pb::query as pb;
use moderato_api::pb::types::Verdict;
use moderato_api::status::reason_of;
use moderato_domain::{CommentId, ErrorCode, RequestId, Stopwatch};
use tokio::sync::mpsc;
use tokio::time::sleep;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status};

use super::journal::Ranges;
use super::read::Row;
use crate::client::{self, Client};
use crate::verdict_text;

/// Verdicts asked for at once.
const AT_ONCE: usize = 64;

/// One question to the service waits this long.
const ASK: Duration = Duration::from_secs(5);

/// Verdicts, counted.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub by_action: BTreeMap<&'static str, u64>,
    /// By rule id; one comment may count under several.
    pub by_rule: BTreeMap<String, u64>,
    /// Accepted, but without a verdict in time.
    pub missing: u64,
}

/// Collects the verdicts of all accepted rows. A row without one after `patience` of silence counts
/// as missing.
pub(crate) async fn collect(
    client: &Client,
    rows: mpsc::Receiver<anyhow::Result<Row>>,
    accepted: &Ranges,
    patience: Duration,
    arrived: impl Fn(),
) -> anyhow::Result<Tally> {
    let names = ReceiverStream::new(rows).filter_map(|row| {
        let name = row.ok().filter(|row| accepted.contains(row.position)).and_then(|row| {
            let request_id = RequestId::parse(&row.content.ok()?.request_id).ok()?;
            Some(format!("sites/{}/comments/{}", client.site, CommentId::derive(&client.site, &request_id)))
        });
        async move { name }
    });
    let mut verdicts =
        std::pin::pin!(names.map(|name| ask(client.clone(), name, patience)).buffer_unordered(AT_ONCE));
    let mut tally = Tally::default();
    while let Some(verdict) = verdicts.next().await {
        match verdict? {
            Some(verdict) => {
                *tally.by_action.entry(verdict_text::action(verdict.action)).or_default() += 1;
                let mut rules: Vec<String> = verdict.reasons.into_iter().map(|reason| reason.rule).collect();
                rules.sort_unstable();
                rules.dedup();
                for rule in rules {
                    *tally.by_rule.entry(rule).or_default() += 1;
                }
            }
            None => tally.missing += 1,
        }
        arrived();
    }
    Ok(tally)
}

/// The verdict of one comment; `None` if it does not come.
async fn ask(mut client: Client, comment: String, patience: Duration) -> anyhow::Result<Option<Verdict>> {
    let since = Stopwatch::start();
    loop {
        let timeout = ASK.min(patience).try_into().ok();
        let request = pb::AwaitVerdictRequest { comment: comment.clone(), revision: 1, timeout };
        match client.query.await_verdict(request).await {
            Ok(verdict) => return Ok(Some(verdict.into_inner())),
            Err(status) if !may_pass(&status) => return Err(client::explain(&status)),
            Err(_) if since.elapsed() >= patience => return Ok(None),
            Err(status) if status.code() == Code::DeadlineExceeded => {}
            Err(_) => sleep(Duration::from_millis(500)).await,
        }
    }
}

fn may_pass(status: &Status) -> bool {
    let known = ErrorCode::ALL.into_iter().find(|code| reason_of(status).as_deref() == Some(code.as_str()));
    known.map_or(matches!(status.code(), Code::Unavailable | Code::DeadlineExceeded), ErrorCode::retry_helps)
}
