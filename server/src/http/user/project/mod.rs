//! Projects and their chroots.

pub(crate) mod form;

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json,
    extract::{Path, State},
    http::Method,
    response::Response,
};
use copr_api::{
    names::{Chroot, DirName, OwnerName},
    v3::{Permission, Project as View, ProjectAdd, ProjectEdit, SignWith},
};
use serde::Deserialize;

use super::{find_project, paging};
use crate::{
    clock,
    db::{
        self,
        chroot::ProjectChroot,
        permission::Role,
        project::{Filter, Order, Project},
        task::RepositoryKey,
    },
    expiry,
    http::{
        auth::Caller,
        error::ApiError,
        params::{self, JsonBody, Params},
        public::release,
        routes::Routes,
    },
    state::AppState,
};

/// The addresses of this file.
pub fn routes() -> Routes {
    Routes::default()
        .api(Method::GET, "/api_3/project", get)
        .api(Method::GET, "/api_3/project/list", list)
        .api(Method::GET, "/api_3/project/search", search)
        .api(Method::POST, "/api_3/project/add/{owner}", add)
        .api(Method::DELETE, "/api_3/project/delete/{owner}/{project}", delete)
        .api(Method::PUT, "/api_3/project/edit/{owner}/{project}", edit)
        .api(Method::PUT, "/api_3/project/regenerate-repos/{owner}/{project}", regenerate)
}

/// A project as the clients see it.
pub(super) fn view(state: &AppState, project: Project, chroots: &[ProjectChroot]) -> View {
    let chroot_repos = project.name.as_str().parse::<DirName>().map_or_else(
        |_| BTreeMap::new(),
        |dirname| {
            let url = |chroot: &Chroot| state.repository_url(&project.owner, &dirname, chroot);
            chroots.iter().map(|of| (of.chroot.to_string(), url(&of.chroot))).collect()
        },
    );
    View {
        id: project.id,
        full_name: project.full_name(),
        name: project.name,
        ownername: project.owner,
        homepage: project.homepage,
        contact: project.contact,
        description: project.description,
        instructions: project.instructions,
        devel_mode: project.devel_mode,
        persistent: project.persistent,
        unlisted_on_hp: project.unlisted,
        auto_prune: project.auto_prune,
        chroot_repos,
        additional_repos: project.additional_repos,
        enable_net: project.enable_net,
        bootstrap: Some(project.bootstrap),
        isolation: Some(project.isolation),
        module_hotfixes: project.module_hotfixes,
        appstream: project.appstream,
        packit_forge_projects_allowed: project.packit_forge_projects_allowed,
        follow_fedora_branching: project.follow_fedora_branching,
        repo_priority: project.repo_priority,
        storage: "backend".to_owned(),
        rpmlint: Some(project.rpmlint),
        keep_builds: project.keep_builds,
        bug_url: project.bug_url,
        shadow_check: Some(project.shadow_check),
        signing: Some(project.signing),
        webhook_pull_requests: Some(project.webhook_pull_requests),
        rebuild_on_dependency_changes: Some(project.rebuild_on_dependency_changes),
    }
}

/// `GET /api_3/project`.
///
/// # Errors
/// 404: there is no such project.
pub async fn get(State(state): State<AppState>, query: Params) -> Result<Json<View>, ApiError> {
    let project = find_project(&state, query.required("ownername")?, query.required("projectname")?).await?;
    one(&state, project).await
}

pub(super) async fn one(state: &AppState, project: Project) -> Result<Json<View>, ApiError> {
    let chroots = db::chroot::of_project(&state.db, project.id).await?;
    Ok(Json(view(state, project, &chroots)))
}

async fn page(state: &AppState, filter: Filter, query: &Params) -> Result<Response, ApiError> {
    let (window, meta) = query.page()?;
    let asked = Arc::new((state.clone(), filter));
    paging::page(window, meta, move |window, _| {
        let asked = Arc::clone(&asked);
        async move {
            let (state, filter) = &*asked;
            let projects = db::project::list(&state.db, filter, window).await?;
            let ids: Vec<i64> = projects.iter().map(|project| project.id).collect();
            let mut chroots = db::chroot::of_projects(&state.db, &ids).await?;
            let shown = projects.into_iter().map(|project| {
                let chroots = chroots.remove(&project.id).unwrap_or_default();
                view(state, project, &chroots)
            });
            Ok(shown.collect::<Vec<_>>())
        }
    })
    .await
}

