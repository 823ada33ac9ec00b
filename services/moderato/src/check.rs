//! `moderato check`: what would the rules in force say about a text? Nothing is stored.

use std::io::Read as _;

use anyhow::Context as _;
use moderato_api::pb::ingest as pb;

use crate::client::{self, ConnectionArgs};
use crate::terminal::Marks;
use crate::verdict_text::{self, Detail, Texts};

/// Asks what the rules in force say about a text; nothing is stored.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  moderato check \"great post, thank you\"\n  \
                        moderato check --name SEO-King --url https://cheap.example \"visit my site\"\n  \
                        moderato check - < comment.txt\n\nExit codes: 0 judged, whatever the verdict; 1 could not be judged.")]
pub(crate) struct CheckArgs {
    /// The text; - reads it from standard input
    text: String,
    /// Name of the author
    #[arg(long, default_value = "Guest")]
    name: String,
    /// Mail address of the author
    #[arg(long, default_value = "")]
    email: String,
    /// Website of the author
    #[arg(long, default_value = "")]
    url: String,
    /// Page that the comment would be on
    #[arg(long, default_value = "check")]
    thread: String,
    /// IP address of the author
    #[arg(long, default_value = "")]
    ip: String,
    /// Language, such as en
    #[arg(long, default_value = "")]
    language: String,
    /// Also print every signal
    #[arg(long)]
    signals: bool,
    #[command(flatten)]
    connection: ConnectionArgs,
}

/// Judges and prints.
pub(crate) async fn run(args: CheckArgs) -> anyhow::Result<()> {
    let body = if args.text == "-" { read_stdin()? } else { args.text.clone() };
    let mut client = args.connection.connect().await?;
    let request = pb::CheckCommentRequest {
        parent: client.parent(),
        comment: Some(pb::CommentDraft {
            thread: args.thread,
            author: Some(pb::Author {
                display_name: args.name.clone(),
                email: args.email,
                url: args.url.clone(),
                ..pb::Author::default()
            }),
            body: body.clone(),
            language: args.language,
            client: Some(pb::Client { ip: args.ip, ..pb::Client::default() }),
            ..pb::CommentDraft::default()
        }),
    };
    let answer =
        client.ingest.check_comment(request).await.map_err(|status| client::explain(&status))?.into_inner();
    let verdict = answer.verdict.context("the answer holds no verdict")?;
    let texts = Texts { body: &body, author_name: &args.name, author_url: &args.url };
    let detail = if args.signals { Detail::Signals } else { Detail::Reasons };
    print!("{}", verdict_text::verdict(&verdict, texts, detail, Marks::for_stdout()));
    if verdict.provisional {
        println!(
            "\nprovisional: nothing was stored; a submitted comment is judged with all facts known by then"
        );
    }
    Ok(())
}

fn read_stdin() -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    std::io::stdin().lock().read_to_end(&mut bytes).context("cannot read standard input")?;
    String::from_utf8(bytes).context("standard input is not UTF-8")
}
