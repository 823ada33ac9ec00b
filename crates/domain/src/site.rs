//! A tenant and what it asks of comments.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::SiteId;

/// When comments of a site become visible.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ModerationMode {
    /// Nothing appears before a human approves it, bar comments that a rule approves outright.
    #[default]
    Pre,
    /// ALLOW publishes; REVIEW waits for a human.
    Auto,
    /// Publishes unless REJECT; REVIEW is checked afterwards.
    Post,
}

impl ModerationMode {
    /// The mode as text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pre => "pre",
            Self::Auto => "auto",
            Self::Post => "post",
        }
    }
}

/// What a site asks of comments. Every limit has a hard bound in [`crate::intake`].
///
/// Stored as JSON; a setting that only a newer release knows is ignored, so that both can run side by
/// side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SiteSettings {
    /// When comments become visible.
    pub mode: ModerationMode,
    /// A display name must be given.
    pub name_required: bool,
    /// An e-mail address must be given.
    pub email_required: bool,
    /// Shortest body, in characters after trimming.
    pub body_min_chars: u32,
    /// Longest body, in characters.
    pub body_max_chars: u32,
    /// The guidelines version that authors must have accepted; none: not asked for.
    pub guidelines_version: Option<String>,
    /// Store mail and IP addresses in clear instead of as keyed hashes.
    pub keep_contact_details: bool,
    /// Of a hundred decisions, how many somebody else decides once more without knowing the outcome.
    pub second_look_percent: u8,
}

impl Default for SiteSettings {
    fn default() -> Self {
        Self {
            mode: ModerationMode::Pre,
            name_required: true,
            email_required: false,
            body_min_chars: 1,
            body_max_chars: 10_000,
            guidelines_version: None,
            keep_contact_details: false,
            second_look_percent: 5,
        }
    }
}

/// The key under which a site's mail and IP addresses are hashed. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct PrivacyKey([u8; 32]);

impl PrivacyKey {
    /// Wraps 32 secret bytes.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The secret bytes.
    pub const fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for PrivacyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivacyKey(…)")
    }
}

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// Its id.
    pub id: SiteId,
    /// What people call it.
    pub display_name: String,
    /// What it asks of comments.
    pub settings: SiteSettings,
    /// Key of its address hashes.
    pub privacy_key: PrivacyKey,
}
