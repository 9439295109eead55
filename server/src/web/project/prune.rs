//! `/coprs/OWNER/PROJECT/prune/`: old builds that nobody needs: looked at first, then taken away, and brought back for a while.

use askama::Template;
use axum::{
    Json, Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use copr_api::v3::{PruneReport, PruneWish, Undelete};
use serde::Serialize;
use serde_json::{Map, Value};

use super::{Fields, Head, Of, below, names_of};
use crate::{
    clock,
    config::quota::size,
    db::{self, permission::Role, project::Project},
    http::{error::ApiError, params::JsonBody, user::prune},
    state::AppState,
    web::{
        error::PageError,
        faults::Faults,
        frame::{Frame, Wants, show, show_with},
        inputs::Values,
        text::Moment,
    },
};

/// Names of builds that one line has.
const NAMES: usize = 8;

/// The addresses.
pub(super) fn routes() -> Router<AppState> {
    let router = below(Router::new(), "prune/", get(page).post(prune_it));
    below(router, "prune/undo/", post(undo))
}

/// What was pruned together.
#[derive(Debug, Serialize)]
struct Undoable {
    id: i64,
    /// Empty: it went by itself.
    by: String,
    when: Moment,
    until: Moment,
    /// Its builds, or the first of them, in words.
    builds: String,
}

#[derive(Debug, Template, Serialize)]
#[template(path = "project/prune.html")]
struct PrunePage {
    #[serde(skip)]
    frame: Frame,
    #[serde(flatten)]
    head: Head,
    #[serde(skip)]
    values: Values,
    #[serde(skip)]
    faults: Faults,
    /// What would go; `None`: nobody has asked yet.
    report: Option<PruneReport>,
    /// What can be brought back.
    undoable: Vec<Undoable>,
    /// Days that this is possible.
    undo_days: i64,
    #[serde(skip)]
    done: bool,
}

impl PrunePage {
    async fn load(state: &AppState, frame: Frame, project: &Project) -> Result<Self, PageError> {
        frame.caller()?.require(state, project, Role::Admin, "prune").await?;
        let head = Head::new(state, &frame.viewer, project, "prune/").await?;
        let now = clock::now_ms();
        let undoable = |prune: db::prune::Prune| {
            let name =
                |(id, package, version): &(i64, String, String)| format!("{id} {package} {version}").trim().to_owned();
            let mut builds = prune.builds.iter().take(NAMES).map(name).collect::<Vec<_>>().join(", ");
            if let Some(more) = prune.builds.len().checked_sub(NAMES).filter(|more| *more > 0) {
                builds.push_str(&format!(" and {more} more"));
            }
            let (when, until) = (Moment::new(prune.created_ms, now), Moment::new(prune.due_ms, now));
            Undoable { id: prune.id, by: prune.by, when, until, builds }
        };
        let prunes = db::prune::of_project(&state.db, project.id, now).await?;
        Ok(Self {
            values: Values::default().with("keep", project.keep_builds.unwrap_or(1)).with("older_than_days", 0),
            done: frame.is_done(),
            frame,
            head,
            faults: Faults::default(),
            report: None,
            undoable: prunes.into_iter().map(undoable).collect(),
            undo_days: state.config.prune.undo_days,
        })
    }

    /// Bytes with a unit.
    fn size(&self, bytes: &i64) -> String {
        size(bytes.unsigned_abs())
    }
}

async fn page(
    State(state): State<AppState>,
    Of(project): Of,
    wants: Wants,
    frame: Frame,
) -> Result<Response, PageError> {
    show(&wants, &PrunePage::load(&state, frame, &project).await?)
}

fn done(head: &Head) -> Response {
    Redirect::to(&format!("{}prune/?done=1", head.url)).into_response()
}

/// Fields `keep` and `older_than_days`; with `sure` it is done, else only shown.
async fn prune_it(
    State(state): State<AppState>,
    Of(project): Of,
    wants: Wants,
    frame: Frame,
    form: Fields,
) -> Result<Response, PageError> {
    let caller = frame.caller()?;
    let mut page = PrunePage::load(&state, frame, &project).await?;
    let values: Values = form.value.into_iter().collect();
    let (mut faults, mut wish) = (Faults::default(), PruneWish { dry_run: !values.is("sure"), ..PruneWish::default() });
    for (name, number) in [("keep", &mut wish.keep), ("older_than_days", &mut wish.older_than_days)] {
        match values.get(name).trim() {
            "" => {}
            text => match text.parse() {
                Ok(value) => *number = Some(value),
                Err(_) => faults.add(name, "It must be a number."),
            },
        }
    }
    page.values = values;
    if faults.is_empty() {
        match prune::prune_project(State(state), caller, names_of(&project), JsonBody(wish)).await {
            Ok(Json(report)) if !report.dry_run => return Ok(done(&page.head)),
            Ok(Json(report)) => {
                page.report = Some(report);
                return show(&wants, &page);
            }
            Err(error) => faults = Faults::of(error, &["keep", "older_than_days"])?,
        }
    }
    page.faults = faults;
    show_with(StatusCode::BAD_REQUEST, &wants, &page)
}

/// The field `prune_id`.
async fn undo(
    State(state): State<AppState>,
    Of(project): Of,
    wants: Wants,
    frame: Frame,
    form: Fields,
) -> Result<Response, PageError> {
    let caller = frame.caller()?;
    let mut page = PrunePage::load(&state, frame, &project).await?;
    let values: Values = form.value.into_iter().collect();
    let body: Map<String, Value> = [("prune_id".to_owned(), values.get("prune_id").into())].into_iter().collect();
    let wish: Undelete = serde_json::from_value(body.into())?;
    match prune::undelete(State(state), caller, names_of(&project), JsonBody(wish)).await {
        Ok(Json(_)) => Ok(done(&page.head)),
        Err(ApiError::NotFound(text)) => {
            page.faults.general.push(text);
            show_with(StatusCode::CONFLICT, &wants, &page)
        }
        Err(error) => {
            page.faults = Faults::of(error, &[])?;
            show_with(StatusCode::CONFLICT, &wants, &page)
        }
    }
}
