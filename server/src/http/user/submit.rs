//! Submitting a build: where it is to go, how its machines are to be, and what it is made of.

use axum::{Json, extract::State, http::Method};
use copr_api::{
    builder::SourceMethod,
    names::{Chroot, DirName},
    v3::{Build as View, BuildOptions},
};
use globset::{Glob, GlobMatcher};
use serde_json::{Value, json};

use super::{build, chroot, find_project};
use crate::{
    clock,
    db::{
        self,
        batch::Wish,
        build::{Added, NewBuild, NewSource, Srpm, Wishes},
        licence::Licence,
        permission::Role,
        project::Project,
        quota::Exceeded,
        task::RepositoryKey,
    },
    http::{auth::Caller, error::ApiError, params::JsonBody, routes::Routes},
    licence,
    state::AppState,
    store::Spooled,
};

/// The addresses of this file.
pub fn routes() -> Routes {
    Routes::default().api(Method::POST, "/api_3/build/check-before-build", check)
}

/// Most chroots or patterns in one list, and the longest of them.
pub(super) const PATTERNS: (usize, usize) = (1000, 200);

/// Copr's words.
const NO_CHROOT: &str = "None: At least one chroot must be selected";

/// Where a build is to go, checked.
pub(super) struct Target {
    pub(super) project: Project,
    pub(super) dirname: DirName,
    pub(super) chroots: Vec<Chroot>,
    timeout: i64,
    pub(super) wishes: Wishes,
    pub(super) wish: Option<Wish>,
}

impl Target {
    /// The same for a build that follows from a change by itself: see [`db::rebuild`].
    pub(super) fn of_rebuild(mut self, rebuild: i64) -> Self {
        self.wishes.rebuild = Some(rebuild);
        self
    }
}

/// What a build is made of, checked.
pub(super) enum Content {
    /// A source package.
    Srpm(Srpm, Spooled),
    /// It is to be made, perhaps of these files.
    Made(SourceMethod, Vec<(String, Spooled)>),
}

impl Content {
    /// The field of the form or the API that it came by.
    fn field(&self) -> &'static str {
        match self {
            Self::Made(SourceMethod::Git { .. }, _) => "clone_url",
            Self::Srpm(..) | Self::Made(..) => "pkgs",
        }
    }
}

/// `POST /api_3/build/check-before-build`: whether a build with these options would be taken.
///
/// # Errors
/// As those of the build itself.
pub async fn check(
    State(state): State<AppState>,
    caller: Caller,
    JsonBody(options): JsonBody<BuildOptions>,
) -> Result<Json<Value>, ApiError> {
    let target = target(&state, &caller, &options).await?;
    db::quota::check(&state.db, &target.project.owner, 0).await??;
    Ok(Json(json!({ "message": "It should be safe to submit a build like this" })))
}

/// Makes the build: its row becomes visible after its source lies where builders fetch it. `package` names what it is of, where
/// that is known without the source.
pub(super) async fn take(
    state: &AppState,
    caller: &Caller,
    options: &BuildOptions,
    target: &Target,
    content: Content,
    package: Option<&str>,
) -> Result<View, ApiError> {
    let owner = &target.project.owner;
    let full = |exceeded: Exceeded| ApiError::TooLarge(format!("{}: {exceeded}", content.field()));
    // Whoever is known to have no room is told so before anything is made; whether this fits is decided with the build's row.
    db::quota::check(&state.db, owner, 0).await?.map_err(full)?;
    let package = match &content {
        Content::Srpm(srpm, _) => Some(srpm.package_name.as_str()),
        Content::Made(..) => package,
    };
    let chroots = allowed(state, target, package).await?;
    for chroot in &chroots {
        // The machine reads the directory's own repository: it must be there, if empty.
        let repository =
            RepositoryKey { owner: owner.clone(), dirname: target.dirname.clone(), chroot: chroot.clone() };
        state.publishing.ensure(&repository).await?;
    }
    db::directory::ensure(&state.db, target.project.id, &target.dirname, clock::now_ms()).await?;
    let source = match &content {
        Content::Srpm(srpm, _) => NewSource::Srpm(srpm.clone()),
        Content::Made(method, _) => NewSource::Made { method: method.clone(), machine: machine(state, &chroots)? },
    };
    let new = NewBuild {
        project_id: target.project.id,
        dirname: target.dirname.clone(),
        submitter: caller.user.name.clone(),
        source,
        chroots,
        timeout: target.timeout,
        enable_net: options.enable_net.unwrap_or(target.project.enable_net),
        wishes: target.wishes.clone(),
        background: options.background.unwrap_or(false),
        package_name: package.map(str::to_owned),
        wish: target.wish,
    };
    let pending = match db::build::add(&state.db, &new, clock::now_ms()).await? {
        Added::Yes(pending) => pending,
        Added::NoSuchBuild => {
            return Err(no_build(options.after_build_id.or(options.with_build_id).unwrap_or_default()));
        }
        Added::Full(exceeded) => return Err(full(exceeded)),
    };
    let id = pending.id;
    let folder = state.store.source_folder(owner, &target.dirname, id);
    match content {
        Content::Srpm(srpm, spooled) => state.store.keep_source(spooled, &folder, &srpm.file.name).await?,
        Content::Made(_, files) => state.store.keep_sources(files, &folder).await?,
    }
    pending.commit().await?;
    crate::die::at("build committed");
    state.queue.wake();
    tracing::info!(build.id = id, by = caller.user.name, "build submitted");
    Ok(build::view(state, build::find(state, &id.to_string()).await?))
}

