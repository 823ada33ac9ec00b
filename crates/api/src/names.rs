//! Resource names in requests: read into ids, or a violation that says what was expected.

use moderato_domain::{AuthorKey, CommentId, CommentName, SiteId, ThreadId, Violation};

/// Reads `sites/{site}`.
pub fn site(field: &'static str, name: &str) -> Result<SiteId, Violation> {
    name.strip_prefix("sites/")
        .ok_or_else(|| malformed(field, "is not of the form sites/{site}"))
        .and_then(|id| SiteId::parse(id).map_err(|e| malformed(field, &e.to_string())))
}

/// Reads `sites/{site}/comments/{comment}`.
pub fn comment(field: &'static str, name: &str) -> Result<CommentName, Violation> {
    CommentName::parse(name).map_err(|e| malformed(field, &e.to_string()))
}

/// Reads `sites/{site}/threads/{thread}`.
pub fn thread(field: &'static str, name: &str) -> Result<(SiteId, ThreadId), Violation> {
    let wrong = || malformed(field, "is not of the form sites/{site}/threads/{thread}");
    let (site_part, thread_part) = name.split_once("/threads/").ok_or_else(wrong)?;
    let thread = ThreadId::parse(thread_part).map_err(|e| malformed(field, &e.to_string()))?;
    Ok((site(field, site_part)?, thread))
}

/// Reads `sites/{site}/authors/{author}`.
pub fn author(field: &'static str, name: &str) -> Result<(SiteId, AuthorKey), Violation> {
    let wrong = || malformed(field, "is not of the form sites/{site}/authors/{author}");
    let (site_part, author_part) = name.split_once("/authors/").ok_or_else(wrong)?;
    Ok((site(field, site_part)?, AuthorKey::parse(author_part).ok_or_else(wrong)?))
}

/// Writes `sites/{site}/authors/{author}`.
pub fn author_name(site: &SiteId, author: &AuthorKey) -> String {
    format!("sites/{site}/authors/{author}")
}

/// Writes `sites/{site}/comments/{comment}`.
pub fn comment_name(site: &SiteId, comment: &CommentId) -> String {
    format!("sites/{site}/comments/{comment}")
}

/// Writes `sites/{site}/threads/{thread}`.
pub fn thread_name(site: &SiteId, thread: &ThreadId) -> String {
    format!("sites/{site}/threads/{thread}")
}

fn malformed(field: &'static str, description: &str) -> Violation {
    Violation::new(field, "MALFORMED", description)
}
