//! Hands mails over to a mail server.

use std::fmt;
use std::time::Duration;

use lettre::message::header::{self, ContentType, Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::response::{Category, Severity};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};
use moderato_store::Mail;

/// Longest wait for the mail server.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// Where mails go out.
#[derive(Clone)]
pub struct MailOptions {
    /// `smtp://user:password@host:587?tls=required`, `smtps://…`, or `smtp://localhost:25`.
    pub smtp: String,
    /// Whom mails come from, such as `Comments <comments@blog.example>`.
    pub from: String,
}

impl fmt::Debug for MailOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MailOptions").field("from", &self.from).finish_non_exhaustive()
    }
}

/// Hands mails over.
pub struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl fmt::Debug for Mailer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailer").field("from", &self.from).finish_non_exhaustive()
    }
}

/// Why a mail was not taken.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// The settings cannot be used.
    #[error("mail.{0}")]
    Settings(String),
    /// Trying again cannot help: the address is no address, or the server knows nobody there.
    #[error("refused for good: {0}")]
    Final(String),
    /// The server is away, busy, or does not let us in.
    #[error("{0}")]
    Later(String),
}

impl MailError {
    /// Whether trying again cannot help.
    pub const fn is_final(&self) -> bool {
        matches!(self, Self::Final(_))
    }
}

/// So that no automatic reply comes back (RFC 3834).
#[derive(Debug, Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

impl Mailer {
    /// A mailer; nothing is connected yet.
    pub fn new(options: &MailOptions) -> Result<Self, MailError> {
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(&options.smtp)
            .map_err(|error| MailError::Settings(format!("smtp: {error}")))?
            .timeout(Some(ANSWER_WITHIN))
            .build();
        let from = options.from.parse().map_err(|error| MailError::Settings(format!("from: {error}")))?;
        Ok(Self { transport, from })
    }

    /// Hands one mail over.
    pub async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        let to: Mailbox =
            mail.recipient.parse().map_err(|error| MailError::Final(format!("recipient: {error}")))?;
        let message_id = format!("<{}@{}>", mail.id, self.from.email.domain());
        let message = Message::builder()
            .from(self.from.clone())
            .to(to)
            .subject(&mail.subject)
            .message_id(Some(message_id))
            .header(AutoSubmitted)
            .header(ContentType::TEXT_PLAIN)
            .header(header::ContentTransferEncoding::QuotedPrintable)
            .body(mail.body.clone())
            .map_err(|error| MailError::Final(error.to_string()))?;
        self.transport.send(message).await.map(|_| ()).map_err(|error| {
            // The server's code alone: its text may name the address.
            let refused = error.status();
            let text =
                refused.map_or_else(|| cause(&error), |code| format!("the mail server answered {code}"));
            // 53x is about us and not about the mail: who we are, whether we may send.
            let for_good = refused.is_some_and(|code| {
                code.severity == Severity::PermanentNegativeCompletion
                    && code.category != Category::Unspecified3
            });
            if for_good { MailError::Final(text) } else { MailError::Later(text) }
        })
    }
}

/// The innermost reason: what the network said.
fn cause(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
