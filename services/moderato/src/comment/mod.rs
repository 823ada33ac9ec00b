//! `moderato comment`: look at a comment, understand its verdict, decide about it.

mod replay;
mod tree;

use anyhow::{Context as _, bail};
use moderato_api::pb::query as pb;
use moderato_api::pb::rules::ExplainCommentRequest;
use moderato_api::pb::types::Comment;
use moderato_domain::{
    Actor, Clock as _, Decision, DecisionId, DecisionKind, Ids as _, SiteId, SystemClock, SystemIds, Target,
};
use moderato_runtime::config::Config;
use moderato_store::{DecideRefusal, Decided};

use crate::client::{self, Client, ConnectionArgs};
use crate::compose;
use crate::config_args::ConfigArgs;
use crate::terminal::{Marks, visible, visible_lines};
use crate::verdict_text::{self, Detail, Texts};

/// Looks at comments and decides about them.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum CommentCommand {
    /// Lists comments, newest first: what waits for a human, unless told otherwise
    List(ListArgs),
    /// Shows a comment and its state
    Show(ShowArgs),
    /// Shows why it was judged as it was: every reason, with the matched words marked
    Explain(ExplainArgs),
    /// Makes a stored verdict again: the result must be the same, or shows what today's rules say
    Replay(replay::ReplayArgs),
    /// Publishes it
    Approve(DecideArgs),
    /// Hides it: it breaks the guidelines
    Reject(DecideArgs),
    /// Hides it: it is unsolicited advertising
    Spam(DecideArgs),
}

/// Which comments to list.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  moderato comment list --action reject --limit 5\n  \
                        moderato comment list --filter 'state = PUBLISHED AND thread = post-1' --names")]
pub(crate) struct ListArgs {
    /// Terms joined by AND over state, action and thread
    #[arg(long, default_value = "state = PENDING", conflicts_with = "action")]
    filter: String,
    /// Short for a filter of this recommendation: allow, review or reject
    #[arg(long)]
    action: Option<String>,
    /// At most so many
    #[arg(long, default_value_t = 20, value_name = "N", value_parser = clap::value_parser!(i32).range(1..=500))]
    limit: i32,
    /// Only the names, for other commands
    #[arg(long)]
    names: bool,
    #[command(flatten)]
    connection: ConnectionArgs,
}

/// Which comment to show.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  moderato comment explain 7b1d5c1e-0000-8000-8000-000000000000\n  \
                        moderato comment show sites/blog/comments/c-17")]
pub(crate) struct ShowArgs {
    /// sites/SITE/comments/ID, or only the ID
    name: String,
    #[command(flatten)]
    connection: ConnectionArgs,
}

/// Which verdict to explain, and how deeply.
#[derive(Debug, clap::Args)]
pub(crate) struct ExplainArgs {
    #[command(flatten)]
    comment: ShowArgs,
    /// Also what every rule asked, branch by branch (from the console role)
    #[arg(long)]
    rules: bool,
}

/// What to decide, and why.
#[derive(Debug, clap::Args)]
#[command(after_help = "Acts on the store directly, with the service's configuration.\n\nExamples:\n  \
                        moderato comment approve c-17 --by ann\n  \
                        moderato comment reject c-18 --guideline be-kind --note \"third time\"")]
pub(crate) struct DecideArgs {
    /// sites/SITE/comments/ID, or only the ID
    name: String,
    /// Who decides
    #[arg(long, default_value = "operator")]
    by: String,
    /// The guideline section that was broken
    #[arg(long, value_name = "SECTION")]
    guideline: Option<String>,
    /// Words for other moderators
    #[arg(long)]
    note: Option<String>,
    /// Only if this is still the newest version
    #[arg(long)]
    revision: Option<i64>,
    /// The site of a short ID, if it is not the one in cli.toml
    #[arg(long, env = "MODERATO_SITE")]
    site: Option<String>,
    #[command(flatten)]
    config: ConfigArgs,
}

/// Runs the command.
pub(crate) async fn run(command: CommentCommand) -> anyhow::Result<()> {
    match command {
        CommentCommand::List(args) => list(args).await,
        CommentCommand::Show(args) => show(args).await,
        CommentCommand::Explain(args) => explain(args).await,
        CommentCommand::Replay(args) => replay::run(args).await,
        CommentCommand::Approve(args) => decide(args, DecisionKind::Approve).await,
        CommentCommand::Reject(args) => decide(args, DecisionKind::Reject).await,
        CommentCommand::Spam(args) => decide(args, DecisionKind::Spam).await,
    }
}

async fn list(args: ListArgs) -> anyhow::Result<()> {
    let mut client = args.connection.connect().await?;
    let filter = args.action.map_or(args.filter, |action| format!("action = {}", action.to_uppercase()));
    let request = pb::ListCommentsRequest {
        parent: client.parent(),
        page_size: args.limit,
        page_token: String::new(),
        filter,
    };
    let page =
        client.query.list_comments(request).await.map_err(|status| client::explain(&status))?.into_inner();
    for comment in &page.comments {
        if args.names {
            println!("{}", visible(&comment.name));
            continue;
        }
        let opening: String =
            comment.body.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(60).collect();
        println!(
            "{:<36}  {:<9}  {:<6}  {:>+6.1}  {}",
            visible(comment.name.rsplit('/').next().unwrap_or_default()),
            verdict_text::state(comment.state),
            verdict_text::action(comment.action),
            comment.score,
            visible(&opening)
        );
    }
    if !args.names && !page.next_page_token.is_empty() {
        println!("… and more; see --limit");
    }
    Ok(())
}

