//! CPU time and memory of everything that takes part: roles by their `/metrics`, other processes by
//! `/proc`, and this tool itself.

use std::fs;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, bail};
use moderato_runtime::metrics::process_usage;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::report::Usage;

/// How often memory is looked at for its peak.
const SAMPLE_EVERY: Duration = Duration::from_secs(1);

/// Longest wait for a `/metrics` page.
const SCRAPE: Duration = Duration::from_secs(5);

/// Linux reports CPU time in ticks of 1/100 s.
const TICKS_PER_SECOND: f64 = 100.0;
/// And memory in pages of 4 KiB.
const PAGE_BYTES: u64 = 4096;

/// The name under which this tool itself is listed.
const OURSELVES: &str = "load tool";

/// A role's health door: `NAME=URL`.
#[derive(Debug, Clone)]
pub(super) struct Door {
    name: String,
    address: String,
    path: String,
}

impl FromStr for Door {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let (name, url) =
            text.split_once('=').context("write NAME=URL, such as worker=http://127.0.0.1:9464/metrics")?;
        let rest = url.strip_prefix("http://").context("a health door's URL begins with http://")?;
        let (address, path) = rest.split_once('/').unwrap_or((rest, ""));
        let path = if path.is_empty() { "metrics" } else { path };
        let address = if address.contains(':') { address.to_owned() } else { format!("{address}:80") };
        Ok(Self { name: name.to_owned(), address, path: format!("/{path}") })
    }
}

/// A process with its children: `NAME=PID`.
#[derive(Debug, Clone)]
pub(super) struct Process {
    name: String,
    pid: u32,
}

impl FromStr for Process {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let (name, pid) = text.split_once('=').context("write NAME=PID, such as postgresql=1234")?;
        Ok(Self { name: name.to_owned(), pid: pid.parse().context("a process id is a number")? })
    }
}

/// Whose usage is measured.
#[derive(Debug, Clone, Default)]
pub(super) struct Sources {
    pub(super) doors: Vec<Door>,
    pub(super) processes: Vec<Process>,
}

/// CPU time and memory at one moment.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Reading {
    cpu_seconds: f64,
    pub(super) rss: u64,
}

/// Readings by name, in a fixed order; none for who could not be asked.
pub(super) type Readings = Vec<(String, Option<Reading>)>;

impl Sources {
    /// Asks everybody once.
    pub(super) async fn read(&self) -> Readings {
        let mut readings = Readings::new();
        for door in &self.doors {
            let reading = tokio::time::timeout(SCRAPE, scrape(door)).await.ok().and_then(Result::ok);
            readings.push((door.name.clone(), reading));
        }
        for process in &self.processes {
            readings.push((process.name.clone(), tree_usage(process.pid)));
        }
        let own = process_usage().map(|(cpu_seconds, rss)| Reading { cpu_seconds, rss });
        readings.push((OURSELVES.to_owned(), own));
        readings
    }

    /// Says who cannot be asked, before a long run is wasted.
    pub(super) async fn check(&self) -> anyhow::Result<()> {
        for (name, reading) in self.read().await {
            if reading.is_none() {
                bail!("cannot read the CPU time and memory of {name}");
            }
        }
        Ok(())
    }
}

/// Measures from its start to its end.
#[derive(Debug)]
pub(super) struct Meter {
    sources: Sources,
    before: Readings,
    peaks: Arc<Mutex<Vec<u64>>>,
    sampler: JoinHandle<()>,
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.sampler.abort();
    }
}

impl Meter {
    /// Begins.
    pub(super) async fn start(sources: Sources) -> Self {
        let before = sources.read().await;
        let peaks = Mutex::new(vec![0; before.len()]);
        raise(&peaks, &before);
        let peaks = Arc::new(peaks);
        let sampler = tokio::spawn(sample(sources.clone(), Arc::clone(&peaks)));
        Self { sources, before, peaks, sampler }
    }

    /// Ends. CPU time is divided by `comments`.
    pub(super) async fn finish(self, comments: u64) -> Vec<Usage> {
        let after = self.sources.read().await;
        raise(&self.peaks, &after);
        let peaks = self.peaks.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let usage = |(((name, before), (_, after)), peak): (((&String, &Option<Reading>), &_), u64)| {
            let after: &Option<Reading> = after;
            let cpu_seconds = (*after)?.cpu_seconds - (*before)?.cpu_seconds;
            let per_comment =
                |seconds: f64| if comments == 0 { 0.0 } else { seconds * 1e6 / comments as f64 };
            Some(Usage {
                name: name.clone(),
                cpu_seconds,
                cpu_us_per_comment: per_comment(cpu_seconds),
                rss_before: (*before)?.rss,
                rss_peak: peak,
            })
        };
        let before = self.before.iter().map(|(name, reading)| (name, reading));
        before.zip(&after).zip(peaks).filter_map(usage).collect()
    }
}