/// What was found of the licence of a package that is to be built there.
///
/// # Errors
/// 400: it is not allowed.
pub(super) async fn licence(
    state: &AppState,
    target: &Target,
    package: &str,
    text: &str,
) -> Result<Option<Licence>, ApiError> {
    let found = state.licences.look(&state.db, target.project.id, package, text).await?;
    match licence::refusal(package, found.as_ref()) {
        Some(why) => Err(ApiError::BadRequest(format!("pkgs: {why}"))),
        None => Ok(found),
    }
}

/// The chroots of a build without those that its package's denylist has, unless it names its chroots itself.
async fn allowed(state: &AppState, target: &Target, package: Option<&str>) -> Result<Vec<Chroot>, ApiError> {
    let known = match package {
        Some(name) if !target.wishes.chroots_named => db::package::get(&state.db, target.project.id, name).await?,
        _ => None,
    };
    let mut left = target.chroots.clone();
    if let Some(package) = known {
        let left_out = package.leaves_out();
        left.retain(|chroot| !left_out(chroot));
    }
    if left.is_empty() { Err(ApiError::BadRequest(NO_CHROOT.to_owned())) } else { Ok(left) }
}

fn no_build(id: i64) -> ApiError {
    ApiError::BadRequest(format!("Build {id} does not exist."))
}

/// Where the build is to stand in the order of batches. Who puts it into somebody's batch makes what comes after that wait.
async fn wish(state: &AppState, caller: &Caller, options: &BuildOptions) -> Result<Option<Wish>, ApiError> {
    let (wish, id) = match (options.after_build_id, options.with_build_id) {
        (None, None) => return Ok(None),
        (Some(after), None) => (Wish::After(after), after),
        (None, Some(with)) => (Wish::With(with), with),
        (Some(_), Some(_)) => {
            return Err(ApiError::BadRequest(
                "after_build_id: A build goes with another or after another, not both".to_owned(),
            ));
        }
    };
    let other = db::build::get(&state.db, id).await?.ok_or_else(|| no_build(id))?;
    if matches!(wish, Wish::With(_)) {
        let project = find_project(state, other.owner.as_str(), other.project.as_str()).await?;
        caller.require(state, &project, Role::Builder, "add to the batches of").await?;
    }
    Ok(Some(wish))
}

/// The chroot whose machine makes a build's source package: one that has what that needs, of the build's own if there is one.
fn machine(state: &AppState, chosen: &[Chroot]) -> Result<Chroot, ApiError> {
    let fit = |chroot: &&Chroot| state.chroots.get(chroot).is_some_and(|definition| !definition.source.is_empty());
    let found = chosen.iter().find(fit).or_else(|| state.chroots.iter().map(|(name, _)| name).find(fit));
    found.or(chosen.first()).cloned().ok_or_else(|| ApiError::BadRequest(NO_CHROOT.to_owned()))
}

/// Checks where a build is to go and whether the caller may.
pub(super) async fn target(state: &AppState, caller: &Caller, options: &BuildOptions) -> Result<Target, ApiError> {
    let project = find_project(state, &options.ownername, &options.projectname).await?;
    caller.require(state, &project, Role::Builder, "build in").await?;
    caller.require_terms(state).await?;
    let wish = wish(state, caller, options).await?;
    Ok(Target { wish, ..target_of(state, project, options).await? })
}

/// The same of a build that may be: nobody asks for it, but the project itself.
pub(super) async fn target_of(state: &AppState, project: Project, options: &BuildOptions) -> Result<Target, ApiError> {
    if let Some(why) = state.takedowns.why(&project.owner, project.name.as_str(), None).await? {
        return Err(ApiError::TakenDown(why));
    }
    let dirname = options.project_dirname.as_deref().filter(|text| !text.is_empty()).unwrap_or(project.name.as_str());
    let dirname: DirName = dirname.parse().map_err(|error: copr_api::names::NameError| {
        ApiError::BadRequest(error.rule.replace("P:", &format!("{}:", project.name)))
    })?;
    if dirname.project() != project.name {
        return Err(ApiError::BadRequest(format!("Directory {dirname} is not one of project {}", project.full_name())));
    }
    let enabled = db::chroot::built_for(&state.db, project.id).await?;
    let chroots = choose(&enabled, &options.chroots, &options.exclude_chroots)?;
    let builds = &state.config.builds;
    let timeout = match options.timeout {
        None | Some(0) => builds.timeout,
        Some(seconds) if (1..=builds.max_timeout).contains(&seconds) => seconds,
        Some(_) => {
            return Err(ApiError::BadRequest(format!(
                "Bad request parameters: {{'timeout': ['Number must be between 0 and {}.']}}",
                builds.max_timeout
            )));
        }
    };
    let wishes = wishes(options)?;
    Ok(Target { project, dirname, chroots, timeout, wishes, wish: None })
}

