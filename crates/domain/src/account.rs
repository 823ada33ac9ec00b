//! People who can sign in: who they are and where they may do what.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::access::{Permission, Role};
use crate::clock::Timestamp;
use crate::comment::Email;
use crate::decision::Actor;
use crate::ids::{InvalidId, SiteId};

/// Names a person who can sign in. Never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UserId(Uuid);

impl UserId {
    /// An id that was drawn for this person.
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// Reads what [`Display`](fmt::Display) writes.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        Uuid::try_parse(text).map(Self).map_err(|_| InvalidId("a user id is a UUID"))
    }

    /// The id as a UUID.
    pub const fn as_uuid(self) -> Uuid {
        self.0
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What others call a person who can sign in.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DisplayName(Box<str>);

impl DisplayName {
    /// Longest name, in characters.
    pub const MAX_CHARS: usize = 80;

    /// Accepts a name that can be shown in a line: trimmed, not empty, without control characters or
    /// ones that turn the direction of what follows.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        let text = text.trim();
        let turns = |c: char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        let fits = !text.is_empty()
            && text.chars().count() <= Self::MAX_CHARS
            && !text.chars().any(|c| c.is_control() || turns(c));
        if fits { Ok(Self(text.into())) } else { Err(InvalidId("a name has 1 to 80 visible characters")) }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DisplayName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for DisplayName {
    type Error = InvalidId;
    fn try_from(text: String) -> Result<Self, InvalidId> {
        Self::parse(&text)
    }
}

impl From<DisplayName> for String {
    fn from(name: DisplayName) -> Self {
        name.0.into()
    }
}

/// A person who can sign in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Names them.
    pub id: UserId,
    /// Their address, in lower case; no two people share one.
    pub mail: Email,
    /// What others call them.
    pub display_name: DisplayName,
    /// May do everything on every site, and what concerns the whole installation.
    pub operator: bool,
    /// Since when they may not sign in any more.
    pub disable_time: Option<Timestamp>,
    /// What they are on which site: [`Role::Moderator`] or [`Role::Admin`].
    pub memberships: BTreeMap<SiteId, Role>,
    /// How they like to work.
    pub preferences: Preferences,
    /// When they were added.
    pub create_time: Timestamp,
}

impl User {
    /// Roles that a person can have on a site; the others are for keys.
    pub const ROLES: [Role; 2] = [Role::Moderator, Role::Admin];

    /// What they are on a site, if anything. An operator is an admin everywhere.
    pub fn role_on(&self, site: &SiteId) -> Option<Role> {
        if self.operator { Some(Role::Admin) } else { self.memberships.get(site).copied() }
    }

    /// The person as somebody who did something.
    pub fn actor(&self) -> Actor {
        Actor::person(self.id, self.display_name.as_str())
    }

    /// Whether they may do this on a site.
    pub fn may(&self, site: &SiteId, permission: Permission) -> bool {
        self.role_on(site).is_some_and(|role| role.allows(permission))
    }
}

/// How a person likes to work. Stored as JSON; what only a newer release knows is ignored.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Preferences {
    /// Light or dark.
    pub theme: Theme,
    /// Keys that were changed: from the command's name to its key.
    pub keys: BTreeMap<String, String>,
    /// Single keys do nothing: for who dictates, or types into the page by mistake.
    pub keys_off: bool,
    /// What spares them.
    pub wellness: Wellness,
    /// How often they are told by mail what waits.
    pub digest: Digest,
    /// Whether they are told by mail at once when something urgent begins to wait.
    pub urgent: bool,
}

impl Preferences {
    /// These with what a person changed from `shown` to `chosen`: what they left as it was shown to them
    /// stays as it is, though another page of theirs changed it meanwhile.
    #[must_use]
    pub fn with_changes(self, shown: &Self, chosen: &Self) -> Self {
        fn pick<T: PartialEq + Clone>(now: T, shown: &T, chosen: &T) -> T {
            if shown == chosen { now } else { chosen.clone() }
        }
        let wellness = self.wellness;
        Self {
            theme: pick(self.theme, &shown.theme, &chosen.theme),
            keys: pick(self.keys, &shown.keys, &chosen.keys),
            keys_off: pick(self.keys_off, &shown.keys_off, &chosen.keys_off),
            wellness: Wellness {
                blur: pick(wellness.blur, &shown.wellness.blur, &chosen.wellness.blur),
                unblurred: pick(wellness.unblurred, &shown.wellness.unblurred, &chosen.wellness.unblurred),
                break_after: pick(
                    wellness.break_after,
                    &shown.wellness.break_after,
                    &chosen.wellness.break_after,
                ),
            },
            digest: pick(self.digest, &shown.digest, &chosen.digest),
            urgent: pick(self.urgent, &shown.urgent, &chosen.urgent),
        }
    }
}

