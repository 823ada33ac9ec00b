//! Why a comment was restricted, as its author is told (DSA, article 17).
//!
//! A statement is made from what was decided and what the site's guidelines said at that time, and is
//! never changed. It names no moderator and no rule: an author learns which section of the guidelines
//! the comment broke, not how the rules recognise it. Unsolicited advertising gets none: the article
//! exempts it, and a spammer would only learn from it.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::clock::Timestamp;
use crate::decision::DecisionId;
use crate::ids::{CommentName, Revision, uuid_from_digest};
use crate::verdict::{Action, Reason, Verdict};

/// Identifies a statement: equal for the same restriction however often it is written down, unique in
/// the transparency database.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Puid(String);

impl Puid {
    /// The statement about a restriction of this revision, by a decision or by the engine alone.
    pub fn derive(comment: &CommentName, revision: Revision, decision: Option<DecisionId>) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"moderato.statement\0");
        hash.update(comment.to_string());
        hash.update(revision.get().to_be_bytes());
        if let Some(DecisionId(id)) = decision {
            hash.update(id.as_bytes());
        }
        Self(uuid_from_digest(&hash.finalize().into()).to_string())
    }

    /// Reads what somebody sent.
    pub fn parse(text: &str) -> Option<Self> {
        let id = uuid::Uuid::try_parse(text).ok()?.to_string();
        (id == text).then_some(Self(id))
    }

    /// Takes back what is stored.
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// As text: 36 of `0-9 a-f -`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Puid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What drew attention to the comment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// A notice of illegal content (DSA, article 16).
    Notice,
    /// A reader's report.
    Report,
    /// The site's own rules and moderators.
    Own,
}

impl Source {
    /// Every source.
    pub const ALL: [Self; 3] = [Self::Notice, Self::Report, Self::Own];

    /// The source as text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Notice => "notice",
            Self::Report => "report",
            Self::Own => "own",
        }
    }

    /// Reads [`as_str`](Self::as_str) back.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|source| source.as_str() == text)
    }
}

/// A section of the guidelines as it read then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CitedSection {
    /// What rules and decisions cite it by.
    pub id: String,
    /// Its heading.
    pub title: String,
    /// Its text, Markdown.
    pub text: String,
}

/// A statement of reasons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// Identifies it.
    pub puid: Puid,
    /// The comment that readers do not see any more.
    pub comment: CommentName,
    /// Which text of it.
    pub revision: Revision,
    /// The decision; none if the engine decided alone.
    pub decision: Option<DecisionId>,
    /// The kind of harm, as rules name it; `other` if none did.
    pub category: String,
    /// The section that was broken, if one was cited.
    pub guideline: Option<CitedSection>,
    /// What was found, in a sentence or two.
    pub facts: String,
    /// The moderator's own words.
    pub message: Option<String>,
    /// What drew attention to it.
    pub source: Source,
    /// A rule asked for a person, or rejected it.
    pub automated_detection: bool,
    /// Nobody looked at it.
    pub automated_decision: bool,
    /// Language of the comment.
    pub language: Option<String>,
    /// When the comment was written.
    pub content_time: Timestamp,
    /// When the restriction began.
    pub restrict_time: Timestamp,
    /// When the statement was written: after the time to undo a decision.
    pub create_time: Timestamp,
}

/// A rejection by a person, as far as its statement depends on it.
#[derive(Debug, Clone, Copy)]
pub struct Rejection<'a> {
    /// The decision.
    pub decision: DecisionId,
    /// The section it cites.
    pub guideline: Option<&'a str>,
    /// Words to the author.
    pub message: Option<&'a str>,
    /// When.
    pub time: Timestamp,
    /// What drew attention to the comment.
    pub source: Source,
}

/// The comment that a statement is about.
#[derive(Debug, Clone, Copy)]
pub struct Restricted<'a> {
    /// What the engine said about the revision.
    pub verdict: &'a Verdict,
    /// Language, if told.
    pub language: Option<&'a str>,
    /// When it was written.
    pub content_time: Timestamp,
}

/// Most sentences of rules in a statement: the weightiest ones say why.
const SENTENCES: usize = 3;

