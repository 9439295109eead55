//! Who needs what a repository does not provide any more.
//!
//! After a publish the newest packages of a repository are compared with what was there when it was looked at last. Whoever requires
//! something that went away, and is provided by nothing that the server knows of, is told; packages of projects that want it are
//! built anew. Such a build carries the change that all began with and how far it is from it: a package is built once for a change,
//! and no further than `rebuild_depth`, so there is an end however projects need one another.
//!
//! What the distribution provides is not known here: what is said is that a repository provides something no more.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use copr_api::{
    names::{Chroot, DirName, OwnerName, ProjectName},
    v3::Dependent,
};
use copr_repodata::{Repomd, read};
use copr_rpm::{Dependency, DependencyKind, Evr};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::{
    chain, clock,
    db::{
        self, event, notice,
        project::Project,
        rebuild::{self, Provided, Rebuild},
        task::{RepositoryKey, Task},
    },
    http::user::repeat,
    state::AppState,
};

/// A look lasts no longer; then another server may begin with it.
const CLAIM_MS: i64 = 600_000;
/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);
/// Most projects that are looked at for one change.
const PROJECTS: usize = 200;
/// Most broken requirements that a notice has.
const BROKEN: usize = 200;
/// Of those, so many are said to people.
const SAID: usize = 3;
/// Most bytes of what a repository provides that are remembered.
const REMEMBERED: usize = 16 << 20;

/// Why a change could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database.
    #[error(transparent)]
    Db(#[from] db::Error),
    /// A build could not be made, and may be later.
    #[error("a package cannot be built anew: {0:#}")]
    Build(anyhow::Error),
    /// The metadata.
    #[error("{repository}: {why}")]
    Metadata {
        /// Whose.
        repository: String,
        /// Why.
        why: String,
    },
}

/// The newest of one package.
#[derive(Debug, Clone)]
struct Package {
    nevra: String,
    /// Name of its source package.
    source: String,
    build: Option<i64>,
    requires: Vec<Dependency>,
    provides: Vec<Dependency>,
}

/// The newest packages of a repository.
#[derive(Debug, Default)]
struct Repository {
    packages: Vec<Package>,
    provides: HashMap<String, Vec<Dependency>>,
}

impl Repository {
    fn of(packages: Vec<Package>) -> Self {
        let mut provides: HashMap<String, Vec<Dependency>> = HashMap::new();
        for provide in packages.iter().flat_map(|package| &package.provides) {
            provides.entry(provide.name.clone()).or_default().push(provide.clone());
        }
        Self { packages, provides }
    }

    fn satisfies(&self, requirement: &Dependency) -> bool {
        self.provides.get(&requirement.name).is_some_and(|list| list.iter().any(|provide| requirement.matches(provide)))
    }

    fn remembered(&self) -> Provided {
        let provides = self.packages.iter().flat_map(|package| &package.provides);
        Provided {
            capabilities: provides.map(ToString::to_string).collect(),
            builds: self.packages.iter().filter_map(|package| package.build).collect(),
        }
    }
}

/// Repositories that have been read for one look.
struct Reader<'a> {
    state: &'a AppState,
    read: HashMap<String, Arc<Repository>>,
}

impl<'a> Reader<'a> {
    fn new(state: &'a AppState) -> Self {
        Self { state, read: HashMap::new() }
    }

    /// The newest packages of a repository; one that is not there has none.
    async fn get(&mut self, key: &RepositoryKey) -> Result<Arc<Repository>, Error> {
        let name = key.to_string();
        if let Some(known) = self.read.get(&name) {
            return Ok(Arc::clone(known));
        }
        let wrong = |why: String| Error::Metadata { repository: name.clone(), why };
        let place = self.state.store.directory(&key.owner, &key.dirname).join(key.chroot.as_str());
        let store = &self.state.store;
        let found = match store.repomd(&place).await.map_err(|error| wrong(error.to_string()))? {
            None => Repository::default(),
            Some(index) => {
                let repomd = Repomd::read(&index).map_err(|error| wrong(error.to_string()))?;
                match repomd.record("primary").map(|record| record.location_href.clone()) {
                    None => Repository::default(),
                    Some(primary) => {
                        let metadata = store.metadata(&place, std::slice::from_ref(&primary)).await;
                        let metadata = metadata.map_err(|error| wrong(error.to_string()))?;
                        let read =
                            tokio::task::spawn_blocking(move || newest(&read::inside(metadata.folder(), &primary)?));
                        let packages = read.await.map_err(|error| wrong(error.to_string()))?;
                        Repository::of(packages.map_err(|error| wrong(error.to_string()))?)
                    }
                }
            }
        };
        let found = Arc::new(found);
        self.read.insert(name, Arc::clone(&found));
        Ok(found)
    }
}

