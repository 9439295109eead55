//! Builds, as they are asked after.

use std::collections::BTreeMap;

use axum::{
    Json,
    extract::{Path, State},
    http::Method,
    response::Response,
};
use copr_api::v3::{
    Build as View, BuildChroot as ChrootView, BuildLicence, BuildList, BuildState, Page, SourcePackage,
};
use serde_json::{Value, json};

use super::{find_project, paging};
use crate::{
    clock::{self, seconds},
    db::{
        self, Window,
        build::{Build, BuildChroot, Filter},
        licence::Licence,
        permission::Role,
    },
    http::{
        auth::Caller,
        error::ApiError,
        params::{self, JsonBody, Params},
        routes::Routes,
    },
    publish::folder::nevra,
    queue::position,
    state::AppState,
};

/// The addresses of this file.
pub fn routes() -> Routes {
    Routes::default()
        .api(Method::GET, "/api_3/build/{id}", get)
        .api(Method::GET, "/api_3/build/list", list)
        .api(Method::PUT, "/api_3/build/cancel/{id}", cancel)
        .api(Method::GET, "/api_3/build/built-packages/{id}", built_packages)
        .api(Method::GET, "/api_3/build/source-chroot/{id}", source_chroot)
        .api(Method::GET, "/api_3/build/source-build-config/{id}", source_config)
        .api(Method::DELETE, "/api_3/build/delete/{id}", delete)
        .api(Method::DELETE, "/api_3/build/delete/list", delete_list)
        .api(Method::GET, "/api_3/build-chroot", chroot)
        .api(Method::GET, "/api_3/build-chroot/built-packages", packages_of_chroot)
        .api(Method::GET, "/api_3/build-chroot/list", chroots)
}

/// Where a build's source package and its logs are, with a slash at the end.
fn source_url(state: &AppState, build: &Build) -> String {
    format!("{}/{}/{}/srpm-builds/{:08}/", state.results_url(), build.owner, build.dirname, build.id)
}

/// A build as the clients see it.
pub(super) fn view(state: &AppState, build: Build) -> View {
    let known = |text: &String| (!text.is_empty()).then(|| text.clone());
    let url = build.srpm.as_ref().map(|srpm| format!("{}{}", source_url(state, &build), srpm.name));
    View {
        id: build.id,
        state: build.state(),
        repo_url: format!("{}/{}/{}", state.results_url(), build.owner, build.project),
        submitted_on: Some(seconds(build.submitted_ms)),
        started_on: build.started_ms().map(seconds),
        ended_on: build.ended_ms().map(seconds),
        chroots: build.chroots.iter().map(|chroot| chroot.chroot.to_string()).collect(),
        projectname: build.project,
        ownername: build.owner,
        source_package: SourcePackage { name: known(&build.package_name), version: known(&build.package_version), url },
        submitter: Some(build.submitter),
        project_dirname: build.dirname,
        is_background: build.background,
        licence: build.licence.map(licence_view),
    }
}

/// A licence as the clients see it.
fn licence_view(licence: Licence) -> BuildLicence {
    let reason = Some(licence.reason).filter(|reason| !reason.is_empty());
    BuildLicence { text: licence.text, state: licence.state, reason }
}

/// Where a build's logs and packages of one chroot are, with a slash at the end.
pub(super) fn result_url(state: &AppState, build: &Build, chroot: &BuildChroot) -> String {
    format!("{}{}/", state.repository_url(&build.owner, &build.dirname, &chroot.chroot), build.folder())
}

async fn chroot_view(state: &AppState, build: &Build, chroot: &BuildChroot) -> Result<ChrootView, ApiError> {
    let standing = position::of(&state.db, chroot, clock::now_ms()).await?;
    Ok(ChrootView {
        name: chroot.chroot.clone(),
        state: chroot.state,
        started_on: chroot.started_ms.map(seconds),
        ended_on: chroot.ended_ms.map(seconds),
        // The folder stands from the first byte of log on.
        result_url: chroot.started_ms.map(|_| result_url(state, build, chroot)),
        queue_position: standing.map(|standing| standing.position),
        estimated_start: standing.and_then(|standing| standing.start_ms).map(seconds),
        shadows: Vec::new(),
    })
}

/// The build that a call is about.
///
/// # Errors
/// 404: there is none.
pub(super) async fn find(state: &AppState, id: &str) -> Result<Build, ApiError> {
    by_number(state, params::id(id)?).await
}

/// The build that a query names by `build_id`.
pub(super) async fn asked(state: &AppState, query: &Params) -> Result<Build, ApiError> {
    by_number(state, params::number("build_id", query.required("build_id")?)?).await
}

async fn by_number(state: &AppState, id: i64) -> Result<Build, ApiError> {
    let found = db::build::get(&state.db, id).await?;
    found.ok_or_else(|| missing(id))
}

