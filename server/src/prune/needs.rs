//! What others still need of builds that are to go.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};

use copr_api::names::{Chroot, DirName, OwnerName, ProjectName};
use copr_repodata::{Repomd, read};
use copr_resolve::{
    PackageId, Packages, Pool, RepositoryInfo, Request, Wish,
    closure::PackageSet,
    impact::{Change, impact, uninstallable},
    solve,
};

use super::Error;
use crate::{
    chain::{self, Dependency},
    db::{self, Db, project::Project},
    store::Store,
};

/// Most projects that are built upon one and looked at.
const PROJECTS: usize = 500;
/// Most packages that are tried to be installed.
const TRIED: usize = 2000;

/// Who needs a build, and what of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Need {
    /// The package that would lack something.
    pub package: String,
    /// Its repository, `owner/directory/chroot`.
    pub repository: String,
    /// What it requires; empty: nothing else can be installed together with it.
    pub requirement: String,
}

/// Which of the builds that are to go are needed in a repository, or in one that is built upon it, and by whom.
pub(super) async fn needed(
    (db, store): (&Db, &Store),
    project: &Project,
    dirname: &DirName,
    chroot: &Chroot,
    going: &BTreeSet<i64>,
) -> Result<Vec<(i64, Need)>, Error> {
    let mut pool = Pool::new(chroot.arch());
    let own = format!("{}/{dirname}/{chroot}", project.owner);
    let Some(packages) = packages(store, &project.owner, dirname, chroot).await? else { return Ok(Vec::new()) };
    let add = |pool: &mut Pool, id: String, packages: Packages| {
        let info = RepositoryInfo::new(id.clone(), "");
        pool.add(info, packages).map_err(|error| Error::Unknown(format!("{id}: {error}")))
    };
    let place = add(&mut pool, own, packages)?;
    for (owner, dirname) in dependents(db, project, dirname).await? {
        if let Some(packages) = self::packages(store, &owner, &dirname, chroot).await? {
            add(&mut pool, format!("{owner}/{dirname}/{chroot}"), packages)?;
        }
    }
    let going = going.clone();
    let found = tokio::task::spawn_blocking(move || look(&pool, place, going)).await;
    found.map_err(|error| Error::Unknown(error.to_string()))
}

/// The directories whose users have this one enabled too: the project's side directories, and all projects that are built upon it.
async fn dependents(db: &Db, project: &Project, dirname: &DirName) -> Result<Vec<(OwnerName, DirName)>, Error> {
    if dirname.as_str() != project.name.as_str() {
        return Ok(Vec::new());
    }
    let side = db::directory::of_project(db, project.id).await?;
    let mut found: Vec<(OwnerName, DirName)> = side.into_iter().map(|of| (project.owner.clone(), of.dirname)).collect();
    let first = (project.owner.clone(), project.name.clone());
    let mut seen: HashSet<(OwnerName, ProjectName)> = HashSet::from([first.clone()]);
    let mut next = VecDeque::from([first]);
    while let Some((owner, name)) = next.pop_front() {
        let most = i64::try_from(PROJECTS).unwrap_or(i64::MAX).saturating_add(1);
        let needing = db::project::needing(db, &format!("copr://{owner}/{name}"), most).await?;
        if needing.len() > PROJECTS || seen.len() > PROJECTS {
            let project = project.full_name();
            return Err(Error::Unknown(format!("more than {PROJECTS} projects are built upon {project}")));
        }
        let wanted = Dependency::Project { owner, name };
        for of in needing {
            // Texts that only begin with the name are found as well.
            let mut declared = of.build.iter().chain(&of.run);
            let key = (of.owner.clone(), of.name.clone());
            if !declared.any(|text| chain::parse(text).is_ok_and(|dependency| dependency == wanted))
                || !seen.insert(key.clone())
            {
                continue;
            }
            if let Ok(dirname) = of.name.as_str().parse() {
                found.push((of.owner, dirname));
            }
            next.push_back(key);
        }
    }
    Ok(found)
}

