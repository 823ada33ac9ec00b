//! Judging a stored comment again, with the facts of its time.

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};

use moderato_domain::{
    Author, Circumstances, Client, Comment, CommentId, CommentName, Email, Evaluation, Explanation, Field,
    Revision, SignalValue, SiteId, ThreadId, Timestamp,
};
use moderato_engine::{CompiledRuleSet, Facts, engine_error, evaluate, explain};
use moderato_store::JudgedComment;

use crate::rules::desk::{DeskError, RuleDesk, blocking};

/// A stored verdict beside one that was made anew.
#[derive(Debug)]
pub struct Replay {
    /// The revision and its verdict.
    pub judged: JudgedComment,
    /// What the rules say now.
    pub again: Evaluation,
}

/// By which rules to judge again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Against {
    /// Those the verdict was made by: the result must be the same.
    Stored,
    /// Those in force now.
    Active,
}

impl Replay {
    /// Whether both are the same to the last byte.
    pub fn is_identical(&self) -> bool {
        let json = |evaluation: &Evaluation| serde_json::to_string(evaluation).ok();
        json(&self.judged.verdict.evaluation) == json(&self.again)
    }
}

impl RuleDesk {
    /// Judges a stored revision again, the newest one if `revision` is `None`. `None`: there is no such
    /// revision.
    pub async fn replay(
        &self,
        name: &CommentName,
        revision: Option<Revision>,
        against: Against,
    ) -> Result<Option<Replay>, DeskError> {
        let Some(judged) = self.store().judged_comment(name, revision).await? else { return Ok(None) };
        let rules = match against {
            Against::Stored => self.stored(&judged.verdict.evaluation.rule_set).await?,
            Against::Active => self.active().await?,
        };
        let (judged, again) = blocking(move || {
            let again = judge_again(&rules.rules, &judged);
            (judged, again)
        })
        .await?;
        Ok(Some(Replay { judged, again }))
    }

    /// Explains a stored verdict by the rules it was made by, rule by rule. `None`: there is no such
    /// revision.
    pub async fn explain(
        &self,
        name: &CommentName,
        revision: Option<Revision>,
    ) -> Result<Option<(JudgedComment, Explanation)>, DeskError> {
        let Some(judged) = self.store().judged_comment(name, revision).await? else { return Ok(None) };
        let rules = self.stored(&judged.verdict.evaluation.rule_set).await?;
        let explained = blocking(move || {
            let explanation = explain(&rules.rules, &as_judged(&judged), &facts_of(&judged));
            (judged, explanation)
        });
        Ok(Some(explained.await?))
    }
}

/// What rules say about a stored revision, with the facts of its time. A panic ends as it does in a
/// worker.
pub(crate) fn judge_again(rules: &CompiledRuleSet, judged: &JudgedComment) -> Evaluation {
    let comment = as_judged(judged);
    catch_unwind(AssertUnwindSafe(|| evaluate(rules, &comment, &facts_of(judged))))
        .unwrap_or_else(|_| engine_error(rules.version().clone()))
}

/// The comment as it was judged. Of a mail address that its site does not keep, the verdict's signals
/// know the domain, its spans the length, and its facts which lists have it: an address of both judges the
/// same.
fn as_judged(judged: &JudgedComment) -> Cow<'_, Comment> {
    let evaluation = &judged.verdict.evaluation;
    let domain = evaluation.signals.iter().find_map(|signal| match &signal.value {
        SignalValue::Text(domain) if signal.id == "author.email_domain" => Some(domain),
        _ => None,
    });
    let Some(domain) = domain.filter(|_| judged.comment.author.email.is_none()) else {
        return Cow::Borrowed(&judged.comment);
    };
    let mut spans = evaluation.reasons.iter().flat_map(|reason| &reason.spans);
    let length = spans.find(|span| span.field == Field::AuthorEmail).map_or(0, |span| span.end as usize);
    // No address of a list begins so.
    let local = "~".repeat(length.saturating_sub(domain.len() + 1).max(1));
    let mut comment = judged.comment.clone();
    comment.author.email = Email::parse(&format!("{local}@{domain}"));
    Cow::Owned(comment)
}

/// What was known when the verdict was given.
fn facts_of(judged: &JudgedComment) -> Facts {
    judged.verdict.facts.clone()
}

/// A rule set as such: its thresholds, and every rule with its condition.
pub fn anatomy(rules: &CompiledRuleSet) -> Explanation {
    explain(rules, &blank(), &Facts::none(Timestamp::from_millis(0)))
}

/// A comment that says nothing.
fn blank() -> Comment {
    let beginning = Timestamp::from_millis(0);
    Comment {
        site: SiteId::parse("none").expect("a site id"),
        id: CommentId::parse("none").expect("a comment id"),
        revision: Revision::FIRST,
        thread: ThreadId::parse("none").expect("a thread id"),
        parent: None,
        author: Author::default(),
        body: String::new(),
        language: None,
        permalink: None,
        client: Client::default(),
        guidelines_version: None,
        circumstances: Circumstances::default(),
        request_id: None,
        create_time: beginning,
        accept_time: beginning,
    }
}

#[cfg(test)]
mod tests {
    use moderato_domain::Verdict;
    use moderato_engine::{Guidelines, STARTER_GUIDELINES};

    use super::*;

    #[test]
    fn a_mail_address_that_is_not_kept_does_not_keep_a_verdict_from_being_made_again() {
        let document = r#"
            name = "mail"
            guidelines = "friendly-blog"
            [thresholds]
            review = 2.0
            reject = 5.0
            [lists.disposable]
            kind = "domains"
            entries = ["mailinator.com"]
            [[rule]]
            id = "author.disposable"
            category = "spam"
            when = 'author.email_domain has list("disposable")'
            score = 2.5
            message = "Please use an address of your own."
        "#;
        let guidelines = Guidelines::parse(STARTER_GUIDELINES).unwrap();
        let rules = CompiledRuleSet::compile(document, &guidelines).unwrap();
        let now = Timestamp::from_millis(1);
        let mut comment = blank();
        comment.author.email = Email::parse("someone.long@Mailinator.com");
        let evaluation = evaluate(&rules, &comment, &Facts::none(now));
        assert_eq!(evaluation.reasons.len(), 1, "{evaluation:?}");

        comment.author.email = None;
        let verdict = Verdict {
            comment: comment.name(),
            revision: comment.revision,
            evaluation,
            facts: Facts::none(now),
            evaluate_time: now,
        };
        let judged = JudgedComment { comment, verdict, decision: None };
        let again = judge_again(&rules, &judged);
        assert!(Replay { judged, again }.is_identical());
    }
}
