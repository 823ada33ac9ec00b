//! Who is signed in, and may they.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use moderato_domain::{Permission, Role, Site, SiteId, Theme, User};

use super::Web;
use super::csrf;
use super::problem::Problem;
use super::shell::{Person, Shell};

/// A signed-in person. As an argument of a handler it sends everybody else to the sign-in page, and
/// refuses what may change something without the session's token in its header; forms are read by
/// [`Posted`](super::form::Posted).
#[derive(Debug, Clone)]
pub struct SignedIn {
    user: Arc<User>,
    csrf: Arc<str>,
    web: Arc<Web>,
}

impl SignedIn {
    /// Whoever the request's cookie says it is, if that session lives.
    #[expect(clippy::unused_async, reason = "it will ask the store")]
    pub(super) async fn look_up(_parts: &Parts, _web: &Arc<Web>) -> Result<Option<Self>, Problem> {
        Ok(None)
    }

    /// Who it is.
    pub fn user(&self) -> &User {
        &self.user
    }

    /// The token of the session's forms.
    pub fn csrf(&self) -> &str {
        &self.csrf
    }

    /// A site on which the person may do this. A site of others is not told from one that does not
    /// exist.
    pub fn on(&self, site: &SiteId, permission: Permission) -> Result<SiteDoor, Problem> {
        let role = self.user.role_on(site).ok_or_else(Problem::not_found)?;
        let site = self.web.directory.site(site).ok_or_else(Problem::not_found)?;
        if !role.allows(permission) {
            let message = format!("As a {} of this site you cannot do this; an admin can.", role.as_str());
            return Err(Problem::forbidden(message));
        }
        Ok(SiteDoor { site, role, signed_in: self.clone() })
    }

    /// The sites that the person works on, by name.
    pub fn sites(&self) -> Vec<Arc<Site>> {
        let directory = self.web.directory.snapshot();
        let mut sites: Vec<Arc<Site>> =
            directory.sites.values().filter(|site| self.user.role_on(&site.id).is_some()).cloned().collect();
        sites.sort_by(|left, right| left.display_name.cmp(&right.display_name).then(left.id.cmp(&right.id)));
        sites
    }

    /// For pages about the whole installation.
    pub fn as_operator(&self) -> Result<(), Problem> {
        if self.user.operator { Ok(()) } else { Err(Problem::not_found()) }
    }

    /// The person as pages show them.
    pub(super) fn person(&self) -> Person {
        Person {
            name: self.user.display_name.to_string(),
            csrf: self.csrf.to_string(),
            theme: match self.user.preferences.theme {
                Theme::System => "",
                theme => theme.as_str(),
            },
            operator: self.user.operator,
        }
    }
}

/// A site with somebody who may do what was asked for there.
#[derive(Debug, Clone)]
pub struct SiteDoor {
    /// The site.
    pub site: Arc<Site>,
    /// What the person is there.
    pub role: Role,
    /// Who it is.
    pub signed_in: SignedIn,
}

impl SiteDoor {
    /// The frame of a page about the site.
    pub fn shell(&self) -> Shell {
        Shell {
            site: Some(Arc::clone(&self.site)),
            configures: self.role.allows(Permission::Configure),
            ..Shell::of(&self.signed_in)
        }
    }

    /// Whether the person may also do this here.
    pub fn allows(&self, permission: Permission) -> bool {
        self.role.allows(permission)
    }
}

impl FromRequestParts<Arc<Web>> for SignedIn {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, web: &Arc<Web>) -> Result<Self, Refused> {
        let signed_in = Self::look_up(parts, web).await.map_err(Refused::Problem)?;
        let may_change = !csrf::is_safe(&parts.method);
        let Some(signed_in) = signed_in else {
            return Err(Refused::signed_out(parts, may_change));
        };
        let presented = parts.headers.get(csrf::HEADER).and_then(|token| token.to_str().ok());
        if may_change && !csrf::matches(presented.unwrap_or_default(), signed_in.csrf()) {
            return Err(Refused::Problem(Problem::forged()));
        }
        Ok(signed_in)
    }
}

/// Why nobody is let in.
#[derive(Debug)]
pub enum Refused {
    /// A person who follows a link signs in first and goes on there.
    SignIn(String),
    /// Everything else.
    Problem(Problem),
}

impl Refused {
    fn signed_out(parts: &Parts, may_change: bool) -> Self {
        let here = parts.uri.path_and_query().map(axum::http::uri::PathAndQuery::as_str);
        if may_change || parts.headers.contains_key(super::dress::FRAGMENT) {
            return Self::Problem(Problem::signed_out(None));
        }
        Self::SignIn(super::form::sign_in_path(here))
    }
}

impl axum::response::IntoResponse for Refused {
    fn into_response(self) -> axum::response::Response {
        match self {
            Self::SignIn(path) => axum::response::Redirect::to(&path).into_response(),
            Self::Problem(problem) => problem.into_response(),
        }
    }
}
