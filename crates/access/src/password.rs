//! What people sign in with: argon2id, with the memory and passes that OWASP asks for at least
//! (19 MiB, 2 passes, 1 lane; about 20 ms), a few at a time.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use argon2::password_hash::{PasswordHash as Phc, PasswordHasher as _, PasswordVerifier as _, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use moderato_domain::Ids;
use moderato_store::PasswordHash;
use tokio::sync::{OnceCell, Semaphore};
use tokio::time::timeout;

/// Hashes at once: each takes 19 MiB while it runs.
const AT_ONCE: usize = 2;

/// Longest wait for one's turn.
const PATIENCE: Duration = Duration::from_secs(5);

/// Longest password that is read, in bytes. Whole sentences fit; a megabyte is no password.
const MAX_BYTES: usize = 512;

/// A password that somebody chose, fit to be one.
#[derive(Clone, PartialEq, Eq)]
pub struct NewPassword(String);

/// Why a text is not fit to be a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnfitPassword {
    /// Guessed too soon.
    #[error(
        "a password has at least 12 characters; three or four words that do not belong together are a good one"
    )]
    Short,
    /// Longer than is read.
    #[error("a password has at most 512 bytes")]
    Long,
    /// Hardly anything to guess.
    #[error("this password repeats a few characters only")]
    Monotonous,
    /// Known to everybody who knows the person.
    #[error("a password must not be the mail address")]
    Address,
}

impl NewPassword {
    /// Accepts any text that is long enough, whatever it is made of.
    pub fn parse(text: &str, mail: &str) -> Result<Self, UnfitPassword> {
        if text.chars().count() < 12 {
            return Err(UnfitPassword::Short);
        }
        if text.len() > MAX_BYTES {
            return Err(UnfitPassword::Long);
        }
        if text.chars().collect::<BTreeSet<_>>().len() < 5 {
            return Err(UnfitPassword::Monotonous);
        }
        if text.eq_ignore_ascii_case(mail) {
            return Err(UnfitPassword::Address);
        }
        Ok(Self(text.to_owned()))
    }
}

/// Not in logs.
impl fmt::Debug for NewPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NewPassword(…)")
    }
}

/// Too many people sign in at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many passwords are being checked")]
pub struct Busy;

/// Hashes and compares passwords, off the threads that serve.
#[derive(Debug)]
pub struct Passwords {
    turns: Semaphore,
    /// Compared with where there is no password, so that an unknown person takes as long as a known
    /// one.
    decoy: OnceCell<PasswordHash>,
}

impl Default for Passwords {
    fn default() -> Self {
        Self { turns: Semaphore::new(AT_ONCE), decoy: OnceCell::new() }
    }
}

impl Passwords {
    /// What is stored of a password.
    pub async fn hash(&self, password: NewPassword, ids: &dyn Ids) -> Result<PasswordHash, Busy> {
        let salt = ids.secret_bytes();
        self.in_turn(move || hash(&password.0, &salt[..16])).await
    }

    /// Whether this is the person's password. Takes as long without one.
    pub async fn verify(
        &self,
        stored: Option<&PasswordHash>,
        given: String,
        ids: &dyn Ids,
    ) -> Result<bool, Busy> {
        let decoy = async || {
            let secret = ids.secret_bytes();
            self.in_turn(move || hash("nobody's", &secret[..16])).await
        };
        let compared = match stored {
            Some(stored) => stored,
            None => self.decoy.get_or_try_init(decoy).await?,
        };
        if given.len() > MAX_BYTES {
            return Ok(false);
        }
        let compared = compared.clone();
        let is_theirs = stored.is_some();
        self.in_turn(move || {
            let fits = Phc::new(&compared.0)
                .is_ok_and(|stored| argon2().verify_password(given.as_bytes(), &stored).is_ok());
            fits && is_theirs
        })
        .await
    }

    async fn in_turn<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Busy> {
        let _turn = timeout(PATIENCE, self.turns.acquire()).await.map_err(|_| Busy)?.map_err(|_| Busy)?;
        tokio::task::spawn_blocking(work).await.map_err(|_| Busy)
    }
}

fn argon2() -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::DEFAULT)
}

fn hash(password: &str, salt: &[u8]) -> PasswordHash {
    let salt = SaltString::encode_b64(salt).expect("16 bytes are a salt");
    let hash = argon2().hash_password(password.as_bytes(), &salt).expect("the parameters are argon2's own");
    PasswordHash(hash.to_string())
}

#[cfg(test)]
mod tests {
    use moderato_domain::SystemIds;

    use super::*;

    #[tokio::test]
    async fn a_password_opens_its_own_hash_and_nobody_has_one() {
        let passwords = Passwords::default();
        let chosen = NewPassword::parse("correct horse battery", "ann@example.org").unwrap();
        let stored = passwords.hash(chosen.clone(), &SystemIds).await.unwrap();
        assert!(stored.0.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", stored.0);
        let opens = async |stored: Option<&PasswordHash>, text: &str| {
            passwords.verify(stored, text.to_owned(), &SystemIds).await.unwrap()
        };
        assert!(opens(Some(&stored), "correct horse battery").await);
        assert!(!opens(Some(&stored), "correct horse batter").await);
        assert!(!opens(None, "nobody's").await, "the decoy opens nothing");
        assert!(!opens(Some(&stored), &"x".repeat(10_000)).await);
        assert!(!opens(Some(&PasswordHash("not a hash".to_owned())), "").await);
        assert_ne!(passwords.hash(chosen, &SystemIds).await.unwrap(), stored, "salted");
    }

    #[test]
    fn a_password_is_long_rather_than_intricate() {
        let fit = |text: &str| NewPassword::parse(text, "ann.long@example.org");
        assert!(fit("vier worte ohne sinn").is_ok() && fit("пароль из слов").is_ok());
        assert_eq!(fit("Sh0rt!"), Err(UnfitPassword::Short));
        assert_eq!(fit(&"x1 y".repeat(200)), Err(UnfitPassword::Long));
        assert_eq!(fit("aaaaaaaaaaaab"), Err(UnfitPassword::Monotonous));
        assert_eq!(fit("Ann.Long@example.org"), Err(UnfitPassword::Address));
        assert_eq!(format!("{:?}", fit("vier worte ohne sinn").unwrap()), "NewPassword(…)");
    }
}