/// What is asked for this build alone; every broken rule is a line of the answer.
fn wishes(options: &BuildOptions) -> Result<Wishes, ApiError> {
    let mut wrong = Vec::new();
    let wishes = Wishes {
        additional_repos: chroot::repositories(&options.additional_repos, &mut wrong),
        additional_packages: chroot::packages(&options.additional_packages, &mut wrong),
        with_opts: chroot::conditionals("with_opts", &options.with_opts, &mut wrong),
        without_opts: chroot::conditionals("without_opts", &options.without_opts, &mut wrong),
        memory_mib: chroot::memory(options.memory_mib, &mut wrong),
        cpus: chroot::cpus(options.cpus, &mut wrong),
        rpmlint: options.rpmlint,
        sign: options.sign,
        rebuild: None,
        chroots_named: !options.chroots.is_empty(),
    };
    if wrong.is_empty() { Ok(wishes) } else { Err(ApiError::BadRequest(wrong.join("\n"))) }
}

/// The enabled chroots that are named or match a pattern (none: all), without the excluded ones.
fn choose(enabled: &[Chroot], wanted: &[String], excluded: &[String]) -> Result<Vec<Chroot>, ApiError> {
    let matchers = |patterns: &[String]| -> Result<Vec<GlobMatcher>, ApiError> {
        if patterns.len() > PATTERNS.0 {
            return Err(ApiError::BadRequest(format!("chroots: A list may have {} entries", PATTERNS.0)));
        }
        if let Some(long) = patterns.iter().find(|pattern| pattern.len() > PATTERNS.1) {
            return Err(no_choice(long));
        }
        patterns
            .iter()
            .map(|pattern| {
                let matcher = Glob::new(pattern).map_err(|_| no_choice(pattern))?.compile_matcher();
                let hit = enabled.iter().any(|chroot| matcher.is_match(chroot.as_str()));
                if hit { Ok(matcher) } else { Err(no_choice(pattern)) }
            })
            .collect()
    };
    let (wanted, excluded) = (matchers(wanted)?, matchers(excluded)?);
    let hit = |list: &[GlobMatcher], chroot: &Chroot| list.iter().any(|matcher| matcher.is_match(chroot.as_str()));
    let chosen: Vec<Chroot> = enabled
        .iter()
        .filter(|chroot| (wanted.is_empty() || hit(&wanted, chroot)) && !hit(&excluded, chroot))
        .cloned()
        .collect();
    if chosen.is_empty() {
        return Err(ApiError::BadRequest(NO_CHROOT.to_owned()));
    }
    Ok(chosen)
}

/// Copr's words, which are Python's.
fn no_choice(pattern: &str) -> ApiError {
    let pattern: String = pattern.chars().filter(|c| !c.is_control()).take(100).collect();
    ApiError::BadRequest(format!(
        "Bad request parameters: {{'chroots': [\"'{pattern}' is not a valid choice for this field.\"]}}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chroots() -> Vec<Chroot> {
        ["fedora-43-x86_64", "fedora-44-aarch64", "fedora-44-x86_64"].iter().map(|text| text.parse().unwrap()).collect()
    }

    fn chosen(wanted: &[&str], excluded: &[&str]) -> Result<Vec<String>, String> {
        let words = |list: &[&str]| list.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
        match choose(&chroots(), &words(wanted), &words(excluded)) {
            Ok(list) => Ok(list.iter().map(ToString::to_string).collect()),
            Err(ApiError::BadRequest(text)) => Err(text),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn chroots_are_chosen_by_name_or_pattern_and_all_when_none_is_named() {
        assert_eq!(chosen(&[], &[]).unwrap().len(), 3);
        assert_eq!(chosen(&["fedora-44-*"], &["*-aarch64"]).unwrap(), ["fedora-44-x86_64"]);
        assert_eq!(chosen(&["fedora-43-x86_64"], &[]).unwrap(), ["fedora-43-x86_64"]);
    }

    #[test]
    fn a_chroot_that_the_project_has_not_is_refused_in_coprs_words() {
        assert_eq!(
            chosen(&["epel-9-x86_64"], &[]).unwrap_err(),
            "Bad request parameters: {'chroots': [\"'epel-9-x86_64' is not a valid choice for this field.\"]}"
        );
        assert!(chosen(&["["], &[]).is_err());
        assert!(chosen(&[], &["*"]).unwrap_err().contains("At least one chroot"));
    }
}
