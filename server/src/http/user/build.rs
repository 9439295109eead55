//! Builds, as they are asked after.

use std::collections::BTreeMap;

use axum::{
    Json,
    extract::{Path, State},
};
use copr_api::{
    builder::SourceMethod,
    v3::{Build as View, BuildChroot as ChrootView, BuildState, Page, SourcePackage},
};
use serde_json::{Value, json};

use super::{find_project, project::ALL};
use crate::{
    clock::seconds,
    db::{
        self,
        build::{Build, BuildChroot, Filter},
    },
    http::{
        auth::Caller,
        error::ApiError,
        params::{self, Params},
    },
    publish::folder::nevra,
    state::AppState,
};

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
    }
}

fn chroot_view(state: &AppState, build: &Build, chroot: &BuildChroot) -> ChrootView {
    let folder =
        || format!("{}{}/", state.repository_url(&build.owner, &build.dirname, &chroot.chroot), build.folder());
    ChrootView {
        name: chroot.chroot.clone(),
        state: chroot.state,
        started_on: chroot.started_ms.map(seconds),
        ended_on: chroot.ended_ms.map(seconds),
        // The folder stands from the first byte of log on.
        result_url: chroot.started_ms.map(|_| folder()),
    }
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
    found.ok_or_else(|| ApiError::NotFound(format!("Build {id} does not exist.")))
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
pub async fn list(State(state): State<AppState>, query: Params) -> Result<Json<Page<View>>, ApiError> {
    let project = find_project(&state, query.required("ownername")?, query.required("projectname")?).await?;
    let (window, meta) = query.page()?;
    let status = query.get("status");
    let filter = Filter {
        project_id: Some(project.id),
        package_name: query.get("packagename").map(str::to_owned),
        listed_only: false,
    };
    // A build's state is made of its chroots': the cut comes after the choice.
    let builds = db::build::list(&state.db, &filter, if status.is_some() { ALL } else { window }).await?;
    let builds = builds.into_iter().filter(|build| status.is_none_or(|status| build.state().as_str() == status));
    let items: Vec<View> = match status {
        None => builds.map(|build| view(&state, build)).collect(),
        Some(_) => {
            let (skip, take) = (window.offset, window.limit.unwrap_or(u64::MAX));
            let number = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
            builds.skip(number(skip)).take(number(take)).map(|build| view(&state, build)).collect()
        }
    };
    Ok(Json(Page { items, meta }))
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
    if !caller.owns(&project) {
        return Err(ApiError::Forbidden(format!(
            "You don't have required permission: {} may not cancel builds of {}.",
            caller.0.name,
            project.full_name()
        )));
    }
    if !state.queue.cancel(build.id).await? {
        return Err(ApiError::Conflict(format!("Cannot cancel build {}", build.id)));
    }
    tracing::info!(build.id, by = caller.0.name, "cancelled");
    get(State(state), Path(id)).await
}

/// `GET /api_3/build-chroot`.
///
/// # Errors
/// 404: no such build, or it is not built for that chroot.
pub async fn chroot(State(state): State<AppState>, query: Params) -> Result<Json<ChrootView>, ApiError> {
    let build = asked(&state, &query).await?;
    let name = query.required("chrootname")?;
    let chroot = build.chroots.iter().find(|chroot| chroot.chroot.as_str() == name);
    let chroot =
        chroot.ok_or_else(|| ApiError::NotFound(format!("No chroot {} in build {}", super::cut(name), build.id)))?;
    Ok(Json(chroot_view(&state, &build, chroot)))
}

/// `GET /api_3/build-chroot/list`.
///
/// # Errors
/// 404.
pub async fn chroots(State(state): State<AppState>, query: Params) -> Result<Json<Page<ChrootView>>, ApiError> {
    let build = asked(&state, &query).await?;
    let (window, meta) = query.page()?;
    let number = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    let items = build
        .chroots
        .iter()
        .skip(number(window.offset))
        .take(window.limit.map_or(usize::MAX, number))
        .map(|chroot| chroot_view(&state, &build, chroot))
        .collect();
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
    let (kind, of) = source_dict(build.method.as_ref());
    Ok(Json(json!({
        "source_type": kind, "source_dict": of, "memory_limit": build.wishes.memory_mib, "timeout": build.timeout,
        "is_background": build.background,
    })))
}

/// Copr's `source_type` and `source_dict`.
pub(super) fn source_dict(method: Option<&SourceMethod>) -> (&'static str, Value) {
    match method {
        None => ("upload", json!({})),
        Some(SourceMethod::Spec { spec, .. }) => ("upload", json!({ "pkg": spec })),
        Some(SourceMethod::Url { url }) => ("link", json!({ "url": url })),
        Some(SourceMethod::Git { clone_url, committish, subdirectory, spec, make }) => {
            let dict = json!({
                "type": "git", "clone_url": clone_url, "committish": committish.as_deref().unwrap_or_default(),
                "subdirectory": subdirectory, "spec": spec.as_deref().unwrap_or_default(),
                "source_build_method": make, "srpm_build_method": make,
            });
            ("scm", dict)
        }
    }
}
