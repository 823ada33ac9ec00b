//! The subscriber: follows the site's events and marks a verdict as served when its event is in hand.
//!
//! An event holds the comment, its revision, the recommended action and the state that readers see.
//! That is the moment from which a platform can act, so it is what "served" means here; a platform
//! that also wants the reasons asks `GetVerdict`, which answers from then on.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use moderato_api::pb::query as pb;
use moderato_api::pb::query::event::Kind;
use tokio::task::JoinHandle;
use tonic::Streaming;

use super::comments::Comments;
use super::ledger::Ledger;
use crate::client::{Client, explain};

/// Longest wait for the first message, which says where the log ends now.
const FIRST_MESSAGE: Duration = Duration::from_secs(30);

/// Pause before a broken stream is resumed.
const AGAIN: Duration = Duration::from_millis(200);

/// A message of 256 events has about 100 KiB; room for any batch a release may send.
const MESSAGE_BYTES: usize = 16 * 1024 * 1024;

/// A subscription. Dropping it ends it.
#[derive(Debug)]
pub(super) struct Watcher(JoinHandle<()>);

impl Drop for Watcher {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Watcher {
    /// Subscribes. Everything that happens after this returns is seen.
    pub(super) async fn start(
        client: &Client,
        comments: Comments,
        ledger: Arc<Ledger>,
    ) -> anyhow::Result<Self> {
        let mut follower = Follower {
            query: client.query.clone().max_decoding_message_size(MESSAGE_BYTES),
            comments,
            ledger,
            resume_token: String::new(),
        };
        let mut events = follower.open().await.map_err(|status| explain(&status))?;
        let first = tokio::time::timeout(FIRST_MESSAGE, events.message()).await;
        let first = first.context("the event stream does not say where it begins")?;
        let first = first.map_err(|status| explain(&status))?.context("the event stream ended at once")?;
        follower.take(first);
        Ok(Self(tokio::spawn(follower.follow(events))))
    }
}

struct Follower {
    query: moderato_api::pb::query::query_service_client::QueryServiceClient<crate::client::Authorized>,
    comments: Comments,
    ledger: Arc<Ledger>,
    resume_token: String,
}

impl Follower {
    async fn open(&mut self) -> Result<Streaming<pb::WatchEventsResponse>, tonic::Status> {
        let request = pb::WatchEventsRequest {
            parent: self.comments.parent().to_owned(),
            resume_token: self.resume_token.clone(),
            from_start: false,
        };
        Ok(self.query.watch_events(request).await?.into_inner())
    }

    async fn follow(mut self, mut events: Streaming<pb::WatchEventsResponse>) {
        loop {
            while let Ok(Some(message)) = events.message().await {
                self.take(message);
            }
            events = loop {
                self.ledger.reconnected();
                tokio::time::sleep(AGAIN).await;
                if let Ok(events) = self.open().await {
                    break events;
                }
            };
        }
    }

    fn take(&mut self, message: pb::WatchEventsResponse) {
        for event in &message.events {
            if event.kind() == Kind::VerdictRecorded
                && let Some(number) = self.comments.number_of(&event.comment)
            {
                self.ledger.served(number);
            }
        }
        self.resume_token = message.resume_token;
    }
}
