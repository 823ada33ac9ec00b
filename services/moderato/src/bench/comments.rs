//! The comments of one run: their names, and the way back from a name to a number.

use std::sync::Arc;

use moderato_api::pb::ingest as pb;
use moderato_domain::intake::Arrival;
use moderato_domain::{Comment, CommentId, Revision, SiteId, SiteSettings, Timestamp};

use super::corpus::{Corpus, scatter};

/// Comments numbered from 0, under ids that no other run uses.
#[derive(Debug, Clone)]
pub(super) struct Comments {
    site: SiteId,
    parent: String,
    tag: String,
    corpus: Arc<Corpus>,
}

impl Comments {
    /// `tag` has letters and digits only, and is used for one run.
    pub(super) fn new(site: SiteId, tag: String, corpus: Arc<Corpus>) -> Self {
        Self { parent: format!("sites/{site}"), site, tag, corpus }
    }

    /// `sites/{site}`.
    pub(super) fn parent(&self) -> &str {
        &self.parent
    }

    /// The call that hands in a comment.
    pub(super) fn submission(&self, number: u64) -> pb::SubmitCommentRequest {
        pb::SubmitCommentRequest {
            parent: self.parent.clone(),
            comment: Some(self.corpus.draft(number)),
            comment_id: self.id(number),
            request_id: format!("bench-{}-{number}", self.tag),
            validate_only: false,
        }
    }

    /// The comment as ingest would admit it.
    pub(super) fn admitted(&self, number: u64, accept_time: Timestamp) -> anyhow::Result<Comment> {
        let draft = moderato_api::intake::draft(Some(self.corpus.draft(number)));
        let arrival = Arrival {
            site: self.site.clone(),
            id: CommentId::parse(&self.id(number))?,
            revision: Revision::FIRST,
            request_id: None,
            accept_time,
        };
        let admitted = draft.admit(&SiteSettings::default(), arrival);
        admitted.map_err(|violations| anyhow::anyhow!("comment {number} is not valid: {violations:?}"))
    }

    /// The number of a comment of this run, from its resource name; `None` for anybody else's.
    pub(super) fn number_of(&self, name: &str) -> Option<u64> {
        let (_, id) = name.rsplit_once('/')?;
        let (_, tagged) = id.split_once('-')?;
        tagged.strip_prefix(&self.tag)?.strip_prefix('-')?.parse().ok()
    }

    /// Begins with scattered digits, so that ids fall all over an index as derived ones do: ids in
    /// order would flatter the store.
    pub(super) fn id(&self, number: u64) -> String {
        format!("{:08x}-{}-{number}", scatter(number) >> 32, self.tag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn comments(tag: &str) -> Comments {
        Comments::new(SiteId::parse("blog").unwrap(), tag.to_owned(), Arc::new(Corpus::new()))
    }

    #[test]
    fn a_name_leads_back_to_its_number_in_its_own_run_only() {
        let id = comments("a1").id(4711);
        let name = format!("sites/blog/comments/{id}");
        assert_eq!(comments("a1").number_of(&name), Some(4711));
        assert_eq!(comments("a2").number_of(&name), None);
        assert_eq!(comments("a").number_of(&name), None);
        assert_eq!(comments("a1").number_of("sites/blog/comments/somebody-elses"), None);
    }

    #[test]
    fn every_comment_is_one_that_ingest_admits() {
        let comments = comments("a1");
        for number in 0..2_000 {
            comments.admitted(number, Timestamp::from_millis(0)).unwrap();
        }
    }
}
