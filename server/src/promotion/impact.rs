//! What a promotion would break: in the target, and in projects that need it. Each is looked at with the repositories that its users
//! have: the distribution's, its chain, its own; before and after. What can't be looked at is told, and counts as not clean.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::PathBuf,
    sync::Arc,
};

use copr_api::{
    builder::BuildRepository,
    names::{Chroot, OwnerName, ProjectName},
    v3::{BrokenPackage, PromotionImpact},
};
use copr_builder::Network;
use copr_remote::{Remote, RemoteOptions, RepoUrl, mirror::Origin};
use copr_repodata::{Checksum, Repomd, read};
use copr_resolve::{
    PackageId, Packages, Pool, RepositoryInfo,
    closure::PackageSet,
    impact::{Change, impact, uninstallable},
    kept::Kept,
    query::latest,
};
use tokio::sync::Semaphore;

use crate::{
    chain::{self, Dependency},
    clock,
    db::{self, project::Project, promotion::Candidate},
    state::AppState,
    store::Place,
};

/// Most projects that are looked at because they need the target.
const DEPENDENTS: usize = 50;
/// How many packages are tried to be installed for each of them.
const TRIED: usize = 1000;
/// Most lines of a list that is kept.
const LINES: usize = 100;
/// Most that a message about one thing has, in characters.
const MESSAGE: usize = 500;
/// How the set itself is called.
const SET: &str = "promotion";
/// Below a repository: what its project does not show yet.
const DEVEL: &str = "devel";

/// Finds out what would break, one promotion at a time; clones share what was fetched.
#[derive(Debug, Clone)]
pub struct Impacts {
    /// Repositories that the administrator named: they may be folders.
    distribution: Remote,
    /// Those that users named.
    others: Remote,
    kept: Kept,
    turn: Arc<Semaphore>,
}

impl Impacts {
    /// With the cache in this folder, which is the embedded builder's too; repositories that users named are asked for only where
    /// `network` lets builds go.
    ///
    /// # Errors
    /// It can't be made.
    pub fn new(cache: &std::path::Path, network: &Network) -> Result<Self, copr_remote::Error> {
        let files = cache.join("repositories");
        Ok(Self {
            distribution: Remote::new(RemoteOptions { allow_file: true, ..RemoteOptions::new(&files) })?,
            others: Remote::new(copr_builder::external_repositories(&files, network))?,
            kept: Kept::in_folder(cache.join("solver")),
            turn: Arc::new(Semaphore::new(1)),
        })
    }

    /// What would break if these builds of the source were in the target.
    pub async fn find(
        &self,
        state: &AppState,
        source: &Project,
        target: &Project,
        builds: &[Candidate],
    ) -> PromotionImpact {
        let Ok(_turn) = self.turn.acquire().await else { return PromotionImpact::default() };
        let mut found = PromotionImpact { checked_on: clock::seconds(clock::now_ms()), ..PromotionImpact::default() };
        let mut seen = BTreeSet::new();
        let scope = match Scope::of(state, target, &mut found.problems).await {
            Ok(scope) => scope,
            Err(error) => {
                problem(&mut found, error.to_string());
                return found;
            }
        };
        let mut of_chroot: BTreeMap<&Chroot, Vec<&Candidate>> = BTreeMap::new();
        for build in builds {
            of_chroot.entry(&build.chroot).or_default().push(build);
        }
        for (chroot, builds) in of_chroot {
            let looked = self.look(state, source, target, &scope, chroot, &builds).await;
            match looked {
                Ok(one) => {
                    one.problems.into_iter().for_each(|text| problem(&mut found, text));
                    found.broken.extend(one.broken);
                    found.superseded.extend(one.superseded);
                    seen.extend(one.dependents);
                    found.repaired = found.repaired.saturating_add(one.repaired);
                }
                Err(error) => problem(&mut found, format!("{chroot}: {error}")),
            }
        }
        found.clean = found.broken.is_empty() && found.problems.is_empty();
        found.dependents = seen.into_iter().collect();
        found.broken.truncate(LINES);
        found.superseded.truncate(LINES);
        found.problems.truncate(LINES);
        found
    }

