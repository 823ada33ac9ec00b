//! Layers defaults, file, environment and flags, the later over the earlier.

use serde::Deserialize as _;
use toml::{Table, Value};

use super::Config;
use super::keys::{KEYS, Key};

/// Variables of the prefix that are not configuration keys, with what they are for.
pub const OTHER_VARIABLES: &[(&str, &str)] = &[
    ("MODERATO_CONFIG", "the configuration file"),
    ("MODERATO_ENDPOINT", "where the client commands connect"),
    ("MODERATO_QUERY_ENDPOINT", "where the client commands ask for verdicts, if elsewhere"),
    ("MODERATO_CONSOLE_ENDPOINT", "where the client commands ask for explanations, if elsewhere"),
    ("MODERATO_SITE", "the site of the client commands"),
    ("MODERATO_API_KEY", "the API key of the client commands"),
];

/// Variables that other tools set by convention. The ones with our prefix win over them.
const CONVENTIONAL: &[(&str, &str)] = &[("AMQP_URL", "queue.url"), ("DATABASE_URL", "store.url")];

/// Where settings come from. Each layer wins over the one before.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// Name and text of the configuration file.
    pub file: Option<(String, String)>,
    /// Environment variables; others than ours are skipped.
    pub environment: Vec<(String, String)>,
    /// Keys such as `listen.grpc` with the flags' texts.
    pub flags: Vec<(&'static str, String)>,
}

/// What is wrong with the configuration, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The file is not TOML.
    #[error("{file} is not TOML: {problem}")]
    Syntax {
        /// Its name.
        file: String,
        /// What the parser says, with line and column.
        problem: String,
    },
    /// A key or variable that does not exist.
    #[error("{place}: there is no {what} `{name}`{}", hint(nearest.as_deref()))]
    Unknown {
        /// File or environment.
        place: String,
        /// `key`, `section` or `variable`.
        what: &'static str,
        /// As written.
        name: String,
        /// The one that was probably meant.
        nearest: Option<String>,
    },
    /// A value that the key does not accept.
    #[error("{place}: `{key}` must be {expected}{found}")]
    Wrong {
        /// File, variable or flag.
        place: String,
        /// The key.
        key: &'static str,
        /// What it accepts.
        expected: String,
        /// What was given, unless that may be a secret.
        found: String,
    },
    /// Settings of which one makes no sense without the other.
    #[error("{0}")]
    Incomplete(String),
}

fn hint(nearest: Option<&str>) -> String {
    nearest.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default()
}

impl Sources {
    /// Adds the process's environment.
    #[must_use]
    pub fn with_process_environment(mut self) -> Self {
        self.environment = std::env::vars_os()
            .filter_map(|(name, value)| {
                Some((name.into_string().ok()?, value.to_string_lossy().into_owned()))
            })
            .collect();
        self
    }

    /// The configuration, or the first thing that is wrong with it.
    pub fn load(&self) -> Result<Config, ConfigError> {
        let mut settings = Table::new();
        if let Some((name, text)) = &self.file {
            read_file(name, text, &mut settings)?;
        }
        read_environment(&self.environment, &mut settings)?;
        for (path, text) in &self.flags {
            let key = find(path).ok_or_else(|| unknown("flags", "key", path, paths()))?;
            put(key, &format!("the flag for {path}"), key.accepts.read(text), &mut settings)?;
        }
        let config = Config::deserialize(settings)
            .map_err(|error| ConfigError::Incomplete(error.message().to_owned()))?;
        complete(&config)?;
        Ok(config)
    }
}

fn read_file(name: &str, text: &str, settings: &mut Table) -> Result<(), ConfigError> {
    let table: Table = text.parse().map_err(|error: toml::de::Error| ConfigError::Syntax {
        file: name.to_owned(),
        problem: error.to_string(),
    })?;
    for (section, value) in &table {
        let is_section =
            KEYS.iter().any(|key| key.path.split_once('.').is_some_and(|(first, _)| first == section));
        if is_section != value.is_table() || (!is_section && find(section).is_none()) {
            let what = if value.is_table() { "section" } else { "key" };
            return Err(unknown(name, what, section, paths().chain(sections())));
        }
    }
    for (path, value) in flatten(&table) {
        let key = find(&path).ok_or_else(|| unknown(name, "key", &path, paths()))?;
        put(key, name, value.clone(), settings)?;
    }
    Ok(())
}

