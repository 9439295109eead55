//! Submitting a source package: nothing is kept of one that is refused.

use std::time::Duration;

use axum::{
    Json,
    extract::{
        Multipart, State,
        multipart::{Field, MultipartError, MultipartRejection},
    },
    http::StatusCode,
};
use copr_api::{
    names::{Chroot, DirName},
    v3::{Build as View, BuildOptions},
};
use globset::{Glob, GlobMatcher};
use serde_json::{Value, json};

use super::{build, find_project};
use crate::{
    clock,
    db::{self, build::NewBuild, project::Project, task::RepositoryKey},
    http::{
        auth::Caller,
        error::{ApiError, blocking},
        params::{JsonBody, parse_json},
    },
    source::{self, Source},
    state::AppState,
    store::Spooled,
};

/// The longest `json` part of an upload.
const OPTIONS_BYTES: usize = 1 << 20;
/// A part of a form that has not begun after this time is not waited for.
const PATIENCE: Duration = Duration::from_secs(300);
/// Most chroots or patterns in one list, and the longest of them.
const PATTERNS: (usize, usize) = (1000, 200);

/// Where a build is to go, checked.
struct Target {
    project: Project,
    dirname: DirName,
    chroots: Vec<Chroot>,
    timeout: i64,
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
    target(&state, &caller, &options).await?;
    Ok(Json(json!({ "message": "It should be safe to submit a build like this" })))
}

/// `POST /api_3/build/create/upload`: multipart, `pkgs` is the source package, `json` the options (which come after it).
///
/// # Errors
/// 400: no source package, or options that make no sense; 403, 404, 413.
pub async fn upload(
    State(state): State<AppState>,
    caller: Caller,
    body: Result<Multipart, MultipartRejection>,
) -> Result<Json<View>, ApiError> {
    let mut body = body.map_err(|error| ApiError::BadRequest(format!("The upload is no multipart form: {error}")))?;
    let mut package: Option<(String, Spooled)> = None;
    let mut options: Option<BuildOptions> = None;
    while let Some(field) = next(&mut body).await? {
        match field.name() {
            Some("pkgs") if package.is_none() => {
                let name = file_name(field.file_name());
                package = Some((name, state.store.spool(field, state.config.limits.upload_bytes).await?));
            }
            Some("json") if options.is_none() => options = Some(parse_json(&short(field).await?)?),
            _ => {}
        }
    }
    let (name, spooled) = package.ok_or_else(|| ApiError::BadRequest("pkgs: No package was uploaded".to_owned()))?;
    let options =
        options.ok_or_else(|| ApiError::BadRequest("json: The options of the build are missing".to_owned()))?;
    let target = target(&state, &caller, &options).await?;
    let path = spooled.path().to_owned();
    let source =
        blocking(move || source::inspect(&path).map_err(|error| ApiError::BadRequest(format!("{name}: {error}"))))
            .await?;
    let id = take(&state, &caller, &options, target, source, spooled).await?;
    state.queue.wake();
    tracing::info!(build.id = id, by = caller.0.name, "build submitted");
    let build = build::find(&state, &id.to_string()).await?;
    Ok(Json(build::view(&state, build)))
}

/// The next part of the form; what was not read of the one before is skipped, but not for ever.
async fn next(body: &mut Multipart) -> Result<Option<Field<'_>>, ApiError> {
    let silent = |_| ApiError::BadRequest("The upload did not come in time".to_owned());
    tokio::time::timeout(PATIENCE, body.next_field()).await.map_err(silent)?.map_err(|error| sender(&error))
}

/// Makes the build: its row becomes visible after its source lies where builders fetch it.
async fn take(
    state: &AppState,
    caller: &Caller,
    options: &BuildOptions,
    target: Target,
    source: Source,
    spooled: Spooled,
) -> Result<i64, ApiError> {
    let owner = target.project.owner;
    for chroot in &target.chroots {
        // The machine reads the directory's own repository: it must be there, if empty.
        let repository =
            RepositoryKey { owner: owner.clone(), dirname: target.dirname.clone(), chroot: chroot.clone() };
        state.publishing.ensure(&repository).await?;
    }
    let new = NewBuild {
        project_id: target.project.id,
        dirname: target.dirname.clone(),
        submitter: caller.0.name.clone(),
        source_name: source.file_name.clone(),
        source_sha256: spooled.sha256.clone(),
        source_size: i64::try_from(spooled.size).unwrap_or(i64::MAX),
        package_name: source.name,
        package_version: source.version,
        chroots: target.chroots,
        timeout: target.timeout,
        enable_net: options.enable_net.unwrap_or(target.project.enable_net),
        background: options.background.unwrap_or(false),
    };
    let pending = db::build::add(&state.db, &new, clock::now_ms()).await?;
    let id = pending.id;
    let folder = state.store.source_folder(&owner, &target.dirname, id);
    state.store.keep_source(spooled, &folder, &source.file_name).await?;
    pending.commit().await?;
    Ok(id)
}

/// Checks where a build is to go and whether the caller may.
async fn target(state: &AppState, caller: &Caller, options: &BuildOptions) -> Result<Target, ApiError> {
    let project = find_project(state, &options.ownername, &options.projectname).await?;
    if !caller.owns(&project) {
        return Err(ApiError::Forbidden(format!(
            "You don't have required permission: {} may not build in {}.",
            caller.0.name,
            project.full_name()
        )));
    }
    let dirname = options.project_dirname.as_deref().filter(|text| !text.is_empty()).unwrap_or(project.name.as_str());
    let dirname: DirName =
        dirname.parse().map_err(|error: copr_api::names::NameError| ApiError::BadRequest(error.rule.to_owned()))?;
    if dirname.project() != project.name {
        return Err(ApiError::BadRequest(format!("Directory {dirname} is not one of project {}", project.full_name())));
    }
    let enabled: Vec<Chroot> =
        db::chroot::of_project(&state.db, project.id).await?.into_iter().map(|of| of.chroot).collect();
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
    Ok(Target { project, dirname, chroots, timeout })
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
        return Err(ApiError::BadRequest("None: At least one chroot must be selected".to_owned()));
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

/// The name that the sender gives, for messages: no folders, nothing unprintable.
fn file_name(sent: Option<&str>) -> String {
    let name = sent.unwrap_or("package").rsplit(['/', '\\']).next().unwrap_or_default();
    name.chars().filter(|c| !c.is_control()).take(200).collect()
}

/// A short part of a form, whole.
async fn short(mut field: Field<'_>) -> Result<Vec<u8>, ApiError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = field.chunk().await.map_err(|error| sender(&error))? {
        if bytes.len() + chunk.len() > OPTIONS_BYTES {
            return Err(ApiError::TooLarge(format!("json: The options are longer than {OPTIONS_BYTES} bytes")));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

fn sender(error: &MultipartError) -> ApiError {
    if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return ApiError::TooLarge("The upload is larger than this server takes".to_owned());
    }
    ApiError::BadRequest(format!("The upload ended early or is malformed: {}", error.body_text()))
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

    #[test]
    fn the_senders_file_name_loses_its_folders() {
        assert_eq!(file_name(Some("../../etc/pass\nwd")), "passwd");
        assert_eq!(file_name(None), "package");
    }
}
