//! A reader's report of a comment.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::comment::Email;
use crate::identity::keyed_hash;
use crate::ids::{CommentName, RequestId, Revision};
use crate::intake::Violation;
use crate::review::Priority;
use crate::site::PrivacyKey;

/// Bounds, in bytes.
pub mod limits {
    /// What a reader writes about a comment.
    pub const TEXT_BYTES: usize = 4 * 1024;
    /// Name of somebody who gives notice of illegal content.
    pub const NAME_BYTES: usize = 256;
    /// Why they think that it is illegal.
    pub const LEGAL_REASON_BYTES: usize = 4 * 1024;
    /// The platform's id of a reader.
    pub const USER_ID_BYTES: usize = 128;
}

/// Why a reader objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReportReason {
    /// Unsolicited advertising.
    Spam,
    /// It is meant to hurt a person.
    Harassment,
    /// It attacks people for what they are.
    Hate,
    /// It threatens somebody.
    Threat,
    /// Sexual content.
    Sexual,
    /// Somebody may hurt themselves.
    SelfHarm,
    /// It shows somebody's private details.
    PersonalData,
    /// It has nothing to do with the page.
    OffTopic,
    /// It breaks the law.
    Illegal,
    /// Anything else; the text says what.
    Other,
}

impl ReportReason {
    /// Every reason; on the wire each has its place here plus one.
    pub const ALL: [Self; 10] = [
        Self::Spam,
        Self::Harassment,
        Self::Hate,
        Self::Threat,
        Self::Sexual,
        Self::SelfHarm,
        Self::PersonalData,
        Self::OffTopic,
        Self::Illegal,
        Self::Other,
    ];

    /// The reason as text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Spam => "spam",
            Self::Harassment => "harassment",
            Self::Hate => "hate",
            Self::Threat => "threat",
            Self::Sexual => "sexual",
            Self::SelfHarm => "self_harm",
            Self::PersonalData => "personal_data",
            Self::OffTopic => "off_topic",
            Self::Illegal => "illegal",
            Self::Other => "other",
        }
    }

    /// Reads [`as_str`](Self::as_str) back.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == text)
    }

    /// The reason of a number on the wire; zero and unknown ones are none.
    pub fn from_number(number: i32) -> Option<Self> {
        let place = usize::try_from(number).ok()?.checked_sub(1)?;
        Self::ALL.get(place).copied()
    }

    /// How urgent one report of this reason is.
    const fn priority(self) -> Priority {
        match self {
            Self::Threat | Self::SelfHarm | Self::PersonalData | Self::Illegal => Priority::High,
            Self::Spam | Self::Harassment | Self::Hate | Self::Sexual | Self::OffTopic | Self::Other => {
                Priority::Normal
            }
        }
    }

    /// How urgent the newest of `reporters` open reports of one comment makes it. Three people who do
    /// not know of each other are seldom all wrong.
    pub fn urgency(self, reporters: u32) -> Priority {
        if reporters >= 3 { Priority::High } else { self.priority() }
    }
}

/// A reader, as the site can recognise one: a keyed hash of the platform's user id or IP address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Reporter([u8; 16]);

impl Reporter {
    /// A signed-in reader.
    pub fn of_user(key: &PrivacyKey, user: &str) -> Self {
        Self(keyed_hash(key, "reporter-user", user.as_bytes()))
    }

    /// A reader without an account: the whole address, since neighbours are other people.
    pub fn of_ip(key: &PrivacyKey, ip: IpAddr) -> Self {
        Self(keyed_hash(key, "reporter-ip", ip.to_canonical().to_string().as_bytes()))
    }

    /// Takes back a stored hash.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The hash's bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// What makes a report a notice of illegal content (DSA, article 16): somebody answers for it by name,
/// and is told what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// Who gives notice.
    pub name: String,
    /// Where the answer goes.
    pub mail: String,
    /// Why they think that it is illegal.
    pub legal_reason: String,
}