    async fn look(
        &self,
        state: &AppState,
        source: &Project,
        target: &Project,
        scope: &Scope,
        chroot: &Chroot,
        builds: &[&Candidate],
    ) -> Result<PromotionImpact, String> {
        let definition = state.chroots.get(chroot).ok_or("the server has no such chroot any more")?;
        let mut loading =
            Loading { impacts: self, chroot, loaded: Vec::new(), known: HashMap::new(), problems: Vec::new() };
        let mut base = Vec::new();
        for repository in definition.repositories.iter().filter(|repository| !repository.optional) {
            base.extend(loading.distribution(repository).await);
        }
        let place = |project: &Project| repository_of(state, project, chroot);
        let records = set(state, &place(source)?, source, builds).await?;
        let mut own: Vec<(&Project, Vec<usize>, Option<usize>)> = Vec::new();
        for (project, chain) in &scope.projects {
            let mut with = base.clone();
            for link in chain {
                with.extend(loading.link(state, link).await);
            }
            let priority = project.repo_priority;
            let mine = loading.project(state, &project.full_name(), &place(project)?, priority).await;
            own.push((project, with, mine));
        }
        let Loading { loaded, mut problems, .. } = loading;
        let priority = priority(target.repo_priority);
        let kept = self.kept.clone();
        let views: Vec<(String, Vec<usize>, Option<usize>)> =
            own.into_iter().map(|(project, with, mine)| (project.full_name(), with, mine)).collect();
        let target_at = views.first().and_then(|(_, _, mine)| *mine);
        let chroot = chroot.clone();
        let computed =
            tokio::task::spawn_blocking(move || compute(&chroot, loaded, records, priority, &kept, &views, target_at))
                .await;
        let mut found = computed.map_err(|error| error.to_string())??;
        problems.append(&mut found.problems);
        found.problems = problems;
        Ok(found)
    }
}

fn problem(found: &mut PromotionImpact, text: String) {
    let text: String = text.chars().take(MESSAGE).collect();
    if !found.problems.contains(&text) {
        found.problems.push(text);
    }
}

fn priority(chosen: Option<i64>) -> i32 {
    chosen.and_then(|chosen| i32::try_from(chosen).ok()).unwrap_or(99)
}

fn repository_of(state: &AppState, project: &Project, chroot: &Chroot) -> Result<Place, String> {
    let dirname = project.name.as_str().parse().map_err(|error: copr_api::names::NameError| error.to_string())?;
    Ok(state.store.directory(&project.owner, &dirname).join(chroot.as_str()))
}

/// Whose users are thought of: the target's first, then those of projects that need it; each with what else these users have.
struct Scope {
    projects: Vec<(Project, Vec<Dependency>)>,
}

impl Scope {
    async fn of(state: &AppState, target: &Project, problems: &mut Vec<String>) -> Result<Self, chain::Error> {
        let chain = chain::run_time(&state.db, target).await?.dependencies;
        let mut projects = vec![(target.clone(), chain)];
        let mut at = 0;
        // Whoever needs one of them needs the target.
        while let Some((project, _)) = projects.get(at).cloned() {
            at += 1;
            for (owner, name) in needing(state, &project).await? {
                if projects.iter().any(|(known, _)| known.owner == owner && known.name == name) {
                    continue;
                }
                if projects.len() > DEPENDENTS {
                    problems.push(format!("More than {DEPENDENTS} projects need it; only so many were looked at."));
                    return Ok(Self { projects });
                }
                let Some(found) = db::project::get(&state.db, &owner, &name).await? else { continue };
                let mut chain = chain::run_time(&state.db, &found).await?.dependencies;
                let this = Dependency::Project { owner: target.owner.clone(), name: target.name.clone() };
                // Built with it, its packages run with it.
                if !chain.contains(&this) {
                    chain.push(this);
                }
                projects.push((found, chain));
            }
        }
        Ok(Self { projects })
    }
}

async fn needing(state: &AppState, of: &Project) -> Result<Vec<(OwnerName, ProjectName)>, db::Error> {
    let most = i64::try_from(DEPENDENTS * 4).unwrap_or(i64::MAX);
    let all = db::project::needing(&state.db, &format!("copr://{}", of.full_name()), most).await?;
    let wanted = Dependency::Project { owner: of.owner.clone(), name: of.name.clone() };
    let really = |one: &db::project::Declared| {
        one.build.iter().chain(&one.run).any(|text| chain::parse(text).is_ok_and(|found| found == wanted))
    };
    Ok(all.into_iter().filter(really).map(|one| (one.owner, one.name)).collect())
}

