//! Roles and what each may do: one table.

use serde::{Deserialize, Serialize};

/// What a key or a person is allowed to be on one site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// A platform that submits comments.
    Ingest,
    /// A platform that reads published comments, verdicts and events.
    Reader,
    /// A person who resolves what was flagged.
    Moderator,
    /// A person who configures the site.
    Admin,
}

/// One thing that can be permitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Permission {
    /// Submit, edit and withdraw comments.
    SubmitComments,
    /// Ask for a provisional verdict.
    CheckComments,
    /// Read what readers of the site see anyway.
    ReadPublished,
    /// Read any comment of the site, its verdicts and the event log.
    ReadAll,
    /// Resolve flagged comments.
    Decide,
    /// Change settings, keys and rule sets.
    Configure,
}

impl Permission {
    /// Every permission, for tables and tests.
    pub const ALL: [Self; 6] = [
        Self::SubmitComments,
        Self::CheckComments,
        Self::ReadPublished,
        Self::ReadAll,
        Self::Decide,
        Self::Configure,
    ];
}

impl Role {
    /// Every role, for tables and tests.
    pub const ALL: [Self; 4] = [Self::Ingest, Self::Reader, Self::Moderator, Self::Admin];

    /// The permission table.
    pub const fn allows(self, permission: Permission) -> bool {
        use Permission as P;
        match self {
            Self::Ingest => matches!(permission, P::SubmitComments | P::CheckComments),
            Self::Reader => matches!(permission, P::ReadPublished | P::ReadAll),
            Self::Moderator => {
                matches!(permission, P::CheckComments | P::ReadPublished | P::ReadAll | P::Decide)
            }
            Self::Admin => true,
        }
    }

    /// The role as text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Reader => "reader",
            Self::Moderator => "moderator",
            Self::Admin => "admin",
        }
    }

    /// Reads [`as_str`](Self::as_str) back.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }
}
