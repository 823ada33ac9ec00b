//! What a request asks for, or everything that is wrong with it at once.

use std::time::Duration;

use moderato_api::names;
use moderato_api::pb::query as pb;
use moderato_api::status::Refusal;
use moderato_domain::{CommentName, Revision, SiteId, ThreadId, Violation};
use moderato_store::{CommentFilter, CommentPosition, EventCursor};

use crate::Rpc;
use crate::filter;
use crate::page::{self, Page, Scope};

/// Most threads of one `CountPublishedComments`.
const MAX_THREADS: usize = 500;
/// Most violations that are told: they travel in a header, and clients accept 16 KiB of those.
const MAX_VIOLATIONS: usize = 16;
/// How long `AwaitVerdict` waits if the caller does not say.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long it waits at most: below the idle timeouts of common proxies.
const MAX_TIMEOUT: Duration = Duration::from_mins(1);

/// Anything that is asked of one site.
pub(crate) trait OfSite {
    /// The site it names.
    fn site(&self) -> &SiteId;
}

/// Comments of any state.
#[derive(Debug)]
pub(crate) struct Comments {
    pub(crate) site: SiteId,
    pub(crate) filter: CommentFilter,
    pub(crate) page: Page<CommentPosition>,
}

/// What readers of a thread see.
#[derive(Debug)]
pub(crate) struct Published {
    pub(crate) site: SiteId,
    pub(crate) thread: ThreadId,
    pub(crate) page: Page<CommentPosition>,
}

/// Counts of many threads.
#[derive(Debug)]
pub(crate) struct Counts {
    pub(crate) site: SiteId,
    pub(crate) threads: Vec<ThreadId>,
}

/// The verdict of a revision; of the newest one if none is given.
#[derive(Debug)]
pub(crate) struct VerdictOf {
    pub(crate) comment: CommentName,
    pub(crate) revision: Option<Revision>,
}

/// Every verdict of a comment.
#[derive(Debug)]
pub(crate) struct Verdicts {
    pub(crate) comment: CommentName,
    pub(crate) page: Page<Revision>,
}

/// A verdict that may not be there yet.
#[derive(Debug)]
pub(crate) struct Awaited {
    pub(crate) verdict: VerdictOf,
    pub(crate) timeout: Duration,
}

/// A site's events.
#[derive(Debug)]
pub(crate) struct Watched {
    pub(crate) site: SiteId,
    pub(crate) start: Start,
    pub(crate) scope: Scope,
}

/// Where a watcher begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    /// With what happens from now on.
    Head,
    /// After this event; the default cursor stands before the first one.
    After(EventCursor),
}

/// Reads `GetComment`.
pub(crate) fn comment(request: &pb::GetCommentRequest) -> Result<CommentName, Refusal> {
    names::comment("name", &request.name).map_err(|violation| refuse(vec![violation]))
}

/// Reads `ListComments`.
pub(crate) fn comments(request: &pb::ListCommentsRequest) -> Result<Comments, Refusal> {
    let mut check = Check::default();
    let site = check.keep(names::site("parent", &request.parent));
    let size = check.keep(page::size("page_size", request.page_size));
    let filter = check.keep_all(filter::parse(&request.filter));
    let ((site, size), filter) = check.done(site.zip(size).zip(filter))?;
    let scope = Scope::new([Rpc::ListComments.name().into(), site.to_string(), filter::canonical(&filter)]);
    Ok(Comments { site, filter, page: Page::open(scope, size, &request.page_token)? })
}

/// Reads `ListPublishedComments`.
pub(crate) fn published(request: &pb::ListPublishedCommentsRequest) -> Result<Published, Refusal> {
    let mut check = Check::default();
    let parent = check.keep(names::thread("parent", &request.parent));
    let size = check.keep(page::size("page_size", request.page_size));
    let ((site, thread), size) = check.done(parent.zip(size))?;
    let scope = Scope::new([Rpc::ListPublishedComments.name().into(), site.to_string(), thread.to_string()]);
    Ok(Published { site, thread, page: Page::open(scope, size, &request.page_token)? })
}

