//! `/admin/`: the users, who is let in, and who administers the site.

use askama::Template;
use axum::{
    Router,
    extract::State,
    response::{IntoResponse as _, Redirect, Response},
    routing::{get, post},
};
use serde::{Deserialize, Serialize};

use super::{Tab, administrator, tabs};
use crate::{
    clock, db,
    http::params::Lenient,
    state::AppState,
    web::{
        PageError,
        form::{Fields, Form},
        frame::{Frame, Wants, show},
        paging::Paging,
        text::{Moment, encode},
    },
};

/// Users on one page.
const USERS: u64 = 100;
/// The longest text that is looked for, in characters.
const QUERY: usize = 100;

/// The addresses.
pub(super) fn routes() -> Router<AppState> {
    Router::new().route("/admin/", get(page)).route("/admin/users/", post(change))
}

/// The query.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Query {
    user: String,
    page: String,
}

#[derive(Debug, Serialize)]
struct Line {
    name: String,
    admin: bool,
    /// Decides about licences.
    reviewer: bool,
    disabled: bool,
    /// Who it is elsewhere.
    identity: Option<String>,
    since: Moment,
    /// It is who looks.
    #[serde(skip)]
    own: bool,
}

#[derive(Debug, Template, Serialize)]
#[template(path = "admin/users.html")]
struct UsersPage {
    #[serde(skip)]
    frame: Frame,
    #[serde(skip)]
    tabs: Vec<Tab>,
    /// What names have.
    user: String,
    users: Vec<Line>,
    paging: Paging,
}

async fn page(
    State(state): State<AppState>,
    wants: Wants,
    frame: Frame,
    Lenient(query): Lenient<Query>,
) -> Result<Response, PageError> {
    let caller = administrator(&frame)?;
    let wanted: String = query.user.trim().chars().take(QUERY).collect();
    let mut paging = Paging::new(&query.page, USERS, format!("/admin/?user={}", encode(&wanted)));
    let mut found = db::account::search(&state.db, &wanted, paging.window()).await?;
    paging.cut(&mut found);
    let now = clock::now_ms();
    let line = |account: db::account::Account| Line {
        admin: account.user.admin,
        reviewer: account.user.reviewer,
        disabled: account.user.disabled,
        identity: account.identity,
        since: Moment::new(account.user.created_ms, now),
        own: account.user.id == caller.user.id,
        name: account.user.name,
    };
    let users = found.into_iter().map(line).collect();
    show(&wants, &UsersPage { frame, tabs: tabs("/admin/"), user: wanted, users, paging })
}

/// Changes a user: fields `user`, and `to` with `disabled`, `enabled`, `admin`, `plain`,
/// `reviewer` or `no-reviewer`.
async fn change(State(state): State<AppState>, frame: Frame, form: Form<Fields>) -> Result<Response, PageError> {
    let caller = administrator(&frame)?;
    let (name, to) = (form.value.get("user"), form.value.get("to"));
    // So somebody is left who administers the site.
    if name == caller.user.name {
        return Err(PageError::Refused("Another administrator must do that to you.".to_owned()));
    }
    let known = match to {
        "disabled" => db::user::set_disabled(&state.db, name, true).await?,
        "enabled" => db::user::set_disabled(&state.db, name, false).await?,
        "admin" => db::account::set_admin(&state.db, name, true).await?,
        "plain" => db::account::set_admin(&state.db, name, false).await?,
        "reviewer" => db::account::set_reviewer(&state.db, name, true).await?,
        "no-reviewer" => db::account::set_reviewer(&state.db, name, false).await?,
        _ => return Err(PageError::Refused("The form does not say what the user is to be.".to_owned())),
    };
    if !known {
        return Err(PageError::Missing("There is no such user.".to_owned()));
    }
    tracing::info!(user = name, to, by = caller.user.name, "user changed");
    Ok(Redirect::to(&format!("/admin/?user={}", encode(name))).into_response())
}
