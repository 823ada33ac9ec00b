//! What a batch of comments asks of the store before it is judged, and what the store answers.
//!
//! Questions are few where comments are alike: the caller asks each one once, and every part of them
//! travels in the same round trip.

use moderato_domain::{
    AuthorFacts, AuthorKey, CommentName, History, LogKey, SiteId, TextSketch, ThreadFacts, ThreadId,
    Timestamp, Windows,
};

/// What comments are counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CountedBy {
    /// Their author.
    Author,
    /// The network they came from.
    Network,
    /// The page they are on.
    Thread,
}

impl CountedBy {
    /// Every one, in the order of [`Questions::rates`].
    pub const ALL: [Self; 3] = [Self::Author, Self::Network, Self::Thread];
}

/// Questions of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Questions {
    /// What is known about these authors?
    pub authors: Vec<(SiteId, AuthorKey)>,
    /// What became of the newest comments of these authors, up to that time?
    pub histories: Vec<(LogKey, Timestamp)>,
    /// For each of [`CountedBy::ALL`]: how many comments came within each window before that time?
    pub rates: [Vec<(LogKey, Timestamp)>; 3],
    /// Which texts have this as their first, and as their second [probe](TextSketch::probes), of
    /// comments up to that time?
    pub texts: [Vec<(i64, Timestamp)>; 2],
    /// What do readers see on these pages?
    pub threads: Vec<(SiteId, ThreadId)>,
}

impl Questions {
    /// Whether nothing is asked.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The answers, each list in the order of its questions.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Answers {
    /// `None`: never seen.
    pub authors: Vec<Option<AuthorFacts>>,
    /// Within `RECENT_WINDOW`, of at most `HISTORY_MAX` comments.
    pub histories: Vec<History>,
    /// Each at most `RATE_MAX`, the given moment included.
    pub rates: [Vec<Windows>; 3],
    /// Within `RECENT_WINDOW`, the newest `CANDIDATES_MAX`, of every site.
    pub texts: [Vec<Vec<RecentText>>; 2],
    /// At most `THREAD_MAX` comments.
    pub threads: Vec<ThreadFacts>,
}

impl Answers {
    /// The answers of a store that knows nothing, to be filled in.
    pub fn unknown(questions: &Questions) -> Self {
        Self {
            authors: vec![None; questions.authors.len()],
            histories: vec![History::default(); questions.histories.len()],
            rates: questions.rates.each_ref().map(|asked| vec![Windows::default(); asked.len()]),
            texts: questions.texts.each_ref().map(|asked| vec![Vec::new(); asked.len()]),
            threads: vec![ThreadFacts::default(); questions.threads.len()],
        }
    }
}

/// A text in the log of recent comments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecentText {
    /// Whose text it is.
    pub comment: CommentName,
    /// Who wrote it, if the site could tell.
    pub writer: Option<LogKey>,
    /// The text.
    pub sketch: TextSketch,
}

/// What the log of recent comments keeps of a comment, so that later ones can be compared with it.
/// It costs the store an index entry for each part, so only what some rule asks for is kept; a rule
/// that begins to ask knows what came since.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Traces {
    /// What it is counted by, in the order of [`CountedBy::ALL`].
    pub counted: [Option<LogKey>; 3],
    /// Who wrote it, to compare with those who repeat it.
    pub writer: Option<LogKey>,
    /// Its text.
    pub text: Option<TextSketch>,
}

impl Traces {
    /// Whether there is nothing to keep.
    pub fn is_empty(&self) -> bool {
        self.text.is_none() && self.counted.iter().all(Option::is_none)
    }
}
