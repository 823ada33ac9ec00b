//! Readers' reports of comments that are known.
//!
//! A report is stored before it is answered, in the one transaction that also puts the comment where
//! moderators see it. It takes no way over the queue: what it is about is in the store already, the
//! answer says what became of it, and there are few reports where there are many comments. So "answered
//! is never lost" holds as for submissions, and while the store is away the honest answer is that.

use std::sync::Arc;
use std::time::Duration;

use moderato_api::intake::to_timestamp;
use moderato_api::pb::ingest as pb;
use moderato_api::pb::ingest::report_comment_response::Outcome;
use moderato_api::status::Refusal;
use moderato_domain::{ErrorCode, Report};
use moderato_store::{Reported, Store, StoreError};
use tokio::time::timeout;

/// Longest wait for the store: a reader waits for the answer.
const STORED_WITHIN: Duration = Duration::from_secs(5);

/// Files reports.
#[derive(Debug)]
pub(crate) struct Reports {
    pub(crate) store: Arc<dyn Store>,
}

impl Reports {
    pub(crate) async fn file(&self, report: &Report) -> Result<pb::ReportCommentResponse, Refusal> {
        let filed = match timeout(STORED_WITHIN, self.store.report(report)).await {
            Ok(Ok(filed)) => filed,
            Ok(Err(StoreError::Unavailable(_))) | Err(_) => {
                let message = "the report could not be stored; retry with the same request_id".to_owned();
                return Err(Refusal::Error(ErrorCode::StoreUnavailable, message));
            }
            Ok(Err(StoreError::Rejected(why))) => {
                tracing::error!(error = why, "the store refused a report");
                return Err(Refusal::Error(ErrorCode::Internal, "the report could not be stored".to_owned()));
            }
        };
        let outcome = match filed {
            Reported::Opened => Outcome::Opened,
            Reported::Folded => Outcome::Folded,
            Reported::Repeated => Outcome::Repeated,
            Reported::Answered => Outcome::Answered,
            Reported::Hidden => Outcome::Hidden,
            Reported::Withdrawn => {
                let message = "the comment was withdrawn: there is nothing left to report".to_owned();
                return Err(Refusal::Error(ErrorCode::AlreadySettled, message));
            }
            Reported::Unknown => {
                let message = "there is no such comment; if it was accepted a moment ago, retry".to_owned();
                return Err(Refusal::Error(ErrorCode::CommentNotFound, message));
            }
        };
        Ok(pb::ReportCommentResponse {
            outcome: outcome as i32,
            accept_time: Some(to_timestamp(report.time)),
        })
    }
}
