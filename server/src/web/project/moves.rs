//! What is done to a whole project: forking, deleting, repositories made anew.

use askama::Template;
use axum::{
    Json, Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use serde::Serialize;
use serde_json::json;

use super::{Fields, Head, Of, below, names_of};
use crate::{
    db::permission::Role,
    http::{
        params::JsonBody,
        user::{fork, project},
    },
    state::AppState,
    web::{
        error::PageError,
        faults::Faults,
        frame::{Frame, Wants, show, show_with},
        inputs::Values,
        text::project_url,
    },
};

/// The addresses.
pub(super) fn routes() -> Router<AppState> {
    let router = below(Router::new(), "fork/", get(fork_page).post(fork_it));
    let router = below(router, "delete/", get(delete_page).post(delete));
    below(router, "regenerate_repos/", post(regenerate))
}

#[derive(Debug, Template, Serialize)]
#[template(path = "project/fork.html")]
struct ForkPage {
    #[serde(skip)]
    frame: Frame,
    #[serde(flatten)]
    head: Head,
    #[serde(skip)]
    values: Values,
    #[serde(skip)]
    faults: Faults,
}

async fn fork_page(
    State(state): State<AppState>,
    Of(project): Of,
    wants: Wants,
    frame: Frame,
) -> Result<Response, PageError> {
    let user = frame.caller()?.user.name;
    let head = Head::new(&state, &frame.viewer, &project, "fork/").await?;
    let values = Values::default().with("ownername", user).with("name", &project.name);
    show(&wants, &ForkPage { frame, head, values, faults: Faults::default() })
}

/// Fields `ownername`, `name`, and `confirm` for a project that is there.
async fn fork_it(
    State(state): State<AppState>,
    Of(project): Of,
    wants: Wants,
    frame: Frame,
    form: Fields,
) -> Result<Response, PageError> {
    let values: Values = form.value.into_iter().collect();
    let (ownername, name) = (values.get("ownername").trim(), values.get("name").trim());
    let body =
        serde_json::from_value(json!({ "ownername": ownername, "name": name, "confirm": values.is("confirm") }))?;
    let forked = fork::fork_project(State(state.clone()), frame.caller()?, names_of(&project), JsonBody(body)).await;
    let faults = match forked {
        Ok(Json(forked)) => {
            return Ok(Redirect::to(&project_url(forked.ownername.as_str(), forked.name.as_str())).into_response());
        }
        // Who the form says is not there: that is the form's fault.
        Err(crate::http::error::ApiError::NotFound(text) | crate::http::error::ApiError::Forbidden(text)) => {
            let mut faults = Faults::default();
            faults.add("ownername", &text);
            faults
        }
        Err(error) => Faults::of(error, &["name", "ownername"])?,
    };
    let head = Head::new(&state, &frame.viewer, &project, "fork/").await?;
    show_with(StatusCode::BAD_REQUEST, &wants, &ForkPage { frame, head, values, faults })
}

#[derive(Debug, Template, Serialize)]
#[template(path = "project/delete.html")]
struct DeletePage {
    #[serde(skip)]
    frame: Frame,
    #[serde(flatten)]
    head: Head,
    #[serde(skip)]
    faults: Faults,
}

impl DeletePage {
    fn hint(&self) -> String {
        format!("Type {}/{} to confirm.", self.head.owner, self.head.name)
    }
}

async fn delete_page(
    State(state): State<AppState>,
    Of(project): Of,
    wants: Wants,
    frame: Frame,
) -> Result<Response, PageError> {
    frame.caller()?.require(&state, &project, Role::Owner, "delete").await?;
    let head = Head::new(&state, &frame.viewer, &project, "delete/").await?;
    show(&wants, &DeletePage { frame, head, faults: Faults::default() })
}

/// The field `confirm` must hold `OWNER/PROJECT`.
async fn delete(
    State(state): State<AppState>,
    Of(project): Of,
    wants: Wants,
    frame: Frame,
    form: Fields,
) -> Result<Response, PageError> {
    let caller = frame.caller()?;
    caller.require(&state, &project, Role::Owner, "delete").await?;
    let values: Values = form.value.into_iter().collect();
    let mut faults = Faults::default();
    if values.get("confirm").trim() == project.full_name() {
        let body = serde_json::from_value(json!({ "verify": true }))?;
        match project::delete(State(state.clone()), caller, names_of(&project), JsonBody(body)).await {
            Ok(Json(_)) => {
                let owner = crate::web::text::owner_url(project.owner.as_str());
                return Ok(Redirect::to(&owner).into_response());
            }
            Err(error) => faults = Faults::of(error, &[])?,
        }
    } else {
        faults.add("confirm", &format!("Type {} to delete it.", project.full_name()));
    }
    let status = if faults.general.is_empty() { StatusCode::BAD_REQUEST } else { StatusCode::CONFLICT };
    let head = Head::new(&state, &frame.viewer, &project, "delete/").await?;
    show_with(status, &wants, &DeletePage { frame, head, faults })
}

async fn regenerate(
    State(state): State<AppState>,
    Of(project): Of,
    frame: Frame,
    _form: Fields,
) -> Result<Response, PageError> {
    let Json(_) = project::regenerate(State(state), frame.caller()?, names_of(&project)).await?;
    let url = project_url(project.owner.as_str(), project.name.as_str());
    Ok(Redirect::to(&format!("{url}?done=1")).into_response())
}
