//! `moderato statements`: what authors were told, as the DSA Transparency Database wants it.

use std::io::Write;

use anyhow::{Context as _, bail};
use moderato_domain::redress::transparency::{TransparencyRecord, midnight};
use moderato_domain::{SiteId, Timestamp};
use moderato_store::{StatementPosition, Store};

use crate::compose;
use crate::config_args::ConfigArgs;

/// Statements read at once.
const BATCH: u32 = 500;

/// Exports what authors were told.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum StatementsCommand {
    /// Prints statements of reasons with the fields of the DSA Transparency Database, without personal
    /// data
    Export(ExportArgs),
}

/// Which statements, and how.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  moderato statements export --site news --since 2026-01-01 --until 2026-02-01 > january.csv\n  \
                        moderato statements export --format jsonl"
)]
pub(crate) struct ExportArgs {
    /// Of which site
    #[arg(long, default_value = crate::first_start::SITE)]
    site: String,
    /// From this day on (UTC)
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = day)]
    since: Option<Timestamp>,
    /// Before this day (UTC)
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = day)]
    until: Option<Timestamp>,
    /// How they look
    #[arg(long, default_value = "csv")]
    format: Format,
    #[command(flatten)]
    config: ConfigArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// A table with a head; lists are JSON, and no cell is a formula for a spreadsheet
    Csv,
    /// One JSON object a line
    Jsonl,
}

fn day(text: &str) -> Result<Timestamp, String> {
    midnight(text).ok_or_else(|| "is not a day such as 2026-01-31".to_owned())
}

/// Runs the command.
pub(crate) async fn run(command: StatementsCommand) -> anyhow::Result<()> {
    let StatementsCommand::Export(args) = command;
    let site = SiteId::parse(&args.site)?;
    let (store, closing) = compose::store(&args.config.load()?).await?;
    let directory = store.directory(None).await?.unwrap_or_default();
    if !directory.sites.contains_key(&site) {
        bail!("there is no site {site}");
    }
    let written = export(&*store, &site, &args, std::io::stdout().lock()).await;
    closing.close().await;
    eprintln!("{} statements", written?);
    Ok(())
}

async fn export(
    store: &dyn Store,
    site: &SiteId,
    args: &ExportArgs,
    mut out: impl Write,
) -> anyhow::Result<u64> {
    let since = args.since.unwrap_or(Timestamp::from_millis(0));
    let until = args.until.unwrap_or(Timestamp::from_millis(i64::MAX));
    let mut table = csv::Writer::from_writer(Vec::new());
    if args.format == Format::Csv {
        table.write_record(TransparencyRecord::FIELDS)?;
    }
    let mut written = 0;
    let mut after: Option<StatementPosition> = None;
    loop {
        let page = store.statements(site, since, until, after.as_ref(), BATCH).await?;
        for statement in &page {
            let record = TransparencyRecord::of(statement);
            match args.format {
                Format::Csv => table.write_record(record.cells())?,
                Format::Jsonl => writeln!(out, "{}", serde_json::to_string(&record)?)?,
            }
            written += 1;
        }
        if args.format == Format::Csv {
            let rows = table.into_inner().context("a row could not be written")?;
            out.write_all(&rows)?;
            table = csv::Writer::from_writer(Vec::new());
        }
        let Some(last) = page.last() else { return Ok(written) };
        after = Some(StatementPosition::from(last));
    }
}
