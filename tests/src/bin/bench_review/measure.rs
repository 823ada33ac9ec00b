//! Times, and the bars beside them.

use std::time::Duration;

use moderato_domain::Stopwatch;

/// How often each question is asked, after a few that warm it up.
const TIMES: usize = 100;
const WARM: usize = 5;

/// Longest that a decision may take, as the 99th percentile.
pub(crate) const DECISION: Duration = Duration::from_millis(20);

/// What was measured on a backend, printed line by line.
pub(crate) struct Table {
    page: Duration,
    kept: bool,
}

impl Table {
    /// Of a backend whose pages may take so long, as the 99th percentile.
    pub(crate) fn new(title: &str, page: Duration) -> Self {
        println!("\n== {title}\n\n{:48} {:>9} {:>9} {:>9}", "", "p50", "p99", "bar");
        Self { page, kept: true }
    }

    /// Asks again and again, `ask` being told how often it was asked; the bar is that of pages.
    pub(crate) async fn page<T>(
        &mut self,
        what: &str,
        mut ask: impl AsyncFnMut(usize) -> anyhow::Result<T>,
    ) -> anyhow::Result<()> {
        let mut times = Vec::with_capacity(TIMES);
        for time in 0..WARM + TIMES {
            let watch = Stopwatch::start();
            let answer = ask(time).await?;
            if time >= WARM {
                times.push(watch.elapsed());
            }
            drop(answer);
        }
        self.line(what, times, Some(self.page));
        Ok(())
    }

    /// Prints what was measured elsewhere.
    pub(crate) fn line(&mut self, what: &str, mut times: Vec<Duration>, bar: Option<Duration>) {
        times.sort_unstable();
        let percentile = |percent: usize| times[(times.len() * percent / 100).min(times.len() - 1)];
        let missed = bar.is_some_and(|bar| percentile(99) >= bar);
        self.kept &= !missed;
        println!(
            "{what:48} {:>9} {:>9} {:>9}{}",
            millis(percentile(50)),
            millis(percentile(99)),
            bar.map(millis).unwrap_or_default(),
            if missed { "  MISSED" } else { "" },
        );
    }

    /// Prints something that is either so or not.
    pub(crate) fn claim(&mut self, what: &str, holds: bool) {
        self.kept &= holds;
        println!("{what}{}", if holds { "" } else { "  MISSED" });
    }

    /// Whether no bar was missed.
    pub(crate) fn kept(&self) -> bool {
        self.kept
    }
}

fn millis(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}
