//! `/admin/reports/`: what people reported, what is down, and what was done.

use askama::Template;
use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
    routing::{get, post},
};
use copr_api::v3::ReportNote;
use serde::{Deserialize, Serialize};

use super::{Tab, administrator, tabs};
use crate::{
    clock,
    db::{self, takedown::About},
    http::{
        params::{JsonBody, Lenient},
        user::{licence::REASON, report},
    },
    state::AppState,
    web::{
        PageError,
        faults::Faults,
        form::{Fields, Form},
        frame::{Frame, Wants, show, show_with},
        paging::Paging,
        text::{Moment, project_url},
    },
};

/// Reports on one page.
const REPORTS: u64 = 50;
/// Takedowns and steps that are shown.
const LINES: u64 = 100;

/// The addresses.
pub(super) fn routes() -> Router<AppState> {
    Router::new().route("/admin/reports/", get(page).post(decide)).route("/admin/reports/restore/", post(restore))
}

/// The query.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Query {
    page: String,
}

#[derive(Debug, Serialize)]
struct Line {
    id: i64,
    /// What it is about.
    about: String,
    #[serde(skip)]
    url: String,
    /// Who reports; empty: nobody says.
    reporter: String,
    reason: String,
    reported: Moment,
    open: bool,
    state: String,
    note: String,
    decided_by: String,
    /// What is wrong with what was typed.
    error: String,
}

#[derive(Debug, Serialize)]
struct DownLine {
    id: i64,
    about: String,
    #[serde(skip)]
    url: String,
    reason: String,
    by: String,
    taken: Moment,
    restored: Option<Moment>,
    error: String,
}

#[derive(Debug, Serialize)]
struct StepLine {
    at: Moment,
    who: String,
    action: String,
    about: String,
    note: String,
}

#[derive(Debug, Template, Serialize)]
#[template(path = "admin/reports.html")]
struct ReportsPage {
    #[serde(skip)]
    frame: Frame,
    #[serde(skip)]
    tabs: Vec<Tab>,
    reports: Vec<Line>,
    paging: Paging,
    takedowns: Vec<DownLine>,
    steps: Vec<StepLine>,
    #[serde(skip)]
    longest: usize,
    #[serde(skip)]
    done: bool,
}

/// The page of what something is about.
fn url_of(about: &About) -> String {
    match about.build_id {
        Some(id) => format!("/coprs/build/{id}"),
        None => project_url(about.owner.as_str(), about.project.as_str()),
    }
}

impl ReportsPage {
    async fn load(state: &AppState, frame: Frame, page: &str) -> Result<Self, PageError> {
        let mut paging = Paging::new(page, REPORTS, "/admin/reports/");
        let mut reports = db::report::list(&state.db, paging.window()).await?;
        paging.cut(&mut reports);
        let takedowns = db::takedown::list(&state.db, db::Window::first(LINES)).await?;
        let steps = db::audit::list(&state.db, db::Window::first(LINES)).await?;
        let now = clock::now_ms();
        let line = |of: db::report::Report| Line {
            id: of.id,
            url: url_of(&of.about),
            about: of.about.to_string(),
            reporter: of.reporter,
            reason: of.reason,
            reported: Moment::new(of.created_ms, now),
            open: of.state == "open",
            state: of.state,
            note: of.note,
            decided_by: of.decided_by,
            error: String::new(),
        };
        let down = |of: db::takedown::Takedown| DownLine {
            id: of.id,
            url: url_of(&of.about),
            about: of.about.to_string(),
            reason: of.reason,
            by: of.by,
            taken: Moment::new(of.taken_ms, now),
            restored: of.restored_ms.map(|ms| Moment::new(ms, now)),
            error: String::new(),
        };
        let step = |of: db::audit::Step| StepLine {
            at: Moment::new(of.at_ms, now),
            who: of.who,
            action: of.action,
            about: of.about,
            note: of.note,
        };
        Ok(Self {
            done: frame.is_done(),
            frame,
            tabs: tabs("/admin/reports/"),
            reports: reports.into_iter().map(line).collect(),
            paging,
            takedowns: takedowns.into_iter().map(down).collect(),
            steps: steps.into_iter().map(step).collect(),
            longest: REASON,
        })
    }
}

async fn page(
    State(state): State<AppState>,
    wants: Wants,
    frame: Frame,
    Lenient(query): Lenient<Query>,
) -> Result<Response, PageError> {
    administrator(&frame)?;
    show(&wants, &ReportsPage::load(&state, frame, &query.page).await?)
}

/// What is wrong with a form, in one text.
fn said(faults: &Faults) -> String {
    let all = faults.general.iter().map(String::as_str).chain([faults.on("note")]);
    all.collect::<Vec<_>>().join(" ").trim().to_owned()
}

/// Decides about a report: fields `report`, `note`, and `to` with `dismiss` or `takedown`.
async fn decide(
    State(state): State<AppState>,
    wants: Wants,
    frame: Frame,
    form: Form<Fields>,
) -> Result<Response, PageError> {
    let caller = administrator(&frame)?;
    let id = form.value.get("report").to_owned();
    let body = JsonBody(ReportNote { note: form.value.get("note").to_owned() });
    let decided = match form.value.get("to") {
        "dismiss" => report::dismiss(State(state.clone()), caller, Path(id.clone()), body).await,
        "takedown" => report::take_reported_down(State(state.clone()), caller, Path(id.clone()), body).await,
        _ => return Err(PageError::Refused("The form does not say what was decided.".to_owned())),
    };
    let faults = match decided {
        Ok(Json(_)) => return Ok(Redirect::to("/admin/reports/?done=1").into_response()),
        Err(error) => Faults::of(error, &["note"])?,
    };
    let mut page = ReportsPage::load(&state, frame, "").await?;
    match page.reports.iter_mut().find(|line| line.id.to_string() == id) {
        Some(line) => {
            line.error = said(&faults);
            show_with(StatusCode::BAD_REQUEST, &wants, &page)
        }
        None => Err(PageError::Conflict(said(&faults))),
    }
}

/// Gives something back: fields `takedown` and `note`.
async fn restore(
    State(state): State<AppState>,
    wants: Wants,
    frame: Frame,
    form: Form<Fields>,
) -> Result<Response, PageError> {
    let caller = administrator(&frame)?;
    let id = form.value.get("takedown").to_owned();
    let body = JsonBody(ReportNote { note: form.value.get("note").to_owned() });
    let faults = match report::restore(State(state.clone()), caller, Path(id.clone()), body).await {
        Ok(Json(_)) => return Ok(Redirect::to("/admin/reports/?done=1").into_response()),
        Err(error) => Faults::of(error, &["note"])?,
    };
    let mut page = ReportsPage::load(&state, frame, "").await?;
    match page.takedowns.iter_mut().find(|line| line.id.to_string() == id) {
        Some(line) => {
            line.error = said(&faults);
            show_with(StatusCode::BAD_REQUEST, &wants, &page)
        }
        None => Err(PageError::Conflict(said(&faults))),
    }
}
