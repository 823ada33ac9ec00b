//! The pages of a running installation, as a signed-in moderator's browser gets them, and `ListQueue`.

use anyhow::{Context as _, ensure};
use moderato_api::pb::review::{GetQueueItemRequest, ListQueueRequest, Queue};
use moderato_tests::deployment::{Deployment, SITE};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::load::SESSION;
use super::measure::Table;

/// Most that is shown of the items of a page.
const ITEMS: usize = 10;

/// Asks for every page that shows comments.
pub(crate) async fn measure(deployment: &Deployment, table: &mut Table) -> anyhow::Result<()> {
    let console = deployment.console_url();
    let console = console.strip_prefix("http://").context("not encrypted")?;
    let get = async |path: &str| get(console, path).await;
    let base = format!("/{SITE}");

    let lists = [
        "queue",
        "queue?queue=escalated",
        "queue?queue=flagged",
        "queue?queue=pending",
        "queue?queue=spam",
        "queue?category=quality",
        "queue?category=privacy",
        "queue?page=post-0",
        "queue?page=post-77",
        "queue?author=00000000000000000000000000000000",
    ];
    for list in lists {
        let path = format!("{base}/{list}");
        table.page(&format!("page {list}"), async |_| Ok(get(&path).await?)).await?;
    }
    let list = format!("{base}/queue?");
    let mut path = format!("{base}/queue");
    let ask = async |_| {
        let page = get(&path).await?;
        let more = page.split('"').find(|part| part.starts_with(&list) && part.contains("after="));
        path = more.context("there is more")?.replace("&amp;", "&").replace("&#38;", "&");
        Ok(())
    };
    table.page("page queue, one after the other", ask).await?;

    for queue in ["flagged", "spam", "pending"] {
        let list = get(&format!("{base}/queue?queue={queue}")).await?;
        let items = comments(&list, &base);
        ensure!(!items.is_empty(), "no items in the list:\n{list}");
        let ask = async |time: usize| Ok(get(&items[time % items.len()]).await?);
        table.page(&format!("page of a comment, {queue}"), ask).await?;
    }
    let spam = comments(&get(&format!("{base}/queue?queue=spam")).await?, &base);
    let campaign = format!("{}/campaign?do=reject", spam.first().context("an item")?);
    let ask = async |_| Ok(get(&campaign).await?);
    table.page("page of a whole campaign", ask).await?;
    let others = [
        "/account",
        "/audit",
        "/settings",
        "/sites/blog/history",
        "/sites/blog/numbers?days=7",
        "/sites/blog/numbers?days=90",
        "/sites/blog/people",
        "/sites/blog/second-look",
        "/sites/blog/statements",
    ];
    for path in others {
        table.page(&format!("page {path}"), async |_| Ok(get(path).await?)).await?;
    }
    list_queue(deployment, table).await
}

async fn list_queue(deployment: &Deployment, table: &mut Table) -> anyhow::Result<()> {
    let arguments = ["keys", "create", "--site", "blog", "--label", "mo", "--roles", "moderator"];
    let printed = deployment.cli_ok(&arguments).await;
    let key = printed.split_whitespace().find(|word| word.starts_with("mk_")).context("a key")?;
    let mut client = deployment.reviews_as(key).max_decoding_message_size(usize::MAX);
    let mut asked = ListQueueRequest { parent: SITE.to_owned(), ..ListQueueRequest::default() };
    moderato_tests::eventually("the key works", std::time::Duration::from_secs(20), async || {
        deployment.reviews_as(key).list_queue(asked.clone()).await.ok()
    })
    .await;
    let mut name = String::new();
    let ask = async |_| {
        let page = client.list_queue(asked.clone()).await?.into_inner();
        asked.page_token = page.next_page_token;
        name = page.items.first().and_then(|item| item.comment.clone()).context("an item")?.name;
        Ok(())
    };
    table.page("ListQueue, one page after the other", ask).await?;
    for queue in [Queue::Flagged, Queue::Pending, Queue::Spam] {
        let asked = ListQueueRequest {
            parent: SITE.to_owned(),
            queue: queue.into(),
            page_size: 200,
            ..ListQueueRequest::default()
        };
        let ask = async |_| Ok(client.list_queue(asked.clone()).await?);
        table.page(&format!("ListQueue, 200 of {}", queue.as_str_name()), ask).await?;
    }
    let asked = GetQueueItemRequest { name };
    table.page("GetQueueItem", async |_| Ok(client.get_queue_item(asked.clone()).await?)).await
}

/// Addresses of comments in a page.
fn comments(page: &str, base: &str) -> Vec<String> {
    let prefix = format!("{base}/comments/");
    let mut found: Vec<String> = page
        .split('"')
        .filter(|part| part.strip_prefix(&prefix).is_some_and(|id| !id.contains(['/', '?'])))
        .map(str::to_owned)
        .collect();
    found.dedup();
    found.truncate(ITEMS);
    found
}

/// The text of a page, on a connection of its own.
async fn get(console: &str, path: &str) -> anyhow::Result<String> {
    let mut socket = TcpStream::connect(console).await?;
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: {console}\r\ncookie: moderato={SESSION}\r\nconnection: close\r\n\r\n"
    );
    socket.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).await?;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    ensure!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
    Ok(answer)
}