impl Statement {
    /// Of a person's rejection. `section` looks up the guidelines.
    pub fn of_rejection(
        restricted: Restricted<'_>,
        rejection: Rejection<'_>,
        section: impl Fn(&str) -> Option<CitedSection>,
        now: Timestamp,
    ) -> Self {
        let evaluation = &restricted.verdict.evaluation;
        // What the moderator cites; else what the weightiest rule that cites something does.
        let by_rule =
            || telling(&evaluation.reasons).into_iter().find_map(|reason| reason.guideline.as_deref());
        let guideline = rejection.guideline.or_else(by_rule).and_then(section);
        let attention = match rejection.source {
            Source::Notice => " It was the subject of a notice of illegal content.",
            Source::Report => " Readers had reported it.",
            Source::Own => "",
        };
        let facts = format!(
            "A moderator read the comment and decided that it does not follow the guidelines of this \
             site.{attention}"
        );
        let cited = guideline.as_ref().map(|section| section.id.as_str());
        let category = evaluation
            .reasons
            .iter()
            .find(|reason| cited.is_some() && reason.guideline.as_deref() == cited)
            .or_else(|| telling(&evaluation.reasons).into_iter().next());
        Self {
            category: category.map_or_else(|| "other".to_owned(), |reason| reason.category.clone()),
            guideline,
            facts,
            message: rejection.message.map(str::to_owned),
            source: rejection.source,
            automated_detection: evaluation.action != Action::Allow,
            automated_decision: false,
            restrict_time: rejection.time,
            ..Self::about(restricted, Some(rejection.decision), now)
        }
    }

    /// Of a rejection by the engine alone.
    pub fn of_verdict(
        restricted: Restricted<'_>,
        section: impl Fn(&str) -> Option<CitedSection>,
        now: Timestamp,
    ) -> Self {
        let reasons = telling(&restricted.verdict.evaluation.reasons);
        let mut sentences: Vec<&str> = Vec::new();
        for reason in &reasons {
            let sentence = reason.message.trim();
            if !sentence.is_empty() && !sentences.contains(&sentence) && sentences.len() < SENTENCES {
                sentences.push(sentence);
            }
        }
        let found = sentences.join(" ");
        let facts =
            format!("An automatic check found that the comment does not follow the guidelines. {found}");
        Self {
            guideline: reasons.iter().find_map(|reason| section(reason.guideline.as_deref()?)),
            facts: facts.trim_end().to_owned(),
            ..Self::about(restricted, None, now)
        }
    }

    fn about(restricted: Restricted<'_>, decision: Option<DecisionId>, now: Timestamp) -> Self {
        let Restricted { verdict, language, content_time } = restricted;
        let reasons = telling(&verdict.evaluation.reasons);
        let category = reasons.first().map_or("other", |reason| &reason.category);
        Self {
            puid: Puid::derive(&verdict.comment, verdict.revision, decision),
            comment: verdict.comment.clone(),
            revision: verdict.revision,
            decision,
            category: category.to_owned(),
            guideline: None,
            facts: String::new(),
            message: None,
            source: Source::Own,
            automated_detection: true,
            automated_decision: true,
            language: language.map(str::to_owned),
            content_time,
            restrict_time: verdict.evaluate_time,
            create_time: now,
        }
    }
}