async fn show(args: ShowArgs) -> anyhow::Result<()> {
    let mut client = args.connection.connect().await?;
    let comment = fetch(&mut client, &args.name).await?;
    print!("{}", heading(&comment));
    println!("\ntext\n{}", visible_lines(&comment.body, "  "));
    println!("\nverdict   {} score {:+}", verdict_text::action(comment.action), comment.score);
    println!("why       moderato comment explain {}", visible(&comment.name));
    Ok(())
}

async fn explain(args: ExplainArgs) -> anyhow::Result<()> {
    let mut client = args.comment.connection.connect().await?;
    let comment = fetch(&mut client, &args.comment.name).await?;
    let request = pb::GetVerdictRequest { comment: comment.name.clone(), revision: comment.revision };
    let verdict =
        client.query.get_verdict(request).await.map_err(|status| client::explain(&status))?.into_inner();
    let author = comment.author.clone().unwrap_or_default();
    let texts = Texts { body: &comment.body, author_name: &author.display_name, author_url: &author.url };
    println!("{}", heading(&comment));
    print!("{}", verdict_text::verdict(&verdict, texts, Detail::Signals, Marks::for_stdout()));
    if args.rules {
        let request = ExplainCommentRequest { comment: comment.name.clone(), revision: comment.revision };
        let explained = client.rules.explain_comment(request).await;
        print!("{}", tree::told(&explained.map_err(|status| client::explain(&status))?.into_inner()));
    }
    Ok(())
}

async fn fetch(client: &mut Client, name: &str) -> anyhow::Result<Comment> {
    let name = client.comment_name(name)?.to_string();
    let request = pb::GetCommentRequest { name };
    Ok(client.query.get_comment(request).await.map_err(|status| client::explain(&status))?.into_inner())
}

fn heading(comment: &Comment) -> String {
    let author = comment.author.clone().unwrap_or_default();
    let kind = if author.guest { "guest" } else { "signed in" };
    let decided = if comment.decided { ", decided by a human" } else { "" };
    let mut lines = vec![
        ("comment", visible(&comment.name)),
        ("thread", visible(&comment.thread)),
        ("revision", comment.revision.to_string()),
        ("state", format!("{}{decided}", verdict_text::state(comment.state))),
        ("author", format!("{} ({kind})", visible(&author.display_name))),
        ("website", visible(&author.url)),
        ("answers", visible(&comment.parent)),
        ("language", visible(&comment.language)),
        ("permalink", visible(&comment.permalink)),
        ("written", verdict_text::time(comment.create_time.as_ref())),
        ("accepted", verdict_text::time(comment.accept_time.as_ref())),
    ];
    lines.retain(|(_, value)| !value.is_empty());
    lines.into_iter().map(|(label, value)| format!("{label:<9} {value}\n")).collect::<Vec<_>>().concat()
}

async fn decide(args: DecideArgs, kind: DecisionKind) -> anyhow::Result<()> {
    let config = args.config.load()?;
    let name = client::comment_name(&args.name, known_site(args.site.as_deref(), &config)?.as_ref())?;
    let (store, closing) = compose::store(&config).await?;
    let comment = store.comment(&name).await?.with_context(|| format!("there is no comment {name}"))?;
    if args.revision.is_some_and(|wanted| wanted != comment.revision.get()) {
        bail!("the newest revision is {}: look at it first", comment.revision.get());
    }
    let now = SystemClock.now();
    let decision = Decision {
        id: DecisionId(SystemIds.time_ordered()),
        site: name.site,
        targets: vec![Target { comment: name.comment, revision: comment.revision, version: None }],
        kind,
        actor: Actor { name: args.by, ..Actor::operator() },
        guideline: args.guideline,
        message: None,
        note: args.note,
        over_claim: true,
        decide_time: now,
        undo_until: now,
    };
    for outcome in store.decide(&decision).await? {
        let decided = match outcome {
            Decided::Applied { comment, .. } => comment,
            Decided::Refused(DecideRefusal::Stale(_)) => bail!("it was edited meanwhile: look at it again"),
            Decided::Refused(refusal) => return Err(refusal.into()),
        };
        println!("{}: {} → {}", decided.name, comment.state.as_str(), decided.state.as_str());
    }
    closing.close().await;
    Ok(())
}

/// The site of a short id: the one given, else the one in `cli.toml`.
fn known_site(given: Option<&str>, config: &Config) -> anyhow::Result<Option<SiteId>> {
    match given {
        Some(site) => Ok(Some(SiteId::parse(site)?)),
        None => Ok(client::read_credentials(&config.data_dir)?
            .map(|kept| SiteId::parse(&kept.site))
            .transpose()?),
    }
}