fn read_environment(environment: &[(String, String)], settings: &mut Table) -> Result<(), ConfigError> {
    for (variable, path) in CONVENTIONAL {
        let value = environment.iter().find(|(name, _)| name == variable);
        if let (Some((_, value)), Some(key)) = (value, find(path)) {
            put(key, variable, key.accepts.read(value), settings)?;
        }
    }
    for (name, value) in environment {
        if !name.starts_with("MODERATO_") || OTHER_VARIABLES.iter().any(|(other, _)| other == name) {
            continue;
        }
        if let Some(key) = KEYS.iter().find(|key| key.variable() == *name) {
            put(key, name, key.accepts.read(value), settings)?;
        } else if !is_service_link(name, value) {
            let known: Vec<String> = KEYS
                .iter()
                .map(Key::variable)
                .chain(OTHER_VARIABLES.iter().map(|(name, _)| (*name).to_owned()))
                .collect();
            return Err(unknown("environment", "variable", name, known.iter().map(String::as_str)));
        }
    }
    Ok(())
}

/// Kubernetes sets `MODERATO_SERVICE_HOST` and the like in every pod beside a service of that name.
fn is_service_link(name: &str, value: &str) -> bool {
    name.ends_with("_SERVICE_HOST")
        || name.contains("_SERVICE_PORT")
        || (name.contains("_PORT") && (value.starts_with("tcp://") || value.starts_with("udp://")))
        || name.split("_PORT_").nth(1).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

fn put(key: &Key, place: &str, value: Value, settings: &mut Table) -> Result<(), ConfigError> {
    if !key.accepts.fits(&value) {
        let found = if key.accepts.may_be_shown() { format!(", not {value}") } else { String::new() };
        let expected = key.accepts.describe();
        return Err(ConfigError::Wrong { place: place.to_owned(), key: key.path, expected, found });
    }
    match key.path.split_once('.') {
        None => {
            settings.insert(key.path.to_owned(), value);
        }
        Some((section, name)) => {
            let section = settings.entry(section).or_insert_with(|| Value::Table(Table::new()));
            if let Some(section) = section.as_table_mut() {
                section.insert(name.to_owned(), value);
            }
        }
    }
    Ok(())
}

fn complete(config: &Config) -> Result<(), ConfigError> {
    let incomplete = |text: &str| Err(ConfigError::Incomplete(text.to_owned()));
    match (&config.tls.cert, &config.tls.key, &config.tls.client_ca) {
        (Some(_), None, _) => {
            incomplete("tls.cert is set but tls.key is not: set both, or neither for no encryption")
        }
        (None, Some(_), _) => {
            incomplete("tls.key is set but tls.cert is not: set both, or neither for no encryption")
        }
        (None, None, Some(_)) => {
            incomplete("tls.client_ca asks callers for certificates, which needs tls.cert and tls.key")
        }
        _ if config.oidc.issuer.is_some() && config.oidc.client_id.is_empty() => {
            incomplete("oidc.issuer is set but oidc.client_id, who this installation is there, is not")
        }
        _ if config.oidc.issuer.is_some() && config.console.public_url.is_none() => incomplete(
            "oidc.issuer is set but console.public_url, where the provider sends people back, is not",
        ),
        _ if !config.oidc.required_role.is_empty() && config.oidc.roles_claim.is_empty() => {
            incomplete("oidc.required_role is set but oidc.roles_claim, where it would stand, is not")
        }
        _ if config.rules.guidelines.is_some() && config.rules.file.is_none() => {
            incomplete("rules.guidelines is set but rules.file, which cites them, is not")
        }
        _ if config.mail.smtp.is_some() && config.mail.from.is_empty() => {
            incomplete("mail.smtp is set but mail.from, whom mails come from, is not")
        }
        _ => Ok(()),
    }
}

/// `section.key` and value of everything in a document.
pub(super) fn flatten(table: &Table) -> Vec<(String, &Value)> {
    let mut all = Vec::new();
    for (name, value) in table {
        match value {
            Value::Table(section) => {
                all.extend(section.iter().map(|(key, value)| (format!("{name}.{key}"), value)));
            }
            _ => all.push((name.clone(), value)),
        }
    }
    all
}

fn find(path: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.path == path)
}

fn paths() -> impl Iterator<Item = &'static str> {
    KEYS.iter().map(|key| key.path)
}

fn sections() -> impl Iterator<Item = &'static str> {
    paths().filter_map(|path| Some(path.split_once('.')?.0))
}

