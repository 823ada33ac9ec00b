//! What is known before a comment is judged.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::identity::TextFingerprint;
use crate::ids::RuleSetVersion;
use crate::verdict::Span;

/// A fact that can be asked for before judging.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FactKind {
    /// [`Facts::author`].
    Author,
    /// [`Facts::history`].
    History,
    /// [`Rates::author`].
    AuthorRate,
    /// [`Rates::network`].
    NetworkRate,
    /// [`Rates::thread`].
    ThreadRate,
    /// [`Facts::repeats`].
    Repeats,
    /// [`Facts::thread`].
    Thread,
    /// [`Facts::block_lists`].
    BlockLists,
    /// [`Facts::guidelines`].
    Guidelines,
}

impl FactKind {
    /// Every fact.
    pub const ALL: [Self; 9] = [
        Self::Author,
        Self::History,
        Self::AuthorRate,
        Self::NetworkRate,
        Self::ThreadRate,
        Self::Repeats,
        Self::Thread,
        Self::BlockLists,
        Self::Guidelines,
    ];

    /// How verdicts call it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Author => "facts.author",
            Self::History => "facts.history",
            Self::AuthorRate => "facts.author_rate",
            Self::NetworkRate => "facts.network_rate",
            Self::ThreadRate => "facts.thread_rate",
            Self::Repeats => "facts.repeats",
            Self::Thread => "facts.thread",
            Self::BlockLists => "facts.block_lists",
            Self::Guidelines => "facts.guidelines",
        }
    }
}

/// Which facts are asked for. What no rule uses is neither asked for nor kept for later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FactSet(u16);

impl FactSet {
    /// No facts.
    pub const NONE: Self = Self(0);
    /// Every fact.
    pub const ALL: Self = Self(u16::MAX);

    /// This set and one more fact.
    #[must_use]
    pub const fn with(self, fact: FactKind) -> Self {
        Self(self.0 | 1 << fact as u8)
    }

    /// Both sets together.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether the fact is asked for.
    pub const fn contains(self, fact: FactKind) -> bool {
        self.0 & (1 << fact as u8) != 0
    }

    /// The facts in it.
    pub fn iter(self) -> impl Iterator<Item = FactKind> {
        FactKind::ALL.into_iter().filter(move |fact| self.contains(*fact))
    }
}

/// What was known before a comment was judged. Stored with the verdict, so that judging can be
/// repeated. What was not asked for is absent, and so is what could not be had (then
/// [`missing`](Self::missing) says so).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// The time that "within 24 hours" is counted back from.
    pub now: Timestamp,
    /// What the site knows about the author; absent also if the author was never seen or has no
    /// identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<AuthorFacts>,
    /// What became of the author's newest comments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub history: Option<History>,
    /// How fast comments come.
    #[serde(default, skip_serializing_if = "Rates::is_unknown")]
    pub rates: Rates,
    /// Where the text was seen before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeats: Option<Repeats>,
    /// What readers see on the page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread: Option<ThreadFacts>,
    /// The public block lists (DNSBL zones) that list the client's address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block_lists: Option<Vec<String>>,
    /// The version of the guidelines that the site asks authors to accept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guidelines: Option<String>,
    /// A ban or suspension of the author that is in force, whatever rules ask for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sanction: Option<SanctionFacts>,
    /// What lists say about addresses that the site does not keep. It stands in for them when the comment
    /// is judged again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listed: Option<ListedAddresses>,
    /// Facts that were asked for and could not be had. They mark the evaluation as degraded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<MissingFact>,
}

impl Facts {
    /// No facts, and none were to be had: a first comment.
    pub const fn none(now: Timestamp) -> Self {
        Self {
            now,
            author: None,
            history: None,
            rates: Rates { author: None, network: None, thread: None },
            repeats: None,
            thread: None,
            block_lists: None,
            guidelines: None,
            sanction: None,
            listed: None,
            missing: Vec::new(),
        }
    }

    /// Whether the fact was asked for and could not be had.
    pub fn lacks(&self, fact: FactKind) -> bool {
        self.missing.iter().any(|missing| missing.fact == fact)
    }
}

/// A ban or suspension that is in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SanctionFacts {
    /// Until when; absent: until it is lifted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// What the lists of a rule set say about the addresses that a comment came with: how many entries, and