/// A report that passed its checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Which comment.
    pub comment: CommentName,
    /// Which text of it the reader saw; the newest one if the platform does not tell.
    pub revision: Option<Revision>,
    /// Who.
    pub reporter: Reporter,
    /// Why.
    pub reason: ReportReason,
    /// The reader's own words.
    pub text: Option<String>,
    /// If it is a notice of illegal content.
    pub notice: Option<Notice>,
    /// The caller's idempotency key.
    pub request_id: Option<RequestId>,
    /// When.
    pub time: Timestamp,
}

/// A report as a platform sent it. Empty text means "not given".
#[derive(Debug, Clone, Default)]
pub struct ReportDraft {
    /// Which text the reader saw; zero: the newest.
    pub revision: i64,
    /// The platform's id of the reader.
    pub user_id: String,
    /// The reader's address.
    pub ip: String,
    /// Number of the reason.
    pub reason: i32,
    /// The reader's own words.
    pub text: String,
    /// Name, mail, legal reason and good faith of a notice.
    pub notice: Option<NoticeDraft>,
}

/// A notice as a platform sent it.
#[derive(Debug, Clone, Default)]
pub struct NoticeDraft {
    /// Who gives notice.
    pub name: String,
    /// Where the answer goes.
    pub mail: String,
    /// Why they think that it is illegal.
    pub legal_reason: String,
    /// They state to believe in good faith that what they say is accurate and complete.
    pub good_faith: bool,
}

impl ReportDraft {
    /// Checks the draft.
    ///
    /// # Errors
    /// Every violation found, in field order; never an empty list.
    pub fn admit(
        self,
        comment: CommentName,
        request_id: Option<RequestId>,
        key: &PrivacyKey,
        time: Timestamp,
    ) -> Result<Report, Vec<Violation>> {
        let mut violations = Vec::new();
        let mut fail = |field: &'static str, reason, description: &str| {
            violations.push(Violation::new(field, reason, description));
        };
        let revision = match self.revision {
            0 => None,
            number => {
                let revision = Revision::new(number).ok();
                if revision.is_none() {
                    fail("report.revision", "OUT_OF_RANGE", "must be the revision that the reader saw, or 0");
                }
                revision
            }
        };
        let reporter = if self.user_id.is_empty() {
            let ip = self.ip.parse().ok();
            match ip {
                Some(ip) => Some(Reporter::of_ip(key, ip)),
                None if self.ip.is_empty() => {
                    let need = "give the reader's user_id or ip: each person reports a comment once";
                    fail("report.reporter", "REQUIRED", need);
                    None
                }
                None => {
                    fail("report.reporter.ip", "MALFORMED", "is not an IPv4 or IPv6 address");
                    None
                }
            }
        } else {
            if self.user_id.len() > limits::USER_ID_BYTES {
                fail("report.reporter.user_id", "TOO_LONG", "has more than 128 bytes");
            }
            Some(Reporter::of_user(key, &self.user_id))
        };
        let reason = ReportReason::from_number(self.reason);
        if reason.is_none() {
            let (what, description) = match self.reason {
                0 => ("REQUIRED", "must be given"),
                _ => ("UNKNOWN_VALUE", "is not a reason of this release"),
            };
            fail("report.reason", what, description);
        }
        let text = prose("report.text", &self.text, limits::TEXT_BYTES, &mut fail);
        if reason == Some(ReportReason::Other) && text.is_none() {
            fail("report.text", "REQUIRED", "the reason OTHER needs words");
        }
        let notice = self.notice.and_then(|notice| notice.admit(&mut fail));
        match (reporter, reason) {
            (Some(reporter), Some(reason)) if violations.is_empty() => {
                Ok(Report { comment, revision, reporter, reason, text, notice, request_id, time })
            }
            _ => Err(violations),
        }
    }
}