/// The newest version of each package, by name and architecture, that is no source.
fn newest(primary: &std::path::Path) -> Result<Vec<Package>, copr_repodata::Error> {
    let mut newest: HashMap<(String, String), (Evr, Package)> = HashMap::new();
    read::each_primary(read::open(primary)?, |view| {
        let nevra = view.nevra.to_nevra();
        if nevra.arch == "src" || nevra.arch == "nosrc" {
            return Ok(());
        }
        let (key, evr) = ((nevra.name.clone(), nevra.arch.clone()), nevra.evr());
        if newest.get(&key).is_some_and(|(known, _)| *known >= evr) {
            return Ok(());
        }
        let sourcerpm = view.sourcerpm.text();
        let source = sourcerpm.rsplitn(3, '-').nth(2).unwrap_or(&nevra.name).to_owned();
        let build = view.location_href.text().split('/').next().and_then(crate::publish::build_of);
        let package = Package {
            nevra: nevra.to_string(),
            source,
            build,
            requires: view.list(DependencyKind::Requires),
            provides: view.list(DependencyKind::Provides),
        };
        newest.insert(key, (evr, package));
        Ok(())
    })?;
    let mut packages: Vec<Package> = newest.into_values().map(|(_, package)| package).collect();
    packages.sort_by(|a, b| a.nevra.cmp(&b.nevra));
    Ok(packages)
}

fn key_of(owner: &OwnerName, project: &ProjectName, chroot: &Chroot) -> Option<RepositoryKey> {
    let dirname: DirName = project.as_str().parse().ok()?;
    Some(RepositoryKey { owner: owner.clone(), dirname, chroot: chroot.clone() })
}

/// Looks at one repository whose publish has settled at `now_ms`; `false`: there was none.
///
/// # Errors
/// The database does not answer. A look that fails is tried again later.
pub async fn run_one(state: &AppState, server: &str, now_ms: i64) -> Result<bool, db::Error> {
    let settle = i64::try_from(state.config.events.settle_seconds).unwrap_or(0).saturating_mul(1000);
    let settled = now_ms.saturating_sub(settle);
    let Some(task) = db::task::claim_dependents(&state.db, server, settled, now_ms.saturating_add(CLAIM_MS)).await?
    else {
        return Ok(false);
    };
    match look(state, &task, now_ms).await {
        Ok(()) => db::task::done(&state.db, &task, 0).await?,
        Err(error) => {
            let pause = Duration::from_secs(30 << task.attempts.clamp(0, 8)).min(LONGEST_PAUSE);
            tracing::error!(repository = %task.repository, %error, retry_in = ?pause, "cannot look at who needs a repository");
            let due = now_ms.saturating_add(i64::try_from(pause.as_millis()).unwrap_or(i64::MAX));
            let why = state.store.without_root(&error.to_string());
            db::task::failed(&state.db, &task, &why, due).await?;
        }
    }
    Ok(true)
}

