//! Every key of the configuration with what it accepts: one table for the file, the environment and
//! the flags, so that all three answer mistakes in the same words.

use std::net::SocketAddr;

use toml::Value;

use super::ServeRole;

/// A key and what it accepts.
#[derive(Debug)]
pub(super) struct Key {
    /// `section.key`, or `key` at the top of the file.
    pub(super) path: &'static str,
    pub(super) accepts: Accepts,
}

impl Key {
    /// The environment variable that sets it.
    pub(super) fn variable(&self) -> String {
        format!("MODERATO_{}", self.path.replace('.', "_").to_uppercase())
    }
}

/// What a value must be.
#[derive(Debug)]
pub(super) enum Accepts {
    Text,
    /// A text that is not repeated in errors.
    Secret,
    Path,
    Address,
    Url(&'static [&'static str]),
    Count {
        min: i64,
        max: i64,
    },
    OneOf(&'static [&'static str]),
    Flag,
    /// The beginning of an address on the web, without a path.
    Origin,
    /// An [`Address`](Self::Address) or nothing.
    OptionalAddress,
    Domains,
    Roles,
}

use Accepts::{
    Address, Count, Domains, Flag, OneOf, OptionalAddress, Origin, Path, Roles, Secret, Text, Url,
};

/// What follows from facts that cannot be had.
const MISSING: Accepts = OneOf(&["open", "hold", "closed"]);

/// Every key, in the order of the reference.
pub(super) const KEYS: &[Key] = &[
    Key { path: "data_dir", accepts: Path },
    Key { path: "roles", accepts: Roles },
    Key { path: "listen.grpc", accepts: Address },
    Key { path: "listen.web", accepts: Address },
    Key { path: "listen.health", accepts: Address },
    Key { path: "listen.streams_per_connection", accepts: Count { min: 1, max: 1_000_000 } },
    Key { path: "tls.cert", accepts: Path },
    Key { path: "tls.key", accepts: Path },
    Key { path: "tls.client_ca", accepts: Path },
    Key { path: "queue.url", accepts: Url(&["amqp", "amqps"]) },
    Key { path: "queue.ca", accepts: Path },
    Key { path: "queue.prefix", accepts: Text },
    Key { path: "queue.confirm_timeout_s", accepts: Count { min: 1, max: 300 } },
    Key { path: "queue.max_messages", accepts: Count { min: 1, max: i64::MAX } },
    Key { path: "queue.max_bytes", accepts: Count { min: 1_048_576, max: i64::MAX } },
    Key { path: "store.url", accepts: Url(&["postgres", "postgresql"]) },
    Key { path: "store.connections", accepts: Count { min: 2, max: 1000 } },
    Key { path: "ingest.max_in_flight", accepts: Count { min: 1, max: 1_000_000 } },
    Key { path: "ingest.max_streams", accepts: Count { min: 1, max: 1_000_000 } },
    Key { path: "ingest.stream_in_flight", accepts: Count { min: 1, max: 1_000_000 } },
    Key { path: "ingest.group_items", accepts: Count { min: 1, max: 1000 } },
    Key { path: "ingest.group_bytes", accepts: Count { min: 1024, max: 16_777_216 } },
    Key { path: "worker.batch", accepts: Count { min: 1, max: 1000 } },
    Key { path: "worker.batches_in_flight", accepts: Count { min: 1, max: 64 } },
    Key { path: "worker.prefetch", accepts: Count { min: 1, max: 65_535 } },
    Key { path: "query.max_waiters", accepts: Count { min: 1, max: 1_000_000 } },
    Key { path: "query.max_watchers", accepts: Count { min: 1, max: 1_000_000 } },
    Key { path: "console.public_url", accepts: Origin },
    Key { path: "console.behind_proxy", accepts: Flag },
    Key { path: "console.session_idle_h", accepts: Count { min: 1, max: 8760 } },
    Key { path: "console.session_max_h", accepts: Count { min: 1, max: 8760 } },
    Key { path: "console.invite_h", accepts: Count { min: 1, max: 8760 } },
    Key { path: "console.undo_s", accepts: Count { min: 1, max: 3600 } },
    Key { path: "mail.smtp", accepts: Url(&["smtp", "smtps"]) },
    Key { path: "mail.from", accepts: Text },
    Key { path: "oidc.issuer", accepts: Url(&["https", "http"]) },
    Key { path: "oidc.client_id", accepts: Text },
    Key { path: "oidc.client_secret", accepts: Secret },
    Key { path: "oidc.roles_claim", accepts: Text },
    Key { path: "oidc.required_role", accepts: Text },
    Key { path: "facts.missing", accepts: MISSING },
    Key { path: "block_lists.zones", accepts: Domains },
    Key { path: "block_lists.name_server", accepts: OptionalAddress },
    Key { path: "block_lists.budget_ms", accepts: Count { min: 10, max: 10_000 } },
    Key { path: "block_lists.missing", accepts: MISSING },
    Key { path: "rules.file", accepts: Path },
    Key { path: "rules.guidelines", accepts: Path },
    Key { path: "log.format", accepts: OneOf(&["text", "json"]) },
    Key { path: "log.filter", accepts: Text },
];

