//! `project/fork`: a project with all that was built in another one.

use axum::{
    Json,
    extract::{Path, State},
    http::Method,
};
use copr_api::{
    names::{NameError, OwnerName},
    v3::Project as View,
};
use serde::Deserialize;

use super::{find_project, project};
use crate::{
    db::{self, project::Project},
    fork,
    http::{auth::Caller, error::ApiError, params, params::JsonBody, routes::Routes},
    state::AppState,
};

/// A project with more packages is forked by administrators only.
const PACKAGES: i64 = 1000;

/// The addresses of this file.
pub fn routes() -> Routes {
    Routes::default().api(Method::POST, "/api_3/project/fork/{owner}/{project}", fork_project)
}

/// What the fork is to be.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Fork {
    /// Name without owner; empty: that of the origin.
    name: String,
    /// Owner; empty: the caller.
    ownername: String,
    /// Whether it may be a project that is there.
    confirm: bool,
}

/// `POST /api_3/project/fork/{owner}/{project}`: chroots, packages and the last good builds of each go into a new project, or into
/// one that is there. The packages can be downloaded after the next publish.
///
/// # Errors
/// 400: the name is taken and this is not confirmed; 403, 404; 409: one of the projects is being deleted.
pub async fn fork_project(
    State(state): State<AppState>,
    caller: Caller,
    Path((owner, name)): Path<(String, String)>,
    JsonBody(body): JsonBody<Fork>,
) -> Result<Json<View>, ApiError> {
    let source = find_project(&state, &owner, &name).await?;
    let wanted = if body.ownername.is_empty() { caller.user.name.as_str() } else { body.ownername.as_str() };
    let missing = match wanted.starts_with('@') {
        true => format!("There is no such group: {}", super::cut(wanted)),
        false => format!("User {} does not exist.", super::cut(wanted)),
    };
    let to: OwnerName = params::name(wanted, &missing)?;
    project::may_own(&state, &caller, &to).await?;
    caller.require_terms(&state).await?;
    if let Some(why) = state.takedowns.why(&source.owner, source.name.as_str(), None).await? {
        return Err(ApiError::TakenDown(why));
    }
    let wrong = |error: NameError| ApiError::BadRequest(format!("name: {}", error.rule));
    let name = if body.name.is_empty() { source.name.clone() } else { body.name.parse().map_err(wrong)? };
    if to == source.owner && name == source.name {
        return Err(ApiError::BadRequest("name: A project can't be forked into itself.".to_owned()));
    }
    if !caller.user.admin && db::fork::packages(&state.db, source.id).await? > PACKAGES {
        return Err(ApiError::Forbidden(format!(
            "Only administrators may fork a project with more than {PACKAGES} packages."
        )));
    }
    let target = match db::project::get(&state.db, &to, &name).await? {
        Some(_) if !body.confirm => return Err(unconfirmed(&name.to_string())),
        Some(there) => there,
        None => Project {
            id: 0,
            owner: to,
            name,
            // These are the origin's own.
            persistent: false,
            auto_prune: true,
            contact: None,
            bug_url: None,
            delete_at_ms: None,
            forked_from: Some(source.id),
            ..source.clone()
        },
    };
    let forked = match fork::fork(&state, &source, &target, &caller.user.name).await {
        Ok(forked) => forked,
        // Somebody took the name meanwhile.
        Err(fork::Error::Db(error)) if error.is_duplicate() => return Err(unconfirmed(target.name.as_str())),
        Err(fork::Error::Gone) => {
            return Err(ApiError::Conflict(format!("{} can't be forked: it is being deleted.", source.full_name())));
        }
        Err(fork::Error::Full(exceeded)) => return Err(exceeded.into()),
        Err(fork::Error::Db(error)) => return Err(error.into()),
        Err(error) => return Err(ApiError::Internal(error.into())),
    };
    tracing::info!(from = source.full_name(), project = forked.full_name(), by = caller.user.name, "project forked");
    project::one(&state, forked).await
}

/// Copr's words.
fn unconfirmed(name: &str) -> ApiError {
    ApiError::BadRequest(format!(
        "You are about to fork into existing project: {name}\nPlease use --confirm if you really want to do this"
    ))
}
