//! `/coprs/build/ID`: how far a build is, what it made, what it says.

use std::fmt::Write as _;

use axum::{
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use copr_api::v3::BuildState;

use super::{
    PageError,
    needs::project_url,
    show, site,
    text::{Moment, duration, encode, log_text, size},
    views::{BuildPage, ChrootResult, FileLine, LogTail, State as StateView},
};
use crate::{
    clock,
    db::{
        self,
        build::{Build, BuildChroot, BuiltPackage},
    },
    state::AppState,
    store::{Found, LOG_NAMES, Store, Want},
};

/// Bytes of a log that a page shows.
const TAIL: u64 = 48 * 1024;

async fn find(state: &AppState, id: &str) -> Result<Option<Build>, db::Error> {
    match id.parse::<i64>() {
        Ok(id) => db::build::get(&state.db, id).await,
        Err(_) => Ok(None),
    }
}

fn missing(state: &AppState) -> PageError {
    PageError::missing(state, "There is no such build. It may have been deleted with its project.")
}

/// The page.
///
/// # Errors
/// There is no such build.
pub(super) async fn page(State(state): State<AppState>, Path(id): Path<String>) -> Result<Response, PageError> {
    let Some(build) = find(&state, &id).await? else { return Err(missing(&state)) };
    let packages = db::build::packages(&state.db, build.id).await?;
    let now = clock::now_ms();
    let mut chroots = Vec::with_capacity(build.chroots.len() + 1);
    for job in build.jobs() {
        chroots.push(result(&state.store, &build, job, &packages, now).await?);
    }
    let (started, ended) = (build.started_ms(), build.ended_ms());
    let took = started.zip(ended).map(|(started, ended)| duration(ended - started));
    let stage = build.jobs().find_map(|job| job.stage.as_deref());
    let state_word = build.state();
    show(&BuildPage {
        site: site(&state),
        id: build.id,
        package: build.title(),
        version: build.package_version.clone(),
        state: StateView::new(state_word, stage),
        finished: is_over(&build),
        fingerprint: fingerprint(&build),
        project_url: project_url(build.owner.as_str(), build.project.as_str()),
        results_url: format!("/results/{}/{}/", encode(build.owner.as_str()), encode(build.dirname.as_str())),
        owner: build.owner.to_string(),
        dirname: build.dirname.to_string(),
        submitter: build.submitter.clone(),
        submitted: Moment::new(build.submitted_ms, now),
        started: started.map(|ms| Moment::new(ms, now)),
        ended: ended.map(|ms| Moment::new(ms, now)),
        duration: took.unwrap_or_default(),
        chroots,
    })
}

/// `GET /coprs/build/{id}/state`: a text that changes when the page would.
///
/// # Errors
/// There is no such build.
pub(super) async fn state(State(state): State<AppState>, Path(id): Path<String>) -> Result<Response, PageError> {
    match find(&state, &id).await? {
        Some(build) => Ok(fingerprint(&build).into_response()),
        None => Err(missing(&state)),
    }
}

/// Whether nothing more will happen: a cancelled build may still have chroots at work.
fn is_over(build: &Build) -> bool {
    build.jobs().all(|job| job.state.is_final())
}

/// States, stages and attempts of all jobs.
fn fingerprint(build: &Build) -> String {
    build.jobs().fold(build.state().to_string(), |mut text, job| {
        let _ = write!(text, " {}-{}-{}", job.state, job.stage.as_deref().unwrap_or_default(), job.attempts);
        text
    })
}

async fn result(
    store: &Store,
    build: &Build,
    of: &BuildChroot,
    packages: &[BuiltPackage],
    now: i64,
) -> std::io::Result<ChrootResult> {
    let path = match of.source {
        true => format!("{}/{}/srpm-builds/{:08}", build.owner, build.dirname, build.id),
        false => format!("{}/{}/{}/{}", build.owner, build.dirname, of.chroot, build.folder()),
    };
    let url = format!("/results/{}/", path.split('/').map(encode).collect::<Vec<_>>().join("/"));
    let entries = match store.find(&format!("{path}/"), Want::Facts).await? {
        Found::Folder(folder) => Some(folder.list().await?.0),
        _ => None,
    };
    let file = |name: &str, bytes: u64| FileLine {
        name: name.to_owned(),
        url: format!("{url}{}", encode(name)),
        size: size(bytes),
    };
    let logs: Vec<FileLine> = entries
        .iter()
        .flatten()
        .filter(|entry| !entry.folder && (entry.name.ends_with(".log") || entry.name.ends_with(".log.gz")))
        .map(|entry| file(&entry.name, entry.size))
        .collect();
    let tail = match LOG_NAMES.iter().find(|name| logs.iter().any(|log| log.name == **name)) {
        Some(name) => tail(store, &format!("{path}/{name}"), format!("{url}{name}"), of).await?,
        None => None,
    };
    // Until it is published, what a build made is not there yet.
    let published = of.state == BuildState::Succeeded;
    let made = packages.iter().filter(|package| published && package.build_chroot_id == of.id);
    let tried_again = of.attempts > 1 && !of.state.is_final();
    let fault = match &of.message {
        Some(message) if of.state != BuildState::Succeeded => message.clone(),
        _ if tried_again => format!("Attempt {}: a machine failed before.", of.attempts),
        _ => String::new(),
    };
    let took = of.started_ms.zip(of.ended_ms).map(|(started, ended)| duration(ended - started));
    Ok(ChrootResult {
        name: if of.source { format!("Source package, made in {}", of.chroot) } else { of.chroot.to_string() },
        state: StateView::new(of.state, if of.publishing { Some("publishing") } else { of.stage.as_deref() }),
        started: of.started_ms.map(|ms| Moment::new(ms, now)),
        duration: took.unwrap_or_default(),
        fault,
        waiting: match of.state {
            BuildState::Pending => "It waits for a builder.",
            BuildState::Waiting => "It waits for its source package.",
            BuildState::Starting | BuildState::Running | BuildState::Importing => {
                "A builder prepares its machine; the log begins in a moment."
            }
            BuildState::Skipped => "The package is not for this architecture.",
            _ => "Nothing was kept of it.",
        },
        packages: made.map(|package| file(&package.file.file, package.file.size)).collect(),
        logs,
        results_url: entries.map(|_| url),
        tail,
    })
}

async fn tail(store: &Store, path: &str, url: String, of: &BuildChroot) -> std::io::Result<Option<LogTail>> {
    let Found::File(file) = store.find(path, Want::Facts).await? else { return Ok(None) };
    let (begin, bytes) = file.tail(TAIL).await?;
    let live = !of.state.is_final();
    Ok(Some(LogTail {
        url,
        text: log_text(&bytes),
        offset: begin.saturating_add(u64::try_from(bytes.len()).unwrap_or_default()),
        cut: begin > 0,
        live,
        open: live || of.state == BuildState::Failed,
    }))
}
