//! The people of a site, for its admins: inviting, roles, and what ends somebody's access.
//!
//! An admin changes what people are on the admin's own site. What concerns a whole account (a link that
//! sets its password, disabling it, ending its sessions) is for who governs all of it: an operator, or an
//! admin of every site that the person works on. Otherwise an admin of one site could become the admin
//! of another.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use moderato_domain::{DisplayName, Email, Permission, Role, SiteId, User, UserId};
use moderato_notify::sign_in;
use moderato_store::Account;
use serde::Deserialize;

use super::Web;
use super::form::{Asked, Posted};
use super::link::sentence;
use super::problem::Problem;
use super::session::{SignedIn, SiteDoor};
use super::shell::{Shell, page};
use crate::{Invitation, PeopleError};

/// People on one page.
const PAGE: u32 = 100;

pub(super) fn routes() -> Router<Arc<Web>> {
    Router::new()
        .route("/sites/{site}/people", get(people))
        .route("/sites/{site}/people/invite", post(invite))
        .route("/sites/{site}/people/{user}/role", post(set_role))
        .route("/sites/{site}/people/{user}/link", post(make_link))
        .route("/sites/{site}/people/{user}/disable", post(disable))
        .route("/sites/{site}/people/{user}/sessions", post(end_sessions))
}

#[derive(Template)]
#[template(path = "people.html")]
struct PeoplePage {
    shell: Shell,
    csrf: String,
    site: SiteId,
    people: Vec<Listed>,
    /// The address after which the next page begins.
    more: Option<String>,
    refusal: Option<String>,
    mail: String,
    name: String,
}

/// A person as the list shows them.
struct Listed {
    id: UserId,
    name: String,
    mail: String,
    role: Option<Role>,
    state: &'static str,
    is_disabled: bool,
    /// Whether the person who looks may act on the whole account.
    is_governed: bool,
    is_self: bool,
}

impl Listed {
    fn is(&self, role: Role) -> bool {
        self.role == Some(role)
    }
}

