//! `moderato queue`: how much waits, and what to do about dead letters.

use std::time::Duration;

use anyhow::bail;
use moderato_api::internal::{self, Submission};
use moderato_queue::{DeadLetter, DeadSelection, KIND_SUBMISSIONS, SCHEMA};
use uuid::Uuid;

use crate::compose;
use crate::config_args::ConfigArgs;
use crate::terminal::{table, thousands, visible, visible_lines};
use crate::verdict_text::timestamp;

/// Dead letters that are looked at when one is searched for.
const SEARCH_LIMIT: usize = 100_000;

/// Shows how much waits, and settles dead letters.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum QueueCommand {
    /// Counts what waits, is held back for a retry, or was given up
    Status(StatusArgs),
    /// Looks at dead letters: messages that could not be processed
    #[command(subcommand)]
    Dead(DeadCommand),
}

/// Where the queue is.
#[derive(Debug, clap::Args)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    config: ConfigArgs,
}

/// What to do with dead letters.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum DeadCommand {
    /// Lists them, oldest first, with the reason
    List(ListArgs),
    /// Shows what is in one
    Show(ShowArgs),
    /// Puts them back to work, with their attempts reset
    #[command(
        after_help = "Examples:\n  moderato queue dead redrive --all\n  moderato queue dead redrive ID ID"
    )]
    Redrive(SelectArgs),
    /// Deletes them for good
    #[command(after_help = "Examples:\n  moderato queue dead drop ID\n  moderato queue dead drop --all")]
    Drop(SelectArgs),
}

/// How many to list.
#[derive(Debug, clap::Args)]
pub(crate) struct ListArgs {
    /// At most so many
    #[arg(long, default_value_t = 50)]
    limit: usize,
    #[command(flatten)]
    config: ConfigArgs,
}

/// Which one to show.
#[derive(Debug, clap::Args)]
pub(crate) struct ShowArgs {
    /// Its id, from `list`
    id: Uuid,
    #[command(flatten)]
    config: ConfigArgs,
}

/// Which ones to settle.
#[derive(Debug, clap::Args)]
pub(crate) struct SelectArgs {
    /// Their ids, from `list`
    #[arg(required_unless_present = "all")]
    ids: Vec<Uuid>,
    /// All of them
    #[arg(long, conflicts_with = "ids")]
    all: bool,
    #[command(flatten)]
    config: ConfigArgs,
}

impl SelectArgs {
    fn selection(&self) -> DeadSelection {
        if self.all { DeadSelection::All } else { DeadSelection::Ids(self.ids.clone()) }
    }
}

/// Runs the command.
pub(crate) async fn run(command: QueueCommand) -> anyhow::Result<()> {
    match command {
        QueueCommand::Status(args) => status(&args).await,
        QueueCommand::Dead(DeadCommand::List(args)) => list(&args).await,
        QueueCommand::Dead(DeadCommand::Show(args)) => show(&args).await,
        QueueCommand::Dead(DeadCommand::Redrive(args)) => {
            let (queue, closing) = compose::queue(&args.config.load()?).await?;
            let moved = queue.redrive(&args.selection()).await?;
            println!("{} back to work", thousands(moved));
            closing.close().await;
            all_found(&args, moved)
        }
        QueueCommand::Dead(DeadCommand::Drop(args)) => {
            let (queue, closing) = compose::queue(&args.config.load()?).await?;
            let dropped = queue.drop_dead(&args.selection()).await?;
            println!("{} deleted", thousands(dropped));
            closing.close().await;
            all_found(&args, dropped)
        }
    }
}

fn all_found(args: &SelectArgs, found: u64) -> anyhow::Result<()> {
    if !args.all && found < args.ids.len() as u64 {
        bail!("{} of the ids are no dead letters (any more)", args.ids.len() as u64 - found);
    }
    Ok(())
}

