//! The unary reads: one look into the store each, and a second one only to say what is missing.

use std::collections::HashMap;
use std::sync::Arc;

use moderato_api::pb::query as pb;
use moderato_api::pb::types;
use moderato_api::status::Refusal;
use moderato_api::view;
use moderato_domain::{CommentName, ErrorCode, StatusLink, ThreadId, Verdict};
use moderato_store::{CommentPosition, Directory, Store, StoredComment};

use crate::outage::Outage;
use crate::request::{Comments, Counts, Published, VerdictOf, Verdicts};

/// Reads the store.
#[derive(Debug)]
pub(crate) struct Reads {
    store: Arc<dyn Store>,
    directory: Arc<Directory>,
    /// Where authors' pages are, if that is known.
    public_url: Option<String>,
    outage: Arc<Outage>,
}

impl Reads {
    /// Reads this store.
    pub(crate) fn new(
        store: Arc<dyn Store>,
        directory: Arc<Directory>,
        public_url: Option<String>,
        outage: Arc<Outage>,
    ) -> Self {
        Self { store, directory, public_url, outage }
    }

    /// A comment for whoever may read all of the site: with its author's link.
    fn with_link(&self, stored: StoredComment) -> types::Comment {
        let site = self.directory.site(&stored.name.site);
        let link = self.public_url.as_ref().zip(site);
        let uri = link.map(|(url, site)| StatusLink::to(&stored.name, &site.privacy_key).uri(url));
        types::Comment { author_status_uri: uri.unwrap_or_default(), ..view::comment(stored) }
    }

    /// A comment of any state.
    pub(crate) async fn comment(&self, name: &CommentName) -> Result<types::Comment, Refusal> {
        let found = self.outage.check(self.store.comment(name).await)?;
        found.map(|comment| self.with_link(comment)).ok_or_else(|| no_comment(name))
    }

    /// Comments of any state, newest first.
    pub(crate) async fn comments(&self, asked: Comments) -> Result<pb::ListCommentsResponse, Refusal> {
        let Comments { site, filter, page } = asked;
        let rows = self.store.comments(&site, &filter, page.after.as_ref(), page.rows()).await;
        let accepted = |row: &StoredComment| CommentPosition {
            time: row.accept_time,
            comment: row.name.comment.clone(),
        };
        let (comments, next_page_token) =
            page.cut(self.outage.check(rows)?, accepted, |comment| self.with_link(comment));
        Ok(pb::ListCommentsResponse { comments, next_page_token })
    }

    /// What readers of a thread see, oldest first.
    pub(crate) async fn published(
        &self,
        asked: Published,
    ) -> Result<pb::ListPublishedCommentsResponse, Refusal> {
        let Published { site, thread, page } = asked;
        let rows = self.store.published(&site, &thread, page.after.as_ref(), page.rows()).await;
        let created = |row: &StoredComment| CommentPosition {
            time: row.create_time,
            comment: row.name.comment.clone(),
        };
        let (comments, next_page_token) = page.cut(self.outage.check(rows)?, created, view::comment);
        Ok(pb::ListPublishedCommentsResponse { comments, next_page_token })
    }

    /// How many comments readers see in each thread, as often and in the order that was asked.
    pub(crate) async fn counts(&self, asked: Counts) -> Result<pb::CountPublishedCommentsResponse, Refusal> {
        let Counts { site, threads } = asked;
        let distinct = distinct(&threads);
        if distinct.is_empty() {
            return Ok(pb::CountPublishedCommentsResponse::default());
        }
        let counts = self.outage.check(self.store.count_published(&site, &distinct).await)?;
        let published: HashMap<&ThreadId, i64> = distinct.iter().zip(counts).collect();
        let counts = threads
            .iter()
            .map(|thread| pb::ThreadCount {
                thread: thread.to_string(),
                published: published.get(thread).copied().unwrap_or_default(),
            })
            .collect();
        Ok(pb::CountPublishedCommentsResponse { counts })
    }

    /// The current verdict of a revision.
    pub(crate) async fn verdict(&self, asked: &VerdictOf) -> Result<types::Verdict, Refusal> {
        let VerdictOf { comment, revision } = asked;
        if let Some(verdict) = self.outage.check(self.store.verdict(comment, *revision).await)? {
            return Ok(view::verdict(verdict));
        }
        self.must_exist(comment).await?;
        let which = revision.map_or_else(String::new, |revision| format!(" of revision {revision}"));
        Err(Refusal::Error(ErrorCode::VerdictNotFound, format!("{comment} has no verdict{which} (yet)")))
    }

    /// Every verdict of a comment, newest revision first.
    pub(crate) async fn verdicts(&self, asked: Verdicts) -> Result<pb::ListVerdictsResponse, Refusal> {
        let Verdicts { comment, page } = asked;
        let rows = self.outage.check(self.store.verdicts(&comment, page.after, page.rows()).await)?;
        if rows.is_empty() && page.after.is_none() {
            self.must_exist(&comment).await?;
        }
        let (verdicts, next_page_token) = page.cut(rows, |row: &Verdict| row.revision, view::verdict);
        Ok(pb::ListVerdictsResponse { verdicts, next_page_token })
    }

    async fn must_exist(&self, name: &CommentName) -> Result<(), Refusal> {
        let found = self.outage.check(self.store.comment(name).await)?;
        found.map(|_| ()).ok_or_else(|| no_comment(name))
    }
}

/// A submission that was accepted a moment ago is not here yet either: retrying can help.
fn no_comment(name: &CommentName) -> Refusal {
    Refusal::Error(ErrorCode::CommentNotFound, format!("there is no {name} (yet)"))
}

/// Each thread once, in order of first mention.
fn distinct(threads: &[ThreadId]) -> Vec<ThreadId> {
    let mut seen = std::collections::HashSet::with_capacity(threads.len());
    threads.iter().filter(|thread| seen.insert(*thread)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_asked_for_twice_is_counted_once() {
        let threads = ["b", "a", "b", "c", "a"].map(|id| ThreadId::parse(id).unwrap());
        let asked: Vec<String> = distinct(&threads).iter().map(ToString::to_string).collect();
        assert_eq!(asked, ["b", "a", "c"]);
    }
}
