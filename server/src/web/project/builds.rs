//! `/coprs/OWNER/PROJECT/builds/`: everything that was built, newest first.

use askama::Template;
use axum::{Router, extract::State, response::Response, routing::get};
use copr_api::v3::BuildState;
use serde::{Deserialize, Serialize};

use super::{Head, Of, below};
use crate::{
    clock, db,
    http::params::Lenient,
    state::AppState,
    web::{
        error::PageError,
        frame::{Frame, Wants, show},
        paging::Paging,
        text::encode,
        views::BuildLine,
    },
};

/// Builds on one page.
const BUILDS: u64 = 50;
/// The states that can be asked for.
const STATES: [BuildState; 9] = [
    BuildState::Running,
    BuildState::Starting,
    BuildState::Importing,
    BuildState::Pending,
    BuildState::Waiting,
    BuildState::Succeeded,
    BuildState::Failed,
    BuildState::Canceled,
    BuildState::Forked,
];
/// Longest name of a package that is looked for, in characters.
const NAME: usize = 200;

/// The address.
pub(super) fn routes() -> Router<AppState> {
    below(Router::new(), "builds/", get(page))
}

/// The query.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Query {
    package: String,
    state: String,
    page: String,
}

#[derive(Debug, Template, Serialize)]
#[template(path = "project/builds.html")]
struct BuildsPage {
    #[serde(skip)]
    frame: Frame,
    #[serde(flatten)]
    head: Head,
    /// Only of this package; empty: of all.
    package: String,
    /// Only in this state; empty: in any.
    state: String,
    #[serde(skip)]
    states: [BuildState; 9],
    builds: Vec<BuildLine>,
    paging: Paging,
}

async fn page(
    State(state): State<AppState>,
    Of(project): Of,
    Lenient(query): Lenient<Query>,
    wants: Wants,
    frame: Frame,
) -> Result<Response, PageError> {
    let head = Head::new(&state, &frame.viewer, &project, "builds/").await?;
    let package: String = query.package.trim().chars().take(NAME).collect();
    let of_state = STATES.into_iter().find(|state| state.as_str() == query.state);
    let word = of_state.map_or("", BuildState::as_str).to_owned();
    let base = format!("{}builds/?package={}&state={word}", head.url, encode(&package));
    let mut paging = Paging::new(&query.page, BUILDS, base);
    let filter = db::build::Filter {
        project_id: Some(project.id),
        package_name: (!package.is_empty()).then(|| package.clone()),
        state: of_state,
        ..db::build::Filter::default()
    };
    let mut builds = db::build::list(&state.db, &filter, paging.window()).await?;
    paging.cut(&mut builds);
    let now = clock::now_ms();
    let builds = builds.iter().map(|build| BuildLine::new(build, now)).collect();
    show(&wants, &BuildsPage { frame, head, package, state: word, states: STATES, builds, paging })
}
