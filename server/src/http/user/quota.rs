//! How much owners store.

use axum::{Json, extract::State, http::Method};
use copr_api::{names::OwnerName, v3::Quota};

use super::cut;
use crate::{
    db,
    http::{
        error::ApiError,
        params::{self, Params},
        routes::Routes,
    },
    state::AppState,
};

/// The addresses of this file.
pub fn routes() -> Routes {
    Routes::default().api(Method::GET, "/api_3/quota", quota)
}

/// `GET /api_3/quota?ownername=`: what an owner stores, and how much it may.
///
/// # Errors
/// 404: there is no such owner.
pub async fn quota(State(state): State<AppState>, query: Params) -> Result<Json<Quota>, ApiError> {
    let name = query.required("ownername")?;
    let missing = match name.starts_with('@') {
        true => format!("There is no such group: {}", cut(name)),
        false => format!("User {} does not exist.", cut(name)),
    };
    let ownername: OwnerName = params::name(name, &missing)?;
    if !db::quota::is_known(&state.db, &ownername).await? {
        return Err(ApiError::NotFound(missing));
    }
    let usage = db::quota::of_owner(&state.db, &ownername).await?;
    Ok(Json(Quota { ownername, used: usage.used, limit: usage.limit }))
}
