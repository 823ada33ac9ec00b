//! `moderato users`: who may sign in to the console.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use moderato_access::BearerSecret;
use moderato_console::{Invitation, PeopleDesk};
use moderato_domain::{Actor, DisplayName, Email, Role, SiteId, SystemClock, SystemIds, User};
use moderato_runtime::config::Config;
use moderato_store::{Account, Store};

use crate::announce;
use crate::compose::{self, Closing};
use crate::config_args::ConfigArgs;
use crate::terminal::{table, visible};
use crate::verdict_text::timestamp;

/// People listed at once.
const PAGE: u32 = 500;

/// Invites people, and says what they may do.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum UsersCommand {
    /// Invites somebody: prints the link with which they choose a password
    #[command(
        after_help = "Examples:\n  moderato users add ann@example.org --name Ann --site blog --role moderator\n  \
                            moderato users add bob@example.org --name Bob --operator"
    )]
    Add(AddArgs),
    /// Lists people
    List(ListArgs),
    /// Prints a one-time link: for a person, to choose another password; for nobody, to make the first
    Link(LinkArgs),
    /// Keeps somebody from signing in, and ends their sessions
    Disable(DisableArgs),
    /// Says what somebody is on a site
    #[command(after_help = "Examples:\n  moderato users roles ann@example.org --site blog --role admin\n  \
                            moderato users roles ann@example.org --site blog --role none\n  \
                            moderato users roles ann@example.org --operator true")]
    Roles(RolesArgs),
}

/// Somebody new.
#[derive(Debug, clap::Args)]
pub(crate) struct AddArgs {
    /// Their mail address
    mail: String,
    /// What others call them; the part before the @, if not given
    #[arg(long)]
    name: Option<String>,
    /// The site they will work on
    #[arg(long, requires = "role")]
    site: Option<String>,
    /// What they are there: moderator, admin
    #[arg(long, requires = "site", value_parser = parse_role)]
    role: Option<Role>,
    /// May do everything everywhere
    #[arg(long)]
    operator: bool,
    #[command(flatten)]
    config: ConfigArgs,
}

/// Whom to list.
#[derive(Debug, clap::Args)]
pub(crate) struct ListArgs {
    /// Only people of this site
    #[arg(long)]
    site: Option<String>,
    #[command(flatten)]
    config: ConfigArgs,
}

/// Whom the link is for.
#[derive(Debug, clap::Args)]
pub(crate) struct LinkArgs {
    /// Their mail address; the first person to be, if not given
    mail: Option<String>,
    #[command(flatten)]
    config: ConfigArgs,
}

/// Who may not, or may again.
#[derive(Debug, clap::Args)]
pub(crate) struct DisableArgs {
    /// Their mail address
    mail: String,
    /// Lets them sign in again
    #[arg(long)]
    undo: bool,
    #[command(flatten)]
    config: ConfigArgs,
}

/// What somebody is.
#[derive(Debug, clap::Args)]
pub(crate) struct RolesArgs {
    /// Their mail address
    mail: String,
    /// On which site
    #[arg(long, requires = "role")]
    site: Option<String>,
    /// moderator, admin, or none
    #[arg(long, requires = "site", value_parser = parse_role_or_none)]
    role: Option<RoleOrNone>,
    /// Whether they may do everything everywhere
    #[arg(long, value_name = "true|false")]
    operator: Option<bool>,
    #[command(flatten)]
    config: ConfigArgs,
}

/// A role to have, or to have no more.
#[derive(Debug, Clone, Copy)]
struct RoleOrNone(Option<Role>);

fn parse_role(text: &str) -> Result<Role, String> {
    let role = Role::parse(text).filter(|role| User::ROLES.contains(role));
    role.ok_or_else(|| "roles of people are moderator, admin".to_owned())
}

fn parse_role_or_none(text: &str) -> Result<RoleOrNone, String> {
    if text == "none" { Ok(RoleOrNone(None)) } else { parse_role(text).map(|role| RoleOrNone(Some(role))) }
}

/// Runs the command.
pub(crate) async fn run(command: UsersCommand) -> anyhow::Result<()> {
    match command {
        UsersCommand::Add(args) => add(args).await,
        UsersCommand::List(args) => list(&args).await,
        UsersCommand::Link(args) => link(&args).await,
        UsersCommand::Disable(args) => disable(&args).await,
        UsersCommand::Roles(args) => roles(&args).await,
    }
}

/// The store with what is done to it from here.
struct Opened {
    config: Config,
    store: Arc<dyn Store>,
    closing: Closing,
    desk: PeopleDesk,
}

impl Opened {
    async fn with(args: &ConfigArgs) -> anyhow::Result<Self> {
        let config = args.load()?;
        let (store, closing) = compose::store(&config).await?;
        let desk = PeopleDesk::new(Arc::clone(&store), Arc::new(SystemClock), Arc::new(SystemIds));
        Ok(Self { config, store, closing, desk })
    }

    async fn account(&self, mail: &str) -> anyhow::Result<Account> {
        self.desk.account_of(&address(mail)?).await.with_context(|| visible(mail))
    }

