//! Who may sign in: people are invited, get roles, lose them. The pages and the operators' command line
//! both work through a [`PeopleDesk`]; each change stands in the audit log with who made it.

use std::sync::Arc;
use std::time::Duration;

use moderato_access::BearerSecret;
use moderato_domain::{
    Actor, AuditEntry, Clock, DisplayName, Email, Ids, Preferences, Role, SiteId, Timestamp, User, UserId,
};
use moderato_store::{
    Account, AccountKey, Changed, EndSessions, ForeignIdentity, LinkPurpose, OneTimeLink, Store, StoreError,
    UserChange,
};
use serde_json::{Value, json};

/// Changes who may sign in.
#[derive(Debug, Clone)]
pub struct PeopleDesk {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
}

/// Why that could not be done.
#[derive(Debug, thiserror::Error)]
pub enum PeopleError {
    /// The address is somebody's.
    #[error("somebody with this address is here already")]
    AddressTaken,
    /// There is no such person.
    #[error("there is no such person")]
    Unknown,
    /// Nobody would be left who can do everything.
    #[error("this is the last operator; make somebody else one first")]
    LastOperator,
    /// The account at the identity provider is linked to another person.
    #[error("that account of your organisation is another person's here")]
    IdentityTaken,
    /// There would be nothing left to sign in with.
    #[error("without a password there would be no way left to sign in")]
    OnlyWayIn,
    /// The store does not answer or refused.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Somebody to be invited.
#[derive(Debug, Clone)]
pub struct Invitation {
    /// Their address.
    pub mail: Email,
    /// What others call them, until they say otherwise.
    pub display_name: DisplayName,
    /// Where they will work, and as what.
    pub memberships: Vec<(SiteId, Role)>,
    /// May do everything everywhere.
    pub operator: bool,
}

impl PeopleDesk {
    /// A desk on this store.
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, ids: Arc<dyn Ids>) -> Self {
        Self { store, clock, ids }
    }

    /// The token of a link that makes the first person, as long as there is nobody.
    pub async fn first_admin_link(&self, valid: Duration) -> Result<Option<BearerSecret>, StoreError> {
        if self.store.has_people().await? {
            return Ok(None);
        }
        self.link(LinkPurpose::FirstAdmin, None, valid, &Actor::operator()).await.map(Some)
    }

    /// Adds a person, and makes the link with which they choose name and password.
    pub async fn invite(
        &self,
        invitation: &Invitation,
        valid: Duration,
        by: &Actor,
    ) -> Result<(User, BearerSecret), PeopleError> {
        let user = User {
            id: UserId::from_uuid(self.ids.time_ordered()),
            mail: Email::parse(&invitation.mail.normalized()).ok_or(PeopleError::Unknown)?,
            display_name: invitation.display_name.clone(),
            operator: invitation.operator,
            disable_time: None,
            memberships: invitation.memberships.iter().cloned().collect(),
            preferences: Preferences::default(),
            create_time: self.clock.now(),
        };
        let site = only_site(&user);
        let roles: Value =
            user.memberships.iter().map(|(site, role)| (site.to_string(), json!(role))).collect();
        let details = json!({ "roles": roles, "operator": user.operator });
        let entry = self.entry(by, site, "user.added", &named(user.id), &details);
        if !self.store.add_user(&user, &entry).await? {
            return Err(PeopleError::AddressTaken);
        }
        let token = self.link(LinkPurpose::Invite, Some(user.id), valid, by).await?;
        Ok((user, token))
    }

    /// Makes a link with which a person chooses another password; or, if they never had one, the first.
    pub async fn password_link(
        &self,
        account: &Account,
        valid: Duration,
        by: &Actor,
    ) -> Result<BearerSecret, StoreError> {
        let purpose =
            if account.password.is_some() { LinkPurpose::PasswordReset } else { LinkPurpose::Invite };
        self.link(purpose, Some(account.user.id), valid, by).await
    }

    /// What a person is on a site; nothing any more, if `None`.
    pub async fn set_role(
        &self,
        user: UserId,
        site: &SiteId,
        role: Option<Role>,
        by: &Actor,
    ) -> Result<(), PeopleError> {
        let entry = self.entry(by, Some(site), "user.role_set", &named(user), &json!({ "role": role }));
        self.change(user, &UserChange::Role(site.clone(), role), &entry).await
    }

