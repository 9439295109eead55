//! Who may do what in a project besides its owner.

use std::collections::BTreeMap;

use axum::{
    Json,
    extract::{Path, State},
    http::Method,
};
use copr_api::v3::{CanBuildIn, Permissions, RolesChange, RolesRequest};
use serde_json::{Value, json};

use super::{cut, find_project, project::owned};
use crate::{
    db::{self, permission::Role},
    http::{auth::Caller, error::ApiError, params::JsonBody, routes::Routes},
    state::AppState,
};

/// Most users in one call.
const USERS: usize = 200;

/// The addresses of this file.
pub fn routes() -> Routes {
    Routes::default()
        .api(Method::GET, "/api_3/project/permissions/can_build_in/{who}/{owner}/{project}", can_build_in)
        .api(Method::GET, "/api_3/project/permissions/get/{owner}/{project}", get)
        .api(Method::PUT, "/api_3/project/permissions/set/{owner}/{project}", set)
        .api(Method::PUT, "/api_3/project/permissions/request/{owner}/{project}", request)
}

/// `GET /api_3/project/permissions/can_build_in/{who}/{owner}/{project}`.
///
/// # Errors
/// 404: no such user or project.
pub async fn can_build_in(
    State(state): State<AppState>,
    Path((who, owner, name)): Path<(String, String, String)>,
) -> Result<Json<CanBuildIn>, ApiError> {
    let user = db::user::by_name(&state.db, &who).await?;
    let user = user.ok_or_else(|| ApiError::NotFound(format!("User {} does not exist.", cut(&who))))?;
    let project = find_project(&state, &owner, &name).await?;
    let can_build_in =
        !user.disabled && (user.admin || db::permission::role(&state.db, &user, &project).await? >= Role::Builder);
    Ok(Json(CanBuildIn { who: user.name, ownername: project.owner, projectname: project.name, can_build_in }))
}

/// `GET /api_3/project/permissions/get/{owner}/{project}`.
///
/// # Errors
/// 403; 404: no such project, or nobody has or wants a role in it.
pub async fn get(
    State(state): State<AppState>,
    caller: Caller,
    Path((owner, name)): Path<(String, String)>,
) -> Result<Json<Permissions>, ApiError> {
    let project = owned(&state, &caller, &owner, &name, Role::Admin, "see the permissions of").await?;
    let permissions: BTreeMap<_, _> = db::permission::of_project(&state.db, project.id).await?.into_iter().collect();
    if permissions.is_empty() {
        return Err(ApiError::NotFound(format!("No permissions set on {} project", project.full_name())));
    }
    Ok(Json(Permissions { permissions }))
}

/// `PUT /api_3/project/permissions/set/{owner}/{project}`: all of it or nothing.
///
/// # Errors
/// 400: nothing is to be set, or for the owner; 403; 404: no such project or user.
pub async fn set(
    State(state): State<AppState>,
    caller: Caller,
    Path((owner, name)): Path<(String, String)>,
    JsonBody(asked): JsonBody<BTreeMap<String, RolesChange>>,
) -> Result<Json<Value>, ApiError> {
    let project = owned(&state, &caller, &owner, &name, Role::Admin, "change the permissions of").await?;
    if asked.is_empty() || asked.len() > USERS {
        return Err(ApiError::BadRequest(format!("Permissions of 1 to {USERS} users can be set in one call.")));
    }
    let mut changes = Vec::with_capacity(asked.len());
    for (who, change) in &asked {
        if who == project.owner.as_str() {
            return Err(ApiError::BadRequest(format!("{who} owns {}: that cannot be changed.", project.full_name())));
        }
        let user = db::user::by_name(&state.db, who).await?;
        let user = user.ok_or_else(|| ApiError::NotFound(format!("User {} does not exist.", cut(who))))?;
        changes.push((user.id, *change));
    }
    if !db::permission::set(&state.db, project.id, &changes).await? {
        return Err(ApiError::BadRequest(format!(
            "{} is signed with its owner's key, which is for projects that nobody else builds in. Give it a key of its own \
             first: signing=project.",
            project.full_name()
        )));
    }
    tracing::info!(project = project.full_name(), by = caller.user.name, users = changes.len(), "permissions set");
    Ok(Json(json!({ "updated": asked.into_keys().collect::<Vec<_>>() })))
}

/// `PUT /api_3/project/permissions/request/{owner}/{project}`.
///
/// # Errors
/// 400: the owner asks, or for nothing; 404: no such project.
pub async fn request(
    State(state): State<AppState>,
    caller: Caller,
    Path((owner, name)): Path<(String, String)>,
    JsonBody(asked): JsonBody<RolesRequest>,
) -> Result<Json<Value>, ApiError> {
    let project = find_project(&state, &owner, &name).await?;
    if caller.only.is_some_and(|only| only != project.id) {
        return Err(ApiError::Forbidden(
            "You don't have required permission: the token is for another project.".to_owned(),
        ));
    }
    if caller.user.name == project.owner.as_str() {
        return Err(ApiError::BadRequest(format!("Owner cannot request permissions in {}.", project.full_name())));
    }
    if asked.admin.is_none() && asked.builder.is_none() {
        return Err(ApiError::BadRequest("No permission was asked for: admin, builder.".to_owned()));
    }
    let updated = db::permission::request(&state.db, project.id, caller.user.id, asked).await?;
    Ok(Json(json!({ "updated": updated })))
}
