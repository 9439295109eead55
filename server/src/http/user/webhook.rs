//! Webhooks of projects.

use axum::{
    Json,
    extract::{Path, State},
    http::Method,
};
use copr_api::v3::WebhookSecret;

use super::project::owned;
use crate::{
    db::{self, permission::Role},
    http::{auth::Caller, error::ApiError, routes::Routes},
    state::AppState,
};

/// The addresses of this file.
pub fn routes() -> Routes {
    Routes::default().api(Method::POST, "/api_3/webhook/generate/{owner}/{project}", generate)
}

/// `POST /api_3/webhook/generate/{owner}/{project}`: a new secret; the old one is void.
///
/// # Errors
/// 403, 404.
pub async fn generate(
    State(state): State<AppState>,
    caller: Caller,
    Path((owner, name)): Path<(String, String)>,
) -> Result<Json<WebhookSecret>, ApiError> {
    let project = owned(&state, &caller, &owner, &name, Role::Admin, "change").await?;
    let secret = db::webhook::renew(&state.db, project.id).await?;
    let webhook_secret =
        secret.ok_or_else(|| ApiError::NotFound(format!("Project {} does not exist.", project.full_name())))?;
    tracing::info!(project = project.full_name(), by = caller.user.name, "webhook secret renewed");
    let full_name = project.full_name();
    Ok(Json(WebhookSecret { id: project.id, name: project.name, ownername: project.owner, full_name, webhook_secret }))
}
