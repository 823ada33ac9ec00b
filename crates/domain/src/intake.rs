//! From untrusted text to a [`Comment`]: every rule is checked, all violations come back at once.

use std::borrow::Cow;
use std::net::IpAddr;

use crate::circumstances::{Attachment, Challenge, Circumstances, Form, ThreadState};
use crate::clock::Timestamp;
use crate::comment::{Author, Client, Comment, Email};
use crate::ids::{CommentId, RequestId, Revision, SiteId, ThreadId};
use crate::site::SiteSettings;

/// Hard bounds, whatever a site allows. Bytes, since they protect memory and storage.
pub mod limits {
    use std::time::Duration;

    /// Body. Akismet clients send up to 64 KiB.
    pub const BODY_BYTES: usize = 64 * 1024;
    /// Display name (WordPress keeps 245 bytes).
    pub const NAME_BYTES: usize = 256;
    /// The platform's user id.
    pub const USER_ID_BYTES: usize = 128;
    /// Website and permalink.
    pub const URL_BYTES: usize = 2048;
    /// User agent and referrer: cut, not refused, since authors do not choose them.
    pub const HEADER_BYTES: usize = 1024;
    /// Guidelines version.
    pub const GUIDELINES_BYTES: usize = 64;
    /// Attachments of one comment. Forms allow a handful; this only bounds memory.
    pub const ATTACHMENTS: usize = 32;
    /// MIME type (RFC 6838 §4.2: at most 127 characters on each side of the slash).
    pub const MIME_TYPE_BYTES: usize = 255;
    /// How far a platform's clock may be ahead of ours.
    pub const CLOCKS_APART: Duration = Duration::from_hours(1);
}

/// A comment as a platform sent it. Empty text means "not given".
#[derive(Debug, Clone, Default)]
pub struct CommentDraft {
    /// Thread id.
    pub thread: String,
    /// Id of the comment it answers.
    pub parent: String,
    /// Name that readers see.
    pub display_name: String,
    /// Platform's user id.
    pub user_id: String,
    /// Mail address.
    pub email: String,
    /// Website.
    pub url: String,
    /// Text.
    pub body: String,
    /// BCP 47 tag.
    pub language: String,
    /// Where it can be seen.
    pub permalink: String,
    /// Author's address.
    pub ip: String,
    /// Author's browser.
    pub user_agent: String,
    /// Page that linked to the form.
    pub referrer: String,
    /// Version of the guidelines the author accepted.
    pub guidelines_version: String,
    /// When the author wrote it.
    pub create_time: Option<Timestamp>,
    /// The platform vouches for the author's identity.
    pub verified: bool,
    /// A field that people do not see was filled in.
    pub honeypot_filled: Option<bool>,
    /// Milliseconds from showing the form to sending it.
    pub fill_time_ms: Option<i64>,
    /// What became of the challenge, as a [`Challenge::number`].
    pub challenge: i32,
    /// MIME type and size in bytes of each attachment.
    pub attachments: Vec<(String, i64)>,
    /// When the page was published.
    pub thread_create_time: Option<Timestamp>,
    /// The page takes no more comments.
    pub thread_closed: Option<bool>,
}

/// What the door itself knows about a submission.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// The tenant, from the API key.
    pub site: SiteId,
    /// Caller's id or one derived from the request id.
    pub id: CommentId,
    /// Which version this is.
    pub revision: Revision,
    /// Idempotency key.
    pub request_id: Option<RequestId>,
    /// Now.
    pub accept_time: Timestamp,
}

/// One thing that is wrong with a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Path of the field in the request, such as `comment.author.email`.
    pub field: Cow<'static, str>,
    /// What is wrong, for programs: upper snake case.
    pub reason: &'static str,
    /// What is wrong and what would be right, for people.
    pub description: String,
}

impl Violation {
    /// A violation of a field.
    pub fn new(
        field: impl Into<Cow<'static, str>>,
        reason: &'static str,
        description: impl Into<String>,
    ) -> Self {
        Self { field: field.into(), reason, description: description.into() }
    }
}

