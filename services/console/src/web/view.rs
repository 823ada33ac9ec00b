//! Comments as pages show them.

use std::fmt::Write as _;
use std::sync::Arc;

use moderato_domain::{
    Actor, AuthorKey, CommentId, DecisionKind, Field, Ids, Preferences, Priority, Reason, ReviewQueue,
    SiteId, State, Timestamp,
};
use moderato_engine::Guidelines;
use moderato_store::{Claim, DecisionRecord, QueueItem, StoredComment};

use super::text::Text;
use super::words;

/// Categories whose texts hurt who reads them.
pub(crate) const SEVERE: [&str; 5] = ["crisis", "harassment", "hate", "sexual", "threat"];

/// Characters of a comment that a list shows.
const SHOWN_IN_LIST: usize = 3_000;
/// Characters of a comment around another one.
const SHOWN_IN_PASSING: usize = 700;
/// Reasons that a list shows.
const REASONS_IN_LIST: usize = 4;

/// What all parts of a page need to know: whose page, of which site, and how to speak about guidelines.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    /// `/sites/{site}`.
    pub(crate) base: String,
    /// For forms.
    pub(crate) csrf: String,
    /// Where forms lead back to.
    pub(crate) back: String,
    /// Sections of the guidelines in force, as reasons to reject.
    pub(crate) sections: Vec<Section>,
    /// Who looks.
    pub(crate) me: Actor,
    /// How they like to work.
    pub(crate) preferences: Preferences,
    /// The moment of the page.
    pub(crate) now: Timestamp,
    /// Makes the ids of decisions.
    pub(crate) ids: Arc<dyn Ids>,
}

/// A section of the guidelines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Section {
    /// What rules and decisions cite it by.
    pub(crate) id: String,
    /// Its heading.
    pub(crate) title: String,
}

impl Section {
    /// Every section of a document.
    pub(crate) fn all(guidelines: &Guidelines) -> Vec<Self> {
        let section = |section: &moderato_engine::Section| Self {
            id: section.id.clone(),
            title: section.title.clone(),
        };
        guidelines.sections().iter().map(section).collect()
    }
}

impl Frame {
    /// A fresh id for a decision.
    pub(crate) fn decision(&self) -> String {
        self.ids.time_ordered().to_string()
    }

    /// The heading of a section, or its id if the guidelines in force have no such section any more.
    pub(crate) fn section_title<'a>(&'a self, id: &'a str) -> &'a str {
        self.sections.iter().find(|section| section.id == id).map_or(id, |section| &section.title)
    }

    /// Whether texts of this category are veiled for this person.
    fn veils(&self, category: &str) -> bool {
        let wellness = &self.preferences.wellness;
        wellness.blur && SEVERE.contains(&category) && !wellness.unblurred.contains(category)
    }

    /// The categories that veil a text, in words; empty if it is shown at once.
    fn veil<'r>(&self, reasons: impl IntoIterator<Item = &'r Reason>) -> String {
        let mut names: Vec<String> = Vec::new();
        for reason in reasons {
            let name = words::category(&reason.category);
            if self.veils(&reason.category) && !names.contains(&name) {
                names.push(name);
            }
        }
        names.join(", ")
    }
}