/// What a change of a repository means for those who need it.
async fn look(state: &AppState, task: &Task, now_ms: i64) -> Result<(), Error> {
    let key = &task.repository;
    let Some(of) = db::project::get(&state.db, &key.owner, &key.dirname.project()).await? else { return Ok(()) };
    let mut reader = Reader::new(state);
    let now = reader.get(key).await?;
    let remembered = now.remembered();
    let known = rebuild::provided(&state.db, key).await?;
    let before = known.clone().unwrap_or_default();
    let gone: Vec<Dependency> =
        before.capabilities.difference(&remembered.capabilities).filter_map(|text| text.parse().ok()).collect();
    let change = change(state, key, &before, &remembered).await?;
    for project in dependents(state, &of).await? {
        let Some(theirs) = key_of(&project.owner, &project.name, &key.chroot) else { continue };
        let broken = judge(&mut reader, state, &project, &theirs, key, &gone, now_ms).await?;
        if !gone.is_empty() && project.rebuild_on_dependency_changes {
            build_anew(state, &project, &theirs, key, &change, broken, now_ms).await?;
        }
    }
    // What this one misses of others may be mended by what it has now.
    for notice in notice::of_project(&state.db, of.id).await? {
        if let (notice::BROKEN, Ok(other)) = (notice.kind.as_str(), notice.about.parse::<RepositoryKey>())
            && other.chroot == key.chroot
            && other != *key
        {
            judge(&mut reader, state, &of, key, &other, &[], now_ms).await?;
        }
    }
    // Last: whoever dies before this looks once more.
    let size: usize = remembered.capabilities.iter().map(|text| text.len() + 1).sum();
    if size > REMEMBERED {
        tracing::warn!(repository = %key, size, "too much is provided to be remembered: changes of it are not told");
    } else if known.as_ref() != Some(&remembered) {
        rebuild::set_provided(&state.db, key, &remembered).await?;
    }
    Ok(())
}

/// The change that rebuilds carry: what it began with, and how far from that they are.
struct Change {
    cause: String,
    depth: i64,
}

/// The change that brought what is new in a repository: one of its own, or the one that an automatic rebuild has carried here.
async fn change(state: &AppState, key: &RepositoryKey, before: &Provided, now: &Provided) -> Result<Change, Error> {
    let new: Vec<i64> = now.builds.difference(&before.builds).copied().collect();
    if let Some(carried) = rebuild::deepest(&state.db, &new).await? {
        return Ok(Change { cause: carried.cause, depth: carried.depth.saturating_add(1) });
    }
    // The same for whoever looks at the same change once more.
    let sorted = |builds: &HashSet<i64>| builds.iter().copied().collect::<BTreeSet<i64>>();
    let text = format!("{key} {:?} {:?}", sorted(&before.builds), sorted(&now.builds));
    let digest = hex::encode(Sha256::digest(text.as_bytes()));
    Ok(Change { cause: digest.get(..32).unwrap_or_default().to_owned(), depth: 1 })
}

/// A project and those that need it, directly or not, at most so many.
async fn dependents(state: &AppState, of: &Project) -> Result<Vec<Project>, Error> {
    let mut found = vec![of.clone()];
    let mut seen: BTreeSet<String> = BTreeSet::from([of.full_name()]);
    let mut queue = VecDeque::from([of.full_name()]);
    while let Some(name) = queue.pop_front() {
        let wanted = format!("copr://{name}");
        let most = i64::try_from(PROJECTS).unwrap_or(i64::MAX);
        for declared in db::project::needing(&state.db, &wanted, most).await? {
            let full = format!("{}/{}", declared.owner, declared.name);
            let named = declared.build.iter().chain(&declared.run).any(|text| {
                matches!(chain::parse(text), Ok(chain::Dependency::Project { owner, name: project })
                    if format!("{owner}/{project}") == name)
            });
            if !named || !seen.insert(full.clone()) {
                continue;
            }
            if found.len() > PROJECTS {
                tracing::warn!(project = of.full_name(), "more projects need it than are looked at");
                return Ok(found);
            }
            if let Some(project) = db::project::get(&state.db, &declared.owner, &declared.name).await? {
                found.push(project);
                queue.push_back(full);
            }
        }
    }
    Ok(found)
}

/// What a project's packages require that is provided no more: by package.
type Broken = BTreeMap<String, (Package, String)>;

