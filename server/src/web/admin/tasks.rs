//! `/admin/tasks/`: repositories that are to be published.

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
        form::Form,
        frame::{Frame, Wants, show},
        paging::Paging,
        sign_in::Nothing,
        text::{Moment, project_url},
    },
};

/// Tasks on one page.
const TASKS: u64 = 100;

/// The addresses.
pub(super) fn routes() -> Router<AppState> {
    Router::new().route("/admin/tasks/", get(page)).route("/admin/tasks/retry/", post(retry))
}

/// The query.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Query {
    page: String,
}

#[derive(Debug, Serialize)]
struct Line {
    /// `OWNER/DIRECTORY/CHROOT`.
    repository: String,
    #[serde(skip)]
    url: String,
    attempts: i64,
    /// What went wrong the last time.
    error: Option<String>,
    running: bool,
    /// When it is tried next, if that is not now.
    next: Option<Moment>,
}

#[derive(Debug, Template, Serialize)]
#[template(path = "admin/tasks.html")]
struct TasksPage {
    #[serde(skip)]
    frame: Frame,
    #[serde(skip)]
    tabs: Vec<Tab>,
    tasks: Vec<Line>,
    paging: Paging,
    #[serde(skip)]
    done: bool,
}

async fn page(
    State(state): State<AppState>,
    wants: Wants,
    frame: Frame,
    Lenient(query): Lenient<Query>,
) -> Result<Response, PageError> {
    administrator(&frame)?;
    let now = clock::now_ms();
    let mut paging = Paging::new(&query.page, TASKS, "/admin/tasks/");
    let tasks = paging.cut_all(db::task::list(&state.db, now).await?);
    let line = |task: db::task::Queued| Line {
        url: project_url(task.repository.owner.as_str(), task.repository.dirname.project().as_str()),
        repository: format!("{}/{}/{}", task.repository.owner, task.repository.dirname, task.repository.chroot),
        attempts: task.attempts,
        error: task.error,
        running: task.running,
        next: (task.next_ms > now).then(|| Moment::new(task.next_ms, now)),
    };
    let tasks = tasks.into_iter().map(line).collect();
    show(&wants, &TasksPage { done: frame.is_done(), frame, tabs: tabs("/admin/tasks/"), tasks, paging })
}

/// Has all tried again at once.
async fn retry(State(state): State<AppState>, frame: Frame, _form: Form<Nothing>) -> Result<Response, PageError> {
    let caller = administrator(&frame)?;
    let tasks = db::task::retry_now(&state.db, None, clock::now_ms()).await?;
    state.publishing.wake();
    tracing::info!(tasks, by = caller.user.name, "tasks are tried again");
    Ok(Redirect::to("/admin/tasks/?done=1").into_response())
}
