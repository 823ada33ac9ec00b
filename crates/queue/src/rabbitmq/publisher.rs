//! The task that publishes and matches confirms.
//!
//! One task does all publishing of a session, for two reasons in how the client library works:
//!
//! - It numbers a message and queues its frames in two steps. Two tasks that publish on one channel
//!   could interleave them, and a confirm would answer the wrong message.
//! - It hands a returned (unroutable) message to *the next confirm that arrives*, which under load
//!   may belong to another message. So confirms are settled together, in batches: first all returns
//!   of a batch are noted, then each confirm is judged by its own message id. A return arrives
//!   before its own confirm, so at that time it has been noted, in this batch or an earlier one.

use std::collections::HashSet;

use bytes::Bytes;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt as _, StreamExt as _};
use lapin::message::BasicReturnMessage;
use lapin::options::BasicPublishOptions;
use lapin::types::ShortString;
use lapin::{BasicProperties, Channel, Confirmation};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use crate::PublishError;

/// Messages taken from the callers at once.
const ARRIVALS_AT_ONCE: usize = 128;

/// A message on its way, and who waits for its confirm.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) exchange: ShortString,
    pub(super) routing_key: ShortString,
    pub(super) properties: BasicProperties,
    pub(super) body: Bytes,
    /// Dropped without an answer: the session ended first, nobody knows.
    pub(super) answer: oneshot::Sender<Result<(), PublishError>>,
    /// Its place among the messages in flight, kept until the confirm even if the caller has left.
    pub(super) permit: OwnedSemaphorePermit,
}

/// What became of a message, as the client library tells it.
#[derive(Debug)]
struct Outcome {
    message_id: Option<ShortString>,
    confirmation: Result<Confirmation, PublishError>,
    why: Option<lapin::Error>,
    answer: oneshot::Sender<Result<(), PublishError>>,
    _permit: OwnedSemaphorePermit,
}

/// Publishes until the channel fails or `stop` is dropped; returns why it ended. Messages that were
/// not sent are answered as unavailable, messages in flight are left without an answer.
pub(super) async fn publish(
    channel: Channel,
    mut arrivals: mpsc::Receiver<Outgoing>,
    mut stop: oneshot::Receiver<()>,
) -> String {
    let mut in_flight = FuturesUnordered::new();
    let mut returned = HashSet::new();
    let mut arrived = Vec::with_capacity(ARRIVALS_AT_ONCE);
    let why = loop {
        tokio::select! {
            biased;
            Some(first) = in_flight.next() => {
                let mut outcomes = vec![first];
                while let Some(Some(next)) = in_flight.next().now_or_never() {
                    outcomes.push(next);
                }
                if let Some(why) = settle(outcomes, &mut returned) {
                    break why;
                }
            }
            count = arrivals.recv_many(&mut arrived, ARRIVALS_AT_ONCE) => {
                if count == 0 {
                    break "nobody publishes any more".to_owned();
                }
                in_flight.extend(arrived.drain(..).map(|message| send(&channel, message)));
            }
            _ = &mut stop => break "the session is over".to_owned(),
        }
    };
    arrivals.close();
    while let Ok(message) = arrivals.try_recv() {
        let _ = message.answer.send(Err(PublishError::Unavailable));
    }
    why
}

async fn send(channel: &Channel, message: Outgoing) -> Outcome {
    let Outgoing { exchange, routing_key, properties, body, answer, permit } = message;
    let message_id = properties.message_id().clone();
    let (confirmation, why) = if channel.status().connected() {
        let mandatory = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let confirm = channel.basic_publish(exchange, routing_key, mandatory, &body, properties);
        let confirmation = match confirm.await {
            Ok(confirm) => confirm.await,
            Err(error) => Err(error),
        };
        match confirmation {
            Ok(confirmation) => (Ok(confirmation), None),
            Err(error) => (Err(PublishError::Ambiguous), Some(error)),
        }
    } else {
        // Not a byte has left.
        (Err(PublishError::Unavailable), None)
    };
    Outcome { message_id, confirmation, why, answer, _permit: permit }
}

