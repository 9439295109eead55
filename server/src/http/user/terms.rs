//! The terms that users accept before they bring anything.

use axum::{Json, extract::State, http::Method};
use copr_api::v3::{Terms as View, TermsAccept};

use crate::{
    clock::{self, seconds},
    db,
    http::{auth::Caller, error::ApiError, params::JsonBody, routes::Routes},
    state::AppState,
};

/// The addresses of this file.
pub fn routes() -> Routes {
    Routes::default().api(Method::GET, "/api_3/terms", get).api(Method::POST, "/api_3/terms/accept", accept)
}

/// `GET /api_3/terms`.
///
/// # Errors
/// The database does not answer.
pub async fn get(State(state): State<AppState>, caller: Caller) -> Result<Json<View>, ApiError> {
    view(&state, &caller).await.map(Json)
}

async fn view(state: &AppState, caller: &Caller) -> Result<View, ApiError> {
    let Some(terms) = &state.terms else { return Ok(View { text: None, version: None, accepted_on: None }) };
    let accepted = db::terms::accepted(&state.db, caller.user.id, &terms.version).await?;
    Ok(View {
        text: Some(terms.text.clone()),
        version: Some(terms.version.clone()),
        accepted_on: accepted.map(seconds),
    })
}

/// `POST /api_3/terms/accept`.
///
/// # Errors
/// 400: other terms are in force; 403.
pub async fn accept(
    State(state): State<AppState>,
    caller: Caller,
    JsonBody(body): JsonBody<TermsAccept>,
) -> Result<Json<View>, ApiError> {
    caller.whole("accept terms")?;
    if let Some(terms) = &state.terms {
        if body.version != terms.version {
            return Err(ApiError::BadRequest(
                "version: Other terms are in force now: read them, and accept those".to_owned(),
            ));
        }
        db::terms::accept(&state.db, caller.user.id, &terms.version, clock::now_ms()).await?;
        tracing::info!(by = caller.user.name, version = terms.version, "terms accepted");
    }
    view(&state, &caller).await.map(Json)
}