    /// Whether a person may do everything everywhere.
    pub async fn set_operator(&self, user: UserId, operator: bool, by: &Actor) -> Result<(), PeopleError> {
        let details = json!({ "operator": operator });
        let entry = self.entry(by, None, "user.operator_set", &named(user), &details);
        self.change(user, &UserChange::Operator(operator), &entry).await
    }

    /// Whether a person may sign in. Their sessions end if not.
    pub async fn set_disabled(&self, user: UserId, disabled: bool, by: &Actor) -> Result<(), PeopleError> {
        let action = if disabled { "user.disabled" } else { "user.enabled" };
        let entry = self.entry(by, None, action, &named(user), &json!({}));
        let since = disabled.then(|| self.clock.now());
        self.change(user, &UserChange::Disabled(since), &entry).await
    }

    /// Lets a person sign in as somebody whom the identity provider knows.
    pub async fn link_identity(
        &self,
        user: UserId,
        identity: ForeignIdentity,
        by: &Actor,
    ) -> Result<(), PeopleError> {
        let details = json!({ "issuer": identity.issuer });
        let entry = self.entry(by, None, "user.identity_linked", &named(user), &details);
        self.change(user, &UserChange::Identity(Some(identity)), &entry).await
    }

    /// Lets a person sign in with their password only.
    pub async fn unlink_identity(&self, user: UserId, by: &Actor) -> Result<(), PeopleError> {
        let entry = self.entry(by, None, "user.identity_unlinked", &named(user), &json!({}));
        self.change(user, &UserChange::Identity(None), &entry).await
    }

    /// Ends every session of a person; how many there were.
    pub async fn end_sessions(&self, user: UserId, by: &Actor) -> Result<u64, StoreError> {
        let entry = self.entry(by, None, "session.ended", &named(user), &json!({ "all": true }));
        self.store.end_sessions(user, EndSessions::All, &entry).await
    }

    /// A person.
    pub async fn account(&self, user: UserId) -> Result<Account, PeopleError> {
        self.store.account(&AccountKey::Id(user)).await?.ok_or(PeopleError::Unknown)
    }

    /// A person by address.
    pub async fn account_of(&self, mail: &Email) -> Result<Account, PeopleError> {
        self.store.account(&AccountKey::Mail(mail.clone())).await?.ok_or(PeopleError::Unknown)
    }

    async fn change(&self, user: UserId, change: &UserChange, entry: &AuditEntry) -> Result<(), PeopleError> {
        match self.store.change_user(user, change, None, Some(entry)).await? {
            Changed::Done => Ok(()),
            Changed::Unknown => Err(PeopleError::Unknown),
            Changed::LastOperator => Err(PeopleError::LastOperator),
            Changed::IdentityTaken => Err(PeopleError::IdentityTaken),
            Changed::OnlyWayIn => Err(PeopleError::OnlyWayIn),
        }
    }

    async fn link(
        &self,
        purpose: LinkPurpose,
        user: Option<UserId>,
        valid: Duration,
        by: &Actor,
    ) -> Result<BearerSecret, StoreError> {
        let token = BearerSecret::mint(&*self.ids);
        let now = self.clock.now();
        let link = OneTimeLink {
            token: token.hash(),
            purpose,
            user,
            create_time: now,
            expire_time: now.plus(valid),
        };
        let subject = user.map_or_else(|| "users".to_owned(), named);
        let details = json!({ "purpose": purpose.as_str() });
        self.store.put_link(&link, &self.entry(by, None, "link.made", &subject, &details)).await?;
        Ok(token)
    }

    fn entry(
        &self,
        by: &Actor,
        site: Option<&SiteId>,
        action: &str,
        subject: &str,
        details: &Value,
    ) -> AuditEntry {
        audit_entry(by, site, action, subject, details, self.clock.now())
    }
}

/// A person's name in the audit log.
pub(crate) fn named(user: UserId) -> String {
    format!("users/{user}")
}

/// An entry of the audit log.
pub(crate) fn audit_entry(
    by: &Actor,
    site: Option<&SiteId>,
    action: &str,
    subject: &str,
    details: &Value,
    time: Timestamp,
) -> AuditEntry {
    AuditEntry {
        site: site.cloned(),
        actor: by.clone(),
        action: action.to_owned(),
        subject: subject.to_owned(),
        details: details.to_string(),
        time,
    }
}

/// The site that a person works on, if it is only one.
fn only_site(user: &User) -> Option<&SiteId> {
    let mut sites = user.memberships.keys();
    let only = sites.next();
    if sites.next().is_some() { None } else { only }
}
