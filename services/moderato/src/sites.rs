//! `moderato sites`: tenants and what they ask of comments.

use anyhow::bail;
use moderato_domain::{
    Actor, AuditEntry, Clock as _, Ids as _, ModerationMode, PrivacyKey, Site, SiteId, SiteSettings,
    SystemClock, SystemIds,
};
use moderato_store::Store;
use serde_json::{Map, Value};

use crate::compose;
use crate::config_args::ConfigArgs;
use crate::terminal::{table, visible};

/// Creates, lists and changes sites.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum SitesCommand {
    /// Creates a site
    #[command(after_help = "Example:\n  moderato sites create news --display-name \"The News\" --mode auto")]
    Create(SiteArgs),
    /// Lists sites and their settings
    List(ListArgs),
    /// Changes settings of a site; what is not given stays
    #[command(after_help = "Examples:\n  moderato sites set blog --mode post\n  \
                            moderato sites set blog --email-required true --body-max-chars 2000\n  \
                            moderato sites set blog --guidelines-version \"\"   # asks for none")]
    Set(SiteArgs),
}

/// A site and its settings.
#[derive(Debug, clap::Args)]
pub(crate) struct SiteArgs {
    /// 1 to 32 lower-case letters, digits or '-'
    id: String,
    /// What people call it
    #[arg(long)]
    display_name: Option<String>,
    /// When comments appear: pre (a human approves), auto (if nothing speaks against it), post (at once)
    #[arg(long, value_parser = parse_mode)]
    mode: Option<ModerationMode>,
    /// A name must be given
    #[arg(long, value_name = "true|false")]
    name_required: Option<bool>,
    /// A mail address must be given
    #[arg(long, value_name = "true|false")]
    email_required: Option<bool>,
    /// Shortest text, in characters
    #[arg(long, value_name = "N")]
    body_min_chars: Option<u32>,
    /// Longest text, in characters
    #[arg(long, value_name = "N")]
    body_max_chars: Option<u32>,
    /// The guidelines version that authors must have accepted; empty: not asked for
    #[arg(long, value_name = "VERSION")]
    guidelines_version: Option<String>,
    /// Store mail and IP addresses in clear instead of as keyed hashes
    #[arg(long, value_name = "true|false")]
    keep_contact_details: Option<bool>,
    /// Of a hundred decisions, how many somebody else decides once more without knowing the outcome
    #[arg(long, value_name = "0-100", value_parser = clap::value_parser!(u8).range(0..=100))]
    second_look_percent: Option<u8>,
    #[command(flatten)]
    config: ConfigArgs,
}

/// Where the sites are.
#[derive(Debug, clap::Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    config: ConfigArgs,
}

fn parse_mode(text: &str) -> Result<ModerationMode, String> {
    [ModerationMode::Pre, ModerationMode::Auto, ModerationMode::Post]
        .into_iter()
        .find(|mode| mode.as_str() == text)
        .ok_or_else(|| "modes are pre, auto, post".to_owned())
}

/// Runs the command.
pub(crate) async fn run(command: SitesCommand) -> anyhow::Result<()> {
    match command {
        SitesCommand::Create(args) => create(&args).await,
        SitesCommand::List(args) => list(&args).await,
        SitesCommand::Set(args) => set(&args).await,
    }
}

async fn create(args: &SiteArgs) -> anyhow::Result<()> {
    let id = SiteId::parse(&args.id)?;
    let (store, closing) = compose::store(&args.config.load()?).await?;
    if sites(&*store).await?.iter().any(|site| site.id == id) {
        bail!("the site {id} exists; `moderato sites set {id}` changes it");
    }
    let mut site = Site {
        display_name: id.to_string(),
        id,
        settings: SiteSettings::default(),
        privacy_key: PrivacyKey::new(SystemIds.secret_bytes()),
    };
    change(&mut site, args)?;
    store.put_site(&site).await?;
    store.append_audit(&entry("site.created", &site, &written(&site)?)).await?;
    closing.close().await;
    println!("{} is there; `moderato keys create --site {}` makes a key for it", site.id, site.id);
    Ok(())
}

