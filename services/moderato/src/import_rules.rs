//! `moderato rules import`: other platforms' word lists and settings as a rule set.

use std::path::PathBuf;

use anyhow::Context as _;
use moderato_engine::importers::{Platform, Refusal, import};

use crate::first_start::compile;
use crate::terminal::visible_lines;

/// Which file, and where to.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The rule set goes to the file or to standard output, the report to standard error.\n\n\
                        Examples:\n  moderato rules import --from wordpress keys.txt --out from-wordpress.toml\n  \
                        moderato rules import --from discourse watched_words.csv --reject"
)]
pub(crate) struct ImportRulesArgs {
    /// Where the file comes from
    #[arg(long, value_enum)]
    from: From,
    /// WordPress: keys, one a line; Coral: JSON or words; Discourse: CSV; Komento: JSON
    file: PathBuf,
    /// Writes the rule set there
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Rejects what the platform refused outright; else a person looks
    #[arg(long)]
    reject: bool,
}

/// A platform, as the command line names it.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum From {
    Wordpress,
    Coral,
    Discourse,
    Komento,
}

/// Imports, and proves that the result compiles.
pub(crate) fn run(args: &ImportRulesArgs) -> anyhow::Result<()> {
    let shown = args.file.display();
    let bytes = std::fs::read(&args.file).with_context(|| format!("cannot read {shown}"))?;
    let source = String::from_utf8(bytes).with_context(|| format!("{shown} is not UTF-8"))?;
    let platform = match args.from {
        From::Wordpress => Platform::WordPress,
        From::Coral => Platform::Coral,
        From::Discourse => Platform::Discourse,
        From::Komento => Platform::Komento,
    };
    let refusal = if args.reject { Refusal::Reject } else { Refusal::Review };
    let imported = import(platform, &source, refusal).with_context(|| shown.to_string())?;
    compile(&imported.document, moderato_engine::STARTER_GUIDELINES).context("the imported rule set")?;
    match &args.out {
        Some(out) => std::fs::write(out, &imported.document)
            .with_context(|| format!("cannot write {}", out.display()))?,
        None => print!("{}", imported.document),
    }
    eprintln!("{}", visible_lines(imported.report.to_string().trim_end(), ""));
    Ok(())
}