/// The column that a list is to be ordered by.
fn order(query: &Params) -> Result<Option<Order>, ApiError> {
    let Some(column) = query.get("order") else { return Ok(None) };
    let known = Order::of(column);
    known.map(Some).ok_or_else(|| ApiError::BadRequest(format!("Can not order by: {}", super::cut(column))))
}

/// `GET /api_3/project/list`.
///
/// # Errors
/// 400: the pagination makes no sense.
pub async fn list(State(state): State<AppState>, query: Params) -> Result<Response, ApiError> {
    let newest_first = query.get("order_type").is_some_and(|text| text.eq_ignore_ascii_case("desc"));
    let owner = query.get("ownername").map(str::to_owned);
    let filter = Filter { owner, newest_first, order: order(&query)?.unwrap_or_default(), ..Filter::default() };
    page(&state, filter, &query).await
}

/// `GET /api_3/project/search`.
///
/// # Errors
/// 400: the pagination makes no sense.
pub async fn search(State(state): State<AppState>, query: Params) -> Result<Response, ApiError> {
    let text = Some(query.required("query")?.to_owned());
    // Newest first unless the caller says by what.
    let order = order(&query)?.filter(|order| *order != Order::Id);
    let ascending = query.get("order_type").is_none_or(|text| !text.eq_ignore_ascii_case("desc"));
    let newest_first = order.is_none() || !ascending;
    let filter = Filter { query: text, newest_first, order: order.unwrap_or(Order::Created), ..Filter::default() };
    page(&state, filter, &query).await
}

/// `POST /api_3/project/add/{owner}`. The project's empty repositories stand when it answers.
///
/// # Errors
/// 400 with a line a field, 403: another's name, 404: no such user.
pub async fn add(
    State(state): State<AppState>,
    caller: Caller,
    Path(owner): Path<String>,
    query: Params,
    JsonBody(body): JsonBody<ProjectAdd>,
) -> Result<Json<View>, ApiError> {
    let missing = format!("User {} does not exist.", owner.chars().take(100).collect::<String>());
    let owner: OwnerName = params::name(&owner, &missing)?;
    may_own(&state, &caller, &owner).await?;
    caller.require_terms(&state).await?;
    if !caller.user.admin {
        if body.persistent == Some(true) {
            return Err(ApiError::Forbidden("Non-admin cannot create persistent project.".to_owned()));
        }
        if body.auto_prune == Some(false) {
            return Err(ApiError::Forbidden(form::NO_AUTO_PRUNE.to_owned()));
        }
    }
    let now = clock::now_ms();
    let (project, chroots) = form::check(&state, owner, body, &[], now).await?;
    if let Some(existing) = db::project::get(&state.db, &project.owner, &project.name).await? {
        if query.truth("exist_ok") {
            return one(&state, existing).await;
        }
        return Err(duplicate(&project));
    }
    let added = match db::project::add(&state.db, &project, &chroots, now).await {
        Err(error) if error.is_duplicate() => {
            // Somebody else was faster.
            return match db::project::get(&state.db, &project.owner, &project.name).await? {
                Some(existing) if query.truth("exist_ok") => one(&state, existing).await,
                _ => Err(duplicate(&project)),
            };
        }
        other => other?,
    };
    tracing::info!(project = added.full_name(), by = caller.user.name, "project added");
    state.signing.make_ahead(&added);
    ensure(&state, &added, chroots.into_iter()).await?;
    one(&state, added).await
}

/// Copr's words for a name that is taken.
pub(super) fn duplicate(project: &Project) -> ApiError {
    let (owner, name) = (project.owner.as_str(), &project.name);
    ApiError::BadRequest(match owner.strip_prefix('@') {
        Some(group) => format!("name: Group {group} (fas: {group}) already has a project named '{name}'."),
        None => format!("name: You already have a project named '{name}'."),
    })
}

