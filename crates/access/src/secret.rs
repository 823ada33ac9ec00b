//! Random secrets that open something by themselves: the cookie of a session, the token of a link. The
//! store knows only their SHA-256: they are random over 256 bits, so a slow hash would protect nothing
//! more, and who reads the store cannot use what stands there.

use std::fmt;

use moderato_domain::Ids;
use moderato_store::SecretHash;

use crate::key::{digest, hex, is_hex};

/// A secret in clear: 64 hex digits.
#[derive(Clone, PartialEq, Eq)]
pub struct BearerSecret(String);

impl BearerSecret {
    /// Draws one.
    pub fn mint(ids: &dyn Ids) -> Self {
        Self(hex(&ids.secret_bytes()))
    }

    /// Reads what a browser presents; `None` if it cannot be one of ours.
    pub fn parse(text: &str) -> Option<Self> {
        is_hex(text, 64).then(|| Self(text.to_owned()))
    }

    /// What the store keeps of it.
    pub fn hash(&self) -> SecretHash {
        SecretHash(digest(&self.0))
    }

    /// The secret as its holder presents it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// Not in logs.
impl fmt::Debug for BearerSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BearerSecret(…)")
    }
}

#[cfg(test)]
mod tests {
    use moderato_domain::SystemIds;

    use super::*;

    #[test]
    fn what_is_kept_or_logged_does_not_hold_the_secret() {
        let secret = BearerSecret::mint(&SystemIds);
        assert_eq!(BearerSecret::parse(secret.expose()), Some(secret.clone()));
        assert_ne!(hex(&secret.hash().0), secret.expose());
        assert!(!format!("{secret:?}").contains(secret.expose()));
        for bad in ["", "x", &secret.expose()[1..], &secret.expose().to_uppercase(), "é"] {
            assert!(BearerSecret::parse(bad).is_none(), "{bad:?}");
        }
    }
}