fn missing(id: i64) -> ApiError {
    ApiError::NotFound(format!("Build {id} does not exist."))
}

/// The chroot of a build that a query names by `chrootname`.
fn chroot_asked<'a>(build: &'a Build, query: &Params) -> Result<&'a BuildChroot, ApiError> {
    let name = query.required("chrootname")?;
    let chroot = build.chroots.iter().find(|chroot| chroot.chroot.as_str() == name);
    chroot.ok_or_else(|| ApiError::NotFound(format!("No chroot {} in build {}", super::cut(name), build.id)))
}

/// `GET /api_3/build/{id}`.
///
/// # Errors
/// 404.
pub async fn get(State(state): State<AppState>, Path(id): Path<String>) -> Result<Json<View>, ApiError> {
    let build = find(&state, &id).await?;
    Ok(Json(view(&state, build)))
}

/// `GET /api_3/build/list`: newest first.
///
/// # Errors
/// 404: no such project.
pub async fn list(State(state): State<AppState>, query: Params) -> Result<Response, ApiError> {
    let project = find_project(&state, query.required("ownername")?, query.required("projectname")?).await?;
    let (window, meta) = query.page()?;
    let status = query.get("status").map(|text| {
        text.parse()
            .map_err(|_| ApiError::BadRequest(format!("status: '{}' is none of a build's states", super::cut(text))))
    });
    let filter = Filter {
        project_id: Some(project.id),
        package_name: query.get("packagename").map(str::to_owned),
        state: status.transpose()?,
        ..Filter::default()
    };
    paging::page(window, meta, move |window, last: Option<&View>| {
        let (state, below) = (state.clone(), last.map(|build| build.id));
        let filter = Filter { below, ..filter.clone() };
        let window = if below.is_some() { Window { offset: 0, ..window } } else { window };
        async move {
            let builds = db::build::list(&state.db, &filter, window).await?;
            Ok(builds.into_iter().map(|build| view(&state, build)).collect::<Vec<_>>())
        }
    })
    .await
}

