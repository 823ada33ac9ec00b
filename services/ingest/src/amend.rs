//! Edits and withdrawals of comments that are known.
//!
//! The store is asked first, so that a caller who is too late, or names the wrong comment, learns it
//! at once. It is asked as a courtesy: while it is away amendments are accepted unseen, and the
//! worker's transaction orders them by revision.

use std::sync::Arc;
use std::time::Duration;

use moderato_api::status::Refusal;
use moderato_domain::{Comment, CommentName, ErrorCode, RequestId, State, Timestamp, Withdrawal};
use moderato_store::{Store, StoredComment};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::submit::{Accepted, Submissions, conflict};

/// Looks are at least this far apart: hints come with every batch, a look costs the store a read.
const LOOK_APART: Duration = Duration::from_millis(10);

/// And at most this far: a hint may be late.
const LOOK_AT_LEAST_EVERY: Duration = Duration::from_millis(100);

/// Accepts changes of known comments.
#[derive(Debug)]
pub(crate) struct Amendments {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) submissions: Arc<Submissions>,
    pub(crate) store_budget: Duration,
    pub(crate) appear_within: Duration,
}

/// What is known of a comment.
#[derive(Debug)]
enum Standing {
    Recorded(Box<StoredComment>),
    /// Accepted by this process, not recorded yet.
    OnItsWay,
    Unknown,
    /// The store did not answer.
    Unseen,
}

impl Amendments {
    /// Accepts a newer revision.
    pub(crate) async fn edit(&self, comment: Comment) -> Result<Accepted, Refusal> {
        match self.standing(&comment.name()).await {
            Standing::Unknown => Err(unknown()),
            Standing::Recorded(known) => match recorded_before(&comment, &known)? {
                Some(before) => Ok(before),
                None => self.submissions.submit(comment).await,
            },
            Standing::OnItsWay | Standing::Unseen => self.submissions.submit(comment).await,
        }
    }

    /// Accepts that a comment is taken back; since when it is.
    pub(crate) async fn withdraw(
        &self,
        comment: CommentName,
        request_id: Option<RequestId>,
        now: Timestamp,
    ) -> Result<Timestamp, Refusal> {
        match self.standing(&comment).await {
            Standing::Unknown => Err(unknown()),
            Standing::Recorded(known) if known.state == State::Withdrawn => Ok(known.update_time),
            Standing::Recorded(_) | Standing::OnItsWay | Standing::Unseen => {
                self.submissions.withdraw(Withdrawal { comment, accept_time: now }, request_id).await?;
                Ok(now)
            }
        }
    }

    /// What is known of a comment; waits a moment for one that nobody knows, since a submission takes
    /// some milliseconds from its acceptance to the store.
    async fn standing(&self, name: &CommentName) -> Standing {
        let appearing = async {
            // Subscribed before the first look, so that nothing is recorded between the two unnoticed.
            let mut hint = self.store.event_hint();
            loop {
                match self.look(name).await {
                    Standing::Unknown => pause(&mut hint).await,
                    standing => return standing,
                }
            }
        };
        timeout(self.appear_within, appearing).await.unwrap_or(Standing::Unknown)
    }

    async fn look(&self, name: &CommentName) -> Standing {
        match timeout(self.store_budget, self.store.comment(name)).await {
            Ok(Ok(Some(known))) => Standing::Recorded(Box::new(known)),
            Ok(Ok(None)) if self.submissions.remembers(name) => Standing::OnItsWay,
            Ok(Ok(None)) => Standing::Unknown,
            Ok(Err(error)) => {
                tracing::warn!(%error, "the store did not answer; the amendment is accepted unseen");
                Standing::Unseen
            }
            Err(_) => Standing::Unseen,
        }
    }
}

/// Whether an edit may follow what is recorded; `Some` if it is what is recorded already.
fn recorded_before(edit: &Comment, known: &StoredComment) -> Result<Option<Accepted>, Refusal> {
    if known.state == State::Withdrawn {
        let message = "the comment was withdrawn, which is final".to_owned();
        return Err(Refusal::Error(ErrorCode::AlreadySettled, message));
    }
    if edit.revision > known.revision {
        return Ok(None);
    }
    if edit.revision < known.revision {
        let message = format!("revision {} is known already; send a higher one", known.revision);
        return Err(Refusal::Error(ErrorCode::RevisionStale, message));
    }
    let content = edit.content_hash();
    if content != known.content_hash {
        return Err(conflict());
    }
    Ok(Some(Accepted::of(edit, &content).since(known.accept_time)))
}

async fn pause(hint: &mut watch::Receiver<u64>) {
    sleep(LOOK_APART).await;
    let changed = async {
        if hint.changed().await.is_err() {
            // Nobody hints any more: look at the slow pace.
            std::future::pending::<()>().await;
        }
    };
    let _ = timeout(LOOK_AT_LEAST_EVERY, changed).await;
}

fn unknown() -> Refusal {
    let message = "there is no such comment: submit it first; if it was accepted a moment ago, retry";
    Refusal::Error(ErrorCode::CommentNotFound, message.to_owned())
}
