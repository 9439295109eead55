//! A project's chroots: what is chosen for each, and what a builder would be told.

use axum::{
    Json,
    extract::{FromRequest, Multipart, Path, Request, State},
    http::header::CONTENT_TYPE,
};
use copr_api::{
    builder::BuildRepository,
    names::{Chroot, DirName},
    v3::ChrootEdit,
};
use serde_json::{Value, json};

use super::{build, find_project, project::owned, upload};
use crate::{
    chain,
    db::{self, chroot::ProjectChroot, project::Project},
    http::{
        auth::Caller,
        error::ApiError,
        params::{self, JsonBody, Params, parse_json},
    },
    settings::Choice,
    state::AppState,
};

/// Most words in one list, and bytes of one.
const WORDS: (usize, usize) = (200, 200);
/// Memory that a machine may be asked to have, in MiB.
const MEMORY: std::ops::RangeInclusive<i64> = 256..=1_048_576;
/// CPUs that a machine may be asked to have.
const CPUS: std::ops::RangeInclusive<i64> = 1..=256;

/// Build-time repositories; what is wrong with them is added to `wrong`, here and below, a line each.
pub(super) fn repositories(list: &[String], wrong: &mut Vec<String>) -> Vec<String> {
    count("additional_repos", list, wrong);
    wrong.extend(
        list.iter().filter_map(|text| chain::parse(text).err()).map(|error| format!("additional_repos: {error}")),
    );
    list.to_vec()
}

/// Packages for the buildroot: names, capabilities, files.
pub(super) fn packages(list: &[String], wrong: &mut Vec<String>) -> Vec<String> {
    words(
        "additional_packages",
        list,
        |text| !text.starts_with('-') && text.bytes().all(|b| b.is_ascii_graphic()),
        wrong,
    )
}

