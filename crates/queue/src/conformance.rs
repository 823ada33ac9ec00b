//! What every queue backend must do: named cases that each run on a fresh queue.
//!
//! ```no_run
//! # use std::sync::Arc;
//! # use moderato_queue::{Queue, conformance};
//! # async fn fresh_queue(_: Option<u64>) -> Arc<dyn Queue> { unimplemented!() }
//! # async fn test() {
//! conformance::run(async |setup| fresh_queue(setup.max_length).await).await;
//! # }
//! ```

mod batches;
mod dead_letters;
mod deliveries;
mod pressure;
mod retries;

use std::collections::BTreeSet;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use moderato_domain::{Stopwatch, Timestamp};
use tokio::time::timeout;
use uuid::Uuid;

use crate::{ConsumeOptions, Consumer, Delivery, Envelope, Queue, Route};

/// Longest wait for what must happen.
const DEADLINE: Duration = Duration::from_secs(30);

/// How often a condition is asked again.
const STEP: Duration = Duration::from_millis(20);

/// What a case wants of its queue.
#[derive(Debug, Clone, Copy, Default)]
pub struct Setup {
    /// Most messages waiting as work; `None`: many.
    pub max_length: Option<u64>,
}

type Check = fn(Arc<dyn Queue>) -> Pin<Box<dyn Future<Output = ()>>>;

/// One thing that every backend does.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// What it does.
    pub name: &'static str,
    /// The queue it needs.
    pub setup: Setup,
    check: Check,
}

impl Case {
    /// Runs it on an empty queue.
    ///
    /// # Panics
    ///
    /// When the backend does something else.
    pub async fn run(&self, queue: Arc<dyn Queue>) {
        (self.check)(queue).await;
    }
}

macro_rules! cases {
    ($($module:ident :: $name:ident),* $(,)?) => {
        vec![$(Case {
            name: stringify!($name),
            setup: Setup::default(),
            check: |queue| Box::pin($module::$name(queue)),
        }),*]
    };
}

/// All cases.
pub fn cases() -> Vec<Case> {
    let mut cases = cases![
        deliveries::what_was_published_is_delivered_intact,
        deliveries::an_acknowledged_message_is_gone,
        deliveries::an_unsettled_message_comes_back_when_its_consumer_ends,
        deliveries::a_requeued_message_comes_back_at_once,
        deliveries::a_message_that_is_never_settled_becomes_a_dead_letter,
        deliveries::a_delivery_can_be_settled_after_its_consumer_stopped,
        batches::a_batch_takes_what_is_there_and_does_not_wait_for_more,
        batches::a_batch_holds_about_max_items_submissions,
        batches::no_more_than_the_prefetch_is_held,
        batches::a_stopped_consumer_gives_back_what_it_has_not_handed_out,
        retries::a_retry_is_held_back_and_then_delivered_as_the_next_attempt,
        retries::a_message_is_still_there_when_the_retry_cannot_be_acknowledged_yet,
        dead_letters::a_dead_letter_keeps_its_reason_and_stays,
        dead_letters::redriven_messages_are_work_again_and_fresh,
        dead_letters::dropped_dead_letters_are_gone,
        dead_letters::looking_at_dead_letters_respects_the_limit,
        pressure::depth_counts_what_is_where,
        pressure::concurrent_publishers_lose_and_double_nothing,
    ];
    let small = cases![pressure::a_full_queue_refuses_stores_nothing_and_recovers];
    cases.extend(small.into_iter().map(|case| Case { setup: Setup { max_length: Some(10) }, ..case }));
    cases
}

/// Runs all cases, each on the queue that `fresh` makes for it, and reports every one that failed.
///
/// # Panics
///
/// When one failed.
pub async fn run(fresh: impl AsyncFn(Setup) -> Arc<dyn Queue>) {
    let mut failed = Vec::new();
    for case in cases() {
        let queue = fresh(case.setup).await;
        let stopwatch = Stopwatch::start();
        let passed = AssertUnwindSafe(case.run(queue)).catch_unwind().await.is_ok();
        println!("{} {} ({:?})", if passed { "ok    " } else { "FAILED" }, case.name, stopwatch.elapsed());
        if !passed {
            failed.push(case.name);
        }
    }
    assert!(failed.is_empty(), "the queue does not conform: {failed:?}");
}

/// The message with this number, all fields filled.
fn message(number: u32) -> Envelope {
    Envelope {
        schema: 1,
        correlation_id: Some(format!("request-{number}")),
        traceparent: Some(format!("00-4bf92f3577b34da6a3ce929d0e0e4736-{number:016x}-01")),
        ..Envelope::submissions(
            Uuid::from_u128(u128::from(number) + 1),
            1,
            Timestamp::from_millis(1_700_000_000_000 + i64::from(number)),
            Bytes::from(format!("body {number}")),
        )
    }
}

async fn publish(queue: &Arc<dyn Queue>, numbers: std::ops::Range<u32>) {
    for number in numbers {
        queue.publish(Route::Work, message(number)).await.expect("the queue accepts a message");
    }
}

async fn consumer(queue: &Arc<dyn Queue>, prefetch: u16) -> Box<dyn Consumer> {
    queue.consume(ConsumeOptions { prefetch }).await.expect("a consumer attaches")
}

/// The next batch, which must come.
async fn batch(consumer: &mut Box<dyn Consumer>, max_items: usize) -> Vec<Delivery> {
    let batch = timeout(DEADLINE, consumer.next_batch(max_items)).await.expect("a batch in time");
    let batch = batch.expect("the consumer was not stopped");
    assert!(!batch.is_empty(), "a batch holds at least one message");
    batch
}

/// So many deliveries, in as many batches as it takes.
async fn take(consumer: &mut Box<dyn Consumer>, count: usize) -> Vec<Delivery> {
    let mut deliveries = Vec::new();
    while deliveries.len() < count {
        deliveries.extend(batch(consumer, count - deliveries.len()).await);
    }
    deliveries
}

async fn take_one(consumer: &mut Box<dyn Consumer>) -> Delivery {
    take(consumer, 1).await.remove(0)
}

async fn ack_all(deliveries: Vec<Delivery>) {
    for delivery in deliveries {
        delivery.ack().await.expect("the acknowledgement arrives");
    }
}

fn ids<'a>(envelopes: impl IntoIterator<Item = &'a Envelope>) -> BTreeSet<u128> {
    envelopes.into_iter().map(|envelope| envelope.message_id.as_u128() - 1).collect()
}

fn delivered(deliveries: &[Delivery]) -> BTreeSet<u128> {
    ids(deliveries.iter().map(|delivery| &delivery.envelope))
}

/// Waits until the condition holds.
async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let stopwatch = Stopwatch::start();
    while !holds().await {
        assert!(stopwatch.elapsed() < DEADLINE, "{what}: not within {DEADLINE:?}");
        tokio::time::sleep(STEP).await;
    }
}