/// The records of the set, out of the source's metadata.
async fn set(
    state: &AppState,
    place: &Place,
    source: &Project,
    builds: &[&Candidate],
) -> Result<Vec<copr_repodata::Record>, String> {
    // What is not shown yet is in metadata of its own.
    let place = if source.devel_mode { place.join(DEVEL) } else { place.clone() };
    let index = state.store.repomd(&place).await.map_err(|error| error.to_string())?;
    let index = index.ok_or_else(|| format!("{} has published nothing there", source.full_name()))?;
    let repomd = Repomd::read(&index).map_err(|error| error.to_string())?;
    let wanted = ["primary", "filelists"].iter().filter_map(|kind| repomd.record(kind));
    let locations: Vec<String> = wanted.map(|record| record.location_href.clone()).collect();
    let metadata = state.store.metadata(&place, &locations).await.map_err(|error| error.to_string())?;
    let primary = repomd.record("primary").ok_or("its metadata name no packages")?;
    let inside = |href: &str| read::inside(metadata.folder(), href).map_err(|error| error.to_string());
    let file = inside(&primary.location_href)?;
    let lists = repomd.record("filelists").map(|record| inside(&record.location_href)).transpose()?;
    let folders: BTreeMap<String, &Candidate> =
        builds.iter().map(|one| (format!("{:08}-{}", one.build_id, one.package_name), *one)).collect();
    let names: BTreeSet<String> = folders.keys().cloned().collect();
    let mut records = tokio::task::spawn_blocking(move || {
        let mut records: Vec<copr_repodata::Record> = Vec::new();
        for record in read::primary(read::open(&file)?) {
            let record = record?;
            let folder = record.location_href.split_once('/').map_or("", |(folder, _)| folder);
            if names.contains(folder) {
                records.push(record);
            }
        }
        if let Some(lists) = lists {
            let mut at: HashMap<String, usize> =
                records.iter().enumerate().map(|(at, record)| (record.checksum.hex.clone(), at)).collect();
            for package in read::filelists(read::open(&lists)?) {
                let package = package?;
                if let Some(record) = at.remove(&package.pkgid).and_then(|at| records.get_mut(at)) {
                    record.files = package.files;
                }
            }
        }
        Ok::<_, copr_repodata::Error>(records)
    })
    .await
    .map_err(|error| error.to_string())?
    .map_err(|error| error.to_string())?;
    for (folder, build) in &folders {
        if !records.iter().any(|record| record.location_href.starts_with(&format!("{folder}/"))) {
            return Err(format!(
                "{} {} (build {}) is not in the metadata of {}",
                build.package_name,
                build.package_version,
                build.build_id,
                source.full_name()
            ));
        }
    }
    // Nobody installs those.
    records.retain(|record| !matches!(record.nevra.arch.as_str(), "src" | "nosrc"));
    Ok(records)
}

/// A repository with its packages, and where its lists of files are.
struct Loaded {
    info: RepositoryInfo,
    packages: Packages,
    primary: Checksum,
    filelists: Option<(Checksum, PathBuf)>,
    /// The files stay as long as this.
    files: Option<crate::store::Metadata>,
}

/// Repositories as they are read, each once.
struct Loading<'a> {
    impacts: &'a Impacts,
    chroot: &'a Chroot,
    loaded: Vec<Loaded>,
    known: HashMap<String, Option<usize>>,
    problems: Vec<String>,
}

