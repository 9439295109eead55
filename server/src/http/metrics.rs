//! `/metrics` for Prometheus, and `/healthz`.

use axum::{
    Json,
    extract::{Request, State},
    http::header::{AUTHORIZATION, CONTENT_TYPE},
    response::{IntoResponse as _, Response},
};
use serde_json::json;

use super::{error::ApiError, peer::Peer};
use crate::{
    clock,
    db::{self, operation},
    state::AppState,
};

/// `GET /metrics`, in the format `OpenMetrics`.
///
/// # Errors
/// 403: the caller is on another machine and has no token.
pub(super) async fn metrics(State(state): State<AppState>, request: Request) -> Result<Response, ApiError> {
    if !may_read(&state, &request) {
        return Err(ApiError::Forbidden(
            "/metrics is for this machine, and for who has the token ([metrics] in coprd.toml)".to_owned(),
        ));
    }
    let now = clock::now_ms();
    let figures = operation::figures(&state.db, now).await?;
    let pool = state.db.connections();
    let followers = state.following.count();
    let text = state.metrics.render(&figures, pool, followers).map_err(|error| ApiError::Internal(error.into()))?;
    Ok(([(CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text).into_response())
}

fn may_read(state: &AppState, request: &Request) -> bool {
    let config = &state.config.metrics;
    if config.public || request.extensions().get::<Peer>().is_some_and(|peer| peer.0.is_some_and(|a| a.is_loopback())) {
        return true;
    }
    let Some(token) = config.token.as_ref().map(copr_api::names::Secret::expose).filter(|token| !token.is_empty())
    else {
        return false;
    };
    let given = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    // Digests are compared, so that the time it takes tells nothing.
    given
        .and_then(|text| text.strip_prefix("Bearer "))
        .is_some_and(|given| db::token::digest(given.trim()) == db::token::digest(token))
}

/// `GET /healthz`: 200 when requests can be served: the database answers. `?verbose` tells the parts as JSON.
///
/// # Errors
/// 500: the database does not answer.
pub(super) async fn healthz(State(state): State<AppState>, request: Request) -> Result<Response, ApiError> {
    state.db.ping().await?;
    if !request.uri().query().is_some_and(|query| query.split('&').any(|part| part.starts_with("verbose"))) {
        return Ok("ok\n".into_response());
    }
    let figures = operation::figures(&state.db, clock::now_ms()).await?;
    let stopping = state.stopping.is_cancelled();
    Ok(Json(json!({
        "status": if stopping { "stopping" } else { "ok" },
        "version": env!("CARGO_PKG_VERSION"),
        "database": { "engine": state.db.engine(), "schema": db::schema_version(&state.db).await? },
        "queue": { "waiting": figures.of_state(&["pending", "waiting"]), "running": figures.of_state(&["starting", "running"]) },
        "publishing": { "waiting": figures.tasks_waiting, "failing": figures.tasks_failing },
    }))
    .into_response())
}
