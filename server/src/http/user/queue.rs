//! The queue, as everyone may see it.

use axum::{Json, extract::State, http::Method};
use serde_json::{Value, json};

use crate::{
    db::waiting::{By, Line, overview},
    http::{error::ApiError, routes::Routes},
    state::AppState,
};

/// Owners in the overview.
const OWNERS: i64 = 50;
/// Architectures in it: more than there are.
const ARCHES: i64 = 100;

/// The addresses of this file.
pub fn routes() -> Routes {
    Routes::default().api(Method::GET, "/api_3/queue", queue)
}

/// `GET /api_3/queue`: jobs that wait and machines at work, by architecture and by owner. `pending` are the jobs that a builder
/// may take (`background` of them after all others), `waiting` those that wait for a source package or a batch.
///
/// # Errors
/// Ours only.
pub async fn queue(State(state): State<AppState>) -> Result<Json<Value>, ApiError> {
    let lines = |key: &'static str, lines: Vec<Line>| -> Vec<Value> {
        lines
            .into_iter()
            .map(|line| {
                json!({
                    key: line.name, "pending": line.pending, "background": line.background, "waiting": line.waiting,
                    "running": line.running,
                })
            })
            .collect()
    };
    let arches = lines("arch", overview(&state.db, By::Arch, ARCHES).await?);
    let owners = lines("owner", overview(&state.db, By::Owner, OWNERS).await?);
    Ok(Json(json!({ "arches": arches, "owners": owners })))
}