/// A comment that may be decided about.
#[derive(Debug, Clone)]
pub(crate) struct Card {
    /// Its id.
    pub(crate) id: String,
    /// Its place in the order of the queue: texts of this kind sort as the items do.
    pub(crate) order: String,
    /// What a decision about it names: id, revision and version.
    pub(crate) target: String,
    /// The id of the next decision about it.
    pub(crate) decision: String,
    /// Its page in the console.
    pub(crate) href: String,
    /// Who wrote it.
    pub(crate) author: Text,
    /// For names of controls.
    pub(crate) author_words: String,
    /// The author's website.
    pub(crate) website: Option<Website>,
    /// Wrote without an account.
    pub(crate) guest: bool,
    /// The commented page.
    pub(crate) page: String,
    /// Where it can be seen.
    pub(crate) permalink: Option<String>,
    /// When it was written.
    pub(crate) written: Moment,
    /// Since when it waits.
    pub(crate) waits: Moment,
    /// What readers see.
    pub(crate) state: &'static str,
    /// Readers see it.
    pub(crate) public: bool,
    /// How urgent it is.
    pub(crate) priority: &'static str,
    /// Open reports.
    pub(crate) reports: u32,
    /// Its author objects to a decision.
    pub(crate) is_appeal: bool,
    /// The site can tell who wrote it.
    pub(crate) has_known_author: bool,
    /// Comments that wait with a text like this, this one included; 0 if there is no other.
    pub(crate) alike: u32,
    /// Who looks at it.
    pub(crate) claim: Option<Held>,
    /// What it says.
    pub(crate) body: Text,
    /// Categories that veil it, in words.
    pub(crate) veil: String,
    /// Why it waits, weightiest first.
    pub(crate) reasons: Vec<Why>,
    /// Reasons that are not shown.
    pub(crate) more_reasons: usize,
    /// Its points.
    pub(crate) score: String,
    /// What was decided, if it waits no more.
    pub(crate) outcome: Option<Outcome>,
    /// Why the last attempt was refused.
    pub(crate) refused: Option<Refused>,
    /// What was typed when it was refused.
    pub(crate) typed: Typed,
    /// The whole text is shown.
    pub(crate) whole: bool,
    /// Can be sent back: it was decided or readers see it.
    pub(crate) can_send_back: bool,
}

/// A point in time, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Moment {
    /// How long ago.
    pub(crate) ago: String,
    /// For people.
    pub(crate) date: String,
    /// For programs.
    pub(crate) iso: String,
}

impl Moment {
    /// A moment seen at `now`.
    pub(crate) fn of(time: Timestamp, now: Timestamp) -> Self {
        Self { ago: words::ago(time, now), date: words::date(time), iso: words::iso(time) }
    }
}

/// An author's website.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Website {
    /// As typed, with matches.
    pub(crate) text: Text,
    /// Where it leads, if that is the web.
    pub(crate) href: Option<String>,
}

/// Somebody looks at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Held {
    /// Who.
    pub(crate) name: String,
    /// The person who looks at the page.
    pub(crate) mine: bool,
    /// Until when.
    pub(crate) until: String,
}

impl Held {
    /// A claim as `me` sees it.
    pub(crate) fn of(claim: &Claim, me: &Actor) -> Self {
        Self {
            name: claim.holder.name.clone(),
            mine: claim.holder.id == me.id,
            until: words::clock(claim.expire_time),
        }
    }
}

/// A reason in a plain sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Why {
    /// Points with their sign; empty if it has none.
    pub(crate) score: String,
    /// `against` or `for` the comment, or neither.
    pub(crate) side: &'static str,
    /// What was seen: it may quote the comment.
    pub(crate) sentence: Text,
    /// The guideline section it cites.
    pub(crate) section: String,
    /// The rule.
    pub(crate) rule: String,
    /// The kind of harm.
    pub(crate) category: String,
    /// What it demands outright; empty if nothing.
    pub(crate) demands: &'static str,
}

impl Why {
    /// A reason as a sentence.
    pub(crate) fn of(reason: &Reason, frame: &Frame) -> Self {
        use moderato_domain::Action;
        let points = reason.score.get();
        let sentence = if reason.note.is_empty() { &reason.message } else { &reason.note };
        Self {
            score: if points == 0.0 { String::new() } else { reason.score.to_string() },
            side: match reason.action {
                Some(Action::Reject | Action::Review) => "against",
                Some(Action::Allow) => "for",
                None if points > 0.0 => "against",
                None if points < 0.0 => "for",
                None => "neither",
            },
            sentence: Text::plain(sentence),
            section: reason
                .guideline
                .as_deref()
                .map(|id| frame.section_title(id).to_owned())
                .unwrap_or_default(),
            rule: reason.rule.clone(),
            category: words::category(&reason.category),
            demands: match reason.action {
                Some(Action::Reject) => "asks for rejection",
                Some(Action::Review) => "asks for a person",
                Some(Action::Allow) => "approves",
                None => "",
            },
        }
    }
}

/// What was decided about a comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Who; "You", if it was the one who looks.
    pub(crate) who: String,
    /// What they did; `None` if it was no decision.
    pub(crate) kind: Option<DecisionKind>,
    /// The guideline section; empty if none.
    pub(crate) section: String,
    /// When.
    pub(crate) when: Moment,
    /// Words for moderators.
    pub(crate) note: String,
    /// Words for the author.
    pub(crate) message: String,
    /// It was taken back.
    pub(crate) undone: Option<String>,
    /// How to take it back, while that is possible.
    pub(crate) undo: Option<Undo>,
}