/// Finds what a project misses of a repository, `gone` or missed before, and puts a notice up or takes it down.
async fn judge(
    reader: &mut Reader<'_>,
    state: &AppState,
    project: &Project,
    theirs: &RepositoryKey,
    origin: &RepositoryKey,
    gone: &[Dependency],
    now_ms: i64,
) -> Result<Broken, Error> {
    let about = origin.to_string();
    let had = notice::of_project(&state.db, project.id).await?;
    let had = had.into_iter().find(|notice| notice.kind == notice::BROKEN && notice.about == about);
    if gone.is_empty() && had.is_none() {
        return Ok(Broken::new());
    }
    let missed: HashSet<String> = had
        .iter()
        .flat_map(|notice| notice.details["broken"].as_array().into_iter().flatten())
        .filter_map(|one| Some(one["requires"].as_str()?.to_owned()))
        .collect();
    let mut by_name: HashMap<&str, Vec<&Dependency>> = HashMap::new();
    for capability in gone {
        by_name.entry(capability.name.as_str()).or_default().push(capability);
    }
    let own = reader.get(theirs).await?;
    let mut known = vec![reader.get(origin).await?, Arc::clone(&own)];
    for text in project.additional_repos.iter().chain(&project.runtime_dependencies) {
        if let Ok(chain::Dependency::Project { owner, name }) = chain::parse(text)
            && let Some(key) = key_of(&owner, &name, &theirs.chroot)
        {
            known.push(reader.get(&key).await?);
        }
    }
    let lost = |requirement: &Dependency| {
        let went = by_name
            .get(requirement.name.as_str())
            .is_some_and(|list| list.iter().any(|capability| requirement.matches(capability)));
        (went || missed.contains(&requirement.to_string()))
            && !known.iter().any(|repository| repository.satisfies(requirement))
    };
    let mut broken = Broken::new();
    let mut all = Vec::new();
    for package in &own.packages {
        for requirement in package.requires.iter().filter(|requirement| lost(requirement)) {
            let text = requirement.to_string();
            all.push((package.nevra.clone(), text.clone()));
            broken.entry(package.source.clone()).or_insert_with(|| (package.clone(), text));
        }
    }
    if all.is_empty() {
        if had.is_some() {
            notice::take(&state.db, project, notice::BROKEN, &about, now_ms).await?;
        }
        return Ok(broken);
    }
    let said: Vec<String> =
        all.iter().take(SAID).map(|(nevra, requires)| format!("{nevra} requires {requires}")).collect();
    let more = all.len().saturating_sub(SAID);
    let more = if more == 0 { String::new() } else { format!("; and {more} more") };
    let text = format!("{origin} does not provide any more what packages here require: {}{more}.", said.join("; "));
    let list: Vec<_> =
        all.iter().take(BROKEN).map(|(nevra, requires)| json!({ "package": nevra, "requires": requires })).collect();
    let details = json!({ "repository": about, "broken": list, "count": all.len() });
    let new = notice::New { project, kind: notice::BROKEN, about: &about, text: &text, details };
    notice::put(&state.db, &new, event::BROKEN, now_ms).await?;
    Ok(broken)
}

