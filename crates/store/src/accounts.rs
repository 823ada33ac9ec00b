//! People, their sessions, their one-time links and their attempts to sign in.

use std::fmt;
use std::time::Duration;

use moderato_domain::{DisplayName, Email, Preferences, Role, SiteId, Timestamp, User, UserId};

/// Sessions that one person has at most; the oldest ends when another begins.
pub const SESSIONS_KEPT: u32 = 20;

/// How long after the last attempt a row of attempts is forgotten.
pub const ATTEMPTS_KEPT: Duration = Duration::from_hours(24);

/// A person with what they sign in with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Who it is.
    pub user: User,
    /// Of the password, if they have one.
    pub password: Option<PasswordHash>,
    /// Who they are for the installation's identity provider, if they came from there.
    pub identity: Option<ForeignIdentity>,
}

/// What is stored of a password: an argon2id hash as PHC text.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(pub String);

/// Not in logs: it can be tried against lists of passwords.
impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

/// A person as an identity provider knows them: never reused there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignIdentity {
    /// The provider.
    pub issuer: String,
    /// The person at the provider.
    pub subject: String,
}

/// How an account is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountKey {
    /// By id.
    Id(UserId),
    /// By address, in any case.
    Mail(Email),
    /// By what the identity provider says.
    Identity(ForeignIdentity),
}

/// The SHA-256 of a secret that only its holder has in clear: a session's cookie, a link's token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SecretHash(pub [u8; 32]);

/// One browser in which somebody is signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Of its secret. Also its name, as it opens nothing.
    pub id: SecretHash,
    /// Who.
    pub user: UserId,
    /// Since when.
    pub create_time: Timestamp,
    /// The last request, about.
    pub seen_time: Timestamp,
    /// It ends then, unless there is another request.
    pub idle_end: Timestamp,
    /// It ends then at the latest.
    pub end_time: Timestamp,
    /// From which part of the network, for the person to recognise.
    pub network: String,
    /// With which browser, for the person to recognise.
    pub agent: String,
}

impl Session {
    /// Whether it is still good.
    pub fn lives(&self, now: Timestamp) -> bool {
        now < self.idle_end && now < self.end_time
    }
}

/// Which sessions of a person end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndSessions {
    /// This one.
    One(SecretHash),
    /// Every other than this one.
    AllBut(SecretHash),
    /// Every one.
    All,
}

/// What a link is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkPurpose {
    /// Makes the first person, an operator, as long as there is nobody.
    FirstAdmin,
    /// Lets an invited person choose name and password.
    Invite,
    /// Lets a person choose another password.
    PasswordReset,
}

impl LinkPurpose {
    /// Every purpose.
    pub const ALL: [Self; 3] = [Self::FirstAdmin, Self::Invite, Self::PasswordReset];

    /// The purpose as text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FirstAdmin => "first_admin",
            Self::Invite => "invite",
            Self::PasswordReset => "password_reset",
        }
    }

    /// Reads [`as_str`](Self::as_str) back.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.as_str() == text)
    }
}

/// A link that works once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OneTimeLink {
    /// Of its token.
    pub token: SecretHash,
    /// What it is for.
    pub purpose: LinkPurpose,
    /// For whom; nobody yet, if it makes the first person.
    pub user: Option<UserId>,
    /// When it was made.
    pub create_time: Timestamp,
    /// It works until then.
    pub expire_time: Timestamp,
}

/// What a link is used for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkUse {
    /// Becomes the first person.
    FirstAdmin {
        /// Who.
        user: User,
        /// With which password.
        password: PasswordHash,
    },
    /// Chooses a password. Every session of the person ends.
    Password {
        /// Another name, if one was chosen.
        display_name: Option<DisplayName>,
        /// The password.
        password: PasswordHash,
    },
}

/// Something that changes about a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UserChange {
    /// What they are on a site; nothing any more, if `None`.
    Role(SiteId, Option<Role>),
    /// Whether they are an operator.
    Operator(bool),
    /// Since when they may not sign in; `None`: they may. Their sessions end.
    Disabled(Option<Timestamp>),
    /// What others call them.
    DisplayName(DisplayName),
    /// What they sign in with; `None`: not with a password.
    Password(Option<PasswordHash>),
    /// Who they are for the identity provider; `None`: they do not come from there any more, and sign in
    /// with their password.
    Identity(Option<ForeignIdentity>),
    /// How they like to work: what they changed from what was shown to them.
    Preferences {
        /// What was shown.
        shown: Preferences,
        /// What they made of it.
        chosen: Preferences,
    },
}

