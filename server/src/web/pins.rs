//! Pinned projects: the lists of them, and the buttons.

use axum::{
    Json, Router,
    extract::{Path, State},
    response::{IntoResponse as _, Redirect, Response},
    routing::post,
};
use copr_api::{names::OwnerName, v3::Pins};
use serde::Serialize;

use super::{
    PageError,
    form::{Fields, Form, own_path},
    frame::Frame,
    text::project_url,
};
use crate::{
    db::{self, project::Project},
    http::{params::JsonBody, user::pin},
    state::AppState,
};

/// The address of all buttons.
pub(super) fn routes() -> Router<AppState> {
    Router::new().route("/pins/", post(change))
}

/// A pinned project in a list that can be changed; show them with the macro `pins`.
#[derive(Debug, Serialize)]
pub(super) struct PinLine {
    /// `OWNER/NAME`.
    pub(super) project: String,
    /// Its page.
    pub(super) url: String,
}

/// What an owner has pinned.
///
/// # Errors
/// The database does not answer.
pub(super) async fn lines(state: &AppState, owner: &OwnerName) -> Result<Vec<PinLine>, db::Error> {
    let pins = db::pin::of_owner(&state.db, owner).await?;
    let line = |pin: db::pin::Pin| PinLine {
        project: pin.full_name(),
        url: project_url(pin.owner.as_str(), pin.name.as_str()),
    };
    Ok(pins.into_iter().map(line).collect())
}

/// A button on a project's page.
#[derive(Debug)]
pub(super) struct Button {
    /// On whose pages it would stand first.
    pub(super) owner: String,
    /// It does already.
    pub(super) pinned: bool,
}

/// The buttons for who looks at a project: for the own page, and for that of the owning group if it is administered by who looks.
///
/// # Errors
/// The database does not answer.
pub(super) async fn buttons(state: &AppState, frame: &Frame, project: &Project) -> Result<Vec<Button>, PageError> {
    let Ok(caller) = frame.caller() else { return Ok(Vec::new()) };
    let mut owners: Vec<OwnerName> = vec![caller.user.name.parse()?];
    if project.owner.is_group() && pin::may_pin(state, &caller, &project.owner).await.is_ok() {
        owners.push(project.owner.clone());
    }
    let mut buttons = Vec::with_capacity(owners.len());
    for owner in owners {
        let pins = db::pin::of_owner(&state.db, &owner).await?;
        let pinned = pins.iter().any(|pin| pin.project_id == project.id);
        buttons.push(Button { owner: owner.to_string(), pinned });
    }
    Ok(buttons)
}

/// Changes what an owner has pinned: fields `owner`, `project`, `as` with `pin`, `unpin`, `up` or `down`, and `next`, the page to go
/// on to.
async fn change(State(state): State<AppState>, frame: Frame, form: Form<Fields>) -> Result<Response, PageError> {
    let caller = frame.caller()?;
    let fields = form.value;
    let nobody = |_| PageError::Refused("The form does not say whose page it is about.".to_owned());
    let owner: OwnerName = fields.get("owner").parse().map_err(nobody)?;
    let project = fields.get("project").to_owned();
    let pins = db::pin::of_owner(&state.db, &owner).await?;
    let mut projects: Vec<String> = pins.iter().map(db::pin::Pin::full_name).collect();
    let at = projects.iter().position(|pinned| *pinned == project);
    match (fields.get("as"), at) {
        ("pin", None) => projects.push(project),
        ("unpin", Some(at)) => drop(projects.remove(at)),
        ("up", Some(at)) if at > 0 => projects.swap(at, at - 1),
        ("down", Some(at)) if at + 1 < projects.len() => projects.swap(at, at + 1),
        // It is so already, e.g. by another window.
        ("pin" | "unpin" | "up" | "down", _) => {}
        _ => return Err(PageError::Refused("The form does not say what is to be done.".to_owned())),
    }
    let Json(_) = pin::set(State(state), caller, Path(owner.to_string()), JsonBody(Pins { projects })).await?;
    Ok(Redirect::to(own_path(fields.get("next"))).into_response())
}
