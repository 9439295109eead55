//! Licences that nobody knows: what waits for a decision, and deciding.

use axum::{
    Json,
    extract::{Path, State},
    http::Method,
    response::Response,
};
use copr_api::v3::{LicenceDecided, LicenceDecision, LicenceKept, LicenceWaiting};
use serde_json::{Value, json};

use super::paging;
use crate::{
    clock::{self, seconds},
    db::{
        self,
        licence::{Decision, Said, Waiting},
    },
    http::{
        auth::Caller,
        error::ApiError,
        params::{self, JsonBody, Params},
        routes::Routes,
    },
    state::AppState,
};

/// The longest reason, in characters.
pub(crate) const REASON: usize = 2000;

/// The addresses of this file.
pub fn routes() -> Routes {
    Routes::default()
        .api(Method::GET, "/api_3/licence/queue", queue)
        .api(Method::POST, "/api_3/licence/approve/{id}", approve)
        .api(Method::POST, "/api_3/licence/refuse/{id}", refuse)
        .api(Method::GET, "/api_3/licence/list", list)
        .api(Method::DELETE, "/api_3/licence/forget/{id}", forget)
}

fn waiting_view(of: Waiting) -> LicenceWaiting {
    LicenceWaiting {
        build_id: of.build_id,
        ownername: of.owner,
        projectname: of.project,
        package: of.package_name,
        version: of.package_version,
        submitter: of.submitter,
        submitted_on: seconds(of.submitted_ms),
        licence: of.licence,
        reason: of.reason,
    }
}

fn kept_view(of: Decision) -> LicenceKept {
    LicenceKept {
        id: of.id,
        project: of.project.map(|(owner, name)| format!("{owner}/{name}")),
        package: Some(of.package_name).filter(|name| !name.is_empty()),
        licence: of.licence,
        approved: of.approved,
        reason: of.reason,
        by: of.by,
        decided_on: seconds(of.decided_ms),
    }
}

/// `GET /api_3/licence/queue`: oldest first.
///
/// # Errors
/// 403.
pub async fn queue(State(state): State<AppState>, caller: Caller, query: Params) -> Result<Response, ApiError> {
    caller.require_reviewer("see what waits for a review of its licence")?;
    let (window, meta) = query.page()?;
    paging::page(window, meta, move |window, _| {
        let state = state.clone();
        async move {
            let waiting = db::licence::queue(&state.db, window).await?;
            Ok(waiting.into_iter().map(waiting_view).collect::<Vec<_>>())
        }
    })
    .await
}

/// `GET /api_3/licence/list`: what was decided, newest first.
///
/// # Errors
/// 403.
pub async fn list(State(state): State<AppState>, caller: Caller, query: Params) -> Result<Response, ApiError> {
    caller.require_reviewer("see what was decided about licences")?;
    let (window, meta) = query.page()?;
    paging::page(window, meta, move |window, _| {
        let state = state.clone();
        async move {
            let kept = db::licence::decisions(&state.db, window).await?;
            Ok(kept.into_iter().map(kept_view).collect::<Vec<_>>())
        }
    })
    .await
}

/// `POST /api_3/licence/approve/{id}`: the build goes on, and others that wait with the same licence.
///
/// # Errors
/// 403; 409: it does not wait for that.
pub async fn approve(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<String>,
    JsonBody(body): JsonBody<LicenceDecision>,
) -> Result<Json<LicenceDecided>, ApiError> {
    decide(&state, &caller, &id, true, &body).await.map(Json)
}

/// `POST /api_3/licence/refuse/{id}`: the build fails, and others that wait with the same licence.
///
/// # Errors
/// 400: there is no reason; 403; 409: it does not wait for that.
pub async fn refuse(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<String>,
    JsonBody(body): JsonBody<LicenceDecision>,
) -> Result<Json<LicenceDecided>, ApiError> {
    decide(&state, &caller, &id, false, &body).await.map(Json)
}

/// A reason that is not too long, without blanks around it.
pub(crate) fn reason<'a>(field: &str, text: &'a str, needed: bool) -> Result<&'a str, ApiError> {
    let text = text.trim();
    if text.is_empty() && needed {
        return Err(ApiError::BadRequest(format!("{field}: Say why; those whom it hits read it")));
    }
    if text.chars().count() > REASON {
        return Err(ApiError::BadRequest(format!("{field}: At most {REASON} characters")));
    }
    Ok(text)
}

/// Decides; the page of the queue calls it, too.
pub(crate) async fn decide(
    state: &AppState,
    caller: &Caller,
    id: &str,
    approved: bool,
    body: &LicenceDecision,
) -> Result<LicenceDecided, ApiError> {
    caller.require_reviewer("decide about licences")?;
    let id = params::id(id)?;
    let reason = reason("reason", &body.reason, !approved)?;
    let said = Said { approved, reason, everywhere: body.everywhere, by: &caller.user.name };
    let builds = db::licence::decide(&state.db, id, said, clock::now_ms()).await?;
    let builds = builds
        .ok_or_else(|| ApiError::Conflict(format!("Build {id} does not wait for a decision about its licence.")))?;
    tracing::info!(build.id = id, approved, everywhere = body.everywhere, by = caller.user.name, "licence decided");
    crate::die::at("licence decided");
    for &build in &builds {
        state.following.changed(build);
    }
    state.queue.wake();
    Ok(LicenceDecided { builds })
}

/// `DELETE /api_3/licence/forget/{id}`: later builds are judged as if nobody had decided.
///
/// # Errors
/// 403, 404.
pub async fn forget(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    caller.require_reviewer("decide about licences")?;
    let id = params::id(&id)?;
    if !db::licence::forget(&state.db, id, &caller.user.name, clock::now_ms()).await? {
        return Err(ApiError::NotFound(format!("There is no decision {id}.")));
    }
    tracing::info!(decision = id, by = caller.user.name, "decision about a licence forgotten");
    Ok(Json(json!({ "message": "It is forgotten." })))
}