/// `PUT /api_3/project/edit/{owner}/{project}`: what is not sent stays. New chroots have their empty repositories when it answers.
///
/// # Errors
/// 400 with a line a field, 403, 404.
pub async fn edit(
    State(state): State<AppState>,
    caller: Caller,
    Path((owner, name)): Path<(String, String)>,
    JsonBody(body): JsonBody<ProjectEdit>,
) -> Result<Json<View>, ApiError> {
    let project = owned(&state, &caller, &owner, &name, Role::Admin, "change").await?;
    let had: Vec<Chroot> =
        db::chroot::of_project(&state.db, project.id).await?.into_iter().map(|of| of.chroot).collect();
    if !caller.user.admin && body.auto_prune.is_some_and(|prune| prune != project.auto_prune) {
        return Err(ApiError::Forbidden(form::NO_AUTO_PRUNE.to_owned()));
    }
    let was_devel = project.devel_mode;
    let new_end = body.delete_after_days.is_some();
    let asked = body.chroots.is_some();
    let now = clock::now_ms();
    let form = form::changed(&project, body, &had);
    let (changed, chroots) = form::check(&state, project.owner.clone(), form, &had, now).await?;
    let changed = Project {
        id: project.id,
        created_ms: project.created_ms,
        persistent: project.persistent,
        forked_from: project.forked_from,
        delete_at_ms: if new_end { changed.delete_at_ms } else { project.delete_at_ms },
        ..changed
    };
    if changed.persistent && changed.delete_at_ms.is_some() {
        return Err(ApiError::BadRequest("delete_after_days: A persistent project can't be temporary.".to_owned()));
    }
    if changed.signing == SignWith::Owner && project.signing != SignWith::Owner {
        shared_with_nobody(&state, &project).await?;
    }
    let republish = was_devel != changed.devel_mode || project.signing != changed.signing;
    let dropped_until = now.saturating_add(state.config.projects.dropped_ms());
    let asked = asked.then_some(chroots.as_slice());
    if !db::project::set(&state.db, &changed, asked, republish, dropped_until, now).await? {
        return Err(ApiError::NotFound(format!("Project {} does not exist.", changed.full_name())));
    }
    tracing::info!(project = changed.full_name(), by = caller.user.name, "project changed");
    state.signing.make_ahead(&changed);
    ensure(&state, &changed, chroots.into_iter().filter(|chroot| !had.contains(chroot))).await?;
    release::follow(&state, &changed).await;
    one(&state, changed).await
}

/// Refuses the owner's key where others may build.
async fn shared_with_nobody(state: &AppState, project: &Project) -> Result<(), ApiError> {
    let roles = db::permission::of_project(&state.db, project.id).await?;
    let mut may = roles.iter().filter(|(_, roles)| [roles.admin, roles.builder].contains(&Permission::Approved));
    let Some((name, _)) = may.next() else { return Ok(()) };
    Err(ApiError::BadRequest(format!(
        "signing: {name} may build in {}, too: its owner's key is for projects that nobody else builds in.",
        project.full_name()
    )))
}

/// Makes the empty repositories of new chroots, and has whatever else waits published.
async fn ensure(state: &AppState, project: &Project, chroots: impl Iterator<Item = Chroot>) -> Result<(), ApiError> {
    let dirname: DirName = params::name(project.name.as_str(), "")?;
    for chroot in chroots {
        let repository = RepositoryKey { owner: project.owner.clone(), dirname: dirname.clone(), chroot };
        state.publishing.ensure(&repository).await?;
    }
    state.publishing.wake();
    Ok(())
}

/// Whether the caller may have projects under this name: its own, that of a group it is in, or, for administrators, any.
///
/// # Errors
/// 403, 404: no such user or group.
pub(crate) async fn may_own(state: &AppState, caller: &Caller, owner: &OwnerName) -> Result<(), ApiError> {
    let refused = || {
        ApiError::Forbidden(format!(
            "You don't have required permission: {} may not add projects for {owner}.",
            caller.user.name
        ))
    };
    if caller.only.is_some() {
        return Err(refused());
    }
    if owner.as_str() == caller.user.name {
        return Ok(());
    }
    if caller.user.admin {
        if owner.is_group() {
            return match db::group::by_name(&state.db, owner).await? {
                Some(_) => Ok(()),
                None => Err(ApiError::NotFound(format!("There is no such group: {owner}"))),
            };
        }
        if db::user::by_name(&state.db, owner.as_str()).await?.is_none() {
            return Err(ApiError::NotFound(format!("User {owner} does not exist.")));
        }
        return Ok(());
    }
    // Whoever would own any project of the group is a member.
    let any = Project::new(owner.clone(), params::name("any", "")?);
    if owner.is_group() && db::permission::role(&state.db, &caller.user, &any).await? == Role::Owner {
        return Ok(());
    }
    Err(refused())
}

