//! How a person likes to work: colours, keys, and what spares them.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::get;
use moderato_domain::{Digest, Preferences, Theme, Wellness};
use moderato_store::UserChange;
use serde::Deserialize;

use super::Web;
use super::form::{Asked, Posted};
use super::keys::{Binding, Keyboard};
use super::problem::Problem;
use super::queue::Choice;
use super::session::SignedIn;
use super::shell::{Shell, page};
use super::view::SEVERE;
use super::words;

/// More severe texts than anybody should read in a day.
const MOST_BEFORE_BREAK: u32 = 10_000;

pub(super) fn routes() -> Router<Arc<Web>> {
    Router::new().route("/settings", get(settings).post(save))
}

#[derive(Template)]
#[template(path = "settings.html")]
struct SettingsPage {
    shell: Shell,
    csrf: String,
    said: Option<&'static str>,
    wrong: Option<String>,
    preferences: Preferences,
    /// The stored preferences that the form begins with, as JSON: what is sent back is compared with them.
    shown: String,
    themes: Vec<Choice>,
    categories: Vec<Choice>,
    digests: Vec<Choice>,
    keyboard: Keyboard,
}

impl SettingsPage {
    /// `preferences` as they stand in the fields, `shown` as they are stored.
    fn of(signed_in: &SignedIn, preferences: Preferences, shown: &Preferences) -> Result<Self, Problem> {
        let theme = |theme: Theme| Choice {
            id: theme.as_str().to_owned(),
            title: match theme {
                Theme::System => "as the system says",
                Theme::Light => "light",
                Theme::Dark => "dark",
            }
            .to_owned(),
            chosen: preferences.theme == theme,
        };
        let digest = |digest: Digest| Choice {
            id: digest.as_str().to_owned(),
            title: match digest {
                Digest::Never => "never",
                Digest::Hourly => "hourly",
                Digest::Daily => "daily",
            }
            .to_owned(),
            chosen: preferences.digest == digest,
        };
        let unblurred = |id: &&str| Choice {
            id: (*id).to_owned(),
            title: words::category(id),
            chosen: preferences.wellness.unblurred.contains(*id),
        };
        Ok(Self {
            shell: Shell::of(signed_in),
            shown: serde_json::to_string(shown).map_err(|_| Problem::defect())?,
            csrf: signed_in.csrf().to_owned(),
            said: None,
            wrong: None,
            themes: Theme::ALL.map(theme).to_vec(),
            digests: Digest::ALL.map(digest).to_vec(),
            categories: SEVERE.iter().map(unblurred).collect(),
            keyboard: Keyboard::of(&preferences),
            preferences,
        })
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Saved {
    saved: String,
}

async fn settings(signed_in: SignedIn, Asked(Saved { saved }): Asked<Saved>) -> Result<Response, Problem> {
    let stored = &signed_in.user().preferences;
    let shown = SettingsPage::of(&signed_in, stored.clone(), stored)?;
    page(&SettingsPage { said: (!saved.is_empty()).then_some("Saved."), ..shown })
}

async fn save(
    State(web): State<Arc<Web>>,
    Posted { signed_in, form }: Posted<Vec<(String, String)>>,
) -> Result<Response, Problem> {
    let first = |name: &str| form.iter().find(|(field, _)| field == name).map(|(_, text)| text.as_str());
    let typed: BTreeMap<String, String> = form
        .iter()
        .filter_map(|(field, text)| Some((field.strip_prefix("key.")?.to_owned(), text.clone())))
        .collect();
    // As the form showed them: another page may have changed something since, and that stays.
    let shown: Option<Preferences> = first("shown").and_then(|json| serde_json::from_str(json).ok());
    let before = &shown.unwrap_or_else(|| signed_in.user().preferences.clone());
    let preferences = Preferences {
        theme: first("theme").and_then(Theme::parse).unwrap_or(before.theme),
        keys: before.keys.clone(),
        keys_off: first("keys_off").is_some(),
        wellness: Wellness {
            blur: first("blur").is_some(),
            unblurred: form
                .iter()
                .filter(|(field, category)| field == "unblurred" && SEVERE.contains(&category.as_str()))
                .map(|(_, category)| category.clone())
                .collect(),
            break_after: first("break_after")
                .and_then(|count| count.trim().parse().ok())
                .unwrap_or(before.wellness.break_after)
                .min(MOST_BEFORE_BREAK),
        },
        digest: first("digest").and_then(Digest::parse).unwrap_or(before.digest),
        urgent: first("urgent").is_some(),
    };
    match Keyboard::changes(&typed) {
        Ok(keys) => {
            let change = UserChange::Preferences {
                shown: before.clone(),
                chosen: Preferences { keys, ..preferences },
            };
            web.store.change_user(signed_in.user().id, &change, None, None).await?;
            Ok(Redirect::to("/settings?saved=1").into_response())
        }
        Err(wrong) => {
            let mut shown =
                SettingsPage { wrong: Some(wrong), ..SettingsPage::of(&signed_in, preferences, before)? };
            // As they were typed, to be put right.
            for Binding { id, typed: field, .. } in &mut shown.keyboard.bindings {
                if let Some(text) = typed.get(*id) {
                    field.clone_from(text);
                }
            }
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page(&shown)?).into_response())
        }
    }
}
