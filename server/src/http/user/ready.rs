//! Packages that were built elsewhere: published as they are, where a project takes such.

use std::collections::BTreeSet;

use axum::{
    Json,
    extract::{DefaultBodyLimit, Multipart, State, multipart::MultipartRejection},
    handler::Handler as _,
    http::Method,
};
use copr_api::{
    builder::ResultFile,
    names::Chroot,
    v3::{Build as View, BuildOptions, LicenceState},
};

use super::{
    build,
    submit::{Target, licence, target},
    upload::{Files, longest, read},
};
use crate::{
    clock,
    db::{self, build::NewReady, fork::new_lease, licence::Licence, task::RepositoryKey},
    http::{
        auth::Caller,
        error::{ApiError, blocking},
        routes::Routes,
    },
    source::{self, Ready},
    state::AppState,
    store::Spooled,
};

/// The addresses of this file.
pub fn routes(state: &AppState) -> Routes {
    let bounded = upload.layer(DefaultBodyLimit::max(longest(state)));
    Routes::default().api(Method::POST, "/api_3/build/create/rpm-upload", bounded)
}

/// `POST /api_3/build/create/rpm-upload`: multipart, `pkgs` is a package, `json` the options (which come after it). Several packages
/// are taken that were built from the same source package, and that one with them. Without chroots in the options they go into all
/// that their architecture fits.
///
/// # Errors
/// 400: one is no package, or is for another architecture, or the project takes none; 403, 404, 413.
pub async fn upload(
    State(state): State<AppState>,
    caller: Caller,
    body: Result<Multipart, MultipartRejection>,
) -> Result<Json<View>, ApiError> {
    let (files, options) = read(&state, body).await?;
    submit(&state, &caller, &options, files).await.map(Json)
}

/// Makes the build of what was sent.
async fn submit(state: &AppState, caller: &Caller, options: &BuildOptions, files: Files) -> Result<View, ApiError> {
    let target = target(state, caller, options).await?;
    if !db::gates::of_project(&state.db, target.project.id).await?.rpm_uploads {
        // Not 403: copr-cli says of that that one has to sign in.
        return Err(ApiError::BadRequest(format!(
            "{} takes no packages that were built elsewhere; its administrators may let them in: `copr gates {} --rpm-uploads on`.",
            target.project.full_name(),
            target.project.full_name()
        )));
    }
    if target.wish.is_some() {
        return Err(ApiError::BadRequest(
            "after_build_id: Packages that are there already wait for no batch".to_owned(),
        ));
    }
    if files.files.len() > state.config.limits.result_files {
        let most = state.config.limits.result_files;
        return Err(ApiError::TooLarge(format!("pkgs: A build may have {most} packages")));
    }
    let packages = inspect(files).await?;
    let (source, version) = one_source(&packages)?;
    let chroots = fitting(&target, &packages)?;
    publish(state, caller, &target, packages, (source, version), chroots).await
}

/// Reads what was sent.
async fn inspect(files: Files) -> Result<Vec<(Ready, Spooled)>, ApiError> {
    let mut packages: Vec<(Ready, Spooled)> = Vec::with_capacity(files.files.len());
    for (name, spooled) in files.files {
        let path = spooled.path().to_owned();
        let found = blocking(move || {
            source::inspect_ready(&path).map_err(|error| ApiError::BadRequest(format!("pkgs: {name}: {error}")))
        })
        .await?;
        if packages.iter().any(|(other, _)| other.file_name == found.file_name) {
            return Err(ApiError::BadRequest(format!("pkgs: {} is there twice", found.file_name)));
        }
        packages.push((found, spooled));
    }
    Ok(packages)
}

/// The source package that all of them come from: its name and version.
fn one_source(packages: &[(Ready, Spooled)]) -> Result<(String, String), ApiError> {
    let Some((first, _)) = packages.iter().find(|(package, _)| !package.is_source) else {
        return Err(ApiError::BadRequest(
            "pkgs: This is a source package: it is built by build/create/upload, not published as it is".to_owned(),
        ));
    };
    for (package, _) in packages {
        if package.source != first.source {
            return Err(ApiError::BadRequest(format!(
                "pkgs: {} comes from the source package {}, and {} from {}: send them one after the other",
                first.file_name, first.source, package.file_name, package.source
            )));
        }
    }
    Ok((first.source.clone(), first.source_version.clone()))
}