impl CommentDraft {
    /// Checks the draft against the site's settings.
    ///
    /// # Errors
    /// Every violation found, in field order; never an empty list.
    pub fn admit(self, settings: &SiteSettings, arrival: Arrival) -> Result<Comment, Vec<Violation>> {
        let mut check = Check::default();

        let thread = check.required_id("comment.thread", &self.thread, ThreadId::parse);
        let parent = check.optional_id("comment.parent", &self.parent, CommentId::parse);
        if parent.as_ref() == Some(&arrival.id) {
            check.fail("comment.parent", "SELF_REFERENCE", "a comment cannot answer itself");
        }
        let display_name = check.display_name(self.display_name, settings);
        let user_id = check.line("comment.author.user_id", self.user_id, limits::USER_ID_BYTES);
        let email = check.email(&self.email, settings);
        let url = check.url("comment.author.url", self.url);
        let body = check.body(self.body, settings);
        let language = check.language(self.language);
        let permalink = check.url("comment.permalink", self.permalink);
        let ip = check.ip(&self.ip);
        let guidelines_version = check.guidelines(self.guidelines_version, settings);
        let create_time = check.create_time(self.create_time, arrival.accept_time);
        let circumstances = Circumstances {
            verified: self.verified,
            form: Form {
                honeypot_filled: self.honeypot_filled,
                fill_time_ms: check.fill_time(self.fill_time_ms),
                challenge: check.challenge(self.challenge),
            },
            attachments: check.attachments(self.attachments),
            thread: ThreadState { create_time: self.thread_create_time, closed: self.thread_closed },
        };

        match (thread, check.violations.is_empty()) {
            (Some(thread), true) => Ok(Comment {
                site: arrival.site,
                id: arrival.id,
                revision: arrival.revision,
                thread,
                parent,
                author: Author { display_name, user_id, email, url },
                body,
                language,
                permalink,
                client: Client { ip, user_agent: header(self.user_agent), referrer: header(self.referrer) },
                guidelines_version,
                circumstances,
                request_id: arrival.request_id,
                create_time,
                accept_time: arrival.accept_time,
            }),
            _ => Err(check.violations),
        }
    }
}

#[derive(Default)]
struct Check {
    violations: Vec<Violation>,
}

impl Check {
    fn fail(&mut self, field: &'static str, reason: &'static str, description: impl Into<String>) {
        self.violations.push(Violation::new(field, reason, description));
    }

