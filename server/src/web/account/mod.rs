//! One's own account: `/user/`, `/user/password`, and `/api/`, the tokens for programs.

mod overview;
mod tokens;

use std::sync::Arc;

use askama::Template;
use axum::{
    Extension, Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::get,
};
use copr_api::names::Secret;
use serde::{Deserialize, Serialize};

use super::{
    PageError,
    form::{Form, SignedIn},
    frame::{Frame, Wants, show_with},
    sign_in::{Gate, wait},
};
use crate::{
    db::{self, user::User},
    password::{self, PasswordError},
    state::AppState,
};

/// The addresses.
pub(super) fn routes() -> Router<AppState> {
    tokens::routes().merge(overview::routes())
}

/// Those that count tries.
pub(super) fn password_routes() -> Router<AppState> {
    Router::new()
        .route("/user/password", get(password_page).post(change_password))
        .route("/user/password/", get(password_page).post(change_password))
}

/// `/user/password`.
#[derive(Debug, Template, Serialize)]
#[template(path = "password.html")]
struct PasswordPage {
    /// What is around it.
    #[serde(skip)]
    frame: Frame,
    /// Whether there is a password to change.
    has_one: bool,
    /// Why it was not changed; empty: nothing is wrong.
    error: String,
    /// It was changed.
    done: bool,
}

#[derive(Deserialize)]
struct Change {
    current: Secret,
    new: Secret,
    again: Secret,
}

/// What the page says beside its form.
enum Said {
    /// Nothing.
    Nothing,
    /// It was changed.
    Done,
    /// It was not.
    Wrong(StatusCode, String),
}

async fn password_page(
    State(state): State<AppState>,
    wants: Wants,
    frame: Frame,
    signed_in: SignedIn,
) -> Result<Response, PageError> {
    let has_one = hash(&state, &signed_in.user).await?.is_some();
    show_password(&state, wants, frame, has_one, Said::Nothing)
}

fn show_password(
    state: &AppState,
    wants: Wants,
    frame: Frame,
    has_one: bool,
    said: Said,
) -> Result<Response, PageError> {
    let done = matches!(said, Said::Done);
    let (status, error) = match said {
        Said::Nothing | Said::Done => (StatusCode::OK, String::new()),
        Said::Wrong(status, error) => (status, error),
    };
    let page = PasswordPage { frame, has_one: has_one && state.config.sign_in.passwords, error, done };
    Ok(([(header::CACHE_CONTROL, "no-store")], show_with(status, &wants, &page)?).into_response())
}

/// The hash of a user's password.
async fn hash(state: &AppState, user: &User) -> Result<Option<Secret>, db::Error> {
    Ok(db::user::with_password(&state.db, &user.name).await?.and_then(|(_, hash)| hash))
}

async fn change_password(
    State(state): State<AppState>,
    Extension(gate): Extension<Arc<Gate>>,
    wants: Wants,
    frame: Frame,
    form: Form<Change>,
) -> Result<Response, PageError> {
    let Form { user, viewer, value: Change { current, new, again } } = form;
    let hash = hash(&state, &user).await?;
    let has_one = hash.is_some();
    let refuse =
        |status, error: String| show_password(&state, wants, frame.clone(), has_one, Said::Wrong(status, error));
    if !state.config.sign_in.passwords || !has_one {
        return refuse(StatusCode::FORBIDDEN, String::new());
    }
    if let Err(seconds) = gate.count(&user.name) {
        let error = format!("There were too many tries. Try again in {seconds} seconds.");
        return Ok(wait(seconds, refuse(StatusCode::TOO_MANY_REQUESTS, error)?));
    }
    let changed = async {
        if !password::is_right(current, hash).await? {
            return Ok(Err("The current password is wrong."));
        }
        if new != again {
            return Ok(Err("The new password is not the same both times."));
        }
        password::hash(new).await.map(Ok)
    };
    match changed.await {
        Ok(Ok(hash)) => {
            db::user::set_password(&state.db, user.id, Some(&hash), viewer.session()).await?;
            tracing::info!(user = user.name, "a new password; the other sessions have ended");
            show_password(&state, wants, frame.clone(), has_one, Said::Done)
        }
        Ok(Err(text)) => refuse(StatusCode::FORBIDDEN, text.to_owned()),
        Err(error @ PasswordError::Length) => refuse(StatusCode::BAD_REQUEST, format!("{error}.")),
        Err(error @ PasswordError::Busy) => Ok(wait(60, refuse(StatusCode::SERVICE_UNAVAILABLE, format!("{error}."))?)),
        Err(error) => Err(error.into()),
    }
}
