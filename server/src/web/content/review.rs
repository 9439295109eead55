//! `/licences/`: builds whose licence nobody knows, and what was decided before.

use askama::Template;
use axum::{
    Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
    routing::{get, post},
};
use copr_api::v3::LicenceDecision;
use serde::{Deserialize, Serialize};

use crate::{
    clock, db,
    http::{
        auth::Caller,
        params::Lenient,
        user::licence::{self, REASON},
    },
    state::AppState,
    web::{
        PageError,
        faults::Faults,
        form::{Fields, Form},
        frame::{Frame, Wants, show, show_with},
        paging::Paging,
        text::{Moment, project_url},
        with_slash,
    },
};

/// Builds on one page.
const BUILDS: u64 = 50;
/// Decisions that are shown.
const DECISIONS: u64 = 100;

/// The addresses.
pub(super) fn routes() -> Router<AppState> {
    Router::new()
        .route("/licences", get(with_slash))
        .route("/licences/", get(page))
        .route("/licences/decide/", post(decide))
        .route("/licences/forget/", post(forget))
}

/// The query.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Query {
    page: String,
}

/// A build that waits.
#[derive(Debug, Serialize)]
struct Line {
    build: i64,
    package: String,
    version: String,
    project: String,
    #[serde(skip)]
    project_url: String,
    submitter: String,
    submitted: Moment,
    licence: String,
    /// Why nobody knows.
    why: String,
    /// What was typed.
    #[serde(skip)]
    reason: String,
    /// What is wrong with that; empty: nothing.
    error: String,
}

/// What was decided.
#[derive(Debug, Serialize)]
struct Kept {
    id: i64,
    /// `owner/name package`, or everything.
    of: String,
    licence: String,
    approved: bool,
    reason: String,
    by: String,
    when: Moment,
}

#[derive(Debug, Template, Serialize)]
#[template(path = "content/review.html")]
struct ReviewPage {
    #[serde(skip)]
    frame: Frame,
    builds: Vec<Line>,
    paging: Paging,
    decisions: Vec<Kept>,
    /// The day of the lists.
    lists_of: String,
    /// How many licences they have.
    licences: usize,
    /// Longest reason.
    #[serde(skip)]
    longest: usize,
    #[serde(skip)]
    done: bool,
}

/// Who looks, a reviewer.
fn reviewer(frame: &Frame) -> Result<Caller, PageError> {
    let caller = frame.caller()?;
    caller.require_reviewer("decide about licences")?;
    Ok(caller)
}

impl ReviewPage {
    async fn load(state: &AppState, frame: Frame, page: &str) -> Result<Self, PageError> {
        let mut paging = Paging::new(page, BUILDS, "/licences/");
        let mut waiting = db::licence::queue(&state.db, paging.window()).await?;
        paging.cut(&mut waiting);
        let decisions = db::licence::decisions(&state.db, db::Window::first(DECISIONS)).await?;
        let now = clock::now_ms();
        let line = |of: db::licence::Waiting| Line {
            build: of.build_id,
            package: of.package_name,
            version: of.package_version,
            project_url: project_url(of.owner.as_str(), of.project.as_str()),
            project: format!("{}/{}", of.owner, of.project),
            submitter: of.submitter,
            submitted: Moment::new(of.submitted_ms, now),
            licence: of.licence,
            why: of.reason,
            reason: String::new(),
            error: String::new(),
        };
        let kept = |of: db::licence::Decision| Kept {
            id: of.id,
            of: match of.project {
                Some((owner, name)) => format!("{owner}/{name} {}", of.package_name),
                None => "everything".to_owned(),
            },
            licence: of.licence,
            approved: of.approved,
            reason: of.reason,
            by: of.by,
            when: Moment::new(of.decided_ms, now),
        };
        let table = state.licences.table();
        Ok(Self {
            done: frame.is_done(),
            frame,
            builds: waiting.into_iter().map(line).collect(),
            paging,
            decisions: decisions.into_iter().map(kept).collect(),
            lists_of: table.date().to_owned(),
            licences: table.len(),
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
    reviewer(&frame)?;
    show(&wants, &ReviewPage::load(&state, frame, &query.page).await?)
}

/// Decides about a build: fields `build`, `reason`, `everywhere`, and `to` with `approve` or `refuse`.
async fn decide(
    State(state): State<AppState>,
    wants: Wants,
    frame: Frame,
    form: Form<Fields>,
) -> Result<Response, PageError> {
    let caller = reviewer(&frame)?;
    let fields = &form.value;
    let (build, reason) = (fields.get("build"), fields.get("reason"));
    let approved = match fields.get("to") {
        "approve" => true,
        "refuse" => false,
        _ => return Err(PageError::Refused("The form does not say what was decided.".to_owned())),
    };
    let body = LicenceDecision { reason: reason.to_owned(), everywhere: fields.is_ticked("everywhere") };
    let Err(error) = licence::decide(&state, &caller, build, approved, &body).await else {
        return Ok(Redirect::to("/licences/?done=1").into_response());
    };
    let faults = Faults::of(error, &["reason"])?;
    let mut page = ReviewPage::load(&state, frame, "").await?;
    let said = faults.general.iter().map(String::as_str).chain([faults.on("reason")]).collect::<Vec<_>>().join(" ");
    match page.builds.iter_mut().find(|line| line.build.to_string() == build) {
        Some(line) => {
            reason.clone_into(&mut line.reason);
            said.trim().clone_into(&mut line.error);
            show_with(StatusCode::BAD_REQUEST, &wants, &page)
        }
        // It is not among those that wait any more.
        None => Err(PageError::Conflict(said.trim().to_owned())),
    }
}

/// Forgets a decision: field `id`.
async fn forget(State(state): State<AppState>, frame: Frame, form: Form<Fields>) -> Result<Response, PageError> {
    let caller = reviewer(&frame)?;
    let missing = || PageError::Missing("There is no such decision.".to_owned());
    let id: i64 = form.value.get("id").parse().map_err(|_| missing())?;
    if !db::licence::forget(&state.db, id, &caller.user.name, clock::now_ms()).await? {
        return Err(missing());
    }
    tracing::info!(decision = id, by = caller.user.name, "decision about a licence forgotten");
    Ok(Redirect::to("/licences/?done=1").into_response())
}
