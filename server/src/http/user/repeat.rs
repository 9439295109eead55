//! A build once more: the same source, with all that was asked for it.

use copr_api::{
    builder::SourceMethod,
    names::Chroot,
    v3::{Build as View, BuildOptions},
};

use super::submit::{Content, Target, licence, take, target, target_of};
use crate::{
    db::{
        build::{Build, Srpm},
        project::Project,
    },
    http::{
        auth::Caller,
        error::{ApiError, blocking},
    },
    source,
    state::AppState,
    store::{Place, SOURCES, Spooled},
};

/// Builds a build's source for these of the project's chroots, which are named or match patterns. What its source was made of is
/// made of it again, as it is now.
///
/// # Errors
/// 400: the project has no such chroot; 403; 409: the source is not there any more.
pub async fn repeat(state: &AppState, caller: &Caller, build: &Build, chroots: Vec<String>) -> Result<View, ApiError> {
    let options = options(state, build, chroots);
    // Who may not is told so before anything is read.
    let target = target(state, caller, &options).await?;
    not_taken_down(state, build).await?;
    let content = content(state, &target, build).await?;
    let package = Some(build.package_name.as_str()).filter(|name| !name.is_empty());
    take(state, caller, &options, &target, content, package).await
}

/// The same for one chroot of its project, without anybody having asked for it: a rebuild that was noted. The inner error says why
/// there will be no such build.
///
/// # Errors
/// Ours: it may be tried again.
pub(crate) async fn automatically(
    state: &AppState,
    project: &Project,
    build: &Build,
    chroot: &Chroot,
    rebuild: i64,
) -> Result<Result<i64, String>, anyhow::Error> {
    let mut options = options(state, build, vec![chroot.to_string()]);
    options.background = Some(true);
    let built = async {
        let target = target_of(state, project.clone(), &options).await?.of_rebuild(rebuild);
        not_taken_down(state, build).await?;
        let content = content(state, &target, build).await?;
        let package = Some(build.package_name.as_str()).filter(|name| !name.is_empty());
        take(state, &Caller::machine("rebuild:auto"), &options, &target, content, package).await
    };
    match built.await {
        Ok(view) => Ok(Ok(view.id)),
        Err(error) => error.refusal().map(Err),
    }
}

async fn not_taken_down(state: &AppState, build: &Build) -> Result<(), ApiError> {
    match state.takedowns.why(&build.owner, build.project.as_str(), Some(build.id)).await? {
        Some(why) => Err(ApiError::TakenDown(why)),
        None => Ok(()),
    }
}

fn options(state: &AppState, build: &Build, chroots: Vec<String>) -> BuildOptions {
    let wishes = build.wishes.clone();
    BuildOptions {
        ownername: build.owner.to_string(),
        projectname: build.project.to_string(),
        project_dirname: Some(build.dirname.to_string()),
        chroots,
        timeout: Some(build.timeout.min(state.config.builds.max_timeout)),
        background: Some(build.background),
        enable_net: Some(build.enable_net),
        additional_repos: wishes.additional_repos,
        additional_packages: wishes.additional_packages,
        with_opts: wishes.with_opts,
        without_opts: wishes.without_opts,
        memory_mib: wishes.memory_mib.map(i64::from),
        cpus: wishes.cpus.map(i64::from),
        rpmlint: wishes.rpmlint,
        sign: wishes.sign,
        ..BuildOptions::default()
    }
}

async fn content(state: &AppState, target: &Target, build: &Build) -> Result<Content, ApiError> {
    let folder = state.store.source_folder(&build.owner, &build.dirname, build.id);
    Ok(match (&build.method, &build.srpm) {
        (Some(SourceMethod::Spec { spec, files }), _) => {
            let below = folder.join(SOURCES);
            let mut copies = Vec::with_capacity(files.len());
            for file in files {
                copies.push((file.name.clone(), copy(state, build, &below, &file.name, &file.sha256).await?));
            }
            Content::Made(SourceMethod::Spec { spec: spec.clone(), files: files.clone() }, copies)
        }
        (Some(method), _) => Content::Made(method.clone(), Vec::new()),
        (None, Some(file)) => {
            let spooled = copy(state, build, &folder, &file.name, &file.sha256).await?;
            let path = spooled.path().to_owned();
            let found =
                blocking(move || source::inspect(&path).map_err(|error| ApiError::Internal(error.into()))).await?;
            let srpm = Srpm {
                licence: licence(state, target, &build.package_name, &found.licence).await?,
                file: file.clone(),
                package_name: build.package_name.clone(),
                package_version: build.package_version.clone(),
            };
            Content::Srpm(srpm, spooled)
        }
        (None, None) => return Err(gone(build)),
    })
}

/// One of its files once more: the new build is to keep it when the old one is deleted.
async fn copy(state: &AppState, build: &Build, folder: &Place, name: &str, sha256: &str) -> Result<Spooled, ApiError> {
    let file = match state.store.source(folder, name).await {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(gone(build)),
        file => file?,
    };
    let size = file.size;
    let spooled = state.store.spool(file.read(0, size).await?, size).await?;
    if spooled.sha256 != sha256 {
        return Err(gone(build));
    }
    Ok(spooled)
}

fn gone(build: &Build) -> ApiError {
    ApiError::Conflict(format!("The source of build {} is not there any more: submit it anew.", build.id))
}