/// How often a person is told by mail what waits on their sites. Nobody is, who did not ask for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Digest {
    /// Never.
    #[default]
    Never,
    /// In every hour in which something waits.
    Hourly,
    /// On every day on which something waits.
    Daily,
}

impl Digest {
    /// Every choice.
    pub const ALL: [Self; 3] = [Self::Never, Self::Hourly, Self::Daily];

    /// The choice as text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::Hourly => "hourly",
            Self::Daily => "daily",
        }
    }

    /// Reads [`as_str`](Self::as_str) back.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|digest| digest.as_str() == text)
    }

    /// The span of time that has one mail at most.
    pub const fn period(self) -> Option<Duration> {
        match self {
            Self::Never => None,
            Self::Hourly => Some(Duration::from_hours(1)),
            Self::Daily => Some(Duration::from_hours(24)),
        }
    }
}

/// The colours of the pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Theme {
    /// What the system says.
    #[default]
    System,
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
}

impl Theme {
    /// Every theme.
    pub const ALL: [Self; 3] = [Self::System, Self::Light, Self::Dark];

    /// The theme as text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// Reads [`as_str`](Self::as_str) back.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|theme| theme.as_str() == text)
    }
}

/// What spares a person who reads the worst all day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Wellness {
    /// Severe texts are blurred until a key reveals them.
    pub blur: bool,
    /// Categories that are shown at once nevertheless.
    pub unblurred: BTreeSet<String>,
    /// Suggest a break after so many severe texts in a day; never, if 0.
    pub break_after: u32,
}

impl Default for Wellness {
    fn default() -> Self {
        // At a severe text a minute, about an hour.
        Self { blur: true, unblurred: BTreeSet::new(), break_after: 50 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operator_is_an_admin_everywhere_and_a_member_only_where_they_work() {
        let site = |id| SiteId::parse(id).unwrap();
        let mut user = User {
            id: UserId::from_uuid(Uuid::nil()),
            mail: Email::parse("ann@example.org").unwrap(),
            display_name: DisplayName::parse("Ann").unwrap(),
            operator: false,
            disable_time: None,
            memberships: [(site("blog"), Role::Moderator)].into(),
            preferences: Preferences::default(),
            create_time: Timestamp::from_millis(0),
        };
        assert!(
            user.may(&site("blog"), Permission::Decide) && !user.may(&site("blog"), Permission::Configure)
        );
        assert!(!user.may(&site("news"), Permission::ReadPublished));
        user.operator = true;
        assert!(user.may(&site("news"), Permission::Configure));
    }

    #[test]
    fn names_are_lines_of_text() {
        assert_eq!(DisplayName::parse("  Zoë O’Neil ").unwrap().as_str(), "Zoë O’Neil");
        for bad in ["", "  ", "a\nb", "\u{202e}evil", &"x".repeat(81)] {
            assert!(DisplayName::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn what_was_not_changed_stays_as_it_is() {
        let shown = Preferences::default();
        let stored = Preferences { theme: Theme::Dark, keys_off: true, ..shown.clone() };
        let chosen = Preferences { keys_off: false, digest: Digest::Daily, ..shown.clone() };
        let merged = stored.clone().with_changes(&shown, &chosen);
        assert_eq!(merged, Preferences { digest: Digest::Daily, ..stored.clone() });
        assert_eq!(stored.clone().with_changes(&chosen, &shown).digest, Digest::Never);
        let back = Preferences { keys_off: false, ..stored.clone() };
        assert_eq!(stored.clone().with_changes(&stored, &back), back);
    }

    #[test]
    fn preferences_of_a_newer_release_can_be_read() {
        let read: Preferences = serde_json::from_str(r#"{"theme":"dark","sound":"loud"}"#).unwrap();
        assert_eq!(read, Preferences { theme: Theme::Dark, ..Preferences::default() });
    }
}
