//! What authors and readers can do: report, be told why, object.
//!
//! | module | what it holds |
//! |---|---|
//! | [`report`] | a reader's report of a comment |
//! | [`statement`] | why a comment was restricted, as its author is told |
//! | [`appeal`] | an author's objection |
//! | [`link`] | how an author without an account shows that a comment is theirs |
//! | [`transparency`] | a statement as the DSA Transparency Database wants it |

pub mod appeal;
pub mod link;
pub mod report;
pub mod statement;
pub mod transparency;

pub use appeal::{Appeal, AppealStatus, AppealText};
pub use link::StatusLink;
pub use report::{Notice, Report, ReportDraft, ReportReason, Reporter};
pub use statement::{CitedSection, Puid, Source, Statement};