async fn set(args: &SiteArgs) -> anyhow::Result<()> {
    let id = SiteId::parse(&args.id)?;
    let (store, closing) = compose::store(&args.config.load()?).await?;
    let Some(mut site) = sites(&*store).await?.into_iter().find(|site| site.id == id) else {
        bail!("there is no site {id}; `moderato sites create {id}` makes one");
    };
    let before = written(&site)?;
    change(&mut site, args)?;
    let mut changed = written(&site)?;
    changed.retain(|name, value| before.get(name) != Some(value));
    store.put_site(&site).await?;
    if !changed.is_empty() {
        store.append_audit(&entry("site.changed", &site, &changed)).await?;
    }
    closing.close().await;
    print!("{}", listing(&[site]));
    Ok(())
}

/// Name and settings, by the name of each.
fn written(site: &Site) -> anyhow::Result<Map<String, Value>> {
    let Value::Object(mut written) = serde_json::to_value(&site.settings)? else {
        bail!("settings are written as an object");
    };
    written.insert("display_name".to_owned(), site.display_name.clone().into());
    Ok(written)
}

/// What the audit log says of a site, with what was set.
fn entry(action: &str, site: &Site, set: &Map<String, Value>) -> AuditEntry {
    AuditEntry {
        site: Some(site.id.clone()),
        actor: Actor::operator(),
        action: action.to_owned(),
        subject: format!("sites/{}", site.id),
        details: Value::Object(set.clone()).to_string(),
        time: SystemClock.now(),
    }
}

async fn list(args: &ListArgs) -> anyhow::Result<()> {
    let (store, closing) = compose::store(&args.config.load()?).await?;
    let sites = sites(&*store).await?;
    closing.close().await;
    print!("{}", listing(&sites));
    Ok(())
}

async fn sites(store: &dyn Store) -> anyhow::Result<Vec<Site>> {
    let directory = store.directory(None).await?.unwrap_or_default();
    let mut sites: Vec<Site> = directory.sites.into_values().map(|site| (*site).clone()).collect();
    sites.sort_by(|left, right| left.id.cmp(&right.id));
    Ok(sites)
}

fn change(site: &mut Site, args: &SiteArgs) -> anyhow::Result<()> {
    let SiteSettings {
        mode,
        name_required,
        email_required,
        body_min_chars,
        body_max_chars,
        guidelines_version,
        keep_contact_details,
        second_look_percent,
    } = &mut site.settings;
    put(&mut site.display_name, args.display_name.clone());
    put(mode, args.mode);
    put(name_required, args.name_required);
    put(email_required, args.email_required);
    put(body_min_chars, args.body_min_chars);
    put(body_max_chars, args.body_max_chars);
    put(keep_contact_details, args.keep_contact_details);
    put(second_look_percent, args.second_look_percent);
    put(
        guidelines_version,
        args.guidelines_version.clone().map(|version| (!version.is_empty()).then_some(version)),
    );
    if *body_min_chars > *body_max_chars {
        bail!(
            "body-min-chars {body_min_chars} is larger than body-max-chars {body_max_chars}: nothing would fit"
        );
    }
    Ok(())
}

fn put<T>(setting: &mut T, given: Option<T>) {
    if let Some(given) = given {
        *setting = given;
    }
}

fn listing(sites: &[Site]) -> String {
    let yes = |set: bool| if set { "yes" } else { "no" }.to_owned();
    let rows: Vec<Vec<String>> = sites
        .iter()
        .map(|site| {
            let settings = &site.settings;
            vec![
                site.id.to_string(),
                visible(&site.display_name),
                settings.mode.as_str().to_owned(),
                yes(settings.name_required),
                yes(settings.email_required),
                format!("{} to {}", settings.body_min_chars, settings.body_max_chars),
                visible(settings.guidelines_version.as_deref().unwrap_or("-")),
                yes(settings.keep_contact_details),
                format!("{} %", settings.second_look_percent),
            ]
        })
        .collect();
    table(
        &[
            "site",
            "name",
            "mode",
            "name needed",
            "mail needed",
            "characters",
            "guidelines",
            "keeps contact",
            "second looks",
        ],
        &rows,
    )
}