async fn status(args: &StatusArgs) -> anyhow::Result<()> {
    let (queue, closing) = compose::queue(&args.config.load()?).await?;
    let depth = queue.depth().await?;
    let or_unknown = |value: Option<String>| value.unwrap_or_else(|| "not known".to_owned());
    let none_waits = || if depth.ready == 0 { "none waits" } else { "not known" }.to_owned();
    let oldest = depth.oldest_age.map_or_else(none_waits, age);
    let rows = [
        ("ready", thousands(depth.ready), "messages that wait for a worker"),
        ("retrying", thousands(depth.retrying), "held back until their next attempt"),
        ("dead", thousands(depth.dead), "given up; see `moderato queue dead list`"),
        ("oldest", oldest, "age of the oldest that waits"),
        ("consumers", or_unknown(depth.consumers.map(|n| n.to_string())), "workers attached"),
    ];
    let rows: Vec<Vec<String>> =
        rows.into_iter().map(|(name, value, meaning)| vec![name.into(), value, meaning.into()]).collect();
    print!("{}", table(&["queue", "now", "meaning"], &rows));
    closing.close().await;
    Ok(())
}

async fn list(args: &ListArgs) -> anyhow::Result<()> {
    let (queue, closing) = compose::queue(&args.config.load()?).await?;
    let letters = queue.dead_letters(args.limit).await?;
    let rows: Vec<Vec<String>> = letters
        .iter()
        .map(|DeadLetter { envelope }| {
            let reason = visible(envelope.last_error.as_deref().unwrap_or("no reason was kept"));
            vec![
                envelope.message_id.to_string(),
                envelope.items.to_string(),
                timestamp(envelope.first_accept),
                envelope.attempt.to_string(),
                reason.chars().take(100).collect(),
            ]
        })
        .collect();
    if rows.is_empty() {
        println!("no dead letters");
    } else {
        print!("{}", table(&["id", "comments", "accepted", "retries", "reason"], &rows));
    }
    closing.close().await;
    Ok(())
}

async fn show(args: &ShowArgs) -> anyhow::Result<()> {
    let (queue, closing) = compose::queue(&args.config.load()?).await?;
    let letters = queue.dead_letters(SEARCH_LIMIT).await?;
    closing.close().await;
    let Some(DeadLetter { envelope }) =
        letters.into_iter().find(|letter| letter.envelope.message_id == args.id)
    else {
        bail!("there is no dead letter {}", args.id);
    };
    println!("id        {}", envelope.message_id);
    println!("reason    {}", visible(envelope.last_error.as_deref().unwrap_or("no reason was kept")));
    println!("kind      {} (schema {})", visible(&envelope.kind), envelope.schema);
    println!("accepted  {}", timestamp(envelope.first_accept));
    println!("retries   {}", envelope.attempt);
    println!("size      {} bytes, {} submissions", envelope.body.len(), envelope.items);
    if envelope.kind != KIND_SUBMISSIONS || envelope.schema > SCHEMA {
        println!("\nthis release cannot read the body: it was written by another or newer one");
        return Ok(());
    }
    match internal::decode(&envelope.body) {
        Err(error) => println!("\nthe body cannot be read: {}", visible(&error.to_string())),
        Ok(items) => {
            for (index, item) in items.into_iter().enumerate() {
                println!("\nsubmission {index}");
                print_submission(item.submission);
            }
        }
    }
    Ok(())
}

/// Mail and IP addresses are left out: a terminal's history is no place for them.
fn print_submission(item: Result<Submission, internal::DecodeError>) {
    match item {
        Err(error) => println!("  cannot be read: {}", visible(&error.to_string())),
        Ok(Submission::Withdrawal(withdrawal)) => println!("  withdrawal of {}", withdrawal.comment),
        Ok(Submission::Comment(comment)) => {
            println!(
                "  comment   sites/{}/comments/{} revision {}",
                comment.site,
                comment.id,
                comment.revision.get()
            );
            println!("  thread    {}", comment.thread);
            println!("  author    {}", visible(&comment.author.display_name));
            if let Some(url) = &comment.author.url {
                println!("  website   {}", visible(url));
            }
            println!("  written   {}", timestamp(comment.create_time));
            println!("  text\n{}", visible_lines(&comment.body, "    "));
        }
    }
}

fn age(age: Duration) -> String {
    match age.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7200 => format!("{} min", seconds / 60),
        seconds => format!("{} h", seconds / 3600),
    }
}
