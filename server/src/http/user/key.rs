//! Keys that a project's packages and metadata are signed with.

use axum::{
    Json,
    extract::{Path, State},
    http::Method,
};
use copr_api::{
    names::DirName,
    v3::{ProjectKey, ProjectKeys, SignWith},
};

use super::{find_project, project::owned};
use crate::{
    clock,
    db::{
        self,
        key::{self, Key},
        permission::Role,
        project::Project,
    },
    http::{
        auth::Caller,
        error::ApiError,
        params::{self, Params},
        routes::Routes,
    },
    state::AppState,
};

/// The addresses of this file.
pub fn routes() -> Routes {
    Routes::default().api(Method::GET, "/api_3/project-key", get).api(
        Method::POST,
        "/api_3/project-key/rotate/{owner}/{project}",
        rotate,
    )
}

/// What is told of a project's keys; one that is not made yet is not waited for.
///
/// # Errors
/// The database does not answer.
pub(crate) async fn view(state: &AppState, project: &Project) -> Result<ProjectKeys, ApiError> {
    let keys = state.signing.known_keys_of(project).await?;
    let signs = project.signing != SignWith::Nothing;
    let unsigned = db::key::unsigned(&state.db, project.id).await?;
    let dirname: DirName = params::name(project.name.as_str(), "")?;
    let one = |key: Key| ProjectKey {
        current: key::signs(project, &key),
        of_owner: key.project_id.is_none(),
        fingerprint: key.fingerprint,
        created_on: clock::seconds(key.created_ms),
        trusted_until: key.trusted_until_ms.map(clock::seconds),
        public_key: key.public,
    };
    Ok(ProjectKeys {
        ownername: project.owner.to_string(),
        projectname: project.name.to_string(),
        signing: project.signing,
        pubkey_url: signs.then(|| state.public_keys_url(&project.owner, &dirname)),
        gpgcheck: signs && unsigned == 0,
        unsigned,
        keys: keys.into_iter().map(one).collect(),
    })
}

/// `GET /api_3/project-key`.
///
/// # Errors
/// 404: there is no such project.
pub async fn get(State(state): State<AppState>, query: Params) -> Result<Json<ProjectKeys>, ApiError> {
    let project = find_project(&state, query.required("ownername")?, query.required("projectname")?).await?;
    Ok(Json(view(&state, &project).await?))
}

/// `POST /api_3/project-key/rotate/{owner}/{project}`: a new key, in place of one that stays trusted for a while.
///
/// # Errors
/// 400: the project signs nothing; 403: also for who administers a project whose owner's key it is; 404.
pub async fn rotate(
    State(state): State<AppState>,
    caller: Caller,
    Path((owner, name)): Path<(String, String)>,
) -> Result<Json<ProjectKeys>, ApiError> {
    let project = owned(&state, &caller, &owner, &name, Role::Admin, "change the key of").await?;
    if project.signing == SignWith::Owner {
        caller.require(&state, &project, Role::Owner, "change the key of the owner of").await?;
    }
    state.signing.rotate(&project).await?;
    tracing::info!(project = project.full_name(), by = caller.user.name, "signing key rotated");
    state.publishing.wake();
    Ok(Json(view(&state, &project).await?))
}
