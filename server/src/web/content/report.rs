//! `/report/`: telling the administrators of something that should not be here.

use askama::Template;
use axum::{
    Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
    routing::get,
};
use copr_api::v3::ReportAdd;
use serde::{Deserialize, Serialize};

use crate::{
    http::{
        error::ApiError,
        params::Lenient,
        user::{licence::REASON, report},
    },
    state::AppState,
    web::{
        PageError,
        faults::Faults,
        form::{Fields, OpenForm, check_csrf},
        frame::{Frame, Wants, show, show_with},
        with_slash,
    },
};

/// The addresses.
pub(super) fn routes() -> Router<AppState> {
    Router::new().route("/report", get(with_slash)).route("/report/", get(page).post(send))
}

/// The query: what the report is about.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Query {
    /// `owner/name`.
    project: String,
    build: String,
}

#[derive(Debug, Template, Serialize)]
#[template(path = "content/report.html")]
struct ReportPage {
    #[serde(skip)]
    frame: Frame,
    /// `owner/name`; empty: it is about a build.
    project: String,
    /// Number of the build; empty: it is about a project.
    build: String,
    /// What was typed.
    #[serde(skip)]
    reason: String,
    faults: Faults,
    #[serde(skip)]
    longest: usize,
    /// It was sent.
    sent: bool,
}

impl ReportPage {
    fn new(state: &AppState, frame: Frame, project: &str, build: &str) -> Result<Self, PageError> {
        if frame.viewer.user.is_none() && !state.config.reports.anonymous {
            return Err(PageError::SignIn);
        }
        let short = |text: &str| text.chars().take(300).collect::<String>();
        Ok(Self {
            sent: frame.is_done(),
            frame,
            project: short(project),
            build: short(build),
            reason: String::new(),
            faults: Faults::default(),
            longest: REASON,
        })
    }

    /// What it is about, in words.
    fn about(&self) -> String {
        if self.build.is_empty() { self.project.clone() } else { format!("build {}", self.build) }
    }
}

async fn page(
    State(state): State<AppState>,
    wants: Wants,
    frame: Frame,
    Lenient(query): Lenient<Query>,
) -> Result<Response, PageError> {
    let page = ReportPage::new(&state, frame, &query.project, &query.build)?;
    if page.about().is_empty() && !page.sent {
        return Err(PageError::Refused("Follow the link “Report” on the page of a project or build.".to_owned()));
    }
    show(&wants, &page)
}

/// Sends it: fields `project` or `build`, and `reason`.
async fn send(
    State(state): State<AppState>,
    wants: Wants,
    frame: Frame,
    OpenForm(fields): OpenForm<Fields>,
) -> Result<Response, PageError> {
    let mut page = ReportPage::new(&state, frame, fields.get("project"), fields.get("build"))?;
    let caller = match &page.frame.viewer.user {
        Some(_) => {
            check_csrf(&page.frame.viewer, fields.get("csrf"))?;
            Some(page.frame.caller()?)
        }
        None => None,
    };
    let (owner, name) = page.project.split_once('/').unwrap_or((page.project.as_str(), ""));
    let build_id = match page.build.as_str() {
        "" => None,
        number => Some(number.parse().map_err(|_| PageError::Missing("There is no such build.".to_owned()))?),
    };
    let reason = fields.get("reason").to_owned();
    let body = ReportAdd { ownername: owner.to_owned(), projectname: name.to_owned(), build_id, reason };
    match report::report(&state, caller.as_ref(), &body).await {
        Ok(_) => Ok(Redirect::to("/report/?done=1").into_response()),
        Err(error @ (ApiError::BadRequest(_) | ApiError::Conflict(_))) => {
            page.faults = Faults::of(error, &["reason"])?;
            page.reason = body.reason;
            show_with(StatusCode::BAD_REQUEST, &wants, &page)
        }
        Err(other) => Err(other.into()),
    }
}
