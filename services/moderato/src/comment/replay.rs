//! `moderato comment replay`: a stored verdict made again, by the rules of its time or of today.

use std::fmt::Write as _;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use moderato_console::RuleDesk;
use moderato_console::rules::replay::{Against, Replay};
use moderato_domain::{Evaluation, Reason, Revision, SystemClock};

use super::known_site;
use crate::client;
use crate::compose;
use crate::config_args::ConfigArgs;
use crate::terminal::visible;

/// Which verdict.
#[derive(Debug, clap::Args)]
#[command(after_help = "Acts on the store directly, with the service's configuration.\n\
                        Exit codes: 0 replayed (and identical, by the rules of its time), 1 not.\n\nExamples:\n  \
                        moderato comment replay c-17\n  moderato comment replay c-17 --against active")]
pub(crate) struct ReplayArgs {
    /// sites/SITE/comments/ID, or only the ID
    name: String,
    /// Not the newest version but this one
    #[arg(long)]
    revision: Option<i64>,
    /// By the rules of its time, or those in force now
    #[arg(long, value_enum, default_value_t = Rules::Stored)]
    against: Rules,
    /// The site of a short ID, if it is not the one in cli.toml
    #[arg(long, env = "MODERATO_SITE")]
    site: Option<String>,
    #[command(flatten)]
    config: ConfigArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Rules {
    /// The version that the verdict names
    Stored,
    /// The version in force
    Active,
}

/// Replays and prints.
pub(super) async fn run(args: ReplayArgs) -> anyhow::Result<()> {
    let config = args.config.load()?;
    let name = client::comment_name(&args.name, known_site(args.site.as_deref(), &config)?.as_ref())?;
    let revision = args.revision.map(Revision::new).transpose()?;
    let against = match args.against {
        Rules::Stored => Against::Stored,
        Rules::Active => Against::Active,
    };
    let (store, closing) = compose::store(&config).await?;
    let replay = RuleDesk::new(store, Arc::new(SystemClock)).replay(&name, revision, against).await;
    closing.close().await;
    let replay = replay?.with_context(|| format!("there is no verdict of {name}"))?;
    print!("{}", told(&replay));
    if args.against == Rules::Stored && !replay.is_identical() {
        bail!("the verdict was not reproduced");
    }
    Ok(())
}

// Writing into a String cannot fail, here and below.
fn told(replay: &Replay) -> String {
    let (stored, again) = (&replay.judged.verdict.evaluation, &replay.again);
    let mut out = String::new();
    let _ = writeln!(out, "{} revision {}", replay.judged.comment.name(), replay.judged.comment.revision);
    let _ = writeln!(out, "  was  {}", summary(stored));
    let _ = writeln!(out, "  is   {}", summary(again));
    if replay.is_identical() {
        out.push_str("identical\n");
        return out;
    }
    for reason in stored.reasons.iter().filter(|reason| !again.reasons.contains(reason)) {
        let _ = writeln!(out, "- {}", line(reason));
    }
    for reason in again.reasons.iter().filter(|reason| !stored.reasons.contains(reason)) {
        let _ = writeln!(out, "+ {}", line(reason));
    }
    for signal in stored.signals.iter().filter(|signal| !again.signals.contains(signal)) {
        let _ = writeln!(out, "- signal {} = {:?}", signal.id, signal.value);
    }
    for signal in again.signals.iter().filter(|signal| !stored.signals.contains(signal)) {
        let _ = writeln!(out, "+ signal {} = {:?}", signal.id, signal.value);
    }
    out
}

fn summary(evaluation: &Evaluation) -> String {
    format!(
        "{} score {} by {}",
        evaluation.action.as_str().to_uppercase(),
        evaluation.score,
        evaluation.rule_set
    )
}

fn line(reason: &Reason) -> String {
    let weight =
        reason.action.map_or_else(|| reason.score.to_string(), |action| action.as_str().to_uppercase());
    format!("{weight} {}: {}", reason.rule, visible(&reason.note))
}