    fn required_id<T, E: ToString>(
        &mut self,
        field: &'static str,
        text: &str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Option<T> {
        if text.is_empty() {
            self.fail(field, "REQUIRED", "must be given");
            return None;
        }
        self.optional_id(field, text, parse)
    }

    fn optional_id<T, E: ToString>(
        &mut self,
        field: &'static str,
        text: &str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Option<T> {
        if text.is_empty() {
            return None;
        }
        parse(text).map_err(|error| self.fail(field, "MALFORMED", error.to_string())).ok()
    }

    /// Optional single-line text without control characters, at most `max` bytes.
    fn line(&mut self, field: &'static str, text: String, max: usize) -> Option<String> {
        if text.len() > max {
            self.fail(field, "TOO_LONG", format!("has {} bytes; at most {max} are accepted", text.len()));
        } else if let Some(bad) = text.chars().find(|c| c.is_control()) {
            self.fail(field, "CONTROL_CHARACTER", control_message(bad));
        }
        (!text.is_empty()).then_some(text)
    }

    fn display_name(&mut self, text: String, settings: &SiteSettings) -> String {
        let field = "comment.author.display_name";
        let blank = !text.chars().any(is_visible);
        if blank && settings.name_required {
            self.fail(field, "REQUIRED", "this site asks for a name");
        }
        self.line(field, text, limits::NAME_BYTES).map(|name| name.trim().to_owned()).unwrap_or_default()
    }

    fn email(&mut self, text: &str, settings: &SiteSettings) -> Option<Email> {
        let field = "comment.author.email";
        let text = text.trim();
        if text.is_empty() {
            if settings.email_required {
                self.fail(field, "REQUIRED", "this site asks for an e-mail address");
            }
            return None;
        }
        let email = Email::parse(text);
        if email.is_none() {
            self.fail(field, "MALFORMED", "is not an e-mail address of the form name@example.org");
        }
        email
    }

    fn url(&mut self, field: &'static str, text: String) -> Option<String> {
        let text = self.line(field, text, limits::URL_BYTES)?;
        let host = text
            .strip_prefix("https://")
            .or_else(|| text.strip_prefix("http://"))
            .map(|rest| rest.split(['/', '?', '#']).next().unwrap_or_default());
        if host.is_none_or(str::is_empty) || text.chars().any(char::is_whitespace) {
            self.fail(field, "MALFORMED", "is not a URL that starts with https:// or http://");
        }
        Some(text)
    }

    fn body(&mut self, text: String, settings: &SiteSettings) -> String {
        let field = "comment.body";
        if text.len() > limits::BODY_BYTES {
            let description =
                format!("has {} bytes; at most {} are accepted", text.len(), limits::BODY_BYTES);
            self.fail(field, "TOO_LONG", description);
            return text;
        }
        let forbidden = |c: &char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
        if let Some(bad) = text.chars().find(forbidden) {
            self.fail(field, "CONTROL_CHARACTER", control_message(bad));
        }
        // One count of what a reader would see decides emptiness; length is counted as typed.
        let chars = text.trim().chars().count();
        let (min, max) = (settings.body_min_chars as usize, settings.body_max_chars as usize);
        if !text.chars().any(is_visible) {
            self.fail(field, "REQUIRED", "must hold text, not only white space or invisible characters");
        } else if chars < min {
            self.fail(field, "TOO_SHORT", format!("has {chars} characters; this site asks for {min}"));
        } else if chars > max {
            self.fail(field, "TOO_LONG", format!("has {chars} characters; this site accepts {max}"));
        }
        text
    }

    fn language(&mut self, text: String) -> Option<String> {
        let field = "comment.language";
        if text.is_empty() {
            return None;
        }
        // RFC 5646 §4.4.1: 35 characters are enough for every well-formed tag in use.
        let mut parts = text.split('-');
        let primary = parts.next().unwrap_or_default();
        let well_formed = text.len() <= 35
            && (2..=8).contains(&primary.len())
            && primary.bytes().all(|b| b.is_ascii_alphabetic())
            && parts.all(|p| (1..=8).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_alphanumeric()));
        if !well_formed {
            self.fail(field, "MALFORMED", "is not a BCP 47 language tag such as en or pt-BR");
        }
        Some(text)
    }

    fn ip(&mut self, text: &str) -> Option<IpAddr> {
        if text.is_empty() {
            return None;
        }
        let parsed = text.parse().ok();
        if parsed.is_none() {
            self.fail("comment.client.ip", "MALFORMED", "is not an IPv4 or IPv6 address");
        }
        parsed
    }

    fn guidelines(&mut self, text: String, settings: &SiteSettings) -> Option<String> {
        let field = "comment.guidelines_version";
        let accepted = self.line(field, text, limits::GUIDELINES_BYTES);
        if let Some(current) = &settings.guidelines_version {
            match &accepted {
                None => self.fail(
                    field,
                    "REQUIRED",
                    format!("authors must accept the guidelines, version {current}"),
                ),
                Some(version) if version != current => self.fail(
                    field,
                    "OUTDATED",
                    format!("the guidelines in force are version {current}; show them and ask again"),
                ),
                Some(_) => {}
            }
        }
        accepted
    }

    fn create_time(&mut self, told: Option<Timestamp>, now: Timestamp) -> Timestamp {
        let ahead = told.unwrap_or(now).since(now);
        if ahead > limits::CLOCKS_APART {
            let description = format!("is {} s ahead of the time here", ahead.as_secs());
            self.fail("comment.create_time", "IN_FUTURE", description);
        }
        told.unwrap_or(now)
    }

    fn fill_time(&mut self, millis: Option<i64>) -> Option<u64> {
        let read = millis.map(u64::try_from)?;
        read.map_err(|_| self.fail("comment.form.fill_time", "OUT_OF_RANGE", "is negative")).ok()
    }

    fn challenge(&mut self, number: i32) -> Challenge {
        Challenge::from_number(number).unwrap_or_else(|| {
            self.fail(
                "comment.form.challenge",
                "UNKNOWN",
                format!("{number} is not a result of a challenge"),
            );
            Challenge::None
        })
    }

    fn attachments(&mut self, declared: Vec<(String, i64)>) -> Vec<Attachment> {
        if declared.len() > limits::ATTACHMENTS {
            let (count, max) = (declared.len(), limits::ATTACHMENTS);
            let description = format!("has {count} entries; at most {max} are accepted");
            self.fail("comment.attachments", "TOO_MANY", description);
            return Vec::new();
        }
        let mut attachments = Vec::with_capacity(declared.len());
        for (index, (text, size)) in declared.into_iter().enumerate() {
            let mut fail = |field, reason, description: &str| {
                let path = format!("comment.attachments[{index}].{field}");
                self.violations.push(Violation::new(path, reason, description));
            };
            let mime_type = mime_type(&text);
            if mime_type.is_none() {
                fail("mime_type", "MALFORMED", "is not a MIME type such as image/png, without parameters");
            }
            let size_bytes = u64::try_from(size);
            if size_bytes.is_err() {
                fail("size_bytes", "OUT_OF_RANGE", "is negative");
            }
            if let (Some(mime_type), Ok(size_bytes)) = (mime_type, size_bytes) {
                attachments.push(Attachment { mime_type, size_bytes });
            }
        }
        attachments
    }
}

/// A MIME type (RFC 6838 §4.2) without parameters, in lower case.
fn mime_type(text: &str) -> Option<String> {
    let (kind, subtype) = text.split_once('/')?;
    let name = |part: &str| {
        let inside = |b: u8| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b);
        part.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric) && part.bytes().all(inside)
    };
    (text.len() <= limits::MIME_TYPE_BYTES && name(kind) && name(subtype)).then(|| text.to_ascii_lowercase())
}