/// `PUT /api_3/build/cancel/{id}`.
///
/// # Errors
/// 403, 404, 409: it has ended.
pub async fn cancel(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<View>, ApiError> {
    let build = find(&state, &id).await?;
    let project = find_project(&state, build.owner.as_str(), build.project.as_str()).await?;
    caller.require(&state, &project, Role::Builder, "cancel builds of").await?;
    if !state.queue.cancel(build.id).await? {
        return Err(ApiError::Conflict(format!("Cannot cancel build {}", build.id)));
    }
    tracing::info!(build.id, by = caller.user.name, "cancelled");
    get(State(state), Path(id)).await
}

/// `DELETE /api_3/build/delete/{id}`: the answer is the build as it was.
///
/// # Errors
/// 403, 404, 409: it has not ended.
pub async fn delete(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<View>, ApiError> {
    let build = find(&state, &id).await?;
    let project = find_project(&state, build.owner.as_str(), build.project.as_str()).await?;
    caller.require(&state, &project, Role::Builder, "delete builds of").await?;
    if let Some(why) = state.takedowns.why(&build.owner, build.project.as_str(), Some(build.id)).await? {
        return Err(ApiError::TakenDown(why));
    }
    let now_ms = clock::now_ms();
    match db::build::delete(&state.db, &[build.id], now_ms, now_ms).await? {
        Ok(()) => {}
        Err(refused) if refused.running.is_empty() => return Err(missing(build.id)),
        Err(_) => {
            return Err(ApiError::Conflict(format!("You can not delete build `{}` which is not finished.", build.id)));
        }
    }
    tracing::info!(build.id, by = caller.user.name, "build deleted");
    state.publishing.wake();
    Ok(Json(view(&state, build)))
}

/// Most builds in one deletion.
const DELETIONS: usize = 1000;

/// `DELETE /api_3/build/delete/list`: all of them or none.
///
/// # Errors
/// 400: one does not exist, has not ended, or is not the caller's to delete.
pub async fn delete_list(
    State(state): State<AppState>,
    caller: Caller,
    JsonBody(BuildList { builds }): JsonBody<BuildList>,
) -> Result<Json<BuildList>, ApiError> {
    if builds.is_empty() || builds.len() > DELETIONS {
        return Err(ApiError::BadRequest(format!("builds: From 1 to {DELETIONS} builds are taken")));
    }
    let mut refused = db::build::Refused::default();
    let mut forbidden = Vec::new();
    for &id in &builds {
        let Some(build) = db::build::get(&state.db, id).await? else {
            refused.missing.push(id);
            continue;
        };
        let project = find_project(&state, build.owner.as_str(), build.project.as_str()).await?;
        if caller.role(&state, &project).await? < Role::Builder {
            forbidden.push(id);
        } else if !build.jobs().all(|job| job.state.is_final()) {
            refused.running.push(id);
        }
    }
    let now_ms = clock::now_ms();
    if forbidden.is_empty() && refused == db::build::Refused::default() {
        match db::build::delete(&state.db, &builds, now_ms, now_ms).await? {
            Ok(()) => {
                tracing::info!(?builds, by = caller.user.name, "builds deleted");
                state.publishing.wake();
                return Ok(Json(BuildList { builds }));
            }
            Err(meanwhile) => refused = meanwhile,
        }
    }
    let line = |ids: &[i64], before: &str, after: &str| {
        let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
        (!ids.is_empty()).then(|| format!("{before} {}{after}.", ids.join(", ")))
    };
    let lines = [
        line(&refused.missing, "Build(s)", " don't exist"),
        line(&refused.running, "Build(s)", " are still running"),
        line(&forbidden, "You don't have permissions to delete build(s)", ""),
    ];
    Err(ApiError::BadRequest(lines.into_iter().flatten().collect::<Vec<_>>().join("\n")))
}

/// `GET /api_3/build-chroot`.
///
/// # Errors
/// 404: no such build, or it is not built for that chroot.
pub async fn chroot(State(state): State<AppState>, query: Params) -> Result<Json<ChrootView>, ApiError> {
    let build = asked(&state, &query).await?;
    let chroot = chroot_asked(&build, &query)?;
    let mut view = chroot_view(&state, &build, chroot).await?;
    if chroot.state == BuildState::Succeeded {
        view.shadows = db::shadow::of_build(&state.db, build.id).await?.remove(&chroot.id).unwrap_or_default();
    }
    Ok(Json(view))
}

/// `GET /api_3/build-chroot/built-packages`: what came of a build in one chroot.
///
/// # Errors
/// 404: no such build, or it is not built for that chroot.
pub async fn packages_of_chroot(State(state): State<AppState>, query: Params) -> Result<Json<Value>, ApiError> {
    let build = asked(&state, &query).await?;
    let packages = db::build::packages_of_chroot(&state.db, chroot_asked(&build, &query)?.id).await?;
    Ok(Json(json!({ "packages": packages.iter().map(nevra).collect::<Vec<_>>() })))
}

/// `GET /api_3/build-chroot/list`.
///
/// # Errors
/// 404.
pub async fn chroots(State(state): State<AppState>, query: Params) -> Result<Json<Page<ChrootView>>, ApiError> {
    let build = asked(&state, &query).await?;
    let (window, meta) = query.page()?;
    let number = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    let mut items = Vec::new();
    let shown = build.chroots.iter().skip(number(window.offset)).take(window.limit.map_or(usize::MAX, number));
    for chroot in shown {
        items.push(chroot_view(&state, &build, chroot).await?);
    }
    Ok(Json(Page { items, meta }))
}

/// `GET /api_3/build/built-packages/{id}`: chroot to the packages that came of it.
///
/// # Errors
/// 404.
pub async fn built_packages(State(state): State<AppState>, Path(id): Path<String>) -> Result<Json<Value>, ApiError> {
    let build = find(&state, &id).await?;
    let packages = db::build::packages(&state.db, build.id).await?;
    let of = |chroot: &BuildChroot| -> Vec<Value> {
        packages
            .iter()
            .filter(|package| package.build_chroot_id == chroot.id)
            .map(|package| nevra(&package.file))
            .collect()
    };
    let all: BTreeMap<String, Value> =
        build.chroots.iter().map(|chroot| (chroot.chroot.to_string(), json!({ "packages": of(chroot) }))).collect();
    Ok(Json(json!(all)))
}

/// `GET /api_3/build/source-chroot/{id}`: how far the source is.
///
/// # Errors
/// 404.
pub async fn source_chroot(State(state): State<AppState>, Path(id): Path<String>) -> Result<Json<Value>, ApiError> {
    let build = find(&state, &id).await?;
    let word = build.source.as_ref().map_or(BuildState::Succeeded, |source| source.state);
    Ok(Json(json!({ "state": word, "result_url": source_url(&state, &build) })))
}

/// `GET /api_3/build/source-build-config/{id}`: what the source is made of.
///
/// # Errors
/// 404.
pub async fn source_config(State(state): State<AppState>, Path(id): Path<String>) -> Result<Json<Value>, ApiError> {
    let build = find(&state, &id).await?;
    let (kind, mut of) = db::package::source_of(build.method.as_ref());
    let kind = if build.uploaded { "rpm_upload" } else { kind };
    if let Some(make) = of.get("source_build_method").cloned() {
        // Of a build, Copr says it in its older word.
        of["srpm_build_method"] = make;
    }
    Ok(Json(json!({
        "source_type": kind, "source_dict": of, "memory_limit": build.wishes.memory_mib, "timeout": build.timeout,
        "is_background": build.background,
    })))
}
