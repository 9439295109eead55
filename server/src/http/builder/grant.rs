//! What a builder is told with its lease.

use axum::body::Bytes;
use copr_api::{
    builder::{Lease, Rpmlint, Settings, Work},
    v3::BuildState,
};

use crate::{
    blame, chain,
    db::{self, build::BuildChroot, chroot::ProjectChroot},
    http::error::ApiError,
    settings::Choice,
    state::AppState,
};

/// All that the builder needs to know; `None`: the build has failed already.
pub(super) async fn grant(state: &AppState, claimed: &BuildChroot) -> Result<Option<Lease>, ApiError> {
    let id = claimed.lease_id.clone().unwrap_or_default();
    let Some(build) = db::build::get(&state.db, claimed.build_id).await? else { return Ok(None) };
    let Some(project) = db::project::by_id(&state.db, build.project_id).await? else { return Ok(None) };
    let Some(definition) = state.chroots.get(&claimed.chroot).cloned() else {
        let why = format!("This server does not offer the chroot {} any more.", claimed.chroot);
        fail(state, &id, &why).await?;
        return Ok(None);
    };
    let seconds = state.queue.lease_seconds();
    let timeout = u64::try_from(build.timeout).unwrap_or_default();
    let mut macros = definition.macros.clone();
    macros.extend(blame::macros(state, &project));
    macros.push(("buildtag".to_owned(), format!(".copr{}", build.id)));
    let work = match (claimed.source, build.method.clone(), build.srpm.clone()) {
        (true, Some(method), _) => Work::Source { method },
        (false, _, Some(srpm)) => Work::Build { srpm },
        _ => {
            fail(state, &id, "The server has lost what this build is to be made of.").await?;
            return Ok(None);
        }
    };
    if claimed.source {
        // It is for every chroot, so it says nothing of the one that it is made in.
        macros.retain(|(name, _)| name != "dist");
        macros.push(("dist".to_owned(), "%{nil}".to_owned()));
        let settings = Settings { network: true, rpmlint: Rpmlint::Off, ..Settings::default() };
        return Ok(Some(Lease {
            id,
            seconds,
            build_id: build.id,
            chroot: claimed.chroot.clone(),
            owner: build.owner,
            dirname: build.dirname,
            work,
            definition,
            repositories: Vec::new(),
            extra_packages: Vec::new(),
            timeout,
            macros,
            settings,
        }));
    }
    let more = &build.wishes.additional_repos;
    let repositories = match chain::build_time(state, &project, &build.dirname, &claimed.chroot, more).await {
        Ok(repositories) => repositories,
        Err(chain::Error::Chain(why)) => {
            fail(state, &id, &why).await?;
            return Ok(None);
        }
        Err(error) => return Err(error.into()),
    };
    // Nothing is chosen for a chroot that the project has given up since.
    let own = db::chroot::get(&state.db, project.id, &claimed.chroot).await?;
    let own = own.unwrap_or_else(|| ProjectChroot::new(project.id, claimed.chroot.clone()));
    let choice = Choice::of(&project, &own, &build);
    macros.extend(choice.macros());
    Ok(Some(Lease {
        id,
        seconds,
        build_id: build.id,
        chroot: claimed.chroot.clone(),
        work,
        definition,
        repositories,
        extra_packages: choice.additional_packages,
        timeout,
        macros,
        settings: choice.machine,
        owner: build.owner,
        dirname: build.dirname,
    }))
}

/// Ends a job that no builder can help, and says why where its packager looks.
async fn fail(state: &AppState, lease: &str, why: &str) -> Result<(), ApiError> {
    if let Some(held) = db::lease::held(&state.db, lease).await? {
        let (limit, line) = (state.config.limits.log_bytes, Bytes::from(format!("{why}\n")));
        state.store.append_log(&state.queue.folder(&held), lease, "builder-live.log", 0, line, limit).await?;
    }
    state.queue.finish_without(lease, BuildState::Failed, Some(why)).await?;
    Ok(())
}
