//! What `serve` tells its operator on standard output: where each door listens, and on the first
//! start the site and its key.

use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::time::Duration;

use moderato_access::BearerSecret;
use moderato_domain::RuleSetVersion;
use moderato_runtime::config::{Config, ServeRole};

use crate::client::{self, CREDENTIALS_FILE, Credentials};
use crate::compose::embedded_file;
use crate::first_start::{self, FirstSite, Firsts};
use crate::serve::local;

/// Where this process really listens.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Doors {
    pub grpc: Option<SocketAddr>,
    pub web: Option<SocketAddr>,
    pub health: SocketAddr,
}

/// Prints it, and keeps `cli.toml` true.
pub(crate) fn started(
    config: &Config,
    doors: Doors,
    rules: &RuleSetVersion,
    firsts: &Firsts,
) -> anyhow::Result<()> {
    let roles: Vec<&str> = config.roles.iter().map(|role| role.as_str()).collect();
    println!("moderato {}", env!("CARGO_PKG_VERSION"));
    println!("  roles    {}", roles.join(", "));
    if let Some(grpc) = doors.grpc {
        println!("  grpc     {}", endpoint(config, grpc));
    }
    if doors.web.is_some() {
        println!("  console  {}", public_url(config, doors));
    }
    println!("  health   http://{}/readyz, /livez, /metrics", doors.health);
    println!(
        "  store    {}",
        config.store.url.as_ref().map_or_else(|| embedded(config), ToString::to_string)
    );
    println!(
        "  queue    {}",
        config.queue.url.as_ref().map_or_else(|| embedded(config), ToString::to_string)
    );
    println!("  rules    {rules}");
    if let Some(token) = &firsts.admin_link {
        println!("  sign in  {}", link_url(&public_url(config, doors), token));
        println!(
            "           makes the first account, once, within {} hours; `moderato users link` prints another",
            config.console.invite_h
        );
    }
    match &firsts.site {
        Some(first) => first_site_lines(config, doors, first),
        None => refresh_endpoint(config, doors)?,
    }
    Ok(())
}

fn first_site_lines(config: &Config, doors: Doors, first: &FirstSite) {
    let address = doors.grpc.unwrap_or(config.listen.grpc);
    let credentials = Credentials {
        endpoint: endpoint(config, local(address)),
        query_endpoint: None,
        console_endpoint: None,
        site: first.site.to_string(),
        key: first.key.expose().to_owned(),
        ca: trusted(config),
    };
    println!("  site     {} \"My blog\", mode pre: nothing appears before a human approves it", first.site);
    println!("  api key  {}", first.key.expose());
    println!("           shown this once; may submit, read and decide on this site");
    // The key is printed before anything can fail, and a start without the file is a start.
    match first_start::write_credentials(&config.data_dir, &credentials) {
        Ok(()) => {
            println!(
                "           also in {}, for commands on this host:",
                config.data_dir.join(CREDENTIALS_FILE).display()
            );
            println!("           moderato check \"hello world\"");
        }
        Err(error) => {
            tracing::warn!("{error:#}; commands on this host need --endpoint, --site and --api-key");
        }
    }
}

/// The port may be another one than last time. Only a process that has both services writes it.
fn refresh_endpoint(config: &Config, doors: Doors) -> anyhow::Result<()> {
    let whole = config.runs(ServeRole::Ingest) && config.runs(ServeRole::Query);
    let (Some(grpc), true) = (doors.grpc, whole) else { return Ok(()) };
    let endpoint = endpoint(config, local(grpc));
    if let Some(mut kept) = client::read_credentials(&config.data_dir)?
        && kept.endpoint != endpoint
    {
        if answers(&kept.endpoint) {
            tracing::warn!(
                "another process answers at {}: commands on this host go on using that one",
                kept.endpoint
            );
            return Ok(());
        }
        kept.endpoint = endpoint;
        kept.ca = kept.ca.or_else(|| trusted(config));
        first_start::write_credentials(&config.data_dir, &kept)?;
    }
    Ok(())
}

/// Whether something listens where commands on this host connect.
fn answers(endpoint: &str) -> bool {
    const WAIT: Duration = Duration::from_millis(200);
    let address = endpoint.split_once("://").and_then(|(_, address)| address.parse().ok());
    address.is_some_and(|address: SocketAddr| TcpStream::connect_timeout(&address, WAIT).is_ok())
}

/// How people reach the pages, as far as this process knows.
pub(crate) fn public_url(config: &Config, doors: Doors) -> String {
    configured_url(config, doors.web.unwrap_or(config.listen.web))
}

/// The same, without a process that listens.
pub(crate) fn configured_url(config: &Config, web: SocketAddr) -> String {
    let listens = || endpoint(config, local(web));
    config.console.public_url.clone().unwrap_or_else(listens)
}

/// Where a one-time link leads.
pub(crate) fn link_url(public_url: &str, token: &BearerSecret) -> String {
    format!("{public_url}/link/{}", token.expose())
}

fn endpoint(config: &Config, address: SocketAddr) -> String {
    let scheme = if config.tls.cert.is_some() { "https" } else { "http" };
    format!("{scheme}://{address}")
}

/// What commands on this host trust: a certificate of one's own making. One that an authority signed
/// needs that authority's certificate here instead.
fn trusted(config: &Config) -> Option<PathBuf> {
    let cert = config.tls.cert.as_ref()?;
    Some(std::path::absolute(cert).unwrap_or_else(|_| cert.clone()))
}

fn embedded(config: &Config) -> String {
    embedded_file(config).map_or_else(String::new, |file| file.display().to_string())
}