/// A decision that can be taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Undo {
    /// Which one.
    pub(crate) decision: String,
    /// Until when, in milliseconds since the epoch.
    pub(crate) until_ms: i64,
    /// Until when, for people.
    pub(crate) until: String,
}

impl Outcome {
    /// What they did with `what`.
    pub(crate) fn did(&self, what: &str) -> String {
        self.kind.map_or_else(|| format!("changed about {what}"), |kind| words::did(kind, what))
    }

    /// A decision as `frame.me` sees it.
    pub(crate) fn of(record: &DecisionRecord, frame: &Frame) -> Self {
        let mine = record.actor.id == frame.me.id;
        let who = |actor: &Actor| if actor.id == frame.me.id { "You".to_owned() } else { actor.name.clone() };
        let section = |id: &str| frame.section_title(id).to_owned();
        Self {
            who: who(&record.actor),
            kind: Some(record.kind),
            section: record.guideline.as_deref().map(section).unwrap_or_default(),
            when: Moment::of(record.decide_time, frame.now),
            note: record.note.clone().unwrap_or_default(),
            message: record.message.clone().unwrap_or_default(),
            undone: record.undone.as_ref().map(|(time, actor)| {
                format!("taken back by {}, {}", who(actor), words::ago(*time, frame.now))
            }),
            undo: (mine && record.undone.is_none() && record.undo_until > frame.now).then(|| Undo {
                decision: record.id.0.to_string(),
                until_ms: record.undo_until.as_millis(),
                until: words::clock(record.undo_until),
            }),
        }
    }
}

/// Why an attempt was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused {
    /// Who and what, and that nothing changed.
    pub(crate) text: String,
    /// Somebody else holds a claim: what to send to decide all the same.
    pub(crate) over_claim: Option<String>,
}

/// What was typed into a form.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Typed {
    /// Words for the author.
    pub(crate) message: String,
    /// Words for moderators.
    pub(crate) note: String,
}

impl Typed {
    /// Whether something was.
    pub(crate) fn is_empty(&self) -> bool {
        self.message.trim().is_empty() && self.note.trim().is_empty()
    }
}

/// What a decision about a comment names: `id:revision:version`.
pub(crate) fn target(comment: &StoredComment) -> String {
    format!("{}:{}:{}", comment.name.comment, comment.revision, comment.version)
}

impl Card {
    /// An item of a list.
    pub(crate) fn of(item: &QueueItem, frame: &Frame) -> Self {
        Self::build(item, frame, false)
    }

    /// An item on its own page.
    pub(crate) fn whole(item: &QueueItem, frame: &Frame) -> Self {
        Self::build(item, frame, true)
    }

    fn build(item: &QueueItem, frame: &Frame, whole: bool) -> Self {
        let comment = &item.comment;
        let reasons = &item.verdict.evaluation.reasons;
        let (texts, shown) = if whole { (usize::MAX, usize::MAX) } else { (SHOWN_IN_LIST, REASONS_IN_LIST) };
        let author = if comment.display_name.is_empty() { "(no name)" } else { &comment.display_name };
        let author = Text::of(author, Field::AuthorName, reasons, 200);
        let website = comment.author_url.as_deref().map(|url| Website {
            text: Text::of(url, Field::AuthorUrl, reasons, 200),
            href: words::link(url),
        });
        Self {
            id: comment.name.comment.to_string(),
            order: order(item),
            target: target(comment),
            decision: frame.decision(),
            href: format!("{}/comments/{}", frame.base, comment.name.comment),
            author_words: author.words(),
            author,
            website,
            guest: comment.guest,
            page: comment.thread.to_string(),
            permalink: comment.permalink.as_deref().and_then(words::link),
            written: Moment::of(comment.create_time, frame.now),
            waits: Moment::of(item.wait_since, frame.now),
            state: words::state(comment.state),
            public: comment.state == State::Published,
            priority: item.priority.as_str(),
            reports: item.reports,
            is_appeal: item.queue == Some(ReviewQueue::Appeals),
            has_known_author: item.author.is_some(),
            alike: if item.campaign > 1 { item.campaign } else { 0 },
            claim: item.claim.as_ref().map(|claim| Held::of(claim, &frame.me)),
            body: Text::of(&comment.body, Field::Body, reasons, texts),
            veil: frame.veil(reasons),
            reasons: reasons.iter().take(shown).map(|reason| Why::of(reason, frame)).collect(),
            more_reasons: reasons.len().saturating_sub(shown),
            score: item.verdict.evaluation.score.to_string(),
            outcome: None,
            refused: None,
            typed: Typed::default(),
            whole,
            can_send_back: item.queue.is_none() || comment.state == State::Published,
        }
    }

