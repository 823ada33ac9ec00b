//! What happens on a site, read from the event log once for all pages that are open on it.
//!
//! A site has a reader as long as somebody [follows](Feeds::follow) it. The reader tells what it reads
//! to everybody at once; a follower who begins earlier in the log, or falls so far behind that something
//! was dropped for it, reads what it lacks by itself, and goes on with the others. So the log is asked
//! as often for one page as for a hundred, and what is kept is bounded.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use moderato_domain::{CommentId, SiteId};
use moderato_runtime::shutdown::Shutdown;
use moderato_store::{Event, EventCursor, Store, StoreError};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

/// Events read at once. Who lacks as many is told to load the page again.
pub(super) const AT_ONCE: u32 = 200;
/// Readings kept for followers that are slow to take them.
const READINGS_KEPT: usize = 16;
/// Between two looks: events that come together are told together.
const GATHER: Duration = Duration::from_millis(150);
/// A look without a hint, and the pause while the store is away.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The readers, by site.
#[derive(Debug)]
pub(crate) struct Feeds {
    store: Arc<dyn Store>,
    shutdown: Shutdown,
    readers: Mutex<HashMap<SiteId, broadcast::Sender<Arc<Reading>>>>,
}

/// A stretch of the log: everything of the site that happened in it.
#[derive(Debug)]
struct Reading {
    after: EventCursor,
    until: EventCursor,
    events: Vec<(EventCursor, CommentId)>,
}

impl Reading {
    /// What stands in the log after a place, which the stretch must not begin behind.
    fn of(after: EventCursor, events: Vec<Event>) -> Self {
        let until = events.last().map_or(after, |last| last.cursor);
        let events = events.into_iter().map(|event| (event.cursor, event.comment.comment)).collect();
        Self { after, until, events }
    }
}

/// What a follower is told.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum News {
    /// Something happened to these comments.
    Changed(Vec<CommentId>),
    /// More happened than can be told.
    Behind,
}

/// Somebody who looks at a site.
#[derive(Debug)]
pub(super) struct Follower {
    store: Arc<dyn Store>,
    site: SiteId,
    /// Everything up to there was told.
    cursor: EventCursor,
    /// Something after the cursor may have been missed; once it is fetched, everything up to there was
    /// told.
    lacks: Option<EventCursor>,
    readings: broadcast::Receiver<Arc<Reading>>,
}

impl Feeds {
    pub(super) fn new(store: Arc<dyn Store>, shutdown: Shutdown) -> Arc<Self> {
        Arc::new(Self { store, shutdown, readers: Mutex::default() })
    }

    /// Follows a site from a place in the log on.
    pub(super) fn follow(self: &Arc<Self>, site: &SiteId, cursor: EventCursor) -> Follower {
        let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        let readings = if let Some(sender) = readers.get(site) {
            sender.subscribe()
        } else {
            let (sender, receiver) = broadcast::channel(READINGS_KEPT);
            readers.insert(site.clone(), sender.clone());
            tokio::spawn(Arc::clone(self).read(site.clone(), sender));
            receiver
        };
        Follower { store: Arc::clone(&self.store), site: site.clone(), cursor, lacks: Some(cursor), readings }
    }

    /// Reads as long as somebody follows.
    async fn read(self: Arc<Self>, site: SiteId, sender: broadcast::Sender<Arc<Reading>>) {
        let mut hint = self.store.event_hint();
        let mut read_until = None;
        let reading = async {
            while !self.is_over(&site, &sender) {
                match self.next(&site, read_until).await {
                    Ok(reading) => {
                        let full = reading.events.len() == AT_ONCE as usize;
                        let is_news = read_until != Some(reading.until);
                        read_until = Some(reading.until);
                        if is_news {
                            // Nobody there any more: the next round ends.
                            let _ = sender.send(Arc::new(reading));
                        }
                        if full {
                            continue;
                        }
                    }
                    // The pages stay as they are, and their connections live.
                    Err(error) => tracing::debug!(%error, "live updates wait for the store"),
                }
                tokio::select! {
                    Ok(()) = hint.changed() => tokio::time::sleep(GATHER).await,
                    () = tokio::time::sleep(LOOK_EVERY) => {}
                }
            }
        };
        tokio::select! {
            () = self.shutdown.requested() => {}
            () = reading => {}
        }
    }

    /// From the end of the log on at first: followers fetch what they lack before it.
    async fn next(&self, site: &SiteId, read_until: Option<EventCursor>) -> Result<Reading, StoreError> {
        let Some(after) = read_until else {
            return Ok(Reading::of(self.store.event_head().await?, Vec::new()));
        };
        Ok(Reading::of(after, self.store.events_after(after, Some(site), AT_ONCE).await?))
    }

    /// Nobody follows any more. Whoever comes from now on begins another reader.
    fn is_over(&self, site: &SiteId, sender: &broadcast::Sender<Arc<Reading>>) -> bool {
        let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        let over = sender.receiver_count() == 0;
        if over {
            readers.remove(site);
        }
        over
    }
}

impl Follower {
    /// Up to where everything was told.
    pub(super) const fn cursor(&self) -> EventCursor {
        self.cursor
    }

