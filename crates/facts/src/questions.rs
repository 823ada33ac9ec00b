//! What a batch asks of the store: each question once, however many comments ask it.

use std::collections::HashMap;
use std::hash::Hash;

use moderato_domain::{FactKind, FactSet, LogKey, Timestamp};
use moderato_store::{CountedBy, Questions};

use crate::Subject;

/// Times are rounded up to this, in milliseconds, so that comments of one moment ask alike.
const MOMENT_MS: i64 = 1_000;

/// The questions of a batch, and which answers belong to which comment.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) questions: Questions,
    /// Of each comment, in the order of the batch.
    pub(crate) places: Vec<Places>,
}

/// Where a comment's answers are; `None`: nothing was asked.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Places {
    pub(crate) author: Option<usize>,
    pub(crate) history: Option<usize>,
    pub(crate) rates: [Option<usize>; 3],
    pub(crate) texts: [Option<usize>; 2],
    pub(crate) thread: Option<usize>,
}

impl Asked {
    /// Asks what `needs` names about each subject.
    pub(crate) fn about(needs: FactSet, subjects: &[Subject<'_>]) -> Self {
        let mut authors = Once::default();
        let mut histories = Once::default();
        let mut rates: [Once<(LogKey, Timestamp)>; 3] = Default::default();
        let mut texts: [Once<(i64, Timestamp)>; 2] = Default::default();
        let mut threads = Once::default();
        let wants = |fact| needs.contains(fact);
        let mut places = Vec::with_capacity(subjects.len());
        for subject in subjects {
            let comment = subject.comment;
            let until = moment(comment.accept_time);
            let mut place = Places::default();
            if let Some(author) = subject.author {
                if wants(FactKind::Author) {
                    place.author = Some(authors.ask((comment.site.clone(), author)));
                }
                if wants(FactKind::History) {
                    place.history = Some(histories.ask((LogKey::of_author(author), until)));
                }
            }
            for (by, key) in subject.counted.into_iter().enumerate() {
                if let Some(key) = key.filter(|_| wants(rate(CountedBy::ALL[by]))) {
                    place.rates[by] = Some(rates[by].ask((key, until)));
                }
            }
            if let Some(text) = subject.text.filter(|_| wants(FactKind::Repeats)) {
                for (index, probe) in text.probes().into_iter().enumerate() {
                    place.texts[index] = Some(texts[index].ask((probe, until)));
                }
            }
            if wants(FactKind::Thread) {
                place.thread = Some(threads.ask((comment.site.clone(), comment.thread.clone())));
            }
            places.push(place);
        }
        let questions = Questions {
            authors: authors.list,
            histories: histories.list,
            rates: rates.map(|once| once.list),
            texts: texts.map(|once| once.list),
            threads: threads.list,
        };
        Self { questions, places }
    }
}

/// The fact that a rate is.
pub(crate) const fn rate(by: CountedBy) -> FactKind {
    match by {
        CountedBy::Author => FactKind::AuthorRate,
        CountedBy::Network => FactKind::NetworkRate,
        CountedBy::Thread => FactKind::ThreadRate,
    }
}

/// The end of the moment that a time is in.
fn moment(time: Timestamp) -> Timestamp {
    let begun = time.as_millis().div_euclid(MOMENT_MS);
    Timestamp::from_millis(begun.saturating_add(1).saturating_mul(MOMENT_MS))
}

/// Questions in the order in which they were first asked.
#[derive(Debug)]
struct Once<T> {
    list: Vec<T>,
    places: HashMap<T, usize>,
}

impl<T> Default for Once<T> {
    fn default() -> Self {
        Self { list: Vec::new(), places: HashMap::new() }
    }
}

impl<T: Hash + Eq + Clone> Once<T> {
    /// The place of the question's answer.
    fn ask(&mut self, question: T) -> usize {
        let place = *self.places.entry(question.clone()).or_insert(self.list.len());
        if place == self.list.len() {
            self.list.push(question);
        }
        place
    }
}
