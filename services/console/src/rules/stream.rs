//! A backtest on its way to a caller: progress, then one report. It ends when the caller goes away,
//! or the process stops.

use std::pin::Pin;
use std::sync::Arc;

use futures_util::Stream;
use moderato_api::pb::rules as pb;
use moderato_api::status::{Refusal, error};
use moderato_domain::ErrorCode;
use moderato_engine::CompiledRuleSet;
use moderato_runtime::shutdown::Shutdown;
use moderato_store::{Store, StoreError};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use crate::rules::backtest::{BacktestScope, backtest};
use crate::rules::present;
use crate::rules::service::refusal;

/// Progress that waits for a slow caller; beyond, it is left out.
const WAITING: usize = 8;

/// What a caller reads.
pub(crate) type BacktestStream =
    Pin<Box<dyn Stream<Item = Result<pb::BacktestRuleSetResponse, Status>> + Send>>;

/// Runs a backtest for the caller who reads the stream.
pub(crate) fn open(
    store: Arc<dyn Store>,
    rules: Arc<CompiledRuleSet>,
    scope: BacktestScope,
    shutdown: Shutdown,
    permit: OwnedSemaphorePermit,
) -> BacktestStream {
    let (sender, receiver) = mpsc::channel(WAITING);
    tokio::spawn(async move {
        let _permit = permit;
        // One place is left for the report.
        let tell = |progress| {
            if sender.capacity() > 1 {
                let _ = sender.try_send(Ok(present::progress(progress)));
            }
        };
        let answer = tokio::select! {
            biased;
            () = sender.closed() => return,
            () = shutdown.requested() => {
                Err(error(ErrorCode::ShuttingDown, "this process is stopping; another one will answer"))
            }
            report = backtest(&*store, &rules, &scope, tell) => report
                .map(|report| present::report(&report))
                .map_err(|failed| Status::from(refusal(&failed))),
        };
        let _ = sender.send(answer).await;
    });
    Box::pin(ReceiverStream::new(receiver))
}

/// What the store said goes to the log, not to the caller.
pub(crate) fn refused(failed: &StoreError) -> Refusal {
    tracing::warn!(error = %failed, "the store fails the console");
    match failed {
        StoreError::Unavailable(_) => Refusal::Error(
            ErrorCode::StoreUnavailable,
            "the store does not answer; try again shortly".to_owned(),
        ),
        StoreError::Rejected(_) => {
            Refusal::Error(ErrorCode::Internal, "the store refused this; the log says why".to_owned())
        }
    }
}
