//! What a project asks of what is not built in it.

use axum::{
    Json,
    extract::{Path, State},
    http::Method,
};
use copr_api::v3::{Gates as View, GatesEdit};

use super::{find_project, project::owned};
use crate::{
    db::{self, gates::Gates, permission::Role},
    http::{
        auth::Caller,
        error::ApiError,
        params::{JsonBody, Params},
        routes::Routes,
    },
    state::AppState,
};

/// Most votes, and most days, that may be asked for.
const MOST: (i64, i64) = (100, 365);

/// The addresses of this file.
pub fn routes() -> Routes {
    Routes::default().api(Method::GET, "/api_3/project/gates", get).api(
        Method::PUT,
        "/api_3/project/gates/{owner}/{project}",
        set,
    )
}

fn view(gates: Gates) -> View {
    let Gates { rpm_uploads, admins_only, votes, days, impact, by_hand } = gates;
    View { rpm_uploads, admins_only, votes, days, impact, by_hand }
}

/// `GET /api_3/project/gates`.
///
/// # Errors
/// 400: no project is named, 404: there is no such project.
pub async fn get(State(state): State<AppState>, query: Params) -> Result<Json<View>, ApiError> {
    let project = find_project(&state, query.required("ownername")?, query.required("projectname")?).await?;
    Ok(Json(view(db::gates::of_project(&state.db, project.id).await?)))
}

/// `PUT /api_3/project/gates/{owner}/{project}`: what is not sent stays.
///
/// # Errors
/// 400: a number is too large or too small; 403, 404.
pub async fn set(
    State(state): State<AppState>,
    caller: Caller,
    Path((owner, name)): Path<(String, String)>,
    JsonBody(edit): JsonBody<GatesEdit>,
) -> Result<Json<View>, ApiError> {
    let project = owned(&state, &caller, &owner, &name, Role::Admin, "change").await?;
    let mut wrong = Vec::new();
    for (field, value, most) in [("votes", edit.votes, MOST.0), ("days", edit.days, MOST.1)] {
        if value.is_some_and(|value| !(0..=most).contains(&value)) {
            wrong.push(format!("{field}: Number must be between 0 and {most}."));
        }
    }
    if !wrong.is_empty() {
        return Err(ApiError::BadRequest(wrong.join("\n")));
    }
    let had = db::gates::of_project(&state.db, project.id).await?;
    let gates = Gates {
        rpm_uploads: edit.rpm_uploads.unwrap_or(had.rpm_uploads),
        admins_only: edit.admins_only.unwrap_or(had.admins_only),
        votes: edit.votes.unwrap_or(had.votes),
        days: edit.days.unwrap_or(had.days),
        impact: edit.impact.unwrap_or(had.impact),
        by_hand: edit.by_hand.unwrap_or(had.by_hand),
    };
    match db::gates::set(&state.db, project.id, &gates).await {
        Err(error) if error.is_orphan() => {
            return Err(ApiError::NotFound(format!("Project {} does not exist.", project.full_name())));
        }
        done => done?,
    }
    tracing::info!(project = project.full_name(), by = caller.user.name, "gates changed");
    state.promoting.wake();
    Ok(Json(view(gates)))
}
