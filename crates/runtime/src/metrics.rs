//! Every metric, named once. Units are in the names; labels have few, closed sets of values.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// One label named after what it tells apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ReasonLabel {
    /// An error code such as `INVALID_FIELDS`.
    pub reason: &'static str,
}

/// Where messages stand.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct PlaceLabel {
    /// `ready`, `retrying` or `dead`; in ages also `in_hand`.
    pub place: &'static str,
}

/// A step of the pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct StageLabel {
    /// `publish`, `facts`, `evaluate`, `record`, or `total` (accepted to recorded).
    pub stage: &'static str,
}

/// A recommendation.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ActionLabel {
    /// `allow`, `review` or `reject`.
    pub action: &'static str,
}

/// What the store made of a submission.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct OutcomeLabel {
    /// `applied`, `duplicate`, `stale` or `conflict`.
    pub outcome: &'static str,
}

/// Counters, gauges and histograms of one process, shared by its roles.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// Submissions acknowledged.
    pub accepted: Counter,
    /// Submissions refused, by error code.
    pub refused: Family<ReasonLabel, Counter>,
    /// Provisional verdicts given.
    pub checked: Counter,
    /// Messages in the queue, by place.
    pub queue_messages: Family<PlaceLabel, Gauge>,
    /// Age of the oldest message, by place, in seconds.
    pub queue_oldest_age: Family<PlaceLabel, Gauge<f64, AtomicU64>>,
    /// Workers that take from the queue.
    pub queue_consumers: Gauge,
    /// Times the connection to the broker was rebuilt.
    pub session_rebuilds: Counter,
    /// Submissions per committed batch.
    pub batch_size: Histogram,
    /// Time spent per step, in seconds.
    pub stage: Family<StageLabel, Histogram, fn() -> Histogram>,
    /// Verdicts recorded, by action.
    pub verdicts: Family<ActionLabel, Counter>,
    /// What the store made of submissions.
    pub recorded: Family<OutcomeLabel, Counter>,
    /// Verdicts that lacked a fact.
    pub degraded: Counter,
    /// Submissions sent to wait for a retry.
    pub retried: Counter,
    /// Submissions given up as dead letters by this worker.
    pub dead_lettered: Counter,
    /// Times the engine panicked over a comment.
    pub engine_errors: Counter,
    /// Event streams open.
    pub watchers: Gauge,
}

/// Bucket bounds from 0.25 ms to 30 s: an acknowledgement takes about 1 ms, an outage seconds.
fn seconds() -> Histogram {
    Histogram::new([
        0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
        30.0,
    ])
}

impl Metrics {
    /// Registers all metrics.
    pub fn new() -> Arc<Self> {
        let mut registry = Registry::with_prefix("moderato");
        let metrics = Self {
            accepted: Counter::default(),
            refused: Family::default(),
            checked: Counter::default(),
            queue_messages: Family::default(),
            queue_oldest_age: Family::default(),
            queue_consumers: Gauge::default(),
            session_rebuilds: Counter::default(),
            batch_size: Histogram::new([1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0]),
            stage: Family::new_with_constructor(seconds as fn() -> Histogram),
            verdicts: Family::default(),
            recorded: Family::default(),
            degraded: Counter::default(),
            retried: Counter::default(),
            dead_lettered: Counter::default(),
            engine_errors: Counter::default(),
            watchers: Gauge::default(),
            registry: Registry::default(),
        };
        registry.register("accepted", "Submissions acknowledged", metrics.accepted.clone());
        registry.register("refused", "Submissions refused, by error code", metrics.refused.clone());
        registry.register("checked", "Provisional verdicts given", metrics.checked.clone());
        registry.register(
            "queue_messages",
            "Messages in the queue, by place",
            metrics.queue_messages.clone(),
        );
        registry.register(
            "queue_oldest_age_seconds",
            "Age of the oldest message, by place; of those that wait, where the queue can tell",
            metrics.queue_oldest_age.clone(),
        );
        registry.register(
            "queue_consumers",
            "Workers that take from the queue, of all processes",
            metrics.queue_consumers.clone(),
        );
        registry.register(
            "session_rebuilds",
            "Times the connection to the broker was rebuilt",
            metrics.session_rebuilds.clone(),
        );
        registry.register("batch_size", "Submissions per committed batch", metrics.batch_size.clone());
        registry.register("stage_seconds", "Time spent per step", metrics.stage.clone());
        registry.register("verdicts", "Verdicts recorded, by action", metrics.verdicts.clone());
        registry.register("recorded", "What the store made of submissions", metrics.recorded.clone());
        registry.register("degraded", "Verdicts that lacked a fact", metrics.degraded.clone());
        registry.register("retried", "Submissions sent to wait for a retry", metrics.retried.clone());
        registry.register(
            "dead_lettered",
            "Submissions given up as dead letters",
            metrics.dead_lettered.clone(),
        );
        registry.register(
            "engine_errors",
            "Times the engine panicked over a comment",
            metrics.engine_errors.clone(),
        );
        registry.register("watchers", "Event streams open", metrics.watchers.clone());
        Arc::new(Self { registry, ..metrics })
    }

