//! The Copr API version 3: what users' programs call.

pub mod build;
pub mod chroot;
pub mod package;
pub mod project;
pub mod remote;
pub mod submit;
pub mod upload;

use std::collections::BTreeMap;

use axum::{Json, extract::State};
use copr_api::v3::{ApiVersion, AuthCheck};

use super::{auth::Caller, error::ApiError, params};
use crate::{
    db::{self, project::Project},
    state::AppState,
};

/// `GET /api_3/`.
pub async fn version() -> Json<ApiVersion> {
    Json(ApiVersion { version: 3 })
}

/// `GET /api_3/auth-check`.
pub async fn auth_check(Caller(user): Caller) -> Json<AuthCheck> {
    Json(AuthCheck { id: user.id, name: user.name })
}

/// `GET /api_3/mock-chroots/list`: name to comment.
pub async fn mock_chroots(State(state): State<AppState>) -> Json<BTreeMap<String, String>> {
    Json(state.chroots.iter().map(|(name, definition)| (name.to_string(), definition.comment.clone())).collect())
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
