//! A request becomes a valid comment, or every violation at once.

use std::sync::Arc;

use moderato_access::Caller;
use moderato_api::pb::ingest as pb;
use moderato_api::status::Refusal;
use moderato_api::{intake, names};
use moderato_domain::intake::Arrival;
use moderato_domain::{
    Comment, CommentId, CommentName, Ids, Report, RequestId, Revision, Site, SiteId, Timestamp, Violation,
};

/// The comment of a SubmitComment.
pub(crate) fn submission(
    request: pb::SubmitCommentRequest,
    caller: &Caller,
    now: Timestamp,
    ids: &dyn Ids,
) -> Result<Comment, Refusal> {
    let mut violations = Vec::new();
    let site = site(&request.parent, caller, &mut violations)?;
    let given = optional("comment_id", &request.comment_id, CommentId::parse, &mut violations);
    let request_id = optional("request_id", &request.request_id, RequestId::parse, &mut violations);
    let id = given
        .or_else(|| request_id.as_ref().map(|request| CommentId::derive(&site.id, request)))
        .unwrap_or_else(|| random_id(ids));
    let arrival =
        Arrival { site: site.id.clone(), id, revision: Revision::FIRST, request_id, accept_time: now };
    comment(request.comment, site, arrival, violations)
}

/// The comment of a CheckComment, under a name that is never told.
pub(crate) fn check(
    request: pb::CheckCommentRequest,
    caller: &Caller,
    now: Timestamp,
    ids: &dyn Ids,
) -> Result<Comment, Refusal> {
    let mut violations = Vec::new();
    let site = site(&request.parent, caller, &mut violations)?;
    let arrival = Arrival {
        site: site.id.clone(),
        id: random_id(ids),
        revision: Revision::FIRST,
        request_id: None,
        accept_time: now,
    };
    comment(request.comment, site, arrival, violations)
}

/// The comment of an EditComment.
pub(crate) fn edit(
    request: pb::EditCommentRequest,
    caller: &Caller,
    now: Timestamp,
    ids: &dyn Ids,
) -> Result<Comment, Refusal> {
    let mut violations = Vec::new();
    let name = names::comment("name", &request.name).map_err(|violation| violations.push(violation)).ok();
    let site = known_site(name.as_ref().map(|name| &name.site), caller)?;
    let request_id = optional("request_id", &request.request_id, RequestId::parse, &mut violations);
    let revision = later_revision(request.revision, &mut violations);
    let id = name.map_or_else(|| random_id(ids), |name| name.comment);
    let arrival = Arrival { site: site.id.clone(), id, revision, request_id, accept_time: now };
    comment(request.comment, site, arrival, violations)
}

/// The comment that a WithdrawComment names, and the call's request id.
pub(crate) fn withdrawal(
    request: &pb::WithdrawCommentRequest,
    caller: &Caller,
) -> Result<(CommentName, Option<RequestId>), Refusal> {
    let mut violations = Vec::new();
    let name = names::comment("name", &request.name).map_err(|violation| violations.push(violation)).ok();
    known_site(name.as_ref().map(|name| &name.site), caller)?;
    let request_id = optional("request_id", &request.request_id, RequestId::parse, &mut violations);
    match name {
        Some(name) if violations.is_empty() => Ok((name, request_id)),
        _ => Err(Refusal::Invalid(violations)),
    }
}

/// The report of a ReportComment.
pub(crate) fn report(
    request: pb::ReportCommentRequest,
    caller: &Caller,
    now: Timestamp,
) -> Result<Report, Refusal> {
    let mut violations = Vec::new();
    let name = names::comment("name", &request.name).map_err(|violation| violations.push(violation)).ok();
    let site = known_site(name.as_ref().map(|name| &name.site), caller)?;
    let request_id = optional("request_id", &request.request_id, RequestId::parse, &mut violations);
    // Checked under any name, so that the caller learns everything at once.
    let comment = name.unwrap_or_else(|| CommentName {
        site: site.id.clone(),
        comment: CommentId::parse("unnamed").expect("a comment id"),
    });
    match intake::report(request.report).admit(comment, request_id, &site.privacy_key, now) {
        Ok(report) if violations.is_empty() => Ok(report),
        Ok(_) => Err(Refusal::Invalid(violations)),
        Err(more) => {
            violations.extend(more);
            Err(Refusal::Invalid(violations))
        }
    }
}

/// Checks the draft itself and adds what was found before: the caller learns all of it in one answer.
fn comment(
    draft: Option<pb::CommentDraft>,
    site: &Site,
    arrival: Arrival,
    mut violations: Vec<Violation>,
) -> Result<Comment, Refusal> {
    match intake::draft(draft).admit(&site.settings, arrival) {
        Ok(comment) if violations.is_empty() => Ok(comment),
        Ok(_) => Err(Refusal::Invalid(violations)),
        Err(more) => {
            violations.extend(more);
            Err(Refusal::Invalid(violations))
        }
    }
}

/// The site that `parent` names. Where it names none, the other fields are checked by the settings
/// of the key's own site.
fn site<'a>(
    parent: &str,
    caller: &'a Caller,
    violations: &mut Vec<Violation>,
) -> Result<&'a Arc<Site>, Refusal> {
    let id = names::site("parent", parent).map_err(|violation| violations.push(violation)).ok();
    known_site(id.as_ref(), caller)
}

fn known_site<'a>(id: Option<&SiteId>, caller: &'a Caller) -> Result<&'a Arc<Site>, Refusal> {
    id.map_or_else(|| Ok(caller.site()), |id| caller.on(id))
}

fn optional<T, E: ToString>(
    field: &'static str,
    text: &str,
    parse: impl Fn(&str) -> Result<T, E>,
    violations: &mut Vec<Violation>,
) -> Option<T> {
    if text.is_empty() {
        return None;
    }
    parse(text).map_err(|error| violations.push(Violation::new(field, "MALFORMED", error.to_string()))).ok()
}

fn later_revision(number: i64, violations: &mut Vec<Violation>) -> Revision {
    let revision = Revision::new(number).ok().filter(|revision| *revision > Revision::FIRST);
    revision.unwrap_or_else(|| {
        let reason = if number == 0 { "REQUIRED" } else { "OUT_OF_RANGE" };
        let description = "must be at least 2 and above the comment's last revision";
        violations.push(Violation::new("revision", reason, description));
        Revision::FIRST
    })
}

fn random_id(ids: &dyn Ids) -> CommentId {
    CommentId::parse(&ids.time_ordered().to_string()).expect("a UUID is a comment id")
}