impl Loading<'_> {
    /// Its index; `None`: it can't be had, which is a problem, or there is nothing of it.
    fn keep(&mut self, id: &str, read: Result<Option<Loaded>, String>) -> Option<usize> {
        let at = match read {
            Ok(Some(loaded)) => {
                self.loaded.push(loaded);
                Some(self.loaded.len() - 1)
            }
            Ok(None) => None,
            Err(error) => {
                self.problems.push(format!("{}: the repository {id} can't be looked at: {error}", self.chroot));
                None
            }
        };
        self.known.insert(id.to_owned(), at);
        at
    }

    async fn distribution(&mut self, repository: &BuildRepository) -> Option<usize> {
        let read = self.remote(&self.impacts.distribution, repository).await;
        self.keep(&repository.id, read.map(Some))
    }

    /// A repository of a chain: a project's, or one elsewhere.
    async fn link(&mut self, state: &AppState, link: &Dependency) -> Option<usize> {
        match link {
            Dependency::Project { owner, name } => {
                let project = db::project::get(&state.db, owner, name).await;
                let project = match project {
                    Ok(Some(project)) => project,
                    Ok(None) => return None,
                    Err(error) => return self.keep(&format!("{owner}/{name}"), Err(error.to_string())),
                };
                let place = repository_of(state, &project, self.chroot).ok()?;
                self.project(state, &project.full_name(), &place, project.repo_priority).await
            }
            Dependency::External(url) => {
                let url = chain::expand(url, self.chroot);
                if let Some(known) = self.known.get(&url) {
                    return *known;
                }
                let repository = BuildRepository {
                    id: url.clone(),
                    baseurl: url.clone(),
                    priority: 99,
                    ..BuildRepository::default()
                };
                let read = self.remote(&self.impacts.others, &repository).await;
                self.keep(&url, read.map(Some))
            }
        }
    }

    async fn project(&mut self, state: &AppState, id: &str, place: &Place, chosen: Option<i64>) -> Option<usize> {
        if let Some(known) = self.known.get(id) {
            return *known;
        }
        let read = self.published(state, id, place, priority(chosen)).await;
        self.keep(id, read)
    }

    async fn published(
        &self,
        state: &AppState,
        id: &str,
        place: &Place,
        priority: i32,
    ) -> Result<Option<Loaded>, String> {
        let text = |error: std::io::Error| error.to_string();
        let Some(index) = state.store.repomd(place).await.map_err(text)? else { return Ok(None) };
        let repomd = Repomd::read(&index).map_err(|error| error.to_string())?;
        let record = repomd.record("primary").ok_or("its repomd.xml names no packages")?;
        let listed = repomd.record("filelists");
        let locations: Vec<String> =
            [Some(record), listed].into_iter().flatten().map(|record| record.location_href.clone()).collect();
        let metadata = state.store.metadata(place, &locations).await.map_err(text)?;
        let inside = |href: &str| read::inside(metadata.folder(), href).map_err(|error| error.to_string());
        let file = inside(&record.location_href)?;
        let filelists = match listed {
            Some(listed) => Some((listed.checksum.clone(), inside(&listed.location_href)?)),
            None => None,
        };
        let packages = self.packages(record.checksum.clone(), file).await?;
        let info = RepositoryInfo { priority, ..RepositoryInfo::new(id, place.to_string()) };
        let primary = record.checksum.clone();
        Ok(Some(Loaded { info, packages, primary, filelists, files: Some(metadata) }))
    }

    async fn remote(&self, remote: &Remote, repository: &BuildRepository) -> Result<Loaded, String> {
        let text = |error: copr_remote::Error| error.to_string();
        let (url, repomd) = match (&repository.metalink, &repository.mirrorlist) {
            (None, None) => {
                let url: RepoUrl = repository.baseurl.parse().map_err(text)?;
                let repomd = remote.repomd(&url).await.map_err(text)?;
                (url, repomd)
            }
            (metalink, mirrorlist) => {
                let origin = match (metalink, mirrorlist) {
                    (Some(url), _) => Origin::Metalink(url.clone()),
                    (None, list) => Origin::Mirrorlist(list.clone().unwrap_or_default()),
                };
                let located = remote.locate(&origin).await.map_err(|error| error.to_string())?;
                let first = located.mirrors.into_iter().next().ok_or("it has no mirrors")?;
                (first, located.repomd)
            }
        };
        let record = repomd.record("primary").ok_or("it names no primary file, so it is no package repository")?;
        let primary = record.checksum.clone();
        let file = remote.metadata_file(&url, &repomd, "primary").await.map_err(text)?;
        let file = file.ok_or("it names no primary file, so it is no package repository")?;
        let packages = self.packages(primary.clone(), file).await?;
        let filelists = match repomd.record("filelists") {
            Some(listed) => remote
                .metadata_file(&url, &repomd, "filelists")
                .await
                .map_err(text)?
                .map(|file| (listed.checksum.clone(), file)),
            None => None,
        };
        let info =
            RepositoryInfo { priority: repository.priority, ..RepositoryInfo::new(&repository.id, url.to_string()) };
        Ok(Loaded { info, packages, primary, filelists, files: None })
    }

    async fn packages(&self, primary: Checksum, file: PathBuf) -> Result<Packages, String> {
        let kept = self.impacts.kept.clone();
        let read = tokio::task::spawn_blocking(move || match kept.packages(&primary) {
            Some(packages) => Ok(packages),
            None => kept.read_packages(&primary, &file),
        });
        read.await.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
    }
}