impl NoticeDraft {
    fn admit(self, fail: &mut impl FnMut(&'static str, &'static str, &str)) -> Option<Notice> {
        let name = prose("report.notice.name", &self.name, limits::NAME_BYTES, fail);
        if name.is_none() {
            fail("report.notice.name", "REQUIRED", "a notice of illegal content needs a name");
        }
        let mail = Email::parse(self.mail.trim());
        if mail.is_none() {
            let reason = if self.mail.trim().is_empty() { "REQUIRED" } else { "MALFORMED" };
            fail("report.notice.mail", reason, "must be an e-mail address of the form name@example.org");
        }
        let field = "report.notice.legal_reason";
        let legal_reason = prose(field, &self.legal_reason, limits::LEGAL_REASON_BYTES, fail);
        if legal_reason.is_none() {
            fail(field, "REQUIRED", "must say why the comment is illegal");
        }
        if !self.good_faith {
            let description = "must be stated: that the notice is accurate and complete, in good faith";
            fail("report.notice.good_faith", "REQUIRED", description);
        }
        Some(Notice { name: name?, mail: mail?.as_str().to_owned(), legal_reason: legal_reason? })
    }
}

/// Words of a person: trimmed, bounded, without control characters other than line ends and tabs.
fn prose(
    field: &'static str,
    text: &str,
    max: usize,
    fail: &mut impl FnMut(&'static str, &'static str, &str),
) -> Option<String> {
    let text = text.trim();
    if text.len() > max {
        fail(field, "TOO_LONG", &format!("has {} bytes; at most {max} are accepted", text.len()));
    }
    if text.chars().any(|ch| ch.is_control() && !matches!(ch, '\n' | '\r' | '\t')) {
        fail(field, "CONTROL_CHARACTER", "holds a control character");
    }
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admit(draft: ReportDraft) -> Result<Report, Vec<Violation>> {
        let comment = CommentName::parse("sites/blog/comments/c1").unwrap();
        draft.admit(comment, None, &PrivacyKey::new([7; 32]), Timestamp::from_millis(1))
    }

    fn fields(draft: ReportDraft) -> Vec<String> {
        admit(draft).unwrap_err().into_iter().map(|violation| violation.field.into_owned()).collect()
    }

    #[test]
    fn every_violation_is_told_at_once() {
        let empty = ReportDraft { notice: Some(NoticeDraft::default()), ..ReportDraft::default() };
        let expected = [
            "report.reporter",
            "report.reason",
            "report.notice.name",
            "report.notice.mail",
            "report.notice.legal_reason",
            "report.notice.good_faith",
        ];
        assert_eq!(fields(empty), expected);
        let odd = ReportDraft {
            revision: -1,
            ip: "nowhere".to_owned(),
            reason: 10,
            text: "\u{7}".to_owned() + &"x".repeat(5000),
            ..ReportDraft::default()
        };
        assert_eq!(fields(odd), ["report.revision", "report.reporter.ip", "report.text", "report.text"]);
        let wordless =
            ReportDraft { user_id: "u".into(), reason: 10, text: " \n".into(), ..Default::default() };
        assert_eq!(fields(wordless), ["report.text"]);
    }

    #[test]
    fn one_person_is_recognised_and_two_are_told_apart() {
        let by = |user: &str, ip: &str| {
            let draft =
                ReportDraft { user_id: user.into(), ip: ip.into(), reason: 1, ..ReportDraft::default() };
            admit(draft).unwrap().reporter
        };
        assert_eq!(by("ada", "192.0.2.1"), by("ada", "192.0.2.77"), "the account counts");
        assert_eq!(by("", "192.0.2.1"), by("", "::ffff:192.0.2.1"));
        assert_ne!(by("", "192.0.2.1"), by("", "192.0.2.2"));
        assert_ne!(by("192.0.2.1", ""), by("", "192.0.2.1"));
    }

    #[test]
    fn three_reporters_are_urgent_and_danger_is_at_once() {
        assert_eq!(ReportReason::OffTopic.urgency(2), Priority::Normal);
        assert_eq!(ReportReason::OffTopic.urgency(3), Priority::High);
        assert_eq!(ReportReason::SelfHarm.urgency(1), Priority::High);
        for (place, reason) in ReportReason::ALL.into_iter().enumerate() {
            assert_eq!(ReportReason::parse(reason.as_str()), Some(reason));
            assert_eq!(ReportReason::from_number(place as i32 + 1), Some(reason));
        }
    }
}
