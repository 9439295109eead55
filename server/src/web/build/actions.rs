//! What can be done with a build: the forms of its page.

use axum::{
    Json,
    extract::{Path, State},
    response::Redirect,
};

use super::find;
use crate::{
    http::user::{build, repeat::repeat as build_again},
    state::AppState,
    web::{
        PageError,
        form::{Fields, Form},
        frame::Frame,
        text::project_url,
    },
};

/// `POST …/cancel`: as `build/cancel` of the API.
///
/// # Errors
/// No such build, no permission, or it has ended.
pub(super) async fn cancel(
    State(state): State<AppState>,
    Path(id): Path<String>,
    frame: Frame,
    _: Form<Fields>,
) -> Result<Redirect, PageError> {
    let number = find(&state, &id).await?.id;
    let Json(_) = build::cancel(State(state), frame.caller()?, Path(id)).await?;
    Ok(Redirect::to(&format!("/coprs/build/{number}")))
}

/// `POST …/delete`: as `build/delete` of the API.
///
/// # Errors
/// No such build, no permission, or it has not ended.
pub(super) async fn delete(
    State(state): State<AppState>,
    Path(id): Path<String>,
    frame: Frame,
    _: Form<Fields>,
) -> Result<Redirect, PageError> {
    let of = find(&state, &id).await?;
    let Json(_) = build::delete(State(state), frame.caller()?, Path(id)).await?;
    Ok(Redirect::to(&project_url(of.owner.as_str(), of.project.as_str())))
}

/// `POST …/repeat`: the same source once more, for the chroots that are ticked.
///
/// # Errors
/// No such build, no permission, no chroot, or the source is gone.
pub(super) async fn repeat(
    State(state): State<AppState>,
    Path(id): Path<String>,
    frame: Frame,
    form: Form<Fields>,
) -> Result<Redirect, PageError> {
    let old = find(&state, &id).await?;
    let chroots: Vec<String> = form.value.all("chroots").map(str::to_owned).collect();
    if chroots.is_empty() {
        return Err(PageError::Refused("Tick at least one chroot to build for.".to_owned()));
    }
    let new = build_again(&state, &frame.caller()?, &old, chroots).await?;
    Ok(Redirect::to(&format!("/coprs/build/{}", new.id)))
}
