//! What ends by itself: temporary projects, chroots that are out of life or given up, idle directories of pull requests, builds beyond
//! the number that their package keeps, sessions. And what begins by itself: chroots of new branches of Fedora, for projects that
//! follow it; release packages, when what they subscribe to has changed.

use std::time::Duration;

use copr_api::names::{Chroot, DirName};
use tokio_util::sync::CancellationToken;

use crate::{
    clock,
    db::{self, project::Project, task::RepositoryKey},
    fork,
    http::public::release,
    prune,
    state::AppState,
};

/// How often something whose time has come is looked for.
const PAUSE: Duration = Duration::from_secs(60);
/// In every so many passes release packages are made anew whose contents have changed by something elsewhere.
const RELEASES: u64 = 15;

/// How long tokens that have expired are still shown to their users.
const EXPIRED_TOKENS_MS: i64 = 30 * 24 * 3600 * 1000;

/// How often old builds are looked for that nobody needs.
const PRUNE_MS: i64 = 24 * 3600 * 1000;

/// Lets things end until the server stops.
pub async fn run(state: AppState, stopping: CancellationToken) {
    let mut pruned_ms = 0;
    for number in 0_u64.. {
        if stopping.is_cancelled() {
            return;
        }
        pass(&state, clock::now_ms()).await;
        if number.is_multiple_of(RELEASES)
            && let Err(error) = release::look_after(&state).await
        {
            tracing::error!(%error, "release packages cannot be looked after");
        }
        if clock::now_ms().saturating_sub(pruned_ms) >= PRUNE_MS {
            pruned_ms = clock::now_ms();
            if let Err(error) = old(&state, pruned_ms, &stopping).await {
                tracing::error!(error = format!("{error:#}"), "cannot prune");
            }
        }
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            () = stopping.cancelled() => return,
        }
    }
}

/// Does all that is due at a time. Each step may be repeated; one that fails is logged, and tried again in the next pass.
pub async fn pass(state: &AppState, now_ms: i64) {
    let told = |step: &str, result: anyhow::Result<()>| {
        if let Err(error) = result {
            tracing::error!(step, error = format!("{error:#}"), "something that has ended cannot be taken away yet");
        }
    };
    told("temporary projects", projects(state, now_ms).await);
    told("chroots", chroots(state, now_ms).await);
    told("directories", directories(state, now_ms).await);
    told("builds", builds(state).await);
    told("prunes", prunes(state, now_ms).await);
    told("branches", branches(state, now_ms).await);
    told("tokens", tokens(state, now_ms).await);
    told("sessions", sessions(state, now_ms).await);
    told("keys", keys(state, now_ms).await);
}

/// Deletes a project and its files; `false`: a build of it is at work, or it is gone.
///
/// # Errors
/// The database does not answer.
pub async fn delete_project(state: &AppState, project: &Project, now_ms: i64) -> Result<bool, db::Error> {
    {
        // Neither a publish that is at work nor a new project of that name may write meanwhile.
        let chroots = db::chroot::of_project(&state.db, project.id).await?;
        let dirname = project.name.as_str().parse::<DirName>().ok();
        let key =
            |chroot: Chroot| Some(RepositoryKey { owner: project.owner.clone(), dirname: dirname.clone()?, chroot });
        let keys: Vec<_> = chroots.into_iter().filter_map(|of| key(of.chroot)).collect();
        let _held = state.publishing.hold(&keys).await;
        if !db::project::delete(&state.db, project, now_ms).await? {
            return Ok(false);
        }
    }
    state.publishing.clean_project(&project.owner, &project.name, now_ms).await;
    Ok(true)
}

async fn projects(state: &AppState, now_ms: i64) -> anyhow::Result<()> {
    for project in db::project::expired(&state.db, now_ms).await? {
        if delete_project(state, &project, now_ms).await? {
            tracing::info!(project = project.full_name(), "temporary project deleted");
        }
    }
    Ok(())
}

async fn chroots(state: &AppState, now_ms: i64) -> anyhow::Result<()> {
    db::chroot::follow_notes(&state.db, state.config.projects.eol_ms(), now_ms).await?;
    let deleted = db::chroot::delete_due(&state.db, now_ms, clock::now_ms()).await?;
    if deleted > 0 {
        tracing::info!(deleted, "chroots of projects deleted");
        state.publishing.wake();
    }
    Ok(())
}

