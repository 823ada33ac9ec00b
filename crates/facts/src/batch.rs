//! From the store's answers to facts. The store knows only what is recorded, so each comment is also
//! compared with those before it in the batch: a flood arrives in one.

use std::collections::{HashMap, HashSet};

use moderato_domain::sketch::SIMILAR;
use moderato_domain::{
    CommentName, FactKind, FactSet, Facts, LogKey, Rates, Repeats, SiteId, TextSketch, Timestamp,
};
use moderato_store::Answers;

use crate::Subject;
use crate::questions::{Asked, Places};

/// Fills in what the store answered, and what the batch itself adds.
pub(crate) fn fill_in(
    needs: FactSet,
    subjects: &[Subject<'_>],
    asked: &Asked,
    answers: &Answers,
    facts: &mut [Facts],
) {
    let mut earlier = Earlier::default();
    for ((subject, places), facts) in subjects.iter().zip(&asked.places).zip(facts) {
        facts.author = places.author.and_then(|place| answers.authors[place]);
        facts.history = places.history.map(|place| answers.histories[place]);
        facts.thread = places.thread.map(|place| answers.threads[place]);
        facts.rates = earlier.rates(subject, places, answers);
        if needs.contains(FactKind::Repeats) {
            facts.repeats = subject.text.map(|text| earlier.repeats(subject, text, places, answers));
        }
        earlier.add(subject);
    }
}

/// The comments of the batch so far.
#[derive(Default)]
struct Earlier<'s> {
    /// One that comes twice in a batch is one comment.
    comments: HashSet<CommentName>,
    counted: HashMap<(usize, LogKey), Vec<Timestamp>>,
    texts: HashMap<(usize, i64), Vec<Seen<'s>>>,
}

/// A text that was seen before.
#[derive(Clone)]
struct Seen<'s> {
    comment: CommentName,
    writer: Option<LogKey>,
    sketch: &'s TextSketch,
}

impl<'s> Earlier<'s> {
    fn add(&mut self, subject: &'s Subject<'_>) {
        if subject.text.is_none() && subject.counted.iter().all(Option::is_none) {
            return;
        }
        let comment = subject.comment.name();
        if !self.comments.insert(comment.clone()) {
            return;
        }
        for (by, key) in subject.counted.into_iter().enumerate() {
            if let Some(key) = key {
                self.counted.entry((by, key)).or_default().push(subject.comment.accept_time);
            }
        }
        let Some(sketch) = subject.text else { return };
        let writer = subject.author.map(LogKey::of_author);
        for (index, probe) in sketch.probes().into_iter().enumerate() {
            let seen = Seen { comment: comment.clone(), writer, sketch };
            self.texts.entry((index, probe)).or_default().push(seen);
        }
    }

    fn rates(&self, subject: &Subject<'_>, places: &Places, answers: &Answers) -> Rates {
        let keys = subject.counted;
        let rate = |by: usize| {
            let mut windows = answers.rates[by][places.rates[by]?];
            let before = keys[by].and_then(|key| self.counted.get(&(by, key)));
            for time in before.into_iter().flatten() {
                windows.count(subject.comment.accept_time.since(*time));
            }
            Some(windows)
        };
        Rates { author: rate(0), network: rate(1), thread: rate(2) }
    }

    fn repeats(
        &self,
        subject: &Subject<'_>,
        text: &TextSketch,
        places: &Places,
        answers: &Answers,
    ) -> Repeats {
        let own = subject.comment.name();
        let writer = subject.author.map(LogKey::of_author);
        let mut counted: HashSet<CommentName> = HashSet::new();
        let (mut authors, mut sites): (HashSet<LogKey>, HashSet<SiteId>) = Default::default();
        let mut repeats = Repeats::default();
        let mut compare = |comment: &CommentName, wrote: Option<LogKey>, sketch: &TextSketch| {
            let alike = *comment != own
                && (text.whole() == sketch.whole() || text.similarity(sketch) >= SIMILAR)
                && counted.insert(comment.clone());
            if !alike {
                return;
            }
            if comment.site != own.site {
                sites.insert(comment.site.clone());
                return;
            }
            repeats.site += 1;
            repeats.identical += u32::from(text.whole() == sketch.whole());
            if wrote.is_some() && wrote == writer {
                repeats.author += 1;
            } else if let Some(other) = wrote {
                authors.insert(other);
            }
        };
        for (index, probe) in text.probes().into_iter().enumerate() {
            let recorded = places.texts[index].map(|place| &answers.texts[index][place]);
            for seen in recorded.into_iter().flatten() {
                compare(&seen.comment, seen.writer, &seen.sketch);
            }
            for seen in self.texts.get(&(index, probe)).into_iter().flatten() {
                compare(&seen.comment, seen.writer, seen.sketch);
            }
        }
        repeats.authors = authors.len() as u32;
        repeats.sites = sites.len() as u32;
        repeats
    }
}
