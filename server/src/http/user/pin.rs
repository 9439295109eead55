//! Pinned projects: what stands first on the pages of a user or group.

use axum::{
    Json,
    extract::{Path, State},
    http::Method,
};
use copr_api::{names::OwnerName, v3::Pins};

use super::{cut, group};
use crate::{
    db::{self, pin::MOST},
    http::{
        auth::Caller,
        error::ApiError,
        params::{self, JsonBody, Params},
        routes::Routes,
    },
    state::AppState,
};

/// The addresses of this file.
pub fn routes() -> Routes {
    Routes::default().api(Method::GET, "/api_3/pins", get).api(Method::PUT, "/api_3/pins/{owner}", set)
}

fn missing(owner: &str) -> String {
    let kind = if owner.starts_with('@') { "group" } else { "user" };
    format!("There is no such {kind}: {}", cut(owner))
}

async fn view(state: &AppState, owner: &OwnerName) -> Result<Json<Pins>, ApiError> {
    let pins = db::pin::of_owner(&state.db, owner).await?;
    Ok(Json(Pins { projects: pins.iter().map(db::pin::Pin::full_name).collect() }))
}

/// `GET /api_3/pins`.
///
/// # Errors
/// 400: no `ownername`; 404: no such user or group.
pub async fn get(State(state): State<AppState>, query: Params) -> Result<Json<Pins>, ApiError> {
    let text = query.required("ownername")?;
    let owner: OwnerName = params::name(text, &missing(text))?;
    if !db::search::knows_owner(&state.db, &owner).await? {
        return Err(ApiError::NotFound(missing(text)));
    }
    view(&state, &owner).await
}

/// Whether a caller may say what stands first on an owner's pages: its own, or those of a group that it administers.
///
/// # Errors
/// 403; 404: no such group.
pub(crate) async fn may_pin(state: &AppState, caller: &Caller, owner: &OwnerName) -> Result<(), ApiError> {
    if owner.is_group() {
        let group = group::find(state, owner.as_str()).await?;
        return caller.require_group_admin(state, &group, "pin projects for").await;
    }
    caller.whole("pin projects")?;
    if caller.user.admin || caller.user.name == owner.as_str() {
        return Ok(());
    }
    Err(ApiError::Forbidden(format!(
        "You don't have required permission: {} may not pin projects for {owner}.",
        caller.user.name
    )))
}

/// `PUT /api_3/pins/{owner}`: exactly these, in this order; any project can be pinned.
///
/// # Errors
/// 400: too many, one twice, or one that is not there; 403; 404: no such user or group.
pub async fn set(
    State(state): State<AppState>,
    caller: Caller,
    Path(owner): Path<String>,
    JsonBody(body): JsonBody<Pins>,
) -> Result<Json<Pins>, ApiError> {
    let nobody = missing(&owner);
    let owner: OwnerName = params::name(&owner, &nobody)?;
    may_pin(&state, &caller, &owner).await?;
    if body.projects.len() > MOST {
        return Err(ApiError::BadRequest(format!("projects: {MOST} can be pinned at most: unpin one first.")));
    }
    let mut ids = Vec::with_capacity(body.projects.len());
    for text in &body.projects {
        let wrong = |reason: &str| ApiError::BadRequest(format!("projects: {}: {reason}", cut(text)));
        let names = text.split_once('/').and_then(|(owner, name)| Some((owner.parse().ok()?, name.parse().ok()?)));
        let (of, name) = names.ok_or_else(|| wrong("this is not OWNER/NAME"))?;
        let project = db::project::get(&state.db, &of, &name).await?;
        let id = project.ok_or_else(|| wrong("there is no such project"))?.id;
        if ids.contains(&id) {
            return Err(wrong("it is there twice"));
        }
        ids.push(id);
    }
    if !db::pin::set(&state.db, &owner, &ids).await? {
        return Err(ApiError::NotFound(nobody));
    }
    tracing::info!(%owner, by = caller.user.name, projects = ids.len(), "projects pinned");
    view(&state, &owner).await
}
