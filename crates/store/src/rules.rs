//! Rule sets over time: which one is in force, which one is tried beside it, and what they did.

use moderato_domain::{
    Action, Comment, CommentName, DecisionKind, Revision, RuleSetVersion, SiteId, Timestamp, Verdict,
};
use serde::{Deserialize, Serialize};

/// A stored rule set: an immutable version with the documents it was compiled from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleSetDocument {
    /// Its version.
    pub version: RuleSetVersion,
    /// The rule-set document (TOML).
    pub document: String,
    /// The guidelines it cites (Markdown).
    pub guidelines: String,
    /// When it was stored.
    pub create_time: Timestamp,
}

/// A line in the list of rule sets; also a place in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleSetEntry {
    /// The version.
    pub version: RuleSetVersion,
    /// When it was stored.
    pub create_time: Timestamp,
}

/// What a rule set is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Slot {
    /// It decides.
    Active,
    /// It runs beside the active one and decides nothing.
    Shadow,
}

impl Slot {
    /// The slot as text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Shadow => "shadow",
        }
    }
}

/// The rule sets in use.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RulesInForce {
    /// The one that decides; none before the first start.
    pub active: Option<RuleSetVersion>,
    /// The one that is tried beside it, if any.
    pub shadow: Option<RuleSetVersion>,
}

/// One change of what a slot holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activation {
    /// What it holds since; nothing, if a shadow was ended.
    pub version: Option<RuleSetVersion>,
    /// Since when.
    pub time: Timestamp,
}

/// What a process counted since it last reported: how often rules matched, and how the shadow
/// differs. It is gathered in memory and stored every few seconds, so that statistics cost nothing
/// per comment; a process that is killed loses the last few seconds of it, and a comment that is
/// delivered twice may be counted twice.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RuleTally {
    /// Matches, each site, slot, version and rule at most once.
    pub hits: Vec<RuleHits>,
    /// Comparisons, each site and shadow version at most once.
    pub comparisons: Vec<Comparisons>,
    /// Comments on which shadow and active rule set disagree.
    pub differences: Vec<ShadowDifference>,
}

impl RuleTally {
    /// Whether there is nothing to store.
    pub fn is_empty(&self) -> bool {
        self.hits.is_empty() && self.comparisons.is_empty() && self.differences.is_empty()
    }
}

/// How often a rule of a version matched comments of a site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleHits {
    /// Whose comments.
    pub site: SiteId,
    /// What the rule set was used for.
    pub slot: Slot,
    /// The rule set.
    pub version: RuleSetVersion,
    /// The rule's id.
    pub rule: String,
    /// Matches.
    pub hits: i64,
    /// The last of them.
    pub last_hit: Timestamp,
}

/// How often a shadow was compared with the active rule set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparisons {
    /// On whose comments.
    pub site: SiteId,
    /// The shadow.
    pub version: RuleSetVersion,
    /// Comments that both judged.
    pub compared: i64,
    /// Comments to which the shadow would have given another action.
    pub differing: i64,
}

/// A comment to which the shadow would have given another action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShadowDifference {
    /// Which comment.
    pub comment: CommentName,
    /// Which version of it.
    pub revision: Revision,
    /// The shadow.
    pub version: RuleSetVersion,
    /// The rule set that decided.
    pub active_version: RuleSetVersion,
    /// What was decided.
    pub active: Action,
    /// What the shadow says.
    pub shadow: Action,
    /// The rules that make the difference.
    pub rules: RuleDifference,
    /// When.
    pub time: Timestamp,
}

/// Rules that matched in one evaluation and not in the other, by id.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RuleDifference {
    /// Matched only in the active rule set.
    pub only_active: Vec<String>,
    /// Matched only in the shadow.
    pub only_shadow: Vec<String>,
}

/// Most differences that are kept of one shadow on one site, the newest ones: more than anybody
/// reads, and their number is known from [`Comparisons`] all the same.
pub const DIFFERENCES_KEPT: u32 = 1_000;

/// Which comments, and of which rule set, statistics are about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatisticsScope {
    /// Comments of one site, or of all.
    pub site: Option<SiteId>,
    /// Matches of one version, or of all: a rule keeps its id through versions.
    pub version: Option<RuleSetVersion>,
    /// What the version was used for.
    pub slot: Slot,
    /// Decisions since then count for overturns.
    pub decided_since: Timestamp,
}

/// What a rule did, and what humans thought of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleStatistics {
    /// The rule's id.
    pub rule: String,
    /// Matches since its version was first used.
    pub hits: i64,
    /// The last of them.
    pub last_hit: Option<Timestamp>,
    /// Matches on revisions that a human decided about. Rules without weight are not counted.
    pub decided: i64,
    /// Those where the human decided against the rule: approved what it spoke against, or hid what it
    /// spoke for.
    pub overturned: i64,
}

/// A stored revision with everything that was said about it.
#[derive(Debug, Clone, PartialEq)]
pub struct JudgedComment {
    /// The revision, without the addresses that its site does not keep.
    pub comment: Comment,
    /// What the engine said.
    pub verdict: Verdict,
    /// What a human decided about this revision, most recently.
    pub decision: Option<DecisionKind>,
}
