//! Which items a page shows: the question of its address, read and written.

use moderato_domain::{CommentId, Priority, ReviewQueue, ThreadId, Timestamp};
use moderato_store::{QueueFilter, QueueItem, QueuePosition};
use serde::{Deserialize, Serialize};

use super::super::problem::Problem;
use super::super::view::{author_hex, author_key};

/// The question of a queue page, as text.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Question {
    /// A queue; all of them, if empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) queue: String,
    /// A category of reasons.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) category: String,
    /// At least so urgent.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) priority: String,
    /// A page of the site.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) page: String,
    /// An author's key.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) author: String,
    /// Where the page begins.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) after: String,
    /// The decision that led here.
    #[serde(skip_serializing)]
    pub(crate) done: String,
}

impl Question {
    /// The question that a filter answers.
    pub(crate) fn of(filter: &QueueFilter) -> Self {
        Self {
            queue: filter.queue.map(|queue| queue.as_str().to_owned()).unwrap_or_default(),
            category: filter.category.clone().unwrap_or_default(),
            priority: filter.at_least.map(|priority| priority.as_str().to_owned()).unwrap_or_default(),
            page: filter.thread.clone().unwrap_or_default(),
            author: filter.author.as_ref().map(author_hex).unwrap_or_default(),
            ..Self::default()
        }
    }

    /// The filter, or what is wrong with it.
    pub(crate) fn filter(&self) -> Result<QueueFilter, Problem> {
        fn read<T>(text: &str, parse: impl Fn(&str) -> Option<T>) -> Result<Option<T>, Problem> {
            if text.is_empty() {
                return Ok(None);
            }
            parse(text)
                .map(Some)
                .ok_or_else(|| Problem::invalid(format!("There is nothing called “{text}” to filter by.")))
        }
        let category = |text: &str| (text.len() <= 64 && !text.contains('\0')).then(|| text.to_owned());
        Ok(QueueFilter {
            queue: read(&self.queue, ReviewQueue::parse)?,
            category: read(&self.category, category)?,
            thread: read(self.page.trim(), |page| ThreadId::parse(page).ok())?.map(|page| page.to_string()),
            author: read(&self.author, author_key)?,
            at_least: read(&self.priority, priority)?,
        })
    }

    /// Where the page begins. A place in another list is refused.
    pub(crate) fn position(&self, site: &str) -> Result<Option<QueuePosition>, Problem> {
        if self.after.is_empty() {
            return Ok(None);
        }
        let wrong = || Problem::invalid("This address leads to a place in another list. Begin at its start.");
        let payload = moderato_api::token::open(&["console.queue", site, &self.list()], &self.after)
            .map_err(|_| wrong())?;
        let mut parts = payload.splitn(3, '.');
        let mut next = || parts.next().ok_or_else(wrong);
        let priority = next()?.parse().ok().and_then(Priority::from_i16).ok_or_else(wrong)?;
        let wait_since = Timestamp::from_millis(next()?.parse().map_err(|_| wrong())?);
        let comment = CommentId::parse(next()?).map_err(|_| wrong())?;
        Ok(Some(QueuePosition { priority, wait_since, comment }))
    }

    /// The question of the page that begins after an item.
    #[must_use]
    pub(crate) fn after(&self, site: &str, item: &QueueItem) -> Self {
        let QueuePosition { priority, wait_since, comment } = item.position();
        let payload = format!("{}.{}.{comment}", priority.as_i16(), wait_since.as_millis());
        let after = moderato_api::token::seal(&["console.queue", site, &self.list()], &payload);
        Self { after, done: String::new(), ..self.clone() }
    }

    /// Which list, wherever its page begins.
    pub(crate) fn list(&self) -> String {
        Self { after: String::new(), done: String::new(), ..self.clone() }.text()
    }

    /// As the address holds it, without what led here.
    pub(crate) fn text(&self) -> String {
        // Pairs of texts cannot fail to be written.
        serde_html_form::to_string(self).unwrap_or_default()
    }

    /// The address of its page.
    pub(crate) fn path(&self, base: &str) -> String {
        match self.text() {
            empty if empty.is_empty() => format!("{base}/queue"),
            text => format!("{base}/queue?{text}"),
        }
    }

    /// Whether it asks for more than a queue.
    pub(crate) fn is_filtered(&self) -> bool {
        [&self.category, &self.priority, &self.page, &self.author].into_iter().any(|text| !text.is_empty())
    }

    /// Without what it asks besides the queue.
    #[must_use]
    pub(crate) fn unfiltered(&self) -> Self {
        Self { queue: self.queue.clone(), ..Self::default() }
    }
}

fn priority(text: &str) -> Option<Priority> {
    Priority::ALL.into_iter().find(|priority| priority.as_str() == text)
}

/// Whether an item stands in the list of a filter.
pub(crate) fn lists(filter: &QueueFilter, item: &QueueItem) -> bool {
    let queue = item.queue.is_some_and(|queue| filter.queue.is_none_or(|only| only == queue));
    queue
        && filter.category.as_ref().is_none_or(|only| item.category.as_ref() == Some(only))
        && filter.thread.as_ref().is_none_or(|only| item.comment.thread.as_str() == only)
        && filter.author.is_none_or(|only| item.author == Some(only))
        && filter.at_least.is_none_or(|least| item.priority >= least)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_read_back_as_it_was_written() {
        let question = Question {
            queue: "flagged".into(),
            category: "spam".into(),
            priority: "high".into(),
            page: "post-7".into(),
            ..Question::default()
        };
        assert_eq!(question.text(), "queue=flagged&category=spam&priority=high&page=post-7");
        assert_eq!(Question::of(&question.filter().unwrap()), question);
        assert_eq!(Question::default().path("/sites/blog"), "/sites/blog/queue");
        assert!(question.is_filtered() && !question.unfiltered().is_filtered());
    }

    #[test]
    fn what_cannot_be_filtered_by_is_told() {
        for wrong in [
            Question { queue: "nonsense".into(), ..Question::default() },
            Question { page: "a page".into(), ..Question::default() },
            Question { author: "zz".into(), ..Question::default() },
            Question { category: "a\0b".into(), ..Question::default() },
            Question { priority: "soon".into(), ..Question::default() },
        ] {
            assert!(wrong.filter().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_place_in_another_list_is_refused() {
        let question = Question { queue: "flagged".into(), ..Question::default() };
        let token = moderato_api::token::seal(&["console.queue", "blog", &question.list()], "2.5000.c.1");
        let here = Question { after: token, ..question };
        let position = here.position("blog").unwrap().unwrap();
        assert_eq!((position.priority, position.comment.as_str()), (Priority::High, "c.1"));
        assert!(here.position("other").is_err());
        assert!(Question { queue: "spam".into(), ..here.clone() }.position("blog").is_err());
        assert!(Question { after: "00".into(), ..here }.position("blog").is_err());
    }
}
