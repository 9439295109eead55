//! `copr-repo solve`.

use std::process::ExitCode;

use anyhow::{Context, Result};
use copr_resolve::query::{Within, wishes};
use copr_resolve::solve::{Policy, Request, solve};

use super::load::{Loaded, load_all};
use super::place::{Place, Role, places};
use super::transaction::{fail, tell};
use crate::repo::definition::{Choosing, Repositories, Solve};

pub(in crate::repo) fn run(arguments: &Solve) -> Result<ExitCode> {
    let places = with_installed(&arguments.repositories, &arguments.choosing)?;
    let texts: Vec<&String> = arguments.specs.iter().collect();
    let loaded = load_all(&arguments.repositories, places, &texts)?;
    let within = enabled(&loaded);
    let (mut install, mut problems) = (Vec::new(), Vec::new());
    for spec in &arguments.specs {
        match wishes(&within, spec) {
            Ok(wishes) => install.extend(wishes),
            Err(error) => problems.push(error.to_string()),
        }
    }
    if !problems.is_empty() {
        return fail(&arguments.repositories, &problems);
    }
    let request = Request { install, ..request(&arguments.choosing, &loaded)? };
    tell(&arguments.repositories, &loaded, solve(&loaded.pool, &request))
}

/// The repositories, and that of what is installed.
pub(super) fn with_installed(repositories: &Repositories, choosing: &Choosing) -> Result<Vec<Place>> {
    places(repositories, &[(Role::Installed, choosing.installed.as_slice())])
}

/// What may be installed.
pub(super) fn enabled(loaded: &Loaded) -> Within<'_> {
    let packages = loaded.packages_of(&[Role::Enabled, Role::Installed]);
    Within { pool: &loaded.pool, packages, owners: loaded.owners.clone() }
}

/// All but what is to be installed.
pub(super) fn request(choosing: &Choosing, loaded: &Loaded) -> Result<Request> {
    let locked = choosing.lock.iter().map(|text| {
        text.parse().with_context(|| format!("--lock {text}: name a package as name-version-release.arch"))
    });
    Ok(Request {
        locked: locked.collect::<Result<_>>()?,
        installed: loaded.of_roles(&[Role::Installed]).first().copied(),
        weak: !choosing.no_weak,
        policy: match (choosing.best, choosing.oldest) {
            (true, _) => Policy::Best,
            (_, true) => Policy::Oldest,
            _ => Policy::Newest,
        },
        not_enabled: loaded.of_roles(&[Role::Hint]),
        ..Request::default()
    })
}
