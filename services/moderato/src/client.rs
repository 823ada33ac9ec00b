//! The client commands' end of the wire: where to connect, as whom, and what an error means.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use moderato_api::pb::ingest::ingest_service_client::IngestServiceClient;
use moderato_api::pb::query::query_service_client::QueryServiceClient;
use moderato_api::pb::rules::rule_set_service_client::RuleSetServiceClient;
use moderato_domain::{CommentId, CommentName, SiteId};
use serde::{Deserialize, Serialize};
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};
use tonic::{Request, Status};
use tonic_types::StatusExt as _;

use crate::terminal::visible;

/// File in the data folder that the first start writes for the commands on the same host.
pub(crate) const CREDENTIALS_FILE: &str = "cli.toml";

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Where to connect, and as whom. What is not given comes from `cli.toml` in the data folder.
#[derive(Debug, clap::Args)]
pub(crate) struct ConnectionArgs {
    /// Where Moderato listens, such as http://127.0.0.1:50051
    #[arg(long, env = "MODERATO_ENDPOINT", value_name = "URL", help_heading = "Connection")]
    endpoint: Option<String>,
    /// Where the query role listens, if that is not where the ingest role does
    #[arg(long, env = "MODERATO_QUERY_ENDPOINT", value_name = "URL", help_heading = "Connection")]
    query_endpoint: Option<String>,
    /// Where the console role listens, if that is not where the ingest role does
    #[arg(long, env = "MODERATO_CONSOLE_ENDPOINT", value_name = "URL", help_heading = "Connection")]
    console_endpoint: Option<String>,
    /// The site to act on
    #[arg(long, env = "MODERATO_SITE", value_name = "ID", help_heading = "Connection")]
    site: Option<String>,
    /// The API key; better in the variable than on the command line, which other users can see
    #[arg(
        long,
        env = "MODERATO_API_KEY",
        hide_env_values = true,
        value_name = "KEY",
        help_heading = "Connection"
    )]
    api_key: Option<String>,
    /// Certificate of the authority to trust, PEM; needed for https://
    #[arg(long, value_name = "FILE", help_heading = "Connection")]
    ca: Option<PathBuf>,
    #[command(flatten)]
    pub config: crate::config_args::ConfigArgs,
}

/// What `cli.toml` holds.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Credentials {
    /// Where to connect.
    pub endpoint: String,
    /// Where the query role listens, if elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query_endpoint: Option<String>,
    /// Where the console role listens, if elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub console_endpoint: Option<String>,
    /// The site to act on.
    pub site: String,
    /// The API key.
    pub key: String,
    /// Certificate to trust.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<PathBuf>,
}

/// Adds the key to every call.
#[derive(Debug, Clone)]
pub(crate) struct Bearer(MetadataValue<Ascii>);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}

/// A channel that carries the key.
pub(crate) type Authorized = InterceptedService<Channel, Bearer>;

/// The services of one installation, and the site to act on.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    pub ingest: IngestServiceClient<Authorized>,
    pub query: QueryServiceClient<Authorized>,
    pub rules: RuleSetServiceClient<Authorized>,
    pub site: SiteId,
    pub data_dir: PathBuf,
}

impl ConnectionArgs {
    /// Connects. Fails at once, with advice, if nobody is there.
    pub(crate) async fn connect(&self) -> anyhow::Result<Client> {
        let data_dir = self.config.load()?.data_dir;
        let kept = read_credentials(&data_dir)?;
        let whence = format!("{} and say where to connect", data_dir.join(CREDENTIALS_FILE).display());
        let pick = |given: &Option<String>, kept: Option<String>, flag: &str| {
            given.clone().or(kept).ok_or_else(|| {
                anyhow!("no {flag}: start `moderato serve` first, which writes {whence}, or give --{flag}")
            })
        };
        let endpoint = pick(&self.endpoint, kept.as_ref().map(|kept| kept.endpoint.clone()), "endpoint")?;
        let query_endpoint = self
            .query_endpoint
            .clone()
            .or_else(|| kept.as_ref().and_then(|kept| kept.query_endpoint.clone()));
        let console_endpoint = self
            .console_endpoint
            .clone()
            .or_else(|| kept.as_ref().and_then(|kept| kept.console_endpoint.clone()));
        let site = pick(&self.site, kept.as_ref().map(|kept| kept.site.clone()), "site")?;
        let key = pick(&self.api_key, kept.as_ref().map(|kept| kept.key.clone()), "api-key")?;
        let site = SiteId::parse(site.strip_prefix("sites/").unwrap_or(&site))?;
        let mut bearer: MetadataValue<Ascii> =
            format!("Bearer {key}").parse().context("the API key holds characters that no key has")?;
        bearer.set_sensitive(true);

        let ca = self.ca.clone().or(kept.and_then(|kept| kept.ca));
        let channel = connect(&endpoint, ca.as_deref()).await?;
        let query_channel = match query_endpoint {
            Some(elsewhere) => connect(&elsewhere, ca.as_deref()).await?,
            None => channel.clone(),
        };
        // Connected when it is used: most commands do not.
        let console_channel = match console_endpoint {
            Some(elsewhere) => endpoint_of(&elsewhere, ca.as_deref())?.connect_lazy(),
            None => channel.clone(),
        };
        Ok(Client {
            ingest: IngestServiceClient::with_interceptor(channel, Bearer(bearer.clone())),
            query: QueryServiceClient::with_interceptor(query_channel, Bearer(bearer.clone())),
            rules: RuleSetServiceClient::with_interceptor(console_channel, Bearer(bearer)),
            site,
            data_dir,
        })
    }
}