fn control_message(bad: char) -> String {
    format!("holds the control character U+{:04X}; send text without it", u32::from(bad))
}

/// Whether a reader would see anything: not white space, control, or a default-ignorable
/// character (Unicode `Default_Ignorable_Code_Point`; the Hangul and Khmer fillers count too), nor
/// the braille blank.
fn is_visible(c: char) -> bool {
    !(c.is_whitespace()
        || c.is_control()
        || matches!(c,
            '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}'..='\u{1160}' | '\u{17B4}'..='\u{17B5}'
            | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{2800}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}'
            | '\u{FFA0}' | '\u{FFF0}'..='\u{FFF8}' | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D173}'..='\u{1D17A}'
            | '\u{E0000}'..='\u{E0FFF}'))
}

/// A request header of the author's browser: cut to size, control characters dropped.
fn header(mut text: String) -> Option<String> {
    text.retain(|c| !c.is_control());
    let mut end = text.len().min(limits::HEADER_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn arrival() -> Arrival {
        Arrival {
            site: SiteId::parse("blog").unwrap(),
            id: CommentId::parse("c1").unwrap(),
            revision: Revision::FIRST,
            request_id: None,
            accept_time: Timestamp::from_millis(1),
        }
    }

    fn draft(body: &str) -> CommentDraft {
        CommentDraft {
            thread: "post-1".into(),
            display_name: "Ada".into(),
            body: body.into(),
            ..CommentDraft::default()
        }
    }

    fn reasons(draft: CommentDraft, settings: &SiteSettings) -> Vec<(String, &'static str)> {
        match draft.admit(settings, arrival()) {
            Ok(_) => Vec::new(),
            Err(violations) => violations.into_iter().map(|v| (v.field.into_owned(), v.reason)).collect(),
        }
    }

    #[test]
    fn a_comment_cannot_have_been_written_later_but_clocks_differ() {
        let settings = SiteSettings::default();
        let written = |ahead: i64| CommentDraft {
            create_time: Some(arrival().accept_time.plus(Duration::from_secs(ahead.unsigned_abs()))),
            ..draft("hello")
        };
        assert_eq!(reasons(written(3_600), &settings), []);
        assert_eq!(reasons(written(3_601), &settings), [("comment.create_time".to_owned(), "IN_FUTURE")]);
    }

    #[test]
    fn all_violations_come_back_at_once() {
        let settings = SiteSettings {
            email_required: true,
            guidelines_version: Some("2".into()),
            ..SiteSettings::default()
        };
        let bad = CommentDraft {
            thread: "a/b".into(),
            parent: "c1".into(),
            body: " \u{200B}\n".into(),
            url: "javascript:alert(1)".into(),
            permalink: "https://".into(),
            ip: "300.1.1.1".into(),
            language: "english!".into(),
            guidelines_version: "1".into(),
            fill_time_ms: Some(-1),
            challenge: 9,
            attachments: vec![("image/png".into(), 1), ("text/plain; charset=utf-8".into(), -1)],
            ..CommentDraft::default()
        };
        let expected = [
            ("comment.thread", "MALFORMED"),
            ("comment.parent", "SELF_REFERENCE"),
            ("comment.author.display_name", "REQUIRED"),
            ("comment.author.email", "REQUIRED"),
            ("comment.author.url", "MALFORMED"),
            ("comment.body", "REQUIRED"),
            ("comment.language", "MALFORMED"),
            ("comment.permalink", "MALFORMED"),
            ("comment.client.ip", "MALFORMED"),
            ("comment.guidelines_version", "OUTDATED"),
            ("comment.form.fill_time", "OUT_OF_RANGE"),
            ("comment.form.challenge", "UNKNOWN"),
            ("comment.attachments[1].mime_type", "MALFORMED"),
            ("comment.attachments[1].size_bytes", "OUT_OF_RANGE"),
        ];
        assert_eq!(reasons(bad, &settings), expected.map(|(f, r)| (f.to_owned(), r)));
    }

    #[test]
    fn length_is_counted_in_characters_not_bytes() {
        let settings = SiteSettings { body_min_chars: 3, body_max_chars: 4, ..SiteSettings::default() };
        assert!(reasons(draft("äöü"), &settings).is_empty());
        assert_eq!(reasons(draft("äö"), &settings)[0].1, "TOO_SHORT");
        assert_eq!(reasons(draft("äöüßx"), &settings)[0].1, "TOO_LONG");
    }

    #[test]
    fn control_characters_are_refused_but_line_breaks_are_text() {
        let settings = SiteSettings::default();
        assert!(reasons(draft("one\r\n\ttwo"), &settings).is_empty());
        for bad in ["a\0b", "a\u{1B}[31m", "a\u{85}b"] {
            assert_eq!(reasons(draft(bad), &settings)[0].1, "CONTROL_CHARACTER", "{bad:?}");
        }
    }

    #[test]
    fn a_name_is_not_asked_for_where_the_site_does_not() {
        let settings = SiteSettings { name_required: false, ..SiteSettings::default() };
        let guest = CommentDraft { display_name: String::new(), ..draft("hello") };
        assert!(reasons(guest, &settings).is_empty());
    }

    proptest! {
        #[test]
        fn no_text_makes_intake_panic_and_what_passes_is_within_bounds(
            body in any::<String>(), name in any::<String>(), email in any::<String>(), agent in any::<String>()
        ) {
            let given = CommentDraft { display_name: name, email, user_agent: agent, ..draft(&body) };
            if let Ok(comment) = given.admit(&SiteSettings::default(), arrival()) {
                prop_assert!(comment.body.chars().any(is_visible));
                prop_assert!(comment.client.user_agent.is_none_or(|a| a.len() <= limits::HEADER_BYTES));
                prop_assert!(!comment.body.contains('\0'));
            }
        }
    }
}
