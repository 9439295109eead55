//! Projects and their chroots.

use std::collections::{BTreeMap, HashMap};

use axum::{
    Json,
    extract::{Path, State},
};
use copr_api::{
    names::{Chroot, DirName, OwnerName},
    v3::{Page, Project as View, ProjectAdd, ProjectEdit},
};
use serde::Deserialize;

use super::find_project;
use crate::{
    chain, clock,
    db::{
        self, Window,
        chroot::ProjectChroot,
        project::{Filter, Project},
        task::RepositoryKey,
    },
    http::{
        auth::Caller,
        error::ApiError,
        params::{self, JsonBody, Params},
    },
    state::AppState,
};

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
        persistent: false,
        unlisted_on_hp: project.unlisted,
        auto_prune: true,
        chroot_repos,
        additional_repos: project.additional_repos,
        enable_net: project.enable_net,
        bootstrap: Some("default".to_owned()),
        isolation: Some("default".to_owned()),
        module_hotfixes: project.module_hotfixes,
        appstream: false,
        packit_forge_projects_allowed: Vec::new(),
        follow_fedora_branching: false,
        repo_priority: project.repo_priority,
        storage: "backend".to_owned(),
        rpmlint: Some(project.rpmlint),
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

async fn one(state: &AppState, project: Project) -> Result<Json<View>, ApiError> {
    let chroots = db::chroot::of_project(&state.db, project.id).await?;
    Ok(Json(view(state, project, &chroots)))
}

async fn page(state: &AppState, filter: Filter, query: &Params) -> Result<Json<Page<View>>, ApiError> {
    let (window, meta) = query.page()?;
    let projects = db::project::list(&state.db, &filter, window).await?;
    let mut chroots: HashMap<i64, Vec<ProjectChroot>> = HashMap::new();
    let ids = projects.iter().map(|project| project.id);
    if let (Some(first), Some(last)) = (ids.clone().min(), ids.max()) {
        for chroot in db::chroot::between(&state.db, first, last, filter.owner.as_deref()).await? {
            chroots.entry(chroot.project_id).or_default().push(chroot);
        }
    }
    let items = projects
        .into_iter()
        .map(|project| {
            let chroots = chroots.remove(&project.id).unwrap_or_default();
            view(state, project, &chroots)
        })
        .collect();
    Ok(Json(Page { items, meta }))
}

/// `GET /api_3/project/list`.
///
/// # Errors
/// 400: the pagination makes no sense.
pub async fn list(State(state): State<AppState>, query: Params) -> Result<Json<Page<View>>, ApiError> {
    let newest_first = query.get("order_type").is_some_and(|text| text.eq_ignore_ascii_case("desc"));
    let filter = Filter { owner: query.get("ownername").map(str::to_owned), newest_first, ..Filter::default() };
    page(&state, filter, &query).await
}

/// `GET /api_3/project/search`.
///
/// # Errors
/// 400: the pagination makes no sense.
pub async fn search(State(state): State<AppState>, query: Params) -> Result<Json<Page<View>>, ApiError> {
    let filter = Filter { query: Some(query.required("query")?.to_owned()), newest_first: true, ..Filter::default() };
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
    if owner.as_str() != caller.0.name {
        if !caller.0.admin {
            return Err(ApiError::Forbidden(format!(
                "You don't have required permission: {} may not add projects for {owner}.",
                caller.0.name
            )));
        }
        if !owner.is_group() && db::user::by_name(&state.db, owner.as_str()).await?.is_none() {
            return Err(ApiError::NotFound(missing));
        }
    }
    let (project, chroots) = check(&state, owner, body, &[])?;
    if let Some(existing) = db::project::get(&state.db, &project.owner, &project.name).await? {
        if query.truth("exist_ok") {
            return one(&state, existing).await;
        }
        return Err(duplicate(&project));
    }
    let added = match db::project::add(&state.db, &project, &chroots, clock::now_ms()).await {
        Err(error) if error.is_duplicate() => return Err(duplicate(&project)),
        other => other?,
    };
    tracing::info!(project = added.full_name(), by = caller.0.name, "project added");
    let dirname: DirName = params::name(added.name.as_str(), "")?;
    for chroot in chroots {
        let repository = RepositoryKey { owner: added.owner.clone(), dirname: dirname.clone(), chroot };
        state.publishing.ensure(&repository).await?;
    }
    state.publishing.wake();
    one(&state, added).await
}

fn duplicate(project: &Project) -> ApiError {
    ApiError::BadRequest(format!("name: You already have a project named '{}'.", project.name))
}

/// Most entries of a list in the form.
const ENTRIES: usize = 200;

