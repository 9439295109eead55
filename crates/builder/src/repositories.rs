//! The repositories of a task: found, read into one pool, and their packages fetched and verified.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    time::SystemTime,
};

use copr_api::builder::BuildRepository;
use copr_remote::{Guard, Keyring, Located, Remote, RemoteOptions, RepoUrl, mirror::Origin};
use copr_repodata::{Checksum, Repomd, comps, warning};
use copr_resolve::{PackageId, Packages, Pool, RepositoryInfo, kept::Kept};
use copr_rpm::{Dependency, Nevra};
use copr_vm::Network;
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::{
    engine::{Failure, Task, blocking},
    logs::Logs,
};

/// Downloads at the same time.
const DOWNLOADS: usize = 8;
/// Mirrors that are asked for one file.
const MIRRORS: usize = 4;
/// Longest file of keys, in bytes.
const MAX_KEYS: u64 = 1 << 20;
/// A package in the cache that was used within this time is not dated anew, in seconds.
const FRESH: u64 = 300;

/// How repositories are read: those that an admin named may be folders, those of the server and those that users named may not, and
/// the latter are asked for only where builds may go, too.
#[derive(Debug, Clone)]
pub(crate) struct Remotes {
    pub(crate) distribution: Remote,
    pub(crate) others: Remote,
    pub(crate) external: Remote,
    /// Repositories that were read before.
    pub(crate) kept: Kept,
}

/// How repositories are read that strangers name: only from servers where `network` lets builds go, into the cache in this folder.
#[must_use]
pub fn external_repositories(cache: &Path, network: &Network) -> RemoteOptions {
    let network = network.clone();
    let guard = Guard::new(move |address| network.permits(address).map_err(|refused| refused.to_string()));
    RemoteOptions { guard: Some(guard), ..RemoteOptions::new(cache) }
}

/// A verified package in the cache.
#[derive(Debug, Clone)]
pub(crate) struct Fetched {
    pub(crate) nevra: Nevra,
    pub(crate) path: PathBuf,
}

/// All repositories of a task. First the distribution's, then the others.
#[derive(Debug)]
pub(crate) struct Repositories {
    sources: Vec<Source>,
    /// How many are the distribution's.
    distribution: usize,
    pool: Pool,
    kept: Kept,
}

/// One repository to draw from.
#[derive(Debug, Clone)]
struct Source {
    info: RepositoryInfo,
    remote: Remote,
    located: Located,
    /// Whose signature its packages need, if any.
    keys: Option<Keyring>,
    /// It is only looked at, see [`BuildRepository::optional`].
    optional: bool,
}

impl Repositories {
    /// Finds and reads the task's repositories; the optional ones only where they are wanted.
    pub(crate) async fn open(remotes: &Remotes, task: &Task, optional: bool, logs: &Logs) -> Result<Self, Failure> {
        let distribution = task.definition.repositories.iter().map(|repository| (repository, true));
        let others = task.repositories.iter().map(|repository| (repository, false));
        let wanted: Vec<(BuildRepository, bool)> = distribution
            .chain(others)
            .filter(|(repository, _)| optional || !repository.optional)
            .map(|(repository, ours)| (repository.clone(), ours))
            .collect();
        for (repository, _) in wanted.iter().filter(|(_, ours)| !ours && !task.folders) {
            if names_folder(repository) {
                return Err(Failure::user(format!(
                    "the repository {} is a file:// URL; a project's repositories must be http:// or https://",
                    repository.id
                )));
            }
        }
        let distribution = wanted.iter().filter(|(_, ours)| *ours).count();
        let read: Vec<(Source, Packages)> = stream::iter(wanted)
            .map(|(repository, ours)| {
                let remote = match repository.external {
                    _ if ours || task.folders => &remotes.distribution,
                    true => &remotes.external,
                    false => &remotes.others,
                };
                let (remote, kept) = (remote.clone(), remotes.kept.clone());
                async move {
                    let source = Source::find(&repository, remote).await?;
                    let packages = source.packages(kept).await?;
                    Ok::<_, Failure>((source, packages))
                }
            })
            .buffered(DOWNLOADS)
            .try_collect()
            .await?;
        for (source, packages) in &read {
            let url = source.located.mirrors.first().map(ToString::to_string).unwrap_or_default();
            logs.say(&format!("  {}: {} packages ({url})", source.info.id, packages.len()));
        }
        let (sources, packages): (Vec<Source>, Vec<Packages>) = read.into_iter().unzip();
        let arch = task.chroot.arch().to_owned();
        let infos: Vec<RepositoryInfo> = sources.iter().map(|source| source.info.clone()).collect();
        let (pool, missing) = blocking(move || {
            let mut pool = Pool::new(&arch);
            for (info, packages) in infos.into_iter().zip(packages) {
                let id = info.id.clone();
                pool.add(info, packages).map_err(|error| Failure::machine(format!("the repository {id}: {error}")))?;
            }
            let missing = pool.missing_paths();
            Ok::<_, Failure>((pool, missing))
        })
        .await??;
        let mut this = Self { sources, distribution, pool, kept: remotes.kept.clone() };
        this.add_owners(missing).await?;
        Ok(this)
    }