/// Compares before and after, for each of `views`: whose it is, the repositories that its users have besides, and its own.
fn compute(
    chroot: &Chroot,
    loaded: Vec<Loaded>,
    records: Vec<copr_repodata::Record>,
    priority: i32,
    kept: &Kept,
    views: &[(String, Vec<usize>, Option<usize>)],
    target_at: Option<usize>,
) -> Result<PromotionImpact, String> {
    let mut pool = Pool::new(chroot.arch());
    let mut lists = Vec::with_capacity(loaded.len());
    for Loaded { info, packages, primary, filelists, files } in loaded {
        let id = info.id.clone();
        pool.add(info, packages).map_err(|error| format!("the repository {id}: {error}"))?;
        lists.push((primary, filelists, files));
    }
    let packages = Packages::from_records(&records).map_err(|error| error.to_string())?;
    let info = RepositoryInfo { priority, ..RepositoryInfo::new(SET, "") };
    let set_at = pool.add(info, packages).map_err(|error| error.to_string())?;
    let missing = pool.missing_paths();
    if !missing.is_empty() {
        for (at, (primary, filelists, _)) in lists.iter().enumerate() {
            let Some((listed, file)) = filelists else { continue };
            let owners = match kept.owners(primary, listed, &missing) {
                Some(owners) => owners,
                None => {
                    kept.read_owners((primary, listed), file, &pool, at, &missing).map_err(|error| error.to_string())?
                }
            };
            let owners = owners.iter().map(|(path, package)| (path.as_str(), *package));
            pool.add_file_owners(at, owners).map_err(|error| error.to_string())?;
        }
    }
    let set = PackageSet::of_repositories(&pool, &[set_at]);
    let name = |id: PackageId| pool.nevra(id).to_string();
    let of = |id: PackageId| pool.repository_info(id).map_or_else(String::new, |info| info.id.clone());
    let mut found = PromotionImpact::default();
    for (number, (who, with, mine)) in views.iter().enumerate() {
        let own: Vec<usize> = mine.iter().copied().collect();
        if number > 0 {
            if own.is_empty() {
                continue;
            }
            found.dependents.push(who.clone());
        }
        let here: Vec<usize> = with.iter().chain(&own).chain([&set_at]).chain(target_at.as_ref()).copied().collect();
        // What is older in the same repository nobody gets any more.
        let newest = |of: &[usize]| {
            let ids = of.iter().flat_map(|repository| latest(&pool, &pool.ids_of(*repository).collect::<Vec<_>>(), 1));
            PackageSet::of(&pool, ids.filter(|id| pool.installable(*id)))
        };
        let (available, checked) = (newest(&here), newest(&own));
        let change = Change { published: set.clone(), withdrawn: PackageSet::none(&pool), keep_old: false };
        let one = impact(&pool, &change, &available, &checked);
        let (lost, all) = uninstallable(&pool, &one, &checked, TRIED);
        if !all {
            found
                .problems
                .push(format!("{chroot}: more than {TRIED} packages of {who} are touched; only so many were tried."));
        }
        let mut broken = |id: PackageId, missing: Vec<String>| {
            let missing = missing.into_iter().take(LINES).map(|text| text.chars().take(MESSAGE).collect()).collect();
            found.broken.push(BrokenPackage { chroot: chroot.clone(), package: name(id), repository: of(id), missing });
        };
        for (id, requirements) in &one.broken {
            broken(*id, requirements.iter().map(|one| pool.dependency(one.requirement).to_string()).collect());
        }
        for one in &lost {
            broken(one.package, one.reasons.clone());
        }
        // What the set itself lacks, and whose place it takes, is told once.
        if number == 0 {
            for one in &one.unsatisfied {
                broken(one.package, one.requirements.iter().map(|cap| pool.dependency(*cap).to_string()).collect());
            }
            let taken = one.superseded.iter().filter(|one| available.contains(one.old));
            found.superseded.extend(taken.map(|one| format!("{}, by {}", name(one.old), name(one.new))));
        }
        found.repaired = found.repaired.saturating_add(u64::try_from(one.repaired.len()).unwrap_or(u64::MAX));
    }
    Ok(found)
}
