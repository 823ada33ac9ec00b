//! API keys: `mk_<id>.<secret>`, where the id is 12 hex digits and the secret 64. The store knows the
//! secret only as its SHA-256: it is random over 256 bits, so a slow hash would protect nothing more.

use std::fmt;

use moderato_domain::{Clock, Ids, Role, SiteId};
use moderato_store::{ApiKey, ApiKeyId};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// Begins every key, so that secret scanners and people recognise one.
pub const PREFIX: &str = "mk_";

/// 48 random bits: among a thousand keys, two ids collide once in 10^8 installations, and the store
/// refuses the second.
const ID_BYTES: usize = 6;

/// A whole key in clear. It is shown to its owner once and kept nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKeySecret(String);

impl ApiKeySecret {
    /// The key as its owner writes it after `Bearer`.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// Not in logs.
impl fmt::Debug for ApiKeySecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKeySecret(…)")
    }
}

/// Makes a key: what the store keeps, and what its owner is shown once. It does not expire unless
/// the caller sets [`ApiKey::expire_time`].
pub fn mint(
    ids: &dyn Ids,
    site: SiteId,
    label: &str,
    roles: Vec<Role>,
    clock: &dyn Clock,
) -> (ApiKey, ApiKeySecret) {
    let id = format!("{PREFIX}{}", hex(&ids.secret_bytes()[..ID_BYTES]));
    let secret = hex(&ids.secret_bytes());
    let shown = ApiKeySecret(format!("{id}.{secret}"));
    let key = ApiKey {
        id: ApiKeyId(id),
        site,
        label: label.to_owned(),
        owner: None,
        secret_sha256: digest(&secret),
        roles,
        create_time: clock.now(),
        expire_time: None,
        revoke_time: None,
    };
    (key, shown)
}

/// What a caller presents: the id to look up and the hash of the secret, which is not kept.
pub(crate) struct Presented {
    pub(crate) id: ApiKeyId,
    secret_sha256: [u8; 32],
}

impl Presented {
    /// Reads the text after `Bearer`; `None` if it cannot be a key of ours.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (id, secret) = text.split_once('.')?;
        let fits = id.strip_prefix(PREFIX).is_some_and(|id| is_hex(id, 2 * ID_BYTES)) && is_hex(secret, 64);
        fits.then(|| Self { id: ApiKeyId(id.to_owned()), secret_sha256: digest(secret) })
    }

    /// Whether the secret is the key's, in a time that does not tell how much of it is.
    pub(crate) fn opens(&self, key: &ApiKey) -> bool {
        self.secret_sha256.ct_eq(&key.secret_sha256).into()
    }
}

pub(crate) fn digest(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

pub(crate) fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use moderato_domain::{SystemClock, SystemIds};

    use super::*;

    fn minted() -> (ApiKey, ApiKeySecret) {
        mint(&SystemIds, SiteId::parse("blog").unwrap(), "shop", vec![Role::Ingest], &SystemClock)
    }

    #[test]
    fn a_key_opens_its_own_record_and_no_other() {
        let (key, shown) = minted();
        let (other, _) = minted();
        let presented = Presented::parse(shown.expose()).unwrap();
        assert_eq!(presented.id, key.id);
        assert!(presented.opens(&key));
        assert!(!presented.opens(&other));
    }

    #[test]
    fn what_is_kept_or_logged_does_not_hold_the_secret() {
        let (key, shown) = minted();
        let (_, secret) = shown.expose().split_once('.').unwrap();
        assert!(!format!("{key:?}{shown:?}").contains(secret));
        assert_eq!(shown.expose().len(), 3 + 12 + 1 + 64);
    }

    #[test]
    fn text_that_cannot_be_a_key_is_not_looked_up() {
        let (_, shown) = minted();
        let whole = shown.expose();
        for bad in [
            "",
            ".",
            "mk_.",
            "mk_abc.def",
            &whole[1..],
            &whole[..79],
            &whole.to_uppercase(),
            &format!("{whole} "),
        ] {
            assert!(Presented::parse(bad).is_none(), "{bad:?}");
        }
    }
}
