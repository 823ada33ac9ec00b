//! The audit log: who did what, in a chain of hashes.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::clock::Timestamp;
use crate::decision::Actor;
use crate::ids::SiteId;

/// Something that somebody did and that may have to be accounted for. Without personal data of authors
/// and readers: it is never changed or deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// On which site; `None`: it concerns the whole installation.
    pub site: Option<SiteId>,
    /// Who.
    pub actor: Actor,
    /// What, such as `decision.made`.
    pub action: String,
    /// To what, such as `comments/c1` or `decisions/0192…`.
    pub subject: String,
    /// The rest, a JSON object as text: it is hashed as it stands.
    pub details: String,
    /// When.
    pub time: Timestamp,
}

/// What an entry and everything before it add up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditHash(pub [u8; 32]);

impl AuditHash {
    /// Before the first entry.
    pub const START: Self = Self([0; 32]);

    /// The hash after `entry`, whose number is `sequence`: SHA-256 of the hash before it and of every
    /// part of the entry with its length, so that no part can be moved into its neighbour.
    #[must_use]
    pub fn chain(self, sequence: i64, entry: &AuditEntry) -> Self {
        let mut hash = Sha256::new();
        hash.update(self.0);
        hash.update(sequence.to_be_bytes());
        hash.update(entry.time.as_millis().to_be_bytes());
        let site = entry.site.as_ref().map_or("", SiteId::as_str);
        let AuditEntry { actor, action, subject, details, .. } = entry;
        for part in [site, &actor.id, &actor.name, action, subject, details] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        Self(hash.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> AuditEntry {
        AuditEntry {
            site: None,
            actor: Actor::operator(),
            action: "decision.made".to_owned(),
            subject: "comments/c1".to_owned(),
            details: "{}".to_owned(),
            time: Timestamp::from_millis(1),
        }
    }

    #[test]
    fn every_part_and_the_place_in_the_chain_count() {
        let hash = AuditHash::START.chain(1, &entry());
        assert_eq!(hash, AuditHash::START.chain(1, &entry()));
        let moved = AuditEntry { action: "decision.madec".into(), subject: "omments/c1".into(), ..entry() };
        let later = AuditEntry { time: Timestamp::from_millis(2), ..entry() };
        let elsewhere = AuditEntry { site: Some(SiteId::parse("blog").unwrap()), ..entry() };
        for other in [moved, later, elsewhere] {
            assert_ne!(hash, AuditHash::START.chain(1, &other));
        }
        assert_ne!(hash, AuditHash::START.chain(2, &entry()));
        assert_ne!(hash, hash.chain(1, &entry()));
    }

    #[test]
    fn the_chain_of_stored_logs_never_changes() {
        let AuditHash(hash) = AuditHash::START.chain(1, &entry());
        // Stored by earlier releases: a failure here means that their logs would look forged.
        assert_eq!(hash[..4], [148, 243, 130, 15]);
    }
}
