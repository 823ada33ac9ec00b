//! `moderato keys`: who may call.

use std::time::Duration;

use anyhow::{Context as _, bail};
use moderato_domain::{Actor, AuditEntry, Clock as _, Email, Role, SiteId, SystemClock, SystemIds, User};
use moderato_store::{Account, AccountKey, ApiKey, ApiKeyId, Store};
use serde_json::{Value, json};

use crate::compose;
use crate::config_args::ConfigArgs;
use crate::terminal::{table, visible};
use crate::verdict_text::timestamp;

/// Makes, lists and revokes API keys.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum KeysCommand {
    /// Makes a key and prints it: the only time it can be seen
    Create(CreateArgs),
    /// Lists keys, revoked ones included
    List(ListArgs),
    /// Revokes a key; it stops working within two seconds
    Revoke(RevokeArgs),
}

/// What the new key may be.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Roles: ingest submits; reader reads comments, verdicts and events; moderator decides; admin \
                        configures.\n\nExamples:\n  moderato keys create --label shop\n  \
                        moderato keys create --site news --roles ingest --expires-in-days 90\n  \
                        moderato keys create --roles moderator --for mo@example.org"
)]
pub(crate) struct CreateArgs {
    /// The one site it works on
    #[arg(long, default_value = crate::first_start::SITE)]
    site: String,
    /// What it may be: ingest, reader, moderator, admin
    #[arg(long, value_delimiter = ',', default_value = "ingest,reader", value_parser = parse_role)]
    roles: Vec<Role>,
    /// Who uses it, by mail address: what is done with it they do, and it works while they may sign in
    #[arg(long = "for", value_name = "MAIL")]
    person: Option<String>,
    /// What people call it; by default the name of the person, or that the operator made it
    #[arg(long)]
    label: Option<String>,
    /// When it stops working; never, if not given
    #[arg(long, value_name = "DAYS")]
    expires_in_days: Option<u32>,
    #[command(flatten)]
    config: ConfigArgs,
}

/// Whose keys to list.
#[derive(Debug, clap::Args)]
pub(crate) struct ListArgs {
    /// Only those of this site
    #[arg(long)]
    site: Option<String>,
    #[command(flatten)]
    config: ConfigArgs,
}

/// Which key to revoke.
#[derive(Debug, clap::Args)]
pub(crate) struct RevokeArgs {
    /// Its public half, such as mk_0123456789ab
    id: String,
    #[command(flatten)]
    config: ConfigArgs,
}

fn parse_role(text: &str) -> Result<Role, String> {
    Role::parse(text).ok_or_else(|| format!("roles are {}", Role::ALL.map(Role::as_str).join(", ")))
}

/// Runs the command.
pub(crate) async fn run(command: KeysCommand) -> anyhow::Result<()> {
    match command {
        KeysCommand::Create(args) => create(args).await,
        KeysCommand::List(args) => list(&args).await,
        KeysCommand::Revoke(args) => revoke(&args).await,
    }
}

async fn create(args: CreateArgs) -> anyhow::Result<()> {
    const DAY: Duration = Duration::from_hours(24);
    let site = SiteId::parse(&args.site)?;
    let (store, closing) = compose::store(&args.config.load()?).await?;
    let directory = store.directory(None).await?.unwrap_or_default();
    if !directory.sites.contains_key(&site) {
        bail!("there is no site {site}; `moderato sites create {site}` makes one");
    }
    let mut roles = args.roles;
    roles.sort_unstable();
    roles.dedup();
    let owner = match &args.person {
        Some(mail) => Some(person(&*store, mail, &site, &roles).await?),
        None => None,
    };
    let label = args.label.or_else(|| owner.as_ref().map(|user| user.display_name.to_string()));
    let label = label.unwrap_or_else(|| "made by the operator".to_owned());
    let (mut key, secret) = moderato_access::mint(&SystemIds, site, &label, roles, &SystemClock);
    key.owner = owner.map(|user| user.id);
    key.expire_time = args.expires_in_days.map(|days| key.create_time.plus(DAY * days));
    store.add_key(&key).await?;
    let roles: Vec<&str> = key.roles.iter().map(|role| role.as_str()).collect();
    let owner = key.owner.map(|user| user.to_string());
    let details = json!({ "roles": roles, "label": key.label, "owner": owner });
    store.append_audit(&entry(Some(key.site), "key.added", &key.id, &details)).await?;
    closing.close().await;
    eprintln!("this key is shown once; it works within two seconds:");
    println!("{}", secret.expose());
    Ok(())
}

/// The person whose key it is to be: somebody who may do on the site what the key may.
async fn person(store: &dyn Store, mail: &str, site: &SiteId, roles: &[Role]) -> anyhow::Result<User> {
    let mail = Email::parse(mail).with_context(|| format!("{} is no mail address", visible(mail)))?;
    let account = store.account(&AccountKey::Mail(mail.clone())).await?;
    let Some(Account { user, .. }) = account else {
        bail!("nobody has the address {}; `moderato users` lists people", mail.as_str());
    };
    match user.role_on(site) {
        _ if user.disable_time.is_some() => bail!("{} may not sign in", user.display_name),
        None => bail!("{} is nothing on the site {site}", user.display_name),
        Some(Role::Admin) => Ok(user),
        Some(_) if roles.contains(&Role::Admin) => bail!("{} is no admin of {site}", user.display_name),
        Some(_) => Ok(user),
    }
}

/// What the audit log says of a key.
fn entry(site: Option<SiteId>, action: &str, key: &ApiKeyId, details: &Value) -> AuditEntry {
    AuditEntry {
        site,
        actor: Actor::operator(),
        action: action.to_owned(),
        subject: format!("keys/{}", key.0),
        details: details.to_string(),
        time: SystemClock.now(),
    }
}

async fn list(args: &ListArgs) -> anyhow::Result<()> {
    let site = args.site.as_deref().map(SiteId::parse).transpose()?;
    let (store, closing) = compose::store(&args.config.load()?).await?;
    let keys = store.keys(site.as_ref()).await?;
    closing.close().await;
    let rows: Vec<Vec<String>> = keys
        .iter()
        .map(|key| {
            vec![
                visible(&key.id.0),
                key.site.to_string(),
                key.roles.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(","),
                state(key),
                timestamp(key.create_time),
                visible(&key.label),
            ]
        })
        .collect();
    print!("{}", table(&["key", "site", "roles", "state", "made", "label"], &rows));
    Ok(())
}

fn state(key: &ApiKey) -> String {
    match (key.revoke_time, key.expire_time) {
        (Some(_), _) => "revoked".to_owned(),
        (None, Some(expires)) if expires <= SystemClock.now() => "expired".to_owned(),
        (None, Some(expires)) => format!("until {}", timestamp(expires)),
        (None, None) => "live".to_owned(),
    }
}

async fn revoke(args: &RevokeArgs) -> anyhow::Result<()> {
    // People paste whole keys: the public half is what stands before the dot.
    let id = args.id.split('.').next().context("the id is empty")?;
    let (store, closing) = compose::store(&args.config.load()?).await?;
    let id = ApiKeyId(id.to_owned());
    let site = store.keys(None).await?.into_iter().find(|key| key.id == id).map(|key| key.site);
    let revoked = store.revoke_key(&id, SystemClock.now()).await?;
    if revoked {
        store.append_audit(&entry(site, "key.revoked", &id, &json!({}))).await?;
    }
    closing.close().await;
    if !revoked {
        bail!("there is no live key {}", visible(&id.0));
    }
    println!("{} is revoked; it stops working within two seconds", visible(&id.0));
    Ok(())
}