    /// The packages of all of them.
    pub(crate) fn pool(&self) -> &Pool {
        &self.pool
    }

    /// The packages alone.
    pub(crate) fn into_pool(self) -> Pool {
        self.pool
    }

    /// Repositories (by index in the pool) that are the distribution's and not only looked at.
    pub(crate) fn of_distribution(&self) -> Vec<usize> {
        let own = self.sources.iter().take(self.distribution).enumerate();
        own.filter(|(_, source)| !source.optional).map(|(at, _)| at).collect()
    }

    /// Repositories (by index in the pool) that are not the distribution's, or only looked at.
    pub(crate) fn foreign(&self) -> Vec<usize> {
        let foreign = |(at, source): &(usize, &Source)| *at >= self.distribution || source.optional;
        self.sources.iter().enumerate().filter(foreign).map(|(at, _)| at).collect()
    }

    /// Repositories (by index in the pool) that are only looked at.
    pub(crate) fn optional(&self) -> Vec<usize> {
        self.sources.iter().enumerate().filter(|(_, source)| source.optional).map(|(at, _)| at).collect()
    }

    /// Learns who owns the paths that these requirements name, where only file lists tell.
    pub(crate) async fn learn_paths(&mut self, requirements: &[Dependency]) -> Result<(), Failure> {
        let words = requirements.iter().flat_map(|requirement| requirement.name.split([' ', '\t', '(', ')']));
        let unknown =
            |path: &&str| path.starts_with('/') && self.pool.providers_of(&Dependency::named(*path)).is_empty();
        let paths: BTreeSet<String> = words.filter(unknown).map(str::to_owned).collect();
        self.add_owners(paths.into_iter().collect()).await
    }

    /// Puts the owners of these paths into the pool.
    async fn add_owners(&mut self, paths: Vec<String>) -> Result<(), Failure> {
        if paths.is_empty() {
            return Ok(());
        }
        for (repository, source) in self.sources.iter().enumerate() {
            let failed = |error: String| Failure::machine(format!("the repository {}: {error}", source.info.id));
            let sum = |kind| source.located.repomd.record(kind).map(|record| record.checksum.clone());
            let (Some(primary), Some(listed)) = (sum("primary"), sum("filelists")) else { continue };
            let (kept, wanted) = (self.kept.clone(), paths.clone());
            let sums = (primary.clone(), listed.clone());
            let known = blocking(move || kept.owners(&sums.0, &sums.1, &wanted)).await?;
            let file = match known {
                Some(_) => None,
                None => source.metadata("filelists").await?,
            };
            let (kept, wanted) = (self.kept.clone(), paths.clone());
            let mut pool = std::mem::replace(&mut self.pool, Pool::new(""));
            let (pool, added) = blocking(move || {
                let owners = match (known, file) {
                    (Some(known), _) => Ok(known),
                    (None, Some(file)) => kept.read_owners((&primary, &listed), &file, &pool, repository, &wanted),
                    (None, None) => Ok(Vec::new()),
                };
                let added = owners.and_then(|owners| {
                    let owners = owners.iter().map(|(path, package)| (path.as_str(), *package));
                    pool.add_file_owners(repository, owners)
                });
                (pool, added)
            })
            .await?;
            self.pool = pool;
            added.map_err(|error| failed(error.to_string()))?;
        }
        Ok(())
    }