/// The chroots that they go into: those that are named, which they must fit, or all that they fit.
fn fitting(target: &Target, packages: &[(Ready, Spooled)]) -> Result<Vec<Chroot>, ApiError> {
    let unfit =
        |chroot: &Chroot| packages.iter().find(|(package, _)| !source::may_have(chroot.arch(), &package.nevra.arch));
    if target.wishes.chroots_named
        && let Some((chroot, (package, _))) = target.chroots.iter().find_map(|chroot| Some((chroot, unfit(chroot)?)))
    {
        return Err(ApiError::BadRequest(format!(
            "chroots: {} is for {}, which is not for {chroot}",
            package.file_name, package.nevra.arch
        )));
    }
    let fit: Vec<Chroot> = target.chroots.iter().filter(|chroot| unfit(chroot).is_none()).cloned().collect();
    if fit.is_empty() {
        let arches: Vec<&str> = packages.iter().map(|(package, _)| package.nevra.arch.as_str()).collect();
        return Err(ApiError::BadRequest(format!(
            "chroots: {} has none for {}",
            target.project.full_name(),
            arches.join(", ")
        )));
    }
    Ok(fit)
}

/// Brings the files to where handed-in files are, once for each chroot, and then the rows that wait to be published.
async fn publish(
    state: &AppState,
    caller: &Caller,
    target: &Target,
    packages: Vec<(Ready, Spooled)>,
    (package_name, package_version): (String, String),
    chroots: Vec<Chroot>,
) -> Result<View, ApiError> {
    let owner = &target.project.owner;
    let mut repositories = Vec::with_capacity(chroots.len());
    for chroot in chroots {
        let key = RepositoryKey { owner: owner.clone(), dirname: target.dirname.clone(), chroot };
        state.publishing.ensure(&key).await?;
        repositories.push((key, new_lease()));
    }
    db::directory::ensure(&state.db, target.project.id, &target.dirname, clock::now_ms()).await?;
    let result = |(package, spooled): &(Ready, Spooled)| ResultFile {
        file: package.file_name.clone(),
        size: spooled.size,
        sha256: spooled.sha256.clone(),
        name: package.nevra.name.clone(),
        epoch: package.nevra.epoch,
        version: package.nevra.version.clone(),
        release: package.nevra.release.clone(),
        arch: package.nevra.arch.clone(),
    };
    let results: Vec<ResultFile> = packages.iter().map(result).collect();
    let leases: Vec<String> = repositories.iter().map(|(_, lease)| lease.clone()).collect();
    let licence = judged(state, target, &package_name, &packages).await?;
    let new = NewReady {
        licence,
        project_id: target.project.id,
        submitter: caller.user.name.clone(),
        package_name,
        package_version,
        repositories,
        results,
    };
    let added = match keep(state, packages, &leases).await {
        Ok(()) => db::build::add_ready(&state.db, &new, clock::now_ms())
            .await
            .map_err(|error| match error {
                error if error.is_orphan() => {
                    ApiError::NotFound(format!("Project {} does not exist.", target.project.full_name()))
                }
                error => error.into(),
            })
            .and_then(|added| added.map_err(ApiError::from)),
        Err(error) => Err(error),
    };
    let id = match added {
        Ok(id) => id,
        Err(error) => {
            for lease in &leases {
                if let Err(error) = state.store.remove_incoming(lease).await {
                    tracing::warn!(lease, %error, "cannot take back what was sent");
                }
            }
            return Err(error);
        }
    };
    state.publishing.wake();
    tracing::info!(build.id = id, by = caller.user.name, "ready-made packages taken");
    Ok(build::view(state, build::find(state, &id.to_string()).await?))
}

/// What was found of the licences of packages; the worst of them counts.
async fn judged(
    state: &AppState,
    target: &Target,
    name: &str,
    packages: &[(Ready, Spooled)],
) -> Result<Option<Licence>, ApiError> {
    let mut worst: Option<Licence> = None;
    let texts: BTreeSet<&str> = packages.iter().map(|(package, _)| package.licence.as_str()).collect();
    for text in texts {
        let found = licence(state, target, name, text).await?;
        if found.as_ref().is_some_and(|found| found.state == LicenceState::Review) {
            return Err(ApiError::BadRequest(format!(
                "pkgs: Nobody has decided about the licence of {name} yet: submit its source package, for which a reviewer \
                 decides, and then these again"
            )));
        }
        if worst.as_ref().is_none_or(|worst| worst.state == LicenceState::Allowed) {
            worst = found.or(worst);
        }
    }
    Ok(worst)
}

async fn keep(state: &AppState, packages: Vec<(Ready, Spooled)>, leases: &[String]) -> Result<(), ApiError> {
    let Some((first, others)) = leases.split_first() else { return Ok(()) };
    for (package, spooled) in packages {
        let name = package.file_name;
        state.store.keep_incoming(spooled, first, &name).await?;
        for lease in others {
            if !state.store.share_incoming(first, lease, &name).await? {
                return Err(ApiError::Internal(anyhow::anyhow!("{name} was lost on its way")));
            }
        }
    }
    Ok(())
}
