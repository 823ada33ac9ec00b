//! `moderato rules evaluate`: how good is a rule set on comments that people have labelled?
//!
//! | module | what it does |
//! |---|---|
//! | `labelled` | labelled comments from CSV files |
//! | `measure` | judges them on every core, and counts |
//! | `print` | the counts for people |
//!
//! The engine is called directly: no store, no service. Texts are never printed, only their ids.

mod labelled;
mod measure;
mod print;

use std::path::PathBuf;

use crate::first_start::{builtin_rules, read_rules};
use labelled::Dataset;
use measure::measure;

/// Which comments, which rules.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "A file is CSV, gzipped or not, with the columns text and label: 1 for what should not appear\n\
                        unseen, 0 for what should. Columns id, author and website are used if there are any.\n\n\
                        Examples:\n  moderato rules evaluate --labels spam.csv ham.csv.gz\n  \
                        moderato rules evaluate --labels cases.csv --by functionality --rules my-rules.toml"
)]
pub(crate) struct EvaluateArgs {
    /// Labelled comments, one dataset a file
    #[arg(long, value_name = "FILE", required = true, num_args = 1..)]
    labels: Vec<PathBuf>,
    /// The rule set, TOML; the built-in one if not given
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,
    /// The guidelines it cites, Markdown; the built-in ones if not given
    #[arg(long, value_name = "FILE", requires = "rules")]
    guidelines: Option<PathBuf>,
    /// Also counts by the values of this column
    #[arg(long, value_name = "COLUMN")]
    by: Option<String>,
    /// How many rules with false alarms, and how many missed comments, are listed per dataset
    #[arg(long, value_name = "N", default_value_t = 5)]
    show: usize,
    /// Prints JSON
    #[arg(long)]
    json: bool,
}

/// Measures and prints.
pub(crate) fn run(args: &EvaluateArgs) -> anyhow::Result<()> {
    let rules = match &args.rules {
        Some(file) => read_rules(file, args.guidelines.as_deref())?.1,
        None => builtin_rules()?,
    };
    let mut quality = Vec::with_capacity(args.labels.len());
    for file in &args.labels {
        quality.push(measure(&rules, &Dataset::read(file, args.by.as_deref())?, args.show));
    }
    if args.json {
        println!(
            "{}",
            serde_json::to_string_pretty(&print::Document { rules: rules.version(), datasets: &quality })?
        );
    } else {
        print!("{}", print::for_people(rules.version(), &quality));
    }
    Ok(())
}
