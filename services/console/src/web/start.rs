//! The first page: choosing a site.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::get;
use moderato_domain::Site;

use super::Web;
use super::problem::Problem;
use super::session::SignedIn;
use super::shell::{Shell, page};

pub(super) fn routes() -> Router<Arc<Web>> {
    Router::new().route("/", get(start))
}

#[derive(Template)]
#[template(path = "start.html")]
struct StartPage {
    shell: Shell,
    sites: Vec<Arc<Site>>,
}

/// Who works on one site is there at once.
async fn start(signed_in: SignedIn) -> Result<Response, Problem> {
    let sites = signed_in.sites();
    if let [only] = sites.as_slice() {
        return Ok(Redirect::to(&format!("/sites/{}/queue", only.id)).into_response());
    }
    page(&StartPage { shell: Shell::of(&signed_in), sites })
}