/// Answers the callers. Returns why the session must end, if it must.
fn settle(outcomes: Vec<Outcome>, returned: &mut HashSet<String>) -> Option<String> {
    let returns = outcomes.iter().filter_map(|outcome| match &outcome.confirmation {
        Ok(Confirmation::Ack(Some(message)) | Confirmation::Nack(Some(message))) => Some(message),
        _ => None,
    });
    returned.extend(returns.map(id_of));
    let mut end = None;
    for outcome in outcomes {
        let unroutable = outcome.message_id.as_ref().is_some_and(|id| returned.contains(id.as_str()));
        let answer = match outcome.confirmation {
            Ok(_) if unroutable => {
                // The next session declares the topology again.
                end = Some("a message was unroutable: a queue or binding is gone".to_owned());
                Err(PublishError::Unavailable)
            }
            Ok(Confirmation::Ack(None)) => Ok(()),
            Ok(Confirmation::Nack(_)) => Err(PublishError::Full),
            // Carries another message's return, and its own may still be on the way.
            Ok(Confirmation::Ack(Some(_)) | Confirmation::NotRequested) => Err(PublishError::Ambiguous),
            Err(error) => {
                let why =
                    outcome.why.map_or_else(|| "the channel is closed".to_owned(), |error| error.to_string());
                end = end.or(Some(why));
                Err(error)
            }
        };
        // The caller may have given up waiting.
        let _ = outcome.answer.send(answer);
    }
    end
}

fn id_of(message: &BasicReturnMessage) -> String {
    message.properties.message_id().as_ref().map(ToString::to_string).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use lapin::message::Delivery;
    use tokio::sync::Semaphore;

    use super::*;

    fn returned_message(id: &str) -> BasicReturnMessage {
        let mut delivery = Delivery::mock(0, "".into(), "".into(), false, Vec::new());
        delivery.properties = BasicProperties::default().with_message_id(id.into());
        BasicReturnMessage { delivery, reply_code: 312, reply_text: "NO_ROUTE".into() }
    }

    /// Settles confirms in this order, split into batches, and gives the answers.
    fn answers(batches: Vec<Vec<(&str, Confirmation)>>) -> Vec<Result<(), PublishError>> {
        let semaphore = Arc::new(Semaphore::new(100));
        let mut returned = HashSet::new();
        let mut answers = Vec::new();
        for batch in batches {
            let outcomes = batch.into_iter().map(|(id, confirmation)| {
                let (answer, told) = oneshot::channel();
                answers.push(told);
                Outcome {
                    message_id: Some(id.into()),
                    confirmation: Ok(confirmation),
                    why: None,
                    answer,
                    _permit: semaphore.clone().try_acquire_owned().unwrap(),
                }
            });
            settle(outcomes.collect(), &mut returned);
        }
        answers.into_iter().map(|mut told| told.try_recv().unwrap()).collect()
    }

    #[test]
    fn a_plain_ack_is_the_only_success() {
        let batch = vec![
            ("a", Confirmation::Ack(None)),
            ("b", Confirmation::Nack(None)),
            ("c", Confirmation::NotRequested),
            ("d", Confirmation::Ack(Some(returned_message("d")))),
        ];
        let expected =
            [Ok(()), Err(PublishError::Full), Err(PublishError::Ambiguous), Err(PublishError::Unavailable)];
        assert_eq!(answers(vec![batch]), expected);
    }

    #[test]
    fn a_return_that_came_with_a_neighbours_confirm_still_fails_its_own_message() {
        let expected = [Err(PublishError::Ambiguous), Err(PublishError::Unavailable)];
        let (a, b) = (("a", Confirmation::Ack(Some(returned_message("b")))), ("b", Confirmation::Ack(None)));
        assert_eq!(answers(vec![vec![a], vec![b]]), expected);
        // In one batch, in the other order.
        let (a, b) = (("a", Confirmation::Ack(Some(returned_message("b")))), ("b", Confirmation::Ack(None)));
        assert_eq!(answers(vec![vec![b, a]]), [expected[1], expected[0]]);
    }
}
