//! `/terms/`: what users accept before they bring anything.

use askama::Template;
use axum::{
    Json, Router,
    extract::State,
    response::{IntoResponse as _, Redirect, Response},
    routing::get,
};
use copr_api::v3::TermsAccept;
use serde::{Deserialize, Serialize};

use crate::{
    clock, db,
    db::user::User,
    http::{
        params::{JsonBody, Lenient},
        user::terms,
    },
    state::AppState,
    web::{
        PageError,
        form::{Fields, Form, own_path},
        frame::{Frame, Wants, show},
        text::{Moment, encode},
        with_slash,
    },
};

/// The addresses.
pub(super) fn routes() -> Router<AppState> {
    Router::new().route("/terms", get(with_slash)).route("/terms/", get(page).post(accept))
}

/// The query.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Next {
    next: String,
}

#[derive(Debug, Template, Serialize)]
#[template(path = "content/terms.html")]
struct TermsPage {
    #[serde(skip)]
    frame: Frame,
    /// What they say.
    text: String,
    /// Which text it is.
    version: String,
    /// When who looks accepted them.
    accepted: Option<Moment>,
    /// Path to go on to.
    #[serde(skip)]
    next: String,
}

/// Where somebody who signs in goes first: to the terms, while he has not accepted them, and then on to `next`.
///
/// # Errors
/// The database does not answer.
pub(in crate::web) async fn before(state: &AppState, user: &User, next: &str) -> Result<String, db::Error> {
    match &state.terms {
        Some(terms) if db::terms::accepted(&state.db, user.id, &terms.version).await?.is_none() => {
            Ok(format!("/terms/?next={}", encode(next)))
        }
        _ => Ok(next.to_owned()),
    }
}

async fn page(
    State(state): State<AppState>,
    wants: Wants,
    frame: Frame,
    Lenient(query): Lenient<Next>,
) -> Result<Response, PageError> {
    let Some(of) = &state.terms else {
        return Err(PageError::Missing("Nobody has to accept any terms here.".to_owned()));
    };
    let accepted = match &frame.viewer.user {
        Some(user) => db::terms::accepted(&state.db, user.id, &of.version).await?,
        None => None,
    };
    let now = clock::now_ms();
    let page = TermsPage {
        frame,
        text: of.text.clone(),
        version: of.version.clone(),
        accepted: accepted.map(|ms| Moment::new(ms, now)),
        next: own_path(&query.next).to_owned(),
    };
    show(&wants, &page)
}

/// Accepts them: fields `version` and `next`.
async fn accept(State(state): State<AppState>, frame: Frame, form: Form<Fields>) -> Result<Response, PageError> {
    let body = TermsAccept { version: form.value.get("version").to_owned() };
    let Json(_) = terms::accept(State(state), frame.caller()?, JsonBody(body)).await?;
    Ok(Redirect::to(own_path(form.value.get("next"))).into_response())
}
