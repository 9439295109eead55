//! Packages of a project: how each is built, and what was built of it.

use std::{collections::HashMap, sync::Arc};

use axum::{
    Json,
    extract::{Path, State},
    http::Method,
    response::Response,
};
use copr_api::{
    builder::SourceMethod,
    v3::{
        Build as BuildView, BuildState, Package as View, PackageBuild, PackageBuilds, PackageEdit, PackageName,
        ScmBuild,
    },
};
use globset::Glob;
use serde_json::{Value, json};

use super::{
    build, cut, find_project, paging,
    project::owned,
    remote,
    submit::{self, Content, take, target},
    unsupported,
};
use crate::{
    clock,
    db::{
        self,
        build::Build,
        package::{Package, UNSET, source_of},
        permission::Role,
        project::Project,
    },
    http::{
        auth::Caller,
        error::ApiError,
        params::{JsonBody, Params},
        routes::Routes,
    },
    state::AppState,
};

/// The addresses of this file.
pub fn routes() -> Routes {
    Routes::default()
        .api(Method::GET, "/api_3/package", get)
        .api(Method::GET, "/api_3/package/list", list)
        .api(Method::POST, "/api_3/package/add/{owner}/{project}/{name}/{type}", add)
        .api(Method::POST, "/api_3/package/edit/{owner}/{project}/{name}/{type}", edit)
        .api(Method::PUT, "/api_3/package/reset", reset)
        .api(Method::DELETE, "/api_3/package/delete", delete)
        .api(Method::POST, "/api_3/package/build", build_package)
}

/// The longest name of a package.
const NAME: usize = 200;
/// Most builds that a package can be told to keep.
pub(super) const MAX_BUILDS: i64 = 1000;

/// The newest builds of packages, by name.
#[derive(Default)]
struct Newest {
    latest: HashMap<String, Build>,
    succeeded: HashMap<String, Build>,
}

impl Newest {
    /// Those that the query asks for.
    async fn asked(state: &AppState, project: &Project, query: &Params, names: &[&str]) -> Result<Self, ApiError> {
        let mut newest = Self::default();
        if query.truth("with_latest_build") {
            newest.latest = db::build::latest(&state.db, project.id, names, None).await?;
        }
        if query.truth("with_latest_succeeded_build") {
            newest.succeeded = db::build::latest(&state.db, project.id, names, Some(BuildState::Succeeded)).await?;
        }
        Ok(newest)
    }
}

fn view(state: &AppState, project: &Project, package: Package, newest: &mut Newest) -> View {
    let shown = |build: Option<Build>| build.map(|build| build::view(state, build));
    let builds = PackageBuilds {
        latest: shown(newest.latest.remove(&package.name)),
        latest_succeeded: shown(newest.succeeded.remove(&package.name)),
    };
    View {
        id: package.id,
        name: package.name,
        projectname: project.name.clone(),
        ownername: project.owner.clone(),
        source_type: package.source_type,
        source_dict: package.source_dict,
        auto_rebuild: package.webhook_rebuild,
        rebuild_on_dependency_changes: Some(package.rebuild_on_dependency_changes),
        builds,
    }
}

async fn find(state: &AppState, project: &Project, name: &str) -> Result<Package, ApiError> {
    db::package::get(&state.db, project.id, name).await?.ok_or_else(|| missing(project, name))
}

fn missing(project: &Project, name: &str) -> ApiError {
    ApiError::NotFound(format!("Package {} in project {} does not exist.", cut(name), project.full_name()))
}

/// `GET /api_3/package`.
///
/// # Errors
/// 404.
pub async fn get(State(state): State<AppState>, query: Params) -> Result<Json<View>, ApiError> {
    let project = find_project(&state, query.required("ownername")?, query.required("projectname")?).await?;
    let package = find(&state, &project, query.required("packagename")?).await?;
    let mut newest = Newest::asked(&state, &project, &query, &[package.name.as_str()]).await?;
    Ok(Json(view(&state, &project, package, &mut newest)))
}

/// `GET /api_3/package/list`: by number.
///
/// # Errors
/// 404: no such project.
pub async fn list(State(state): State<AppState>, query: Params) -> Result<Response, ApiError> {
    let project = find_project(&state, query.required("ownername")?, query.required("projectname")?).await?;
    let (window, meta) = query.page()?;
    let asked = Arc::new((state, project, query));
    paging::page(window, meta, move |window, _| {
        let asked = Arc::clone(&asked);
        async move {
            let (state, project, query) = &*asked;
            let packages = db::package::list(&state.db, project.id, window).await?;
            let names: Vec<&str> = packages.iter().map(|package| package.name.as_str()).collect();
            let mut newest = Newest::asked(state, project, query, &names).await?;
            Ok(packages.into_iter().map(|package| view(state, project, package, &mut newest)).collect::<Vec<_>>())
        }
    })
    .await
}