/// Suggests the nearest of the known names, if one is near enough to be meant (Jaro-Winkler: a typo
/// scores above 0.9, unrelated names below 0.7).
fn unknown<'k>(
    place: &str,
    what: &'static str,
    name: &str,
    known: impl Iterator<Item = &'k str>,
) -> ConfigError {
    let nearest = known
        .map(|known| (strsim::jaro_winkler(name, known), known))
        .filter(|(similarity, _)| *similarity >= 0.7)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, known)| known.to_owned());
    ConfigError::Unknown { place: place.to_owned(), what, name: name.to_owned(), nearest }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ServeRole;

    fn file(text: &str) -> Result<Config, String> {
        Sources { file: Some(("m.toml".into(), text.into())), ..Sources::default() }
            .load()
            .map_err(|e| e.to_string())
    }

    fn environment(variables: &[(&str, &str)]) -> Result<Config, String> {
        let environment = variables.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        Sources { environment, ..Sources::default() }.load().map_err(|e| e.to_string())
    }

    #[test]
    fn flags_win_over_the_environment_and_that_over_the_file() {
        let mut sources = Sources {
            file: Some((
                "m.toml".into(),
                "[listen]\ngrpc = \"127.0.0.1:1\"\nhealth = \"127.0.0.1:1\"".into(),
            )),
            environment: vec![
                ("MODERATO_LISTEN_GRPC".into(), "127.0.0.1:2".into()),
                ("MODERATO_ROLES".into(), "worker, ingest".into()),
                ("AMQP_URL".into(), "amqp://general".into()),
                ("MODERATO_QUEUE_URL".into(), "amqp://ours".into()),
                ("PATH".into(), "/bin".into()),
            ],
            flags: vec![("listen.grpc", "127.0.0.1:3".into())],
        };
        let config = sources.load().unwrap();
        assert_eq!((config.listen.grpc.port(), config.listen.health.port()), (3, 1));
        assert_eq!(config.roles, [ServeRole::Worker, ServeRole::Ingest]);
        assert_eq!(config.queue.url.unwrap().expose(), "amqp://ours");
        sources.flags.clear();
        assert_eq!(sources.load().unwrap().listen.grpc.port(), 2);
    }

    #[test]
    fn mistakes_are_answered_with_what_was_meant() {
        for (text, expected) in [
            (
                "[listen]\ngrcp = \"127.0.0.1:1\"",
                "m.toml: there is no key `listen.grcp`; did you mean `listen.grpc`?",
            ),
            ("[wroker]\nbatch = 1", "m.toml: there is no section `wroker`; did you mean `worker`?"),
            ("worker = 3", "m.toml: there is no key `worker`"),
            (
                "[worker]\nbatch = \"many\"",
                "m.toml: `worker.batch` must be a whole number from 1 to 1000, not \"many\"",
            ),
            ("roles = [\"ingest\", \"ingest\"]", "m.toml: `roles` must be a list of"),
            (
                "[log]\nformat = \"xml\"",
                "m.toml: `log.format` must be one of \"text\", \"json\", not \"xml\"",
            ),
            ("[tls]\nkey = \"k.pem\"", "tls.key is set but tls.cert is not"),
            ("[mail]\nsmtp = \"smtp://localhost\"", "mail.smtp is set but mail.from"),
            ("a = ", "m.toml is not TOML: "),
        ] {
            let error = file(text).unwrap_err();
            assert!(error.starts_with(expected), "{error}");
        }
        let error = environment(&[("MODERATO_WORKER_BACTH", "1")]).unwrap_err();
        assert_eq!(
            error,
            "environment: there is no variable `MODERATO_WORKER_BACTH`; did you mean `MODERATO_WORKER_BATCH`?"
        );
    }

    #[test]
    fn a_wrong_address_is_not_repeated_since_it_may_hold_a_password() {
        let error = environment(&[("DATABASE_URL", "mysql://ann:hunter2@db")]).unwrap_err();
        assert!(
            error.starts_with("DATABASE_URL: `store.url` must be an address that starts with postgres://"),
            "{error}"
        );
        assert!(!error.contains("hunter2"));
    }

    #[test]
    fn variables_that_kubernetes_sets_are_not_mistakes() {
        let links = [
            ("MODERATO_SERVICE_HOST", "10.0.0.1"),
            ("MODERATO_SERVICE_PORT_GRPC", "50051"),
            ("MODERATO_INGEST_PORT", "tcp://10.0.0.1:50051"),
            ("MODERATO_PORT_50051_TCP_ADDR", "10.0.0.1"),
        ];
        assert_eq!(environment(&links), Ok(Config::default()));
    }
}