/// Reads `CountPublishedComments`.
pub(crate) fn counts(request: &pb::CountPublishedCommentsRequest) -> Result<Counts, Refusal> {
    let mut check = Check::default();
    let site = check.keep(names::site("parent", &request.parent));
    let mut threads = Vec::with_capacity(request.threads.len().min(MAX_THREADS));
    if request.threads.len() > MAX_THREADS {
        let why = format!("has at most {MAX_THREADS} threads, not {}", request.threads.len());
        check.fail(Violation::new("threads", "TOO_MANY", why));
    } else {
        for (index, thread) in request.threads.iter().enumerate() {
            let malformed =
                |error| Violation::new(format!("threads[{index}]"), "MALFORMED", format!("{error}"));
            threads.extend(check.keep(ThreadId::parse(thread).map_err(malformed)));
        }
    }
    let site = check.done(site)?;
    Ok(Counts { site, threads })
}

/// Reads `GetVerdict`.
pub(crate) fn verdict(request: &pb::GetVerdictRequest) -> Result<VerdictOf, Refusal> {
    let mut check = Check::default();
    let verdict = check.verdict(&request.comment, request.revision);
    check.done(verdict)
}

/// Reads `ListVerdicts`.
pub(crate) fn verdicts(request: &pb::ListVerdictsRequest) -> Result<Verdicts, Refusal> {
    let mut check = Check::default();
    let comment = check.keep(names::comment("parent", &request.parent));
    let size = check.keep(page::size("page_size", request.page_size));
    let (comment, size) = check.done(comment.zip(size))?;
    let scope = Scope::new([Rpc::ListVerdicts.name().into(), comment.to_string()]);
    Ok(Verdicts { comment, page: Page::open(scope, size, &request.page_token)? })
}

/// Reads `AwaitVerdict`.
pub(crate) fn awaited(request: &pb::AwaitVerdictRequest) -> Result<Awaited, Refusal> {
    let mut check = Check::default();
    let verdict = check.verdict(&request.comment, request.revision);
    let timeout = check.keep(timeout(request.timeout.as_ref()));
    let (verdict, timeout) = check.done(verdict.zip(timeout))?;
    Ok(Awaited { verdict, timeout })
}

/// Reads `WatchEvents`.
pub(crate) fn watched(request: &pb::WatchEventsRequest) -> Result<Watched, Refusal> {
    let site = names::site("parent", &request.parent).map_err(|violation| refuse(vec![violation]))?;
    let scope = Scope::new([Rpc::WatchEvents.name().into(), site.to_string()]);
    let start = match scope.open(&request.resume_token)? {
        Some(cursor) => Start::After(cursor),
        None if request.from_start => Start::After(EventCursor::default()),
        None => Start::Head,
    };
    Ok(Watched { site, start, scope })
}

/// Unset and zero are the default: some clients send every message field.
fn timeout(asked: Option<&prost_types::Duration>) -> Result<Duration, Violation> {
    let wrong = || {
        let most = MAX_TIMEOUT.as_secs();
        Violation::new("timeout", "OUT_OF_RANGE", format!("is between 0 and {most} s"))
    };
    let asked = asked.copied().unwrap_or_default();
    // By hand: the conversion of prost-types 0.14 overflows on the smallest number of seconds.
    let (Ok(seconds), Ok(nanos)) = (u64::try_from(asked.seconds), u32::try_from(asked.nanos)) else {
        return Err(wrong());
    };
    let timeout = Duration::from_secs(seconds).saturating_add(Duration::from_nanos(nanos.into()));
    match timeout {
        Duration::ZERO => Ok(DEFAULT_TIMEOUT),
        timeout if timeout <= MAX_TIMEOUT => Ok(timeout),
        _ => Err(wrong()),
    }
}

/// Collects violations in field order.
#[derive(Default)]
struct Check {
    violations: Vec<Violation>,
}

impl Check {
    fn keep<T>(&mut self, read: Result<T, Violation>) -> Option<T> {
        read.map_err(|violation| self.fail(violation)).ok()
    }

    fn keep_all<T>(&mut self, read: Result<T, Vec<Violation>>) -> Option<T> {
        read.map_err(|violations| self.violations.extend(violations)).ok()
    }

    fn verdict(&mut self, comment: &str, revision: i64) -> Option<VerdictOf> {
        let comment = self.keep(names::comment("comment", comment));
        let revision = match revision {
            0 => Some(None),
            given => {
                let wrong =
                    |_| Violation::new("revision", "OUT_OF_RANGE", "is at least 1, or 0 for the newest");
                self.keep(Revision::new(given).map_err(wrong)).map(Some)
            }
        };
        comment.zip(revision).map(|(comment, revision)| VerdictOf { comment, revision })
    }