    /// The packages that the distribution's repositories list in this group, as wishes: those that are always or usually
    /// installed, conditional ones on their condition. What no repository has is left out, as dnf does.
    pub(crate) async fn group(&self, id: &str) -> Result<Vec<Dependency>, Failure> {
        let mut wishes: Vec<Dependency> = Vec::new();
        let mut found = false;
        for source in self.sources.iter().take(self.distribution).filter(|source| !source.optional) {
            let kinds = ["group_gz", "group_zst", "group_xz", "group"];
            let Some(kind) = kinds.into_iter().find(|kind| source.located.repomd.record(kind).is_some()) else {
                continue;
            };
            let Some(file) = source.metadata(kind).await? else { continue };
            let groups =
                blocking(move || comps::read(copr_repodata::read::open(&file)?, &mut warning::ignore)).await?.map_err(
                    |error| Failure::machine(format!("the groups of the repository {}: {error}", source.info.id)),
                )?;
            for group in groups.groups.iter().filter(|group| group.id == id) {
                found = true;
                wishes.extend(group.packages.iter().filter_map(|package| self.of_group(package)));
            }
        }
        if !found {
            return Err(Failure::machine(format!("no repository of the chroot has the group {id}")));
        }
        Ok(wishes)
    }

    fn of_group(&self, package: &comps::GroupPackage) -> Option<Dependency> {
        let name = self.pool.find(&package.name)?;
        self.pool.named(name).next()?;
        match (package.kind, &package.requires) {
            (comps::PackageKind::Optional, _) => None,
            (comps::PackageKind::Conditional, Some(condition)) => {
                Some(Dependency::named(format!("({} if {condition})", package.name)))
            }
            _ => Some(Dependency::named(package.name.clone())),
        }
    }

    /// Fetches these packages of the pool; checksum always, and signature where the repository has keys, before anyone gets
    /// to see them.
    pub(crate) async fn fetch(&self, packages: &[PackageId]) -> Result<Vec<Fetched>, Failure> {
        let work = packages
            .iter()
            .filter_map(|id| Some((self.sources.get(self.pool.repository(*id))?.clone(), Wanted::of(&self.pool, *id))));
        // Collected first: a stream over what borrows the pool is not Send for every lifetime.
        let work: Vec<(Source, Wanted)> = work.collect();
        stream::iter(work)
            .map(|(source, wanted)| async move { source.package(wanted).await })
            .buffered(DOWNLOADS)
            .try_collect()
            .await
    }
}

/// Whether any of its addresses is a file of the builder's host.
fn names_folder(repository: &BuildRepository) -> bool {
    let addresses = [Some(&repository.baseurl), repository.mirrorlist.as_ref(), repository.metalink.as_ref()];
    addresses.into_iter().flatten().any(|address| address.trim_start().to_ascii_lowercase().starts_with("file:"))
}

impl Source {
    /// Finds a repository and its keys.
    async fn find(repository: &BuildRepository, remote: Remote) -> Result<Self, Failure> {
        let failed =
            |error: &dyn std::fmt::Display| Failure::machine(format!("the repository {}: {error}", repository.id));
        // What a user has named, and another try does not help, is the user's to mend.
        let lost = |error: copr_remote::Error| match repository.external && !error.is_transient() {
            true => Failure::user(format!("the repository {}: {error}", repository.id)),
            false => failed(&error),
        };
        let located = match (&repository.metalink, &repository.mirrorlist) {
            (Some(url), _) => remote.locate(&Origin::Metalink(url.clone())).await.map_err(|error| failed(&error))?,
            (None, Some(url)) => {
                remote.locate(&Origin::Mirrorlist(url.clone())).await.map_err(|error| failed(&error))?
            }
            (None, None) => {
                let url: RepoUrl = repository.baseurl.parse().map_err(lost)?;
                let repomd: Repomd = remote.repomd(&url).await.map_err(lost)?;
                Located { mirrors: vec![url], repomd }
            }
        };
        let url = located.mirrors.first().map(ToString::to_string).unwrap_or_default();
        let info = RepositoryInfo { priority: repository.priority, ..RepositoryInfo::new(&repository.id, url) };
        let paths = repository.keys.clone();
        let keys = match paths.is_empty() {
            true => None,
            false => Some(blocking(move || keyring(&paths)).await?.map_err(|reason| failed(&reason))?),
        };
        Ok(Self { info, remote, located, keys, optional: repository.optional })
    }

    /// One metadata file, from the first mirror that has it.
    async fn metadata(&self, kind: &str) -> Result<Option<PathBuf>, Failure> {
        let mut last = None;
        for mirror in self.located.mirrors.iter().take(MIRRORS) {
            match self.remote.metadata_file(mirror, &self.located.repomd, kind).await {
                Ok(file) => return Ok(file),
                Err(error) => last = Some(error),
            }
        }
        Err(self.failed(last))
    }

