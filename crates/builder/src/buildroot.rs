//! From what a source package requires to verified packages in the cache.

use std::path::PathBuf;

use copr_api::builder::{BuildRepository, Lease};
use copr_remote::{Remote, RepoUrl};
use copr_repodata::Record;
use copr_resolve::{Pool, Problem, RepositoryInfo, Request, solve};
use copr_rpm::{Dependency, Nevra};
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::{job::Failure, logs::Logs};

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
}

/// One repository to draw from.
#[derive(Debug, Clone)]
struct Source {
    info: RepositoryInfo,
    url: RepoUrl,
    remote: Remote,
}

/// A chosen package and the index of its source.
type Chosen = (usize, Record);

/// Solves and fetches the buildroot of `lease`, whose SRPM requires `requires`.
pub(crate) async fn prepare(
    remotes: &Remotes,
    lease: &Lease,
    requires: Vec<Dependency>,
    logs: &Logs,
) -> Result<Prepared, Failure> {
    let sources = sources(remotes, lease)?;
    logs.state("Start: reading the repositories");
    let records: Vec<Vec<Record>> = stream::iter(sources.clone())
        .map(|source| async move {
            let records = source.remote.records(&source.url).await;
            records.map_err(|error| Failure::machine(format!("the repository {}: {error}", source.info.id)))
        })
        .buffered(DOWNLOADS)
        .try_collect()
        .await?;
    for (source, records) in sources.iter().zip(&records) {
        logs.say(&format!("  {}: {} packages ({})", source.info.id, records.len(), source.url));
    }

    let distribution = lease.definition.repositories.len();
    let tools = named(&lease.definition.stage0, "the chroot's stage0 list").map_err(Failure::machine)?;
    let mut install = named(&lease.definition.buildroot, "the chroot's buildroot list").map_err(Failure::machine)?;
    install.extend(named(&lease.extra_packages, "the additional packages").map_err(Failure::user)?);
    install.extend(requires);
    let arch = lease.chroot.arch().to_owned();
    let infos: Vec<RepositoryInfo> = sources.iter().map(|source| source.info.clone()).collect();
    logs.state("Start: solving the buildroot");
    let (tools, buildroot) =
        blocking(move || choose(&arch, infos.into_iter().zip(records).collect(), distribution, tools, install))
            .await??;
    let used = {
        let mut used: Vec<usize> = buildroot.iter().map(|(source, _)| *source).collect();
        used.sort_unstable();
        used.dedup();
        used.len()
    };
    logs.say(&format!(
        "Solving the buildroot: {} from {}",
        counted(buildroot.len(), "package", "packages"),
        counted(used, "repository", "repositories")
    ));
    let bytes: u64 = buildroot.iter().map(|(_, record)| record.size_package).sum();
    logs.state(&format!("Start: fetching {} MiB of packages", bytes.div_ceil(1 << 20)));
    let buildroot = fetch(&sources, buildroot).await?;
    let tools = fetch(&sources, tools).await?;
    logs.say(&format!("Fetched and verified {}", counted(buildroot.len(), "package", "packages")));
    Ok(Prepared { buildroot, tools })
}

fn counted(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// The lease's repositories: first the distribution's, then the others.
fn sources(remotes: &Remotes, lease: &Lease) -> Result<Vec<Source>, Failure> {
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
    for repository in &lease.definition.repositories {
        sources.push(source(repository, &remotes.distribution).map_err(Failure::machine)?);
    }
    for repository in &lease.repositories {
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

/// Chooses tools from the first `distribution` repositories, and the buildroot from all.
fn choose(
    arch: &str,
    repositories: Vec<(RepositoryInfo, Vec<Record>)>,
    distribution: usize,
    tools: Vec<Dependency>,
    install: Vec<Dependency>,
) -> Result<(Vec<Chosen>, Vec<Chosen>), Failure> {
    let mut pool = Pool::new(arch);
    let mut repositories = repositories.into_iter();
    for (info, records) in repositories.by_ref().take(distribution) {
        pool.add_repository(info, records);
    }
    let tools = chosen(&pool, &Request::install(tools))
        .map_err(|problem| Failure::machine(format!("the chroot's tools cannot be installed: {problem}")))?;
    for (info, records) in repositories {
        pool.add_repository(info, records);
    }
    let buildroot = chosen(&pool, &Request::install(install)).map_err(|problem| {
        Failure::user(match &problem {
            Problem::Unsatisfiable { reasons } => format!("the buildroot cannot be solved: {}", reasons.join("; ")),
            other => format!("the buildroot cannot be solved: {other}"),
        })
    })?;
    Ok((tools, buildroot))
}

fn chosen(pool: &Pool, request: &Request) -> Result<Vec<Chosen>, Problem> {
    let solution = solve(pool, request)?;
    Ok(solution.packages.iter().map(|package| (package.repository, package.record.clone())).collect())
}

async fn fetch(sources: &[Source], chosen: Vec<Chosen>) -> Result<Vec<Fetched>, Failure> {
    let work: Vec<(Source, Record)> = chosen
        .into_iter()
        .filter_map(|(source, record)| sources.get(source).map(|source| (source.clone(), record)))
        .collect();
    stream::iter(work)
        .map(|(source, record)| async move {
            let path = source.remote.package(&source.url, &record).await.map_err(|error| {
                Failure::machine(format!("{} of the repository {}: {error}", record.nevra, source.info.id))
            })?;
            Ok(Fetched { sha: record.checksum.to_string(), nevra: record.nevra, path })
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
