//! From what a source package requires to verified packages in the cache.

use std::path::PathBuf;

use copr_api::builder::BuildRepository;
use copr_remote::{Remote, RepoUrl};
use copr_repodata::{Checksum, Repomd};
use copr_resolve::kept::Kept;
use copr_resolve::{PackageId, Packages, Pool, Problem, RepositoryInfo, Request, solve};
use copr_rpm::{Dependency, Nevra};
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::{
    engine::{Failure, Task},
    logs::Logs,
};

/// Downloads at the same time.
const DOWNLOADS: usize = 8;

/// A verified package in the cache.
#[derive(Debug, Clone)]
pub(crate) struct Fetched {
    pub(crate) nevra: Nevra,
    pub(crate) path: PathBuf,
    /// Its checksum, `kind:hex`.
    pub(crate) sha: String,
}

/// All packages that one build needs.
#[derive(Debug)]
pub(crate) struct Prepared {
    /// To be installed inside the machine.
    pub(crate) buildroot: Vec<Fetched>,
    /// To be unpacked as the machine's tools; only from the distribution's own repositories.
    pub(crate) tools: Vec<Fetched>,
}

/// How repositories are read: those that an admin named may be folders, those that users named may not.
#[derive(Debug, Clone)]
pub(crate) struct Remotes {
    pub(crate) distribution: Remote,
    pub(crate) others: Remote,
    /// Repositories that were read before.
    pub(crate) kept: Kept,
}

/// One repository to draw from.
#[derive(Debug, Clone)]
struct Source {
    info: RepositoryInfo,
    url: RepoUrl,
    remote: Remote,
}

/// What is known of a repository: its repomd.xml, and the packages that its primary.xml has.
type Read = (Repomd, Packages);

/// Tools and buildroot.
type Both = (Vec<PackageId>, Vec<PackageId>);

/// Solves and fetches the buildroot of `task`, whose SRPM requires `requires`.
pub(crate) async fn prepare(
    remotes: &Remotes,
    task: &Task,
    requires: Vec<Dependency>,
    logs: &Logs,
) -> Result<Prepared, Failure> {
    let sources = sources(remotes, task)?;
    logs.state("Start: reading the repositories");
    let read: Vec<Read> = stream::iter(sources.clone())
        .map(|source| {
            let kept = remotes.kept.clone();
            async move {
                let read = read(&source, kept).await;
                read.map_err(|error| Failure::machine(format!("the repository {}: {error}", source.info.id)))
            }
        })
        .buffered(DOWNLOADS)
        .try_collect()
        .await?;
    for (source, (_, packages)) in sources.iter().zip(&read) {
        logs.say(&format!("  {}: {} packages ({})", source.info.id, packages.len(), source.url));
    }

    let distribution = task.definition.repositories.len();
    let tools = named(&task.definition.stage0, "the chroot's stage0 list").map_err(Failure::machine)?;
    let mut install = named(&task.definition.buildroot, "the chroot's buildroot list").map_err(Failure::machine)?;
    install.extend(named(&task.extra_packages, "the additional packages").map_err(Failure::user)?);
    install.extend(requires);
    logs.state("Start: solving the buildroot");
    let arch = task.chroot.arch().to_owned();
    let infos: Vec<RepositoryInfo> = sources.iter().map(|source| source.info.clone()).collect();
    let (index, packages): (Vec<Repomd>, Vec<Packages>) = read.into_iter().unzip();
    let (pool, wanted) = {
        let paths: Vec<Dependency> = tools.iter().chain(&install).cloned().collect();
        blocking(move || pool(&arch, infos.into_iter().zip(packages), &paths)).await??
    };
    let pool = with_files(remotes, &sources, &index, pool, wanted).await?;
    let (pool, (tools, buildroot)) = blocking(move || {
        let chosen = choose(&pool, distribution, tools, install)?;
        Ok::<_, Failure>((pool, chosen))
    })
    .await??;
    let used = {
        let mut used: Vec<usize> = buildroot.iter().map(|id| pool.repository(*id)).collect();
        used.sort_unstable();
        used.dedup();
        used.len()
    };
    logs.say(&format!(
        "Solving the buildroot: {} from {}",
        counted(buildroot.len(), "package", "packages"),
        counted(used, "repository", "repositories")
    ));
    let bytes = buildroot.iter().map(|id| pool.package_size(*id)).fold(0, u64::saturating_add);
    logs.state(&format!("Start: fetching {} MiB of packages", bytes.div_ceil(1 << 20)));
    let buildroot = fetch(&sources, &pool, &buildroot).await?;
    let tools = fetch(&sources, &pool, &tools).await?;
    logs.say(&format!("Fetched and verified {}", counted(buildroot.len(), "package", "packages")));
    Ok(Prepared { buildroot, tools })
}

