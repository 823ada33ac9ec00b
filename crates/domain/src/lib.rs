//! The words of moderation as types. No I/O, no async: everything else leans on this crate.
//!
//! A value that exists is valid: an [`Email`] parses, a [`Comment`] has passed its site's intake
//! rules, a [`Revision`] is positive. Text from outside becomes one of these types exactly once, in
//! [`intake`], and is trusted from then on.
//!
//! | module | what it defines |
//! |---|---|
//! | [`ids`] | sites, threads, comments, revisions, request ids, and how ids are derived |
//! | [`comment`] | a validated comment, its author and client, its content hash |
//! | [`circumstances`] | how a comment came about, as the platform tells |
//! | [`intake`] | from untrusted draft to [`Comment`], all violations at once |
//! | [`site`] | a tenant and what it asks of comments |
//! | [`facts`] | what is known before judging |
//! | [`identity`] | how authors are recognised without keeping addresses |
//! | [`sketch`] | recognising a text and its variants |
//! | [`verdict`] | evaluation, verdict, reasons with spans, and the state readers see |
//! | [`decision`] | a human's resolution |
//! | [`second_look`] | which decisions somebody else decides once more |
//! | [`review`] | where a comment waits for a person, and how urgently |
//! | [`audit`] | who did what, in a chain of hashes |
//! | [`redress`] | reports of readers, statements of reasons, appeals of authors |
//! | [`access`] | roles and what each may do |
//! | [`account`] | people who can sign in |
//! | [`error`] | the closed set of error codes every door answers with |
//! | [`clock`] | time and random ids as parameters |

pub mod access;
pub mod account;
pub mod audit;
pub mod circumstances;
pub mod clock;
pub mod comment;
pub mod decision;
pub mod error;
pub mod explanation;
pub mod facts;
pub mod identity;
pub mod ids;
pub mod intake;
pub mod redress;
pub mod review;
pub mod second_look;
pub mod site;
pub mod sketch;
pub mod stored;
pub mod table;
pub mod verdict;

pub use access::{Permission, Role};
pub use account::{Digest, DisplayName, Preferences, Theme, User, UserId, Wellness};
pub use audit::{AuditEntry, AuditHash};
pub use circumstances::{Attachment, Challenge, Circumstances, Form, ThreadState};
pub use clock::{Clock, Ids, ManualClock, Stopwatch, SystemClock, SystemIds, Timestamp};
pub use comment::{Author, Client, Comment, ContentHash, Email, Withdrawal};
pub use decision::{Actor, Decision, DecisionId, DecisionKind, Target};
pub use error::ErrorCode;
pub use explanation::{Branch, ExplainedRule, Explanation, MatchedEntry, SeenValue};
pub use facts::{
    AddressHit, AddressKind, AuthorFacts, FactKind, FactSet, Facts, History, ListedAddresses, MissingFact,
    MissingPolicy, Rates, Repeats, SanctionFacts, ThreadFacts, Windows,
};
pub use identity::{AuthorKey, LogKey, TextFingerprint};
pub use ids::{CommentId, CommentName, RequestId, Revision, RuleSetVersion, SiteId, SubmissionUid, ThreadId};
pub use intake::{CommentDraft, Violation};
pub use redress::{
    Appeal, AppealStatus, AppealText, CitedSection, Notice, Puid, Report, ReportDraft, ReportReason,
    Reporter, Source, Statement, StatusLink,
};
pub use review::{Priority, ReviewQueue, Standing};
pub use site::{ModerationMode, PrivacyKey, Site, SiteSettings};
pub use sketch::TextSketch;
pub use stored::StoredComment;
pub use verdict::{Action, Evaluation, Field, Reason, Score, Signal, SignalValue, Span, State, Verdict};