impl UserChange {
    /// Whether links that were made for the person before stop working: what the change takes from
    /// somebody, or gives them, must not be had by an older link.
    pub fn withdraws_links(&self) -> bool {
        match self {
            Self::Role(..)
            | Self::Operator(_)
            | Self::Disabled(Some(_))
            | Self::Password(_)
            | Self::Identity(_) => true,
            Self::Disabled(None) | Self::DisplayName(_) | Self::Preferences { .. } => false,
        }
    }
}

/// What became of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changed {
    /// It is so now.
    Done,
    /// There is no such person.
    Unknown,
    /// Nobody would be left who can do everything.
    LastOperator,
    /// The identity is another person's.
    IdentityTaken,
    /// They would have nothing left to sign in with.
    OnlyWayIn,
}

/// How often something may fail to sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttemptLimit {
    /// What is counted: a hash of an account's name or of a network.
    pub subject: [u8; 32],
    /// Failures without a wait.
    pub free: u32,
    /// The longest wait. From the first on, waits double: 1 s, 2 s, 4 s, …
    pub longest: Duration,
}

impl AttemptLimit {
    /// The wait after so many failures.
    pub fn wait(&self, failures: u32) -> Duration {
        let Some(doublings) = failures.checked_sub(self.free + 1) else { return Duration::ZERO };
        Duration::from_secs(1_u64.checked_shl(doublings.min(32)).unwrap_or(u64::MAX)).min(self.longest)
    }
}

/// Whether somebody may try to sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempt {
    /// They may; it counts as a failure until [it did not fail](crate::Accounts::forgive_attempt).
    Admitted {
        /// Should it fail, it is the first that makes them wait: a burst begins.
        begins_burst: bool,
    },
    /// Not before then.
    Wait(Timestamp),
}

/// What is known of a subject of attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempts {
    /// Failures in a row.
    pub failures: u32,
    /// The last one.
    pub last_time: Timestamp,
    /// No other before then.
    pub wait_until: Timestamp,
}

/// What another attempt makes of what is known, one row for each limit: the rows to store, or the time
/// to wait for.
pub fn another_attempt(
    known: &[(AttemptLimit, Option<Attempts>)],
    now: Timestamp,
) -> Result<(bool, Vec<Attempts>), Timestamp> {
    let waits = known.iter().filter_map(|(_, row)| row.map(|row| row.wait_until)).max();
    if let Some(until) = waits.filter(|until| *until > now) {
        return Err(until);
    }
    let mut begins_burst = false;
    let rows = known.iter().map(|(limit, row)| {
        let before = row.filter(|row| row.last_time > now.minus(ATTEMPTS_KEPT));
        let failures = before.map_or(0, |row| row.failures).saturating_add(1);
        begins_burst |= failures == limit.free + 1;
        Attempts { failures, last_time: now, wait_until: now.plus(limit.wait(failures)) }
    });
    let rows = rows.collect();
    Ok((begins_burst, rows))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let limit = AttemptLimit { subject: [0; 32], free: 3, longest: Duration::from_mins(15) };
        let waits: Vec<u64> = [0, 3, 4, 5, 6, 13, 14, 15, u32::MAX].map(|n| limit.wait(n).as_secs()).into();
        assert_eq!(waits, [0, 0, 1, 2, 4, 512, 900, 900, 900]);
    }

    #[test]
    fn failures_are_forgotten_after_a_day() {
        let limit = AttemptLimit { subject: [0; 32], free: 1, longest: Duration::from_mins(15) };
        let now = Timestamp::from_millis(1_000_000_000);
        let row = |age| Attempts { failures: 9, last_time: now.minus(age), wait_until: now };
        let after = |age| another_attempt(&[(limit, Some(row(age)))], now).unwrap().1[0].failures;
        assert_eq!(after(Duration::from_hours(23)), 10);
        assert_eq!(after(Duration::from_hours(25)), 1);
    }
}
