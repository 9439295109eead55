//! `/coprs/builds/`: the newest builds of the site.

use askama::Template;
use axum::{
    Router,
    extract::State,
    response::{Redirect, Response},
    routing::get,
};
use serde::{Deserialize, Serialize};

use super::{cards::BuildRow, cut, paging};
use crate::{
    clock, db,
    http::params::Lenient,
    state::AppState,
    web::{
        PageError,
        frame::{Frame, Wants, show},
        paging::Paging,
    },
};

pub(super) fn routes() -> Router<AppState> {
    Router::new()
        .route("/builds/", get(async || Redirect::permanent("/coprs/builds/")))
        .route("/coprs/builds", get(builds))
        .route("/coprs/builds/", get(builds))
}

/// The query.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Asked {
    page: String,
}

/// The newest builds.
#[derive(Debug, Template, Serialize)]
#[template(path = "directory/builds.html")]
struct BuildsPage {
    #[serde(skip)]
    frame: Frame,
    /// The builds, newest first.
    builds: Vec<BuildRow>,
    /// Which of them.
    paging: Paging,
}

async fn builds(
    State(state): State<AppState>,
    Lenient(asked): Lenient<Asked>,
    wants: Wants,
    frame: Frame,
) -> Result<Response, PageError> {
    let mut paging = paging(&asked.page, "/coprs/builds/".to_owned());
    let listed = db::build::Filter { listed_only: true, ..db::build::Filter::default() };
    let mut newest = db::build::list(&state.db, &listed, paging.window()).await?;
    cut(&mut paging, &mut newest);
    let now = clock::now_ms();
    let builds = newest.iter().map(|build| BuildRow::new(build, now)).collect();
    show(&wants, &BuildsPage { frame, builds, paging })
}