/// never which, for an entry can be the very address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedAddresses {
    /// The rule set whose lists they are.
    pub rule_set: RuleSetVersion,
    /// The lists that have such entries.
    pub hits: Vec<AddressHit>,
}

/// A list that has an address, or a network around it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressHit {
    /// Which address.
    pub of: AddressKind,
    /// The list's name.
    pub list: String,
    /// Different entries, from one on.
    pub entries: u8,
    /// Where the address stood, of a mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub span: Option<Span>,
}

/// An address of a person that a site may choose not to keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AddressKind {
    /// The author's mail address.
    Mail,
    /// The IP address that the author wrote from.
    Ip,
}

/// A fact that could not be had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissingFact {
    /// Which.
    pub fact: FactKind,
    /// Why, such as `timeout`.
    pub why: String,
    /// What follows.
    pub policy: MissingPolicy,
}

impl fmt::Display for MissingFact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let effect = match self.policy {
            MissingPolicy::Open => "",
            MissingPolicy::Hold => "; held for it",
            MissingPolicy::Closed => "; rejected for it",
        };
        write!(f, "{} skipped: {}{effect}", self.fact.as_str(), self.why)
    }
}

/// What follows for a comment if a fact that its rules use cannot be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MissingPolicy {
    /// It is judged without.
    #[default]
    Open,
    /// A human has to look.
    Hold,
    /// It is rejected.
    Closed,
}

/// What the store knows about an author on this site. Absent: the author was never seen, or has no
/// identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorFacts {
    /// Comments recorded, of any outcome.
    pub comments: i64,
    /// Comments whose newest revision is published.
    pub published: i64,
    /// Comments rejected, as spam or otherwise.
    pub rejected: i64,
    /// When the first comment was recorded.
    pub first_seen: Timestamp,
    /// When the newest comment was recorded.
    pub last_seen: Timestamp,
    /// The text of the newest comment.
    pub last_text: TextFingerprint,
}

/// How long recent comments are remembered one by one: a spam campaign runs for days.
pub const RECENT_WINDOW: Duration = Duration::from_hours(7 * 24);

/// Comments of an author that [`History`] looks at.
pub const HISTORY_MAX: u32 = 20;

/// Comments that one rate counts at most; more is "at least as many".
pub const RATE_MAX: u32 = 256;

/// Texts that are compared with a new one at most, for each of its probes; the newest ones.
pub const CANDIDATES_MAX: u32 = 64;

/// What became of the author's newest [`HISTORY_MAX`] comments within [`RECENT_WINDOW`]. What still
/// waits, or was withdrawn, does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct History {
    /// Published or rejected.
    pub settled: u32,
    /// Rejected, as spam or otherwise.
    pub rejected: u32,
}

/// How fast comments come: how many came before this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Rates {
    /// From the same author.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<Windows>,
    /// From the same [network](crate::identity::ip_prefix).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<Windows>,
    /// On the same page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread: Option<Windows>,
}

impl Rates {
    fn is_unknown(&self) -> bool {
        *self == Self::default()
    }
}

/// How many comments came within each of [`Windows::SPANS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Windows(pub [u32; 4]);

impl Windows {
    /// One minute, ten minutes, an hour, a day.
    pub const SPANS: [Duration; 4] =
        [Duration::from_mins(1), Duration::from_mins(10), Duration::from_hours(1), Duration::from_hours(24)];

    /// Counts one more comment, that came so long before.
    pub fn count(&mut self, before: Duration) {
        for (count, span) in self.0.iter_mut().zip(Self::SPANS) {
            if before < span {
                *count = count.saturating_add(1).min(RATE_MAX);
            }
        }
    }
}

/// Where the same text, or a variant of it, was seen within [`RECENT_WINDOW`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Repeats {
    /// Other comments of the author on this site.
    pub author: u32,
    /// Other comments on this site, whoever wrote them.
    pub site: u32,
    /// Those of them that have the very same words.
    pub identical: u32,
    /// Other authors who wrote it on this site.
    pub authors: u32,
    /// Other sites it was seen on.
    pub sites: u32,
}

/// What readers see on a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ThreadFacts {
    /// Published comments, at most [`THREAD_MAX`].
    pub published: u32,
    /// When the oldest of them was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest: Option<Timestamp>,
}

/// Published comments of a page that are counted at most: a long page is long.
pub const THREAD_MAX: u32 = 1_000;
