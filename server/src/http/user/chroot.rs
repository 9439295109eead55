//! A project's chroots: what is chosen for each, and what a builder would be told.

use std::collections::BTreeMap;

use axum::{
    Json,
    extract::{FromRequest, Multipart, Path, Request, State},
    http::{Method, header::CONTENT_TYPE},
};
use copr_api::{
    builder::BuildRepository,
    names::{Chroot, DirName},
    v3::ChrootEdit,
};
use serde_json::{Value, json};

use super::{
    build,
    comps::{self, Comps},
    find_project,
    project::{form, owned},
    upload,
};
use crate::{
    blame, chain, clock,
    db::{self, chroot::ProjectChroot, directory::DAY_MS, permission::Role, project::Project, task::RepositoryKey},
    http::{
        auth::Caller,
        error::ApiError,
        params::{self, JsonBody, Params, parse_json},
        routes::Routes,
    },
    settings::Choice,
    state::AppState,
};

/// The addresses of this file.
pub fn routes() -> Routes {
    Routes::default()
        .api(Method::GET, "/api_3/project-chroot", get)
        .api(Method::GET, "/api_3/project-chroot/build-config", build_config)
        .api(Method::PUT, "/api_3/project-chroot/edit/{owner}/{project}/{chroot}", edit)
        .api(Method::GET, "/api_3/build-chroot/build-config", of_build)
}

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
    let days = of.delete_at_ms.map(|end| form::days_until(end, clock::now_ms()));
    json!({
        "mock_chroot": of.chroot, "projectname": project.name, "ownername": project.owner, "comps_name": of.comps_name,
        "additional_repos": of.additional_repos, "additional_packages": of.additional_packages,
        "additional_modules": of.additional_modules, "with_opts": of.with_opts, "without_opts": of.without_opts,
        "delete_after_days": days, "isolation": of.isolation, "bootstrap": of.bootstrap,
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
    let project = owned(&state, &caller, &owner, &name, Role::Admin, "change").await?;
    let (body, comps) = body(&state, request).await?;
    let of = apply(&state, &caller, &project, &chroot, &body, comps).await?;
    Ok(Json(view(&project, &of)))
}

/// Does what an edit asks for in a project that the caller may change.
///
/// # Errors
/// 400 with a line a field, 404: the project has no such chroot.
pub(crate) async fn apply(
    state: &AppState,
    caller: &Caller,
    project: &Project,
    chroot: &str,
    body: &ChrootEdit,
    comps: Option<Comps>,
) -> Result<ProjectChroot, ApiError> {
    let missing = format!("No chroot {} in {}", super::cut(chroot), project.full_name());
    let chroot: Chroot = params::name(chroot, &missing)?;
    let found = db::chroot::get(&state.db, project.id, &chroot).await?;
    let mut of = found.ok_or_else(|| ApiError::NotFound(missing.clone()))?;
    let had_comps = of.comps_name.is_some();
    change(&mut of, body, project, state.config.projects.eol_days)?;
    let dirname: DirName = params::name(project.name.as_str(), "")?;
    let repository = RepositoryKey { owner: project.owner.clone(), dirname, chroot: chroot.clone() };
    if let Some(comps) = &comps {
        comps::keep(state, &repository, comps).await?;
        of.comps_name = Some(comps.name.clone());
    } else if body.delete_comps {
        of.comps_name = None;
    }
    let touched = comps.is_some() || (had_comps && of.comps_name.is_none());
    if touched && of.comps_name.is_none() {
        comps::remove(state, &repository).await?;
    }
    if !db::chroot::set(&state.db, &of, touched.then_some(&repository), clock::now_ms()).await? {
        return Err(ApiError::NotFound(missing));
    }
    state.publishing.wake();
    tracing::info!(project = project.full_name(), %chroot, by = caller.user.name, "chroot changed");
    Ok(of)
}

/// The wishes in a form, which may have a comps.xml, or in a plain body.
async fn body(state: &AppState, request: Request) -> Result<(ChrootEdit, Option<Comps>), ApiError> {
    let kind = request.headers().get(CONTENT_TYPE).map(|value| value.as_bytes().to_ascii_lowercase());
    if !kind.is_some_and(|kind| kind.starts_with(b"multipart/")) {
        return JsonBody::from_request(request, state).await.map(|JsonBody(body)| (body, None));
    }
    let mut form = Multipart::from_request(request, state)
        .await
        .map_err(|error| ApiError::BadRequest(format!("The form is malformed: {error}")))?;
    let (mut body, mut comps) = (None, None);
    while let Some(field) = upload::next(&mut form).await? {
        match field.name() {
            Some("json") if body.is_none() => body = Some(parse_json(&upload::short(field).await?)?),
            Some("upload_comps") if comps.is_none() => comps = Some(comps::read(field).await?),
            _ => {}
        }
    }
    let body = body.ok_or_else(|| ApiError::BadRequest("json: The part with the wishes is missing".to_owned()))?;
    Ok((body, comps))
}

/// A stream of a module to enable, or with a `!` to disable.
fn is_module(text: &str) -> bool {
    let plain = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.+-".contains(&byte))
    };
    let stream = text.strip_prefix('!').unwrap_or(text).split_once(':');
    stream.is_some_and(|(name, stream)| plain(name) && plain(stream))
}