/// `POST /api_3/package/add/{owner}/{project}/{name}/{type}`.
///
/// # Errors
/// 400: what is asked for makes no sense; 403, 404, 409: it exists.
pub async fn add(
    State(state): State<AppState>,
    caller: Caller,
    Path((owner, project, name, kind)): Path<(String, String, String, String)>,
    JsonBody(body): JsonBody<PackageEdit>,
) -> Result<Json<View>, ApiError> {
    let project = owned(&state, &caller, &owner, &project, Role::Builder, "add packages to").await?;
    let fine = !name.is_empty()
        && name.len() <= NAME
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-+_.".contains(&b))
        // It becomes part of a folder's name.
        && name.bytes().any(|b| b != b'.');
    if !fine {
        return Err(ApiError::BadRequest(format!(
            "package_name: '{}' is no name of a package: letters, digits and -+_. up to {NAME}",
            cut(&name)
        )));
    }
    let mut package = Package::new(project.id, name);
    change(&state, &mut package, &kind, &body)?;
    package.id = match db::package::add(&state.db, &package, clock::now_ms()).await {
        Err(error) if error.is_duplicate() => {
            return Err(ApiError::Conflict(format!(
                "Package {} already exists in project {}.",
                package.name,
                project.full_name()
            )));
        }
        added => added?,
    };
    tracing::info!(project = project.full_name(), package = package.name, by = caller.user.name, "package added");
    Ok(Json(view(&state, &project, package, &mut Newest::default())))
}

/// `POST /api_3/package/edit/{owner}/{project}/{name}/{type}`: what is not said stays.
///
/// # Errors
/// 400, 403, 404.
pub async fn edit(
    State(state): State<AppState>,
    caller: Caller,
    Path((owner, project, name, kind)): Path<(String, String, String, String)>,
    JsonBody(body): JsonBody<PackageEdit>,
) -> Result<Json<View>, ApiError> {
    let project = owned(&state, &caller, &owner, &project, Role::Builder, "change packages of").await?;
    let mut package = find(&state, &project, &name).await?;
    change(&state, &mut package, &kind, &body)?;
    store(&state, &project, &package).await?;
    tracing::info!(project = project.full_name(), package = package.name, by = caller.user.name, "package changed");
    Ok(Json(view(&state, &project, package, &mut Newest::default())))
}

async fn store(state: &AppState, project: &Project, package: &Package) -> Result<(), ApiError> {
    if db::package::set(&state.db, package).await? { Ok(()) } else { Err(missing(project, &package.name)) }
}

/// Puts what a call says into a package. python-copr says `None` for a type that stays.
fn change(state: &AppState, package: &mut Package, kind: &str, body: &PackageEdit) -> Result<(), ApiError> {
    let kind = if kind == "None" { package.source_type.clone() } else { kind.to_owned() };
    // The keys of another kind of source say nothing of this one.
    let old = if kind == package.source_type { package.source_dict.clone() } else { json!({}) };
    let method = match kind.as_str() {
        "scm" => Some(remote::git(&scm(&old, body))?),
        "link" => {
            let url = body.pkgs.first().cloned().or_else(|| text(&old, "url"));
            Some(remote::link(&url.ok_or_else(|| ApiError::BadRequest("pkgs: The URL is missing".to_owned()))?)?)
        }
        kind if kind == package.source_type => None,
        other => return Err(unsupported::refusal(&cut(other))),
    };
    if let Some(method) = &method {
        let (kind, dict) = source_of(Some(method));
        (package.source_type, package.source_dict) = (kind.to_owned(), dict);
    }
    if let Some(count) = body.max_builds {
        if !(0..=MAX_BUILDS).contains(&count) {
            return Err(ApiError::BadRequest(format!("max_builds: Number must be between 0 and {MAX_BUILDS}.")));
        }
        package.max_builds = Some(count).filter(|count| *count != 0);
    }
    if let Some(seconds) = body.timeout {
        let most = state.config.builds.max_timeout;
        if !(0..=most).contains(&seconds) {
            return Err(ApiError::BadRequest(format!("timeout: Number must be between 0 and {most}.")));
        }
        package.timeout = Some(seconds).filter(|seconds| *seconds != 0);
    }
    if let Some(list) = &body.chroot_denylist {
        package.chroot_denylist = denylist(list)?;
    }
    if let Some(rebuild) = body.webhook_rebuild {
        package.webhook_rebuild = rebuild;
    }
    if let Some(rebuild) = body.rebuild_on_dependency_changes {
        package.rebuild_on_dependency_changes = rebuild;
    }
    Ok(())
}

