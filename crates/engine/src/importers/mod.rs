//! Word lists and settings of other platforms, made into a rule-set document with a report of what
//! changes in meaning.
//!
//! | module | what it reads |
//! |---|---|
//! | `wordpress` | disallowed and moderation keys, one a line |
//! | `coral` | banned and suspect words, JSON or one a line |
//! | `discourse` | watched words, CSV |
//! | `komento` | settings, JSON |
//! | `entries` | what an entry is: words, a host, an address, a person |
//! | `document` | the document that comes of it |
//!
//! The document compiles; what it cannot say is in the report, never silently lost.

mod coral;
mod discourse;
mod document;
mod entries;
mod komento;
mod report;
mod wordpress;

pub use report::{Change, Report};

use document::Draft;

/// Largest file that is read, in bytes: twenty times the longest known list of keys.
const SOURCE_MAX: usize = 20 * 1024 * 1024;

/// Where the file comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Platform {
    /// *Disallowed Comment Keys* or *Comment Moderation*: text, one key a line.
    WordPress,
    /// *Banned words* and *suspect words*: JSON, or text with one banned word a line.
    Coral,
    /// The export of *watched words*: CSV with the columns word and action.
    Discourse,
    /// The component's settings: JSON.
    Komento,
}

/// What entries do that the platform refuses outright.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// A person looks: right for lists that nobody has measured.
    Review,
    /// Rejected, as the platform did.
    Reject,
}

/// Why a file cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// Beyond the bound.
    #[error("the file has {bytes} bytes; at most {max} are read")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The bound.
        max: usize,
    },
    /// Neither of the forms that the platform exports.
    #[error("this is no {form}: {reason}")]
    Form {
        /// What was expected.
        form: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// Nothing in it that rules could say.
    #[error("the file holds nothing to import")]
    Nothing,
}

/// A rule-set document and what it says differently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// TOML; compiles with the guidelines of [`STARTER_GUIDELINES`](crate::STARTER_GUIDELINES).
    pub document: String,
    /// What changes in meaning.
    pub report: Report,
}

/// Makes a rule-set document of a platform's file.
pub fn import(platform: Platform, source: &str, refusal: Refusal) -> Result<Imported, ImportError> {
    if source.len() > SOURCE_MAX {
        return Err(ImportError::TooLarge { bytes: source.len(), max: SOURCE_MAX });
    }
    let source = source.strip_prefix('\u{FEFF}').unwrap_or(source);
    let mut draft = Draft::new(platform.name());
    match platform {
        Platform::WordPress => wordpress::read(source, refusal, &mut draft),
        Platform::Coral => coral::read(source, refusal, &mut draft)?,
        Platform::Discourse => discourse::read(source, refusal, &mut draft)?,
        Platform::Komento => komento::read(source, refusal, &mut draft)?,
    }
    draft.finish()
}

impl Platform {
    /// The name of the rule set.
    const fn name(self) -> &'static str {
        match self {
            Self::WordPress => "from-wordpress",
            Self::Coral => "from-coral",
            Self::Discourse => "from-discourse",
            Self::Komento => "from-komento",
        }
    }
}
