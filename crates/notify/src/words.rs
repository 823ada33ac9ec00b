//! What mails say.
//!
//! None quotes a comment: anybody can type anybody's address into a form, and what they wrote must not
//! reach that person through us.

use std::fmt::Write as _;
use std::time::Duration;

use moderato_domain::redress::transparency::date;
use moderato_domain::{CommentName, DecisionId, Notice, Puid, Site, Statement, StatusLink, Timestamp, User};
use moderato_store::{Mail, MailKind, QueueCount};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// A mail before it has a recipient.
#[derive(Debug)]
pub(crate) struct Letter<'a> {
    kind: MailKind,
    site: &'a Site,
    /// What the mail is about: it is sent once about that to each address.
    about: String,
    subject: String,
    body: String,
}

impl Letter<'_> {
    pub(crate) fn to(self, recipient: String, due: Timestamp) -> Mail {
        let id = mail_id(self.kind, &self.about, &recipient);
        let site = Some(self.site.id.clone());
        Mail { id, kind: self.kind, site, recipient, subject: self.subject, body: self.body, due }
    }
}

fn mail_id(kind: MailKind, about: &str, recipient: &str) -> Uuid {
    let parts = ["moderato.mail", kind.as_str(), about, recipient].join("\0");
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&Sha256::digest(parts.as_bytes())[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

/// A statement of reasons, to the author.
pub(crate) fn statement<'a>(site: &'a Site, statement: &Statement, public_url: &str) -> Letter<'a> {
    let link = StatusLink::to(&statement.comment, &site.privacy_key).uri(public_url);
    let mut body = format!(
        "Your comment of {} on {} is not shown to readers.\n\n{}\n",
        date(statement.content_time),
        site.display_name,
        statement.facts
    );
    if let Some(section) = &statement.guideline {
        let _ =
            write!(body, "\nFrom our guidelines, \"{}\":\n\n{}\n", section.title, indented(&section.text));
    }
    if let Some(message) = &statement.message {
        let _ = write!(body, "\nThe moderator adds:\n\n{}\n", indented(message));
    }
    let who = if statement.automated_decision {
        "This was decided automatically. No person has looked at it yet."
    } else {
        "This was decided by a person."
    };
    let _ = write!(
        body,
        "\n{who}\n\nIf you think that this is wrong, you can object here, and somebody else will look at \
         it:\n\n{link}\n\nThe link shows your comment's state to everybody who has it. You can also take \
         the matter to court, or to an out-of-court dispute settlement body.\n"
    );
    let subject = format!("Your comment on {} is not shown", one_line(&site.display_name));
    Letter { kind: MailKind::Statement, site, about: statement.puid.to_string(), subject, body }
}

/// What became of an appeal, to the author.
pub(crate) fn appeal_answer<'a>(
    site: &'a Site,
    comment: &CommentName,
    puid: &Puid,
    upheld: bool,
    message: Option<&str>,
    public_url: &str,
) -> Letter<'a> {
    let link = StatusLink::to(comment, &site.privacy_key).uri(public_url);
    let outcome = if upheld {
        "You were right: your comment is shown to readers again."
    } else {
        "Somebody else has looked at it, and the decision stands: your comment is not shown."
    };
    let mut body =
        format!("You objected to a decision about your comment on {}.\n\n{outcome}\n", site.display_name);
    if let Some(message) = message {
        let _ = write!(body, "\nThe moderator adds:\n\n{}\n", indented(message));
    }
    let _ = write!(body, "\nYour comment's state: {link}\n");
    let subject = format!("Your objection on {}", one_line(&site.display_name));
    Letter { kind: MailKind::AppealAnswer, site, about: puid.to_string(), subject, body }
}

/// What became of a notice of illegal content, to whoever gave it (DSA, article 16, paragraph 5).
pub(crate) fn notice_answer(
    site: &Site,
    comment: &CommentName,
    decision: DecisionId,
    notice: &Notice,
    removed: bool,
    due: Timestamp,
) -> Mail {
    let outcome = if removed {
        "The comment is not shown to readers any more."
    } else {
        "A moderator has looked at the comment and left it in place."
    };
    let body = format!(
        "{},\n\nyou gave notice of illegal content: the comment {} on {}.\n\n{outcome}\n\nThis was decided by \
         a person. If you think that it is wrong, you can take the matter to court, or to an out-of-court \
         dispute settlement body.\n",
        one_line(&notice.name),
        comment.comment,
        site.display_name
    );
    let subject = format!("Your notice to {}", one_line(&site.display_name));
    let about = format!("{}/{comment}", decision.0);
    Letter { kind: MailKind::NoticeAnswer, site, about, subject, body }.to(notice.mail.clone(), due)
}

/// What waits on a site, to a moderator: at most one mail in each `period`.
pub(crate) fn digest(
    site: &Site,
    user: &User,
    period: Duration,
    counts: &[QueueCount],
    public_url: &str,
    now: Timestamp,
) -> Mail {
    let total: u64 = counts.iter().map(|count| count.waiting).sum();
    let mut body = format!("What waits on {}:\n\n", site.display_name);
    for count in counts.iter().filter(|count| count.waiting > 0) {
        let QueueCount { queue, waiting, oldest } = count;
        let oldest =
            oldest.map_or_else(String::new, |oldest| format!(", the oldest for {}", age(now.since(oldest))));
        let url = public_url.trim_end_matches('/');
        let _ = writeln!(
            body,
            "{waiting} {}{oldest}\n    {url}/sites/{}/queue?queue={}",
            queue.as_str(),
            site.id,
            queue.as_str()
        );
    }
    body.push_str("\nYou can choose under Settings how often you get this mail, or not at all.\n");
    let noun = if total == 1 { "comment waits" } else { "comments wait" };
    let number = now.as_millis().div_euclid(i64::try_from(period.as_millis()).unwrap_or(i64::MAX));
    Letter {
        kind: MailKind::Digest,
        site,
        about: format!("{}/{}/{}/{number}", site.id, user.id, period.as_secs()),
        subject: format!("{total} {noun} on {}", one_line(&site.display_name)),
        body,
    }
    .to(user.mail.as_str().to_owned(), now)
}

/// `3 h`, in the largest unit that fits.
fn age(waited: Duration) -> String {
    let minutes = waited.as_secs() / 60;
    match minutes {
        0..60 => format!("{minutes} min"),
        60..2880 => format!("{} h", minutes / 60),
        _ => format!("{} days", minutes / 1440),
    }
}

/// A link to sign in for the first time, or with a new password. The link opens a page with a form;
/// nothing happens before that is sent.
pub fn sign_in(recipient: &str, link: &str, invited: bool, until: Timestamp, now: Timestamp) -> Mail {
    let (subject, what) = if invited {
        (
            "You are invited to moderate comments",
            "You were invited to moderate comments. Choose a password here:",
        )
    } else {
        ("A new password", "Somebody, probably you, asked for a new password. Choose it here:")
    };
    let body = format!(
        "{what}\n\n{link}\n\nThe link works once, until {}. If you did not expect this mail, ignore it: nothing \
         happens.\n",
        date(until)
    );
    Mail {
        id: mail_id(MailKind::SignIn, link, recipient),
        kind: MailKind::SignIn,
        site: None,
        recipient: recipient.to_owned(),
        subject: subject.to_owned(),
        body,
        due: now,
    }
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("    {line}")).collect::<Vec<_>>().join("\n")
}

/// For a subject: a line end in a site's name must not begin another header.
fn one_line(text: &str) -> String {
    text.chars().map(|ch| if ch.is_control() { ' ' } else { ch }).collect()
}