/// The reasons that say why a comment was rejected, weightiest first: those that reject or add points and show
/// what in the comment did; if there are none, those that reject or add points; else all. What else a rule
/// says ("a moderator reads it first") is not true of a comment that is rejected.
fn telling(reasons: &[Reason]) -> Vec<&Reason> {
    let rejects = |reason: &&Reason| reason.action == Some(Action::Reject) || reason.score.get() > 0.0;
    let shows = |reason: &&Reason| rejects(reason) && !reason.spans.is_empty();
    let all = || reasons.iter();
    if all().any(|reason| shows(&reason)) {
        all().filter(shows).collect()
    } else if all().any(|reason| rejects(&reason)) {
        all().filter(rejects).collect()
    } else {
        all().collect()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::facts::Facts;
    use crate::ids::RuleSetVersion;
    use crate::verdict::{Evaluation, Field, Score, Span};

    fn reason(rule: &str, category: &str, guideline: &str, message: &str) -> Reason {
        Reason {
            rule: rule.to_owned(),
            category: category.to_owned(),
            guideline: Some(guideline.to_owned()),
            score: Score::new(5.0),
            action: None,
            message: message.to_owned(),
            note: "secret note".to_owned(),
            spans: Vec::new(),
        }
    }

    pub(in crate::redress) fn verdict() -> Verdict {
        Verdict {
            comment: CommentName::parse("sites/blog/comments/c1").unwrap(),
            revision: Revision::FIRST,
            evaluation: Evaluation {
                action: Action::Reject,
                approved_by_rule: false,
                score: Score::new(10.0),
                reasons: vec![
                    reason("rule-7", "hate", "respect", "It attacks people for what they are."),
                    reason("rule-8", "harassment", "be-kind", "It insults somebody."),
                    reason("rule-9", "hate", "respect", "It insults somebody."),
                ],
                signals: Vec::new(),
                rule_set: RuleSetVersion::parse("starter@0123456789ab").unwrap(),
                degraded: Vec::new(),
            },
            facts: Facts::none(Timestamp::from_millis(5)),
            evaluate_time: Timestamp::from_millis(5),
        }
    }

    pub(in crate::redress) fn restricted(verdict: &Verdict) -> Restricted<'_> {
        Restricted { verdict, language: Some("de-AT"), content_time: Timestamp::from_millis(1) }
    }

    pub(in crate::redress) fn section(id: &str) -> Option<CitedSection> {
        let known = ["respect", "be-kind"].contains(&id);
        known.then(|| CitedSection { id: id.to_owned(), title: "Title".to_owned(), text: "Text".to_owned() })
    }

    #[test]
    fn the_engine_says_what_it_found_and_not_how() {
        let statement = Statement::of_verdict(restricted(&verdict()), section, Timestamp::from_millis(9));
        assert_eq!(statement.category, "hate");
        assert_eq!(statement.guideline.as_ref().unwrap().id, "respect");
        assert!(statement.automated_decision && statement.automated_detection);
        assert!(statement.facts.ends_with("It attacks people for what they are. It insults somebody."));
        let shown = format!("{statement:?}");
        assert!(!shown.contains("secret") && !shown.contains("rule-"), "{shown}");
        let again = Statement::of_verdict(restricted(&verdict()), section, Timestamp::from_millis(99));
        assert_eq!(again.puid, statement.puid);
    }

    #[test]
    fn what_is_in_the_comment_is_told_before_what_is_known_of_its_author() {
        let mut verdict = verdict();
        let mut history = reason("history", "history", "respect", "A moderator reads your comment first.");
        history.action = Some(Action::Review);
        history.score = Score::new(0.0);
        let mut insult = reason("rule-8", "harassment", "be-kind", "It insults somebody.");
        insult.spans = vec![Span { field: Field::Body, start: 0, end: 3 }];
        let late = reason("late", "age", "respect", "The page is old.");
        verdict.evaluation.reasons = vec![history.clone(), late, insult];
        let statement = Statement::of_verdict(restricted(&verdict), section, Timestamp::from_millis(9));
        assert_eq!(
            (statement.category.as_str(), statement.guideline.unwrap().id.as_str()),
            ("harassment", "be-kind")
        );
        assert!(statement.facts.ends_with("the guidelines. It insults somebody."), "{}", statement.facts);

        verdict.evaluation.reasons = vec![history];
        let statement = Statement::of_verdict(restricted(&verdict), section, Timestamp::from_millis(9));
        assert_eq!(statement.category, "history", "the only one there is");
    }

    #[test]
    fn a_person_cites_what_they_like_and_the_category_follows() {
        let verdict = verdict();
        let rejection = Rejection {
            decision: DecisionId(Uuid::from_u128(1)),
            guideline: Some("be-kind"),
            message: Some("Please rephrase."),
            time: Timestamp::from_millis(7),
            source: Source::Report,
        };
        let of = |rejection| {
            Statement::of_rejection(restricted(&verdict), rejection, section, Timestamp::from_millis(9))
        };
        let statement = of(rejection);
        assert_eq!(
            (statement.category.as_str(), statement.guideline.unwrap().id),
            ("harassment", "be-kind".into())
        );
        assert!(!statement.automated_decision && statement.automated_detection);
        assert!(statement.facts.contains("Readers had reported it"));
        let by_rule = of(Rejection { guideline: None, ..rejection });
        assert_eq!(by_rule.guideline.unwrap().id, "respect");
        let unknown = of(Rejection { guideline: Some("gone"), ..rejection });
        assert_eq!((unknown.guideline, unknown.category.as_str()), (None, "hate"));
        let other = Rejection { decision: DecisionId(Uuid::from_u128(2)), ..rejection };
        assert_ne!(of(other).puid, by_rule.puid);
    }
}
