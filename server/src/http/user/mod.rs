//! The Copr API version 3: what users' programs call.

pub mod build;
pub mod chroot;
pub(crate) mod comps;
pub mod event;
pub mod fork;
pub mod gates;
pub mod group;
pub mod hook;
pub mod incoming;
pub mod key;
pub mod licence;
pub mod monitor;
pub mod package;
mod paging;
pub mod permission;
pub mod pin;
pub mod project;
pub mod promotion;
pub mod prune;
pub mod publish;
pub mod queue;
pub mod quota;
pub mod ready;
pub mod remote;
pub mod repeat;
pub mod report;
pub mod submit;
pub mod terms;
pub mod token;
pub mod unsupported;
pub mod upload;
pub mod webhook;

use std::collections::BTreeMap;

use axum::{Json, extract::State, http::Method};
use copr_api::v3::{ApiVersion, AuthCheck};

use super::{auth::Caller, error::ApiError, params, routes::Routes};
use crate::{
    clock,
    db::{self, project::Project},
    state::AppState,
};

/// All addresses of Copr's API; each file has its own.
pub fn routes(state: &AppState) -> Routes {
    Routes::default()
        .api(Method::GET, "/api_3", version)
        .api(Method::GET, "/api_3/auth-check", auth_check)
        .api(Method::GET, "/api_3/mock-chroots/list", mock_chroots)
        .and(project::routes())
        .and(publish::routes())
        .and(key::routes())
        .and(fork::routes())
        .and(gates::routes())
        .and(promotion::routes())
        .and(chroot::routes())
        .and(build::routes())
        .and(submit::routes())
        .and(upload::routes(state))
        .and(ready::routes(state))
        .and(remote::routes())
        .and(package::routes())
        .and(monitor::routes())
        .and(webhook::routes())
        .and(hook::routes())
        .and(event::routes())
        .and(unsupported::routes())
        .and(queue::routes())
        .and(quota::routes())
        .and(prune::routes())
        .and(permission::routes())
        .and(token::routes())
        .and(group::routes())
        .and(licence::routes())
        .and(terms::routes())
        .and(report::routes())
        .and(pin::routes())
}

/// `GET /api_3/`.
pub async fn version() -> Json<ApiVersion> {
    Json(ApiVersion { version: 3 })
}

/// `GET /api_3/auth-check`.
pub async fn auth_check(Caller { user, .. }: Caller) -> Json<AuthCheck> {
    Json(AuthCheck { id: user.id, name: user.name })
}

/// `GET /api_3/mock-chroots/list`: name to comment, of all that projects may choose.
///
/// # Errors
/// The database does not answer.
pub async fn mock_chroots(State(state): State<AppState>) -> Result<Json<BTreeMap<String, String>>, ApiError> {
    let (notes, now) = (db::note::list(&state.db).await?, clock::now_ms());
    let mut chroots: BTreeMap<String, String> =
        state.chroots.iter().map(|(name, definition)| (name.to_string(), definition.comment.clone())).collect();
    for note in notes {
        if !note.is_offered(now) {
            chroots.remove(note.chroot.as_str());
        } else if let (Some(comment), Some(told)) = (note.comment, chroots.get_mut(note.chroot.as_str())) {
            *told = comment;
        }
    }
    Ok(Json(chroots))
}

/// The project that a call is about.
///
/// # Errors
/// 404: there is none.
pub(super) async fn find_project(state: &AppState, owner: &str, name: &str) -> Result<Project, ApiError> {
    let missing = format!("Project {}/{} does not exist.", cut(owner), cut(name));
    let (owner, name) = (params::name(owner, &missing)?, params::name(name, &missing)?);
    db::project::get(&state.db, &owner, &name).await?.ok_or(ApiError::NotFound(missing))
}

/// What callers sent, short enough to be said back.
fn cut(text: &str) -> String {
    text.chars().take(100).collect()
}