fn denylist(list: &[String]) -> Result<Vec<String>, ApiError> {
    // Copr's form has commas between them.
    let words = list.iter().flat_map(|text| text.split([',', ' '])).filter(|word| !word.is_empty());
    let words: Vec<String> = words.map(str::to_owned).collect();
    if words.len() > submit::PATTERNS.0 {
        return Err(ApiError::BadRequest(format!("chroot_denylist: A list may have {} entries", submit::PATTERNS.0)));
    }
    let wrong = words.iter().find(|word| word.len() > submit::PATTERNS.1 || Glob::new(word).is_err());
    match wrong {
        None => Ok(words),
        Some(word) => {
            Err(ApiError::BadRequest(format!("chroot_denylist: '{}' is no name or pattern of a chroot", cut(word))))
        }
    }
}

fn text(dict: &Value, key: &str) -> Option<String> {
    dict.get(key).and_then(Value::as_str).map(str::to_owned)
}

/// A git repository from what was said before and what is said now.
fn scm(old: &Value, new: &PackageEdit) -> ScmBuild {
    let either = |new: &Option<String>, key: &str| new.clone().or_else(|| text(old, key));
    ScmBuild {
        clone_url: either(&new.clone_url, "clone_url").unwrap_or_default(),
        committish: either(&new.committish, "committish"),
        subdirectory: either(&new.subdirectory, "subdirectory"),
        spec: either(&new.spec, "spec"),
        scm_type: either(&new.scm_type, "type"),
        source_build_method: either(&new.source_build_method, "source_build_method"),
        ..ScmBuild::default()
    }
}

/// `PUT /api_3/package/reset`: nobody has said how it is built.
///
/// # Errors
/// 403, 404.
pub async fn reset(
    State(state): State<AppState>,
    caller: Caller,
    JsonBody(body): JsonBody<PackageName>,
) -> Result<Json<View>, ApiError> {
    let project =
        owned(&state, &caller, &body.ownername, &body.projectname, Role::Builder, "change packages of").await?;
    let mut package = find(&state, &project, &body.package_name).await?;
    (package.source_type, package.source_dict) = (UNSET.to_owned(), json!({}));
    store(&state, &project, &package).await?;
    tracing::info!(project = project.full_name(), package = package.name, by = caller.user.name, "package reset");
    Ok(Json(view(&state, &project, package, &mut Newest::default())))
}

/// `DELETE /api_3/package/delete`: with its builds; the answer is the package as it was.
///
/// # Errors
/// 403, 404, 409: a build of it has not ended.
pub async fn delete(
    State(state): State<AppState>,
    caller: Caller,
    JsonBody(body): JsonBody<PackageName>,
) -> Result<Json<View>, ApiError> {
    let project =
        owned(&state, &caller, &body.ownername, &body.projectname, Role::Builder, "delete packages of").await?;
    let package = find(&state, &project, &body.package_name).await?;
    let now_ms = clock::now_ms();
    if let Err(refused) = db::package::delete(&state.db, &package, now_ms, now_ms).await? {
        let ids: Vec<String> = refused.running.iter().chain(&refused.missing).map(ToString::to_string).collect();
        return Err(ApiError::Conflict(format!(
            "Package {} cannot be deleted: build(s) {} are not finished.",
            package.name,
            ids.join(", ")
        )));
    }
    state.publishing.wake();
    tracing::info!(project = project.full_name(), package = package.name, by = caller.user.name, "package deleted");
    Ok(Json(view(&state, &project, package, &mut Newest::default())))
}

/// `POST /api_3/package/build`: a build of what the package says that it is built from.
///
/// # Errors
/// 400: it says nothing, or the options make no sense; 403, 404.
pub async fn build_package(
    State(state): State<AppState>,
    caller: Caller,
    JsonBody(PackageBuild { mut options, package_name }): JsonBody<PackageBuild>,
) -> Result<Json<BuildView>, ApiError> {
    let project = owned(&state, &caller, &options.ownername, &options.projectname, Role::Builder, "build in").await?;
    let package = find(&state, &project, &package_name).await?;
    let method = method(&package)?;
    options.timeout = options.timeout.filter(|seconds| *seconds != 0).or(package.timeout);
    let target = target(&state, &caller, &options).await?;
    let content = Content::Made(method, Vec::new());
    take(&state, &caller, &options, &target, content, Some(&package.name)).await.map(Json)
}

/// What a package says that it is built from.
///
/// # Errors
/// 400: it says nothing, or what nobody can build.
pub(super) fn method(package: &Package) -> Result<SourceMethod, ApiError> {
    match package.source_type.as_str() {
        "scm" => remote::git(&scm(&package.source_dict, &PackageEdit::default())),
        "link" => remote::link(&text(&package.source_dict, "url").unwrap_or_default()),
        // What was uploaded once is not kept to be built again.
        _ => Err(ApiError::BadRequest(format!("Unset default source for package {}: no package source", package.name))),
    }
}
