//! `moderato doctor`: whether an installation is as it should be. `moderato audit`: whether the audit
//! log is.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::bail;
use moderato_console::RuleDesk;
use moderato_domain::{CommentName, SystemClock, Timestamp};
use moderato_runtime::config::Config;
use moderato_store::{Store, verify_audit};

use crate::compose;
use crate::config_args::ConfigArgs;
use crate::terminal::{counted, table, thousands};

/// Comments read at once.
const PAGE: u32 = 5_000;
/// Broken comments that are named.
const NAMED: usize = 3;

/// Where the installation is.
#[derive(Debug, clap::Args)]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    config: ConfigArgs,
}

/// The log of who did what.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum AuditCommand {
    /// Checks that no entry was changed, put in or taken out
    Verify(DoctorArgs),
}

/// What a check found: fine, or not.
type Finding = Result<String, String>;

/// Runs every check, and fails if one does.
pub(crate) async fn run(args: DoctorArgs) -> anyhow::Result<()> {
    let config = args.config.load()?;
    // Opening it brings the schema up to date, and refuses one of a newer release.
    let (store, closing) = compose::store(&config).await?;
    let [queues, objections] = standings(&*store).await;
    let findings = [
        ("schema", Ok("up to date".to_owned())),
        ("store", writable(&*store).await),
        ("queues of moderators", queues),
        ("reports and appeals", objections),
        ("effects of decisions", effects(&*store).await),
        ("audit log", audit(&*store).await),
        ("rules in force", rules(&store).await),
        ("dead letters", dead_letters(&config).await),
    ];
    closing.close().await;

    let failed = findings.iter().filter(|(_, finding)| finding.is_err()).count();
    let checks = findings.len();
    let lines: Vec<Vec<String>> = findings
        .into_iter()
        .map(|(check, finding)| {
            let (mark, words) = match finding {
                Ok(words) => ("ok", words),
                Err(words) => ("FAILS", words),
            };
            vec![check.to_owned(), mark.to_owned(), words]
        })
        .collect();
    print!("{}", table(&["CHECK", "", "WHAT WAS FOUND"], &lines));
    if failed > 0 {
        bail!("{failed} of {checks} checks fail");
    }
    Ok(())
}

/// Runs the command.
pub(crate) async fn run_audit(command: AuditCommand) -> anyhow::Result<()> {
    let AuditCommand::Verify(args) = command;
    let (store, closing) = compose::store(&args.config.load()?).await?;
    let finding = audit(&*store).await;
    closing.close().await;
    match finding {
        Ok(words) => println!("{words}"),
        Err(words) => bail!("{words}"),
    }
    Ok(())
}

async fn writable(store: &dyn Store) -> Finding {
    store.ready().await.map(|()| "answers and can be written".to_owned()).map_err(|error| error.to_string())
}

/// Where each comment waits must follow from how it stands, and whether readers or its author object must
/// be what they filed.
async fn standings(store: &dyn Store) -> [Finding; 2] {
    let (mut after, mut comments, mut reports, mut appeals) = (None, 0_u64, 0_u64, 0_u64);
    let (mut misplaced, mut miscounted) = (Vec::new(), Vec::new());
    let mut waiting: BTreeMap<_, u64> = BTreeMap::new();
    loop {
        let page = match store.standings(after.as_ref(), PAGE).await {
            Ok(page) => page,
            Err(error) => return [Err(error.to_string()), Err(error.to_string())],
        };
        let Some(last) = page.last() else { break };
        after = Some(last.comment.clone());
        comments += page.len() as u64;
        for kept in page {
            if let Some(queue) = kept.queue {
                *waiting.entry(queue).or_default() += 1;
            }
            reports += u64::from(kept.open_reports);
            appeals += u64::from(kept.open_appeal);
            if kept.queue != kept.case.queue() {
                misplaced.push(kept.comment.to_string());
            }
            if (kept.open_reports, kept.open_appeal) != (kept.case.reports, kept.case.appealed) {
                miscounted.push(kept.comment.to_string());
            }
        }
    }
    let waiting = waiting.iter().map(|(queue, count)| format!(", {} {}", thousands(*count), queue.as_str()));
    let queues = format!("{}{}", counted(comments, "comment", "comments"), waiting.collect::<String>());
    let (reports, appeals) = (counted(reports, "report", "reports"), counted(appeals, "appeal", "appeals"));
    let objections = format!("open: {reports}, {appeals}");
    let finding = |wrong: Vec<String>, fine: String, what: &str| match wrong.len() {
        0 => Ok(fine),
        count => {
            let named = &wrong[..count.min(NAMED)];
            Err(format!("{count} of {comments} comments {what}, such as {}", named.join(", ")))
        }
    };
    [
        finding(misplaced, queues, "wait in the wrong queue"),
        finding(miscounted, objections, "are not reported or appealed as was filed"),
    ]
}

/// What follows from decisions and rejections must be carried out. What was set aside is tried again by
/// itself, and somebody should look why.
async fn effects(store: &dyn Store) -> Finding {
    let ever = Timestamp::from_millis(i64::MAX);
    let due = store.due_effects(ever, PAGE).await.map_err(|error| error.to_string())?;
    let decisions = due.iter().filter(|effect| effect.attempts > 0).map(|effect| &effect.comment);
    let rejections = store.rejections_set_aside(ever, PAGE).await.map_err(|error| error.to_string())?;
    let aside: Vec<String> =
        decisions.chain(rejections.iter().map(|due| &due.comment)).map(CommentName::to_string).collect();
    match aside.len() {
        0 => Ok("none is set aside".to_owned()),
        count => {
            let named = aside[..count.min(NAMED)].join(", ");
            Err(format!(
                "{count} cannot be carried out, such as about {named}: the log of the console role says why"
            ))
        }
    }
}

async fn audit(store: &dyn Store) -> Finding {
    match verify_audit(store).await {
        Ok(Ok(entries)) => Ok(format!("{}, unchanged", counted(entries, "entry", "entries"))),
        Ok(Err(fault)) => Err(fault.to_string()),
        Err(error) => Err(error.to_string()),
    }
}

/// What is in force must compile with this release.
async fn rules(store: &Arc<dyn Store>) -> Finding {
    let in_force = store.rules_in_force().await.map_err(|error| error.to_string())?;
    let Some(active) = in_force.active else { return Err("none: start the service once".to_owned()) };
    let desk = RuleDesk::new(Arc::clone(store), Arc::new(SystemClock));
    for version in [Some(&active), in_force.shadow.as_ref()].into_iter().flatten() {
        desk.stored(version).await.map_err(|error| format!("{version}: {error}"))?;
    }
    let shadow = in_force.shadow.map(|shadow| format!(", {shadow} as a shadow")).unwrap_or_default();
    Ok(format!("{active}{shadow}"))
}

async fn dead_letters(config: &Config) -> Finding {
    let (queue, closing) = compose::queue(config).await.map_err(|error| error.to_string())?;
    let depth = queue.depth().await;
    closing.close().await;
    match depth.map_err(|error| error.to_string())?.dead {
        0 => Ok("none".to_owned()),
        dead => Err(format!("{}: `moderato queue dead list` says why", thousands(dead))),
    }
}
