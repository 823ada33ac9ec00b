//! Which runs, in which order.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::ensure;
use bytes::Bytes;
use moderato_api::internal::{Submission, encode};
use moderato_domain::{Clock as _, Ids as _, SiteId, SystemClock, SystemIds};
use moderato_runtime::shutdown::Shutdown;

use super::args::BenchArgs;
use super::comments::Comments;
use super::corpus::Corpus;
use super::report::{Limits, Ratio, Report, RunReport};
use super::run::{Load, Stage};
use super::schedule::{Amount, Pace};
use super::{Mode, broker_limit, insert_limit, print};

/// Connections, caches and compiled statements before the first measurement.
const WARM_UP: Amount = Amount { comments: 20_000, time: Duration::from_secs(3) };

/// Before a run at half speed. The limits before it end with a checkpoint of the whole server, when
/// their scratch database is dropped: what that costs is not the pipeline's.
const LEAD_IN: Amount = Amount { comments: u64::MAX, time: Duration::from_secs(3) };

/// One caller alone.
const ALONE: Amount = Amount { comments: 2_000, time: Duration::from_secs(5) };
/// Of those, how many go on to wait for the verdict: one in so many.
const ALONE_AWAIT_EVERY: u64 = 20;

/// In unary runs at a fixed rate, so many callers a second go on to wait for the verdict.
const AWAITS_PER_SECOND: f64 = 50.0;

/// Calls on the way at most in runs at a fixed rate; what is due beyond waits, and its waiting counts.
const OPEN_LOOP_WIDTH: usize = 4096;

/// Different bodies for the broker's limit.
const BODIES: u64 = 4096;

/// Between two runs, so that one does not pay for the other's clean-up.
const PAUSE: Duration = Duration::from_secs(1);

/// The runs of one invocation, and what they have measured so far.
#[derive(Debug)]
pub(super) struct Plan {
    args: BenchArgs,
    stage: Stage,
    site: SiteId,
    corpus: Arc<Corpus>,
    bodies: Vec<Bytes>,
    report: Report,
}

/// What is left when the plan is done.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) content: Report,
    /// Where to write it.
    pub(super) json: Option<PathBuf>,
}

impl Plan {
    /// Connects to everything, so that what cannot work fails at once.
    pub(super) async fn prepare(args: BenchArgs, stop: Shutdown) -> anyhow::Result<Self> {
        let mut clients = Vec::new();
        for _ in 0..args.channels {
            clients.push(args.connection.connect().await?);
        }
        let query = args.connection.connect().await?;
        let site = query.site.clone();
        let sources = args.sources();
        sources.check().await?;
        let [a, b, c, d, ..] = SystemIds.secret_bytes();
        let run = format!("{:08x}", u32::from_be_bytes([a, b, c, d]));
        Ok(Self {
            stage: Stage { clients, query, sources, stop },
            site,
            corpus: Arc::new(Corpus::new()),
            bodies: Vec::new(),
            report: Report { run, ..Report::default() },
            args,
        })
    }

    /// What was measured.
    pub(super) fn into_report(self) -> Outcome {
        Outcome { content: self.report, json: self.args.json }
    }

    /// Does all of it, or as much as there is until Ctrl-C.
    pub(super) async fn carry_out(&mut self) -> anyhow::Result<()> {
        let warm_up = self.load("warm-up", Mode::Streaming, Pace::Answered, WARM_UP);
        self.execute(&warm_up).await?;
        let full = self.full_speed().await?;
        if self.args.half && self.args.rate.is_none() {
            for (mode, verdicts) in &full {
                let pace = Pace::Rate(verdicts / 2.0);
                let lead_in = self.load(&format!("{} lead-in", mode.as_str()), *mode, pace, LEAD_IN);
                self.execute(&lead_in).await?;
                let name = format!("{} at half", mode.as_str());
                let load = self.load(&name, *mode, pace, self.args.amount());
                self.execute_and_keep(&load).await?;
            }
        }
        if self.args.modes().contains(&Mode::Unary) && self.args.rate.is_none() {
            self.alone().await?;
        }
        if let (Some(minutes), Some((mode, verdicts))) = (self.args.soak, full.first()) {
            let amount = Amount { comments: u64::MAX, time: Duration::from_secs(60 * u64::from(minutes)) };
            let pace = if self.args.rate.is_some() { self.args.pace() } else { Pace::Rate(verdicts / 2.0) };
            let load = Load { minutely: true, ..self.load("soak", *mode, pace, amount) };
            self.execute_and_keep(&load).await?;
        }
        Ok(())
    }

