//! Verdicts and the words of the domain, to the wire and back.

use moderato_domain::{
    Action, Evaluation, Field, ModerationMode, Reason, Signal, SignalValue, Span, State, StoredComment,
    Timestamp, Verdict,
};

use crate::intake::to_timestamp;
use crate::names;
use crate::pb::types as pb;

/// A recommendation.
pub const fn action(action: Action) -> pb::Action {
    match action {
        Action::Allow => pb::Action::Allow,
        Action::Review => pb::Action::Review,
        Action::Reject => pb::Action::Reject,
    }
}

/// A state.
pub const fn state(state: State) -> pb::State {
    match state {
        State::Pending => pb::State::Pending,
        State::Published => pb::State::Published,
        State::Rejected => pb::State::Rejected,
        State::Spam => pb::State::Spam,
        State::Withdrawn => pb::State::Withdrawn,
    }
}

/// A moderation mode.
pub const fn mode(mode: ModerationMode) -> pb::ModerationMode {
    match mode {
        ModerationMode::Pre => pb::ModerationMode::Pre,
        ModerationMode::Auto => pb::ModerationMode::Auto,
        ModerationMode::Post => pb::ModerationMode::Post,
    }
}

/// A comment, without its author's link to its status: only whoever asks for a platform adds that.
pub fn comment(comment: StoredComment) -> pb::Comment {
    let site = &comment.name.site;
    pb::Comment {
        thread: names::thread_name(site, &comment.thread),
        parent: comment.parent.map(|parent| names::comment_name(site, &parent)).unwrap_or_default(),
        name: comment.name.to_string(),
        revision: comment.revision.get(),
        author: Some(pb::PublicAuthor {
            display_name: comment.display_name,
            url: comment.author_url.unwrap_or_default(),
            guest: comment.guest,
        }),
        body: comment.body,
        language: comment.language.unwrap_or_default(),
        permalink: comment.permalink.unwrap_or_default(),
        state: state(comment.state) as i32,
        action: action(comment.action) as i32,
        score: comment.score.get(),
        decided: comment.decided,
        create_time: Some(to_timestamp(comment.create_time)),
        accept_time: Some(to_timestamp(comment.accept_time)),
        update_time: Some(to_timestamp(comment.update_time)),
        // Changes with every change of the comment.
        etag: format!("v{}", comment.version),
        author_status_uri: String::new(),
    }
}

/// A stored verdict.
pub fn verdict(verdict: Verdict) -> pb::Verdict {
    let mut out = evaluation(verdict.evaluation, verdict.evaluate_time);
    out.comment = verdict.comment.to_string();
    out.revision = verdict.revision.get();
    out
}

/// An evaluation that was not stored: a provisional verdict.
pub fn provisional(evaluated: Evaluation, now: Timestamp) -> pb::Verdict {
    pb::Verdict { provisional: true, ..evaluation(evaluated, now) }
}

fn evaluation(evaluation: Evaluation, time: Timestamp) -> pb::Verdict {
    pb::Verdict {
        comment: String::new(),
        revision: 0,
        action: action(evaluation.action) as i32,
        score: evaluation.score.get(),
        reasons: evaluation.reasons.into_iter().map(reason).collect(),
        signals: evaluation.signals.into_iter().map(signal).collect(),
        rule_set_version: evaluation.rule_set.to_string(),
        degraded: evaluation.degraded,
        provisional: false,
        evaluate_time: Some(to_timestamp(time)),
    }
}

fn reason(reason: Reason) -> pb::Reason {
    pb::Reason {
        rule: reason.rule,
        category: reason.category,
        guideline: reason.guideline.unwrap_or_default(),
        score: reason.score.get(),
        action: reason.action.map_or(pb::Action::Unspecified, action) as i32,
        message: reason.message,
        note: reason.note,
        spans: spans(reason.spans),
    }
}

fn signal(signal: Signal) -> pb::Signal {
    use pb::signal::Value;
    pb::Signal {
        id: signal.id.into_owned(),
        value: Some(match signal.value {
            SignalValue::Flag(flag) => Value::Flag(flag),
            SignalValue::Count(count) => Value::Count(count),
            SignalValue::Number(number) => Value::Number(number),
            SignalValue::Text(text) => Value::Text(text),
        }),
        spans: spans(signal.spans),
    }
}

/// Ranges of original texts.
pub fn spans(spans: Vec<Span>) -> Vec<pb::Span> {
    let field = |field| match field {
        Field::Body => pb::Field::Body,
        Field::AuthorName => pb::Field::AuthorName,
        Field::AuthorUrl => pb::Field::AuthorUrl,
        Field::AuthorEmail => pb::Field::AuthorEmail,
    };
    spans
        .into_iter()
        .map(|span| pb::Span { field: field(span.field) as i32, start: span.start, end: span.end })
        .collect()
}