/// The form's rules; every broken one is a line of the answer. What the project has already of chroots, it may keep.
fn check(
    state: &AppState,
    owner: OwnerName,
    body: ProjectAdd,
    had: &[Chroot],
) -> Result<(Project, Vec<Chroot>), ApiError> {
    let mut wrong = Vec::new();
    let name =
        body.name.parse().map_err(|error: copr_api::names::NameError| wrong.push(format!("name: {}", error.rule))).ok();
    let mut chroots: Vec<Chroot> = Vec::new();
    let lists = [
        ("chroots", &body.chroots),
        ("additional_repos", &body.additional_repos),
        ("runtime_dependencies", &body.runtime_dependencies),
    ];
    if let Some((field, _)) = lists.into_iter().find(|(_, list)| list.len() > ENTRIES) {
        return Err(ApiError::BadRequest(format!("{field}: A list may have {ENTRIES} entries.")));
    }
    for text in &body.chroots {
        match text.parse::<Chroot>() {
            Ok(chroot) if state.chroots.get(&chroot).is_some() || had.contains(&chroot) => {
                if !chroots.contains(&chroot) {
                    chroots.push(chroot);
                }
            }
            _ => wrong.push(format!("chroots: '{}' is not a valid choice for this field", super::cut(text))),
        }
    }
    if body.chroots.is_empty() {
        wrong.push("None: At least one chroot must be selected".to_owned());
    }
    for (field, list) in
        [("additional_repos", &body.additional_repos), ("runtime_dependencies", &body.runtime_dependencies)]
    {
        wrong.extend(list.iter().filter_map(|text| chain::parse(text).err()).map(|error| format!("{field}: {error}")));
    }
    if body.repo_priority.is_some_and(|priority| !(1..=99).contains(&priority)) {
        wrong.push("repo_priority: Number must be between 1 and 99.".to_owned());
    }
    for (field, text, longest) in [
        ("description", &body.description, 100_000),
        ("instructions", &body.instructions, 100_000),
        ("homepage", &body.homepage, 1000),
        ("contact", &body.contact, 1000),
    ] {
        if text.as_ref().is_some_and(|text| text.len() > longest) {
            wrong.push(format!("{field}: Field cannot be longer than {longest} characters."));
        }
    }
    match name {
        Some(name) if wrong.is_empty() => {
            let project = Project {
                description: body.description,
                instructions: body.instructions,
                homepage: body.homepage,
                contact: body.contact,
                additional_repos: body.additional_repos,
                runtime_dependencies: body.runtime_dependencies,
                unlisted: body.unlisted_on_hp.unwrap_or(false),
                enable_net: body.enable_net.unwrap_or(false),
                devel_mode: body.devel_mode.unwrap_or(false),
                module_hotfixes: body.module_hotfixes.unwrap_or(false),
                repo_priority: body.repo_priority,
                multilib: body.multilib.unwrap_or(false),
                rpmlint: body.rpmlint.unwrap_or_default(),
                ..Project::new(owner, name)
            };
            Ok((project, chroots))
        }
        _ => Err(ApiError::BadRequest(wrong.join("\n"))),
    }
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
    let project = owned(&state, &caller, &owner, &name, "change").await?;
    let had: Vec<Chroot> =
        db::chroot::of_project(&state.db, project.id).await?.into_iter().map(|of| of.chroot).collect();
    let add = ProjectAdd {
        name: project.name.to_string(),
        chroots: body.chroots.clone().unwrap_or_else(|| had.iter().map(ToString::to_string).collect()),
        description: body.description.or(project.description),
        instructions: body.instructions.or(project.instructions),
        homepage: body.homepage.or(project.homepage),
        contact: body.contact.or(project.contact),
        additional_repos: body.repos.unwrap_or(project.additional_repos),
        runtime_dependencies: body.runtime_dependencies.unwrap_or(project.runtime_dependencies),
        unlisted_on_hp: body.unlisted_on_hp.or(Some(project.unlisted)),
        enable_net: body.enable_net.or(Some(project.enable_net)),
        devel_mode: body.devel_mode.or(Some(project.devel_mode)),
        module_hotfixes: body.module_hotfixes.or(Some(project.module_hotfixes)),
        repo_priority: body.repo_priority.or(project.repo_priority),
        multilib: body.multilib.or(Some(project.multilib)),
        rpmlint: body.rpmlint.or(Some(project.rpmlint)),
    };
    let (changed, chroots) = check(&state, project.owner, add, &had)?;
    let changed = Project { id: project.id, created_ms: project.created_ms, ..changed };
    let asked = body.chroots.is_some().then_some(chroots.as_slice());
    db::project::set(&state.db, &changed, asked, clock::now_ms()).await?;
    tracing::info!(project = changed.full_name(), by = caller.0.name, "project changed");
    let dirname: DirName = params::name(changed.name.as_str(), "")?;
    for chroot in chroots.into_iter().filter(|chroot| !had.contains(chroot)) {
        let repository = RepositoryKey { owner: changed.owner.clone(), dirname: dirname.clone(), chroot };
        state.publishing.ensure(&repository).await?;
    }
    state.publishing.wake();
    one(&state, changed).await
}

/// A project that the caller may change.
///
/// # Errors
/// 403, 404.
pub(super) async fn owned(
    state: &AppState,
    caller: &Caller,
    owner: &str,
    name: &str,
    what: &str,
) -> Result<Project, ApiError> {
    let project = find_project(state, owner, name).await?;
    if caller.owns(&project) {
        return Ok(project);
    }
    Err(ApiError::Forbidden(format!(
        "You don't have required permission: {} may not {what} {}.",
        caller.0.name,
        project.full_name()
    )))
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
    let project = owned(&state, &caller, &owner, &name, "delete").await?;
    if !body.verify {
        return Err(ApiError::BadRequest("verify: Please confirm the deletion".to_owned()));
    }
    let chroots = db::chroot::of_project(&state.db, project.id).await?;
    // Neither a publish that is at work nor a new project of that name may write between the two steps.
    let dirname: DirName = params::name(project.name.as_str(), "")?;
    let key = |of: &ProjectChroot| RepositoryKey {
        owner: project.owner.clone(),
        dirname: dirname.clone(),
        chroot: of.chroot.clone(),
    };
    let _held = state.publishing.hold(&chroots.iter().map(key).collect::<Vec<_>>()).await;
    if !db::project::delete(&state.db, project.id).await? {
        return Err(ApiError::Conflict(
            "Project can't be deleted, some of its builds are still in progress.".to_owned(),
        ));
    }
    tracing::info!(project = project.full_name(), by = caller.0.name, "project deleted");
    state.store.remove_project(&project.owner, &project.name, project.id).await?;
    Ok(Json(view(&state, project, &chroots)))
}

/// All rows, for lists that nobody cuts.
pub(super) const ALL: Window = Window { limit: None, offset: 0 };