    async fn known_site(&self, site: &str) -> anyhow::Result<SiteId> {
        let site = SiteId::parse(site)?;
        let directory = self.store.directory(None).await?.unwrap_or_default();
        if !directory.sites.contains_key(&site) {
            bail!("there is no site {site}; `moderato sites create {site}` makes one");
        }
        Ok(site)
    }

    fn valid(&self) -> Duration {
        Duration::from_hours(self.config.console.invite_h)
    }

    fn print(&self, token: &BearerSecret) {
        eprintln!("this link works once, within {} hours:", self.config.console.invite_h);
        let url = announce::configured_url(&self.config, self.config.listen.web);
        println!("{}", announce::link_url(&url, token));
        if self.config.console.public_url.is_none() {
            eprintln!("(if people reach the pages elsewhere than at {url}, set console.public_url)");
        }
    }
}

fn address(mail: &str) -> anyhow::Result<Email> {
    Email::parse(mail).with_context(|| format!("{} is not a mail address", visible(mail)))
}

async fn add(args: AddArgs) -> anyhow::Result<()> {
    let opened = Opened::with(&args.config).await?;
    let mail = address(&args.mail)?;
    let name = args.name.as_deref().or(args.mail.split('@').next()).unwrap_or_default();
    let memberships = match (&args.site, args.role) {
        (Some(site), Some(role)) => vec![(opened.known_site(site).await?, role)],
        _ => Vec::new(),
    };
    if memberships.is_empty() && !args.operator {
        bail!("say what they may do: --site SITE --role moderator|admin, or --operator");
    }
    let display_name = DisplayName::parse(name)?;
    let invitation = Invitation { mail, display_name, memberships, operator: args.operator };
    let (_, token) = opened.desk.invite(&invitation, opened.valid(), &Actor::operator()).await?;
    opened.closing.close().await;
    opened.print(&token);
    Ok(())
}

async fn list(args: &ListArgs) -> anyhow::Result<()> {
    let opened = Opened::with(&args.config).await?;
    let site = args.site.as_deref().map(SiteId::parse).transpose()?;
    let (mut people, mut after) = (Vec::new(), None);
    loop {
        let page = opened.store.people(site.as_ref(), after.as_ref(), PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.user.mail.clone());
        people.extend(page);
    }
    opened.closing.close().await;
    let rows: Vec<Vec<String>> = people.iter().map(row).collect();
    print!("{}", table(&["mail", "name", "roles", "state", "added"], &rows));
    Ok(())
}

fn row(account: &Account) -> Vec<String> {
    let user = &account.user;
    let mut roles: Vec<String> =
        user.memberships.iter().map(|(site, role)| format!("{site}:{}", role.as_str())).collect();
    if user.operator {
        roles.insert(0, "operator".to_owned());
    }
    let state = match (user.disable_time, &account.password, &account.identity) {
        (Some(since), ..) => format!("disabled {}", timestamp(since)),
        (None, None, None) => "invited".to_owned(),
        _ => "active".to_owned(),
    };
    vec![
        visible(user.mail.as_str()),
        visible(user.display_name.as_str()),
        roles.join(","),
        state,
        timestamp(user.create_time),
    ]
}

async fn link(args: &LinkArgs) -> anyhow::Result<()> {
    let opened = Opened::with(&args.config).await?;
    let token = match &args.mail {
        Some(mail) => {
            let account = opened.account(mail).await?;
            opened.desk.password_link(&account, opened.valid(), &Actor::operator()).await?
        }
        None => opened
            .desk
            .first_admin_link(opened.valid())
            .await?
            .context("there are people already: say whom the link is for (`moderato users list`)")?,
    };
    opened.closing.close().await;
    opened.print(&token);
    Ok(())
}

async fn disable(args: &DisableArgs) -> anyhow::Result<()> {
    let opened = Opened::with(&args.config).await?;
    let user = opened.account(&args.mail).await?.user;
    opened.desk.set_disabled(user.id, !args.undo, &Actor::operator()).await?;
    opened.closing.close().await;
    let may = if args.undo { "may sign in again" } else { "may not sign in any more" };
    println!("{} {may}", visible(user.mail.as_str()));
    Ok(())
}

async fn roles(args: &RolesArgs) -> anyhow::Result<()> {
    let opened = Opened::with(&args.config).await?;
    let user = opened.account(&args.mail).await?.user;
    if args.site.is_none() && args.operator.is_none() {
        bail!("say what changes: --site SITE --role moderator|admin|none, or --operator true|false");
    }
    if let (Some(site), Some(RoleOrNone(role))) = (&args.site, args.role) {
        let site = opened.known_site(site).await?;
        opened.desk.set_role(user.id, &site, role, &Actor::operator()).await?;
    }
    if let Some(operator) = args.operator {
        opened.desk.set_operator(user.id, operator, &Actor::operator()).await?;
    }
    let account = opened.desk.account(user.id).await?;
    opened.closing.close().await;
    print!("{}", table(&["mail", "name", "roles", "state", "added"], &[row(&account)]));
    Ok(())
}