impl Client {
    /// `sites/{site}`.
    pub(crate) fn parent(&self) -> String {
        format!("sites/{}", self.site)
    }

    /// Reads a comment's name: whole, or only its id on this site.
    pub(crate) fn comment_name(&self, text: &str) -> anyhow::Result<CommentName> {
        comment_name(text, Some(&self.site))
    }
}

/// Reads a comment's name: whole, or only its id on the given site.
pub(crate) fn comment_name(text: &str, site: Option<&SiteId>) -> anyhow::Result<CommentName> {
    match (text.contains('/'), site) {
        (true, _) => Ok(CommentName::parse(text)?),
        (false, Some(site)) => Ok(CommentName { site: site.clone(), comment: CommentId::parse(text)? }),
        (false, None) => {
            bail!("no site is known: write the whole name, sites/SITE/comments/{}", visible(text))
        }
    }
}

/// Reads `cli.toml`, if there is one.
pub(crate) fn read_credentials(data_dir: &Path) -> anyhow::Result<Option<Credentials>> {
    let file = data_dir.join(CREDENTIALS_FILE);
    match std::fs::read_to_string(&file) {
        Ok(text) => {
            Ok(Some(toml::from_str(&text).with_context(|| format!("{} cannot be read", file.display()))?))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", file.display())),
    }
}

async fn connect(endpoint: &str, ca: Option<&Path>) -> anyhow::Result<Channel> {
    endpoint_of(endpoint, ca)?.connect().await.map_err(|error| {
        anyhow!("nobody answers at {endpoint}: {}; is `moderato serve` running?", causes(&error))
    })
}

fn endpoint_of(endpoint: &str, ca: Option<&Path>) -> anyhow::Result<Endpoint> {
    let endpoint = if endpoint.contains("://") { endpoint.to_owned() } else { format!("http://{endpoint}") };
    let mut builder = Endpoint::from_shared(endpoint.clone())
        .with_context(|| format!("{} is not an address such as http://127.0.0.1:50051", visible(&endpoint)))?
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_nodelay(true)
        .initial_stream_window_size(1024 * 1024)
        .initial_connection_window_size(4 * 1024 * 1024);
    if endpoint.starts_with("https://") {
        let ca =
            ca.ok_or_else(|| anyhow!("https:// needs --ca with the certificate of the authority to trust"))?;
        let pem = std::fs::read(ca).with_context(|| format!("cannot read {}", ca.display()))?;
        builder = builder.tls_config(ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem)))?;
    }
    Ok(builder)
}

fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text = next.to_string();
        cause = next.source();
    }
    text
}

/// A refused call in words: message, reason, and every field violation.
pub(crate) fn explain(status: &Status) -> anyhow::Error {
    let details = status.get_error_details();
    let mut text = visible(status.message());
    if text.is_empty() {
        text = format!("{:?}", status.code());
    }
    if let Some(info) = details.error_info() {
        text = format!("{text} ({})", visible(&info.reason));
    }
    for violation in details.bad_request().into_iter().flat_map(|bad| &bad.field_violations) {
        text = format!(
            "{text}\n  {}: {} ({})",
            visible(&violation.field),
            visible(&violation.description),
            visible(&violation.reason)
        );
    }
    anyhow!(text)
}
