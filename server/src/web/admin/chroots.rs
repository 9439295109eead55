//! `/admin/chroots/`: what is said of chroots beside their definitions.

use askama::Template;
use axum::{
    Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
    routing::get,
};
use copr_api::names::Chroot;
use serde::Serialize;

use super::{Tab, administrator, tabs};
use crate::{
    admin::chroots::{Change, apply},
    clock, db,
    state::AppState,
    web::{
        PageError,
        form::{Fields, Form},
        frame::{Frame, Wants, show, show_with},
    },
};

/// The address.
pub(super) fn routes() -> Router<AppState> {
    Router::new().route("/admin/chroots/", get(page).post(change))
}

#[derive(Debug, Serialize)]
struct Line {
    name: String,
    /// There is a definition.
    defined: bool,
    comment: String,
    /// Day on which its life ends, `YYYY-MM-DD`; empty: none.
    eol: String,
    /// Projects may choose it.
    active: bool,
    /// What is wrong with what was typed; empty: nothing.
    error: String,
}

#[derive(Debug, Template, Serialize)]
#[template(path = "admin/chroots.html")]
struct ChrootsPage {
    #[serde(skip)]
    frame: Frame,
    #[serde(skip)]
    tabs: Vec<Tab>,
    chroots: Vec<Line>,
    #[serde(skip)]
    done: bool,
}

impl ChrootsPage {
    async fn load(state: &AppState, frame: Frame) -> Result<Self, PageError> {
        let notes = db::note::list(&state.db).await?;
        let mut names: Vec<&Chroot> =
            state.chroots.iter().map(|(name, _)| name).chain(notes.iter().map(|note| &note.chroot)).collect();
        names.sort();
        names.dedup();
        let line = |name: &Chroot| {
            let note = notes.iter().find(|note| note.chroot == *name);
            Line {
                name: name.to_string(),
                defined: state.chroots.get(name).is_some(),
                comment: note.and_then(|note| note.comment.clone()).unwrap_or_default(),
                eol: note.and_then(|note| note.eol_ms).map(clock::date).unwrap_or_default(),
                active: note.is_none_or(|note| note.active),
                error: String::new(),
            }
        };
        let chroots = names.into_iter().map(line).collect();
        Ok(Self { done: frame.is_done(), frame, tabs: tabs("/admin/chroots/"), chroots })
    }
}

async fn page(State(state): State<AppState>, wants: Wants, frame: Frame) -> Result<Response, PageError> {
    administrator(&frame)?;
    show(&wants, &ChrootsPage::load(&state, frame).await?)
}

/// Writes what is said of one: fields `chroot`, `comment`, `eol` and `active`.
async fn change(
    State(state): State<AppState>,
    wants: Wants,
    frame: Frame,
    form: Form<Fields>,
) -> Result<Response, PageError> {
    let caller = administrator(&frame)?;
    let fields = &form.value;
    let missing = || PageError::Missing("There is no such chroot.".to_owned());
    let name: Chroot = fields.get("chroot").parse().map_err(|_| missing())?;
    let (comment, eol, active) = (fields.get("comment"), fields.get("eol"), fields.is_ticked("active"));
    let changes = vec![
        Change::Comment(comment.to_owned()),
        Change::Eol(Some(eol.to_owned()).filter(|day| !day.is_empty())),
        Change::Active(active),
    ];
    match apply(&state.db, &name, state.chroots.get(&name).is_some(), changes).await {
        Ok(()) => {
            tracing::info!(chroot = %name, by = caller.user.name, "chroot noted");
            Ok(Redirect::to("/admin/chroots/?done=1").into_response())
        }
        Err(error) if error.is::<db::Error>() => Err(error.into()),
        Err(error) => {
            let mut page = ChrootsPage::load(&state, frame).await?;
            let line = page.chroots.iter_mut().find(|line| line.name == name.as_str()).ok_or_else(missing)?;
            (line.comment, line.eol, line.active) = (comment.to_owned(), eol.to_owned(), active);
            line.error = error.to_string();
            show_with(StatusCode::BAD_REQUEST, &wants, &page)
        }
    }
}