impl Accepts {
    /// In words, for "expected …".
    pub(super) fn describe(&self) -> String {
        match self {
            Text | Secret => "text in quotes".to_owned(),
            Path => "a path in quotes".to_owned(),
            Address => "an address with a port, such as \"127.0.0.1:50051\" or \"[::]:50051\"".to_owned(),
            Url(schemes) => format!("an address that starts with {}://, or \"\"", schemes.join(":// or ")),
            Count { min, max: i64::MAX } => format!("a whole number of at least {min}"),
            Count { min, max } => format!("a whole number from {min} to {max}"),
            Flag => "true or false".to_owned(),
            Origin => "an address such as \"https://moderation.example\" without a path, or \"\"".to_owned(),
            OneOf(words) => format!("one of \"{}\"", words.join("\", \"")),
            OptionalAddress => "an address with a port, such as \"127.0.0.1:53\", or \"\"".to_owned(),
            Domains => "a list of domain names, such as [\"dnsbl.example\"]".to_owned(),
            Roles => {
                "a list of \"ingest\", \"query\", \"console\" and \"worker\", each at most once".to_owned()
            }
        }
    }

    /// Whether a value from the file fits.
    pub(super) fn fits(&self, value: &Value) -> bool {
        match self {
            Text | Secret => value.is_str(),
            Path => value.as_str().is_some_and(|text| !text.contains('\0')),
            Address => value.as_str().is_some_and(|text| text.parse::<SocketAddr>().is_ok()),
            Url(schemes) => value.as_str().is_some_and(|url| {
                url.is_empty()
                    || url
                        .split_once("://")
                        .is_some_and(|(scheme, rest)| schemes.contains(&scheme) && !rest.is_empty())
            }),
            Count { min, max } => value.as_integer().is_some_and(|count| (*min..=*max).contains(&count)),
            Flag => value.is_bool(),
            Origin => value.as_str().is_some_and(|url| url.is_empty() || fits_origin(url)),
            OneOf(words) => value.as_str().is_some_and(|word| words.contains(&word)),
            OptionalAddress => {
                value.as_str().is_some_and(|text| text.is_empty() || text.parse::<SocketAddr>().is_ok())
            }
            Domains => value.as_array().is_some_and(|domains| domains.iter().all(fits_domain)),
            Roles => value.as_array().is_some_and(|roles| fits_roles(roles)),
        }
    }

    /// Reads the text of an environment variable or flag; what cannot be read stays text, which then
    /// does not [fit](Self::fits).
    pub(super) fn read(&self, text: &str) -> Value {
        let as_text = || Value::String(text.to_owned());
        match self {
            Count { .. } => text.trim().replace('_', "").parse().map_or_else(|_| as_text(), Value::Integer),
            Flag => text.trim().parse().map_or_else(|_| as_text(), Value::Boolean),
            Domains if text.trim().is_empty() => Value::Array(Vec::new()),
            Domains | Roles => {
                Value::Array(text.split(',').map(|item| Value::String(item.trim().to_owned())).collect())
            }
            _ => as_text(),
        }
    }

    /// Whether a wrong value can be repeated in an error: not if it may hold a password.
    pub(super) const fn may_be_shown(&self) -> bool {
        !matches!(self, Url(_) | Secret)
    }
}

fn fits_origin(url: &str) -> bool {
    let authority = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    authority.is_some_and(|authority| {
        let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.:[]".contains(&b);
        !authority.is_empty() && authority.bytes().all(fits)
    })
}

fn fits_domain(domain: &Value) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    };
    domain.as_str().is_some_and(|name| name.len() <= 180 && name.contains('.') && name.split('.').all(label))
}

fn fits_roles(roles: &[Value]) -> bool {
    let known = |role: &Value| ServeRole::ALL.iter().any(|known| role.as_str() == Some(known.as_str()));
    !roles.is_empty() && roles.iter().enumerate().all(|(at, role)| known(role) && !roles[..at].contains(role))
}