async fn sample(sources: Sources, peaks: Arc<Mutex<Vec<u64>>>) {
    loop {
        tokio::time::sleep(SAMPLE_EVERY).await;
        raise(&peaks, &sources.read().await);
    }
}

fn raise(peaks: &Mutex<Vec<u64>>, readings: &Readings) {
    let mut peaks = peaks.lock().unwrap_or_else(PoisonError::into_inner);
    for (peak, (_, reading)) in peaks.iter_mut().zip(readings) {
        *peak = (*peak).max(reading.map_or(0, |reading| reading.rss));
    }
}

/// Reads one `/metrics` page; a whole HTTP client would be more than this needs.
async fn scrape(door: &Door) -> anyhow::Result<Reading> {
    let mut stream = TcpStream::connect(&door.address).await?;
    let request =
        format!("GET {} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", door.path, door.address);
    stream.write_all(request.as_bytes()).await?;
    let mut page = String::new();
    stream.read_to_string(&mut page).await?;
    let value = |name: &str| {
        let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.and_then(|value| value.trim().parse::<f64>().ok())
            .with_context(|| format!("the page has no {name}"))
    };
    let cpu_seconds = value("process_cpu_seconds_total")?;
    Ok(Reading { cpu_seconds, rss: value("process_resident_memory_bytes")? as u64 })
}

/// A process and its direct children, those included that have ended: PostgreSQL has one per
/// connection.
fn tree_usage(pid: u32) -> Option<Reading> {
    let mut sum = usage_of(&Stat::read(pid)?, true);
    let entries = fs::read_dir("/proc").ok()?;
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    for child in pids.filter_map(Stat::read).filter(|stat| stat.parent == pid) {
        let usage = usage_of(&child, false);
        sum.cpu_seconds += usage.cpu_seconds;
        sum.rss += usage.rss;
    }
    Some(sum)
}

fn usage_of(stat: &Stat, with_ended_children: bool) -> Reading {
    let ended = if with_ended_children { stat.ended_children } else { 0 };
    // Without memory that processes share, such as PostgreSQL's buffers: each of them would count it.
    let pages = stat.pages.saturating_sub(stat.shared_pages);
    Reading { cpu_seconds: (stat.own + ended) as f64 / TICKS_PER_SECOND, rss: pages * PAGE_BYTES }
}

/// What is needed of `/proc/PID/stat` and `/proc/PID/statm` (proc(5)).
struct Stat {
    parent: u32,
    own: u64,
    ended_children: u64,
    pages: u64,
    shared_pages: u64,
}

impl Stat {
    fn read(pid: u32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The command name may hold spaces: fields are counted from the closing bracket.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
        let statm = fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
        Some(Self {
            parent: u32::try_from(number(1)?).ok()?,
            own: number(11)? + number(12)?,
            ended_children: number(13)? + number(14)?,
            pages: number(21)?,
            shared_pages: statm.split_whitespace().nth(2)?.parse().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doors_and_processes_are_read_from_the_command_line() {
        let door: Door = "worker=http://127.0.0.1:9464/metrics".parse().unwrap();
        assert_eq!(
            (door.name.as_str(), door.address.as_str(), door.path.as_str()),
            ("worker", "127.0.0.1:9464", "/metrics")
        );
        assert_eq!("a=http://h:1".parse::<Door>().unwrap().path, "/metrics");
        assert!("http://h:1".parse::<Door>().is_err() && "a=https://h".parse::<Door>().is_err());
        assert!("a=1".parse::<Process>().is_ok() && "a=b".parse::<Process>().is_err());
    }

    #[tokio::test]
    async fn a_meter_measures_this_process() {
        let sources = Sources {
            processes: vec![Process { name: "own".into(), pid: std::process::id() }],
            ..Sources::default()
        };
        let meter = Meter::start(sources).await;
        let usage = meter.finish(1).await;
        assert_eq!(usage.len(), 2);
        assert!(usage.iter().all(|usage| usage.rss_peak > 0));
    }
}