/// A link to be handed on.
#[derive(Template)]
#[template(path = "people_link.html")]
struct LinkShown {
    shell: Shell,
    site: SiteId,
    name: String,
    mail: String,
    url: String,
    hours: u64,
    is_mailed: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Question {
    after: String,
}

async fn people(
    State(web): State<Arc<Web>>,
    Path(site): Path<SiteId>,
    Asked(question): Asked<Question>,
    signed_in: SignedIn,
) -> Result<Response, Problem> {
    let door = signed_in.on(&site, Permission::Configure)?;
    page(&read(&door, Email::parse(&question.after).as_ref(), &web).await?)
}

async fn read(door: &SiteDoor, after: Option<&Email>, web: &Web) -> Result<PeoplePage, Problem> {
    let people = web.store.people(Some(&door.site.id), after, PAGE).await?;
    let is_full = people.len() == PAGE as usize;
    Ok(PeoplePage {
        shell: door.shell(),
        csrf: door.signed_in.csrf().to_owned(),
        site: door.site.id.clone(),
        more: people.last().filter(|_| is_full).map(|last| last.user.mail.as_str().to_owned()),
        people: people.iter().map(|account| listed(account, door)).collect(),
        refusal: None,
        mail: String::new(),
        name: String::new(),
    })
}

fn listed(account: &Account, door: &SiteDoor) -> Listed {
    let user = &account.user;
    Listed {
        id: user.id,
        name: user.display_name.to_string(),
        mail: user.mail.as_str().to_owned(),
        role: user.memberships.get(&door.site.id).copied(),
        state: match (user.disable_time, is_awaited(account)) {
            (Some(_), _) => "disabled",
            (None, true) => "invited",
            (None, false) => "active",
        },
        is_disabled: user.disable_time.is_some(),
        is_governed: governs(door.signed_in.user(), user),
        is_self: user.id == door.signed_in.user().id,
    }
}

/// Whether `admin` may act on the whole account of `user`. An account that works nowhere is nobody's.
fn governs(admin: &User, user: &User) -> bool {
    let mut sites = user.memberships.keys();
    let every_site = !user.memberships.is_empty() && sites.all(|site| admin.may(site, Permission::Configure));
    admin.operator || (!user.operator && every_site)
}

#[derive(Deserialize)]
struct InviteForm {
    mail: String,
    name: String,
    role: String,
}

async fn invite(
    State(web): State<Arc<Web>>,
    Path(site): Path<SiteId>,
    Posted { signed_in, form }: Posted<InviteForm>,
) -> Result<Response, Problem> {
    let door = signed_in.on(&site, Permission::Configure)?;
    let role = parse_role(&form.role)?;
    let read_form = || -> Result<(Email, DisplayName), String> {
        let mail = Email::parse(form.mail.trim()).ok_or("This is not a mail address.")?;
        Ok((mail, DisplayName::parse(&form.name).map_err(|error| sentence(&error))?))
    };
    let again = async |refusal: String| {
        let shown = PeoplePage {
            refusal: Some(refusal),
            mail: form.mail.clone(),
            name: form.name.clone(),
            ..read(&door, None, &web).await?
        };
        Ok((StatusCode::UNPROCESSABLE_ENTITY, page(&shown)?).into_response())
    };
    let (mail, display_name) = match read_form() {
        Ok(fields) => fields,
        Err(refusal) => return again(refusal).await,
    };
    let desk = web.people();
    // Somebody who works on another site already gets the role here, and no new password. Whoever made
    // that account may know its password, so only who answers for it, too, lets it in here.
    match desk.account_of(&mail).await {
        Ok(known) if known.user.memberships.contains_key(&site) => {
            return again("Somebody with this address is here already.".to_owned()).await;
        }
        Ok(known) if !governs(signed_in.user(), &known.user) => {
            let who = "Somebody with this address works elsewhere: an operator adds them here.".to_owned();
            return again(who).await;
        }
        Ok(known) => {
            desk.set_role(known.user.id, &site, Some(role), &signed_in.actor()).await?;
            return if is_awaited(&known) {
                invite_again(&door, &known, &web).await
            } else {
                Ok(back(&site))
            };
        }
        Err(PeopleError::Unknown) => {}
        Err(error) => return Err(error.into()),
    }
    let invitation =
        Invitation { mail, display_name, memberships: vec![(site.clone(), role)], operator: false };
    let (user, token) = match desk.invite(&invitation, web.options.invite, &signed_in.actor()).await {
        Ok(invited) => invited,
        Err(error @ PeopleError::AddressTaken) => return again(sentence(&error)).await,
        Err(error) => return Err(error.into()),
    };
    hand_on(&door, &user, token.expose(), true, &web).await
}

/// Shows the link, and mails it if mails go out.
async fn hand_on(
    door: &SiteDoor,
    user: &User,
    token: &str,
    is_invited: bool,
    web: &Web,
) -> Result<Response, Problem> {
    let url = format!("{}/link/{token}", web.options.public_url);
    let is_mailed = web.options.mails && {
        let now = web.clock.now();
        let mail = sign_in(user.mail.as_str(), &url, is_invited, now.plus(web.options.invite), now);
        // The link is made; whoever sees it can hand it on without a mail.
        let posted = web.store.post(&[mail]).await;
        posted.inspect_err(|error| tracing::warn!(%error, "a link is not mailed")).is_ok()
    };
    page(&LinkShown {
        shell: door.shell(),
        site: door.site.id.clone(),
        name: user.display_name.to_string(),
        mail: user.mail.as_str().to_owned(),
        url,
        hours: web.options.invite.as_secs() / 3600,
        is_mailed,
    })
}

#[derive(Deserialize)]
struct RoleForm {
    role: String,
}

async fn set_role(
    State(web): State<Arc<Web>>,
    Path((site, user)): Path<(SiteId, UserId)>,
    Posted { signed_in, form }: Posted<RoleForm>,
) -> Result<Response, Problem> {
    let door = signed_in.on(&site, Permission::Configure)?;
    let role = if form.role == "none" { None } else { Some(parse_role(&form.role)?) };
    if user == signed_in.user().id && !signed_in.user().operator {
        return Err(Problem::forbidden("You cannot change your own role; another admin can."));
    }
    let account = member(&site, user, &web).await?;
    web.people().set_role(user, &site, role, &signed_in.actor()).await?;
    if role.is_some() && is_awaited(&account) && governs(signed_in.user(), &account.user) {
        return invite_again(&door, &account, &web).await;
    }
    Ok(back(&site))
}

/// Was invited, and has not come yet.
fn is_awaited(account: &Account) -> bool {
    account.password.is_none() && account.identity.is_none()
}

/// Another link for somebody whose link went with a change of what they may do.
async fn invite_again(door: &SiteDoor, account: &Account, web: &Web) -> Result<Response, Problem> {
    let by = door.signed_in.actor();
    let token = web.people().password_link(account, web.options.invite, &by).await?;
    hand_on(door, &account.user, token.expose(), true, web).await
}

#[derive(Deserialize)]
struct Nothing {}

async fn make_link(
    State(web): State<Arc<Web>>,
    Path((site, user)): Path<(SiteId, UserId)>,
    Posted { signed_in, form: Nothing {} }: Posted<Nothing>,
) -> Result<Response, Problem> {
    let (door, account) = governed(&signed_in, &site, user, &web).await?;
    let token = web.people().password_link(&account, web.options.invite, &signed_in.actor()).await?;
    hand_on(&door, &account.user, token.expose(), account.password.is_none(), &web).await
}

#[derive(Deserialize)]
struct DisableForm {
    #[serde(default)]
    undo: bool,
}

async fn disable(
    State(web): State<Arc<Web>>,
    Path((site, user)): Path<(SiteId, UserId)>,
    Posted { signed_in, form }: Posted<DisableForm>,
) -> Result<Response, Problem> {
    governed(&signed_in, &site, user, &web).await?;
    if user == signed_in.user().id {
        return Err(Problem::forbidden("You cannot disable yourself; another admin can."));
    }
    web.people().set_disabled(user, !form.undo, &signed_in.actor()).await?;
    Ok(back(&site))
}

async fn end_sessions(
    State(web): State<Arc<Web>>,
    Path((site, user)): Path<(SiteId, UserId)>,
    Posted { signed_in, form: Nothing {} }: Posted<Nothing>,
) -> Result<Response, Problem> {
    governed(&signed_in, &site, user, &web).await?;
    web.people().end_sessions(user, &signed_in.actor()).await?;
    Ok(back(&site))
}

/// A person of the site.
async fn member(site: &SiteId, user: UserId, web: &Web) -> Result<Account, Problem> {
    let account = web.people().account(user).await?;
    if account.user.memberships.contains_key(site) { Ok(account) } else { Err(Problem::not_found()) }
}

/// A person of the site whose whole account is the admin's business.
async fn governed(
    signed_in: &SignedIn,
    site: &SiteId,
    user: UserId,
    web: &Web,
) -> Result<(SiteDoor, Account), Problem> {
    let door = signed_in.on(site, Permission::Configure)?;
    let account = member(site, user, web).await?;
    if !governs(signed_in.user(), &account.user) {
        let message = "This person also works where you are no admin; an operator can do this.";
        return Err(Problem::forbidden(message));
    }
    Ok((door, account))
}

fn parse_role(text: &str) -> Result<Role, Problem> {
    let role = Role::parse(text).filter(|role| User::ROLES.contains(role));
    role.ok_or_else(|| Problem::invalid("There is no such role."))
}

fn back(site: &SiteId) -> Response {
    Redirect::to(&format!("/sites/{site}/people")).into_response()
}

impl From<PeopleError> for Problem {
    fn from(error: PeopleError) -> Self {
        match error {
            PeopleError::Unknown => Self::not_found(),
            PeopleError::AddressTaken
            | PeopleError::LastOperator
            | PeopleError::IdentityTaken
            | PeopleError::OnlyWayIn => Self::conflict(sentence(&error)),
            PeopleError::Store(error) => error.into(),
        }
    }
}
