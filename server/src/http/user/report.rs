//! Reports of abuse, and what administrators do about them: close them, take things down, give them back.

use axum::{
    Json,
    extract::{Path, State},
    http::Method,
    response::Response,
};
use copr_api::v3::{AuditEntry, Report as View, ReportAdd, ReportNote, Takedown as TakedownView};
use serde_json::{Value, json};

use super::{build, find_project, licence::reason, paging};
use crate::{
    clock::{self, seconds},
    db::{
        self,
        report::{ANONYMOUS, OPEN, Report},
        takedown::{About, Said, Takedown},
    },
    http::{
        auth::Caller,
        error::ApiError,
        params::{self, JsonBody, Params},
        routes::Routes,
    },
    state::AppState,
};

/// The addresses of this file.
pub fn routes() -> Routes {
    Routes::default()
        .api(Method::POST, "/api_3/report/add", add)
        .api(Method::GET, "/api_3/report/list", list)
        .api(Method::POST, "/api_3/report/dismiss/{id}", dismiss)
        .api(Method::POST, "/api_3/report/takedown/{id}", take_reported_down)
        .api(Method::POST, "/api_3/takedown/add", take_down)
        .api(Method::GET, "/api_3/takedown/list", takedowns)
        .api(Method::POST, "/api_3/takedown/restore/{id}", restore)
        .api(Method::GET, "/api_3/audit/list", audit)
}

fn view(of: Report) -> View {
    let known = |text: String| Some(text).filter(|text| !text.is_empty());
    View {
        id: of.id,
        ownername: of.about.owner,
        projectname: of.about.project,
        build_id: of.about.build_id,
        reporter: known(of.reporter),
        reason: of.reason,
        reported_on: seconds(of.created_ms),
        state: of.state,
        note: of.note,
        decided_by: known(of.decided_by),
    }
}

fn takedown_view(of: Takedown) -> TakedownView {
    TakedownView {
        id: of.id,
        ownername: of.about.owner,
        projectname: of.about.project,
        build_id: of.about.build_id,
        reason: of.reason,
        by: of.by,
        taken_on: seconds(of.taken_ms),
        restored_on: of.restored_ms.map(seconds),
    }
}

/// What a report is about: it must be there.
async fn about(state: &AppState, body: &ReportAdd) -> Result<About, ApiError> {
    if let Some(id) = body.build_id {
        let build = build::find(state, &id.to_string()).await?;
        return Ok(About { owner: build.owner, project: build.project, build_id: Some(build.id) });
    }
    let project = find_project(state, &body.ownername, &body.projectname).await?;
    Ok(About { owner: project.owner, project: project.name, build_id: None })
}

/// `POST /api_3/report/add`.
///
/// # Errors
/// 400: there is no reason; 401: nobody has signed in, and that is needed; 404: it is about nothing; 409: there are too many.
pub async fn add(
    State(state): State<AppState>,
    caller: Result<Caller, ApiError>,
    JsonBody(body): JsonBody<ReportAdd>,
) -> Result<Json<Value>, ApiError> {
    let caller = match caller {
        Err(ApiError::Unauthorized(_)) if state.config.reports.anonymous => None,
        caller => Some(caller?),
    };
    let id = report(&state, caller.as_ref(), &body).await?;
    Ok(Json(json!({ "id": id, "message": "Thank you: the administrators of this site will look at it." })))
}

/// Adds a report of a user, or of somebody who has not signed in; its number.
///
/// # Errors
/// As those of [`add`].
pub(crate) async fn report(state: &AppState, caller: Option<&Caller>, body: &ReportAdd) -> Result<i64, ApiError> {
    let reason = reason("reason", &body.reason, true)?;
    let about = about(state, body).await?;
    let reporter = caller.map_or("", |caller| caller.user.name.as_str());
    let id = db::report::add(&state.db, &about, reporter, reason, clock::now_ms()).await?;
    let id = id.ok_or_else(|| {
        ApiError::Conflict(if caller.is_some() {
            format!("{OPEN} reports of yours are open: wait until some of them are decided.")
        } else {
            format!(
                "There were {ANONYMOUS} reports within an hour of people who had not signed in: sign in, or come later."
            )
        })
    })?;
    tracing::info!(report = id, %about, by = reporter, "abuse reported");
    Ok(id)
}

/// `GET /api_3/report/list`: those that are open first.
///
/// # Errors
/// 403.
pub async fn list(State(state): State<AppState>, caller: Caller, query: Params) -> Result<Response, ApiError> {
    caller.require_site_admin("read reports")?;
    let (window, meta) = query.page()?;
    paging::page(window, meta, move |window, _| {
        let state = state.clone();
        async move { Ok(db::report::list(&state.db, window).await?.into_iter().map(view).collect::<Vec<_>>()) }
    })
    .await
}

async fn find(state: &AppState, id: &str) -> Result<Report, ApiError> {
    let id = params::id(id)?;
    db::report::get(&state.db, id).await?.ok_or_else(|| ApiError::NotFound(format!("There is no report {id}.")))
}

fn closed(id: i64) -> ApiError {
    ApiError::Conflict(format!("Report {id} was decided already."))
}