/// Names of `--with` or `--without` options.
pub(super) fn conditionals(field: &str, list: &[String], wrong: &mut Vec<String>) -> Vec<String> {
    words(field, list, |text| text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'), wrong)
}

fn words(field: &str, list: &[String], fine: impl Fn(&str) -> bool, wrong: &mut Vec<String>) -> Vec<String> {
    count(field, list, wrong);
    for text in list.iter().filter(|text| text.is_empty() || text.len() > WORDS.1 || !fine(text)) {
        let shown: String = text.chars().filter(|c| !c.is_control()).take(100).collect();
        wrong.push(format!("{field}: '{shown}' is not a valid choice for this field"));
    }
    list.to_vec()
}

fn count(field: &str, list: &[String], wrong: &mut Vec<String>) {
    if list.len() > WORDS.0 {
        wrong.push(format!("{field}: A list may have {} entries.", WORDS.0));
    }
}

/// Memory of machines in MiB; 0 is the builder's usual.
pub(super) fn memory(asked: Option<i64>, wrong: &mut Vec<String>) -> Option<u32> {
    within("memory_mib", asked, MEMORY, wrong)
}

/// CPUs of machines; 0 is the builder's usual.
pub(super) fn cpus(asked: Option<i64>, wrong: &mut Vec<String>) -> Option<u32> {
    within("cpus", asked, CPUS, wrong)
}

fn within(
    field: &str,
    asked: Option<i64>,
    range: std::ops::RangeInclusive<i64>,
    wrong: &mut Vec<String>,
) -> Option<u32> {
    let asked = asked.filter(|number| *number != 0)?;
    if !range.contains(&asked) {
        wrong.push(format!("{field}: Number must be between {} and {}.", range.start(), range.end()));
    }
    u32::try_from(asked).ok()
}

async fn find_chroot(state: &AppState, query: &Params) -> Result<(Project, ProjectChroot), ApiError> {
    let project = find_project(state, query.required("ownername")?, query.required("projectname")?).await?;
    let text = query.required("chrootname")?;
    let missing = format!("No chroot {} in {}", super::cut(text), project.full_name());
    let chroot: Chroot = params::name(text, &missing)?;
    let of = db::chroot::get(&state.db, project.id, &chroot).await?.ok_or(ApiError::NotFound(missing))?;
    Ok((project, of))
}

/// `GET /api_3/project-chroot`.
///
/// # Errors
/// 404: no such project, or it has not that chroot.
pub async fn get(State(state): State<AppState>, query: Params) -> Result<Json<Value>, ApiError> {
    let (project, of) = find_chroot(&state, &query).await?;
    Ok(Json(view(&project, &of)))
}

fn view(project: &Project, of: &ProjectChroot) -> Value {
    json!({
        "mock_chroot": of.chroot, "projectname": project.name, "ownername": project.owner, "comps_name": null,
        "additional_repos": of.additional_repos, "additional_packages": of.additional_packages, "additional_modules": [],
        "with_opts": of.with_opts, "without_opts": of.without_opts, "delete_after_days": null, "isolation": "unchanged",
        "memory_mib": of.memory_mib, "cpus": of.cpus,
    })
}

/// `PUT /api_3/project-chroot/edit/{owner}/{project}/{chroot}`: a form with a part `json`, as copr-cli sends it, or JSON.
///
/// # Errors
/// 400 with a line a field, 403, 404.
pub async fn edit(
    State(state): State<AppState>,
    caller: Caller,
    Path((owner, name, chroot)): Path<(String, String, String)>,
    request: Request,
) -> Result<Json<Value>, ApiError> {
    let project = owned(&state, &caller, &owner, &name, "change").await?;
    let missing = format!("No chroot {} in {}", super::cut(&chroot), project.full_name());
    let chroot: Chroot = params::name(&chroot, &missing)?;
    let body = body(&state, request).await?;
    let found = db::chroot::get(&state.db, project.id, &chroot).await?;
    let mut of = found.ok_or_else(|| ApiError::NotFound(missing.clone()))?;
    change(&mut of, &body, &project)?;
    if !db::chroot::set(&state.db, &of).await? {
        return Err(ApiError::NotFound(missing));
    }
    tracing::info!(project = project.full_name(), %chroot, by = caller.0.name, "chroot changed");
    Ok(Json(view(&project, &of)))
}

/// The wishes in a form or in a plain body.
async fn body(state: &AppState, request: Request) -> Result<ChrootEdit, ApiError> {
    let kind = request.headers().get(CONTENT_TYPE).map(|value| value.as_bytes().to_ascii_lowercase());
    if !kind.is_some_and(|kind| kind.starts_with(b"multipart/")) {
        return JsonBody::from_request(request, state).await.map(|JsonBody(body)| body);
    }
    let mut form = Multipart::from_request(request, state)
        .await
        .map_err(|error| ApiError::BadRequest(format!("The form is malformed: {error}")))?;
    let mut body = None;
    while let Some(field) = upload::next(&mut form).await? {
        match field.name() {
            Some("json") if body.is_none() => body = Some(parse_json(&upload::short(field).await?)?),
            Some("upload_comps") => {
                return Err(ApiError::BadRequest("upload_comps: This server takes no comps.xml".to_owned()));
            }
            _ => {}
        }
    }
    body.ok_or_else(|| ApiError::BadRequest("json: The part with the wishes is missing".to_owned()))
}

/// Fields of Copr that can be reset and have no value here.
const VALUELESS: &[&str] = &["additional_modules", "bootstrap", "bootstrap_image", "comps_name", "isolation"];

fn change(of: &mut ProjectChroot, body: &ChrootEdit, project: &Project) -> Result<(), ApiError> {
    let mut wrong = Vec::new();
    for field in &body.reset_fields {
        match field.as_str() {
            "additional_repos" => of.additional_repos.clear(),
            "additional_packages" => of.additional_packages.clear(),
            "with_opts" => of.with_opts.clear(),
            "without_opts" => of.without_opts.clear(),
            "memory_mib" => of.memory_mib = None,
            "cpus" => of.cpus = None,
            other if VALUELESS.contains(&other) => {}
            other => {
                let path = format!("{}/{}", project.full_name(), of.chroot);
                return Err(ApiError::BadRequest(format!(
                    "Trying to reset an invalid attribute: {}\nSee `copr-cli get-chroot {path}' for all the possible attributes",
                    super::cut(other)
                )));
            }
        }
    }
    if let Some(list) = &body.additional_repos {
        of.additional_repos = repositories(list, &mut wrong);
    }
    if let Some(list) = &body.additional_packages {
        of.additional_packages = packages(list, &mut wrong);
    }
    if let Some(list) = &body.with_opts {
        of.with_opts = conditionals("with_opts", list, &mut wrong);
    }
    if let Some(list) = &body.without_opts {
        of.without_opts = conditionals("without_opts", list, &mut wrong);
    }
    if body.memory_mib.is_some() {
        of.memory_mib = memory(body.memory_mib, &mut wrong);
    }
    if body.cpus.is_some() {
        of.cpus = cpus(body.cpus, &mut wrong);
    }
    if body.additional_modules.as_ref().is_some_and(|list| !list.is_empty()) {
        wrong.push("additional_modules: This server knows no modules".to_owned());
    }
    if wrong.is_empty() { Ok(()) } else { Err(ApiError::BadRequest(wrong.join("\n"))) }
}

/// `GET /api_3/project-chroot/build-config`: what a builder would be told.
///
/// # Errors
/// 404: no such project or chroot; 400: a project of its chain is gone.
pub async fn build_config(State(state): State<AppState>, query: Params) -> Result<Json<Value>, ApiError> {
    let (project, of) = find_chroot(&state, &query).await?;
    let dirname: DirName = params::name(project.name.as_str(), "")?;
    let repositories = chain::build_time(&state, &project, &dirname, &of.chroot, &[]).await?;
    let repos = shown(repositories, &project);
    let additional_repos: Vec<&String> = project.additional_repos.iter().chain(&of.additional_repos).collect();
    Ok(Json(json!({
        "chroot": of.chroot, "repos": repos, "additional_repos": additional_repos,
        "additional_packages": of.additional_packages, "additional_modules": "", "enable_net": project.enable_net,
        "with_opts": of.with_opts, "without_opts": of.without_opts, "isolation": "default",
    })))
}

/// Repositories in Copr's form, which lists the project itself first.
fn shown(mut repositories: Vec<BuildRepository>, project: &Project) -> Vec<Value> {
    repositories.sort_by_key(|repository| repository.id != "copr_base");
    let one = |repository: BuildRepository| {
        json!({ "id": repository.id, "name": repository.id, "baseurl": repository.baseurl,
                "priority": repository.priority, "module_hotfixes": project.module_hotfixes, "repo_gpgcheck": false })
    };
    repositories.into_iter().map(one).collect()
}

/// `GET /api_3/build-chroot/build-config`: how a build is built for one of its chroots.
///
/// # Errors
/// 404: no such build, or it is not built for that chroot; 400: a project of its chain is gone.
pub async fn of_build(State(state): State<AppState>, query: Params) -> Result<Json<Value>, ApiError> {
    let build = build::asked(&state, &query).await?;
    let text = query.required("chrootname")?;
    let missing = format!("No chroot {} in build {}", super::cut(text), build.id);
    let job = build.chroots.iter().find(|job| job.chroot.as_str() == text);
    let chroot = job.map(|job| job.chroot.clone()).ok_or_else(|| ApiError::NotFound(missing.clone()))?;
    let project = find_project(&state, build.owner.as_str(), build.project.as_str()).await?;
    let own = db::chroot::get(&state.db, project.id, &chroot).await?;
    let own = own.unwrap_or_else(|| ProjectChroot::new(project.id, chroot.clone()));
    let choice = Choice::of(&project, &own, &build);
    let more = &build.wishes.additional_repos;
    let repositories = chain::build_time(&state, &project, &build.dirname, &chroot, more).await?;
    Ok(Json(json!({
        "additional_repos": choice.additional_repos, "additional_packages": choice.additional_packages,
        "with_opts": choice.with_opts, "without_opts": choice.without_opts, "enable_net": choice.machine.network,
        "is_background": build.background, "memory_limit": choice.machine.memory_mib, "cpus": choice.machine.cpus,
        "rpmlint": choice.machine.rpmlint, "timeout": build.timeout, "bootstrap": "default",
        "repos": shown(repositories, &project),
    })))
}
