//! What the pages ask of the store, and decisions.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use moderato_domain::{
    Actor, Clock as _, CommentId, CommentName, Decision, DecisionId, DecisionKind, Ids as _, ReviewQueue,
    SiteId, Stopwatch, SystemClock, SystemIds, Target,
};
use moderato_store::{
    Decided, DecisionFilter, DecisionPosition, QueueFilter, QueueItem, QueuePosition, Store, StoredComment,
    UNDO_WINDOW,
};
use tokio::task::JoinSet;

use super::measure::{DECISION, Table};

/// Moderators at once.
const MODERATORS: usize = 50;

/// Items that all of them want to decide.
const CONTESTED: usize = 60;

/// Decisions of each moderator who works at a usual pace: one a second.
const PACED: usize = 8;

/// Decisions that are made one after the other.
const DECISIONS: usize = 200;

/// Asks everything that pages ask, and decides.
pub(crate) async fn measure(store: Arc<dyn Store>, table: &mut Table) -> anyhow::Result<()> {
    let site = SiteId::parse("blog")?;
    read(&*store, &site, table).await?;
    decide(store, &site, table).await
}

/// A page of a list, and the place after its last item.
async fn page(
    store: &dyn Store,
    site: &SiteId,
    filter: &QueueFilter,
    after: Option<&QueuePosition>,
) -> anyhow::Result<Vec<QueueItem>> {
    Ok(store.queue_page(site, filter, after, 50, SystemClock.now()).await?)
}

async fn read(store: &dyn Store, site: &SiteId, table: &mut Table) -> anyhow::Result<()> {
    let all = QueueFilter::default();
    table.page("queue_counts", async |_| Ok(store.queue_counts(site).await?)).await?;
    table.page("queue_page, all queues", async |_| Ok(page(store, site, &all, None).await?)).await?;
    let mut after = None;
    table
        .page("queue_page, one after the other", async |_| {
            after = page(store, site, &all, after.as_ref()).await?.last().map(QueueItem::position);
            Ok(())
        })
        .await?;
    for queue in ReviewQueue::ALL {
        let filter = QueueFilter { queue: Some(queue), ..all.clone() };
        let ask = async |_| Ok(page(store, site, &filter, None).await?);
        table.page(&format!("queue_page, {}", queue.as_str()), ask).await?;
    }
    let first = page(store, site, &all, None).await?;
    let author = first.first().context("something waits")?.author;
    let narrowed = [
        ("a common category", QueueFilter { category: Some("quality".into()), ..all.clone() }),
        ("a rare category", QueueFilter { category: Some("privacy".into()), ..all.clone() }),
        ("a category nothing has", QueueFilter { category: Some("other".into()), ..all.clone() }),
        ("a large thread", QueueFilter { thread: Some("post-0".into()), ..all.clone() }),
        ("a small thread", QueueFilter { thread: Some("post-77".into()), ..all.clone() }),
        ("an author", QueueFilter { author, ..all.clone() }),
    ];
    for (what, filter) in &narrowed {
        let ask = async |_| Ok(page(store, site, filter, None).await?);
        table.page(&format!("queue_page, {what}"), ask).await?;
        let ask = async |_| Ok(store.count_queue(site, filter).await?);
        table.page(&format!("count_queue, {what}"), ask).await?;
    }
    table.page("count_queue, all", async |_| Ok(store.count_queue(site, &all).await?)).await?;

    let flagged = QueueFilter { queue: Some(ReviewQueue::Flagged), ..all.clone() };
    let spam = QueueFilter { queue: Some(ReviewQueue::Spam), ..all.clone() };
    let items = [page(store, site, &flagged, None).await?, page(store, site, &spam, None).await?].concat();
    let name = |time: usize| -> &CommentName { &items[time % items.len()].comment.name };
    let ids: Vec<CommentId> = items.iter().map(|item| item.comment.name.comment.clone()).collect();
    let now = SystemClock.now();
    let ask = async |time: usize| {
        let from = time % (ids.len() - 20);
        Ok(store.queue_items(site, &ids[from..from + 20], now).await?)
    };
    table.page("queue_items, 20", ask).await?;
    table.page("conversation", async |time| Ok(store.conversation(name(time)).await?)).await?;
    table.page("campaign", async |time| Ok(store.campaign(name(time), 51).await?)).await?;
    table
        .page("campaign, for a bulk decision", async |time| Ok(store.campaign(name(time), 500).await?))
        .await?;
    let ask = async |time: usize| {
        let Some(author) = &items[time % items.len()].author else { return Ok(None) };
        Ok(Some(store.author_history(site, author, 8, now).await?))
    };
    table.page("author_history", ask).await?;
    let regular = moderato_domain::AuthorKey::from_bytes([0; 16]);
    let ask = async |_| Ok(store.author_history(site, &regular, 8, now).await?);
    table.page("author_history, of thousands", ask).await?;
    for (what, actor) in [("decisions", None), ("decisions, a moderator's", Some("user:7".to_owned()))] {
        let filter = DecisionFilter { actor, ..DecisionFilter::default() };
        let mut after: Option<DecisionPosition> = None;
        let ask = async |_| {
            let found = store.decisions(site, &filter, after.as_ref(), 50).await?;
            after = found.last().map(|last| DecisionPosition {
                time: last.decide_time,
                decision: last.id,
                comment: last.comment.comment.clone(),
            });
            Ok(())
        };
        table.page(what, ask).await?;
    }
    let ask = async |time: usize| {
        let comment = Some(name(time).comment.clone());
        let filter = DecisionFilter { comment, ..DecisionFilter::default() };
        Ok(store.decisions(site, &filter, None, 20).await?)
    };
    table.page("decisions, about a comment", ask).await?;
    table.page("verdicts", async |time| Ok(store.verdicts(name(time), None, 20).await?)).await?;
    table.page("notes", async |time| Ok(store.notes(name(time)).await?)).await?;
    table.page("reports", async |time| Ok(store.reports(name(time)).await?)).await?;
    table.page("appeal", async |time| Ok(store.appeal(name(time)).await?)).await?;
    table.page("judged_comment", async |time| Ok(store.judged_comment(name(time), None).await?)).await
}