    /// Every mode at full speed (or at the given rate), each between two measurements of the limits.
    /// Returns the verdicts a second.
    async fn full_speed(&mut self) -> anyhow::Result<Vec<(Mode, f64)>> {
        let mut rates = Vec::new();
        self.measure_limits().await?;
        for mode in self.args.modes() {
            let load = self.load(mode.as_str(), *mode, self.args.pace(), self.args.amount());
            let Some(run) = self.execute_and_keep(&load).await? else { break };
            rates.push((*mode, run.verdicts_per_second));
            self.measure_limits().await?;
            let limits = &self.report.limits;
            let around: Vec<&Limits> = limits.iter().rev().take(2).collect();
            if !around.is_empty() {
                let ratio = Ratio::new(&run, &around);
                self.report.ratios.push(ratio);
            }
        }
        Ok(rates)
    }

    /// One caller, one call after another: the shortest latencies there are.
    async fn alone(&mut self) -> anyhow::Result<()> {
        let mut load = self.load("one caller", Mode::Unary, Pace::Answered, ALONE);
        load.width = 1;
        self.execute_and_keep(&load).await?;
        "one caller waiting".clone_into(&mut load.name);
        load.amount.comments /= ALONE_AWAIT_EVERY;
        load.await_every = Some(1);
        self.execute_and_keep(&load).await?;
        Ok(())
    }

    fn load(&self, name: &str, mode: Mode, pace: Pace, amount: Amount) -> Load {
        let (width, await_every) = match pace {
            Pace::Answered => (self.args.width(mode), None),
            Pace::Rate(rate) => (OPEN_LOOP_WIDTH, Some(((rate / AWAITS_PER_SECOND) as u64).max(1))),
        };
        Load { name: name.to_owned(), mode, pace, amount, width, await_every, minutely: false }
    }

    async fn execute_and_keep(&mut self, load: &Load) -> anyhow::Result<Option<RunReport>> {
        let Some(run) = self.execute(load).await? else { return Ok(None) };
        eprintln!("{}", print::line(&run));
        self.report.runs.push(run.clone());
        Ok(Some(run))
    }

    /// Runs a load; `None` after Ctrl-C.
    async fn execute(&mut self, load: &Load) -> anyhow::Result<Option<RunReport>> {
        if self.stage.stop.is_requested() {
            return Ok(None);
        }
        let comments = self.comments(&load.name);
        let run = self.stage.run(load, comments).await?;
        if run.accepted == 0 && !self.stage.stop.is_requested() {
            let reasons: Vec<&str> = run.refused.keys().map(String::as_str).collect();
            ensure!(reasons.is_empty(), "no comment was accepted: {}", reasons.join(", "));
        }
        tokio::time::sleep(PAUSE).await;
        Ok(Some(run))
    }

    /// Both limits, as far as their servers are known.
    async fn measure_limits(&mut self) -> anyhow::Result<()> {
        let time = Duration::from_secs(self.args.limit_seconds.into());
        let (stop, name) = (self.stage.stop.clone(), format!("moderato_bench_{}", self.report.run));
        if stop.is_requested() || (self.args.amqp_url.is_none() && self.args.insert_place().is_none()) {
            return Ok(());
        }
        let mut limits = Limits::default();
        if let Some(url) = &self.args.amqp_url {
            if self.bodies.is_empty() {
                self.bodies = self.bodies()?;
            }
            limits.broker = or_warn(broker_limit::measure(url, &name, &self.bodies, time, &stop).await);
            tokio::time::sleep(PAUSE).await;
        }
        if let Some(place) = self.args.insert_place() {
            let comments = self.comments("insert");
            limits.insert =
                or_warn(insert_limit::measure(&place, &name, &comments, &self.site, time, &stop).await);
            tokio::time::sleep(PAUSE).await;
        }
        // A measurement that was cut short says nothing.
        if !stop.is_requested() {
            eprintln!("{}", print::limits_line(&limits));
            self.report.limits.push(limits);
        }
        Ok(())
    }

    /// Submissions as they travel on the work queue, one in each body.
    fn bodies(&self) -> anyhow::Result<Vec<Bytes>> {
        let comments = self.comments("messages");
        let now = SystemClock.now();
        let body = |number| Ok(encode(&Submission::Comment(Box::new(comments.admitted(number, now)?))));
        (0..BODIES).map(body).collect()
    }

    /// The comments of one run, under ids of its own.
    fn comments(&self, name: &str) -> Comments {
        let letters = name.chars().filter(char::is_ascii_alphanumeric).collect::<String>();
        Comments::new(self.site.clone(), format!("{}.{letters}", self.report.run), Arc::clone(&self.corpus))
    }
}

/// Without a limit there is no ratio, but what else is measured is worth having.
fn or_warn<T>(measured: anyhow::Result<T>) -> Option<T> {
    measured.inspect_err(|error| eprintln!("a limit is not known: {error:#}")).ok()
}
