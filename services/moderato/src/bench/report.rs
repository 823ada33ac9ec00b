//! What was measured, as it is written to JSON.

use std::collections::BTreeMap;

use serde::Serialize;

/// Everything of one invocation.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Report {
    /// The id in this invocation's threads and request ids.
    pub(super) run: String,
    /// Loads, in the order in which they ran.
    pub(super) runs: Vec<RunReport>,
    /// Measurements of the limits, in order.
    pub(super) limits: Vec<Limits>,
    /// How the full-speed runs compare with the limits measured right before and after them.
    pub(super) ratios: Vec<Ratio>,
}

/// One load.
#[derive(Debug, Clone, Serialize)]
pub(super) struct RunReport {
    pub(super) name: String,
    pub(super) mode: &'static str,
    /// Comments a second that were due; none: as fast as answered.
    pub(super) rate: Option<f64>,
    pub(super) sent: u64,
    pub(super) accepted: u64,
    /// By error code.
    pub(super) refused: BTreeMap<String, u64>,
    pub(super) served: u64,
    /// Accepted, and no verdict arrived.
    pub(super) missing: u64,
    /// Verdicts that arrived more than once.
    pub(super) repeated: u64,
    pub(super) watch_reconnects: u64,
    /// Acknowledged, from the start to the last acknowledgement.
    pub(super) accepted_per_second: f64,
    /// From the start to the last verdict.
    pub(super) verdicts_per_second: f64,
    /// From due to acknowledged.
    pub(super) acknowledged: Option<Latency>,
    /// From due to the verdict's event in the subscriber's hands.
    pub(super) served_after: Option<Latency>,
    /// From due to the answer of `AwaitVerdict`, for the comments whose caller waited.
    pub(super) awaited_after: Option<Latency>,
    pub(super) usage: Vec<Usage>,
}

/// Milliseconds.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Latency {
    pub(super) count: u64,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
    pub(super) max_ms: f64,
}

/// What a process used during a run.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Usage {
    pub(super) name: String,
    pub(super) cpu_seconds: f64,
    /// Microseconds of CPU per accepted comment.
    pub(super) cpu_us_per_comment: f64,
    /// Resident bytes before the run.
    pub(super) rss_before: u64,
    /// Most resident bytes, looked at every second.
    pub(super) rss_peak: u64,
}

/// What broker and database can do at most, at one moment.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Limits {
    pub(super) broker: Option<BrokerLimit>,
    pub(super) insert: Option<InsertLimit>,
}

/// One message per comment.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct BrokerLimit {
    pub(super) messages: u64,
    /// Published, confirmed, delivered and acknowledged.
    pub(super) messages_per_second: f64,
    /// Published and confirmed, nobody consuming.
    pub(super) publish_only_per_second: f64,
}

/// The batch insert.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct InsertLimit {
    pub(super) comments: u64,
    pub(super) comments_per_second: f64,
}

/// A full-speed run beside the limits.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Ratio {
    pub(super) run: String,
    pub(super) verdicts_per_second: f64,
    /// Means of the measurements before and after the run.
    pub(super) messages_per_second: Option<f64>,
    pub(super) inserts_per_second: Option<f64>,
    pub(super) to_broker: Option<f64>,
    pub(super) to_insert: Option<f64>,
    /// To the smaller of both.
    pub(super) to_smaller: Option<f64>,
}

impl Ratio {
    /// Compares a run with the limits around it.
    pub(super) fn new(run: &RunReport, around: &[&Limits]) -> Self {
        let broker = mean(around.iter().filter_map(|limits| Some(limits.broker?.messages_per_second)));
        let insert = mean(around.iter().filter_map(|limits| Some(limits.insert?.comments_per_second)));
        let verdicts = run.verdicts_per_second;
        let smaller = [broker, insert].into_iter().flatten().reduce(f64::min);
        let ratio = |limit: Option<f64>| limit.filter(|limit| *limit > 0.0).map(|limit| verdicts / limit);
        Self {
            run: run.name.clone(),
            verdicts_per_second: verdicts,
            messages_per_second: broker,
            inserts_per_second: insert,
            to_broker: ratio(broker),
            to_insert: ratio(insert),
            to_smaller: ratio(smaller),
        }
    }
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (count, sum) = values.fold((0_u32, 0.0), |(count, sum), value| (count + 1, sum + value));
    (count > 0).then(|| sum / f64::from(count))
}