/// mock's words for a chroot, `unchanged`: what the project says.
fn mock(field: &str, text: &str, choices: &[&str], wrong: &mut Vec<String>) -> String {
    if text != form::UNCHANGED && !choices.contains(&text) {
        wrong.push(format!("{field}: Not a valid choice."));
    }
    text.to_owned()
}

/// More time for a chroot that is out of life.
fn extend(of: &mut ProjectChroot, days: i64, longest: i64, wrong: &mut Vec<String>) {
    if of.delete_at_ms.is_none() {
        wrong.push("delete_after_days: This chroot is not out of life.".to_owned());
    } else if (1..=longest).contains(&days) {
        of.delete_at_ms = Some(clock::now_ms().saturating_add(days.saturating_mul(DAY_MS)));
    } else {
        wrong.push(format!("delete_after_days: Number must be between 1 and {longest}."));
    }
}

fn change(of: &mut ProjectChroot, body: &ChrootEdit, project: &Project, longest: i64) -> Result<(), ApiError> {
    let mut wrong = Vec::new();
    for field in &body.reset_fields {
        match field.as_str() {
            "additional_repos" => of.additional_repos.clear(),
            "additional_packages" => of.additional_packages.clear(),
            "with_opts" => of.with_opts.clear(),
            "without_opts" => of.without_opts.clear(),
            "memory_mib" => of.memory_mib = None,
            "cpus" => of.cpus = None,
            "additional_modules" => of.additional_modules.clear(),
            "isolation" => form::UNCHANGED.clone_into(&mut of.isolation),
            "bootstrap" | "bootstrap_image" => form::UNCHANGED.clone_into(&mut of.bootstrap),
            "comps_name" => of.comps_name = None,
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
    if let Some(list) = &body.additional_modules {
        // Copr's clients send them with commas between them.
        let list: Vec<String> = list
            .iter()
            .flat_map(|text| text.split(',').map(str::to_owned).collect::<Vec<_>>())
            .filter(|text| !text.is_empty())
            .collect();
        of.additional_modules = words("additional_modules", &list, is_module, &mut wrong);
    }
    if let Some(text) = body.isolation.as_deref().filter(|text| !text.is_empty()) {
        of.isolation = mock("isolation", text, form::ISOLATION, &mut wrong);
    }
    if let Some(text) = body.bootstrap.as_deref().filter(|text| !text.is_empty()) {
        of.bootstrap = mock("bootstrap", text, form::BOOTSTRAP, &mut wrong);
    }
    if let Some(days) = body.delete_after_days {
        extend(of, days, longest, &mut wrong);
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
    let isolation = if of.isolation == form::UNCHANGED { &project.isolation } else { &of.isolation };
    Ok(Json(json!({
        "chroot": of.chroot, "repos": repos, "additional_repos": additional_repos,
        "additional_packages": of.additional_packages, "additional_modules": of.additional_modules.join(","),
        "enable_net": project.enable_net, "with_opts": of.with_opts, "without_opts": of.without_opts,
        "isolation": isolation, "macros": blame::macros(&state, &project).into_iter().collect::<BTreeMap<_, _>>(),
    })))
}

/// Repositories in Copr's form, which lists the project itself first. What is built in devel mode is in metadata of its own.
fn shown(mut repositories: Vec<BuildRepository>, project: &Project) -> Vec<Value> {
    const DEVEL: &str = "copr_base_devel";
    let known = repositories.iter().any(|repository| repository.id == DEVEL);
    let base = repositories.iter().find(|repository| repository.id == "copr_base").cloned();
    if let (true, false, Some(base)) = (project.devel_mode, known, base) {
        let baseurl = format!("{}devel/", base.baseurl);
        repositories.push(BuildRepository { id: DEVEL.to_owned(), baseurl, ..base });
    }
    let first = ["copr_base", DEVEL, "copr_coprdir"];
    repositories.sort_by_key(|repository| first.iter().position(|id| *id == repository.id).unwrap_or(first.len()));
    let one = |repository: BuildRepository| {
        let name = match repository.id.as_str() {
            "copr_base" => "Copr repository".to_owned(),
            DEVEL => "Copr buildroot".to_owned(),
            id => format!("Additional repo {id}"),
        };
        json!({ "id": repository.id, "name": name, "baseurl": repository.baseurl,
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