/// A project in which the caller may do at least this.
///
/// # Errors
/// 403, 404.
pub(super) async fn owned(
    state: &AppState,
    caller: &Caller,
    owner: &str,
    name: &str,
    least: Role,
    what: &str,
) -> Result<Project, ApiError> {
    let project = find_project(state, owner, name).await?;
    caller.require(state, &project, least, what).await?;
    Ok(project)
}

/// Why a project can't be deleted whoever asks: something of it was taken down, and is evidence.
async fn kept(state: &AppState, project: &Project) -> Result<Option<ApiError>, ApiError> {
    let dirname: DirName = params::name(project.name.as_str(), "")?;
    let keeps = db::takedown::keeps(&state.db, &project.owner, &dirname, None).await?;
    Ok(keeps.then(|| {
        ApiError::Conflict(format!(
            "{} can't be deleted: the administrators of this site have taken it or builds of it down.",
            project.full_name()
        ))
    }))
}

/// Body of the deletion.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Delete {
    verify: bool,
}

/// `DELETE /api_3/project/delete/{owner}/{project}`.
///
/// # Errors
/// 400: not verified, 403, 404, 409: a build of it is at work.
pub async fn delete(
    State(state): State<AppState>,
    caller: Caller,
    Path((owner, name)): Path<(String, String)>,
    JsonBody(body): JsonBody<Delete>,
) -> Result<Json<View>, ApiError> {
    let project = owned(&state, &caller, &owner, &name, Role::Owner, "delete").await?;
    if !body.verify {
        return Err(ApiError::BadRequest("verify: Please confirm the deletion".to_owned()));
    }
    if project.persistent {
        return Err(ApiError::Forbidden(format!(
            "Project {} is persistent and can't be deleted.",
            project.full_name()
        )));
    }
    if let Some(why) = kept(&state, &project).await? {
        return Err(why);
    }
    let chroots = db::chroot::of_project(&state.db, project.id).await?;
    if !expiry::delete_project(&state, &project, clock::now_ms()).await? {
        // Somebody else may have been faster.
        find_project(&state, &owner, &name).await?;
        return Err(ApiError::Conflict(
            "Project can't be deleted, some of its builds are still in progress.".to_owned(),
        ));
    }
    tracing::info!(project = project.full_name(), by = caller.user.name, "project deleted");
    Ok(Json(view(&state, project, &chroots)))
}

/// `PUT /api_3/project/regenerate-repos/{owner}/{project}`: the metadata of all its repositories are made anew, with all that was
/// built.
///
/// # Errors
/// 403, 404.
pub async fn regenerate(
    State(state): State<AppState>,
    caller: Caller,
    Path((owner, name)): Path<(String, String)>,
) -> Result<Json<View>, ApiError> {
    let project = owned(&state, &caller, &owner, &name, Role::Builder, "regenerate the repositories of").await?;
    let chroots = db::chroot::of_project(&state.db, project.id).await?;
    let mut dirnames: Vec<DirName> = vec![params::name(project.name.as_str(), "")?];
    dirnames.extend(db::directory::of_project(&state.db, project.id).await?.into_iter().map(|of| of.dirname));
    for dirname in dirnames {
        for of in &chroots {
            let (owner, chroot) = (project.owner.clone(), of.chroot.clone());
            let repository = RepositoryKey { owner, dirname: dirname.clone(), chroot };
            db::task::regenerate(&state.db, &repository, clock::now_ms()).await?;
        }
    }
    state.publishing.wake();
    Ok(Json(view(&state, project, &chroots)))
}
