//! What every page has: the frame, the stylesheet, the script.
//!
//! Files are part of the binary. Their names hold a hash of their content, so that browsers may keep
//! them for ever and never use one of another release.

use std::sync::{Arc, LazyLock};

use askama::Template;
use axum::Router;
use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{Html, IntoResponse as _, Response};
use axum::routing::get;
use moderato_domain::Site;
use sha2::{Digest as _, Sha256};

use super::Web;
use super::problem::Problem;
use super::session::SignedIn;

/// A file that pages load.
struct Asset {
    /// `/assets/NAME-HASH.KIND`.
    path: String,
    kind: &'static str,
    content: &'static [u8],
}

impl Asset {
    fn new(name: &str, extension: &str, kind: &'static str, content: &'static [u8]) -> Self {
        let hash = format!("{:x}", Sha256::digest(content));
        Self { path: format!("/assets/{name}-{}.{extension}", &hash[..16]), kind, content }
    }
}

static STYLESHEET: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new("console", "css", "text/css; charset=utf-8", include_bytes!("../../assets/console.css"))
});

static SCRIPT: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new("console", "js", "text/javascript; charset=utf-8", include_bytes!("../../assets/console.js"))
});

static ICONS: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("icons", "svg", "image/svg+xml", include_bytes!("../../assets/icons.svg")));

pub(super) fn routes() -> Router<Arc<Web>> {
    Router::new().route("/assets/{name}", get(asset))
}

async fn asset(Path(name): Path<String>) -> Result<Response, Problem> {
    let asset = [&STYLESHEET, &SCRIPT, &ICONS]
        .into_iter()
        .find(|asset| asset.path.strip_prefix("/assets/") == Some(name.as_str()))
        .ok_or_else(Problem::not_found)?;
    let headers = [(CONTENT_TYPE, asset.kind), (CACHE_CONTROL, "public, max-age=31536000, immutable")];
    Ok((headers, asset.content).into_response())
}

/// The frame around a page's content: `base.html` reads it from the field `shell` of every page.
#[derive(Debug, Clone)]
pub struct Shell {
    /// Who is signed in, if anybody.
    pub person: Option<Person>,
    /// The site that the page is about.
    pub site: Option<Arc<Site>>,
    /// What `permission` the person has there, for the menu: may configure the site.
    pub configures: bool,
}

/// Who looks at the page.
#[derive(Debug, Clone)]
pub struct Person {
    /// What people call them.
    pub name: String,
    /// For forms and the script: see [`csrf`](super::csrf).
    pub csrf: String,
    /// `light`, `dark`, or empty for what the system says.
    pub theme: &'static str,
    /// May do everything everywhere.
    pub operator: bool,
    /// Commands and their keys, as JSON for the script.
    pub keys: String,
    /// Single keys do nothing.
    pub keys_off: bool,
}

impl Shell {
    /// A page for anybody.
    pub fn plain() -> Self {
        Self { person: None, site: None, configures: false }
    }

    /// A page for somebody, about no site.
    pub fn of(signed_in: &SignedIn) -> Self {
        Self { person: Some(signed_in.person()), ..Self::plain() }
    }

    /// The stylesheet's path.
    pub fn stylesheet(&self) -> &str {
        &STYLESHEET.path
    }

    /// The script's path.
    pub fn script(&self) -> &str {
        &SCRIPT.path
    }

    /// The icons' path.
    pub fn icons(&self) -> &str {
        &ICONS.path
    }
}

/// A rendered page, or part of one.
pub fn page(template: &impl Template) -> Result<Response, Problem> {
    Ok(Html(template.render()?).into_response())
}
