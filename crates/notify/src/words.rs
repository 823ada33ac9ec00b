//! What mails say.
//!
//! None quotes a comment: anybody can type anybody's address into a form, and what they wrote must not
//! reach that person through us.

use std::fmt::Write as _;
use std::time::Duration;

use moderato_domain::redress::transparency::date;
use moderato_domain::{
    CommentName, DecisionId, Notice, Priority, Puid, ReviewQueue, Site, Statement, StatusLink, Timestamp,
    User,
};
use moderato_store::{Mail, MailKind, QueueCount, UrgentItem};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::digest::Waiting;

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
        let (kind, subject, body) = (self.kind, self.subject, self.body);
        Mail { id, kind, site, recipient, subject, body, due, unasked: None }
    }
}

fn mail_id(kind: MailKind, about: &str, recipient: &str) -> Uuid {
    let parts = ["moderato.mail", kind.as_str(), about, recipient].join("\0");
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&Sha256::digest(parts.as_bytes())[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

/// A mail to an address that anybody may have typed into a form: only so many of them reach it in a day.
pub(crate) fn unasked(mail: Mail) -> Mail {
    let recipient = Some(mailbox_hash(&mail.recipient));
    Mail { unasked: recipient, ..mail }
}

/// Of the mailbox, however its address is written: most providers deliver `a.b+c@` where `ab@` goes, and
/// a bomb would be spread over them.
fn mailbox_hash(address: &str) -> [u8; 32] {
    let address = address.to_lowercase();
    let (local, domain) = address.rsplit_once('@').unwrap_or((&address, ""));
    let local = local.split('+').next().unwrap_or_default().replace('.', "");
    Sha256::digest(format!("moderato.mailbox\0{local}@{domain}")).into()
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
    unasked(Letter { kind: MailKind::NoticeAnswer, site, about, subject, body }.to(notice.mail.clone(), due))
}

/// What waits on a site, to a moderator: at most one mail in each `period`.
pub(crate) fn digest(
    site: &Site,
    user: &User,
    period: Duration,
    waiting: &Waiting,
    public_url: &str,
    now: Timestamp,
) -> Mail {
    let total = waiting.total();
    let mut body = format!("What waits on {}:\n\n", site.display_name);
    for count in waiting.counts.iter().filter(|count| count.waiting > 0) {
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
    if !waiting.urgent.is_empty() {
        body.push_str("\nWhat should not wait:\n\n");
        list(&mut body, site, &waiting.urgent, public_url, now);
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

/// Items that a mail about urgent ones has links to.
const URGENT_LISTED: usize = 10;

/// What began to wait and should not, to a moderator.
pub(crate) fn urgent(
    site: &Site,
    user: &User,
    items: &[UrgentItem],
    public_url: &str,
    now: Timestamp,
) -> Mail {
    let (listed, more) = items.split_at(items.len().min(URGENT_LISTED));
    let mut body = format!("Somebody should look at this soon, on {}:\n\n", site.display_name);
    list(&mut body, site, listed, public_url, now);
    if !more.is_empty() {
        let url = public_url.trim_end_matches('/');
        let _ = writeln!(
            body,
            "and {} more\n    {url}/sites/{}/queue?queue={}",
            more.len(),
            site.id,
            ReviewQueue::Escalated.as_str()
        );
    }
    body.push_str(
        "\nEach is told to you once, and to others who asked for it. You can choose under Settings not to get \
         these mails.\n",
    );
    let about = items.first().map(|first| {
        let since = first.wait_since.as_millis();
        format!("urgent/{}/{}/{}/{since}", user.id, site.id, first.comment)
    });
    let noun = if items.len() == 1 { "comment needs" } else { "comments need" };
    Letter {
        // A release before this one sends what it finds under this kind, too.
        kind: MailKind::Digest,
        site,
        about: about.unwrap_or_default(),
        subject: format!("Urgent: {} {noun} somebody on {}", items.len(), one_line(&site.display_name)),
        body,
    }
    .to(user.mail.as_str().to_owned(), now)
}

/// Items with links to their pages.
fn list(body: &mut String, site: &Site, items: &[UrgentItem], public_url: &str, now: Timestamp) {
    let url = public_url.trim_end_matches('/');
    for item in items {
        let what = if item.priority == Priority::Crisis { "somebody may be in danger" } else { "escalated" };
        let _ = writeln!(
            body,
            "{what}, waiting for {}\n    {url}/sites/{}/comments/{}",
            age(now.since(item.wait_since)),
            site.id,
            item.comment
        );
    }
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
        unasked: None,
    }
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("    {line}")).collect::<Vec<_>>().join("\n")
}

/// For a subject: a line end in a site's name must not begin another header.
fn one_line(text: &str) -> String {
    text.chars().map(|ch| if ch.is_control() { ' ' } else { ch }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mailbox_has_one_hash_however_it_is_written() {
        let hash = mailbox_hash("ada.lovelace@example.org");
        for same in ["Ada.Lovelace@Example.org", "adalovelace@example.org", "ada.lovelace+blog@example.org"] {
            assert_eq!(mailbox_hash(same), hash, "{same}");
        }
        for other in ["ada@example.org", "ada.lovelace@example.com", "no address", "", "+@example.org"] {
            assert_ne!(mailbox_hash(other), hash, "{other}");
        }
    }
}
