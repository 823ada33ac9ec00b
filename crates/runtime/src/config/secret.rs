//! Passwords, and addresses that may hold one: used whole, shown without it.

use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Serialize, Serializer};

/// The address of a broker or database. Its `Debug`, `Display` and serialized forms leave out the
/// password and the query, which may hold one too.
#[derive(Clone)]
pub struct SecretUrl(SecretString);

impl SecretUrl {
    /// The whole address, for connecting.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl From<String> for SecretUrl {
    fn from(url: String) -> Self {
        Self(SecretString::from(url))
    }
}

impl PartialEq for SecretUrl {
    fn eq(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

impl fmt::Display for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((scheme, rest)) = self.expose().split_once("://") else {
            return f.write_str("…");
        };
        let rest = rest.split(['?', '#']).next().unwrap_or_default();
        // A password with an unescaped slash or at-sign: everything up to the last at-sign is hidden.
        match rest.rsplit_once('@') {
            Some((user, place)) => {
                let user = user.split(':').next().unwrap_or_default();
                write!(f, "{scheme}://{user}:…@{place}")
            }
            None => write!(f, "{scheme}://{rest}"),
        }
    }
}

impl fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for SecretUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A password by itself. Never shown.
#[derive(Clone)]
pub struct SecretText(SecretString);

impl SecretText {
    /// The password, for using it.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl From<String> for SecretText {
    fn from(text: String) -> Self {
        Self(SecretString::from(text))
    }
}

impl PartialEq for SecretText {
    fn eq(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl Serialize for SecretText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("…")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_shown_however_it_is_written() {
        for url in [
            "amqps://ann:pa55@broker:5671/%2f",
            "postgres://ann:p/a55@x@db/name",
            "postgres://db/name?user=ann&password=pa55",
            "ann:pa55",
        ] {
            let shown = SecretUrl::from(url.to_owned()).to_string();
            assert!(!shown.contains("a55"), "{shown}");
        }
        assert_eq!(SecretUrl::from("amqp://broker:5672".to_owned()).to_string(), "amqp://broker:5672");
    }
}
