//! Badges: how the newest build of a package went, as a small picture for other sites' pages.

use askama::Template;
use axum::{
    Router,
    extract::{Path, State},
    http::header,
    response::{IntoResponse, Response},
    routing::get,
};
use copr_api::v3::BuildState;

use super::{Of, below};
use crate::{
    db::{self, Window},
    state::AppState,
    web::error::PageError,
};

/// What stands on the left of all of them.
const LABEL: &str = "copr build";
/// Width of a letter in units of the picture.
const LETTER: usize = 7;

/// The addresses: Copr's own ends with `.png`, and has always been an SVG.
pub(super) fn routes() -> Router<AppState> {
    ["png", "svg"].into_iter().fold(Router::new(), |router, end| {
        below(router, &format!("package/{{package}}/status_image/last_build.{end}"), get(of_package))
    })
}

#[derive(Debug, Template)]
#[template(path = "project/badge.html")]
struct Badge {
    label: &'static str,
    word: &'static str,
    colour: &'static str,
    left: usize,
    right: usize,
}

impl Badge {
    fn new(state: BuildState) -> Self {
        let colour = match state {
            BuildState::Succeeded | BuildState::Forked => "#17693a",
            BuildState::Failed => "#a3242b",
            BuildState::Unknown | BuildState::Canceled | BuildState::Skipped => "#4a5564",
            _ => "#7a4a00",
        };
        let word = state.as_str();
        let width = |text: &str| text.len() * LETTER + 12;
        Self { label: LABEL, word, colour, left: width(LABEL), right: width(word) }
    }
}

async fn of_package(
    State(state): State<AppState>,
    Of(project): Of,
    Path(params): Path<Vec<(String, String)>>,
) -> Result<Response, PageError> {
    let package = params.into_iter().find(|(name, _)| name == "package").map(|(_, value)| value);
    let filter = db::build::Filter {
        project_id: Some(project.id),
        package_name: package.filter(|name| !name.contains('\0')),
        ..db::build::Filter::default()
    };
    let newest = match filter.package_name {
        Some(_) => db::build::list(&state.db, &filter, Window::first(1)).await?,
        None => Vec::new(),
    };
    let badge = Badge::new(newest.first().map_or(BuildState::Unknown, db::build::Build::state));
    Ok(([(header::CONTENT_TYPE, "image/svg+xml")], badge.render()?).into_response())
}
