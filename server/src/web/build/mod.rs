//! The pages of one build: how far it is and what it made, its logs, what its buildroot had; and what can be done with it.

mod actions;
mod ansi;
mod buildroot;
mod index;
mod lint;
mod log;
mod page;
mod trouble;

use std::sync::Arc;

use axum::{
    Extension, Router,
    extract::Path,
    response::Redirect,
    routing::{get, post},
};

use super::{PageError, text::encode, with_slash};
use crate::{
    db::{
        self,
        build::{Build, BuildChroot},
    },
    follow,
    state::AppState,
    store::{Entry, Found, Store, Want},
};

/// The addresses of builds.
pub(super) fn routes() -> Router<AppState> {
    let mut router = Router::new()
        .route("/coprs/build/{id}/log/{chroot}", get(with_slash))
        .route("/coprs/build/{id}/log/{chroot}/", get(log::main));
    for end in ["", "/"] {
        let at = |path: &str| format!("{path}{end}");
        router = router
            .route(&at("/coprs/build/{id}"), get(page::page))
            .route(&at("/coprs/build/{id}/state"), get(page::state))
            .route(&at("/coprs/build/{id}/cancel"), post(actions::cancel))
            .route(&at("/coprs/build/{id}/repeat"), post(actions::repeat))
            .route(&at("/coprs/build/{id}/delete"), post(actions::delete))
            .route(&at("/coprs/build/{id}/buildroot/{chroot}"), get(buildroot::page))
            .route(&at("/coprs/build/{id}/log/{chroot}/{name}"), get(log::page))
            .route(&at("/coprs/{owner}/{project}/build/{id}"), get(of_project))
            .route(&at("/coprs/g/{owner}/{project}/build/{id}"), get(of_project));
    }
    router.layer(Extension(Arc::<index::Indexes>::default()))
}

/// Copr's longer address of the same page.
async fn of_project(Path((_owner, _project, id)): Path<(String, String, String)>) -> Redirect {
    Redirect::permanent(&format!("/coprs/build/{}", encode(&id)))
}

/// The build of that number.
///
/// # Errors
/// There is no such build.
async fn find(state: &AppState, id: &str) -> Result<Build, PageError> {
    let found = match id.parse::<i64>() {
        Ok(id) => db::build::get(&state.db, id).await?,
        Err(_) => None,
    };
    found.ok_or_else(|| {
        PageError::Missing("There is no such build. It may have been deleted with its project.".to_owned())
    })
}

/// The build and that of its jobs which an address names.
///
/// # Errors
/// There is no such build, it was taken down, or it has no such chroot.
async fn find_job(state: &AppState, id: &str, chroot: &str) -> Result<(Build, BuildChroot), PageError> {
    let build = find(state, id).await?;
    if let Some(why) = state.takedowns.why(&build.owner, build.project.as_str(), Some(build.id)).await? {
        return Err(PageError::TakenDown(why));
    }
    let job = build.jobs().find(|job| key(job) == chroot).cloned();
    let job =
        job.ok_or_else(|| PageError::Missing(format!("Build {} is not built for a chroot of that name.", build.id)))?;
    Ok((build, job))
}

/// What a job is called in addresses and events.
fn key(job: &BuildChroot) -> &str {
    if job.source { follow::SOURCE } else { job.chroot.as_str() }
}

/// What a job is called on pages.
fn label(job: &BuildChroot) -> String {
    if job.source { format!("Source package, made in {}", job.chroot) } else { job.chroot.to_string() }
}

/// The folder of a job below the results: `OWNER/DIRNAME/…`.
fn folder(build: &Build, job: &BuildChroot) -> String {
    match job.source {
        true => format!("{}/{}/srpm-builds/{:08}", build.owner, build.dirname, build.id),
        false => format!("{}/{}/{}/{}", build.owner, build.dirname, job.chroot, build.folder()),
    }
}

/// Where everyone can read what lies under a path of the results; with a slash at its end.
fn results_url(path: &str) -> String {
    format!("/results/{}/", path.split('/').map(encode).collect::<Vec<_>>().join("/"))
}

/// The page of one log of a job.
fn log_url(build: &Build, job: &BuildChroot, name: &str) -> String {
    format!("/coprs/build/{}/log/{}/{}", build.id, encode(key(job)), encode(name))
}

/// What lies in a job's folder; `None`: there is none.
///
/// # Errors
/// The results can't be read.
async fn entries(store: &Store, folder: &str) -> std::io::Result<Option<Vec<Entry>>> {
    match store.find(&format!("{folder}/"), Want::Facts).await? {
        Found::Folder(found) => Ok(Some(found.list().await?.0)),
        _ => Ok(None),
    }
}

fn is_log(entry: &Entry) -> bool {
    !entry.folder && is_log_name(&entry.name)
}

/// Whether a file of this name is a log, perhaps a compressed one.
fn is_log_name(name: &str) -> bool {
    name.ends_with(".log") || name.ends_with(".log.gz")
}
