//! `moderato import`: hands in the comments of a file, and tells what became of them.
//!
//! | module | what it does |
//! |---|---|
//! | `read` | rows of CSV and JSON Lines files; what cannot be used is told, not fatal |
//! | `fields` | what columns mean; thread ids and times in the forms that files have |
//! | `submit` | one stream after the other until every row is answered |
//! | `journal` | accepted rows, on disk: a second run goes on |
//! | `verdicts` | what the engine said about them |
//! | `report` | progress, refusals, summary |

mod fields;
mod journal;
mod read;
mod report;
mod submit;
mod verdicts;

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use moderato_domain::{SiteId, Stopwatch};
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;

use crate::client::ConnectionArgs;
use crate::terminal::thousands;
use fields::Field;
use journal::Journal;
use read::{Mapping, Row, Rows};
use report::Report;
use submit::{Outcome, Submitter};

/// The journal is synced after this many accepted rows or this long, and at the end.
const SYNC_ROWS: u64 = 2048;
const SYNC_EVERY: Duration = Duration::from_millis(500);

/// Rows read ahead of the sending.
const READ_AHEAD: usize = 256;

/// Hands in the comments of a CSV or JSON Lines file and waits for their verdicts.
#[derive(Debug, clap::Args)]
#[command(after_help = "Columns are found by their names:\n  \
        text, body, content, comment    the text (required)\n  \
        author, name                    display name; \"Guest\" if empty\n  \
        email; url, website             of the author\n  \
        thread, video, post             the page; made fit for a thread id\n  \
        date, created                   RFC 3339, ISO 8601 (UTC), or milliseconds; ignored if unreadable\n  \
        id                              only tells equal rows apart\n\n\
        Run the same command again after an interruption: it goes on where it stopped, and submits nothing twice.\n\n\
        Examples:\n  moderato import comments.csv\n  \
        moderato import old-blog.jsonl --thread archive --refusals refused.csv\n  \
        moderato import export.csv --column body=\"Comment text\" --column author=User --no-wait\n\n\
        Exit codes: 0 finished, refused rows included unless --strict; 1 not finished; 2 wrong usage.")]
pub(crate) struct ImportArgs {
    /// The file: .csv, .tsv, .jsonl or .ndjson
    file: PathBuf,
    /// Thread of every row, instead of the file's
    #[arg(long, value_name = "ID")]
    thread: Option<String>,
    /// Which column is what, such as body=Text; may be repeated
    #[arg(long, value_name = "FIELD=COLUMN", value_parser = fields::parse_column)]
    column: Vec<(Field, String)>,
    /// Do not wait for verdicts
    #[arg(long)]
    no_wait: bool,
    /// Send every row again, whatever an earlier run noted; known ones are recognised
    #[arg(long)]
    fresh: bool,
    /// Write every refused row with line, field, reason and description to this CSV file
    #[arg(long, value_name = "FILE")]
    refusals: Option<PathBuf>,
    /// Print at most this many refusals
    #[arg(long, default_value_t = 20, value_name = "N")]
    show: u64,
    /// Exit with 1 if any row was refused
    #[arg(long)]
    strict: bool,
    /// No progress
    #[arg(long, short)]
    quiet: bool,
    /// Give up when the service, or a verdict, stays away this long
    #[arg(long, default_value_t = 120, value_name = "SECONDS")]
    patience: u64,
    #[command(flatten)]
    connection: ConnectionArgs,
}

/// Imports and reports.
pub(crate) async fn run(args: ImportArgs) -> anyhow::Result<()> {
    let clock = Stopwatch::start();
    let mapping = Mapping { thread: args.thread.clone(), columns: args.column.iter().cloned().collect() };
    let rows = Rows::open(&args.file, mapping.clone())?;
    let client = args.connection.connect().await?;
    let patience = Duration::from_secs(args.patience);

    let journal_name = tokio::task::block_in_place(|| journal_name(&args.file, &client.site, &mapping))?;
    let mut journal = Journal::open(&client.data_dir.join("imports"), &journal_name)?;
    if args.fresh {
        journal.clear()?;
    }
    let earlier = journal.accepted().clone();
    if earlier.len() > 0 && !args.quiet {
        eprintln!("going on: {} rows were accepted by an earlier run", thousands(earlier.len()));
    }

    let file_bytes = std::fs::metadata(&args.file).map_or(0, |file| file.len());
    let mut report =
        Report::new(file_bytes, rows.progress(), args.show, args.refusals.as_deref(), args.quiet)?;
    let earlier_count = earlier.len();
    let to_send = spawn_reader(rows, move |row| !earlier.contains(row.position));
    let mut since_sync = (0, Stopwatch::start());
    let sent = Submitter::new(&client, to_send, patience)
        .run(|outcome| {
            match outcome {
                Outcome::Accepted { position } => {
                    journal.add(position);
                    report.accepted();
                    since_sync.0 += 1;
                    if since_sync.0 >= SYNC_ROWS || since_sync.1.elapsed() >= SYNC_EVERY {
                        journal.sync()?;
                        since_sync = (0, Stopwatch::start());
                    }
                }
                Outcome::Refused { line, why } => report.refused(line, &why)?,
                Outcome::Retried => report.retried(),
                Outcome::Disconnected { why } => report.disconnected(&why),
            }
            Ok(())
        })
        .await;
    journal.sync()?;
    let time = report.sent()?;
    println!("{}", report::sent_line(&report, earlier_count, time));
    sent?;

    if !args.no_wait && journal.accepted().len() > 0 {
        let bar = report::verdict_bar(journal.accepted().len(), args.quiet);
        let rows = spawn_reader(Rows::open(&args.file, mapping)?, |_| true);
        let tally = verdicts::collect(&client, rows, journal.accepted(), patience, || bar.inc(1)).await?;
        bar.finish_and_clear();
        print!("\n{}", report::verdict_table(&tally, clock.elapsed()));
    }
    if args.strict && report.refused > 0 {
        bail!("{} rows were refused", thousands(report.refused));
    }
    Ok(())
}

/// Reads on a thread of its own, as far ahead as there is room.
fn spawn_reader(
    rows: Rows,
    wanted: impl Fn(&Row) -> bool + Send + 'static,
) -> mpsc::Receiver<anyhow::Result<Row>> {
    let (sender, receiver) = mpsc::channel(READ_AHEAD);
    tokio::task::spawn_blocking(move || {
        for row in rows.filter(|row| row.as_ref().map_or(true, &wanted)) {
            let last = row.is_err();
            if sender.blocking_send(row).is_err() || last {
                return;
            }
        }
    });
    receiver
}

/// SHA-256 of the file, the site and the mapping: the same file into another site is another import.
fn journal_name(path: &Path, site: &SiteId, mapping: &Mapping) -> anyhow::Result<String> {
    let mut file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let mut hash = Sha256::new();
    hash.update(format!("{site}\0{mapping:?}\0").as_bytes());
    let mut buffer = vec![0; 256 * 1024];
    loop {
        let read = file.read(&mut buffer).with_context(|| format!("cannot read {}", path.display()))?;
        if read == 0 {
            return Ok(hex(&hash.finalize()));
        }
        hash.update(&buffer[..read]);
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}