    fn failed(&self, error: Option<copr_remote::Error>) -> Failure {
        let error = error.map_or_else(|| "it has no address".to_owned(), |error| error.to_string());
        Failure::machine(format!("the repository {}: {error}", self.info.id))
    }

    /// Its packages: as they were kept, or read now.
    async fn packages(&self, kept: Kept) -> Result<Packages, Failure> {
        let wrong = |reason: String| Failure::machine(format!("the repository {}: {reason}", self.info.id));
        let record = self.located.repomd.record("primary");
        let primary = record
            .map(|record| record.checksum.clone())
            .ok_or_else(|| wrong("it names no primary file, so this is no package repository".to_owned()))?;
        let look = {
            let (kept, primary) = (kept.clone(), primary.clone());
            move || kept.packages(&primary)
        };
        if let Some(packages) = blocking(look).await? {
            return Ok(packages);
        }
        let file = self.metadata("primary").await?.ok_or_else(|| wrong("it names no primary file".to_owned()))?;
        let packages = blocking(move || kept.read_packages(&primary, &file)).await?;
        packages.map_err(|error| wrong(error.to_string()))
    }

    /// One package, verified, from the first mirror that has it.
    async fn package(&self, wanted: Wanted) -> Result<Fetched, Failure> {
        let Wanted { nevra, base, href, checksum, size } = wanted;
        let failed = |error: String| Failure::machine(format!("{nevra} of the repository {}: {error}", self.info.id));
        let mut last = None;
        for mirror in self.located.mirrors.iter().take(MIRRORS) {
            match self.remote.package_at(mirror, Some(&base), &href, &checksum, size).await {
                Ok(path) => {
                    let keys = self.keys.clone();
                    let (path, verified) = blocking(move || {
                        let verified = keys.map(|keys| keys.verify_package(&path, SystemTime::now())).transpose();
                        touch(&path);
                        (path, verified)
                    })
                    .await?;
                    verified.map_err(|error| failed(format!("it is not signed as it must be: {error}")))?;
                    return Ok(Fetched { nevra, path });
                }
                Err(error) => last = Some(error.to_string()),
            }
        }
        Err(failed(last.unwrap_or_else(|| "it has no address".to_owned())))
    }
}

/// Dates a file of the cache: it is used now. What cannot be dated is only forgotten sooner.
pub(crate) fn touch(path: &Path) {
    let Ok(file) = fs_err::File::open(path) else { return };
    let fresh = file.metadata().and_then(|known| known.modified()).ok().and_then(|time| time.elapsed().ok());
    if fresh.is_none_or(|age| age.as_secs() >= FRESH) {
        let _ = file.file().set_modified(SystemTime::now());
    }
}

/// The keys in these files, each a path or a `file://` URL.
fn keyring(files: &[String]) -> Result<Keyring, String> {
    let mut keys = Keyring::default();
    for name in files {
        let path = Path::new(name.strip_prefix("file://").unwrap_or(name));
        let bytes = fs_err::metadata(path)
            .and_then(|known| if known.len() > MAX_KEYS { Err(too_long()) } else { fs_err::read(path) })
            .map_err(|error| {
                let package = path.iter().find(|part| *part == "distribution-gpg-keys");
                let advice = package.map_or("", |_| ": install the package distribution-gpg-keys");
                format!("its key cannot be read: {error}{advice}")
            })?;
        keys.add(&bytes).map_err(|error| format!("its key {}: {error}", path.display()))?;
    }
    Ok(keys)
}

fn too_long() -> std::io::Error {
    std::io::Error::other(format!("it has more than {MAX_KEYS} bytes"))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_is_not_there_is_named_with_the_package_that_has_it() {
        let message = keyring(&["/no/such/distribution-gpg-keys/fedora/KEY".to_owned()]).unwrap_err();
        assert!(message.contains("/no/such/distribution-gpg-keys/fedora/KEY"), "{message}");
        assert!(message.contains("install the package distribution-gpg-keys"), "{message}");
        assert!(!keyring(&["file:///no/such/KEY".to_owned()]).unwrap_err().contains("install"));
    }

    #[test]
    fn a_folder_behind_any_kind_of_address_is_seen() {
        let of = |baseurl: &str, metalink: Option<&str>| BuildRepository {
            baseurl: baseurl.to_owned(),
            metalink: metalink.map(str::to_owned),
            ..BuildRepository::default()
        };
        assert!(names_folder(&of("FILE:///etc", None)) && names_folder(&of("", Some("file:///etc/x"))));
        assert!(!names_folder(&of("https://example.org/file:/", None)));
    }
}