/// `POST /api_3/report/dismiss/{id}`: nothing is done.
///
/// # Errors
/// 400: there is no note; 403, 404; 409: it was decided already.
pub async fn dismiss(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<String>,
    JsonBody(body): JsonBody<ReportNote>,
) -> Result<Json<View>, ApiError> {
    caller.require_site_admin("decide about reports")?;
    let note = reason("note", &body.note, true)?;
    let of = find(&state, &id).await?;
    if !db::report::dismiss(&state.db, &of, note, &caller.user.name, clock::now_ms()).await? {
        return Err(closed(of.id));
    }
    tracing::info!(report = of.id, about = %of.about, by = caller.user.name, "report dismissed");
    Ok(Json(view(find(&state, &id).await?)))
}

/// `POST /api_3/report/takedown/{id}`: what it is about is not served from now on.
///
/// # Errors
/// 400: there is no note; 403, 404; 409: it was decided already, or is down already.
pub async fn take_reported_down(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<String>,
    JsonBody(body): JsonBody<ReportNote>,
) -> Result<Json<View>, ApiError> {
    caller.require_site_admin("take things down")?;
    let note = reason("note", &body.note, true)?;
    let of = find(&state, &id).await?;
    if of.state != "open" {
        return Err(closed(of.id));
    }
    let said = Said { reason: note, by: &caller.user.name, report: Some(of.id) };
    bring_down(&state, &of.about, said).await?;
    Ok(Json(view(find(&state, &id).await?)))
}

/// `POST /api_3/takedown/add`: the same without a report.
///
/// # Errors
/// 400: there is no reason; 403, 404; 409: it is down already.
pub async fn take_down(
    State(state): State<AppState>,
    caller: Caller,
    JsonBody(body): JsonBody<ReportAdd>,
) -> Result<Json<TakedownView>, ApiError> {
    caller.require_site_admin("take things down")?;
    let reason = reason("reason", &body.reason, true)?;
    let about = about(&state, &body).await?;
    let id = bring_down(&state, &about, Said { reason, by: &caller.user.name, report: None }).await?;
    let down = db::takedown::in_force(&state.db).await?.into_iter().find(|down| down.id == id);
    down.map(|down| Json(takedown_view(down)))
        .ok_or_else(|| ApiError::Conflict(format!("{about} was given back meanwhile.")))
}

/// Takes something down, and stops what is at work of it.
async fn bring_down(state: &AppState, about: &About, said: Said<'_>) -> Result<i64, ApiError> {
    let id = db::takedown::take_down(&state.db, about, said, clock::now_ms()).await?;
    let id = id.ok_or_else(|| ApiError::Conflict(format!("{about} is down already.")))?;
    crate::die::at("taken down");
    state.takedowns.changed();
    state.publishing.wake();
    tracing::warn!(takedown = id, %about, by = said.by, reason = said.reason, "taken down");
    // Builds of a batch may have waited for one of it.
    state.queue.wake();
    Ok(id)
}

/// `GET /api_3/takedown/list`: what is or was down, newest first.
///
/// # Errors
/// 403.
pub async fn takedowns(State(state): State<AppState>, caller: Caller, query: Params) -> Result<Response, ApiError> {
    caller.require_site_admin("see what was taken down")?;
    let (window, meta) = query.page()?;
    paging::page(window, meta, move |window, _| {
        let state = state.clone();
        async move { Ok(db::takedown::list(&state.db, window).await?.into_iter().map(takedown_view).collect::<Vec<_>>()) }
    })
    .await
}

/// `POST /api_3/takedown/restore/{id}`: it is served again.
///
/// # Errors
/// 400: there is no note; 403; 409: it is not down.
pub async fn restore(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<String>,
    JsonBody(body): JsonBody<ReportNote>,
) -> Result<Json<TakedownView>, ApiError> {
    caller.require_site_admin("give back what was taken down")?;
    let note = reason("note", &body.note, true)?;
    let id = params::id(&id)?;
    let restored = db::takedown::restore(&state.db, id, note, &caller.user.name, clock::now_ms()).await?;
    let restored = restored.ok_or_else(|| ApiError::Conflict(format!("Takedown {id} is not in force.")))?;
    state.takedowns.changed();
    state.publishing.wake();
    tracing::warn!(takedown = id, about = %restored.about, by = caller.user.name, "given back");
    Ok(Json(takedown_view(restored)))
}

/// `GET /api_3/audit/list`: what administrators and reviewers did, newest first.
///
/// # Errors
/// 403.
pub async fn audit(State(state): State<AppState>, caller: Caller, query: Params) -> Result<Response, ApiError> {
    caller.require_site_admin("read what was done")?;
    let (window, meta) = query.page()?;
    paging::page(window, meta, move |window, _| {
        let state = state.clone();
        async move {
            let steps = db::audit::list(&state.db, window).await?.into_iter().map(|step| AuditEntry {
                id: step.id,
                at: seconds(step.at_ms),
                who: step.who,
                action: step.action,
                about: step.about,
                text: step.note,
            });
            Ok(steps.collect::<Vec<_>>())
        }
    })
    .await
}