/// Builds packages anew that miss something, as far as that may go.
async fn build_anew(
    state: &AppState,
    project: &Project,
    theirs: &RepositoryKey,
    origin: &RepositoryKey,
    change: &Change,
    broken: Broken,
    now_ms: i64,
) -> Result<(), Error> {
    let config = &state.config.events;
    let mut stopped: Vec<(String, String)> = Vec::new();
    for (source, (package, because)) in broken {
        let Some(build) = package.build else { continue };
        let Some(build) = db::build::get(&state.db, build).await? else { continue };
        let name = if build.package_name.is_empty() { source } else { build.package_name.clone() };
        let wanted = db::package::get(&state.db, project.id, &name).await?;
        if wanted.is_some_and(|package| !package.rebuild_on_dependency_changes) {
            continue;
        }
        if change.depth > config.rebuild_depth {
            let why = format!(
                "it would be number {} in a row, and {} may follow one another",
                change.depth, config.rebuild_depth
            );
            stopped.push((name, why));
            continue;
        }
        if rebuild::of_cause(&state.db, &change.cause).await? >= config.rebuild_most {
            stopped.push((name, format!("{} builds have followed from one change already", config.rebuild_most)));
            continue;
        }
        let new = Rebuild {
            id: 0,
            cause: change.cause.clone(),
            depth: change.depth,
            project_id: project.id,
            package: name.clone(),
            chroot: theirs.chroot.clone(),
            origin: origin.to_string(),
            because,
            build_id: None,
            error: None,
            created_ms: now_ms,
        };
        let noted = rebuild::begin(&state.db, &new).await?;
        if noted.build_id.is_some() || noted.error.is_some() {
            if noted.depth < change.depth {
                stopped.push((
                    name,
                    "it was built for this change already, and the change has come back to it".to_owned(),
                ));
            }
            continue;
        }
        crate::die::at("rebuild noted");
        if let Err(error) =
            repeat::automatically(state, project, &build, &theirs.chroot, noted.id).await.map_err(Error::Build)?
        {
            tracing::warn!(project = project.full_name(), package = name, error, "cannot build a package anew");
            rebuild::failed(&state.db, noted.id, &error).await?;
        }
    }
    if stopped.is_empty() {
        return Ok(());
    }
    let said: Vec<String> = stopped.iter().take(SAID).map(|(name, why)| format!("{name}: {why}")).collect();
    let text = format!("Not built anew by itself after {origin} has changed: {}.", said.join("; "));
    let packages: Vec<&String> = stopped.iter().map(|(name, _)| name).take(BROKEN).collect();
    let details =
        json!({ "cause": change.cause, "depth": change.depth, "repository": origin.to_string(), "packages": packages });
    let new = notice::New { project, kind: notice::REBUILD_STOPPED, about: &change.cause, text: &text, details };
    tracing::warn!(project = project.full_name(), text, "rebuilds have been stopped");
    Ok(notice::put(&state.db, &new, event::REBUILD_STOPPED, now_ms).await?)
}

/// The packages that require something which a project's package (without one: any) provides, with whether they would be built
/// anew if that changed: what would happen, and nothing does. Unlisted projects of others are left out.
///
/// # Errors
/// The database does not answer, or metadata can't be read.
pub async fn plan(
    state: &AppState,
    of: &Project,
    package: Option<&str>,
    chroots: &[Chroot],
    most: usize,
) -> Result<Vec<Dependent>, Error> {
    let projects = dependents(state, of).await?;
    let mut reader = Reader::new(state);
    let mut found = Vec::new();
    for chroot in chroots {
        let Some(key) = key_of(&of.owner, &of.name, chroot) else { continue };
        let repository = reader.get(&key).await?;
        let provided: Vec<Package> =
            repository.packages.iter().filter(|one| package.is_none_or(|name| one.source == name)).cloned().collect();
        let provided = Repository::of(provided);
        for project in projects.iter().filter(|project| project.id == of.id || !project.unlisted) {
            let Some(theirs) = key_of(&project.owner, &project.name, chroot) else { continue };
            let theirs = reader.get(&theirs).await?;
            let mut said = BTreeSet::new();
            for one in &theirs.packages {
                if project.id == of.id && package.is_none_or(|name| one.source == name) {
                    continue;
                }
                let needed = one.requires.iter().find(|requirement| provided.satisfies(requirement));
                let Some(needed) = needed.filter(|_| !said.contains(&one.source)) else { continue };
                said.insert(one.source.clone());
                let row = db::package::get(&state.db, project.id, &one.source).await?;
                found.push(Dependent {
                    ownername: project.owner.clone(),
                    projectname: project.name.clone(),
                    package: one.source.clone(),
                    chroot: chroot.clone(),
                    requires: needed.to_string(),
                    rebuilt: project.rebuild_on_dependency_changes
                        && row.is_none_or(|row| row.rebuild_on_dependency_changes),
                });
                if found.len() >= most {
                    return Ok(found);
                }
            }
        }
    }
    Ok(found)
}

/// What is due now, for stories: looks at repositories until none is left; how many.
///
/// # Errors
/// The database does not answer.
pub async fn run_all(state: &AppState, server: &str) -> Result<usize, db::Error> {
    let mut looks = 0;
    let later = clock::now_ms().saturating_add(3_600_000);
    while run_one(state, server, later).await? {
        looks += 1;
    }
    Ok(looks)
}