    /// Waits for the next news. An error of the store loses nothing: what was lacking is still lacking.
    /// May be dropped while it waits.
    pub(super) async fn next(&mut self) -> Result<News, StoreError> {
        loop {
            if let Some(until) = self.lacks
                && let Some(news) = self.fetch(until).await?
            {
                return Ok(news);
            }
            match self.readings.recv().await {
                Ok(reading) => {
                    if let Some(news) = self.take(&reading) {
                        return Ok(news);
                    }
                }
                Err(RecvError::Lagged(_)) => self.lacks = Some(self.cursor),
                // The process ends.
                Err(RecvError::Closed) => std::future::pending().await,
            }
        }
    }

    /// Reads what is lacking. The log is read after `until` was, so nothing before that is left out.
    async fn fetch(&mut self, until: EventCursor) -> Result<Option<News>, StoreError> {
        let events = self.store.events_after(self.cursor, Some(&self.site), AT_ONCE).await?;
        if events.len() == AT_ONCE as usize {
            self.cursor = self.store.event_head().await?;
            self.lacks = None;
            return Ok(Some(News::Behind));
        }
        self.cursor = events.last().map_or(self.cursor, |last| last.cursor).max(until);
        self.lacks = None;
        Ok(changed(events.into_iter().map(|event| event.comment.comment)))
    }

    fn take(&mut self, reading: &Reading) -> Option<News> {
        if reading.until <= self.cursor {
            return None;
        }
        if reading.after > self.cursor {
            // What stands between was read for nobody, or there is nothing of this site.
            self.lacks = Some(reading.until);
            return None;
        }
        let unseen = reading.events.iter().filter(|(cursor, _)| *cursor > self.cursor);
        let news = changed(unseen.map(|(_, comment)| comment.clone()));
        self.cursor = reading.until;
        news
    }
}

fn changed(comments: impl Iterator<Item = CommentId>) -> Option<News> {
    let mut comments: Vec<CommentId> = comments.collect();
    comments.sort_unstable();
    comments.dedup();
    (!comments.is_empty()).then_some(News::Changed(comments))
}

#[cfg(test)]
mod tests {
    use moderato_runtime::shutdown;
    use moderato_store_sqlite::{SqliteFile, SqliteOptions};

    use super::*;

    const fn place(sequence: i64) -> EventCursor {
        EventCursor { epoch: 0, sequence }
    }

    fn reading(after: i64, until: i64, events: &[(i64, &str)]) -> Arc<Reading> {
        let event = |(at, id): &(i64, &str)| (place(*at), CommentId::parse(id).unwrap());
        Arc::new(Reading {
            after: place(after),
            until: place(until),
            events: events.iter().map(event).collect(),
        })
    }

    #[tokio::test]
    async fn a_follower_is_told_each_thing_once_and_notices_what_it_lacks() {
        let folder = tempfile::tempdir().unwrap();
        let file = SqliteFile::open(folder.path().join("m.db"), SqliteOptions::default()).await.unwrap();
        let (sender, readings) = broadcast::channel(READINGS_KEPT);
        let mut follower = Follower {
            store: Arc::new(file.store()),
            site: SiteId::parse("blog").unwrap(),
            cursor: place(5),
            lacks: None,
            readings,
        };
        let told =
            |ids: &[&str]| Some(News::Changed(ids.iter().map(|id| CommentId::parse(id).unwrap()).collect()));
        let first = reading(5, 7, &[(6, "b"), (6, "a"), (7, "b")]);
        assert_eq!(follower.take(&first), told(&["a", "b"]));
        assert_eq!(follower.take(&first), None);
        assert_eq!(follower.take(&reading(6, 8, &[(7, "b"), (8, "c")])), told(&["c"]));
        assert_eq!((follower.cursor(), follower.lacks), (place(8), None));
        assert_eq!(follower.take(&reading(9, 10, &[(10, "d")])), None);
        assert_eq!(follower.lacks, Some(place(10)), "it asks the log for what stood before");

        // Too slow: some readings are gone, and are fetched; what is kept is told.
        follower.lacks = None;
        for at in 10..10 + 2 * READINGS_KEPT as i64 {
            sender.send(reading(at, at + 1, &[(at + 1, "e")])).unwrap();
        }
        assert_eq!(follower.next().await.unwrap(), told(&["e"]).unwrap());
        assert!(follower.cursor() > place(10 + READINGS_KEPT as i64));
    }

    #[tokio::test]
    async fn a_site_is_read_once_and_as_long_as_somebody_follows() {
        let folder = tempfile::tempdir().unwrap();
        let file = SqliteFile::open(folder.path().join("m.db"), SqliteOptions::default()).await.unwrap();
        let (_trigger, shutdown) = shutdown::channel();
        let feeds = Feeds::new(Arc::new(file.store()), shutdown);
        let (blog, news) = (SiteId::parse("blog").unwrap(), SiteId::parse("news").unwrap());
        let followers: Vec<Follower> = (0..20).map(|_| feeds.follow(&blog, EventCursor::default())).collect();
        let other = feeds.follow(&news, EventCursor::default());
        let read = || feeds.readers.lock().unwrap().keys().map(SiteId::to_string).collect::<Vec<_>>();
        assert_eq!(read().len(), 2);
        drop(followers);
        let gone = async {
            while read() != ["news"] {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), gone).await.expect("nobody reads for nobody");
        drop(other);
    }
}