    /// Adds to a stage's histogram.
    pub fn observe(&self, stage: &'static str, elapsed: Duration) {
        self.stage.get_or_create(&StageLabel { stage }).observe(elapsed.as_secs_f64());
    }

    /// Counts a refusal.
    pub fn refuse(&self, reason: &'static str) {
        self.refused.get_or_create(&ReasonLabel { reason }).inc();
    }

    /// Tells how old the oldest message of a place is.
    pub fn set_oldest_age(&self, place: &'static str, age: Duration) {
        self.queue_oldest_age.get_or_create(&PlaceLabel { place }).set(age.as_secs_f64());
    }

    /// Tells nothing about a place until its age is known again.
    pub fn forget_oldest_age(&self, place: &'static str) {
        self.queue_oldest_age.remove(&PlaceLabel { place });
    }

    /// All metrics as OpenMetrics text, with the process's own CPU time and memory.
    pub fn encode(&self) -> String {
        let mut text = String::new();
        // Writing into a String cannot fail.
        let _ = prometheus_client::encoding::text::encode_registry(&mut text, &self.registry);
        text.push_str(&process_text());
        text.push_str("# EOF\n");
        text
    }
}

/// `process_*` metrics from `/proc/self`, in the names Prometheus clients use everywhere.
fn process_text() -> String {
    let (cpu, rss) = process_usage().unwrap_or_default();
    format!(
        "# HELP process_cpu_seconds CPU time used, user and system.\n\
         # TYPE process_cpu_seconds counter\n\
         # UNIT process_cpu_seconds seconds\n\
         process_cpu_seconds_total {cpu}\n\
         # HELP process_resident_memory_bytes Resident memory.\n\
         # TYPE process_resident_memory_bytes gauge\n\
         # UNIT process_resident_memory_bytes bytes\n\
         process_resident_memory_bytes {rss}\n"
    )
}

/// CPU seconds and resident bytes of this process; `None` where there is no `/proc`.
pub fn process_usage() -> Option<(f64, u64)> {
    // Linux reports in ticks of 1/100 s and pages of 4 KiB on every architecture we build for.
    const TICKS_PER_SECOND: f64 = 100.0;
    const PAGE_BYTES: u64 = 4096;
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The command name may hold spaces: fields are counted from the closing bracket (proc(5)).
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?;
    let pages: u64 = fields.get(21)?.parse().ok()?;
    Some((ticks / TICKS_PER_SECOND, pages * PAGE_BYTES))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_told() {
        let metrics = Metrics::new();
        metrics.accepted.inc();
        metrics.refuse("INVALID_FIELDS");
        metrics.observe("record", Duration::from_millis(3));
        metrics.set_oldest_age("in_hand", Duration::from_millis(1500));
        let text = metrics.encode();
        for line in [
            "moderato_accepted_total 1",
            "moderato_refused_total{reason=\"INVALID_FIELDS\"} 1",
            "moderato_stage_seconds_count{stage=\"record\"} 1",
            "moderato_queue_oldest_age_seconds{place=\"in_hand\"} 1.5",
            "process_cpu_seconds_total ",
        ] {
            assert!(text.contains(line), "{line} is missing in\n{text}");
        }
        assert!(text.ends_with("# EOF\n"));
    }
}
