//! Pruning a project, and bringing back what was pruned.

use axum::{
    Json,
    extract::{Path, State},
    http::Method,
};
use copr_api::v3::{
    Need, NeededBuild, Page, PageMeta, Prune, PruneReport, PruneWish, PrunedBuild, Undelete, Undeleted,
};

use super::{find_project, package::MAX_BUILDS, project::owned};
use crate::{
    clock,
    db::{self, permission::Role, project::Project, prune::Undone},
    http::{
        auth::Caller,
        error::ApiError,
        params::{JsonBody, Params},
        routes::Routes,
    },
    prune::{self, Old, Plan, Rule},
    state::AppState,
};

/// The addresses of this file.
pub fn routes() -> Routes {
    Routes::default()
        .api(Method::POST, "/api_3/project/prune/{owner}/{project}", prune_project)
        .api(Method::GET, "/api_3/project/prunes", list)
        .api(Method::PUT, "/api_3/project/undelete/{owner}/{project}", undelete)
}

/// `POST /api_3/project/prune/{owner}/{project}`: takes old builds away that nobody needs, or (`dry_run`) tells which those are.
///
/// # Errors
/// 400: a number makes no sense; 403, 404; 409: it is not known what others need.
pub async fn prune_project(
    State(state): State<AppState>,
    caller: Caller,
    Path((owner, name)): Path<(String, String)>,
    JsonBody(wish): JsonBody<PruneWish>,
) -> Result<Json<PruneReport>, ApiError> {
    let project = owned(&state, &caller, &owner, &name, Role::Admin, "prune").await?;
    let plan = plan(&state, &project, &wish).await?;
    let mut report = report(&plan);
    if !wish.dry_run {
        report.dry_run = false;
        let done = prune::prune(&state.db, &project, &plan, &caller.user.name, state.config.prune.undo_ms()).await?;
        // One that somebody deleted meanwhile is not among them.
        report.builds.retain(|build| done.builds.contains(&build.id));
        (report.prune_id, report.freed) = (done.id, done.freed);
        state.publishing.wake();
    }
    Ok(Json(report))
}

/// What would go by a wish.
pub(crate) async fn plan(state: &AppState, project: &Project, wish: &PruneWish) -> Result<Plan, ApiError> {
    let mut wrong = Vec::new();
    if wish.keep.is_some_and(|keep| !(1..=MAX_BUILDS).contains(&keep)) {
        wrong.push(format!("keep: Number must be between 1 and {MAX_BUILDS}."));
    }
    if wish.older_than_days.is_some_and(|days| !(0..=DAYS).contains(&days)) {
        wrong.push(format!("older_than_days: Number must be between 0 and {DAYS}."));
    }
    if !wrong.is_empty() {
        return Err(ApiError::BadRequest(wrong.join("\n")));
    }
    let keep = wish.keep.or(project.keep_builds).unwrap_or(1);
    let rule = Rule::new(keep, wish.older_than_days.unwrap_or(0), clock::now_ms());
    prune::plan(&state.db, &state.store, project, rule).await.map_err(|error| match error {
        prune::Error::Db(error) => error.into(),
        error @ prune::Error::Unknown(_) => ApiError::Conflict(error.to_string()),
    })
}

/// Most days.
const DAYS: i64 = 36_500;

/// What a plan comes to, as long as nothing was done.
pub(crate) fn report(plan: &Plan) -> PruneReport {
    let needed = |(build, needs): &(Old, Vec<prune::Need>)| NeededBuild {
        build: shown(build),
        needed_by: needs
            .iter()
            .cloned()
            .map(|prune::Need { package, repository, requirement }| Need { package, repository, requirement })
            .collect(),
    };
    PruneReport {
        dry_run: true,
        prune_id: None,
        builds: plan.go.iter().map(shown).collect(),
        needed: plan.needed.iter().map(needed).collect(),
        freed: plan.go.iter().fold(0, |all, build| all.saturating_add(build.bytes)),
    }
}

fn shown(build: &Old) -> PrunedBuild {
    PrunedBuild {
        id: build.build_id,
        package: build.package.clone(),
        version: build.version.clone(),
        project_dirname: build.dirname.clone(),
        chroots: build.chroots.clone(),
        size: build.bytes,
    }
}

/// `GET /api_3/project/prunes`: what can be brought back, the newest first.
///
/// # Errors
/// 404.
pub async fn list(State(state): State<AppState>, query: Params) -> Result<Json<Page<Prune>>, ApiError> {
    let project = find_project(&state, query.required("ownername")?, query.required("projectname")?).await?;
    let prunes = db::prune::of_project(&state.db, project.id, clock::now_ms()).await?;
    let items = prunes.into_iter().map(|prune| Prune {
        id: prune.id,
        by: Some(prune.by).filter(|by| !by.is_empty()),
        pruned_on: prune.created_ms / 1000,
        undo_until: prune.due_ms / 1000,
        builds: prune.builds.into_iter().map(|(id, _, _)| id).collect(),
    });
    Ok(Json(Page { items: items.collect(), meta: PageMeta::default() }))
}

/// `PUT /api_3/project/undelete/{owner}/{project}`: brings back what was pruned together, all of it or one build.
///
/// # Errors
/// 400, 403; 404: there is nothing to be brought back (any more); 409: the files are gone; 413: it does not fit.
pub async fn undelete(
    State(state): State<AppState>,
    caller: Caller,
    Path((owner, name)): Path<(String, String)>,
    JsonBody(wish): JsonBody<Undelete>,
) -> Result<Json<Undeleted>, ApiError> {
    let project = owned(&state, &caller, &owner, &name, Role::Admin, "undelete builds of").await?;
    let id =
        wish.prune_id.ok_or_else(|| ApiError::BadRequest("prune_id: Missing data for required field.".to_owned()))?;
    match prune::undo(&state.db, &project, id, wish.build_id).await? {
        Undone::Yes(builds) => {
            state.publishing.wake();
            Ok(Json(Undeleted { builds }))
        }
        Undone::Gone => Err(ApiError::NotFound(format!("Prune {id} cannot be undone, or not any more."))),
        Undone::Late(build) => {
            Err(ApiError::Conflict(format!("The files of build {build} are gone: it cannot be brought back.")))
        }
        Undone::Full(exceeded) => Err(exceeded.into()),
    }
}