    /// With what was decided about it.
    #[must_use]
    pub(crate) fn decided(mut self, outcome: Option<Outcome>) -> Self {
        self.outcome = outcome;
        self
    }

    /// With the reason why it was not decided, and what was typed.
    #[must_use]
    pub(crate) fn refused(mut self, refused: Refused, typed: Typed) -> Self {
        self.refused = Some(refused);
        self.typed = typed;
        self
    }

    /// Whether it waits no more.
    pub(crate) fn settled(&self) -> bool {
        self.outcome.is_some()
    }
}

/// A comment around another one.
#[derive(Debug, Clone)]
pub(crate) struct Mini {
    /// Its id.
    pub(crate) id: String,
    /// What a decision about it names.
    pub(crate) target: String,
    /// The id of the next decision about it.
    pub(crate) decision: String,
    /// Its page in the console.
    pub(crate) href: String,
    /// Who wrote it.
    pub(crate) author: Text,
    /// For names of controls.
    pub(crate) author_words: String,
    /// When.
    pub(crate) written: Moment,
    /// What readers see.
    pub(crate) state: &'static str,
    /// For the colour of the state.
    pub(crate) tone: &'static str,
    /// What it says.
    pub(crate) body: Text,
    /// Categories that veil it, in words.
    pub(crate) veil: String,
    /// It can be decided about.
    pub(crate) open: bool,
}

impl Mini {
    /// An item in passing.
    pub(crate) fn of_item(item: &QueueItem, frame: &Frame) -> Self {
        Self::of(&item.comment, &item.verdict.evaluation.reasons, frame)
    }

    /// A comment in passing, with the reasons against it if they are known.
    pub(crate) fn of(comment: &StoredComment, reasons: &[Reason], frame: &Frame) -> Self {
        let author =
            Text::plain(if comment.display_name.is_empty() { "(no name)" } else { &comment.display_name });
        Self {
            id: comment.name.comment.to_string(),
            target: target(comment),
            decision: frame.decision(),
            href: format!("{}/comments/{}", frame.base, comment.name.comment),
            author_words: author.words(),
            author,
            written: Moment::of(comment.create_time, frame.now),
            state: words::state(comment.state),
            tone: match comment.state {
                State::Published => "good",
                State::Rejected | State::Spam => "bad",
                State::Pending => "warn",
                State::Withdrawn => "",
            },
            body: Text::of(&comment.body, Field::Body, reasons, SHOWN_IN_PASSING),
            veil: frame.veil(reasons),
            open: comment.state != State::Withdrawn,
        }
    }
}

/// A text that sorts as the items of a queue do: most urgent first, then who waits longest, then by id.
fn order(item: &QueueItem) -> String {
    let urgency = Priority::Crisis.as_i16() - item.priority.as_i16();
    format!("{urgency}.{:015}.{}", item.wait_since.as_millis().max(0), item.comment.name.comment)
}

/// A comment's name from a path.
pub(crate) fn comment_id(text: &str) -> Option<CommentId> {
    CommentId::parse(text).ok()
}

/// An author's key as text in addresses.
pub(crate) fn author_hex(author: &AuthorKey) -> String {
    author.as_bytes().iter().fold(String::with_capacity(32), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// Reads [`author_hex`] back.
pub(crate) fn author_key(text: &str) -> Option<AuthorKey> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let pairs = text.as_bytes().chunks_exact(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?));
    let bytes: Vec<u8> = pairs.collect::<Option<_>>()?;
    (text.len() == 32).then_some(bytes)?.try_into().ok().map(AuthorKey::from_bytes)
}

/// The path of a site's pages.
pub(crate) fn base(site: &SiteId) -> String {
    format!("/sites/{site}")
}
