//! Listing, redriving and dropping dead letters.
//!
//! AMQP shows a message only by delivering it. So each operation takes messages without
//! acknowledging them, on a channel of its own, and what is not settled at the end goes back in
//! order. Two operators at once do not see each other's messages while they look.

use std::collections::HashSet;

use futures_util::future::join_all;
use lapin::options::{BasicAckOptions, BasicGetOptions, BasicNackOptions};
use lapin::types::DeliveryTag;
use lapin::{Acker, Channel};
use uuid::Uuid;

use crate::rabbitmq::session::{answer, close_channel};
use crate::rabbitmq::topology::short;
use crate::rabbitmq::{Link, wire};
use crate::{DeadLetter, DeadSelection, Envelope, QueueError, Route};

/// Messages taken, published and settled together.
const AT_ONCE: usize = 64;

pub(super) async fn list(link: &Link, limit: usize) -> Result<Vec<DeadLetter>, QueueError> {
    let mut dead = DeadQueue::open(link).await?;
    let mut letters = Vec::new();
    while letters.len() < limit
        && let Some((envelope, _)) = dead.take().await?
    {
        letters.push(DeadLetter { envelope });
    }
    dead.give_back().await;
    Ok(letters)
}

/// Each is confirmed as work before it leaves the dead letters.
pub(super) async fn redrive(link: &Link, selection: &DeadSelection) -> Result<u64, QueueError> {
    let mut dead = DeadQueue::open(link).await?;
    let mut redriven = 0;
    // One that dies again meanwhile must not make this endless.
    let mut seen = HashSet::new();
    let mut wanted = |id| is_selected(selection, id) && seen.insert(id);
    loop {
        let chosen = dead.take_wanted(&mut wanted).await?;
        if chosen.is_empty() {
            break;
        }
        let published = join_all(
            chosen.iter().map(async |(envelope, _)| link.publish(Route::Work, &envelope.for_redrive()).await),
        );
        let mut failed = None;
        for (published, (_, acker)) in published.await.into_iter().zip(&chosen) {
            match published {
                Ok(()) => {
                    dead.acknowledge(acker).await?;
                    redriven += 1;
                }
                Err(error) => failed = Some(error),
            }
        }
        if let Some(error) = failed {
            dead.give_back().await;
            return Err(QueueError::Unavailable(format!("{error}; redriven before that: {redriven}")));
        }
    }
    dead.give_back().await;
    Ok(redriven)
}

pub(super) async fn drop_for_good(link: &Link, selection: &DeadSelection) -> Result<u64, QueueError> {
    let mut dead = DeadQueue::open(link).await?;
    let mut dropped = 0;
    loop {
        let chosen = dead.take_wanted(&mut |id| is_selected(selection, id)).await?;
        if chosen.is_empty() {
            break;
        }
        for (_, acker) in &chosen {
            dead.acknowledge(acker).await?;
            dropped += 1;
        }
    }
    dead.give_back().await;
    Ok(dropped)
}

/// The dead queue, seen through a channel that holds what was taken.
struct DeadQueue<'a> {
    link: &'a Link,
    channel: Channel,
    last_tag: DeliveryTag,
    /// Taken and not acknowledged.
    held: u64,
}

impl<'a> DeadQueue<'a> {
    async fn open(link: &'a Link) -> Result<Self, QueueError> {
        let channel = link.session()?.channel().await?;
        Ok(Self { link, channel, last_tag: 0, held: 0 })
    }

    /// The next one, unless all were taken.
    async fn take(&mut self) -> Result<Option<(Envelope, Acker)>, QueueError> {
        let topology = &self.link.topology;
        let taken =
            answer(self.channel.basic_get(short(topology.dead()), BasicGetOptions::default())).await?;
        Ok(taken.map(|mut message| {
            self.last_tag = message.delivery.delivery_tag;
            self.held += 1;
            let envelope = wire::decode_dead(&mut message.delivery, topology.work());
            (envelope, message.delivery.acker.clone())
        }))
    }

    /// Up to [`AT_ONCE`] that are wanted; the others stay taken. Empty when all were taken.
    async fn take_wanted(
        &mut self,
        wanted: &mut (impl FnMut(Uuid) -> bool + Send),
    ) -> Result<Vec<(Envelope, Acker)>, QueueError> {
        let mut chosen = Vec::new();
        while chosen.len() < AT_ONCE
            && let Some((envelope, acker)) = self.take().await?
        {
            if wanted(envelope.message_id) {
                chosen.push((envelope, acker));
            }
        }
        Ok(chosen)
    }

    async fn acknowledge(&mut self, acker: &Acker) -> Result<(), QueueError> {
        if !answer(acker.ack(BasicAckOptions::default())).await? {
            return Err(QueueError::Unavailable("the session is over".to_owned()));
        }
        self.held -= 1;
        Ok(())
    }

    /// Returns what was not acknowledged, in order. Said in so many words, because what a closed
    /// channel held comes back some time after the close. Saying it while nothing is held would be
    /// an error.
    async fn give_back(self) {
        if self.held > 0 {
            let all = BasicNackOptions { multiple: true, requeue: true };
            // If it fails the channel is closed, which returns them too.
            let _ = answer(self.channel.basic_nack(self.last_tag, all)).await;
        }
        close_channel(self.channel).await;
    }
}

fn is_selected(selection: &DeadSelection, id: Uuid) -> bool {
    match selection {
        DeadSelection::All => true,
        DeadSelection::Ids(ids) => ids.contains(&id),
    }
}