    fn fail(&mut self, violation: Violation) {
        self.violations.push(violation);
    }

    /// What was read if nothing was wrong with anything.
    fn done<T>(self, read: Option<T>) -> Result<T, Refusal> {
        match read {
            Some(read) if self.violations.is_empty() => Ok(read),
            _ => Err(refuse(self.violations)),
        }
    }
}

fn refuse(mut violations: Vec<Violation>) -> Refusal {
    violations.truncate(MAX_VIOLATIONS);
    Refusal::Invalid(violations)
}

impl OfSite for CommentName {
    fn site(&self) -> &SiteId {
        &self.site
    }
}

impl OfSite for Comments {
    fn site(&self) -> &SiteId {
        &self.site
    }
}

impl OfSite for Published {
    fn site(&self) -> &SiteId {
        &self.site
    }
}

impl OfSite for Counts {
    fn site(&self) -> &SiteId {
        &self.site
    }
}

impl OfSite for VerdictOf {
    fn site(&self) -> &SiteId {
        &self.comment.site
    }
}

impl OfSite for Verdicts {
    fn site(&self) -> &SiteId {
        &self.comment.site
    }
}

impl OfSite for Awaited {
    fn site(&self) -> &SiteId {
        &self.verdict.comment.site
    }
}

impl OfSite for Watched {
    fn site(&self) -> &SiteId {
        &self.site
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields<T: std::fmt::Debug>(read: Result<T, Refusal>) -> Vec<String> {
        match read.unwrap_err() {
            Refusal::Invalid(violations) => violations.into_iter().map(|v| v.field.into_owned()).collect(),
            other @ Refusal::Error(..) => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_violation_comes_at_once() {
        let request = pb::ListCommentsRequest {
            parent: "blog".into(),
            page_size: -1,
            filter: "sate = PENDING AND state = GONE".into(),
            ..Default::default()
        };
        assert_eq!(fields(comments(&request)), ["parent", "page_size", "filter", "filter"]);
        let request = pb::AwaitVerdictRequest {
            comment: "sites/blog".into(),
            revision: -1,
            timeout: Some(prost_types::Duration { seconds: 61, nanos: 0 }),
        };
        assert_eq!(fields(awaited(&request)), ["comment", "revision", "timeout"]);
    }

    #[test]
    fn hundreds_of_bad_threads_do_not_overflow_a_header() {
        let mut request = pb::CountPublishedCommentsRequest {
            parent: "sites/blog".into(),
            threads: vec!["a/b".into(); 500],
        };
        assert_eq!(fields(counts(&request)).len(), MAX_VIOLATIONS);
        request.threads.push("c".into());
        assert_eq!(fields(counts(&request)), ["threads"]);
    }

    #[test]
    fn a_timeout_is_defaulted_and_bounded() {
        let read = |seconds, nanos| timeout(Some(&prost_types::Duration { seconds, nanos }));
        assert_eq!(timeout(None), Ok(DEFAULT_TIMEOUT));
        assert_eq!(read(0, 0), Ok(DEFAULT_TIMEOUT));
        assert_eq!(read(60, 0), Ok(MAX_TIMEOUT));
        for (seconds, nanos) in [(60, 1), (-1, 0), (0, -1), (i64::MAX, i32::MAX), (i64::MIN, i32::MIN)] {
            assert_eq!(read(seconds, nanos).unwrap_err().reason, "OUT_OF_RANGE", "{seconds} {nanos}");
        }
    }

    #[test]
    fn tokens_are_bound_to_site_and_method() {
        let scope = watched(&pb::WatchEventsRequest { parent: "sites/a".into(), ..Default::default() })
            .unwrap()
            .scope;
        let cursor = EventCursor { epoch: 3, sequence: 4 };
        let resume_token = scope.seal(&cursor);
        let resume = |parent: &str| {
            watched(&pb::WatchEventsRequest {
                parent: parent.into(),
                resume_token: resume_token.clone(),
                from_start: true,
            })
        };
        assert_eq!(resume("sites/a").unwrap().start, Start::After(cursor));
        assert!(matches!(
            resume("sites/b"),
            Err(Refusal::Error(moderato_domain::ErrorCode::TokenInvalid, _))
        ));
    }
}
