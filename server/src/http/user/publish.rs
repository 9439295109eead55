//! What waits to be published, and why.

use axum::{Json, extract::State, http::Method};
use copr_api::v3::{PublishState, RepositoryPublish};

use super::find_project;
use crate::{
    clock, db,
    http::{error::ApiError, params::Params, routes::Routes},
    state::AppState,
};

/// The addresses of this file.
pub fn routes() -> Routes {
    Routes::default().api(Method::GET, "/api_3/project/publish-state", publish_state)
}

/// `GET /api_3/project/publish-state`: repositories whose publish waits, runs, or failed and is tried again.
///
/// # Errors
/// 400: no project is named, 404: there is no such project.
pub async fn publish_state(State(state): State<AppState>, query: Params) -> Result<Json<PublishState>, ApiError> {
    let project = find_project(&state, query.required("ownername")?, query.required("projectname")?).await?;
    let queued = db::task::troubles(&state.db, &project.owner, &project.name, clock::now_ms()).await?;
    let repositories = queued.into_iter().map(|task| RepositoryPublish {
        dirname: task.repository.dirname.to_string(),
        chroot: task.repository.chroot.to_string(),
        running: task.running,
        attempts: task.attempts,
        error: task.error,
        next_try: clock::seconds(task.next_ms),
    });
    Ok(Json(PublishState { repositories: repositories.collect() }))
}