async fn directories(state: &AppState, now_ms: i64) -> anyhow::Result<()> {
    for directory in db::directory::idle(&state.db, now_ms).await? {
        let Some(project) = db::project::by_id(&state.db, directory.project_id).await? else { continue };
        if db::directory::delete_idle(&state.db, &directory, &project, now_ms).await? {
            tracing::info!(project = project.full_name(), directory = %directory.dirname, "idle directory deleted");
            state.publishing.clean_project(&project.owner, &project.name, now_ms).await;
        }
    }
    Ok(())
}

async fn tokens(state: &AppState, now_ms: i64) -> anyhow::Result<()> {
    let forgotten = db::token::forget(&state.db, now_ms.saturating_sub(EXPIRED_TOKENS_MS)).await?;
    if forgotten > 0 {
        tracing::info!(forgotten, "expired tokens forgotten");
    }
    Ok(())
}

/// Sessions of browsers, and browsers that never came back from the identity provider.
async fn sessions(state: &AppState, now_ms: i64) -> anyhow::Result<()> {
    db::session::delete_ended(&state.db, now_ms).await?;
    db::identity::delete_ended(&state.db, now_ms).await?;
    Ok(())
}

/// Keys that were replaced long enough ago.
async fn keys(state: &AppState, now_ms: i64) -> anyhow::Result<()> {
    let forgotten = db::key::forget(&state.db, now_ms, clock::now_ms()).await?;
    if forgotten > 0 {
        tracing::info!(forgotten, "signing keys forgotten that are trusted no more");
        state.publishing.wake();
    }
    Ok(())
}

/// Builds beyond the number that their package keeps: what a publish has not found, or not all of.
async fn builds(state: &AppState) -> anyhow::Result<()> {
    Ok(state.publishing.replace(None).await?)
}

/// What can be brought back no more.
async fn prunes(state: &AppState, now_ms: i64) -> anyhow::Result<()> {
    db::prune::forget(&state.db, now_ms).await?;
    Ok(())
}

/// Old builds of all projects that do not forbid it, where the configuration says after how many days they go.
///
/// # Errors
/// The database does not answer. What can't be found out of one project is logged.
pub async fn old(state: &AppState, now_ms: i64, stopping: &CancellationToken) -> anyhow::Result<()> {
    let config = &state.config.prune;
    let mut behind = 0;
    while config.days > 0 && !stopping.is_cancelled() {
        let some = db::prune::scheduled(&state.db, behind, PROJECTS).await?;
        let Some(last) = some.last() else { break };
        behind = *last;
        for id in some {
            let Some(project) = db::project::by_id(&state.db, id).await? else { continue };
            let rule = prune::Rule::new(project.keep_builds.unwrap_or(config.keep), config.days, now_ms);
            match prune::plan(&state.db, &state.store, &project, rule).await {
                Ok(plan) => {
                    prune::prune(&state.db, &project, &plan, "", config.undo_ms()).await?;
                }
                Err(error) => tracing::error!(project = project.full_name(), %error, "cannot prune"),
            }
        }
        state.publishing.wake();
    }
    Ok(())
}

/// Projects that are looked for at once.
const PROJECTS: i64 = 100;

/// A release of Fedora that has just branched off: what was built for rawhide is what there is of it.
async fn branches(state: &AppState, now_ms: i64) -> anyhow::Result<()> {
    let notes = db::note::list(&state.db).await?;
    for (chroot, _) in state.chroots.iter() {
        let number = !chroot.release().is_empty() && chroot.release().bytes().all(|byte| byte.is_ascii_digit());
        let offered = notes.iter().find(|note| note.chroot == *chroot).is_none_or(|note| note.is_offered(now_ms));
        if chroot.distro() != "fedora" || !number || !offered || db::note::is_branched(&state.db, chroot).await? {
            continue;
        }
        let Ok(rawhide) = format!("fedora-rawhide-{}", chroot.arch()).parse::<Chroot>() else { continue };
        for project in db::project::followers(&state.db, &rawhide, chroot).await? {
            if fork::branch(state, &project, &rawhide, chroot, now_ms).await? {
                tracing::info!(project = project.full_name(), %chroot, "chroot added as Fedora has branched");
            }
        }
        db::note::set_branched(&state.db, chroot).await?;
    }
    Ok(())
}
