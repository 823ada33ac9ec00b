//! A valid comment is published, once.

use moderato_api::internal::{self, Submission};
use moderato_api::names;
use moderato_api::pb::ingest as pb;
use moderato_api::status::Refusal;
use moderato_domain::{
    Comment, CommentName, ContentHash, ErrorCode, RequestId, Revision, Stopwatch, SubmissionUid, Timestamp,
    Withdrawal,
};
use moderato_queue::{GroupItem, GroupPublisher, PublishError};
use moderato_runtime::metrics::{Metrics, StageLabel};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::histogram::Histogram;

use crate::memory::{Memory, MemoryKey, Remembered};

/// Publishes, and remembers what was confirmed.
#[derive(Debug)]
pub(crate) struct Submissions {
    pub(crate) publisher: GroupPublisher,
    memory: Memory,
    accepted: Counter,
    publish_time: Histogram,
}

/// What an accepted submission is answered with.
#[derive(Debug)]
pub(crate) struct Accepted {
    name: String,
    revision: Revision,
    uid: SubmissionUid,
    /// None: only the fields were checked.
    accept_time: Option<Timestamp>,
}

/// Where a valid comment stands before it is published.
#[derive(Debug)]
pub(crate) enum Begun {
    /// The same submission was confirmed before.
    Before(Accepted),
    /// It is to be published, and to be [confirmed](Submissions::confirmed) then.
    New(GroupItem, Awaiting),
}

/// A submission without its confirm yet.
#[derive(Debug)]
pub(crate) struct Awaiting {
    key: MemoryKey,
    accepted: Accepted,
    since: Stopwatch,
}

impl Submissions {
    pub(crate) fn new(publisher: GroupPublisher, metrics: &Metrics) -> Self {
        let publish_time = metrics.stage.get_or_create(&StageLabel { stage: "publish" }).clone();
        Self { publisher, memory: Memory::new(), accepted: metrics.accepted.clone(), publish_time }
    }

    /// Durable when it returns `Ok`. If the caller goes away while it waits, the comment may have
    /// been published or not: nobody was told.
    pub(crate) async fn submit(&self, comment: Comment) -> Result<Accepted, Refusal> {
        match self.begin(comment)? {
            Begun::Before(accepted) => Ok(accepted),
            Begun::New(item, awaiting) => {
                self.publisher.publish(item).await.map_err(refusal)?;
                Ok(self.confirmed(awaiting))
            }
        }
    }

    /// What has to be published, if anything has to be.
    pub(crate) fn begin(&self, comment: Comment) -> Result<Begun, Refusal> {
        let content = comment.content_hash();
        let mut accepted = Accepted::of(&comment, &content);
        let key = self.memory.key(&comment.site, &comment.id, comment.revision);
        match self.memory.recall(key) {
            Some(before) if before.uid == accepted.uid => {
                accepted.accept_time = Some(before.accept_time);
                return Ok(Begun::Before(accepted));
            }
            Some(_) => return Err(conflict()),
            None => {}
        }
        let item = GroupItem {
            uid: accepted.uid.as_uuid(),
            accept_time: comment.accept_time,
            request_id: comment.request_id.as_ref().map(|id| id.as_str().to_owned()),
            body: internal::encode(&Submission::Comment(Box::new(comment))),
        };
        Ok(Begun::New(item, Awaiting { key, accepted, since: Stopwatch::start() }))
    }

    /// The queue has it.
    pub(crate) fn confirmed(&self, awaiting: Awaiting) -> Accepted {
        let Awaiting { key, accepted, since } = awaiting;
        if let Some(accept_time) = accepted.accept_time {
            self.memory.remember(key, Remembered { uid: accepted.uid, accept_time });
        }
        self.accepted.inc();
        self.publish_time.observe(since.elapsed().as_secs_f64());
        accepted
    }

    /// Whether this process has accepted the comment's first revision lately.
    pub(crate) fn remembers(&self, name: &CommentName) -> bool {
        self.memory.recall(self.memory.key(&name.site, &name.comment, Revision::FIRST)).is_some()
    }

    /// Publishes that a comment was taken back.
    pub(crate) async fn withdraw(
        &self,
        withdrawal: Withdrawal,
        request_id: Option<RequestId>,
    ) -> Result<(), Refusal> {
        let since = Stopwatch::start();
        let item = GroupItem {
            uid: withdrawal_uid(&withdrawal.comment).as_uuid(),
            accept_time: withdrawal.accept_time,
            request_id: request_id.map(String::from),
            body: internal::encode(&Submission::Withdrawal(withdrawal)),
        };
        self.publisher.publish(item).await.map_err(refusal)?;
        self.accepted.inc();
        self.publish_time.observe(since.elapsed().as_secs_f64());
        Ok(())
    }
}

impl Accepted {
    /// The answer to a submission that is accepted when its comment says.
    pub(crate) fn of(comment: &Comment, content: &ContentHash) -> Self {
        Self {
            name: names::comment_name(&comment.site, &comment.id),
            revision: comment.revision,
            uid: SubmissionUid::derive(&comment.site, &comment.id, comment.revision, content),
            accept_time: Some(comment.accept_time),
        }
    }

    /// The answer to a call that only checks.
    pub(crate) fn only_checked(comment: &Comment) -> Self {
        Self { accept_time: None, ..Self::of(comment, &comment.content_hash()) }
    }

    /// The same answer, with the time of an earlier acceptance.
    pub(crate) fn since(self, accept_time: Timestamp) -> Self {
        Self { accept_time: Some(accept_time), ..self }
    }
}

impl From<Accepted> for pb::SubmitCommentResponse {
    fn from(accepted: Accepted) -> Self {
        Self {
            name: accepted.name,
            revision: accepted.revision.get(),
            submission_uid: accepted.uid.to_string(),
            accept_time: accepted.accept_time.map(moderato_api::intake::to_timestamp),
        }
    }
}

impl From<Accepted> for pb::EditCommentResponse {
    fn from(accepted: Accepted) -> Self {
        Self {
            name: accepted.name,
            revision: accepted.revision.get(),
            submission_uid: accepted.uid.to_string(),
            accept_time: accepted.accept_time.map(moderato_api::intake::to_timestamp),
        }
    }
}

/// The same name and revision, another content.
pub(crate) fn conflict() -> Refusal {
    let message = "this comment, or this request_id, was accepted before with other content; \
                   to change a comment use EditComment with a higher revision";
    Refusal::Error(ErrorCode::ContentConflict, message.to_owned())
}

/// Why the queue did not take it, and what to do.
pub(crate) fn refusal(error: PublishError) -> Refusal {
    let (code, message) = match error {
        PublishError::Full => {
            (ErrorCode::QueueFull, "the queue is full and nothing was accepted; retry later")
        }
        PublishError::Unavailable => (
            ErrorCode::QueueUnavailable,
            "the queue is unavailable and nothing was accepted; retry with the same request_id",
        ),
        PublishError::Ambiguous => (
            ErrorCode::QueueUnavailable,
            "the queue did not answer, so this may have been accepted or not; retry with the same request_id",
        ),
        PublishError::TooLarge => {
            (ErrorCode::MessageTooLarge, "the comment is larger than the queue accepts; do not retry")
        }
    };
    Refusal::Error(code, message.to_owned())
}

/// A withdrawal's identity: the same for every withdrawal of the comment, and that of no revision,
/// since nothing hashes to its content.
fn withdrawal_uid(name: &CommentName) -> SubmissionUid {
    let content = ContentHash::from_bytes(*b"moderato.withdrawal of a comment");
    SubmissionUid::derive(&name.site, &name.comment, Revision::FIRST, &content)
}