/// Who decides.
fn moderator(number: usize) -> Actor {
    Actor { id: format!("user:{number}"), name: format!("Mo {number}") }
}

fn decision(site: &SiteId, comment: &StoredComment, actor: Actor) -> Decision {
    let now = SystemClock.now();
    let target = Target {
        comment: comment.name.comment.clone(),
        revision: comment.revision,
        version: Some(comment.version),
    };
    Decision {
        id: DecisionId(SystemIds.time_ordered()),
        site: site.clone(),
        targets: vec![target],
        kind: DecisionKind::Approve,
        actor,
        guideline: None,
        message: None,
        note: None,
        over_claim: false,
        decide_time: now,
        undo_until: now.plus(UNDO_WINDOW),
    }
}

/// Whether it was applied, and how long that took.
async fn timed(store: &dyn Store, decision: &Decision) -> anyhow::Result<(bool, Duration)> {
    let watch = Stopwatch::start();
    let mut decided = store.decide(decision).await?;
    let took = watch.elapsed();
    Ok((matches!(decided.pop(), Some(Decided::Applied { .. })), took))
}

async fn decide(store: Arc<dyn Store>, site: &SiteId, table: &mut Table) -> anyhow::Result<()> {
    let pending = QueueFilter { queue: Some(ReviewQueue::Pending), ..QueueFilter::default() };
    let needed = DECISIONS + CONTESTED + MODERATORS * PACED;
    let mut waiting: Vec<StoredComment> = Vec::with_capacity(needed);
    let mut after = None;
    while waiting.len() < needed {
        let found = page(&*store, site, &pending, after.as_ref()).await?;
        after = found.last().map(QueueItem::position);
        ensure!(after.is_some(), "too little waits");
        waiting.extend(found.into_iter().map(|item| item.comment));
    }

    let (mut times, mut undo_times) = (Vec::new(), Vec::new());
    for comment in waiting.drain(..DECISIONS) {
        let decision = decision(site, &comment, moderator(0));
        let (applied, took) = timed(&*store, &decision).await?;
        ensure!(applied, "nobody else decides about {}", comment.name);
        times.push(took);
        let watch = Stopwatch::start();
        if let Err(error) = store.undo(site, decision.id, &decision.actor, SystemClock.now()).await {
            bail!("it could not be taken back: {error}");
        }
        undo_times.push(watch.elapsed());
    }
    table.line("decide", times, Some(DECISION));
    table.line("undo", undo_times, Some(DECISION));

    // Each at a pace of their own, as people are, and with items of their own.
    let mut moderators = JoinSet::new();
    for number in 0..MODERATORS {
        let own: Vec<StoredComment> = waiting.drain(..PACED).collect();
        let (store, site) = (Arc::clone(&store), site.clone());
        moderators.spawn(async move {
            let pause = Duration::from_secs(1) / MODERATORS as u32 * number as u32;
            let mut times = Vec::with_capacity(own.len());
            tokio::time::sleep(pause).await;
            let mut seconds = tokio::time::interval(Duration::from_secs(1));
            for comment in own {
                seconds.tick().await;
                times.push(timed(&*store, &decision(&site, &comment, moderator(number))).await?.1);
            }
            anyhow::Ok(times)
        });
    }
    let times = joined(moderators).await?.concat();
    table.line("decide, 50 moderators, each once a second", times, Some(DECISION));

    // All at the same items, in the same order, without a pause.
    let contested: Arc<[StoredComment]> = waiting.drain(..CONTESTED).collect();
    let mut moderators = JoinSet::new();
    for number in 0..MODERATORS {
        let (store, site, contested) = (Arc::clone(&store), site.clone(), Arc::clone(&contested));
        moderators.spawn(async move {
            let (mut mine, mut times) = (Vec::new(), Vec::new());
            for comment in contested.iter() {
                let (applied, took) = timed(&*store, &decision(&site, comment, moderator(number))).await?;
                times.push(took);
                if applied {
                    mine.push(comment.name.comment.clone());
                }
            }
            anyhow::Ok((mine, times))
        });
    }
    let (mut decided, mut times): (HashMap<CommentId, usize>, Vec<Duration>) = Default::default();
    for (mine, own_times) in joined(moderators).await? {
        for comment in mine {
            *decided.entry(comment).or_default() += 1;
        }
        times.extend(own_times);
    }
    table.line("decide, 50 moderators at the same item", times, None);
    let twice = decided.values().filter(|count| **count > 1).count();
    let never = CONTESTED - decided.len();
    let what = format!("of {CONTESTED} items that all 50 decided, {twice} were decided twice, {never} never");
    table.claim(&what, twice == 0 && never == 0);
    Ok(())
}

async fn joined<T: 'static>(mut tasks: JoinSet<anyhow::Result<T>>) -> anyhow::Result<Vec<T>> {
    let mut all = Vec::new();
    while let Some(one) = tasks.join_next().await {
        all.push(one??);
    }
    Ok(all)
}
