//! Submissions from the wire.

use moderato_domain::redress::report::NoticeDraft;
use moderato_domain::{CommentDraft, ReportDraft, Timestamp};

use crate::pb::ingest as pb;

/// The draft as the domain checks it. A missing submessage reads as empty fields, which the check
/// then reports one by one.
pub fn draft(comment: Option<pb::CommentDraft>) -> CommentDraft {
    let comment = comment.unwrap_or_default();
    let author = comment.author.unwrap_or_default();
    let client = comment.client.unwrap_or_default();
    let form = comment.form.unwrap_or_default();
    let thread_state = comment.thread_state.unwrap_or_default();
    CommentDraft {
        thread: comment.thread,
        parent: comment.parent,
        display_name: author.display_name,
        user_id: author.user_id,
        email: author.email,
        url: author.url,
        body: comment.body,
        language: comment.language,
        permalink: comment.permalink,
        ip: client.ip,
        user_agent: client.user_agent,
        referrer: client.referrer,
        guidelines_version: comment.guidelines_version,
        create_time: comment.create_time.as_ref().map(from_timestamp),
        verified: author.verified,
        honeypot_filled: form.honeypot_filled,
        fill_time_ms: form.fill_time.as_ref().map(millis),
        challenge: form.challenge,
        attachments: comment.attachments.into_iter().map(|file| (file.mime_type, file.size_bytes)).collect(),
        thread_create_time: thread_state.create_time.as_ref().map(from_timestamp),
        thread_closed: thread_state.closed,
    }
}

/// The report as the domain checks it.
pub fn report(report: Option<pb::Report>) -> ReportDraft {
    let report = report.unwrap_or_default();
    let reporter = report.reporter.unwrap_or_default();
    ReportDraft {
        revision: report.revision,
        user_id: reporter.user_id,
        ip: reporter.ip,
        reason: report.reason,
        text: report.text,
        notice: report.notice.map(|notice| NoticeDraft {
            name: notice.name,
            mail: notice.mail,
            legal_reason: notice.legal_reason,
            good_faith: notice.good_faith,
        }),
    }
}

/// A protobuf duration in milliseconds, saturating.
fn millis(duration: &prost_types::Duration) -> i64 {
    duration.seconds.saturating_mul(1000).saturating_add(i64::from(duration.nanos / 1_000_000))
}

/// A protobuf time as ours; milliseconds, saturating.
pub fn from_timestamp(time: &prost_types::Timestamp) -> Timestamp {
    Timestamp::from_millis(
        time.seconds.saturating_mul(1000).saturating_add(i64::from(time.nanos / 1_000_000)),
    )
}

/// Our time as protobuf.
pub fn to_timestamp(time: Timestamp) -> prost_types::Timestamp {
    let millis = time.as_millis();
    prost_types::Timestamp {
        seconds: millis.div_euclid(1000),
        nanos: (millis.rem_euclid(1000) * 1_000_000) as i32,
    }
}