fn counted(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// The task's repositories: first the distribution's, then the others.
fn sources(remotes: &Remotes, task: &Task) -> Result<Vec<Source>, Failure> {
    let source = |repository: &BuildRepository, remote: &Remote| -> Result<Source, String> {
        let url: RepoUrl = repository
            .baseurl
            .parse()
            .map_err(|error: copr_remote::Error| format!("the repository {}: {error}", repository.id))?;
        let info =
            RepositoryInfo { priority: repository.priority, ..RepositoryInfo::new(&repository.id, url.to_string()) };
        Ok(Source { info, url, remote: remote.clone() })
    };
    let mut sources = Vec::new();
    for repository in &task.definition.repositories {
        sources.push(source(repository, &remotes.distribution).map_err(Failure::machine)?);
    }
    for repository in &task.repositories {
        let other = source(repository, &remotes.others).map_err(Failure::user)?;
        if other.url.is_file() {
            return Err(Failure::user(format!(
                "the repository {} is a file:// URL; a project's repositories must be http:// or https://",
                other.info.id
            )));
        }
        sources.push(other);
    }
    Ok(sources)
}

fn named(names: &[String], what: &str) -> Result<Vec<Dependency>, String> {
    names.iter().map(|name| name.parse().map_err(|error: copr_rpm::ParseError| format!("{what}: {error}"))).collect()
}

/// A repository's index and packages: the packages as they were kept, or read now.
async fn read(source: &Source, kept: Kept) -> Result<Read, copr_remote::Error> {
    let repomd = source.remote.repomd(&source.url).await?;
    let wrong = |reason: String| copr_remote::Error::Metadata { url: format!("{}/repodata", source.url), reason };
    let primary = repomd
        .record("primary")
        .map(|record| record.checksum.clone())
        .ok_or_else(|| wrong("it names no primary file, so this is no package repository".to_owned()))?;
    let look = {
        let (kept, primary) = (kept.clone(), primary.clone());
        move || kept.packages(&primary)
    };
    if let Ok(Some(packages)) = tokio::task::spawn_blocking(look).await {
        return Ok((repomd, packages));
    }
    let file = source.remote.metadata_file(&source.url, &repomd, "primary").await?;
    let file = file.ok_or_else(|| wrong("it names no primary file".to_owned()))?;
    let packages = tokio::task::spawn_blocking(move || kept.read_packages(&primary, &file));
    match packages.await {
        Ok(packages) => Ok((repomd, packages.map_err(|error| wrong(error.to_string()))?)),
        Err(error) => Err(wrong(format!("a worker thread ended early: {error}"))),
    }
}

/// All repositories in one pool, and the paths whose owners only file lists tell: those that packages name, and those that
/// `requests` name.
fn pool(
    arch: &str,
    repositories: impl Iterator<Item = (RepositoryInfo, Packages)>,
    requests: &[Dependency],
) -> Result<(Pool, Vec<String>), Failure> {
    let mut pool = Pool::new(arch);
    for (info, packages) in repositories {
        let id = info.id.clone();
        pool.add(info, packages).map_err(|error| Failure::machine(format!("the repository {id}: {error}")))?;
    }
    let mut wanted = pool.missing_paths();
    let words = requests.iter().flat_map(|request| request.name.split([' ', '\t', '(', ')']));
    let unknown = |path: &&str| path.starts_with('/') && pool.providers_of(&Dependency::named(*path)).is_empty();
    wanted.extend(words.filter(unknown).map(str::to_owned));
    wanted.sort_unstable();
    wanted.dedup();
    Ok((pool, wanted))
}

/// Puts the owners of the wanted paths into the pool.
async fn with_files(
    remotes: &Remotes,
    sources: &[Source],
    index: &[Repomd],
    mut pool: Pool,
    wanted: Vec<String>,
) -> Result<Pool, Failure> {
    if wanted.is_empty() {
        return Ok(pool);
    }
    for (repository, (source, repomd)) in sources.iter().zip(index).enumerate() {
        let failed = |error: String| Failure::machine(format!("the repository {}: {error}", source.info.id));
        let sum = |kind| repomd.record(kind).map(|record| record.checksum.clone());
        let (Some(primary), Some(listed)) = (sum("primary"), sum("filelists")) else { continue };
        let (kept, paths) = (remotes.kept.clone(), wanted.clone());
        let sums = (primary.clone(), listed.clone());
        let known = blocking(move || kept.owners(&sums.0, &sums.1, &paths)).await?;
        let file = match known {
            Some(_) => None,
            None => {
                let file = source.remote.metadata_file(&source.url, repomd, "filelists").await;
                file.map_err(|error| failed(error.to_string()))?
            }
        };
        let (kept, paths) = (remotes.kept.clone(), wanted.clone());
        let added = blocking(move || {
            let owners = match (known, file) {
                (Some(known), _) => known,
                (None, Some(file)) => kept.read_owners((&primary, &listed), &file, &pool, repository, &paths)?,
                (None, None) => Vec::new(),
            };
            pool.add_file_owners(repository, owners.iter().map(|(path, package)| (path.as_str(), *package)))?;
            Ok::<_, copr_repodata::Error>(pool)
        });
        pool = added.await?.map_err(|error| failed(error.to_string()))?;
    }
    Ok(pool)
}

/// Chooses tools from the first `distribution` repositories, and the buildroot from all.
fn choose(pool: &Pool, distribution: usize, tools: Vec<Dependency>, install: Vec<Dependency>) -> Result<Both, Failure> {
    let others = (distribution..pool.repositories().len()).flat_map(|repository| pool.ids_of(repository));
    let tools = chosen(pool, &Request { excluded: others.collect(), ..Request::install(tools) })
        .map_err(|problem| Failure::machine(format!("the chroot's tools cannot be installed: {problem}")))?;
    let buildroot = chosen(pool, &Request::install(install)).map_err(|problem| {
        Failure::user(match &problem {
            Problem::Unsatisfiable { reasons } => format!("the buildroot cannot be solved: {}", reasons.join("; ")),
            other => format!("the buildroot cannot be solved: {other}"),
        })
    })?;
    Ok((tools, buildroot))
}

fn chosen(pool: &Pool, request: &Request) -> Result<Vec<PackageId>, Problem> {
    Ok(solve(pool, request)?.packages().collect())
}

/// What a download needs to know of a package.
struct Wanted {
    nevra: Nevra,
    base: String,
    href: String,
    checksum: Checksum,
    size: u64,
}

impl Wanted {
    fn of(pool: &Pool, id: PackageId) -> Self {
        Self {
            nevra: pool.nevra(id),
            base: pool.text(pool.location_base(id)).to_owned(),
            href: pool.location(id).to_owned(),
            checksum: pool.checksum(id),
            size: pool.package_size(id),
        }
    }
}

async fn fetch(sources: &[Source], pool: &Pool, chosen: &[PackageId]) -> Result<Vec<Fetched>, Failure> {
    let work: Vec<(Source, Wanted)> = chosen
        .iter()
        .filter_map(|id| Some((sources.get(pool.repository(*id))?.clone(), Wanted::of(pool, *id))))
        .collect();
    stream::iter(work)
        .map(|(source, wanted)| async move {
            let Wanted { nevra, base, href, checksum, size } = wanted;
            let path = source.remote.package_at(&source.url, Some(&base), &href, &checksum, size).await;
            let path = path
                .map_err(|error| Failure::machine(format!("{nevra} of the repository {}: {error}", source.info.id)))?;
            Ok(Fetched { sha: checksum.to_string(), nevra, path })
        })
        .buffered(DOWNLOADS)
        .try_collect()
        .await
}

/// Runs work that computes or reads files off the async threads.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Failure::machine(format!("a worker thread of the builder ended early: {error}")))
}