/// The packages of a repository as it is published; `None`: nothing is.
async fn packages(
    store: &Store,
    owner: &OwnerName,
    dirname: &DirName,
    chroot: &Chroot,
) -> Result<Option<Packages>, Error> {
    let id = format!("{owner}/{dirname}/{chroot}");
    let unknown = |error: String| Error::Unknown(format!("{id}: {error}"));
    let place = store.directory(owner, dirname).join(chroot.as_str());
    let Some(index) = store.repomd(&place).await.map_err(|error| unknown(error.to_string()))? else {
        return Ok(None);
    };
    let repomd = Repomd::read(&index).map_err(|error| unknown(error.to_string()))?;
    let Some(primary) = repomd.record("primary").map(|record| record.location_href.clone()) else { return Ok(None) };
    let metadata = store.metadata(&place, std::slice::from_ref(&primary)).await;
    let metadata = metadata.map_err(|error| unknown(error.to_string()))?;
    let read = tokio::task::spawn_blocking(move || {
        let from = read::open(&read::inside(metadata.folder(), &primary)?)?;
        copr_resolve::load::primary(from)
    });
    match read.await {
        Ok(Ok(packages)) => Ok(Some(packages)),
        Ok(Err(error)) => Err(unknown(error.to_string())),
        Err(error) => Err(unknown(error.to_string())),
    }
}

/// The build in whose folder a package lies.
fn build_of(pool: &Pool, id: PackageId) -> Option<i64> {
    let digits = pool.location(id).split('-').next()?;
    (digits.len() >= 8).then(|| digits.parse().ok()).flatten()
}

/// Leaves out of what goes whatever something would lack, until nothing lacks anything.
fn look(pool: &Pool, place: usize, mut going: BTreeSet<i64>) -> Vec<(i64, Need)> {
    let all = PackageSet::all(pool);
    // What a source package requires is needed to build it again, and not to install anything.
    let checked = PackageSet::of(pool, pool.ids().filter(|id| pool.installable(*id)));
    let mut needed: BTreeMap<i64, BTreeSet<Need>> = BTreeMap::new();
    loop {
        let goes = |id: &PackageId| build_of(pool, *id).is_some_and(|build| going.contains(&build));
        let withdrawn = PackageSet::of(pool, pool.ids_of(place).filter(goes));
        let change = Change { published: PackageSet::none(pool), withdrawn: withdrawn.clone(), keep_old: true };
        let found = impact(pool, &change, &all, &checked);
        let need = |package: PackageId, requirement: String| Need {
            package: pool.nevra(package).to_string(),
            repository: pool.repository_info(package).map(|info| info.id.clone()).unwrap_or_default(),
            requirement,
        };
        let mut stay: Vec<(i64, Need)> = Vec::new();
        for (package, requirements) in &found.broken {
            for broken in requirements {
                // The newest of those that have it.
                let newest =
                    broken.was.iter().max_by(|a, b| pool.compare_evr(pool.evr(**a), pool.evr(**b)).then(a.cmp(b)));
                if let Some(build) = newest.and_then(|id| build_of(pool, *id)) {
                    stay.push((build, need(*package, pool.dependency(broken.requirement).to_string())));
                }
            }
        }
        if stay.is_empty() {
            let (lost, enough) = uninstallable(pool, &found, &checked, TRIED);
            for one in lost {
                let install = vec![Wish::Packages(vec![one.package], pool.nevra(one.package).to_string())];
                let with = solve(pool, &Request { install, ..Request::default() });
                let used = with.iter().flat_map(copr_resolve::Solution::packages).filter(|id| withdrawn.contains(*id));
                let builds: BTreeSet<i64> = used.filter_map(|id| build_of(pool, id)).collect();
                stay.extend(builds.into_iter().map(|build| (build, need(one.package, String::new()))));
            }
            if !enough {
                // Too much to find out: all of it stays.
                let who = Need {
                    package: format!("more than {TRIED} packages"),
                    repository: pool.repositories().get(place).map(|info| info.id.clone()).unwrap_or_default(),
                    requirement: String::new(),
                };
                let builds: BTreeSet<i64> = withdrawn.iter().filter_map(|id| build_of(pool, id)).collect();
                stay.extend(builds.into_iter().map(|build| (build, who.clone())));
            }
        }
        if stay.is_empty() {
            break;
        }
        for (build, need) in stay {
            going.remove(&build);
            needed.entry(build).or_default().insert(need);
        }
    }
    needed.into_iter().flat_map(|(build, needs)| needs.into_iter().map(move |need| (build, need))).collect()
}
